//! Closing. Go: `closechan`.

use crate::g::G;
use crate::queue::list::Stack;
use crate::sched::park::goready;

use super::hchan::{Core, locked};
use super::waiter::Outcome;

/// Ends the stream and readies all who wait: receivers find nothing, senders panic. Panics with
/// `close of nil channel` or `close of closed channel`. Go: `closechan`.
///
/// On a goroutine's stack, no lock held.
pub(super) fn closechan(c: Option<&Core>) {
    let Some(c) = c else {
        crate::panic::runtime_error("close of nil channel");
    };
    let held = c.lock();
    if c.is_closed() {
        drop(held);
        crate::panic::runtime_error("close of closed channel");
    }
    let lock = locked(&held);
    c.set_closed(lock);
    let mut glist = Stack::<G>::new();
    let receivers = core::iter::from_fn(|| c.recvq.dequeue(lock));
    let senders = core::iter::from_fn(|| c.sendq.dequeue(lock));
    for waiter in receivers.chain(senders) {
        let g = waiter.finish(Outcome::Closed).as_item();
        // SAFETY: Gs are never freed, and a parked one is on no list.
        unsafe { glist.push(g) };
    }
    drop(held);
    while let Some(g) = glist.pop() {
        goready(G::from_item(g));
    }
}
