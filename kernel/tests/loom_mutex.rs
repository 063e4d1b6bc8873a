//! Models of the mutex: it excludes, orders, loses no wake-up, and ends unlocked; in normal mode, with
//! spinning, and with waiters that starve.
#![cfg(loom)]

use std::sync::Arc;

use burrow_kernel::sync::mutex::RawMutex;
use loom::cell::UnsafeCell;
use loom::thread;

mod model;
#[path = "model/parking.rs"]
mod parking;
use model::check;
use parking::Sema;

struct World<const TICK: u64, const SPINS: u32> {
    mutex: RawMutex<Sema<TICK, SPINS>>,
    count: UnsafeCell<usize>,
}

// SAFETY: the cell is what loom checks.
unsafe impl<const TICK: u64, const SPINS: u32> Send for World<TICK, SPINS> {}
// SAFETY: as above.
unsafe impl<const TICK: u64, const SPINS: u32> Sync for World<TICK, SPINS> {}

impl<const TICK: u64, const SPINS: u32> World<TICK, SPINS> {
    fn new() -> Arc<Self> {
        Arc::new(Self { mutex: RawMutex::new(Sema::new()), count: UnsafeCell::new(0) })
    }

    fn count(&self) {
        // SAFETY: under the mutex, which is what loom checks.
        self.count.with_mut(|count| unsafe { *count += 1 });
    }

    fn work(&self) {
        self.mutex.lock();
        self.count();
        self.mutex.unlock();
    }
}

/// So many threads that each lock so often, the main one among them.
fn contend<const TICK: u64, const SPINS: u32>(threads: usize, times: usize) {
    let world = World::<TICK, SPINS>::new();
    let others: Vec<_> = (1..threads)
        .map(|_| {
            let world = world.clone();
            thread::spawn(move || (0..times).for_each(|_| world.work()))
        })
        .collect();
    (0..times).for_each(|_| world.work());
    others.into_iter().for_each(|other| other.join().unwrap());
    // Free, and in normal mode.
    assert!(world.mutex.try_lock());
    // SAFETY: everybody has ended.
    assert_eq!(world.count.with(|count| unsafe { *count }), threads * times);
}

/// Nobody ever waits that long.
const PATIENT: u64 = 0;
/// Who was woken once and lost starves.
const HASTY: u64 = 2_000_000;

#[test]
fn two_contend() {
    check(3, || contend::<PATIENT, 0>(2, 2));
}

#[test]
fn three_contend() {
    check(3, || contend::<PATIENT, 0>(3, 1));
}

#[test]
fn spinning_waiters_contend() {
    check(3, || contend::<PATIENT, 1>(2, 2));
}

#[test]
fn starving_waiters_are_handed_the_lock() {
    check(3, || contend::<HASTY, 0>(2, 3));
}

#[test]
fn three_starve() {
    check(3, || contend::<HASTY, 0>(3, 2));
}

#[test]
fn who_only_tries_gets_it_or_not() {
    check(3, || {
        let world = World::<HASTY, 0>::new();
        let other = {
            let world = world.clone();
            thread::spawn(move || (0..2).for_each(|_| world.work()))
        };
        let mut mine = 0;
        for _ in 0..2 {
            if world.mutex.try_lock() {
                world.count();
                world.mutex.unlock();
                mine += 1;
            }
        }
        other.join().unwrap();
        // SAFETY: everybody has ended.
        assert_eq!(world.count.with(|count| unsafe { *count }), 2 + mine);
    });
}

#[test]
#[should_panic(expected = "sync: unlock of unlocked mutex")]
fn an_unlocked_mutex_cannot_be_unlocked() {
    check(1, || World::<PATIENT, 0>::new().mutex.unlock());
}
