//! Receiving. Go: `chanrecv`, `recv`.

use crate::sched::WaitReason;
use crate::sched::park::{gopark_forever, goparkunlock, goready};

use super::hchan::{Hchan, Held};
use super::waiter::{Outcome, Slot, Sudog, Waiter};
use super::{Mode, TryRecvError};

/// Receives, in Go's order: nil, empty (a look without the lock), closed and drained, a waiting
/// sender, the ring, waiting. A blocking receive never says `Empty`. Go: `chanrecv`.
///
/// On a goroutine's stack, no lock held.
pub(super) fn chanrecv<T>(c: Option<&Hchan<T>>, mode: Mode) -> Result<T, TryRecvError> {
    let Some(c) = c else {
        if mode == Mode::Poll {
            return Err(TryRecvError::Empty);
        }
        gopark_forever(WaitReason::ChanReceiveNil);
    };
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
    let held = c.lock.lock();
    if c.is_closed() {
        if c.ring.len() == 0 {
            return Err(TryRecvError::Closed);
        }
    } else if let Some(sender) = c.sendq.dequeue(&held) {
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
fn recv<T>(c: &Hchan<T>, sender: Waiter<T>, held: Held<'_>) -> T {
    // SAFETY: it came off the queue of senders a moment ago.
    let sent = unsafe { sender.take() };
    let value = if c.ring.cap() == 0 {
        sent
    } else {
        // SAFETY: locked; senders wait only while the ring is full.
        let oldest = unsafe { c.ring.take() };
        // SAFETY: locked; there is room for the one just taken.
        unsafe { c.ring.put(sent) };
        oldest
    };
    drop(held);
    goready(sender.finish(Outcome::Moved));
    value
}

/// Waits for a sender, or for the channel's end.
fn park_to_receive<T>(c: &Hchan<T>, held: Held<'_>) -> Result<T, TryRecvError> {
    let slot = Slot::new();
    let sudog = Sudog::new(held.pinned().g(), slot.get());
    c.recvq.enqueue(&held, &sudog);
    goparkunlock(held, WaitReason::ChanReceive);
    if !sudog.success() {
        return Err(TryRecvError::Closed);
    }
    // SAFETY: a sender has moved its value in.
    Ok(unsafe { slot.into_value() })
}
