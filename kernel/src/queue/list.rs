//! Plain lists of items: [`List`], first in first out (Go: `gQueue`), and [`Stack`], last in
//! first out (Go: `gList`).
//!
//! Neither is shared as it stands: a list belongs to a lock, to one core, or to the function that
//! is carrying a batch from one queue to the next. Neither owns its items: dropping a list that
//! still names some would lose them, which debug builds catch.

use core::ptr::{self, NonNull};

use super::link::{Linked, next, set_next};

/// First in, first out.
pub struct List<T: Linked> {
    head: Option<NonNull<T>>,
    /// Meaningful only while `head` is there.
    tail: Option<NonNull<T>>,
    len: usize,
}

// SAFETY: a list only names items, and `Linked` lets items be queued on one core and taken on
// another; what the taker may do with an item is between it and the item's type.
unsafe impl<T: Linked> Send for List<T> {}

impl<T: Linked> List<T> {
    /// A list of nothing.
    pub const fn new() -> Self {
        Self { head: None, tail: None, len: 0 }
    }

    /// Is there nothing on it?
    pub const fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    /// How many items are on it.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Puts `item` behind all others.
    ///
    /// # Safety
    ///
    /// The promises of [`Linked`]: alive until taken off, and on no other list.
    pub unsafe fn push_back(&mut self, item: NonNull<T>) {
        // SAFETY: alive and on no list, says the caller, so its link is ours.
        unsafe { set_next(item, ptr::null_mut()) };
        self.append(item, item, 1);
    }

    /// Puts `item` before all others.
    ///
    /// # Safety
    ///
    /// The promises of [`Linked`]: alive until taken off, and on no other list.
    pub unsafe fn push_front(&mut self, item: NonNull<T>) {
        let after = self.head.map_or(ptr::null_mut(), NonNull::as_ptr);
        // SAFETY: alive and on no list, says the caller, so its link is ours.
        unsafe { set_next(item, after) };
        self.head = Some(item);
        if self.len == 0 {
            self.tail = Some(item);
        }
        self.len += 1;
    }

    /// Puts all of `other` behind, in its order.
    pub fn push_back_all(&mut self, mut other: Self) {
        if let (Some(first), Some(last)) = (other.head.take(), other.tail.take()) {
            self.append(first, last, core::mem::take(&mut other.len));
        }
    }

    /// Takes the first item off.
    pub fn pop_front(&mut self) -> Option<NonNull<T>> {
        let item = self.head?;
        // SAFETY: items on a list are alive (promised when it was queued).
        self.head = NonNull::new(unsafe { next(item) });
        if self.head.is_none() {
            self.tail = None;
        }
        self.len -= 1;
        Some(item)
    }

    /// The items from first to last, left where they are.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { at: self.head, list: core::marker::PhantomData }
    }

    /// Links the chain `first..=last`, whose last link is null, behind the rest.
    fn append(&mut self, first: NonNull<T>, last: NonNull<T>, count: usize) {
        match self.tail {
            // SAFETY: `tail` is on this list, so it is alive and its link is ours.
            Some(tail) => unsafe { set_next(tail, first.as_ptr()) },
            None => self.head = Some(first),
        }
        self.tail = Some(last);
        self.len += count;
    }
}

impl<T: Linked> Default for List<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Linked> Drop for List<T> {
    fn drop(&mut self) {
        debug_assert!(self.is_empty(), "list dropped with {} items on it", self.len);
    }
}

/// Walks a [`List`] without taking anything off.
pub struct Iter<'a, T: Linked> {
    at: Option<NonNull<T>>,
    list: core::marker::PhantomData<&'a List<T>>,
}

impl<T: Linked> Iterator for Iter<'_, T> {
    type Item = NonNull<T>;

    fn next(&mut self) -> Option<NonNull<T>> {
        let item = self.at?;
        // SAFETY: the list is borrowed, so the item is on it and alive.
        self.at = NonNull::new(unsafe { next(item) });
        Some(item)
    }
}

impl<'a, T: Linked> IntoIterator for &'a List<T> {
    type Item = NonNull<T>;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

/// Last in, first out: for free lists, where the warmest item should go first.
pub struct Stack<T: Linked> {
    list: List<T>,
}

impl<T: Linked> Stack<T> {
    /// A stack of nothing.
    pub const fn new() -> Self {
        Self { list: List::new() }
    }

    /// Is there nothing on it?
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many items are on it.
    pub const fn len(&self) -> usize {
        self.list.len()
    }

    /// Puts `item` on top.
    ///
    /// # Safety
    ///
    /// The promises of [`Linked`]: alive until taken off, and on no other list.
    pub unsafe fn push(&mut self, item: NonNull<T>) {
        // SAFETY: the caller's promises are the ones asked for.
        unsafe { self.list.push_front(item) };
    }

    /// The items, newest first.
    pub fn iter(&self) -> Iter<'_, T> {
        self.list.iter()
    }

    /// Takes the newest item off.
    pub fn pop(&mut self) -> Option<NonNull<T>> {
        self.list.pop_front()
    }
}

impl<T: Linked> Default for Stack<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::queue::item::{Items, ids};

    #[test]
    fn a_list_gives_items_in_the_order_they_came() {
        let items = Items::new(5);
        let mut list = List::new();
        for id in [1, 2, 3] {
            // SAFETY: `items` outlives the list; each is queued once.
            unsafe { list.push_back(items.get(id)) };
        }
        // SAFETY: as above.
        unsafe { list.push_front(items.get(0)) };
        let mut more = List::new();
        // SAFETY: as above.
        unsafe { more.push_front(items.get(4)) };
        list.push_back_all(more);
        list.push_back_all(List::new());
        assert_eq!(list.len(), 5);
        assert_eq!(list.iter().count(), 5);
        assert_eq!(ids(list), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_list_can_be_emptied_and_used_again() {
        let items = Items::new(2);
        let mut list = List::new();
        for _ in 0..3 {
            // SAFETY: `items` outlives the list; the item was taken off again.
            unsafe { list.push_back(items.get(1)) };
            assert_eq!(list.pop_front(), Some(items.get(1)));
            assert!(list.is_empty() && list.pop_front().is_none());
        }
        let mut whole = List::new();
        // SAFETY: as above.
        unsafe { list.push_back(items.get(0)) };
        whole.push_back_all(list);
        assert_eq!(ids(whole), [0]);
    }

    #[test]
    fn a_stack_gives_the_newest_first() {
        let items = Items::new(3);
        let mut stack = Stack::new();
        for id in 0..3 {
            // SAFETY: `items` outlives the stack; each is queued once.
            unsafe { stack.push(items.get(id)) };
        }
        assert_eq!(stack.len(), 3);
        for id in (0..3).rev() {
            assert_eq!(stack.pop(), Some(items.get(id)));
        }
        assert!(stack.is_empty() && stack.pop().is_none());
    }
}
