//! The global allocator: pin, pop, unpin; everything else is off the fast path.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{NonNull, null_mut};

use burrow_arch::platform::MAX_CORES;

use super::classes::{self, CLASSES, SLOTS, batch, class_of, span_size};
use super::source::SOURCE;
use super::span::{Block, Central, Chain};
use crate::percpu;
use crate::sync::{Pinned, Rank, SpinLock, pin};

/// The image's heap.
struct Heap;

#[global_allocator]
static HEAP: Heap = Heap;

/// Each class's spans.
static CENTRAL: [SpinLock<Central>; SLOTS] = {
    let mut classes = [const { SpinLock::new(Rank::Heap, Central::new(0)) }; SLOTS];
    let mut class = 0;
    while class < CLASSES {
        classes[class] = SpinLock::new(Rank::Heap, Central::new(class));
        class += 1;
    }
    classes
};

/// Bytes of the heap.
#[derive(Clone, Copy, Debug)]
pub struct Stats {
    /// In blocks that the program holds, rounded up to their classes.
    pub in_use: usize,
    /// Backed by memory.
    pub mapped: usize,
}

// SAFETY: blocks come from spans or the source, where each is handed out once until it is given
// back; the size classes keep sizes and alignments (tested on the host).
unsafe impl GlobalAlloc for Heap {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(class) = class_of(layout) else { return alloc_large(layout) };
        let pinned = pin();
        let block = pinned.core().heap.bin(class).pop();
        if block.is_null() {
            return refill(class, pinned).cast();
        }
        block.cast()
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(class) = class_of(layout) else { return free_large(block, layout) };
        let pinned = pin();
        // SAFETY: the caller gives the block up, which has this class by its layout.
        let count = unsafe { pinned.core().heap.bin(class).push(block.cast()) };
        if count >= 2 * batch(class) {
            spill(class, pinned);
        }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller vouches that the size does not overflow with this alignment.
        let new_layout = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        let (old_class, new_class) = (class_of(layout), class_of(new_layout));
        if old_class.is_some() && old_class == new_class {
            return block;
        }
        // SAFETY: a layout of the caller's.
        let new = unsafe { self.alloc(new_layout) };
        if !new.is_null() {
            let kept = layout.size().min(size);
            // SAFETY: both blocks are at least that long and distinct.
            unsafe { block.copy_to_nonoverlapping(new, kept) };
            // SAFETY: the caller gives the old block up.
            unsafe { self.dealloc(block, layout) };
        }
        new
    }
}

/// The core has no free block of that class: gets a batch, or null. Still on the core that looked,
/// by the guard.
#[cold]
#[inline(never)]
fn refill(class: usize, pinned: Pinned) -> *mut Block {
    loop {
        let mut chain = CENTRAL[class & (SLOTS - 1)].lock().take(batch(class));
        if let Some(block) = chain.pop() {
            pinned.core().heap.bin(class).fill(chain);
            return block.as_ptr();
        }
        let Some(span) = SOURCE.lock().alloc(span_layout(class)) else { return null_mut() };
        // SAFETY: fresh memory of a span's layout.
        unsafe { CENTRAL[class & (SLOTS - 1)].lock().add(span.as_ptr()) };
    }
}

/// The core has too many free blocks of that class: gives half of them to all.
#[cold]
#[inline(never)]
fn spill(class: usize, pinned: Pinned) {
    let chain = pinned.core().heap.bin(class).drain(batch(class));
    // SAFETY: free blocks of this class.
    let unused = unsafe { CENTRAL[class & (SLOTS - 1)].lock().put(chain) };
    release(class, unused);
}

/// Gives spans back to the source.
fn release(class: usize, mut spans: Chain) {
    while let Some(span) = spans.pop() {
        // SAFETY: it came from there with this layout, and nothing in it is in use.
        unsafe { SOURCE.lock().dealloc(span.cast(), span_layout(class)) };
    }
}

fn span_layout(class: usize) -> Layout {
    let size = span_size(class);
    // SAFETY: a span's size is a power of two, far from overflow.
    unsafe { Layout::from_size_align_unchecked(size, size) }
}

#[cold]
#[inline(never)]
fn alloc_large(layout: Layout) -> *mut u8 {
    SOURCE.lock().alloc(layout).map_or(null_mut(), NonNull::as_ptr)
}

#[cold]
#[inline(never)]
fn free_large(block: *mut u8, layout: Layout) {
    if let Some(block) = NonNull::new(block) {
        // SAFETY: blocks without a class come from there, and this one is given up.
        unsafe { SOURCE.lock().dealloc(block, layout) };
    }
}

/// How much there is. Not exact while other cores allocate.
pub fn stats() -> Stats {
    let (mut in_use, mapped) = {
        let source = SOURCE.lock();
        (source.used(), source.mapped())
    };
    for (class, central) in CENTRAL.iter().enumerate().take(CLASSES) {
        let central = central.lock();
        // A span counts by its blocks in use, not by itself.
        in_use -= (central.spans() * classes::span_size(class)).min(in_use);
        in_use += central.used_bytes();
    }
    let cached: usize = (0..MAX_CORES).filter_map(percpu::core).map(|core| core.heap.bytes()).sum();
    Stats { in_use: in_use.saturating_sub(cached), mapped }
}
