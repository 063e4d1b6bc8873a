//! Disks in figures: random reads of 4 KiB by 1 and by 32 goroutines, as `disk` of the Go side
//! does, which reads Linux's `/dev/vda` past its cache. Wants `--disk FILE`.
#![no_std]
#![no_main]

use burrow::block::{self, BlockDevice, Disk};
use burrow::env;
use burrow::prelude::*;
use burrow::sync::WaitGroup;
use burrow::sync::atomic::{AtomicI64, Ordering};
use burrow_tests::bench::report;

/// A page, as a system call past the cache wants it.
#[repr(align(4096))]
struct Page([u8; 4096]);

fn read_some(disk: &Disk, left: &AtomicI64, seed: u64) {
    let mut page = Box::new(Page([0; 4096]));
    let blocks = disk.len() / 4096;
    let mut random = seed * 2 + 88_172_645_463_325_252;
    while left.fetch_sub(1, Ordering::Relaxed) > 0 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        disk.read_at(&mut page.0, random % blocks * 4096).expect("read");
    }
}

/// Reads in a second.
fn rate(disk: &Disk, depth: u64) -> f64 {
    let total = 2000 * (1 + (depth as i64 - 1) / 8);
    let (left, group) = (Arc::new(AtomicI64::new(total)), WaitGroup::new());
    let start = Instant::now();
    for seed in 0..depth {
        let (disk, left) = (disk.clone(), left.clone());
        group.go(move || read_some(&disk, &left, seed));
    }
    group.wait();
    total as f64 / start.elapsed().as_secs_f64()
}

#[burrow::main]
fn main() {
    let Ok(disk) = block::open("vda") else {
        println!("no disk: --disk FILE gives one");
        return;
    };
    let reps = env::var("reps").ok().and_then(|text| text.parse().ok()).unwrap_or(9);
    for depth in [1, 32] {
        let mut rates: Vec<f64> = (0..reps).map(|_| rate(&disk, depth)).collect();
        let variant = format!("nP_read4k_depth{depth}");
        report("disk", &variant, "iops", &mut rates, 0);
    }
}
