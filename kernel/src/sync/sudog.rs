//! A goroutine that waits on a semaphore or a condition: [`Sudog`]. Go: `sudog`.
//!
//! It lies on the waiter's own stack and is on one list from before the park until who takes it off
//! readies the goroutine; both happen under the list's lock, or on a list taken out of it.

use core::ptr::NonNull;
use core::sync::atomic::AtomicPtr;

use crate::g::G;
use crate::queue::link::Linked;
use crate::queue::list::List;

/// See the module's text.
pub(super) struct Sudog {
    link: AtomicPtr<Sudog>,
    g: &'static G,
    /// What the queue knows it by: a ticket, or how much it waits for.
    pub(super) word: usize,
}

// SAFETY: one link, always the same, written by lists alone.
unsafe impl Linked for Sudog {
    fn link(&self) -> &AtomicPtr<Self> {
        &self.link
    }
}

impl Sudog {
    /// For the goroutine that runs here.
    pub(super) fn new(g: &'static G, word: usize) -> Self {
        Self { link: AtomicPtr::new(core::ptr::null_mut()), g, word }
    }

    /// As lists know it. It must stay where it is until it is taken off: its owner parks in the
    /// frame that holds it.
    pub(super) fn as_item(&self) -> NonNull<Sudog> {
        NonNull::from(self)
    }
}

/// The goroutine of a sudog that was taken off its list, and its word. The sudog may be gone as soon
/// as the goroutine is readied.
///
/// # Safety
/// It was taken off a moment ago, and its goroutine is not ready yet.
pub(super) unsafe fn taken(item: NonNull<Sudog>) -> (&'static G, usize) {
    // SAFETY: the goroutine is parked in the frame that holds the sudog.
    let sudog = unsafe { item.as_ref() };
    (sudog.g, sudog.word)
}

/// Readies everybody on a list that nobody else knows. The first one runs next, the others when the
/// queue comes to them, in their order.
pub(super) fn ready_all(mut waiters: List<Sudog>) {
    use crate::queue::runq::Place;
    use crate::sched::park::ready;

    let first = waiters.pop_front();
    while let Some(item) = waiters.pop_front() {
        // SAFETY: taken off this list, whose goroutines are all parked.
        let (g, _) = unsafe { taken(item) };
        ready(g, Place::Tail);
    }
    if let Some(item) = first {
        // SAFETY: as above.
        let (g, _) = unsafe { taken(item) };
        ready(g, Place::Next);
    }
}
