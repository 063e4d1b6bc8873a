//! Stacks of kernel threads (g0) and of exceptions: mapped at once, an unmapped page below each.
//!
//! They are never unmapped (nothing here needs a TLB flush): a stack given back serves the next
//! one of its size.

use burrow_arch::layout::{KSTACKS, MMIO, PAGE};
use burrow_arch::paging::Access;

use crate::mem::frames;
use crate::sync::{Rank, SpinLock};

/// Sizes kept apart for use again.
const SIZES: usize = 8;

/// Stacks of one size that are free, linked through the last word of each.
#[derive(Clone, Copy)]
struct Free {
    bytes: usize,
    top: usize,
}

/// Where the next new stack goes, and the used ones.
struct KernelStacks {
    next: usize,
    free: [Free; SIZES],
}

static KERNEL_STACKS: SpinLock<KernelStacks> = SpinLock::new(
    Rank::Stacks,
    KernelStacks { next: KSTACKS, free: [Free { bytes: 0, top: 0 }; SIZES] },
);

/// A stack of `bytes` (rounded up to pages); its top. Nothing if memory is out.
pub fn alloc_kstack(bytes: usize) -> Option<usize> {
    let bytes = bytes.next_multiple_of(PAGE);
    let mut stacks = KERNEL_STACKS.lock();
    if let Some(free) = stacks.free.iter_mut().find(|free| free.bytes == bytes && free.top != 0) {
        let top = free.top;
        free.top = read_link(top);
        return Some(top);
    }
    let lo = stacks.next + PAGE;
    let top = lo + bytes;
    if top > MMIO {
        return None;
    }
    for page in (lo..top).step_by(PAGE) {
        if super::table().translate(page).is_some() {
            // Left by an attempt that ran out of memory.
            continue;
        }
        let frame = frames::alloc()?;
        if super::map(page, frame, Access::Write, 0).is_err() {
            frames::free(frame);
            return None;
        }
    }
    stacks.next = top;
    Some(top)
}

/// Takes a stack back. Nobody may run on it any more.
pub fn free_kstack(top: usize, bytes: usize) {
    let bytes = bytes.next_multiple_of(PAGE);
    let mut stacks = KERNEL_STACKS.lock();
    // More sizes than slots do not happen; such a stack would be lost.
    let slot = stacks.free.iter_mut().find(|free| free.bytes == bytes || free.bytes == 0);
    if let Some(free) = slot {
        write_link(top, free.top);
        *free = Free { bytes, top };
    }
}

fn link(top: usize) -> *mut usize {
    (top - size_of::<usize>()) as *mut usize
}

fn read_link(top: usize) -> usize {
    // SAFETY: the last word of a free stack, mapped for ever, written by `write_link`.
    unsafe { link(top).read() }
}

fn write_link(top: usize, next: usize) {
    // SAFETY: the last word of a stack that nobody uses any more.
    unsafe { link(top).write(next) }
}
