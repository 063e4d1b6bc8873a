//! Memory that is never given back (Go: `persistentalloc`): cut from large pages in the physical
//! map, so that it costs no page tables.

use core::alloc::Layout;
use core::ptr::NonNull;

use burrow_arch::layout::{LARGE_PAGE, PAGE};

use super::frames;
use crate::sync::{Rank, SpinLock};

/// What is left of the large page in use.
struct Bump {
    next: usize,
    end: usize,
}

static BUMP: SpinLock<Bump> = SpinLock::new(Rank::Persistent, Bump { next: 0, end: 0 });

/// Memory of that layout, with anything in it, for ever. Nothing if memory is out.
pub fn persistent_alloc(layout: Layout) -> Option<NonNull<u8>> {
    let mut bump = BUMP.lock();
    if let Some(block) = bump.cut(layout) {
        return Some(block);
    }
    bump.refill(layout)?;
    bump.cut(layout)
}

/// Keeps a value for ever. Nothing (and no value) if memory is out.
pub fn persistent<T: Sync>(value: T) -> Option<&'static T> {
    let place = persistent_alloc(Layout::new::<T>())?.as_ptr().cast::<T>();
    // SAFETY: memory of that layout, handed out to nobody else.
    unsafe { place.write(value) };
    // SAFETY: just initialised, never freed.
    Some(unsafe { &*place })
}

impl Bump {
    fn cut(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        let start = self.next.next_multiple_of(layout.align());
        let end = start.checked_add(layout.size())?;
        if end > self.end {
            return None;
        }
        self.next = end;
        NonNull::new(start as *mut u8)
    }

    /// Drops what is left and takes a large page; a small one if there is none and it is enough.
    fn refill(&mut self, layout: Layout) -> Option<()> {
        let fits = |page: usize| layout.size() <= page && layout.align() <= page;
        let (frame, len) = match frames::alloc_large() {
            Some(frame) if fits(LARGE_PAGE) => (frame, LARGE_PAGE),
            Some(frame) => {
                frames::free_large(frame);
                return None;
            }
            None if fits(PAGE) => (frames::alloc()?, PAGE),
            None => return None,
        };
        self.next = frame.virt();
        self.end = self.next + len;
        Some(())
    }
}
