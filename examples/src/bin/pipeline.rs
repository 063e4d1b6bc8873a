//! A pipeline with cancellation: numbers are made, squared by two goroutines and merged. When main
//! has seen enough it cancels the context, and every stage ends.
#![no_std]
#![no_main]

use burrow::prelude::*;
use burrow::sync::WaitGroup;

/// Sends 1, 2, 3, .. until the context is done.
fn numbers(ctx: &Context) -> RecvChan<u64> {
    let (out, numbers) = Chan::new(0).split();
    let ctx = ctx.clone();
    go(move || {
        defer! { out.close() }
        for n in 1.. {
            select! {
                out.send(n) => {}
                ctx.done().recv() => return,
            }
        }
    });
    numbers
}

/// Squares what comes in.
fn squares(ctx: &Context, numbers: RecvChan<u64>) -> RecvChan<u64> {
    let (out, squares) = Chan::new(0).split();
    let ctx = ctx.clone();
    go(move || {
        defer! { out.close() }
        for n in numbers {
            select! {
                out.send(n * n) => {}
                ctx.done().recv() => return,
            }
        }
    });
    squares
}

/// Everything from several channels on one, which closes when all have.
fn merge(ctx: &Context, inputs: [RecvChan<u64>; 2]) -> RecvChan<u64> {
    let (out, merged) = Chan::new(0).split();
    let group = WaitGroup::new();
    for input in inputs {
        let (out, ctx) = (out.clone(), ctx.clone());
        group.go(move || {
            for n in input {
                select! {
                    out.send(n) => {}
                    ctx.done().recv() => return,
                }
            }
        });
    }
    go(move || {
        group.wait();
        out.close();
    });
    merged
}

#[burrow::main]
fn main() {
    let (ctx, cancel) = Context::background().with_cancel();
    let source = numbers(&ctx);
    let merged = merge(&ctx, [squares(&ctx, source.clone()), squares(&ctx, source)]);

    // Each square comes once, in whatever order the two goroutines bring them.
    let mut seen: Vec<u64> = merged.iter().take(100).collect();
    cancel();
    seen.sort();
    seen.dedup();
    let all_square = seen.iter().all(|n| n.isqrt().pow(2) == *n);
    println!("{} numbers came, all of them squares: {all_square}", seen.len());

    // The stages see the cancellation and close their channels; a value may still be under way.
    merged.iter().for_each(drop);
    println!("cancelled: {}", ctx.err().is_some());
    while runtime::num_goroutine() > 1 {
        runtime::gosched();
    }
    println!("only main is left");
}
