//! Typed slabs for what lives for ever (Go: `fixalloc`): G, M, P and cores' blocks.
//!
//! Never freed, so that references are `&'static` and a stale pointer still points at a `T`; users
//! keep free lists of their own.

use core::alloc::Layout;
use core::marker::PhantomData;

pub use super::persistent::persistent;
use super::persistent::persistent_alloc;
use crate::sync::{Rank, SpinLock};

/// Bytes taken at once for small types.
const SLAB: usize = 16 << 10;

/// Hands out places for `T`s.
pub struct FixAlloc<T> {
    /// The rest of the current slab.
    slab: SpinLock<Slab>,
    _items: PhantomData<fn() -> T>,
}

struct Slab {
    next: usize,
    end: usize,
}

impl<T: Sync> FixAlloc<T> {
    /// An allocator that has taken no memory yet. Its lock comes before persistent memory's.
    pub const fn new() -> Self {
        Self { slab: SpinLock::new(Rank::FixAlloc, Slab { next: 0, end: 0 }), _items: PhantomData }
    }

    /// A `T` for ever, or nothing if memory is out (then `init` is not called).
    pub fn alloc_with(&self, init: impl FnOnce() -> T) -> Option<&'static T> {
        let place = self.place()?;
        // SAFETY: memory for a `T`, handed out to nobody else.
        unsafe { place.write(init()) };
        // SAFETY: just initialised, never freed.
        Some(unsafe { &*place })
    }

    /// As [`alloc_with`](Self::alloc_with).
    pub fn alloc(&self, value: T) -> Option<&'static T> {
        self.alloc_with(|| value)
    }

    fn place(&self) -> Option<*mut T> {
        let layout = Layout::new::<T>().pad_to_align();
        if layout.size() > SLAB / 8 {
            return persistent_alloc(layout).map(|block| block.as_ptr().cast());
        }
        let mut slab = self.slab.lock();
        if slab.end - slab.next < layout.size() {
            let whole = Layout::from_size_align(SLAB, layout.align()).ok()?;
            slab.next = persistent_alloc(whole)?.as_ptr().addr();
            slab.end = slab.next + SLAB;
        }
        let place = slab.next;
        slab.next += layout.size();
        Some(place as *mut T)
    }
}

impl<T: Sync> Default for FixAlloc<T> {
    fn default() -> Self {
        Self::new()
    }
}
