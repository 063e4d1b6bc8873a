//! A core's mailbox: where other cores leave Ms (or ready Gs) for it.
//!
//! Any core, interrupt handlers among them, may push; the mailbox's core takes all at once. No
//! lock, so nobody can be interrupted while holding one. Who finds it empty sends the interrupt
//! ([`Was::Empty`]); the others know that one is on its way: the core must look again *after* each
//! interrupt, and halt only if the mailbox was empty when interrupts were already masked, with the
//! unmasking atomic with the halt. Then an item pushed after the look leaves an interrupt pending,
//! and the halt ends at once (H24, H27; model: `tests/loom_mailbox.rs`).

use core::ptr::{self, NonNull};

use crate::queue::link::{Linked, next, set_next};
use crate::queue::list::List;
use crate::sync::atomic::{AtomicPtr, Ordering, const_unless_loom};

/// Many pushers, one taker.
pub struct Mailbox<T> {
    /// The newest item; links lead to older ones.
    newest: AtomicPtr<T>,
}

/// What a pusher found.
#[must_use = "on Empty the core must be interrupted"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Was {
    /// Nothing: the pusher sends the interrupt.
    Empty,
    /// Items: whoever pushed the first of them sends it.
    Nonempty,
}

impl<T> Mailbox<T> {
    const_unless_loom! {
        /// A mailbox of nothing.
        pub fn new() -> Self {
            Self { newest: AtomicPtr::new(ptr::null_mut()) }
        }
    }

    /// Is there nothing in it? Exact for its core in this sense: an item missed here was pushed
    /// later than the last interrupt, and brings its own.
    pub fn is_empty(&self) -> bool {
        self.newest.load(Ordering::Relaxed).is_null() // take_all acquires
    }
}

impl<T: Linked> Mailbox<T> {
    /// Leaves `item` for the core.
    ///
    /// # Safety
    ///
    /// The promises of [`Linked`]: alive until taken out, and on no other list.
    pub unsafe fn push(&self, item: NonNull<T>) -> Was {
        let mut newest = self.newest.load(Ordering::Relaxed);
        loop {
            // SAFETY: alive and on no list, says the caller, so its link is ours until the
            // exchange below succeeds.
            unsafe { set_next(item, newest) };
            // Release: partner is the acquire in take_all. Later pushers only exchange, so the
            // release reaches the taker through them.
            match self.newest.compare_exchange_weak(
                newest,
                item.as_ptr(),
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(old) if old.is_null() => return Was::Empty,
                Ok(_) => return Was::Nonempty,
                Err(now) => newest = now,
            }
        }
    }

    /// Takes everything, in the order in which it came.
    pub fn take_all(&self) -> List<T> {
        let mut arrived = List::new();
        if self.is_empty() {
            return arrived; // spares the common case the exchange
        }
        let mut newest = self.newest.swap(ptr::null_mut(), Ordering::Acquire); // partner: push
        while let Some(item) = NonNull::new(newest) {
            // SAFETY: it was in the mailbox, so it is alive.
            newest = unsafe { next(item) };
            // SAFETY: as above; and what led to it has been followed, so it is on no list.
            unsafe { arrived.push_front(item) };
        }
        arrived
    }
}

impl<T> Default for Mailbox<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::queue::item::{Items, ids};

    #[test]
    fn items_come_out_in_the_order_they_came() {
        let (items, mailbox) = (Items::new(4), Mailbox::new());
        for round in 0..2 {
            assert!(mailbox.is_empty());
            for id in 0..4 {
                // SAFETY: `items` outlives the mailbox; each is in it once.
                let was = unsafe { mailbox.push(items.get(id)) };
                assert_eq!(was, if id == 0 { Was::Empty } else { Was::Nonempty }, "{round}");
            }
            assert_eq!(ids(mailbox.take_all()), [0, 1, 2, 3]);
        }
        assert!(mailbox.take_all().is_empty());
    }

    // covers: H24
    #[test]
    fn pushers_on_all_cores_lose_nothing_and_announce_each_filling() {
        const EACH: usize = 2000;
        let (items, mailbox) = (Items::new(4 * EACH), Mailbox::new());
        let (mut seen, mut fillings) = (Vec::new(), 0);
        std::thread::scope(|threads| {
            let pushers: Vec<_> = (0..4)
                .map(|pusher| {
                    let (items, mailbox) = (&items, &mailbox);
                    threads.spawn(move || {
                        let mine = pusher * EACH..(pusher + 1) * EACH;
                        // SAFETY: `items` outlives the mailbox; each is pushed once.
                        mine.filter(|&id| unsafe { mailbox.push(items.get(id)) } == Was::Empty)
                            .count()
                    })
                })
                .collect();
            let mut takes = 0;
            while seen.len() < 4 * EACH {
                let list = mailbox.take_all();
                takes += usize::from(!list.is_empty());
                seen.extend(ids(list));
            }
            for pusher in pushers {
                fillings += pusher.join().expect("pusher");
            }
            assert_eq!(fillings, takes);
        });
        for pusher in 0..4 {
            let own: Vec<_> = seen.iter().filter(|&&id| id / EACH == pusher).collect();
            assert!(own.is_sorted() && own.len() == EACH);
        }
    }
}
