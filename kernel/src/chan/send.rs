//! Sending. Go: `chansend`, `send`.

use core::ptr::NonNull;

use crate::sched::WaitReason;
use crate::sched::park::{gopark_forever, goparkunlock, goready_pinned};

use super::hchan::{Hchan, Held, locked};
use super::waiter::{By, Outcome, Slot, Sudog, Waiter};
use super::{Mode, TrySendError};

/// Sends, in Go's order: nil, full (a look without the lock), closed, a waiting receiver, room in
/// the ring, waiting. The value comes back unless it was sent; a blocking send never says `Full`.
/// Go: `chansend`.
///
/// On a goroutine's stack, no lock held.
#[inline(always)]
pub(super) fn chansend<T>(
    c: Option<&Hchan<T>>,
    value: T,
    mode: Mode,
) -> Result<(), TrySendError<T>> {
    let Some(c) = c else {
        if mode == Mode::Poll {
            return Err(TrySendError::Full(value));
        }
        gopark_forever(WaitReason::ChanSendNil);
    };
    // Not closed, then full: whoever interleaves, there was a moment at which both held.
    if mode == Mode::Poll && !c.is_closed() && c.full() {
        return Err(TrySendError::Full(value));
    }
    let held = c.lock();
    if c.is_closed() {
        return Err(TrySendError::Closed(value));
    }
    if let Some(receiver) = c.recvq.dequeue(locked(&held)) {
        send(receiver, value, held);
        return Ok(());
    }
    if c.ring.len() < c.ring.cap() {
        // SAFETY: locked, and there is room.
        unsafe { c.ring.put(value) };
        return Ok(());
    }
    if mode == Mode::Poll {
        return Err(TrySendError::Full(value));
    }
    park_to_send(c, value, held)
}

/// Hands the value to a receiver that waits. Go: `send`.
pub(super) fn send<T>(receiver: Waiter, value: T, held: Held<'_>) {
    let pinned = held.unlock_pinned();
    // SAFETY: it came off the queue of receivers a moment ago, and is parked until it is readied.
    unsafe { receiver.give(value) };
    goready_pinned(receiver.finish(Outcome::Moved), pinned);
}

/// Waits for a receiver, or for the channel's end.
fn park_to_send<T>(c: &Hchan<T>, value: T, held: Held<'_>) -> Result<(), TrySendError<T>> {
    let slot = Slot::with(value);
    let sudog = Sudog::new(held.pinned().g(), slot.get(), By::One);
    // SAFETY: this frame holds it until the goroutine is readied, off the queue.
    unsafe { c.sendq.enqueue(locked(&held), NonNull::from(&sudog)) };
    goparkunlock(held, WaitReason::ChanSend);
    if sudog.success() {
        // A receiver has moved it out.
        return Ok(());
    }
    if !c.is_closed() {
        crate::panic::throw("chansend: spurious wakeup");
    }
    // SAFETY: nobody has moved it out.
    Err(TrySendError::Closed(unsafe { slot.take() }))
}
