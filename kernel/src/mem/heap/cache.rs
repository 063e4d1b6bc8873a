//! A core's own free blocks: allocation without a lock (Go: `mcache`).
//!
//! Touched by its core alone, while preemption is held off; interrupt handlers never allocate. The
//! fields are atomics so that statistics may read the counts from elsewhere.

use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use super::classes::{CLASSES, SIZES, SLOTS};
use super::span::{Block, Chain};

/// Free blocks of one class.
pub struct Bin {
    head: AtomicPtr<Block>,
    count: AtomicU32,
}

/// Free blocks of every class. More bins than classes, so that an index is masked, not checked.
pub struct CoreCache {
    bins: [Bin; SLOTS],
}

impl CoreCache {
    /// A cache without blocks.
    pub const fn new() -> Self {
        Self { bins: [const { Bin::new() }; SLOTS] }
    }

    /// The bin of a class.
    #[inline(always)]
    pub fn bin(&self, class: usize) -> &Bin {
        &self.bins[class & (SLOTS - 1)]
    }

    /// Bytes in its blocks.
    pub fn bytes(&self) -> usize {
        (0..CLASSES).map(|class| self.bin(class).count() as usize * SIZES[class] as usize).sum()
    }
}

impl Default for CoreCache {
    fn default() -> Self {
        Self::new()
    }
}

impl Bin {
    const fn new() -> Self {
        Self { head: AtomicPtr::new(core::ptr::null_mut()), count: AtomicU32::new(0) }
    }

    /// How many blocks it holds.
    #[inline(always)]
    pub fn count(&self) -> u32 {
        self.count.load(Ordering::Relaxed)
    }

    /// Takes a block, or null.
    #[inline(always)]
    pub fn pop(&self) -> *mut Block {
        let block = self.head.load(Ordering::Relaxed);
        if !block.is_null() {
            // SAFETY: `push` or `fill` put it here; nobody touches a free block.
            self.head.store(unsafe { (*block).next }, Ordering::Relaxed);
            self.count.store(self.count().wrapping_sub(1), Ordering::Relaxed);
        }
        block
    }

    /// Adds a block; how many there are now.
    ///
    /// # Safety
    /// The block is free memory of this bin's class, in no chain.
    #[inline(always)]
    pub unsafe fn push(&self, block: *mut Block) -> u32 {
        // SAFETY: the caller gives the memory up.
        unsafe { block.write(Block { next: self.head.load(Ordering::Relaxed) }) };
        self.head.store(block, Ordering::Relaxed);
        let count = self.count().wrapping_add(1);
        self.count.store(count, Ordering::Relaxed);
        count
    }

    /// Puts a chain into the empty bin.
    pub fn fill(&self, chain: Chain) {
        self.head.store(chain.head, Ordering::Relaxed);
        self.count.store(chain.count, Ordering::Relaxed);
    }

    /// Takes up to `most` blocks out.
    pub fn drain(&self, most: u32) -> Chain {
        let mut chain = Chain::EMPTY;
        while chain.count < most {
            let block = self.pop();
            if block.is_null() {
                break;
            }
            // SAFETY: just taken out of the bin.
            unsafe { chain.push(block) };
        }
        chain
    }
}
