//! What a parked goroutine costs: all memory that is gone, page tables and G included.
//!
//! `parked=1000000` and `stack=1048576` on the command line; needs RAM to match.
#![no_std]
#![no_main]

use burrow::env;
use burrow::kernel::mem::frames;
use burrow::prelude::*;
use burrow::sync::atomic::{AtomicUsize, Ordering};
use burrow_tests::bench::report;
use burrow_tests::wait::until;

static PARKED: AtomicUsize = AtomicUsize::new(0);

fn number(name: &str, usual: usize) -> usize {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

fn taken() -> usize {
    let frames = frames::stats();
    frames.total - frames.free
}

#[burrow::main]
fn main() {
    let goroutines = number("parked", 20_000);
    let stack = number("stack", 1 << 20);
    runtime::set_max_stack(stack);
    let gate = Chan::<()>::new(0);
    let before = taken();
    let start = Instant::now();
    for _ in 0..goroutines {
        let waits = RecvChan::from(&gate);
        go(move || {
            PARKED.fetch_add(1, Ordering::Relaxed);
            waits.recv();
        });
    }
    until(|| PARKED.load(Ordering::Relaxed) == goroutines);
    let took = start.elapsed();
    let each = (taken() - before) as f64 / goroutines as f64;
    let variant = format!("{goroutines}_of_{}KiB", stack >> 10);
    report("parked_mem", &variant, "B/goroutine", &mut [each], goroutines as u64);
    let nanos = took.as_nanos() as f64 / goroutines as f64;
    report("parked_mem", &format!("{variant}_time"), "ns", &mut [nanos], goroutines as u64);
    gate.close();
    until(|| runtime::num_goroutine() == 1);
    let left = taken().saturating_sub(before) as f64 / goroutines as f64;
    report(
        "parked_mem",
        &format!("{variant}_after"),
        "B/goroutine",
        &mut [left],
        goroutines as u64,
    );
}
