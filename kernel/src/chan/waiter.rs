//! Goroutines that wait on a channel: [`Sudog`] and [`WaitQ`]. Go: `sudog`, `waitq`.
//!
//! A sudog lies on the stack of the goroutine that waits; Go keeps a cache of them because its
//! stacks move. It is on one queue from `enqueue` to `dequeue`, both under the channel's lock.
//! Whoever dequeues it has it as a [`Waiter`], alone, until it readies the goroutine.

use core::cell::{Cell, UnsafeCell};
use core::mem::MaybeUninit;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::g::G;

use super::hchan::Held;

/// One goroutine on one channel's queue. Go: `sudog`.
pub(super) struct Sudog<T> {
    g: &'static G,
    /// The value to send, or room for the one to receive. Go: `elem`.
    elem: *mut MaybeUninit<T>,
    next: Cell<*mut Sudog<T>>,
    /// Readied because its value was moved, not because the channel was closed. Go: `success`.
    success: Cell<bool>,
}

impl<T> Sudog<T> {
    /// For the goroutine that runs here.
    pub(super) fn new(g: &'static G, elem: *mut MaybeUninit<T>) -> Self {
        Self { g, elem, next: Cell::new(null_mut()), success: Cell::new(false) }
    }

    /// Whether the value was moved; for the owner, once it runs again.
    pub(super) fn success(&self) -> bool {
        self.success.get()
    }
}

/// A sudog off its queue: the right to move its value and the duty to ready its goroutine.
#[must_use = "the goroutine would sleep for ever"]
pub(super) struct Waiter<T>(NonNull<Sudog<T>>);

/// How a wait ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The value was moved.
    Moved,
    /// The channel was closed.
    Closed,
}

impl<T> Waiter<T> {
    /// Moves the value out of a waiting sender.
    ///
    /// # Safety
    /// This waits to send, and its value was not taken yet.
    pub(super) unsafe fn take(&self) -> T {
        // SAFETY: the goroutine is parked until `finish`, so that its sudog is there.
        let elem = unsafe { self.0.as_ref() }.elem;
        // SAFETY: a sender's slot holds a value, says the caller; it is on the parked stack.
        unsafe { elem.read().assume_init() }
    }

    /// Moves a value into a waiting receiver.
    ///
    /// # Safety
    /// This waits to receive, and was not given a value yet.
    pub(super) unsafe fn give(&self, value: T) {
        // SAFETY: the goroutine is parked until `finish`, so that its sudog is there.
        let elem = unsafe { self.0.as_ref() }.elem;
        // SAFETY: a receiver's slot is room for a value, mapped (`Slot`), on the parked stack.
        unsafe { elem.write(MaybeUninit::new(value)) };
    }

    /// Tells it how it ended. The goroutine is the caller's to ready; until then it is parked.
    pub(super) fn finish(self, outcome: Outcome) -> &'static G {
        // SAFETY: the goroutine is parked until the caller readies it.
        let sudog = unsafe { self.0.as_ref() };
        sudog.success.set(outcome == Outcome::Moved);
        sudog.g
    }
}

/// Goroutines waiting, first come, first served. Go: `waitq`.
pub(super) struct WaitQ<T> {
    /// Changed under the lock; looked at without it.
    first: AtomicPtr<Sudog<T>>,
    /// Under the lock; meaningful while there is a first.
    last: Cell<*mut Sudog<T>>,
}

impl<T> WaitQ<T> {
    pub(super) const fn new() -> Self {
        Self { first: AtomicPtr::new(null_mut()), last: Cell::new(null_mut()) }
    }

    /// Whether nobody waits; a guess without the lock. Go: `c.recvq.first == nil`.
    pub(super) fn is_empty(&self) -> bool {
        self.first.load(Ordering::Relaxed).is_null()
    }

    /// Puts a sudog behind the others. It must stay where it is until it is dequeued: its owner
    /// parks in the frame that holds it.
    pub(super) fn enqueue(&self, _: &Held<'_>, sudog: &Sudog<T>) {
        let this = (&raw const *sudog).cast_mut();
        if self.is_empty() {
            self.first.store(this, Ordering::Relaxed);
        } else {
            // SAFETY: queued sudogs are alive (their owners are parked), and the lock is held.
            unsafe { &*self.last.get() }.next.set(this);
        }
        self.last.set(this);
    }

    /// Takes the one that waits longest.
    pub(super) fn dequeue(&self, _: &Held<'_>) -> Option<Waiter<T>> {
        let first = NonNull::new(self.first.load(Ordering::Relaxed))?;
        // SAFETY: queued sudogs are alive (their owners are parked), and the lock is held.
        let next = unsafe { first.as_ref() }.next.replace(null_mut());
        self.first.store(next, Ordering::Relaxed);
        Some(Waiter(first))
    }
}

/// Room for a value on the stack of a goroutine that will park, written by another core meanwhile.
///
/// Only the owner of a stack may grow it (law 11), and a large local may reach into pages that it
/// has not touched; so the room is touched, page by page, before anybody hears of it.
pub(super) struct Slot<T>(UnsafeCell<MaybeUninit<T>>);

/// A frame's locals up to this size lie between addresses that the frame's own calls have touched.
const SURELY_TOUCHED: usize = 1024;

impl<T> Slot<T> {
    pub(super) const fn new() -> Self {
        Self(UnsafeCell::new(MaybeUninit::uninit()))
    }

    /// The room, mapped.
    pub(super) fn get(&self) -> *mut MaybeUninit<T> {
        let room = self.0.get();
        if size_of::<T>() > SURELY_TOUCHED {
            let bytes = room.cast::<MaybeUninit<u8>>();
            let steps = (0..size_of::<T>()).step_by(burrow_arch::layout::PAGE);
            for offset in steps.chain([size_of::<T>() - 1]) {
                // SAFETY: inside our own room, which holds nothing yet; volatile so that it stays.
                unsafe { bytes.add(offset).write_volatile(MaybeUninit::new(0)) };
            }
        }
        room
    }

    /// The value that was moved in.
    ///
    /// # Safety
    /// One was.
    pub(super) unsafe fn into_value(self) -> T {
        // SAFETY: the caller's promise.
        unsafe { self.0.into_inner().assume_init() }
    }
}
