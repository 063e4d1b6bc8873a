//! A [`PoolDequeue`] that grows: a chain of rings, each twice as large as the one before. Go:
//! `poolChain`.
//!
//! The producer works at the newest ring, consumers begin at the oldest that may hold something.
//! Differs from Go: a ring that was emptied stays until the chain is dropped, because a consumer may
//! still look at it; all of them together are no larger than the newest.

use alloc::boxed::Box;
use core::ptr::null_mut;

use super::PoolDequeue;
use crate::sync::atomic::{AtomicPtr, Ordering, const_unless_loom};

/// Slots of the first ring.
const FIRST: usize = 8;
/// A ring that large is followed by one as large. Go: `dequeueLimit`.
const LIMIT: usize = 1 << 30;

/// See the module's text.
pub struct PoolChain<T> {
    /// The newest ring: the producer's own.
    head: AtomicPtr<Link<T>>,
    /// Where consumers begin.
    tail: AtomicPtr<Link<T>>,
}

struct Link<T> {
    ring: PoolDequeue<T>,
    /// The newer one: written once by the producer.
    next: AtomicPtr<Link<T>>,
    /// The older one.
    prev: *mut Link<T>,
}

// SAFETY: rings are shared as they allow it, links are never freed before the chain.
unsafe impl<T: Send> Sync for PoolChain<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for PoolChain<T> {}

impl<T> PoolChain<T> {
    const_unless_loom! {
        /// Empty.
        pub fn new() -> Self {
            Self { head: AtomicPtr::new(null_mut()), tail: AtomicPtr::new(null_mut()) }
        }
    }

    /// Adds a value as the newest. Go: `pushHead`.
    ///
    /// # Safety
    /// There is one producer at a time, and what the one before did happened before.
    pub unsafe fn push_head(&self, value: T) {
        // Relaxed: the producer's own word.
        let newest = self.head.load(Ordering::Relaxed);
        // SAFETY: links live as long as the chain.
        let mut rest = match unsafe { newest.as_ref() } {
            // SAFETY: the caller is the producer.
            Some(link) => match unsafe { link.ring.push_head(value) } {
                Ok(()) => return,
                Err(value) => (value, (link.ring.size() * 2).min(LIMIT)),
            },
            None => (value, FIRST),
        };
        loop {
            // SAFETY: the caller is the producer.
            let ring = unsafe { self.grow(rest.1) };
            // SAFETY: as above.
            match unsafe { ring.push_head(rest.0) } {
                Ok(()) => return,
                Err(value) => rest.0 = value,
            }
        }
    }

    /// One ring more.
    ///
    /// # Safety
    /// The caller is the producer.
    unsafe fn grow(&self, size: usize) -> &PoolDequeue<T> {
        let prev = self.head.load(Ordering::Relaxed);
        let next = AtomicPtr::new(null_mut());
        let link = Box::into_raw(Box::new(Link { ring: PoolDequeue::new(size), next, prev }));
        self.head.store(link, Ordering::Relaxed);
        // SAFETY: links live as long as the chain.
        match unsafe { prev.as_ref() } {
            // Release, both: pair with the acquires in `pop_tail`.
            Some(prev) => prev.next.store(link, Ordering::Release),
            None => self.tail.store(link, Ordering::Release),
        }
        // SAFETY: as above.
        unsafe { &(*link).ring }
    }

    /// Takes the newest value. Go: `popHead`.
    ///
    /// # Safety
    /// As [`push_head`](Self::push_head).
    pub unsafe fn pop_head(&self) -> Option<T> {
        let mut link = self.head.load(Ordering::Relaxed);
        // SAFETY: links live as long as the chain.
        while let Some(here) = unsafe { link.as_ref() } {
            // SAFETY: the caller is the producer.
            if let Some(value) = unsafe { here.ring.pop_head() } {
                return Some(value);
            }
            link = here.prev;
        }
        None
    }

    /// Takes the oldest value. Anybody. Go: `popTail`.
    pub fn pop_tail(&self) -> Option<T> {
        // Acquire: pairs with the release in `grow`, as the one below does.
        let mut link = self.tail.load(Ordering::Acquire);
        loop {
            // SAFETY: links live as long as the chain.
            let here = unsafe { link.as_ref() }?;
            // Before the look into the ring: one that has a successor and is empty stays empty.
            let next = here.next.load(Ordering::Acquire);
            if let Some(value) = here.ring.pop_tail() {
                return Some(value);
            }
            if next.is_null() {
                return None;
            }
            // Later consumers need not come by here. Release: hands on what the acquires have seen.
            let _ = self.tail.compare_exchange(link, next, Ordering::Release, Ordering::Relaxed);
            link = next;
        }
    }
}

impl<T> Drop for PoolChain<T> {
    fn drop(&mut self) {
        let mut link = self.head.load(Ordering::Relaxed);
        while !link.is_null() {
            // SAFETY: made by `grow`, and nobody else has the chain any more.
            let owned = unsafe { Box::from_raw(link) };
            link = owned.prev;
        }
    }
}
