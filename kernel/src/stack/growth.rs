//! Growing a stack: by page fault, or ahead of a push by an interrupt handler.
//!
//! Both run on the core that runs the goroutine, interrupts masked, so that nobody else changes
//! the slot's entries meanwhile but [`super::reclaim`], by compare-and-swap. No lock: the tables
//! above the slot's leaves exist since it was made, and leaf tables that are missing belong to
//! this slot alone (slots that share one have had it from the start).

use core::sync::atomic::{AtomicU64, Ordering};

use burrow_arch::layout::{PAGE, PhysAddr};
use burrow_arch::paging::{self, Pte};
use burrow_arch::table::LEAF;

use super::geometry::{Place, Reach, Stack};
use super::slots::stack_page;
use super::{MAPPED, limbo};
use crate::mem::{frames, space};

/// What a page fault was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The page is there now: try again.
    Grown,
    /// The page was there: some TLB had not noticed, or the access is not allowed for stacks at all
    /// (an instruction fetch), which the caller tells by the program counter.
    Spurious,
    /// The stack is used up.
    Overflow,
    /// No business of this stack's.
    Wild,
    /// There is no memory for the page.
    NoMemory,
}

/// Judges a page fault at `addr` on the core that runs the stack's goroutine, and maps the page if
/// the stack grows into it. From the fault handler, interrupts masked.
pub fn fault(stack: &Stack, sp: usize, addr: usize, reach: Reach) -> Verdict {
    match stack.judge(sp, addr, reach) {
        Place::Growth if stack.class().is_some() => map_page(addr, reach),
        Place::Growth | Place::Wild => Verdict::Wild,
        Place::Overflow => Verdict::Overflow,
    }
}

/// Maps what is missing of the `bytes` below `sp`, the page of `sp` itself included, so that a
/// handler may push them; `false` if they would not fit or there is no memory. May go into what is
/// kept for unwinding: being interrupted is no reason to overflow. Interrupts masked.
pub fn ensure(stack: &Stack, sp: usize, bytes: usize) -> bool {
    let floor = stack.floor(Reach::Panicking);
    if !stack.holds_sp(sp) || sp.saturating_sub(bytes) < floor {
        return false;
    }
    if stack.class().is_none() {
        // Mapped in full since it was made.
        return true;
    }
    let first = (sp - bytes) & !(PAGE - 1);
    let mut page = (sp - 1) & !(PAGE - 1);
    while page >= first {
        if map_page(page, Reach::Normal) == Verdict::NoMemory {
            return false;
        }
        page -= PAGE;
    }
    true
}

/// Maps the page of `addr` in a slot that this core owns. A panic may use the frames that are kept
/// for it: it has something to say.
fn map_page(addr: usize, reach: Reach) -> Verdict {
    let Ok(entry) = space::table().walk(addr, LEAF, &mut table_frame) else {
        return Verdict::NoMemory;
    };
    loop {
        // Relaxed: entries of this slot are written by its owner, which this core is.
        let old = entry.load(Ordering::Relaxed);
        if Pte(old).is_present() {
            return Verdict::Spurious;
        }
        if let Some(frame) = limbo::frame(old) {
            // Given back but not yet taken away: the same frame again, whatever other cores' TLBs
            // remember.
            if put(entry, old, PhysAddr(frame)) {
                return Verdict::Grown;
            }
            // Taken away in this moment.
            continue;
        }
        let kept = || (reach == Reach::Panicking).then(frames::alloc_emergency).flatten();
        let Some(frame) = frames::alloc_masked().or_else(kept) else { return Verdict::NoMemory };
        // An empty entry changes by its owner only.
        put(entry, old, frame);
        MAPPED.fetch_add(1, Ordering::Relaxed);
        return Verdict::Grown;
    }
}

/// Maps a frame in place of `old`.
fn put(entry: &AtomicU64, old: u64, frame: PhysAddr) -> bool {
    let new = stack_page(frame).0;
    // Release: as for every entry; Acquire would have nobody to pair with.
    let done = entry.compare_exchange(old, new, Ordering::Release, Ordering::Relaxed).is_ok();
    paging::sync();
    done
}

fn table_frame() -> Option<PhysAddr> {
    let frame = frames::alloc_masked()?;
    frames::zero(frame);
    Some(frame)
}
