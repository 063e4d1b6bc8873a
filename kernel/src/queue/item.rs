//! The item that this crate's unit tests queue.

use core::ptr::{self, NonNull};

use super::link::Linked;
use super::list::List;
use crate::sync::atomic::AtomicPtr;

/// A numbered item.
pub(crate) struct Item {
    link: AtomicPtr<Item>,
    pub(crate) id: usize,
}

// SAFETY: one field, always the same, written by lists alone.
unsafe impl Linked for Item {
    fn link(&self) -> &AtomicPtr<Self> {
        &self.link
    }
}

/// Items 0, 1, 2, … that live until this is dropped.
pub(crate) struct Items(Vec<NonNull<Item>>);

// SAFETY: items are shared by reference only, and `Item` is `Sync`.
unsafe impl Sync for Items {}

impl Items {
    pub(crate) fn new(count: usize) -> Self {
        let item = |id| Box::new(Item { link: AtomicPtr::new(ptr::null_mut()), id });
        Self((0..count).map(|id| NonNull::from(Box::leak(item(id)))).collect())
    }

    pub(crate) fn get(&self, id: usize) -> NonNull<Item> {
        self.0[id]
    }
}

impl Drop for Items {
    fn drop(&mut self) {
        for item in self.0.drain(..) {
            // SAFETY: leaked from a box in `new`, taken back once; tests are done with it.
            drop(unsafe { Box::from_raw(item.as_ptr()) });
        }
    }
}

/// The number of an item.
pub(crate) fn id(item: NonNull<Item>) -> usize {
    // SAFETY: tests keep their `Items` until the end.
    unsafe { item.as_ref() }.id
}

/// Empties a list into the numbers of its items.
pub(crate) fn ids(mut list: List<Item>) -> Vec<usize> {
    core::iter::from_fn(|| list.pop_front()).map(id).collect()
}
