//! Handing out slots. A slot comes with its top page and that page's tables (so that a new
//! goroutine does not fault), and keeps them when it is given back (law 12).

use core::sync::atomic::Ordering;

use burrow_arch::layout::{PAGE, PhysAddr};
use burrow_arch::paging::{self, Access, Pte};
use burrow_arch::table::LEAF;

use super::geometry::{self, CLASSES, Stack};
use super::{MAPPED, shrink};
use crate::mem::{frames, space};
use crate::sync::{Rank, SpinLock};

/// The slots of a class.
struct Class {
    /// Top of the free slot given back last, or 0; the last words of each hold the next one's.
    free: usize,
    /// Slots ever handed out: the next one is new.
    made: usize,
    /// Slots handed out and not given back.
    out: usize,
}

static SLOTS: [SpinLock<Class>; CLASSES] =
    [const { SpinLock::new(Rank::Stacks, Class { free: 0, made: 0, out: 0 }) }; CLASSES];

/// A stack that may grow to `max_stack` bytes (at least 64 KiB, at most 1 GiB), its top page
/// mapped. Nothing if memory is out. Any stack, interrupts unmasked; takes `Stacks`, `PageTables`.
pub fn alloc(max_stack: usize) -> Option<Stack> {
    let max = geometry::clamp(max_stack);
    let class = geometry::class_for(max);
    let mut slots = SLOTS[class].lock();
    if slots.free != 0 {
        let hi = slots.free;
        let link = read_link(hi);
        slots.free = link.next;
        slots.out += 1;
        let lo = hi - geometry::slot_size(class);
        return Some(Stack { lo, hi, limit: max, shrunk: link.shrunk });
    }
    if slots.made == geometry::slots(class) {
        return None;
    }
    let stack = Stack::slot(class, slots.made, max);
    map_top(&stack)?;
    slots.made += 1;
    slots.out += 1;
    Some(stack)
}

/// Takes a stack back: nobody runs on it any more (H22). Keeps its first pages.
pub fn free(stack: Stack) {
    let Some(class) = stack.class() else {
        crate::panic::throw("freed stack is no slot");
    };
    let stack = shrink::trim(stack);
    let mut slots = SLOTS[class].lock();
    write_link(stack.hi, Link { next: slots.free, shrunk: stack.shrunk });
    slots.free = stack.hi;
    slots.out -= 1;
}

/// Slots of all sizes that are handed out.
pub fn handed_out() -> usize {
    SLOTS.iter().map(|class| class.lock().out).sum()
}

/// Maps the top page of a new slot, with its tables.
fn map_top(stack: &Stack) -> Option<()> {
    let frame = frames::alloc()?;
    let top = stack.hi - PAGE;
    // Tables stay for ever once they are there, so finding one needs no lock.
    let entry = match space::table().lookup(top, LEAF) {
        Some(entry) => Ok(entry),
        None => space::with_tables(|root| root.walk(top, LEAF, &mut frames::alloc_zeroed)),
    };
    let Ok(entry) = entry else {
        frames::free(frame);
        return None;
    };
    entry.store(stack_page(frame).0, Ordering::Release);
    paging::sync();
    MAPPED.fetch_add(1, Ordering::Relaxed);
    Some(())
}

/// The entry for a page of a stack.
pub(super) fn stack_page(frame: PhysAddr) -> Pte {
    Pte::leaf(frame, Access::Write, LEAF)
}

/// In the last words of a free slot.
struct Link {
    /// Top of the next free slot, or 0.
    next: usize,
    /// Goes with the slot to its next user.
    shrunk: u64,
}

fn link(hi: usize) -> *mut Link {
    (hi - size_of::<Link>()) as *mut Link
}

fn read_link(hi: usize) -> Link {
    // SAFETY: the last words of a free slot, mapped for ever, written by `write_link`.
    unsafe { link(hi).read() }
}

fn write_link(hi: usize, next: Link) {
    // SAFETY: the last words of a slot that nobody uses any more.
    unsafe { link(hi).write(next) }
}
