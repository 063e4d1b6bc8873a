//! The global run queue: where items wait that belong to no P.
//!
//! The list itself is plain data under the scheduler's lock. [`GlobalLen`] is its length for those
//! who do not hold the lock: every look for work begins with the global queue, and nearly every
//! one finds it empty. The two are separate types because they live on different sides of the
//! lock; every change names both, so that they cannot drift apart.

use core::ptr::NonNull;

use super::link::Linked;
use super::list::List;
use crate::sync::atomic::{AtomicUsize, Ordering, const_unless_loom};

/// The length of a [`GlobalQueue`], readable without its lock.
pub struct GlobalLen(AtomicUsize);

impl GlobalLen {
    const_unless_loom! {
        /// Nothing queued.
        pub fn new() -> Self {
            Self(AtomicUsize::new(0))
        }
    }

    /// A recent length. Relaxed: who finds something takes the lock, which orders the rest; who
    /// must not miss anything has passed a fence first ([`super::spin`]).
    pub fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Was the queue empty a moment ago?
    pub fn is_empty(&self) -> bool {
        self.get() == 0
    }

    fn show(&self, len: usize) {
        self.0.store(len, Ordering::Relaxed);
    }
}

impl Default for GlobalLen {
    fn default() -> Self {
        Self::new()
    }
}

/// The list, to be kept under the scheduler's lock.
pub struct GlobalQueue<T: Linked> {
    list: List<T>,
}

impl<T: Linked> GlobalQueue<T> {
    /// A queue of nothing.
    pub const fn new() -> Self {
        Self { list: List::new() }
    }

    /// Is there nothing in it?
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many items are in it.
    pub const fn len(&self) -> usize {
        self.list.len()
    }

    /// The items from first to last, left where they are.
    pub fn iter(&self) -> super::list::Iter<'_, T> {
        self.list.iter()
    }

    /// Puts `item` behind all others (Go: `globrunqput`).
    ///
    /// # Safety
    ///
    /// The promises of [`Linked`]: alive until taken out, and on no other list.
    pub unsafe fn put(&mut self, item: NonNull<T>, shown: &GlobalLen) {
        // SAFETY: the caller's promises are the ones asked for.
        unsafe { self.list.push_back(item) };
        shown.show(self.list.len());
    }

    /// Puts `item` before all others (Go: `globrunqputhead`).
    ///
    /// # Safety
    ///
    /// The promises of [`Linked`]: alive until taken out, and on no other list.
    pub unsafe fn put_head(&mut self, item: NonNull<T>, shown: &GlobalLen) {
        // SAFETY: the caller's promises are the ones asked for.
        unsafe { self.list.push_front(item) };
        shown.show(self.list.len());
    }

    /// Puts all of `batch` behind (Go: `globrunqputbatch`).
    pub fn put_batch(&mut self, batch: List<T>, shown: &GlobalLen) {
        self.list.push_back_all(batch);
        shown.show(self.list.len());
    }

    /// Takes the first item (Go: `globrunqget`).
    pub fn get(&mut self, shown: &GlobalLen) -> Option<NonNull<T>> {
        let item = self.list.pop_front();
        shown.show(self.list.len());
        item
    }

    /// Takes a core's fair share: the first item, to run now, and the rest, for its own ring (Go:
    /// `globrunqgetbatch`).
    ///
    /// The share is one `procs`th of what waits and one more, so that cores which come together
    /// all find something; it is never more than `most` (Go passes half a ring, which an owner
    /// with nothing to run has room for).
    pub fn get_batch(
        &mut self,
        procs: usize,
        most: usize,
        shown: &GlobalLen,
    ) -> Option<(NonNull<T>, List<T>)> {
        let waiting = self.list.len();
        let share = most.min(waiting).min(waiting / procs + 1);
        let first = self.list.pop_front()?;
        let mut rest = List::new();
        for _ in 1..share {
            let Some(item) = self.list.pop_front() else { break };
            // SAFETY: it was in the queue, so it is alive, and it has just left it.
            unsafe { rest.push_back(item) };
        }
        shown.show(self.list.len());
        Some((first, rest))
    }
}

impl<T: Linked> Default for GlobalQueue<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::queue::item::{Items, id, ids};

    fn filled(
        items: &Items,
        count: usize,
        shown: &GlobalLen,
    ) -> GlobalQueue<super::super::item::Item> {
        let mut queue = GlobalQueue::new();
        for id in 0..count {
            // SAFETY: `items` outlives the queue; each is queued once.
            unsafe { queue.put(items.get(id), shown) };
        }
        queue
    }

    fn share(count: usize, procs: usize, most: usize) -> usize {
        let (items, shown) = (Items::new(count), GlobalLen::new());
        let mut queue = filled(&items, count, &shown);
        let taken = queue.get_batch(procs, most, &shown).map_or(0, |(first, rest)| {
            let rest = ids(rest);
            assert_eq!(id(first), 0);
            assert!(rest.iter().copied().eq(1..=rest.len()));
            1 + rest.len()
        });
        assert_eq!((shown.get(), queue.len()), (count - taken, count - taken));
        while queue.get(&shown).is_some() {}
        taken
    }

    #[test]
    fn a_batch_is_the_fair_share() {
        assert_eq!(share(0, 4, 128), 0);
        assert_eq!(share(1, 4, 128), 1);
        assert_eq!(share(8, 4, 128), 3);
        assert_eq!(share(10, 1, 128), 10);
        assert_eq!(share(1000, 2, 128), 128);
        assert_eq!(share(7, 64, 128), 1);
    }

    #[test]
    fn the_shown_length_follows_every_change() {
        let (items, shown) = (Items::new(4), GlobalLen::new());
        let mut queue = filled(&items, 2, &shown);
        assert_eq!(shown.get(), 2);
        let mut batch = List::new();
        // SAFETY: `items` outlives both; each is queued once.
        unsafe { batch.push_back(items.get(2)) };
        queue.put_batch(batch, &shown);
        // SAFETY: as above.
        unsafe { queue.put_head(items.get(3), &shown) };
        assert_eq!(shown.get(), 4);
        for expected in [3, 0, 1, 2] {
            assert_eq!(queue.get(&shown).map(id), Some(expected));
        }
        assert!(shown.is_empty() && queue.is_empty() && queue.get(&shown).is_none());
    }
}
