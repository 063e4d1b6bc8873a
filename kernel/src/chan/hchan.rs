//! The channel itself: [`Hchan`], which is a [`Core`] without types around a [`Ring`] of bytes, so
//! that a `select` over channels of many types is one function. Go: `hchan`.

use alloc::boxed::Box;
use core::alloc::Layout;
use core::cell::Cell;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ops::Deref;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::sync::lock::SpinGuard;
use crate::sync::{Pinned, Rank, SpinLock};
use crate::time::timer::Timer;

use super::waiter::WaitQ;

/// This channel's lock, held.
pub(super) type Held<'a> = SpinGuard<'a, ()>;

/// The proof that a channel's lock is held, whoever holds it.
#[derive(Clone, Copy)]
pub(super) struct Locked<'a>(PhantomData<&'a Core>);

/// No buffer is larger: all of the heap's addresses. Go: `maxAlloc`.
const MAX_BYTES: usize = burrow_arch::layout::HEAP_END - burrow_arch::layout::HEAP;

/// What all handles of a channel share.
pub(super) struct Hchan<T> {
    core: Core,
    /// Values of `T` are in the ring, and a handle for one `T` is none for its subtypes.
    _values: PhantomData<(T, Cell<T>)>,
}

/// A channel without the type of its values. Go: `hchan`.
pub(super) struct Core {
    /// Protects everything below; what is atomic may be looked at without it.
    lock: SpinLock<()>,
    closed: AtomicBool,
    /// Waiting receivers.
    pub(super) recvq: WaitQ,
    /// Waiting senders.
    pub(super) sendq: WaitQ,
    pub(super) ring: Ring,
    /// The timer that sends here, for a timer's channel: see [`super::timer`]. Go: `timer`.
    timer: Option<Box<Timer>>,
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
            crate::panic::runtime_error("makechan: size out of range");
        }
        let core = Core {
            lock: SpinLock::new(Rank::Channel, ()),
            closed: AtomicBool::new(false),
            recvq: WaitQ::new(),
            sendq: WaitQ::new(),
            ring: Ring::new::<T>(cap),
            timer: None,
        };
        Self { core, _values: PhantomData }
    }

    /// Before anybody else has it.
    pub(super) fn set_timer(&mut self, timer: Timer) {
        self.core.timer = Some(Box::new(timer));
    }

    /// As [`Core::timer`], before anybody else has it.
    pub(super) fn timer_mut(&mut self) -> Option<&mut Timer> {
        self.core.timer.as_deref_mut()
    }
}

impl<T> Deref for Hchan<T> {
    type Target = Core;
    fn deref(&self) -> &Core {
        &self.core
    }
}

/// Values that nobody received are dropped with the last handle, oldest first.
impl<T> Drop for Hchan<T> {
    fn drop(&mut self) {
        while self.ring.len() > 0 {
            // SAFETY: the last handle is gone, so that nobody else takes from it; it was made for
            // values of `T`.
            drop(unsafe { self.ring.take::<T>() });
        }
        // SAFETY: made for `T`, empty, and not used again.
        unsafe { self.ring.free::<T>() };
    }
}

impl Core {
    /// Go: `lock(&c.lock)`.
    #[inline(always)]
    pub(super) fn lock(&self) -> Held<'_> {
        self.lock.lock()
    }

    /// Takes the lock as one of several, all of them in order of address, under one pin. Go:
    /// `sellock`.
    #[inline(always)]
    pub(super) fn lock_among(&self, pinned: &Pinned) {
        self.lock.lock_among(pinned);
    }

    /// Releases what [`lock_among`](Self::lock_among) took.
    ///
    /// # Safety
    /// It did, this goroutine holds it (or g0 for it, as it parks), and is pinned.
    #[inline(always)]
    pub(super) unsafe fn unlock_among(&self) {
        // SAFETY: as the caller says.
        unsafe { self.lock.unlock_among() };
    }

    /// For who holds the lock as one of several.
    ///
    /// # Safety
    /// The lock is held while the proof is used.
    #[inline(always)]
    pub(super) unsafe fn locked(&self) -> Locked<'_> {
        Locked(PhantomData)
    }

    /// The timer that sends here.
    #[inline(always)]
    pub(super) fn timer(&self) -> Option<&Timer> {
        self.timer.as_deref()
    }

    #[inline(always)]
    pub(super) fn is_closed(&self) -> bool {
        // Acquire: pairs with `set_closed`; the look at the ring that follows it (`chanrecv`
        // without the lock) sees every value sent before.
        self.closed.load(Ordering::Acquire)
    }

    /// Under the lock.
    pub(super) fn set_closed(&self, _: Locked<'_>) {
        // Release: pairs with `is_closed`.
        self.closed.store(true, Ordering::Release);
    }

    /// Whether a receive would have to wait; a guess without the lock. Go: `empty`.
    #[inline(always)]
    pub(super) fn empty(&self) -> bool {
        match self.ring.cap() {
            0 => self.sendq.is_empty(),
            _ => self.ring.len() == 0,
        }
    }

    /// Whether a send would have to wait; a guess without the lock. Go: `full`.
    #[inline(always)]
    pub(super) fn full(&self) -> bool {
        match self.ring.cap() {
            0 => self.recvq.is_empty(),
            _ => self.ring.len() == self.ring.cap(),
        }
    }

    /// Its identity, and its place in the order of locks. Go: `sortkey`.
    #[inline(always)]
    pub(super) fn addr(&self) -> usize {
        (&raw const *self).addr()
    }
}

/// The proof that comes with the guard.
#[inline(always)]
pub(super) fn locked<'a>(_: &'a Held<'_>) -> Locked<'a> {
    Locked(PhantomData)
}

/// Buffered values. Go: `buf`, `elemsize`, `sendx`, `recvx`, `qcount`.
pub(super) struct Ring {
    /// A box of `cap` slots, each for one value.
    buf: *mut u8,
    cap: usize,
    elem_size: usize,
    sendx: Cell<usize>,
    recvx: Cell<usize>,
    /// Changed under the lock; looked at without it.
    qcount: AtomicUsize,
}

impl Ring {
    fn new<T>(cap: usize) -> Self {
        let slots: Box<[MaybeUninit<T>]> = Box::new_uninit_slice(cap);
        Self {
            buf: Box::into_raw(slots).cast(),
            cap,
            elem_size: size_of::<T>(),
            sendx: Cell::new(0),
            recvx: Cell::new(0),
            qcount: AtomicUsize::new(0),
        }
    }

    /// # Safety
    /// Made for `T`, and not used again.
    unsafe fn free<T>(&self) {
        let slots =
            core::ptr::slice_from_raw_parts_mut(self.buf.cast::<MaybeUninit<T>>(), self.cap);
        // SAFETY: `new` made it from such a box; the caller frees it once.
        drop(unsafe { Box::from_raw(slots) });
    }

    /// Go: `dataqsiz`.
    #[inline(always)]
    pub(super) fn cap(&self) -> usize {
        self.cap
    }

    /// Go: `elemsize`.
    #[inline(always)]
    pub(super) fn elem_size(&self) -> usize {
        self.elem_size
    }

    /// Go: `qcount`.
    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.qcount.load(Ordering::Relaxed)
    }

    /// Puts a value behind the others.
    ///
    /// # Safety
    /// Under the channel's lock, made for `T`, and not full.
    #[inline(always)]
    pub(super) unsafe fn put<T>(&self, value: T) {
        // SAFETY: as the caller says; the slot behind the last value is free, and ours under the
        // lock.
        unsafe { self.buf.cast::<T>().add(self.next_free()).write(value) };
    }

    /// Takes the oldest value.
    ///
    /// # Safety
    /// Under the channel's lock (or without other handles), made for `T`, and not empty.
    #[inline(always)]
    pub(super) unsafe fn take<T>(&self) -> T {
        // SAFETY: as the caller says; the slot holds a value, and is free from now on.
        unsafe { self.buf.cast::<T>().add(self.oldest()).read() }
    }

    /// As [`put`](Self::put), from where the value lies.
    ///
    /// # Safety
    /// As there; `elem` holds a value of the ring's type, which moves.
    pub(super) unsafe fn put_from(&self, elem: *const ()) {
        // SAFETY: as for `put`; slots are as large as values.
        let slot = unsafe { self.buf.add(self.next_free() * self.elem_size) };
        // SAFETY: the caller's value, to a slot of its type.
        unsafe { copy(elem, slot.cast(), self.elem_size) };
    }

    /// As [`take`](Self::take), to where the value shall lie.
    ///
    /// # Safety
    /// As there; `elem` is room for a value of the ring's type.
    pub(super) unsafe fn take_to(&self, elem: *mut ()) {
        // SAFETY: as for `take`; slots are as large as values.
        let slot = unsafe { self.buf.add(self.oldest() * self.elem_size) };
        // SAFETY: a value of the room's type.
        unsafe { copy(slot.cast(), elem, self.elem_size) };
    }

    /// Claims the slot behind the last value.
    #[inline(always)]
    fn next_free(&self) -> usize {
        let at = self.sendx.get();
        self.sendx.set(self.after(at));
        self.qcount.store(self.len() + 1, Ordering::Relaxed);
        at
    }

    /// Gives up the slot of the first value.
    #[inline(always)]
    fn oldest(&self) -> usize {
        let at = self.recvx.get();
        self.recvx.set(self.after(at));
        self.qcount.store(self.len() - 1, Ordering::Relaxed);
        at
    }

    #[inline(always)]
    fn after(&self, index: usize) -> usize {
        if index + 1 == self.cap { 0 } else { index + 1 }
    }
}

/// Moves a value of a type that is not known here. Go: `typedmemmove`.
///
/// # Safety
/// `from` holds a value of `size` bytes that moves to `to`, which is room for it; both as aligned
/// as its type says, and apart.
#[inline(always)]
pub(super) unsafe fn copy(from: *const (), to: *mut (), size: usize) {
    /// Most values are a word.
    type Word = MaybeUninit<[u8; 8]>;
    if size == size_of::<Word>() {
        // SAFETY: as the caller says; the type is aligned to a byte and may be uninitialised.
        unsafe { to.cast::<Word>().write(from.cast::<Word>().read()) };
    } else {
        // SAFETY: as the caller says.
        unsafe { core::ptr::copy_nonoverlapping(from.cast::<u8>(), to.cast::<u8>(), size) };
    }
}
