//! Goroutines that wait on a channel: [`Sudog`] and [`WaitQ`]. Go: `sudog`, `waitq`.
//!
//! A sudog lies on the stack of the goroutine that waits, in the frame of its operation or in the
//! arm of its `select`. Go keeps caches of them because its stacks move; ours do not, so that
//! waiting takes nothing from anywhere and leaves nothing behind.
//!
//! A sudog is on one queue from `enqueue` until `dequeue` or `remove`, all under the channel's lock.
//! Whoever dequeues it has it as a [`Waiter`], alone, until it readies the goroutine. A goroutine
//! in a `select` has one on each channel, and is won by the first who dequeues one of them; the
//! others, dequeued or not, are void from then on.

use core::cell::{Cell, UnsafeCell};
use core::mem::MaybeUninit;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::g::G;

use super::hchan::{Locked, copy};

/// What a waiting goroutine waits by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// This sudog alone.
    One,
    /// One of several: a `select`. Go: `isSelect`.
    Select,
}

/// One goroutine on one channel's queue. Go: `sudog`.
pub(super) struct Sudog {
    g: &'static G,
    /// The value to send, or room for the one to receive. Go: `elem`.
    elem: *mut (),
    next: Cell<*mut Sudog>,
    prev: Cell<*mut Sudog>,
    by: By,
    /// Readied because its value was moved, not because the channel was closed. Go: `success`.
    success: Cell<bool>,
}

impl Sudog {
    /// For the goroutine that runs here.
    #[inline(always)]
    pub(super) fn new(g: &'static G, elem: *mut (), by: By) -> Self {
        let (next, prev) = (Cell::new(null_mut()), Cell::new(null_mut()));
        Self { g, elem, next, prev, by, success: Cell::new(false) }
    }

    /// Whether the value was moved; for the owner, once it runs again.
    #[inline(always)]
    pub(super) fn success(&self) -> bool {
        self.success.get()
    }
}

/// A sudog off its queue: the right to move its value and the duty to ready its goroutine.
#[must_use = "the goroutine would sleep for ever"]
pub(super) struct Waiter(NonNull<Sudog>);

/// How a wait ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The value was moved.
    Moved,
    /// The channel was closed.
    Closed,
}

impl Waiter {
    /// Where its value is or goes.
    #[inline(always)]
    fn elem(&self) -> *mut () {
        // SAFETY: the goroutine is parked until `finish`, so that its sudog is there.
        unsafe { self.0.as_ref() }.elem
    }

    /// Moves the value out of a waiting sender.
    ///
    /// # Safety
    /// This waits to send a `T`, and its value was not taken yet.
    #[inline(always)]
    pub(super) unsafe fn take<T>(&self) -> T {
        // SAFETY: a sender's slot holds a value, says the caller; it is on the parked stack.
        unsafe { self.elem().cast::<T>().read() }
    }

    /// Moves a value into a waiting receiver.
    ///
    /// # Safety
    /// This waits to receive a `T`, and was not given a value yet.
    #[inline(always)]
    pub(super) unsafe fn give<T>(&self, value: T) {
        // SAFETY: a receiver's slot is room for a value, mapped (`Slot`), on the parked stack.
        unsafe { self.elem().cast::<T>().write(value) };
    }

    /// As [`take`](Self::take), to where the value shall lie.
    ///
    /// # Safety
    /// As there; `elem` is room for such a value, of `size` bytes.
    pub(super) unsafe fn take_to(&self, elem: *mut (), size: usize) {
        // SAFETY: as for `take`.
        unsafe { copy(self.elem(), elem, size) };
    }

    /// As [`give`](Self::give), from where the value lies.
    ///
    /// # Safety
    /// As there; `elem` holds such a value, of `size` bytes, which moves.
    pub(super) unsafe fn give_from(&self, elem: *const (), size: usize) {
        // SAFETY: as for `give`.
        unsafe { copy(elem, self.elem(), size) };
    }

    /// The value in place, for who moves it elsewhere.
    pub(super) fn value(&self) -> *const () {
        self.elem()
    }

    /// Tells it how it ended. The goroutine is the caller's to ready; until then it is parked.
    #[inline(always)]
    pub(super) fn finish(self, outcome: Outcome) -> &'static G {
        // SAFETY: the goroutine is parked until the caller readies it.
        let sudog = unsafe { self.0.as_ref() };
        sudog.success.set(outcome == Outcome::Moved);
        if sudog.by == By::Select {
            // Which of them it was.
            sudog.g.set_param(self.0.as_ptr().cast());
        }
        sudog.g
    }
}

/// Goroutines waiting, first come, first served. Go: `waitq`.
pub(super) struct WaitQ {
    /// Changed under the lock; looked at without it.
    first: AtomicPtr<Sudog>,
    /// Under the lock.
    last: Cell<*mut Sudog>,
}

impl WaitQ {
    pub(super) const fn new() -> Self {
        Self { first: AtomicPtr::new(null_mut()), last: Cell::new(null_mut()) }
    }

    /// Whether nobody waits; a guess without the lock. Go: `c.recvq.first == nil`.
    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.first.load(Ordering::Relaxed).is_null()
    }

    /// Puts a sudog, which is on no queue, behind the others. Go: `enqueue`.
    ///
    /// # Safety
    /// It stays where it is until it is off the queue: its owner parks in the frame that holds it.
    #[inline(always)]
    pub(super) unsafe fn enqueue(&self, _: Locked<'_>, sudog: NonNull<Sudog>) {
        let this = sudog.as_ptr();
        let last = self.last.replace(this);
        // SAFETY: the caller's, and nobody else knows it yet.
        unsafe { sudog.as_ref() }.prev.set(last);
        // SAFETY: queued sudogs are alive (their owners are parked), and the lock is held.
        match unsafe { last.as_ref() } {
            Some(last) => last.next.set(this),
            None => self.first.store(this, Ordering::Relaxed),
        }
    }

    /// Takes the one that waits longest and that nobody else has won. Go: `dequeue`.
    #[inline(always)]
    pub(super) fn dequeue(&self, _: Locked<'_>) -> Option<Waiter> {
        loop {
            let first = NonNull::new(self.first.load(Ordering::Relaxed))?;
            // SAFETY: queued sudogs are alive (their owners are parked), and the lock is held.
            let sudog = unsafe { first.as_ref() };
            let next = sudog.next.replace(null_mut());
            self.first.store(next, Ordering::Relaxed);
            // SAFETY: as above.
            match unsafe { next.as_ref() } {
                Some(next) => next.prev.set(null_mut()),
                None => self.last.set(null_mut()),
            }
            // A select may have been won on another channel a moment ago.
            if sudog.by == By::One || sudog.g.select_done().win() {
                return Some(Waiter(first));
            }
        }
    }

    /// Takes a sudog of a select off, unless somebody who came too late has dequeued it.
    /// Go: `dequeueSudoG`.
    ///
    /// # Safety
    /// It was enqueued here and is still there, or was dequeued.
    pub(super) unsafe fn remove(&self, _: Locked<'_>, sudog: NonNull<Sudog>) {
        // SAFETY: the caller's own.
        let this = unsafe { sudog.as_ref() };
        let (prev, next) = (this.prev.replace(null_mut()), this.next.replace(null_mut()));
        if prev.is_null() && self.first.load(Ordering::Relaxed) != sudog.as_ptr() {
            // Off already. Only the first has none before it.
            return;
        }
        // SAFETY: neighbours on the queue are alive, and the lock is held.
        match unsafe { prev.as_ref() } {
            Some(prev) => prev.next.set(next),
            None => self.first.store(next, Ordering::Relaxed),
        }
        // SAFETY: as above.
        match unsafe { next.as_ref() } {
            Some(next) => next.prev.set(prev),
            None => self.last.set(prev),
        }
    }
}

/// A value, or room for one, on the stack of a goroutine that will park, where another core moves
/// it from or to meanwhile.
///
/// Only the owner of a stack may grow it (law 11), and a large local may reach into pages that it
/// has not touched, if the value is not all initialised; so they are touched, before anybody hears
/// of the place.
pub(super) struct Slot<T>(UnsafeCell<MaybeUninit<T>>);

/// A frame's locals up to this size lie between addresses that the frame's own calls have touched.
const SURELY_TOUCHED: usize = 1024;

impl<T> Slot<T> {
    /// Room.
    #[inline(always)]
    pub(super) const fn new() -> Self {
        Self(UnsafeCell::new(MaybeUninit::uninit()))
    }

    /// A value, whose drop is the owner's duty.
    #[inline(always)]
    pub(super) const fn with(value: T) -> Self {
        Self(UnsafeCell::new(MaybeUninit::new(value)))
    }

    /// The place, mapped.
    #[inline(always)]
    pub(super) fn get(&self) -> *mut () {
        let place = self.0.get();
        if size_of::<T>() > SURELY_TOUCHED {
            let bytes = place.cast::<MaybeUninit<u8>>();
            let steps = (0..size_of::<T>()).step_by(burrow_arch::layout::PAGE);
            for offset in steps.chain([size_of::<T>() - 1]) {
                // SAFETY: inside our own place; volatile so that it stays.
                let _ = unsafe { bytes.add(offset).read_volatile() };
            }
        }
        place.cast()
    }

    /// Moves the value out.
    ///
    /// # Safety
    /// There is one, and it is not moved out again.
    #[inline(always)]
    pub(super) unsafe fn take(&self) -> T {
        // SAFETY: the caller's promise.
        unsafe { self.0.get().read().assume_init() }
    }
}
