//! The link word that an item carries for whichever list it is on (Go: `g.schedlink`).
//!
//! An intrusive link makes queueing free of allocation, which is what lets interrupt handlers and
//! the scheduler's own paths queue at all. The price is the contract of [`Linked`].

use core::ptr::NonNull;

use crate::sync::atomic::{AtomicPtr, Ordering};

/// Something that can stand on one list at a time.
///
/// The link is an atomic because lock-free stacks read it while another core rewrites it; plain
/// lists use it with relaxed accesses, and the lock (or the ring's release and acquire) that hands
/// the list on orders them.
///
/// # Safety
///
/// `link` returns the same field of the same item at every call, and nobody but the list that the
/// item is on writes it. An item may be queued on one core and taken on another.
///
/// Whoever queues an item (that is why queueing is `unsafe`) promises that it
/// 1. is alive, and is not freed or moved while it is queued, and
/// 2. is on no other list at that time.
pub unsafe trait Linked: Sized {
    /// The item's link word.
    fn link(&self) -> &AtomicPtr<Self>;
}

/// The item after `item` on its list.
///
/// # Safety
///
/// `item` is alive (point 1 of [`Linked`]).
pub(crate) unsafe fn next<T: Linked>(item: NonNull<T>) -> *mut T {
    // SAFETY: alive, says the caller. Items are shared, never `&mut`.
    let item = unsafe { item.as_ref() };
    item.link().load(Ordering::Relaxed)
}

/// Makes `after` the item after `item`.
///
/// # Safety
///
/// `item` is alive and the caller owns its link (point 2 of [`Linked`]).
pub(crate) unsafe fn set_next<T: Linked>(item: NonNull<T>, after: *mut T) {
    // SAFETY: alive, says the caller. Items are shared, never `&mut`.
    let item = unsafe { item.as_ref() };
    item.link().store(after, Ordering::Relaxed);
}
