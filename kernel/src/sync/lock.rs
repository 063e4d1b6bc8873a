//! The kernel's two locks, the only users of `spin`'s (law 10).
//!
//! [`SpinLock`] holds off preemption, so that a holder is never descheduled; interrupts stay
//! unmasked, because handlers take no such lock. [`IrqLock`] masks interrupts too: for the leaf
//! locks that fault and interrupt handlers take. Neither parks; holding one over a park is a bug
//! that the switch asserts.

use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};

use spin::mutex::{SpinMutex, SpinMutexGuard};

use super::pin::{Pinned, pin};
use super::rank::Rank;

/// A spin lock of the scheduler. Go: `mutex` with a lock rank.
pub struct SpinLock<T> {
    rank: Rank,
    inner: SpinMutex<T>,
}

/// The right to what a [`SpinLock`] protects.
pub struct SpinGuard<'a, T> {
    inner: Option<SpinMutexGuard<'a, T>>,
    lock: &'a SpinLock<T>,
    rank: Rank,
    pinned: Pinned,
}

impl<T> SpinLock<T> {
    /// An unlocked lock of that rank.
    pub const fn new(rank: Rank, value: T) -> Self {
        Self { rank, inner: SpinMutex::new(value) }
    }

    /// What it protects, while nobody else knows it.
    pub fn get_mut(&mut self) -> &mut T {
        self.inner.get_mut()
    }

    /// Spins until the lock is free. Go: `lock`.
    pub fn lock(&self) -> SpinGuard<'_, T> {
        let pinned = pin();
        pinned.g().rank_acquire(self.rank);
        SpinGuard { inner: Some(self.inner.lock()), lock: self, rank: self.rank, pinned }
    }

    /// Takes the lock if it is free now.
    pub fn try_lock(&self) -> Option<SpinGuard<'_, T>> {
        let pinned = pin();
        let inner = self.inner.try_lock()?;
        pinned.g().rank_acquire(self.rank);
        Some(SpinGuard { inner: Some(inner), lock: self, rank: self.rank, pinned })
    }

    /// Releases a lock that came to g0 with a goroutine that parked: the count and the rank that
    /// belong to it have moved here (law 2).
    ///
    /// # Safety
    /// The lock was given away by [`SpinGuard::hand_over`] and is released here alone.
    pub unsafe fn unlock_handed_over(&self) {
        let g = crate::g::current();
        // Before the lock opens: who takes it may free what the lock is part of.
        let rank = self.rank;
        // SAFETY: the guard that would have done it is gone.
        unsafe { self.inner.force_unlock() };
        g.rank_release(rank);
        // A g0 holds off preemption anyway, so that none is due here.
        let _ = g.lower();
    }

    /// Takes the lock as one of several of its rank, in order of their addresses. The one pin lasts
    /// until the last of them is released.
    pub fn lock_among(&self, pinned: &Pinned) {
        pinned.g().rank_acquire(self.rank);
        core::mem::forget(self.inner.lock());
    }

    /// Releases what [`lock_among`](Self::lock_among) took; on the same goroutine, or on g0 while
    /// it parks.
    ///
    /// # Safety
    /// It was taken so, is released once, and preemption is held off.
    pub unsafe fn unlock_among(&self) {
        // Before the lock opens: who takes it may free what the lock is part of.
        let rank = self.rank;
        // SAFETY: the guard that would have done it is gone.
        unsafe { self.inner.force_unlock() };
        if cfg!(debug_assertions) {
            crate::g::current().rank_release(rank);
        }
    }

    /// Opens the lock whoever holds it: for the fatal path, when all other cores stand still.
    ///
    /// # Safety
    /// No other code uses the value any more, or the caller can bear a torn one.
    pub unsafe fn break_open(&self) {
        // SAFETY: the caller vouches that the holder will not go on.
        unsafe { self.inner.force_unlock() }
    }
}

impl<'a, T> SpinGuard<'a, T> {
    /// Gives the locked lock to the switch by which this goroutine parks; there
    /// [`SpinLock::unlock_handed_over`] releases it.
    pub fn hand_over(self) -> &'a SpinLock<T> {
        let lock = self.lock;
        core::mem::forget(self);
        lock
    }

    /// Releases the lock, and keeps preemption held off.
    #[inline(always)]
    pub fn unlock_pinned(self) -> Pinned {
        let this = ManuallyDrop::new(self);
        // SAFETY: `self` is not dropped, so that each part of it is used once.
        let (inner, pinned) =
            unsafe { (core::ptr::read(&this.inner), core::ptr::read(&this.pinned)) };
        drop(inner);
        pinned.g().rank_release(this.rank);
        pinned
    }

    /// The proof of held-off preemption that comes with the lock.
    pub fn pinned(&self) -> &Pinned {
        &self.pinned
    }
}

impl<T> Deref for SpinGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        match &self.inner {
            Some(inner) => inner,
            None => unreachable!("taken only in drop"),
        }
    }
}

impl<T> DerefMut for SpinGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.inner {
            Some(inner) => inner,
            None => unreachable!("taken only in drop"),
        }
    }
}

impl<T> Drop for SpinGuard<'_, T> {
    fn drop(&mut self) {
        // Unlock first: the pin's drop may give the core away.
        self.inner = None;
        self.pinned.g().rank_release(self.rank);
    }
}

/// A leaf lock that interrupt and fault handlers may take.
pub struct IrqLock<T> {
    rank: Rank,
    inner: SpinMutex<T>,
}

/// The right to what an [`IrqLock`] protects; interrupts are masked while it lives.
pub struct IrqGuard<'a, T> {
    inner: Option<SpinMutexGuard<'a, T>>,
    was_enabled: bool,
    rank: Rank,
    /// Dropped by hand: see `drop`.
    pinned: ManuallyDrop<Pinned>,
}

/// Bytes of stack that code under an [`IrqLock`] may use: mapped before the lock is taken, because
/// a stack fault under it would want the same lock.
pub const IRQ_LOCK_STACK: usize = 2048;

impl<T> IrqLock<T> {
    /// An unlocked lock of that rank.
    pub const fn new(rank: Rank, value: T) -> Self {
        Self { rank, inner: SpinMutex::new(value) }
    }

    /// Masks interrupts and spins until the lock is free.
    pub fn lock(&self) -> IrqGuard<'_, T> {
        let pinned = pin();
        let was_enabled = burrow_arch::irq::disable();
        // Only now: a goroutine that is switched out in between may find its stack shrunk. And
        // before the rank is noted: the fault that this may raise takes locks of its own.
        probe_stack();
        pinned.g().rank_acquire(self.rank);
        let inner = Some(self.inner.lock());
        IrqGuard { inner, was_enabled, rank: self.rank, pinned: ManuallyDrop::new(pinned) }
    }

    /// See [`SpinLock::break_open`].
    ///
    /// # Safety
    /// As there.
    pub unsafe fn break_open(&self) {
        // SAFETY: the caller vouches that the holder will not go on.
        unsafe { self.inner.force_unlock() }
    }
}

/// Touches the stack that the locked section will use, so that no page of it is missing later.
#[inline(never)]
pub fn probe_stack() {
    let mut ahead = core::mem::MaybeUninit::<[u8; IRQ_LOCK_STACK]>::uninit();
    // The array must stay whole: the compiler would keep the one byte that is used.
    let lowest = core::hint::black_box(ahead.as_mut_ptr()).cast::<u8>();
    // SAFETY: the array's first byte, on this stack; volatile so that the touch stays.
    unsafe { lowest.write_volatile(0) };
}

impl<T> Deref for IrqGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        match &self.inner {
            Some(inner) => inner,
            None => unreachable!("taken only in drop"),
        }
    }
}

impl<T> DerefMut for IrqGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.inner {
            Some(inner) => inner,
            None => unreachable!("taken only in drop"),
        }
    }
}

impl<T> Drop for IrqGuard<'_, T> {
    fn drop(&mut self) {
        self.inner = None;
        self.pinned.g().rank_release(self.rank);
        burrow_arch::irq::restore(self.was_enabled);
        if self.was_enabled {
            // SAFETY: dropped once, here.
            unsafe { ManuallyDrop::drop(&mut self.pinned) };
        } else {
            // Interrupts were masked by the caller, perhaps because this is a handler: no place to
            // give the core up. The request stays for the next time the count drops to zero.
            self.pinned.g().lower();
        }
    }
}
