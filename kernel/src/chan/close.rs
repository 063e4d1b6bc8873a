//! Closing. Go: `closechan`.

use core::sync::atomic::Ordering;

use crate::g::G;
use crate::queue::list::Stack;
use crate::sched::park::goready;

use super::hchan::Hchan;
use super::waiter::Outcome;

/// Ends the stream and readies all who wait: receivers find nothing, senders panic. Panics with
/// `close of nil channel` or `close of closed channel`. Go: `closechan`.
///
/// On a goroutine's stack, no lock held.
pub(super) fn closechan<T>(c: Option<&Hchan<T>>) {
    let Some(c) = c else {
        panic!("close of nil channel");
    };
    let held = c.lock.lock();
    if c.is_closed() {
        drop(held);
        panic!("close of closed channel");
    }
    // Release: pairs with `is_closed`.
    c.closed.store(true, Ordering::Release);
    let mut glist = Stack::<G>::new();
    let receivers = core::iter::from_fn(|| c.recvq.dequeue(&held));
    let senders = core::iter::from_fn(|| c.sendq.dequeue(&held));
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
