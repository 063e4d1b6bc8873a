//! The channel itself: [`Hchan`], with its ring. Go: `hchan`.

use alloc::boxed::Box;
use core::alloc::Layout;
use core::cell::{Cell, UnsafeCell};
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::sync::lock::SpinGuard;
use crate::sync::{Rank, SpinLock};

use super::waiter::WaitQ;

/// The proof that this channel's lock is held.
pub(super) type Held<'a> = SpinGuard<'a, ()>;

/// No buffer is larger: all of the heap's addresses. Go: `maxAlloc`.
const MAX_BYTES: usize = burrow_arch::layout::HEAP_END - burrow_arch::layout::HEAP;

/// What all handles of a channel share. Go: `hchan`.
pub(super) struct Hchan<T> {
    /// Protects everything below; what is atomic may be looked at without it.
    pub(super) lock: SpinLock<()>,
    pub(super) closed: AtomicBool,
    /// Waiting receivers.
    pub(super) recvq: WaitQ<T>,
    /// Waiting senders.
    pub(super) sendq: WaitQ<T>,
    pub(super) ring: Ring<T>,
}

// SAFETY: cells are touched under the lock, which passes values of `T` between goroutines; the
// handles share no `&T`.
unsafe impl<T: Send> Sync for Hchan<T> {}
// SAFETY: as above; a channel has no affinity to a core.
unsafe impl<T: Send> Send for Hchan<T> {}

impl<T> Hchan<T> {
    /// Panics with `makechan: size out of range`. Go: `makechan`.
    pub(super) fn makechan(cap: usize) -> Self {
        let bytes = Layout::array::<T>(cap).map_or(usize::MAX, |layout| layout.size());
        if bytes > MAX_BYTES {
            panic!("makechan: size out of range");
        }
        Self {
            lock: SpinLock::new(Rank::Channel, ()),
            closed: AtomicBool::new(false),
            recvq: WaitQ::new(),
            sendq: WaitQ::new(),
            ring: Ring::new(cap),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        // Acquire: pairs with the release in `closechan`; the look at the ring that follows it
        // (`chanrecv` without the lock) sees every value sent before.
        self.closed.load(Ordering::Acquire)
    }

    /// Whether a receive would have to wait; a guess without the lock. Go: `empty`.
    pub(super) fn empty(&self) -> bool {
        match self.ring.cap() {
            0 => self.sendq.is_empty(),
            _ => self.ring.len() == 0,
        }
    }

    /// Whether a send would have to wait; a guess without the lock. Go: `full`.
    pub(super) fn full(&self) -> bool {
        match self.ring.cap() {
            0 => self.recvq.is_empty(),
            _ => self.ring.len() == self.ring.cap(),
        }
    }
}

/// Values that nobody received are dropped with the last handle, oldest first.
impl<T> Drop for Hchan<T> {
    fn drop(&mut self) {
        while self.ring.len() > 0 {
            // SAFETY: the last handle is gone, so that nobody else takes from it.
            drop(unsafe { self.ring.take() });
        }
    }
}

/// Buffered values. Go: `buf`, `sendx`, `recvx`, `qcount`.
pub(super) struct Ring<T> {
    slots: Box<[UnsafeCell<MaybeUninit<T>>]>,
    sendx: Cell<usize>,
    recvx: Cell<usize>,
    /// Changed under the lock; looked at without it.
    qcount: AtomicUsize,
}

impl<T> Ring<T> {
    fn new(cap: usize) -> Self {
        let slots = Box::<[UnsafeCell<MaybeUninit<T>>]>::new_uninit_slice(cap);
        // SAFETY: a cell of an uninitialised value needs no initialisation.
        let slots = unsafe { slots.assume_init() };
        Self { slots, sendx: Cell::new(0), recvx: Cell::new(0), qcount: AtomicUsize::new(0) }
    }

    /// Go: `dataqsiz`.
    pub(super) fn cap(&self) -> usize {
        self.slots.len()
    }

    /// Go: `qcount`.
    pub(super) fn len(&self) -> usize {
        self.qcount.load(Ordering::Relaxed)
    }

    /// Puts a value behind the others.
    ///
    /// # Safety
    /// Under the channel's lock, and not full.
    pub(super) unsafe fn put(&self, value: T) {
        let at = self.sendx.get();
        // SAFETY: the slot behind the last value is free, and under the lock it is ours.
        unsafe { self.slots[at].get().write(MaybeUninit::new(value)) };
        self.sendx.set(self.after(at));
        self.qcount.store(self.len() + 1, Ordering::Relaxed);
    }

    /// Takes the oldest value.
    ///
    /// # Safety
    /// Under the channel's lock (or without other handles), and not empty.
    pub(super) unsafe fn take(&self) -> T {
        let at = self.recvx.get();
        // SAFETY: the slot holds a value, and the indices move on, so that it is read once.
        let value = unsafe { self.slots[at].get().read().assume_init() };
        self.recvx.set(self.after(at));
        self.qcount.store(self.len() - 1, Ordering::Relaxed);
        value
    }

    fn after(&self, index: usize) -> usize {
        if index + 1 == self.cap() { 0 } else { index + 1 }
    }
}
