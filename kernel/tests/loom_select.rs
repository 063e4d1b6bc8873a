//! Models of the select's race: wakers on different channels, one goroutine that waits on both.
//!
//! A channel is a lock and a place for one sudog, as `chan/select.rs` uses them: pass 2 holds all
//! locks, pass 3 and wakers one at a time. What a waker writes for the goroutine is a loom cell, so that loom
//! reports a second writer or a missing order.
#![cfg(loom)]

use std::sync::Arc;

use burrow_kernel::queue::select_done::SelectDone;
use burrow_kernel::sync::atomic::{AtomicUsize, Ordering, spin_hint};
use loom::cell::UnsafeCell;
use loom::sync::Mutex;
use loom::thread;

mod model;
use model::check;

/// Nobody waits.
const NONE: usize = 0;

struct World {
    /// Each the number of the wait whose sudog is queued, or `NONE`.
    chans: [Mutex<usize>; 2],
    done: SelectDone,
    /// What the winner leaves: which channel it was. Go: `param`.
    param: UnsafeCell<usize>,
    /// Times readied. Stands for status and run queue, which hand over by release and acquire.
    readied: AtomicUsize,
}

// SAFETY: the cell is what loom checks.
unsafe impl Send for World {}
// SAFETY: as above.
unsafe impl Sync for World {}

impl World {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            chans: [Mutex::new(NONE), Mutex::new(NONE)],
            done: SelectDone::new(),
            param: UnsafeCell::new(NONE),
            readied: AtomicUsize::new(0),
        })
    }

    /// Waits on both; the channel that it was woken by, as 1 or 2.
    fn wait(&self, number: usize) -> usize {
        {
            let (mut a, mut b) = (self.chans[0].lock().unwrap(), self.chans[1].lock().unwrap());
            (*a, *b) = (number, number);
        }
        while self.readied.load(Ordering::Acquire) < number {
            spin_hint();
        }
        // SAFETY: the winner is done with it.
        let by = self.param.with(|param| unsafe { *param });
        // The winner has dequeued the sudog by which it won.
        *self.chans[2 - by].lock().unwrap() = NONE;
        self.done.reset();
        by
    }

    /// Takes what waits on a channel and readies it, if nobody was faster.
    fn wake(&self, chan: usize) -> bool {
        let mut queued = self.chans[chan].lock().unwrap();
        let found = std::mem::replace(&mut *queued, NONE);
        if found == NONE || !self.done.win() {
            return false;
        }
        drop(queued);
        // SAFETY: the winner alone; the goroutine waits until it is readied.
        self.param.with_mut(|param| unsafe { *param = chan + 1 });
        self.readied.fetch_add(1, Ordering::Release);
        true
    }
}

/// Both channels become ready at once: one of them wakes the goroutine, and it learns which.
#[test]
fn one_of_two_wakers_wins() {
    check(3, || {
        let world = World::new();
        *world.chans[0].lock().unwrap() = 1;
        *world.chans[1].lock().unwrap() = 1;
        let wakers = [0, 1].map(|chan| {
            let world = world.clone();
            thread::spawn(move || world.wake(chan))
        });
        while world.readied.load(Ordering::Acquire) == 0 {
            spin_hint();
        }
        // SAFETY: the winner is done with it.
        let by = world.param.with(|param| unsafe { *param });
        let won = wakers.map(|waker| waker.join().unwrap());
        assert_eq!(won, [by == 1, by == 2]);
        assert_eq!(world.readied.load(Ordering::Acquire), 1);
    });
}

/// A waker that comes late, with the sudog of a wait that is over, neither wins the next wait nor
/// is missed by it.
#[test]
fn a_late_waker_does_not_win_the_next_wait() {
    check(2, || {
        let world = World::new();
        let late = {
            let world = world.clone();
            thread::spawn(move || world.wake(1))
        };
        let first = {
            let world = world.clone();
            thread::spawn(move || {
                while !world.wake(0) {
                    thread::yield_now();
                }
            })
        };
        let by = world.wait(1);
        first_done(first, &world, by);
        let late_won = late.join().unwrap();
        assert!(late_won || by == 1);
        assert_eq!(*world.chans[0].lock().unwrap(), NONE);
        assert_eq!(*world.chans[1].lock().unwrap(), NONE);
    });
}

/// Lets the waker of channel 0 end: if the other was faster, it finds the goroutine waiting again.
fn first_done(first: thread::JoinHandle<()>, world: &World, by: usize) {
    if by == 2 {
        assert_eq!(world.wait(2), 1);
    }
    first.join().unwrap();
}
