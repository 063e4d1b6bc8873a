//! What nobody uses any more is given back: memory behind unused parts of the heap, and pages below
//! the stack pointers of goroutines that have waited for long. Go: the background scavenger, and the
//! collector's shrinking of stacks.
//!
//! Once a second, for as long as that finds something; a machine that is idle and has given
//! everything back is left alone.

use crate::mem::heap::scavenge::{Keep, Progress, scavenge};
use crate::sched::SCHED;
use crate::stack;

/// Between two times.
const PAUSE_NS: u64 = 1_000_000_000;

/// Whether something is left.
pub struct Leftover {
    /// When it was last looked for.
    last: u64,
    /// Times in a row that nothing was found while the machine was idle.
    vain: u32,
}

impl Leftover {
    /// Nothing is known.
    pub const fn new() -> Self {
        Self { last: 0, vain: 0 }
    }

    /// Looks, if a second has passed since the last time.
    pub fn give_back(&mut self, now: u64) {
        if now.saturating_sub(self.last) < PAUSE_NS {
            return;
        }
        self.last = now;
        let idle = SCHED.spinners.idle_ps() == SCHED.procs();
        // With work going on, the cores that tick look at the stacks now and then.
        let stacks_left = idle && stack::scavenge_once();
        let Progress { bytes, more } = scavenge(Keep::Reserve);
        let pages_left = stack::reclaim() > 0 || stack::unmapped_pages_wait();
        if more || pages_left {
            stack::ask_to_flush();
        }
        let found = stacks_left || bytes > 0 || more || pages_left;
        // The first time in an idle stretch is not enough: what counts as used is the most since
        // the time before.
        self.vain = if found || !idle { 0 } else { self.vain + 1 };
    }

    /// When to look again, if the machine stays as it is.
    pub fn next(&self) -> Option<u64> {
        (self.vain < 2).then_some(self.last + PAUSE_NS)
    }
}
