//! Model of a heap's wake-up time: timers are moved on one core while the heap follows on another
//! and a third, the heap's own, asks when it has to wake.
#![cfg(loom)]

use std::sync::Arc;

use burrow_kernel::queue::wake::{NEVER, WakeTime};
use burrow_kernel::sync::atomic::{AtomicU64, Ordering};
use loom::sync::Mutex;
use loom::thread;

mod model;
use model::check;

/// A heap with one timer.
struct World {
    wake: WakeTime,
    /// The time that the timer was given; 0: it is not marked. Changed under its lock, looked at
    /// without it.
    mark: AtomicU64,
    timer: Mutex<()>,
}

impl World {
    fn new(entry: u64) -> Self {
        let wake = WakeTime::new();
        wake.set_heap(entry);
        Self { wake, mark: AtomicU64::new(0), timer: Mutex::new(()) }
    }

    /// Gives the timer another time, as `Timer::change_in_heap` does.
    fn give(&self, when: u64) {
        let _locked = self.timer.lock().unwrap();
        self.mark.store(when, Ordering::Release);
        self.wake.lower(when);
    }

    /// The heap, in which the timer is at `entry`, follows its mark: where it is then.
    fn follow(&self, entry: u64) -> u64 {
        self.wake.take();
        let mut followed = entry;
        if self.mark.load(Ordering::Acquire) != 0 {
            let _locked = self.timer.lock().unwrap();
            followed = self.mark.load(Ordering::Relaxed);
            self.mark.store(0, Ordering::Release);
        }
        self.wake.set_heap(followed);
        followed
    }
}

// covers: H24
#[test]
fn no_time_that_was_given_is_forgotten() {
    check(4, || {
        let world = Arc::new(World::new(100));
        let mover = {
            let world = world.clone();
            thread::spawn(move || world.give(10))
        };
        let entry = world.follow(100);
        mover.join().unwrap();
        // Either the heap has followed, or it knows that it has to.
        assert!(entry == 10 || world.wake.is_modified_by(10), "entry at {entry}");
        assert_eq!(world.wake.get(), 10);
        assert_eq!(world.follow(entry), 10);
        assert!(!world.wake.is_modified_by(NEVER - 1));
    });
}

// covers: H24
#[test]
fn at_no_moment_is_the_time_too_late() {
    check(4, || {
        let world = Arc::new(World::new(100));
        world.give(10);
        let core = {
            let world = world.clone();
            thread::spawn(move || world.wake.get())
        };
        world.follow(100);
        assert_eq!(core.join().unwrap(), 10);
    });
}
