//! Models of the note: the signal before, while and after going to sleep; what the waker did
//! before it is seen after it (H26).
#![cfg(loom)]

use std::ptr::NonNull;
use std::sync::Arc;

use burrow_kernel::kthread::note::{Note, Sleep, Withdraw};
use burrow_kernel::sync::atomic::{AtomicBool, Ordering, spin_hint};
use loom::cell::UnsafeCell;
use loom::thread;

mod model;
use model::check;

/// A kernel thread. The flag stands for the queue that a woken M goes through, which hands it over
/// as a mailbox does, by release and acquire. On the other ways the note alone must order.
struct M {
    runnable: AtomicBool,
}

struct World {
    note: Note<u64>,
    m: M,
    message: UnsafeCell<u32>,
    /// What a sleeper leaves for its waker.
    epitaph: UnsafeCell<u32>,
    /// Stands for the address of the M.
    name: u64,
}

// SAFETY: the cells are what loom checks.
unsafe impl Send for World {}
// SAFETY: as above.
unsafe impl Sync for World {}

impl World {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            note: Note::new(),
            m: M { runnable: AtomicBool::new(false) },
            message: UnsafeCell::new(0),
            epitaph: UnsafeCell::new(0),
            name: 0,
        })
    }

    /// Sleeps and reads the message.
    fn sleep(&self) -> u32 {
        // SAFETY: the waker reads it only if it finds this thread asleep.
        self.epitaph.with_mut(|epitaph| unsafe { *epitaph = 1 });
        match self.note.prepare_sleep(NonNull::from(&self.name)) {
            Sleep::Must => {
                while !self.m.runnable.load(Ordering::Acquire) {
                    spin_hint();
                }
                self.note.finish_sleep();
            }
            Sleep::AlreadySignalled => (),
        }
        self.message()
    }

    fn message(&self) -> u32 {
        // SAFETY: after the signal nobody writes it.
        self.message.with(|message| unsafe { *message })
    }

    fn wake(&self, message: u32) {
        // SAFETY: the sleeper reads it only after the signal.
        self.message.with_mut(|to| unsafe { *to = message });
        if self.note.wakeup().is_some() {
            // SAFETY: the sleeper wrote it before it went to sleep.
            assert_eq!(self.epitaph.with(|epitaph| unsafe { *epitaph }), 1);
            self.m.runnable.store(true, Ordering::Release);
        }
    }
}

// covers: H26
#[test]
fn the_signal_is_never_lost_and_carries_what_came_before() {
    check(6, || {
        let world = World::new();
        let waker = {
            let world = world.clone();
            thread::spawn(move || world.wake(7))
        };
        assert_eq!(world.sleep(), 7);
        waker.join().unwrap();
    });
}

// covers: H26
#[test]
fn looking_without_sleeping_carries_it_too() {
    check(6, || {
        let world = World::new();
        let waker = {
            let world = world.clone();
            thread::spawn(move || world.wake(7))
        };
        if world.note.is_signalled() {
            assert_eq!(world.message(), 7);
        }
        waker.join().unwrap();
    });
}

// covers: H26
#[test]
fn a_note_can_be_used_again() {
    check(6, || {
        let world = World::new();
        let waker = {
            let world = world.clone();
            thread::spawn(move || world.wake(1))
        };
        assert_eq!(world.sleep(), 1);
        waker.join().unwrap();
        world.note.clear();
        world.m.runnable.store(false, Ordering::Relaxed);
        let waker = {
            let world = world.clone();
            thread::spawn(move || world.wake(2))
        };
        assert_eq!(world.sleep(), 2);
        waker.join().unwrap();
    });
}

// covers: H24
#[test]
fn a_sleeper_gives_up_or_is_woken_never_both() {
    check(6, || {
        let world = World::new();
        let sleeper = NonNull::from(&world.name);
        let waker = {
            let world = world.clone();
            thread::spawn(move || world.note.wakeup().is_some())
        };
        let outcome = match world.note.prepare_sleep(sleeper) {
            Sleep::Must => Some(world.note.withdraw(sleeper)),
            Sleep::AlreadySignalled => None,
        };
        let was_woken = waker.join().unwrap();
        assert_eq!(was_woken, outcome == Some(Withdraw::AlreadySignalled));
        assert!(world.note.is_signalled());
    });
}
