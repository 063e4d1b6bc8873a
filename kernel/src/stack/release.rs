//! Giving back at once what otherwise goes back when it suits. Go: `debug.FreeOSMemory`.

use super::scavenge::scavenge_all;
use super::shrink::{pending, reclaim};
use crate::mem::heap::scavenge::{Keep, finish, scavenge};
use crate::sched::run::gosched;

/// Shrinks the stacks of all parked goroutines, gives up what the heap does not use, and frees the
/// frames of all that; returns when they are free. On a goroutine.
pub fn free_os_memory() {
    scavenge_all();
    reclaim();
    let mut more = scavenge(Keep::Nothing).more;
    while more || pending() {
        super::ask_to_flush();
        gosched();
        reclaim();
        more = finish().more;
    }
}
