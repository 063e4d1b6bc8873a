//! C stacks: slots like those of goroutines, grown by page faults, kept for the next call.
//!
//! Foreign code does not probe the pages of its large frames. So the stack is the top of a slot
//! much larger than its limit: a frame has to be larger than the rest to jump over it into the next
//! slot.
//!
//! They never give pages back, so that no TLB has to forget one: what a stack has grown to serves
//! the next call. There are as many as there were calls at once.

use burrow_arch::trap::TrapFrame;

use crate::g::G;
use crate::panic;
use crate::stack::{self, Stack, Verdict};
use crate::sync::{Rank, SpinLock};

/// Bytes that foreign code may use.
pub const LIMIT: usize = 256 << 10;
/// Bytes below, for the registers of who is preempted at its limit: see `Stack::floor`.
const RESERVE: usize = 64 << 10;
/// Bytes of address space of each.
const SLOT: usize = 16 << 20;

/// Those in no use.
struct Pool {
    /// Top of the one given back last, or 0; the last word of each holds the next one's.
    free: usize,
    /// All that were ever made.
    made: usize,
}

static POOL: SpinLock<Pool> = SpinLock::new(Rank::Stacks, Pool { free: 0, made: 0 });

/// The stack with that top.
#[inline(always)]
pub(super) fn at(top: usize) -> Stack {
    Stack { lo: top - SLOT, hi: top, limit: LIMIT + RESERVE, shrunk: 0 }
}

/// Top of a C stack that nobody uses. Nothing if memory is out.
pub(super) fn get() -> Option<usize> {
    let mut pool = POOL.lock();
    if pool.free != 0 {
        let top = pool.free;
        // SAFETY: the last word of a free stack, mapped for ever, written by `put`.
        pool.free = unsafe { link(top).read() };
        return Some(top);
    }
    drop(pool);
    let made = stack::alloc(SLOT)?;
    POOL.lock().made += 1;
    Some(made.hi)
}

/// Takes one back. Nobody runs on it any more.
pub(super) fn put(top: usize) {
    let mut pool = POOL.lock();
    // SAFETY: the last word of a stack that nobody uses, in its top page, which is mapped.
    unsafe { link(top).write(pool.free) };
    pool.free = top;
}

fn link(top: usize) -> *mut usize {
    (top - size_of::<usize>()) as *mut usize
}

/// How many there are, in use or not: slots that no goroutine has as its own.
pub fn handed_out() -> usize {
    POOL.lock().made
}

/// A page was missing while the goroutine ran on that C stack: growth, or a fault.
pub fn on_page_fault(frame: &mut TrapFrame, addr: usize, g: &G, stack: &Stack) -> bool {
    match stack::fault(stack, frame.sp(), addr, g.reach()) {
        Verdict::Grown | Verdict::Spurious => true,
        Verdict::Overflow => panic::fatal::c_stack_overflow(frame, stack),
        Verdict::NoMemory => panic::fatal("runtime: out of memory"),
        Verdict::Wild => false,
    }
}
