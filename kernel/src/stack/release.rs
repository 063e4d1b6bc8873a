//! Giving back at once what otherwise goes back when it suits. Go: `debug.FreeOSMemory`.

use burrow_arch::ipi;

use super::scavenge::scavenge_all;
use super::shrink::{pending, reclaim};
use crate::percpu;
use crate::sched::{SCHED, run::gosched};
use crate::sync::pin;

/// Shrinks the stacks of all parked goroutines and frees the frames of all stack pages that were
/// given back so far; returns when they are free. On a goroutine.
pub fn free_os_memory() {
    scavenge_all();
    reclaim();
    while pending() {
        // A core that runs one goroutine for long does not tick: it flushes when it is asked to.
        {
            let pinned = pin();
            let own = pinned.core().index;
            let started = |id: &usize| *id != own && percpu::core(*id).is_some();
            (0..SCHED.cores()).filter(started).for_each(ipi::send);
            super::flush_epoch();
        }
        gosched();
        reclaim();
    }
}
