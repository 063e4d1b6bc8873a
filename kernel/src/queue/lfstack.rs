//! A stack that any core pushes to and pops from without a lock (Go: `lfstack`).
//!
//! A pop reads the link of an item that another core may pop at the same moment, so items are
//! never freed: they only move between lists. It could also exchange the top although that was
//! popped and pushed again meanwhile and has another item under it now; so the top carries a tag
//! that each push advances.
//!
//! Tag and address share one word: addresses are 48 bits wide (sign-extended) and aligned to 8,
//! which leaves 19 bits, as in Go. A pop would have to sleep through exactly a multiple of 2¹⁹
//! pushes to be deceived. The word is a pointer whose address is rewritten, so the item's
//! provenance travels with it. Rejected: 128-bit exchange (x86-64's baseline has none) and an
//! integer with exposed provenance (nothing to gain, and Miri would have to look away).

use core::ptr::{self, NonNull};

use super::link::{Linked, next, set_next};
use crate::sync::atomic::{AtomicPtr, Ordering, const_unless_loom};

/// Bits of an address that can be anything but sign extension.
const ADDR_BITS: u32 = 48;
/// Low bits of an address that alignment makes zero.
const ALIGN_BITS: u32 = 3;
/// What is left for the tag.
const TAG_BITS: u32 = u64::BITS - ADDR_BITS + ALIGN_BITS;

/// A lock-free stack of items that are never freed.
pub struct LfStack<T> {
    /// The top item's address in the upper bits, the tag in the lower ones.
    top: AtomicPtr<T>,
}

impl<T> LfStack<T> {
    const_unless_loom! {
        /// A stack of nothing.
        pub fn new() -> Self {
            const { assert!(align_of::<T>() >= 1 << ALIGN_BITS, "no room for the tag") };
            Self { top: AtomicPtr::new(ptr::null_mut()) }
        }
    }

    /// Is there nothing on it?
    pub fn is_empty(&self) -> bool {
        item_of(self.top.load(Ordering::Relaxed)).is_null()
    }
}

impl<T: Linked> LfStack<T> {
    /// Puts `item` on top.
    ///
    /// # Safety
    ///
    /// The promises of [`Linked`], and more: the item is never freed, even after it was popped.
    pub unsafe fn push(&self, item: NonNull<T>) {
        let mut top = self.top.load(Ordering::Relaxed);
        loop {
            // SAFETY: alive and on no list, says the caller, so its link is ours. A pop that is
            // late may read it; links are atomic, and its exchange will fail.
            unsafe { set_next(item, item_of(top)) };
            let new = tagged(item.as_ptr(), tag_of(top) + 1);
            // Release: partner is the acquire in pop. It shows the link and what the item holds.
            match self.top.compare_exchange_weak(top, new, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => top = now,
            }
        }
    }

    /// Takes the newest item off.
    pub fn pop(&self) -> Option<NonNull<T>> {
        let mut top = self.top.load(Ordering::Acquire); // partner: push
        loop {
            let item = NonNull::new(item_of(top))?;
            // SAFETY: items are never freed, so it is alive even if another core popped it.
            let below = unsafe { next(item) };
            let new = tagged(below, tag_of(top));
            // Acquire on failure for the next round; on success the load before has acquired, for
            // the tag says that no push came between.
            match self.top.compare_exchange_weak(top, new, Ordering::Relaxed, Ordering::Acquire) {
                Ok(_) => return Some(item),
                Err(now) => top = now,
            }
        }
    }
}

impl<T> Default for LfStack<T> {
    fn default() -> Self {
        Self::new()
    }
}

fn tagged<T>(item: *mut T, tag: usize) -> *mut T {
    let word =
        item.map_addr(|addr| (addr << (u64::BITS - ADDR_BITS)) | (tag & ((1 << TAG_BITS) - 1)));
    debug_assert!(item_of(word) == item, "lfstack: address {item:p} does not fit");
    word
}

fn item_of<T>(word: *mut T) -> *mut T {
    // The shift to the right is arithmetic: it restores the sign extension.
    word.map_addr(|word| ((word as isize >> TAG_BITS) << ALIGN_BITS) as usize)
}

fn tag_of<T>(word: *mut T) -> usize {
    word.addr() & ((1 << TAG_BITS) - 1)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::queue::item::{Items, id};

    // covers: S38
    #[test]
    fn the_newest_comes_first() {
        let (items, stack) = (Items::new(3), LfStack::new());
        for round in 0..3 {
            assert!(stack.is_empty() && stack.pop().is_none(), "{round}");
            for id in 0..3 {
                // SAFETY: `items` outlives the stack; each is on it once.
                unsafe { stack.push(items.get(id)) };
            }
            for expected in (0..3).rev() {
                assert_eq!(stack.pop().map(id), Some(expected));
            }
        }
    }

    #[test]
    fn words_keep_addresses_of_both_halves_and_the_tag() {
        for addr in [0, 8, 0x7fff_ffff_fff8, 0xffff_8000_0000_0000, 0xffff_ffff_ffff_fff8] {
            let item = ptr::without_provenance_mut::<u64>(addr);
            for tag in [0, 1, (1 << TAG_BITS) - 1] {
                let word = tagged(item, tag);
                assert_eq!((item_of(word), tag_of(word)), (item, tag));
            }
            assert_eq!(tag_of(tagged(item, 1 << TAG_BITS)), 0, "the tag wraps");
        }
    }

    // covers: S38
    #[test]
    fn cores_that_pop_and_push_lose_and_double_nothing() {
        const ITEMS: usize = 64;
        let (items, stack) = (Items::new(ITEMS), LfStack::new());
        for id in 0..ITEMS {
            // SAFETY: `items` outlives the stack; each is on it once.
            unsafe { stack.push(items.get(id)) };
        }
        std::thread::scope(|threads| {
            for seed in 1..=4 {
                let stack = &stack;
                threads.spawn(move || {
                    let rng = crate::queue::order::Rng::new(seed);
                    let mut held = Vec::new();
                    for _ in 0..20_000 {
                        match held.pop() {
                            Some(item) if rng.below(2) == 0 || held.len() > 4 => {
                                // SAFETY: popped by this core, so on no list.
                                unsafe { stack.push(item) };
                            }
                            kept => held.extend(kept.into_iter().chain(stack.pop())),
                        }
                    }
                    for item in held {
                        // SAFETY: as above.
                        unsafe { stack.push(item) };
                    }
                });
            }
        });
        let mut left: Vec<_> = core::iter::from_fn(|| stack.pop()).map(id).collect();
        left.sort_unstable();
        assert!(left.into_iter().eq(0..ITEMS));
    }
}
