//! Nothing runs and nothing can: Go's dead-lock errors. Go: `checkdead`.

use core::sync::atomic::Ordering;

use super::{Locked, SCHED, table};
use crate::g::Status;
use crate::time::deadline;

/// Called with the scheduler's lock as an M goes to sleep: if it was the last one and no goroutine
/// can become runnable any more, neither by a timer nor by a device, the program is dead.
pub fn checkdead(locked: &Locked) {
    let running = locked.mcount - locked.nmidle - locked.nmidlelocked;
    if running > 0 || !SCHED.main_started.load(Ordering::Relaxed) {
        return;
    }
    super::check::all_asleep(locked);
    if crate::netpoll::waiters() > 0 || deadline::any_pending() {
        return;
    }
    let mut waiting = 0usize;
    for g in table::user_goroutines() {
        match g.status() {
            Status::Waiting | Status::Preempted => waiting += 1,
            Status::Runnable | Status::Running | Status::Syscall => {
                crate::console::print(format_args!(
                    "runtime: checkdead: find g {} in status {:?}\n",
                    g.goid(),
                    g.status()
                ));
                crate::panic::throw("checkdead: runnable g");
            }
            Status::Idle | Status::Dead => {}
        }
    }
    if waiting == 0 {
        crate::panic::fatal("no goroutines (main called runtime.Goexit) - deadlock!");
    }
    crate::panic::fatal("all goroutines are asleep - deadlock!");
}
