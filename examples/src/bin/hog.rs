//! Loops that never call anything, one on every core, and main still gets its turn: the timer
//! preempts them wherever they are.
#![no_std]
#![no_main]

use burrow::prelude::*;
use burrow::sync::WaitGroup;
use burrow::sync::atomic::{AtomicBool, Ordering};

static STOP: AtomicBool = AtomicBool::new(false);

/// No call, no allocation, no channel: nothing in it gives the core up.
fn hog() {
    while !STOP.load(Ordering::Relaxed) {
        core::hint::spin_loop();
    }
}

#[burrow::main]
fn main() {
    let hogs = WaitGroup::new();
    for _ in 0..runtime::num_cpu() {
        hogs.go(hog);
    }
    println!("{} hogs on {} cores", runtime::num_cpu(), runtime::num_cpu());
    for turn in 1..=10 {
        let asked = Instant::now();
        // To the tail of the queue, behind every hog that waits there.
        runtime::gosched();
        let waited = asked.elapsed().as_micros();
        println!("turn {turn:>2} of main: {:>3}.{} ms", waited / 1000, waited % 1000 / 100);
    }
    STOP.store(true, Ordering::Relaxed);
    hogs.wait();
    println!("{} preemptions", runtime::metrics().preemptions);
}
