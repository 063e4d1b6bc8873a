//! A semaphore for models of locks: waiters in order, permits handed to the first, time at will.

use std::cell::Cell;
use std::collections::VecDeque;

use burrow_kernel::sync::atomic::spin_hint;
use burrow_kernel::sync::parking::{Handoff, Parking, Queue, Wait};
use loom::sync::{Condvar, Mutex};

/// Each look at the clock finds it `TICK` nanoseconds later; spinning is tried `SPINS` times.
pub struct Sema<const TICK: u64, const SPINS: u32> {
    inner: Mutex<Inner>,
    woken: Condvar,
}

#[derive(Default)]
struct Inner {
    permits: u32,
    tickets: u32,
    waiters: VecDeque<u32>,
    granted: Vec<u32>,
}

std::thread_local! {
    /// Outside of the model: only differences within one execution count. One for each test: a model's
    /// threads share one thread of the host, and a test beside it must not move its clock.
    static CLOCK: Cell<u64> = const { Cell::new(0) };
}

impl<const TICK: u64, const SPINS: u32> Sema<TICK, SPINS> {
    pub fn new() -> Self {
        Self { inner: Mutex::new(Inner::default()), woken: Condvar::new() }
    }
}

impl<const TICK: u64, const SPINS: u32> Parking for Sema<TICK, SPINS> {
    fn acquire(&self, queue: Queue, _: Wait) {
        let mut inner = self.inner.lock().unwrap();
        if inner.permits > 0 {
            inner.permits -= 1;
            return;
        }
        let ticket = inner.tickets;
        inner.tickets += 1;
        match queue {
            Queue::Last => inner.waiters.push_back(ticket),
            Queue::First => inner.waiters.push_front(ticket),
        }
        while !inner.granted.contains(&ticket) {
            inner = self.woken.wait(inner).unwrap();
        }
    }

    fn release(&self, _: Handoff) {
        let mut inner = self.inner.lock().unwrap();
        match inner.waiters.pop_front() {
            Some(ticket) => {
                inner.granted.push(ticket);
                self.woken.notify_all();
            }
            None => inner.permits += 1,
        }
    }

    fn can_spin(round: u32) -> bool {
        round < SPINS
    }

    fn spin() {
        spin_hint();
    }

    fn nanotime() -> u64 {
        CLOCK.replace(CLOCK.get() + TICK)
    }

    fn fatal(text: &'static str) -> ! {
        panic!("{text}")
    }

    fn throw(text: &'static str) -> ! {
        panic!("{text}")
    }
}
