//! Models of the note between a waiter and a device's handler: no signal is lost, however it falls
//! between the looks; what the handler did before it is seen after it; two signals that become one
//! show what came before either.
#![cfg(loom)]

use std::ptr::NonNull;
use std::sync::Arc;

use burrow_kernel::netpoll::ionote::{Begin, IoNote};
use burrow_kernel::sync::atomic::{AtomicBool, Ordering, spin_hint};
use loom::cell::UnsafeCell;
use loom::thread;

mod model;
use model::check;

struct World {
    note: IoNote<u64>,
    /// Stands for the list of those made ready, which hands a waiter over by release and acquire.
    runnable: AtomicBool,
    messages: [UnsafeCell<u32>; 2],
    /// What a waiter leaves for the handler.
    epitaph: UnsafeCell<u32>,
    /// Stands for the address of the waiter.
    name: u64,
}

// SAFETY: the cells are what loom checks.
unsafe impl Send for World {}
// SAFETY: as above.
unsafe impl Sync for World {}

impl World {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            note: IoNote::new(),
            runnable: AtomicBool::new(false),
            messages: [UnsafeCell::new(0), UnsafeCell::new(0)],
            epitaph: UnsafeCell::new(0),
            name: 0,
        })
    }

    fn wait(&self) {
        let Begin::Wait = self.note.begin() else { return };
        // SAFETY: the handler reads it only if it finds the waiter.
        self.epitaph.with_mut(|epitaph| unsafe { *epitaph += 1 });
        if self.note.commit(NonNull::from(&self.name)) {
            while !self.runnable.load(Ordering::Acquire) {
                spin_hint();
            }
            // Nobody signals this waiter again before it has left its name again.
            self.runnable.store(false, Ordering::Relaxed);
        }
        self.note.end();
    }

    fn signal(&self, index: usize) {
        // SAFETY: the waiter reads it only after the signal.
        self.messages[index].with_mut(|to| unsafe { *to = 7 });
        if self.note.signal().is_some() {
            // SAFETY: the waiter wrote it before it left its name.
            assert!(self.epitaph.with(|epitaph| unsafe { *epitaph }) > 0);
            self.runnable.store(true, Ordering::Release);
        }
    }

    fn message(&self, index: usize) -> u32 {
        // SAFETY: after its signal nobody writes it.
        self.messages[index].with(|message| unsafe { *message })
    }
}

// covers: H24
#[test]
fn a_signal_is_not_lost_and_carries_what_came_before() {
    check(6, || {
        let world = World::new();
        let handler = {
            let world = world.clone();
            thread::spawn(move || world.signal(0))
        };
        world.wait();
        assert_eq!(world.message(0), 7);
        handler.join().unwrap();
    });
}

/// A service that waits again and again until it has seen both.
#[test]
fn the_second_of_two_signals_is_not_swallowed() {
    check(4, || {
        let world = World::new();
        let flags = Arc::new([AtomicBool::new(false), AtomicBool::new(false)]);
        let handler = {
            let (world, flags) = (world.clone(), flags.clone());
            thread::spawn(move || {
                for (index, flag) in flags.iter().enumerate() {
                    flag.store(true, Ordering::Relaxed);
                    world.signal(index);
                }
            })
        };
        // Relaxed: the note alone orders. A swallowed signal would leave this waiting for ever,
        // which loom reports as a dead-lock.
        while !flags.iter().all(|flag| flag.load(Ordering::Relaxed)) {
            world.wait();
        }
        handler.join().unwrap();
    });
}
