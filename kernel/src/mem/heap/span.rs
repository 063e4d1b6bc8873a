//! A span: a run of equal blocks behind a header, and a class's list of spans with free blocks.
//!
//! A span is as large as it is aligned, so that a block's span is found by masking its address
//! (Go looks it up in the arena map). Blocks never handed out are cut from the end of the used
//! part; blocks given back are chained through their first word.
//!
//! Pure data over raw memory: the host tests it. Locking is the caller's.

use core::ptr::{NonNull, null_mut};

use super::classes::{self, SIZES};

/// A free block: the next one of its chain.
#[repr(C)]
pub struct Block {
    /// Null at the end.
    pub next: *mut Block,
}

/// Blocks linked through their first words.
pub struct Chain {
    /// First block, or null.
    pub head: *mut Block,
    /// How many.
    pub count: u32,
}

impl Chain {
    /// No blocks.
    pub const EMPTY: Self = Self { head: null_mut(), count: 0 };

    /// Adds a block.
    ///
    /// # Safety
    /// The block is free memory of at least a word, in no other chain.
    pub unsafe fn push(&mut self, block: *mut Block) {
        // SAFETY: the caller gives the memory up.
        unsafe { block.write(Block { next: self.head }) };
        self.head = block;
        self.count += 1;
    }

    /// Takes the block pushed last.
    pub fn pop(&mut self) -> Option<NonNull<Block>> {
        let block = NonNull::new(self.head)?;
        // SAFETY: `push` wrote it, and nobody else touches a free block.
        self.head = unsafe { block.read() }.next;
        self.count -= 1;
        Some(block)
    }
}

/// The header at a span's start.
#[repr(C)]
pub struct Span {
    next: *mut Span,
    prev: *mut Span,
    free: *mut Block,
    /// Blocks handed out and not given back.
    used: u32,
    /// Offset of the first block never handed out.
    fresh: u32,
    /// One past the last byte that a block may have, as an offset.
    end: u32,
}

impl Span {
    /// Whether a block can be taken.
    fn has_free(&self, size: u32) -> bool {
        !self.free.is_null() || self.fresh + size <= self.end
    }
}

/// A class's spans that have free blocks, most recently used first. One span without any used
/// block may stay; further ones go back to the source.
pub struct Central {
    class: usize,
    head: *mut Span,
    /// Spans on the list without a used block.
    idle: u32,
    /// Blocks handed out and not given back.
    used: usize,
    /// Spans, listed or not.
    spans: usize,
}

// SAFETY: the spans behind the pointers belong to the list, and go where it goes.
unsafe impl Send for Central {}

impl Central {
    /// No spans.
    pub const fn new(class: usize) -> Self {
        Self { class, head: null_mut(), idle: 0, used: 0, spans: 0 }
    }

    /// Bytes in blocks handed out.
    pub fn used_bytes(&self) -> usize {
        self.used * SIZES[self.class & (classes::SLOTS - 1)] as usize
    }

    /// How many spans the class has.
    pub fn spans(&self) -> usize {
        self.spans
    }

    /// Takes up to `most` blocks of the listed spans.
    pub fn take(&mut self, most: u32) -> Chain {
        let size = SIZES[self.class & (classes::SLOTS - 1)];
        let mut chain = Chain::EMPTY;
        while chain.count < most && !self.head.is_null() {
            let span = self.head;
            // SAFETY: listed spans are live and ours.
            let header = unsafe { &mut *span };
            if header.used == 0 {
                self.idle -= 1;
            }
            while chain.count < most && header.has_free(size) {
                let block = if header.free.is_null() {
                    let at = header.fresh as usize;
                    header.fresh += size;
                    span.cast::<u8>().wrapping_add(at).cast()
                } else {
                    let block = header.free;
                    // SAFETY: blocks on the span's list were written by `put`.
                    header.free = unsafe { block.read() }.next;
                    block
                };
                header.used += 1;
                self.used += 1;
                // SAFETY: a free block of the span, off its list now.
                unsafe { chain.push(block) };
            }
            if !header.has_free(size) {
                self.unlink(span);
            }
        }
        chain
    }

    /// Adds a new span.
    ///
    /// # Safety
    /// `memory` is [`classes::span_size`] bytes, aligned to as much, used by nobody.
    pub unsafe fn add(&mut self, memory: *mut u8) {
        let span: *mut Span = memory.cast();
        let header = Span {
            next: null_mut(),
            prev: null_mut(),
            free: null_mut(),
            used: 0,
            fresh: classes::first_block(self.class) as u32,
            end: classes::span_size(self.class) as u32,
        };
        // SAFETY: the caller gives the memory up.
        unsafe { span.write(header) };
        self.link(span);
        self.idle += 1;
        self.spans += 1;
    }

    /// Gives blocks of this class back. Spans that nobody needs any more come out, linked like
    /// blocks.
    ///
    /// # Safety
    /// The blocks came from [`take`](Self::take) of this class and are used by nobody.
    pub unsafe fn put(&mut self, mut chain: Chain) -> Chain {
        let size = SIZES[self.class & (classes::SLOTS - 1)];
        let mask = classes::span_size(self.class) - 1;
        let mut unused = Chain::EMPTY;
        while let Some(block) = chain.pop() {
            let block = block.as_ptr();
            let span: *mut Span = block.map_addr(|addr| addr & !mask).cast();
            // SAFETY: the block lies in a span of this class, whose header is at its start.
            let header = unsafe { &mut *span };
            let listed = header.has_free(size);
            // SAFETY: the block is free memory now.
            unsafe { block.write(Block { next: header.free }) };
            header.free = block;
            header.used -= 1;
            self.used -= 1;
            if !listed {
                self.link(span);
            }
            if header.used == 0 {
                self.idle += 1;
            }
            if header.used == 0 && self.idle > 1 {
                self.idle -= 1;
                self.spans -= 1;
                self.unlink(span);
                // SAFETY: no block of the span is in use or on a list.
                unsafe { unused.push(span.cast()) };
            }
        }
        unused
    }

    fn link(&mut self, span: *mut Span) {
        let next = core::mem::replace(&mut self.head, span);
        // SAFETY: `span` is live and ours; `next` is too, being listed.
        unsafe {
            (*span).prev = null_mut();
            (*span).next = next;
            if !next.is_null() {
                (*next).prev = span;
            }
        }
    }

    fn unlink(&mut self, span: *mut Span) {
        // SAFETY: `span` is listed, so that it and its neighbours are live and ours.
        unsafe {
            let Span { next, prev, .. } = *span;
            if prev.is_null() {
                self.head = next;
            } else {
                (*prev).next = next;
            }
            if !next.is_null() {
                (*next).prev = prev;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::alloc::{Layout, alloc, dealloc};
    use std::collections::BTreeSet;

    use super::*;
    use crate::mem::testing::Rng;

    fn layout(class: usize) -> Layout {
        Layout::from_size_align(classes::span_size(class), classes::span_size(class)).unwrap()
    }

    fn grow(central: &mut Central) {
        // SAFETY: fresh memory of the layout that `add` asks for.
        unsafe { central.add(alloc(layout(central.class))) };
    }

    fn release(class: usize, mut spans: Chain) -> u32 {
        let count = spans.count;
        while let Some(span) = spans.pop() {
            // SAFETY: allocated by `grow` with this layout.
            unsafe { dealloc(span.as_ptr().cast(), layout(class)) };
        }
        count
    }

    #[test]
    fn every_class_fills_its_span_and_gives_it_back() {
        for (class, size) in SIZES[..classes::CLASSES].iter().enumerate() {
            let mut central = Central::new(class);
            grow(&mut central);
            grow(&mut central);
            let size = *size as usize;
            let fits = (classes::span_size(class) - classes::first_block(class)) / size;
            let chain = central.take(u32::MAX);
            assert_eq!(chain.count as usize, 2 * fits);
            assert_eq!(central.take(1).count, 0);
            assert_eq!(central.used_bytes(), 2 * fits * size);
            // SAFETY: all blocks come back.
            let unused = unsafe { central.put(chain) };
            assert_eq!(release(class, unused), 1);
            assert_eq!(central.used_bytes(), 0);
            // SAFETY: the span that stayed has no block in use.
            unsafe { dealloc(central.head.cast(), layout(class)) };
        }
    }

    #[test]
    fn random_use_never_overlaps() {
        for (seed, class) in [0, 1, 4, 9, 17, 25, 40].into_iter().enumerate() {
            let mut rng = Rng::new(seed as u64);
            let mut central = Central::new(class);
            let size = SIZES[class] as usize;
            let mut held: Vec<*mut Block> = Vec::new();
            let mut set = BTreeSet::new();
            let mut spans = 0;
            for _ in 0..3_000 {
                if rng.below(100) < 50 {
                    let mut chain = central.take(rng.below(40) as u32);
                    if chain.count == 0 {
                        grow(&mut central);
                        spans += 1;
                    }
                    while let Some(block) = chain.pop() {
                        let at = block.as_ptr() as usize;
                        let below = set.range(..=at).next_back();
                        assert!(below.is_none_or(|below| below + size <= at));
                        assert!(set.range(at..).next().is_none_or(|above| at + size <= *above));
                        set.insert(at);
                        // SAFETY: ours; whatever was there must not matter.
                        unsafe { block.as_ptr().cast::<u8>().write_bytes(0xa5, size) };
                        held.push(block.as_ptr());
                    }
                } else {
                    let mut chain = Chain::EMPTY;
                    for _ in 0..rng.below(40).min(held.len()) {
                        let block = held.swap_remove(rng.below(held.len()));
                        set.remove(&(block as usize));
                        // SAFETY: a block of ours that nobody uses.
                        unsafe { chain.push(block) };
                    }
                    // SAFETY: blocks of this class.
                    let unused = unsafe { central.put(chain) };
                    spans -= release(class, unused);
                }
                assert_eq!(central.used_bytes(), held.len() * size);
            }
            let mut chain = Chain::EMPTY;
            for block in held {
                // SAFETY: as above.
                unsafe { chain.push(block) };
            }
            // SAFETY: as above.
            spans -= release(class, unsafe { central.put(chain) });
            // What is left are spans without a used block: one at most, all listed.
            let mut left = 0;
            while !central.head.is_null() {
                let span = central.head;
                central.unlink(span);
                // SAFETY: no block of it is in use.
                unsafe { dealloc(span.cast(), layout(class)) };
                left += 1;
            }
            assert_eq!(left, spans);
            assert!(left <= 1);
        }
    }
}
