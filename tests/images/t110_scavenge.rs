//! Memory that nobody uses goes back: the heap's unused parts, and stacks of who waits for long.
#![no_std]
#![no_main]

use burrow::kernel::mem::{frames, heap};
use burrow::prelude::*;
use burrow::runtime::free_os_memory;
use burrow_tests::hogs;
use core::hint::black_box;
use core::sync::atomic::Ordering;

burrow::test_main!();

const MIB: usize = 1 << 20;

/// Blocks full of what tells them apart.
fn fill(count: usize, bytes: usize) -> Vec<Vec<u64>> {
    (0..count)
        .map(|block| (0..bytes / 8).map(|word| (block << 32 | word) as u64).collect())
        .collect()
}

fn is_whole(blocks: &[Vec<u64>]) -> bool {
    blocks.iter().enumerate().all(|(block, words)| {
        words.iter().enumerate().all(|(word, is)| *is == (block << 32 | word) as u64)
    })
}

#[burrow::test]
fn freed_heap_goes_back_and_comes_again() {
    free_os_memory();
    let (mapped, free) = (heap::stats().mapped, frames::stats().free);
    let mut kept = fill(4, 512 << 10);
    for round in 0..3 {
        let blocks = fill(24, MIB);
        let large = fill(1, 20 * MIB);
        assert!(heap::stats().mapped >= mapped + 44 * MIB && is_whole(&blocks) && is_whole(&large));
        drop((blocks, large));
        free_os_memory();
        let now = heap::stats();
        assert!(now.mapped < mapped + 12 * MIB, "round {round}: {} kept", now.mapped - mapped);
        assert!(frames::stats().free + 12 * MIB > free, "round {round}");
        assert!(is_whole(&kept), "round {round}");
        // Holes and released parts are mixed from now on.
        kept.swap(0, 3);
        kept.swap(0, 3);
    }
}

/// A core that runs one goroutine for long does not tick, and has to flush its TLB all the same.
#[burrow::test(smp = 2)]
fn memory_goes_back_beside_a_lone_hog() {
    hogs::STOP.store(false, Ordering::Relaxed);
    let hog = spawn(hogs::arithmetic_loop);
    time::sleep(Duration::from_millis(20));
    free_os_memory();
    let mapped = heap::stats().mapped;
    for _ in 0..5 {
        let blocks = fill(8, MIB);
        assert!(is_whole(&blocks));
        drop(blocks);
        free_os_memory();
        assert!(heap::stats().mapped <= mapped + 4 * MIB);
    }
    hogs::STOP.store(true, Ordering::Relaxed);
    hog.join().unwrap();
}

/// Blocks come and go on all cores while the heap is scavenged again and again.
#[burrow::test(timeout = "60s")]
fn scavenging_in_the_middle_of_use() {
    let workers: Vec<_> = (0..4usize)
        .map(|worker| {
            spawn(move || {
                for round in 0..12 {
                    let blocks = fill(1 + (worker + round) % 3, (64 << 10) << (round % 6));
                    runtime::gosched();
                    assert!(is_whole(&blocks));
                }
            })
        })
        .collect();
    for _ in 0..20 {
        free_os_memory();
        runtime::gosched();
    }
    workers.into_iter().for_each(|worker| worker.join().unwrap());
}

/// Nearly all memory, given back and taken again.
#[burrow::test(timeout = "60s")]
fn what_was_given_back_serves_stacks_and_heap_alike() {
    free_os_memory();
    let free = frames::stats().free;
    let block = free / 2 / 8 * 8;
    for _ in 0..2 {
        // Touched here and there: all of it would take long.
        let mut much: Vec<u8> = Vec::new();
        much.try_reserve_exact(block).unwrap();
        much.spare_capacity_mut().iter_mut().step_by(4096).for_each(|byte| {
            byte.write(1);
        });
        black_box(&much);
        drop(much);
        free_os_memory();
        assert!(frames::stats().free + 12 * MIB > free);
    }
}
