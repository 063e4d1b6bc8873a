//! The scheduler's controls: how many cores work, stopping the world, tracebacks, limits, metrics.
#![no_std]
#![no_main]

use burrow::prelude::*;
use burrow::sync::atomic::{AtomicBool, Ordering};
use core::hint::spin_loop;

static STOP: AtomicBool = AtomicBool::new(false);

fn hog() {
    while !STOP.load(Ordering::Relaxed) {
        spin_loop();
    }
}

/// Uses a KiB of stack for each level.
#[inline(never)]
fn deep(depth: u32) -> u32 {
    let frame = core::hint::black_box([depth; 256]);
    if depth == 0 { 0 } else { deep(depth - 1) + frame[255] - depth + 1 }
}

#[burrow::main]
fn main() -> ! {
    // One P: goroutines take turns on one core, in slices of 10 ms. Loops are preempted.
    let before = runtime::gomaxprocs(1);
    println!("every core had a P: {}", before == runtime::num_cpu());
    let hogs: Vec<_> = (0..3).map(|_| spawn(hog)).collect();
    println!("{} P, {} goroutines", runtime::gomaxprocs(0), runtime::num_goroutine());

    // Nobody else runs meanwhile.
    let seen = runtime::stop_the_world(runtime::num_goroutine);
    println!("{seen} goroutines while the world stood still");

    // One of them alone stands still while it is looked at.
    let text = runtime::stack_of(hogs[0].goid()).unwrap_or_default();
    println!("a hog of main's: {}", text.contains("created by scheduler_tour::main"));
    STOP.store(true, Ordering::Relaxed);
    hogs.into_iter().for_each(|hog| hog.join().expect("hogs do not panic"));
    runtime::gomaxprocs(before);

    for text in runtime::stack(true).split("\n\n") {
        println!("{}", text.lines().next().unwrap_or_default());
    }
    let mut start = [0; 10];
    let n = runtime::stack_into(&mut start, false);
    println!("{:?}", core::str::from_utf8(&start[..n]));
    println!("called by {}", runtime::callers(0)[0].function);

    let former = runtime::set_max_stack(1_474_560);
    println!(
        "{} levels, {} bytes were the limit",
        spawn(|| deep(1024)).join().unwrap_or(0),
        former
    );
    let metrics = runtime::metrics();
    println!("switches: {}, stacks: {}", metrics.switches > 0, metrics.stack_in_use > 0);
    runtime::exit(0)
}
