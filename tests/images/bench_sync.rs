//! Locks in figures: the same work as `mutex_uncontended`, `mutex_contended`, `waitgroup` and
//! `semaphore` of the Go side, one JSON line each. Where Go makes a semaphore of a channel, this one
//! uses [`Semaphore`].
#![no_std]
#![no_main]

use burrow::prelude::*;
use burrow::sync::{Mutex, RwLock, Semaphore, WaitGroup};
use burrow_tests::bench::Bench;

fn lock_alone(hundreds: u64) {
    let mutex = Mutex::new(0u64);
    for _ in 0..hundreds * 100 {
        *mutex.lock() += 1;
    }
    core::hint::black_box(mutex.into_inner());
}

fn lock_together(hundreds: u64) {
    let (mutex, group) = (Arc::new(Mutex::new(0u64)), WaitGroup::new());
    for _ in 0..8 {
        let mutex = mutex.clone();
        group.go(move || {
            for _ in 0..hundreds * 100 {
                *mutex.lock() += 1;
            }
        });
    }
    group.wait();
    assert_eq!(*mutex.lock(), hundreds * 800);
}

fn read_alone(hundreds: u64) {
    let lock = RwLock::new(0u64);
    for _ in 0..hundreds * 100 {
        core::hint::black_box(*lock.read());
    }
}

fn add_done_wait(hundreds: u64) {
    let group = WaitGroup::new();
    for _ in 0..hundreds * 100 {
        group.add(1);
        group.done();
        group.wait();
    }
}

fn acquire_alone(hundreds: u64) {
    let slots = Semaphore::new(4);
    for _ in 0..hundreds * 100 {
        slots.acquire(1);
        slots.release(1);
    }
}

/// Eight goroutines, four permits, and who has one yields once: the others queue.
fn acquire_together(times: u64) {
    let (slots, group) = (Arc::new(Semaphore::new(4)), WaitGroup::new());
    for _ in 0..8 {
        let slots = slots.clone();
        group.go(move || {
            for _ in 0..times {
                slots.acquire(1);
                runtime::gosched();
                slots.release(1);
            }
        });
    }
    group.wait();
}

#[burrow::main]
fn main() {
    let bench = Bench::from_env();
    bench.per_op("mutex_uncontended", "", 100, lock_alone);
    bench.per_op("mutex_contended", "", 800, lock_together);
    bench.per_op("rwmutex_uncontended", "_read", 100, read_alone);
    bench.per_op("waitgroup", "_add_done_wait", 100, add_done_wait);
    bench.per_op("semaphore", "_uncontended", 100, acquire_alone);
    bench.per_op("semaphore", "_8g_4permits_yield", 8, acquire_together);
}
