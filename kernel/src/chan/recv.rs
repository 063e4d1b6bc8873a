//! Receiving. Go: `chanrecv`, `recv`.

use core::ptr::NonNull;

use crate::sched::WaitReason;
use crate::sched::park::{gopark_forever, goparkunlock, goready_pinned};

use super::hchan::{Hchan, Held, locked};
use super::waiter::{By, Outcome, Slot, Sudog, Waiter};
use super::{Mode, TryRecvError};

/// Receives, in Go's order: nil, empty (a look without the lock), closed and drained, a waiting
/// sender, the ring, waiting. A blocking receive never says `Empty`. Go: `chanrecv`.
///
/// On a goroutine's stack, no lock held.
#[inline(always)]
pub(super) fn chanrecv<T>(c: Option<&Hchan<T>>, mode: Mode) -> Result<T, TryRecvError> {
    let Some(c) = c else {
        if mode == Mode::Poll {
            return Err(TryRecvError::Empty);
        }
        gopark_forever(WaitReason::ChanReceiveNil);
    };
    if let Some(timer) = c.timer() {
        timer.poll();
    }
    if mode == Mode::Poll && c.empty() {
        // In this order: a value that came between the two looks is not missed as "closed".
        if !c.is_closed() {
            return Err(TryRecvError::Empty);
        }
        // Closed, and what is empty after that stays empty.
        if c.empty() {
            return Err(TryRecvError::Closed);
        }
    }
    let held = c.lock();
    if c.is_closed() {
        if c.ring.len() == 0 {
            return Err(TryRecvError::Closed);
        }
    } else if let Some(sender) = c.sendq.dequeue(locked(&held)) {
        return Ok(recv(c, sender, held));
    }
    if c.ring.len() > 0 {
        // SAFETY: locked, and not empty.
        return Ok(unsafe { c.ring.take() });
    }
    if mode == Mode::Poll {
        return Err(TryRecvError::Empty);
    }
    park_to_receive(c, held)
}

/// Takes the value of a sender that waits; with a ring, which is full then, the oldest value, and
/// the sender's goes to the ring's end. Go: `recv`.
fn recv<T>(c: &Hchan<T>, sender: Waiter, held: Held<'_>) -> T {
    if c.ring.cap() == 0 {
        let pinned = held.unlock_pinned();
        // SAFETY: it came off the queue of senders a moment ago, and is parked until it is readied.
        let value = unsafe { sender.take() };
        goready_pinned(sender.finish(Outcome::Moved), pinned);
        return value;
    }
    // SAFETY: locked; senders wait only while the ring is full.
    let oldest = unsafe { c.ring.take() };
    // SAFETY: as above; there is room for the one just taken.
    unsafe { c.ring.put::<T>(sender.take()) };
    let pinned = held.unlock_pinned();
    goready_pinned(sender.finish(Outcome::Moved), pinned);
    oldest
}

/// Waits for a sender, or for the channel's end.
fn park_to_receive<T>(c: &Hchan<T>, held: Held<'_>) -> Result<T, TryRecvError> {
    let slot = Slot::<T>::new();
    let sudog = Sudog::new(held.pinned().g(), slot.get(), By::One);
    // SAFETY: this frame holds it until the goroutine is readied, off the queue.
    unsafe { c.recvq.enqueue(locked(&held), NonNull::from(&sudog)) };
    if let Some(timer) = c.timer() {
        timer.block();
    }
    goparkunlock(held, WaitReason::ChanReceive);
    if let Some(timer) = c.timer() {
        timer.unblock();
    }
    if !sudog.success() {
        return Err(TryRecvError::Closed);
    }
    // SAFETY: a sender has moved its value in.
    Ok(unsafe { slot.take() })
}
