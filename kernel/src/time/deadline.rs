//! How a core keeps deadlines: timers of its P when they are due, to the microsecond, whatever the
//! core does.
//!
//! - It runs a goroutine: its one-shot timer is set to the first deadline or the next scheduling
//!   tick, whichever is earlier. The interrupt touches no heap (law 6): it raises [`DUE`] and
//!   preempts the goroutine, which makes way, and the scheduler runs the timers on g0 ([`check`]).
//!   A timer that is started or moved on this core sets the one-shot if it is the first; moved on
//!   another core, it sends this one an interrupt.
//! - It is between two goroutines: [`DUE`] is looked at before the next one is chosen. No clock is
//!   read and no timer written on that way unless something is due or was started.
//! - It has nothing to do: it spins if a deadline is near, else it halts with its one-shot set a
//!   little before the first deadline, because a halted core takes its time to come
//!   ([`idle_wait`], [`before_halt`]). The P's M is woken when the time has come.
//! - It cannot look after them, because what runs is not preempted: a core that has nothing else to
//!   do runs them ([`steal`]).

use core::sync::atomic::Ordering;

use super::timers::{ARM, DUE, OWED, RUNNING, SKIP};
use super::{NEVER, nanotime};
use crate::config::{IDLE_LEAD_NS, IDLE_SPIN_NS, TICK_NS, TIMER_RETRY_NS};
use crate::g::G;
use crate::m::M;
use crate::netpoll;
use crate::p::{self, P, Status};
use crate::percpu::Core;
use crate::queue::runq::Slice;
use crate::sched::{SCHED, find, idle, tick};

/// Sees to it that this core's one-shot timer fires at that time or before.
///
/// Pinned on that core, or in its handlers.
pub fn arm(core: &Core, deadline: u64) {
    let armed = &core.tick.armed;
    if deadline >= armed.load(Ordering::Relaxed) {
        // Should it fire just now, its handler looks at the timers.
        return;
    }
    // Masked: a handler between the two would think that something else is set.
    let was_enabled = burrow_arch::irq::disable();
    if deadline < armed.load(Ordering::Relaxed) {
        armed.store(deadline, Ordering::Relaxed);
        burrow_arch::timer::set(deadline);
    }
    burrow_arch::irq::restore(was_enabled);
}

/// Runs the timers of this P that are due; the goroutine that one of them readied, or one that a
/// device made ready, to be run now. Go: `checkTimers`, and `netpoll(0)` in `findRunnable`.
///
/// On g0, holding the P, no lock held.
#[cold]
#[inline(never)]
pub fn check(m: &'static M, p: &'static P) -> Option<find::Found> {
    let timers = &p.timers;
    if timers.flags() & DUE == 0 {
        timers.take(SKIP);
        return None;
    }
    // What is looked at before a goroutine runs, for what remains.
    timers.raise(ARM | RUNNING);
    if timers.take(SKIP) != 0 {
        // Whoever was in the queue while goroutines of timers had a whole slice.
        timers.take(RUNNING);
        return None;
    }
    timers.take(DUE);
    let now = nanotime();
    let readied = timers.run_due(now);
    timers.clean();
    if timers.wake_time() <= now {
        timers.raise(DUE);
    }
    let found = match readied {
        // SAFETY: this M holds the P, on g0.
        true => unsafe { p.owner() }.get().map(|(g, slice)| (G::from_item(g), slice)),
        false => None,
    };
    let owed = timers.take(RUNNING | OWED) & OWED != 0;
    let found = match found {
        Some(found) => Some(found),
        None => netpoll::take_turn(m, p).map(|g| (g, Slice::New)),
    };
    if netpoll::pending() {
        timers.raise(DUE);
    }
    tick::need_if_waiters(p);
    // The one that this M takes needs no other core. What else there is does.
    if owed && (timers.flags() & DUE != 0 || find::work_anywhere()) {
        idle::wakep(m);
    }
    found
}

/// Sees to it that the goroutine that is to run is interrupted in time.
///
/// On g0, holding the P, when nobody looks at [`DUE`] any more before the goroutine runs.
#[cold]
#[inline(never)]
pub fn before_run(core: &'static Core, p: &'static P) {
    let due = p.timers.flags() & DUE != 0;
    if p.timers.take(ARM) == 0 {
        if due {
            // The interrupt came after the look at what is due.
            arm(core, nanotime() + TIMER_RETRY_NS);
        }
        return;
    }
    if !due {
        return arm(core, p.timers.wake_time());
    }
    // More is due than the goroutine that comes now.
    if core.tick.armed.load(Ordering::Relaxed) == NEVER {
        arm(core, nanotime() + TICK_NS);
    }
}

/// The core goes on with a thread that holds no P: timers of the core's P interrupt that one too.
///
/// Pinned.
pub fn before_thread(core: &Core) {
    let when = core.own_p().timers.wake_time();
    if when != NEVER {
        arm(core, when);
    }
}

/// For the handlers: whether a timer of this core is due, or a goroutine is ready that waited for a
/// device; noted for the scheduler.
pub fn notice(p: &'static P, now: u64) -> bool {
    let due = p.timers.wake_time() <= now || netpoll::pending();
    if due && p.timers.flags() & DUE == 0 {
        p.timers.raise(DUE);
    }
    due
}

/// An idle M runs what is due on a busy P whose core does not come to it; the goroutine to run.
/// Go: the timers in `stealWork`.
///
/// On g0, holding `p`, no lock held.
pub fn steal(p: &'static P, victim: &'static P) -> Option<&'static G> {
    let when = victim.timers.wake_time();
    if when == NEVER || when > nanotime() || !victim.timers.run_due(nanotime()) {
        return None;
    }
    // SAFETY: this M holds the P, on g0.
    let (g, _): (_, Slice) = unsafe { p.owner() }.get()?;
    Some(G::from_item(g))
}

/// Whether any timer of the program is still to fire: then nothing is dead yet.
pub fn any_pending() -> bool {
    (0..SCHED.cores()).any(|id| p::allp(id).timers.live_for_program() > 0)
}

/// When this core has to look after its idle P's timers.
fn idle_deadline(core: &Core) -> u64 {
    let p = core.own_p();
    match p.status() {
        Status::Idle => p.timers.wake_time(),
        // Its M has been woken, or waits for its turn, or there is none.
        Status::Running | Status::Syscall | Status::GcStop | Status::Dead => NEVER,
    }
}

/// The core has nothing to run: if a timer is due, or a device has made a goroutine ready, it wakes
/// its P's M, and if a timer will be due very soon it waits for that. `false`: it may halt.
///
/// Pinned, no lock held.
pub fn idle_wait(core: &'static Core) -> bool {
    if netpoll::pending_here(core) {
        idle::start_own_p(core);
        return true;
    }
    if idle_deadline(core) == NEVER {
        return false;
    }
    loop {
        let (now, deadline) = (nanotime(), idle_deadline(core));
        if deadline <= now {
            break;
        }
        if deadline - now > IDLE_SPIN_NS {
            return false;
        }
        // No pause: an emulator takes it for an invitation to do something else.
        if core.threads.waiting() || netpoll::pending_here(core) {
            return true;
        }
    }
    idle::start_own_p(core);
    true
}

/// The world goes on, on this core's P; nobody has looked after timers meanwhile.
///
/// Pinned, no lock held.
pub fn world_started(core: &Core) {
    let now = nanotime();
    if netpoll::pending() {
        arm(core, now + TIMER_RETRY_NS);
    }
    for id in 0..SCHED.procs() {
        let when = p::allp(id).timers.wake_time();
        if when == NEVER {
            continue;
        }
        if id == core.index {
            arm(core, when.max(now + TIMER_RETRY_NS));
        } else {
            burrow_arch::ipi::send(id);
        }
    }
}

/// The core is about to halt, interrupts masked.
pub fn before_halt(core: &Core) {
    let deadline = idle_deadline(core);
    if deadline != NEVER {
        arm(core, deadline.saturating_sub(IDLE_LEAD_NS));
    }
}
