//! Where spans and large blocks come from: `linked_list_allocator` over the heap's region, which
//! grows at its end.
//!
//! Its search is linear in the holes; the size classes in front of it keep it short.

use core::alloc::Layout;
use core::ptr::NonNull;

use burrow_arch::layout::{HEAP, HEAP_END, LARGE_PAGE, PAGE};
use burrow_arch::paging::Access;
use linked_list_allocator::Heap;

use super::scavenge::Scavenged;
use crate::mem::{frames, space};
use crate::sync::{Rank, SpinLock};

/// The list of holes and how far the region is mapped.
pub struct Source {
    holes: Heap,
    end: usize,
    /// Parts without memory.
    pub(super) scavenged: Scavenged,
}

/// Taken after a class's list, before page tables and frames.
pub static SOURCE: SpinLock<Source> = SpinLock::new(Rank::Spans, Source::new());

impl Source {
    const fn new() -> Self {
        Self { holes: Heap::empty(), end: HEAP, scavenged: Scavenged::new() }
    }

    /// A block of any size, or nothing if memory is out.
    pub fn alloc(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        let block = self.take_hole(layout).or_else(|| self.make_room(layout))?;
        self.scavenged.note_use(self.used());
        Some(block)
    }

    /// A block out of a hole that is there.
    pub(super) fn take_hole(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        self.holes.allocate_first_fit(layout).ok()
    }

    #[cold]
    fn make_room(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        // What is free at the end may be of use, but counting on it is not worth the trouble.
        let bytes = layout.size().checked_add(layout.align())?.checked_add(PAGE)?;
        while self.reuse(bytes) {
            if let Some(block) = self.take_hole(layout) {
                return Some(block);
            }
        }
        self.grow(bytes)?;
        self.take_hole(layout)
    }

    /// Gives a block back.
    ///
    /// # Safety
    /// It came from [`alloc`](Self::alloc) with this layout and is used by nobody.
    pub unsafe fn dealloc(&mut self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's contract is the same.
        unsafe { self.holes.deallocate(block, layout) };
    }

    /// Bytes mapped.
    pub fn mapped(&self) -> usize {
        self.end - HEAP - self.scavenged.released()
    }

    /// Bytes handed out.
    pub fn used(&self) -> usize {
        self.holes.used() - self.scavenged.out()
    }

    /// Bytes in holes.
    pub(super) fn free(&self) -> usize {
        self.holes.free()
    }

    /// Maps at least `bytes` more at the end, and an eighth of what there is, so that large heaps
    /// grow in fewer steps. If memory is short, as much as there is.
    #[cold]
    fn grow(&mut self, bytes: usize) -> Option<()> {
        let short = bytes.checked_next_multiple_of(LARGE_PAGE)?;
        if short > HEAP_END - self.end || short > frames::stats().free {
            return None;
        }
        let wanted = short.max(((self.end - HEAP) / 8).next_multiple_of(LARGE_PAGE));
        let wanted = wanted.min(HEAP_END - self.end);
        let start = self.end;
        while self.end - start < wanted {
            let Some(mapped) = map_at(self.end) else { break };
            self.end += mapped;
        }
        let grown = self.end - start;
        match (grown, start) {
            (0, _) => return None,
            // SAFETY: just mapped, used by nobody, there for ever.
            (_, HEAP) => unsafe { self.holes.init(HEAP as *mut u8, grown) },
            // SAFETY: as above, right behind the end.
            _ => unsafe { self.holes.extend(grown) },
        }
        (grown >= short).then_some(())
    }
}

/// Maps one large page at the heap's end, or small ones where there is none; how many bytes.
pub(super) fn map_at(end: usize) -> Option<usize> {
    if end.is_multiple_of(LARGE_PAGE)
        && let Some(frame) = frames::alloc_large()
    {
        if space::map(end, frame, Access::Write, 1).is_ok() {
            return Some(LARGE_PAGE);
        }
        frames::free_large(frame);
    }
    let frame = frames::alloc()?;
    if space::map(end, frame, Access::Write, 0).is_err() {
        frames::free(frame);
        return None;
    }
    Some(PAGE)
}
