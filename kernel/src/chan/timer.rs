//! Channels that a timer sends to. Go: `newTimer` with a channel, `sendTime`, `timerchandrain`.
//!
//! The channel owns its timer, so that both go with the last handle; a heap that has the timer
//! holds the channel. The ring has one place, for a time that nobody waits for, but to programs the
//! channel looks unbuffered: a time is put there only when somebody looks and finds the timer
//! expired, and comes out again when the timer is stopped or reset.
//!
//! Who is about to look at the channel has the timer look at the clock first (`Timer::poll`); who
//! waits tells it before it parks and when it is back (`Timer::block`, `Timer::unblock`).

use alloc::sync::Arc;

use super::RecvChan;
use super::hchan::{Hchan, locked};
use super::send::send;
use crate::g;
use crate::time::Instant;
use crate::time::timer::{Class, Timer};

static CHAN: Class = Class { fire: send_time, retain, release, drain: Some(drain) };

impl RecvChan<Instant> {
    /// The channel of a new timer that expires at `when`, and then every `period` if that is not 0.
    #[doc(hidden)]
    pub fn of_timer(when: u64, period: u64) -> Self {
        let mut hchan = Hchan::makechan(1);
        let timer = Timer::new(&CHAN, core::ptr::null(), when, period);
        hchan.set_timer(timer.made_by(g::current().kind()));
        let mut hchan = Arc::new(hchan);
        let owner = Arc::as_ptr(&hchan).cast();
        if let Some(timer) = Arc::get_mut(&mut hchan).and_then(Hchan::timer_mut) {
            timer.set_owner(owner);
        }
        Self::from_hchan(hchan)
    }

    /// The timer that sends here; none for another channel.
    #[doc(hidden)]
    pub fn timer(&self) -> Option<&Timer> {
        self.get()?.timer()
    }
}

/// # Safety
/// `of_timer` gave the channel, alive while its timer is.
unsafe fn chan<'a>(owner: *const ()) -> &'a Hchan<Instant> {
    // SAFETY: as the caller says.
    unsafe { &*owner.cast() }
}

/// The time of expiry, for who waits, or for who comes; who comes late to a ticker finds the first
/// that it missed. Go: `sendTime`.
unsafe fn send_time(owner: *const (), when: u64) -> bool {
    // SAFETY: a class's function gets its owner.
    let c = unsafe { chan(owner) };
    let held = c.lock();
    if let Some(receiver) = c.recvq.dequeue(locked(&held)) {
        send(receiver, Instant::at(when), held);
        return true;
    }
    if c.ring.len() == 0 {
        // SAFETY: locked, made for instants, and there is room.
        unsafe { c.ring.put(Instant::at(when)) };
    }
    false
}

/// Go: `timerchandrain`.
unsafe fn drain(owner: *const ()) -> bool {
    // SAFETY: a class's function gets its owner.
    let c = unsafe { chan(owner) };
    let _held = c.lock();
    if c.ring.len() == 0 {
        return false;
    }
    // SAFETY: locked, made for instants, and not empty.
    let _: Instant = unsafe { c.ring.take() };
    true
}

unsafe fn retain(owner: *const ()) {
    // SAFETY: from an `Arc`, which is alive: somebody starts its timer.
    unsafe { Arc::increment_strong_count(owner.cast::<Hchan<Instant>>()) };
}

unsafe fn release(owner: *const ()) {
    // SAFETY: retained before. An instant needs no drop, so that no code of a program's runs here.
    unsafe { Arc::decrement_strong_count(owner.cast::<Hchan<Instant>>()) };
}
