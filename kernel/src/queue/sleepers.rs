//! A heap of sleepers by the time at which they are to wake: [`Sleepers`].
//!
//! A pairing heap whose links lie in the items, so that going to sleep allocates nothing, and who
//! is woken before its time leaves from the middle. Pure data; kernel threads sleep in it
//! ([`crate::kthread`]).

use core::cell::Cell;
use core::ptr::{self, NonNull};

/// What an item carries for the heap that it is in.
pub struct Links<T> {
    /// The first of those that wake later than this one, as far as is known.
    child: Cell<*mut T>,
    /// The next one under the same parent.
    next: Cell<*mut T>,
    /// The one before it there, or the parent if it is the first.
    prev: Cell<*mut T>,
    /// When it is to wake.
    when: Cell<u64>,
    /// In a heap.
    inside: Cell<bool>,
}

impl<T> Links<T> {
    /// In no heap.
    pub const fn new() -> Self {
        Self {
            child: Cell::new(ptr::null_mut()),
            next: Cell::new(ptr::null_mut()),
            prev: Cell::new(ptr::null_mut()),
            when: Cell::new(0),
            inside: Cell::new(false),
        }
    }
}

impl<T> Default for Links<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// Something that can sleep in one heap at a time.
///
/// # Safety
///
/// `links` returns the same field of the same item at every call, and only the heap touches it. An
/// item stays alive and in its place while it is in a heap.
pub unsafe trait Sleeper: Sized {
    /// The item's links.
    fn links(&self) -> &Links<Self>;
}

/// See the module's text. Whoever shares it protects it, and with it the links of all items inside.
pub struct Sleepers<T: Sleeper> {
    root: *mut T,
}

// SAFETY: a heap only names items, whose links it alone touches; the items may be used from any
// core, or they could not be woken.
unsafe impl<T: Sleeper + Sync> Send for Sleepers<T> {}

/// The links of an item in the heap.
fn links<'a, T: Sleeper + 'a>(item: *mut T) -> &'a Links<T> {
    // SAFETY: only called with items in the heap, which stay alive (contract of `insert`).
    unsafe { (*item).links() }
}

impl<T: Sleeper> Sleepers<T> {
    /// Nobody sleeps.
    pub const fn new() -> Self {
        Self { root: ptr::null_mut() }
    }

    /// Who wakes first, and when.
    pub fn first(&self) -> Option<(u64, NonNull<T>)> {
        let first = NonNull::new(self.root)?;
        Some((links(self.root).when.get(), first))
    }

    /// Adds one that is to wake at `when`.
    ///
    /// # Safety
    ///
    /// The item is in no heap, and stays alive until it has left this one.
    pub unsafe fn insert(&mut self, item: NonNull<T>, when: u64) {
        let own = links(item.as_ptr());
        debug_assert!(!own.inside.get(), "a sleeper sleeps once");
        own.child.set(ptr::null_mut());
        own.next.set(ptr::null_mut());
        own.prev.set(ptr::null_mut());
        own.when.set(when);
        own.inside.set(true);
        self.root = meld(self.root, item.as_ptr());
    }

    /// Takes the one that wakes first.
    pub fn pop(&mut self) -> Option<NonNull<T>> {
        let first = NonNull::new(self.root)?;
        links(self.root).inside.set(false);
        self.root = meld_all(links(self.root).child.get());
        Some(first)
    }

    /// Takes that one out, if it is inside.
    ///
    /// # Safety
    ///
    /// The item is alive, and in no other heap.
    pub unsafe fn remove(&mut self, item: NonNull<T>) -> bool {
        let item = item.as_ptr();
        let own = links(item);
        if !own.inside.get() {
            return false;
        }
        if item == self.root {
            return self.pop().is_some();
        }
        own.inside.set(false);
        let (prev, next) = (own.prev.get(), own.next.get());
        if links(prev).child.get() == item {
            links(prev).child.set(next);
        } else {
            links(prev).next.set(next);
        }
        if !next.is_null() {
            links(next).prev.set(prev);
        }
        self.root = meld(self.root, meld_all(own.child.get()));
        true
    }
}

impl<T: Sleeper> Default for Sleepers<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// One heap of two; either may be empty.
fn meld<T: Sleeper>(a: *mut T, b: *mut T) -> *mut T {
    if a.is_null() {
        return b;
    }
    if b.is_null() {
        return a;
    }
    let (top, under) = if links(b).when.get() < links(a).when.get() { (b, a) } else { (a, b) };
    let second = links(top).child.get();
    if !second.is_null() {
        links(second).prev.set(under);
    }
    links(under).next.set(second);
    links(under).prev.set(top);
    links(top).child.set(under);
    top
}

/// One heap of all that are under one parent, `first` and those after it: in pairs from the left,
/// then all pairs from the right, which keeps the heap shallow in the long run.
fn meld_all<T: Sleeper>(mut first: *mut T) -> *mut T {
    let take = |first: &mut *mut T| {
        let item = *first;
        if !item.is_null() {
            *first = links(item).next.get();
            links(item).next.set(ptr::null_mut());
            links(item).prev.set(ptr::null_mut());
        }
        item
    };
    let mut pairs: *mut T = ptr::null_mut();
    while !first.is_null() {
        let a = take(&mut first);
        let b = take(&mut first);
        let pair = meld(a, b);
        links(pair).next.set(pairs);
        pairs = pair;
    }
    let mut all = ptr::null_mut();
    while !pairs.is_null() {
        all = meld(all, take(&mut pairs));
    }
    all
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    struct Item {
        id: usize,
        links: Links<Item>,
    }

    // SAFETY: always the same field; the tests' items outlive their heaps.
    unsafe impl Sleeper for Item {
        fn links(&self) -> &Links<Self> {
            &self.links
        }
    }

    fn items(n: usize) -> Vec<Item> {
        (0..n).map(|id| Item { id, links: Links::new() }).collect()
    }

    fn drain(heap: &mut Sleepers<Item>) -> Vec<(u64, usize)> {
        core::iter::from_fn(|| {
            let (when, first) = heap.first()?;
            assert_eq!(heap.pop(), Some(first));
            // SAFETY: the items are alive.
            Some((when, unsafe { first.as_ref() }.id))
        })
        .collect()
    }

    #[test]
    fn the_earliest_comes_first() {
        let items = items(200);
        let mut heap = Sleepers::new();
        assert!(heap.first().is_none() && heap.pop().is_none());
        for round in 1..4 {
            for item in &items {
                let when = (item.id * 77 * round % 200) as u64;
                // SAFETY: in no heap, alive until the end.
                unsafe { heap.insert(NonNull::from(item), when) };
            }
            let order = drain(&mut heap);
            assert_eq!(order.len(), 200);
            assert!(order.is_sorted_by_key(|(when, _)| *when));
        }
    }

    #[test]
    fn any_may_leave_before_its_time() {
        let items = items(300);
        let mut heap = Sleepers::new();
        for item in &items {
            // SAFETY: in no heap, alive until the end.
            unsafe { heap.insert(NonNull::from(item), (item.id * 131 % 300) as u64) };
        }
        for _ in 0..20 {
            heap.pop();
        }
        let mut left = 280;
        for item in items.iter().filter(|item| item.id % 3 != 0) {
            // SAFETY: alive, and in this heap or in none.
            left -= usize::from(unsafe { heap.remove(NonNull::from(item)) });
            // SAFETY: as above.
            assert!(!unsafe { heap.remove(NonNull::from(item)) });
        }
        let order = drain(&mut heap);
        assert_eq!(order.len(), left);
        assert!(order.is_sorted_by_key(|(when, _)| *when));
        assert!(order.iter().all(|(when, id)| id % 3 == 0 && *when >= 20));
    }

    #[test]
    fn equal_times_wake_in_the_order_of_their_coming_two_by_two() {
        let items = items(2);
        let mut heap = Sleepers::new();
        for item in &items {
            // SAFETY: in no heap, alive until the end.
            unsafe { heap.insert(NonNull::from(item), 5) };
        }
        assert_eq!(drain(&mut heap), [(5, 0), (5, 1)]);
    }
}
