//! One scene for each thing that the scheduler does.

use core::hint::black_box;

use burrow::prelude::*;
use burrow::sync::WaitGroup;
use burrow::sync::atomic::{AtomicU32, Ordering};

use crate::heading;

const GOROUTINES: u32 = 2_000;
const MAX_CORES: usize = 64;
static RAN_ON: [AtomicU32; MAX_CORES] = [const { AtomicU32::new(0) }; MAX_CORES];

/// All are started on one core; the others find out and steal their share.
pub fn every_core() {
    heading("2000 goroutines, all started by main on one core");
    let stolen = runtime::metrics().steals;
    let group = WaitGroup::new();
    for _ in 0..GOROUTINES {
        group.go(|| {
            (0..20_000).fold(0u32, |sum, n| black_box(sum.wrapping_add(n)));
            RAN_ON[runtime::p_id()].fetch_add(1, Ordering::Relaxed);
        });
    }
    group.wait();
    for (core, ran) in RAN_ON.iter().enumerate().take(runtime::num_cpu()) {
        let ran = ran.load(Ordering::Relaxed);
        let bar = (ran * 50 / GOROUTINES) as usize;
        println!("  core {core:>2}  {:<50} {ran:>5} ran here", &BAR[..bar.min(BAR.len())]);
    }
    let stolen = runtime::metrics().steals - stolen;
    println!("  {stolen} were stolen from another core's queue, the rest came by the global one");
}

const BAR: &str = "##################################################";

/// A chain of goroutines, each of which adds one to what it receives.
pub fn pipeline() {
    heading("a chain of 1000 goroutines, one channel between each two");
    let start = Instant::now();
    let first = Chan::new(0);
    let mut last = RecvChan::from(&first);
    for _ in 0..1_000 {
        let (from, to) = (last, Chan::new(0));
        last = RecvChan::from(&to);
        go(move || to.send(from.recv().unwrap_or(0) + 1));
    }
    first.send(0);
    let end = last.recv().unwrap_or_default();
    let took = start.elapsed().as_micros();
    println!("  0 went in, {end} came out, {}.{} ms later", took / 1000, took % 1000 / 100);
}
