//! Deep recursion on a stack that starts with one page: it grows by page faults, never moves, and
//! goes back when the goroutine ends.
#![no_std]
#![no_main]

use burrow::prelude::*;
use core::hint::black_box;

/// How deep a recursion goes that uses most of a default stack.
const DEPTH: usize = 5_000;

/// Each frame checks through a pointer that its caller's frame is still where it was.
fn descend(depth: usize, caller: &usize) -> usize {
    let mine = black_box(*caller + 1);
    if depth == 0 {
        return mine;
    }
    let deepest = descend(depth - 1, black_box(&mine));
    assert_eq!(black_box(mine), *caller + 1, "a frame has moved");
    deepest
}

fn kib(bytes: usize) -> usize {
    bytes >> 10
}

#[burrow::main]
fn main() {
    let before = runtime::metrics().stack_in_use;
    let result = spawn(|| {
        let deepest = descend(DEPTH, &0);
        (deepest, runtime::metrics().stack_in_use)
    });
    let Ok((deepest, during)) = result.join() else { return };
    println!("{deepest} frames, each where it was");
    println!("stacks before {} KiB, at the deepest {} KiB", kib(before), kib(during));
    println!("stacks after  {} KiB", kib(runtime::metrics().stack_in_use));
}
