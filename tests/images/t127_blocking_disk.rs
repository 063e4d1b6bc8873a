//! The same disks where a goroutine may not park: inside `runtime::blocking` a read keeps its
//! kernel thread, whose P goes to others.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::vec;
use burrow::block::{self, BlockDevice, Disk};
use burrow::prelude::*;
use burrow::sync::WaitGroup;
use burrow::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use burrow_tests::wait::until;

burrow::test_main!();

fn disk() -> Disk {
    block::open("vda").expect("a disk")
}

/// Others run while a thread waits for the disk, on one core too.
#[burrow::test]
fn others_run_while_a_thread_waits() {
    // covers: Y03
    let (disk, stop, count) = (disk(), AtomicBool::new(false), AtomicU32::new(0));
    burrow::scope(|s| {
        s.go(|| {
            while !stop.load(Ordering::Relaxed) {
                count.fetch_add(1, Ordering::Relaxed);
                runtime::gosched();
            }
        });
        let mut bytes = vec![0; 4096];
        until(|| {
            let before = count.load(Ordering::Relaxed);
            let during = runtime::blocking(|| {
                disk.read_at(&mut bytes, 8192).expect("read");
                count.load(Ordering::Relaxed)
            });
            during > before
        });
        stop.store(true, Ordering::Relaxed);
    });
}

/// Threads and goroutines use one disk, whole blocks and parts of them.
#[burrow::test]
fn threads_and_goroutines_share_a_disk() {
    const EACH: usize = 1000;
    let (disk, group) = (disk(), WaitGroup::new());
    for index in 0..24_usize {
        let disk = disk.clone();
        group.go(move || {
            let at = (index * EACH) as u64;
            let mut bytes = vec![0; EACH];
            for round in 0..6 {
                let value = (index * 8 + round) as u8;
                let mut once = || {
                    disk.write_at(&[value; EACH], at).expect("write");
                    disk.read_at(&mut bytes, at).expect("read");
                    disk.flush().expect("flush");
                };
                match index % 2 {
                    0 => runtime::blocking(once),
                    _ => once(),
                }
                assert!(bytes.iter().all(|byte| *byte == value), "{index}");
            }
        });
    }
    group.wait();
}
