//! What looks after the machine in the background: seen by what it does, and by what it costs.
#![no_std]
#![no_main]

extern crate alloc;

use burrow::kernel::mem::heap;
use burrow::kernel::{percpu, stack, sysmon};
use burrow::prelude::*;
use burrow_tests::hogs;
use burrow_tests::wait::until;
use core::hint::black_box;
use core::sync::atomic::{AtomicU32, Ordering};

burrow::test_main!();

const MIB: usize = 1 << 20;

/// Interrupts that all cores have taken.
fn interrupts() -> u64 {
    let cores = (0..runtime::num_cpu()).filter_map(percpu::core);
    cores.map(|core| core.interrupts.load(Ordering::Relaxed)).sum()
}

/// Uses so many pages of the stack.
#[inline(never)]
fn deep(pages: usize) -> u8 {
    let page = black_box([pages as u8; 4096]);
    if pages == 0 { page[0] } else { deep(pages - 1).wrapping_add(page[1]) }
}

/// Nothing happens for seconds, and yet the stack of who waits shrinks. Not by this test's asking
/// again and again: that would wake a core.
#[burrow::test(timeout = "60s")]
fn stacks_shrink_on_an_idle_machine() {
    let (ready, end) = (Chan::new(0), Chan::new(0));
    let (tell, wait) = (ready.clone(), end.clone());
    let before = stack::mapped_bytes();
    let waiter = spawn(move || {
        black_box(deep(100));
        tell.send(());
        wait.recv()
    });
    ready.recv();
    assert!(stack::mapped_bytes() >= before + 300 * 1024);
    for _ in 0..4 {
        time::sleep(Duration::from_secs(4));
        if stack::mapped_bytes() < before + 100 * 1024 {
            break;
        }
    }
    assert!(stack::mapped_bytes() < before + 100 * 1024);
    end.send(());
    assert!(waiter.join().is_ok());
}

/// Nobody asks for it.
#[burrow::test(timeout = "60s")]
fn the_heap_goes_back_by_itself() {
    let blocks: Vec<Vec<u8>> = (0..40).map(|i| alloc::vec![i; MIB]).collect();
    let mapped = heap::stats().mapped;
    drop(black_box(blocks));
    until(|| {
        time::sleep(Duration::from_millis(500));
        heap::stats().mapped + 24 * MIB < mapped
    });
}

/// Once everything has been given back, an idle machine takes no interrupt but those for this
/// test's own sleep: on its way to sleep, and as it wakes.
#[burrow::test(timeout = "60s")]
fn an_idle_machine_is_left_alone() {
    let mut fewest = u64::MAX;
    for _ in 0..6 {
        let before = interrupts();
        time::sleep(Duration::from_secs(5));
        fewest = fewest.min(interrupts() - before);
        if fewest <= 12 {
            return;
        }
    }
    panic!("{fewest} interrupts in five seconds");
}

/// A goroutine that nobody waits for is not disturbed.
#[burrow::test(timeout = "60s")]
fn a_lone_goroutine_is_left_alone() {
    let mut fewest = u64::MAX;
    for _ in 0..10 {
        let (before, start) = (interrupts(), Instant::now());
        while start.elapsed() < Duration::from_secs(1) {
            core::hint::spin_loop();
        }
        fewest = fewest.min(interrupts() - before);
        if fewest <= 12 {
            return;
        }
    }
    panic!("{fewest} interrupts in one second");
}

static POLLS: AtomicU32 = AtomicU32::new(0);

/// With all cores busy and goroutines waiting, devices that nobody asks are asked.
#[burrow::test(timeout = "60s")]
fn devices_are_polled_although_all_are_busy() {
    sysmon::netpoll::set_poller(|| {
        POLLS.fetch_add(1, Ordering::Relaxed);
    });
    hogs::STOP.store(false, Ordering::Relaxed);
    let hogs: Vec<_> = (0..2 * runtime::num_cpu()).map(|_| spawn(hogs::arithmetic_loop)).collect();
    let before = POLLS.load(Ordering::Relaxed);
    until(|| POLLS.load(Ordering::Relaxed) >= before + 10);
    hogs::STOP.store(true, Ordering::Relaxed);
    hogs.into_iter().for_each(|hog| hog.join().unwrap());
}
