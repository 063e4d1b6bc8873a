//! The scheduling tick: slices are measured here, not on the switch path (DESIGN §5).
//!
//! A core ticks only while something waits for it: goroutines in its own or the global queue, or
//! kernel threads. Each tick compares the P's schedtick with the one it saw; a slice is over at
//! the first tick 10 ms or more after the tick that first saw it. Go does the same from `sysmon`
//! (`retake`), which sees less sharply.

use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use burrow_arch::{clock, ipi, paging, trap::TrapFrame};

use super::preempt::{Outcome, try_preempt};
use super::{SCHED, find, stop};
use crate::config::{RETRY_NS, SLICE_NS, TICK_NS, TIMER_RETRY_NS, TLB_FLUSH_TICKS};
use crate::g::{self, Preempt};
use crate::netpoll;
use crate::p::{self, P, Status};
use crate::percpu::{self, Core};
use crate::sysmon::{self, watchdog};
use crate::time::timers::RUNNING;
use crate::time::{NEVER, deadline};

/// A core's view of what runs. Touched by the core's handlers only.
pub struct Tick {
    /// The P's slice: its schedtick. Go: `pd.schedtick`, `pd.schedwhen`.
    slice: Watch,
    /// The kernel thread's turn: the core's count of turns.
    turn: Watch,
    /// The call that the P's M is in, by the P's count of them. Go: `pd.syscalltick`.
    call: Watch,
    /// When the next tick is; [`NEVER`] while the core does not tick.
    next: AtomicU64,
    /// What the one-shot timer is set to; [`NEVER`] if to nothing. For the next tick or for a
    /// timer, whichever is earlier: `time::deadline`.
    pub armed: AtomicU64,
    /// The core has nothing to run, and looks for something by itself.
    idling: AtomicBool,
    /// Since when the global queue was not empty, for cores that do not tick.
    global_since: AtomicU64,
    /// Ticks so far.
    count: AtomicU32,
}

/// A number that goes up, and since when it has been what it is.
struct Watch {
    seen: AtomicU32,
    since: AtomicU64,
}

impl Watch {
    const fn new() -> Self {
        Self { seen: AtomicU32::new(u32::MAX), since: AtomicU64::new(0) }
    }

    /// For how long the number has been this one, as far as ticks saw.
    fn age(&self, number: u32, now: u64) -> u64 {
        if self.seen.load(Ordering::Relaxed) != number {
            self.seen.store(number, Ordering::Relaxed);
            self.since.store(now, Ordering::Relaxed);
        }
        now.saturating_sub(self.since.load(Ordering::Relaxed))
    }
}

impl Tick {
    /// Nothing seen.
    pub const fn new() -> Self {
        Self {
            slice: Watch::new(),
            turn: Watch::new(),
            call: Watch::new(),
            next: AtomicU64::new(NEVER),
            armed: AtomicU64::new(NEVER),
            idling: AtomicBool::new(false),
            global_since: AtomicU64::new(0),
            count: AtomicU32::new(0),
        }
    }

    /// Whether the core has nothing to run.
    pub fn idling(&self) -> bool {
        self.idling.load(Ordering::Relaxed)
    }

    /// See [`idling`](Self::idling).
    pub fn set_idling(&self, idling: bool) {
        self.idling.store(idling, Ordering::Relaxed);
    }
}

/// Work waits for this P: its core ticks from now on. Pinned or on g0, on the P's core.
#[inline(always)]
pub fn need(p: &'static P) {
    if !p.ticking() {
        start(p);
    }
}

/// As [`need`], if something waits.
pub fn need_if_waiters(p: &'static P) {
    if find::has_waiters(p) {
        need(p);
    }
}

#[cold]
#[inline(never)]
fn start(p: &'static P) {
    if p.timers.flags() & RUNNING != 0 {
        // What timers ready is about to be run; then it is seen whether something waits.
        return;
    }
    let core = percpu::local();
    p.set_ticking(true);
    let next = clock::nanotime() + TICK_NS;
    core.tick.next.store(next, Ordering::Relaxed);
    deadline::arm(core, next);
}

/// The core's timer fired: `Upcalls::timer`.
pub fn on_timer(frame: &mut TrapFrame) {
    let core = percpu::local();
    p::bump(&core.interrupts, 1);
    let now = clock::nanotime();
    core.ring.set_time(now);
    core.tick.armed.store(NEVER, Ordering::Relaxed);
    interrupt(core, frame, now);
}

/// Another core has something for this one: `Upcalls::ipi`. An idle core's loop looks by itself.
pub fn on_ipi(frame: &mut TrapFrame) {
    let core = percpu::local();
    p::bump(&core.interrupts, 1);
    crate::stack::flush_epoch();
    let p = core.own_p();
    let now = clock::nanotime();
    if (!p.ticking() || stops(p)) && waits(core, p) {
        // The first tick is this one: a slice that began long ago is seen to begin now.
        core.tick.next.store(now, Ordering::Relaxed);
        interrupt(core, frame, now);
    } else if p.timers.wake_time() < core.tick.armed.load(Ordering::Relaxed) || netpoll::pending() {
        // Another core has moved a timer of this one's, or a device made a goroutine ready there.
        interrupt(core, frame, now);
    }
}

/// A device made a goroutine ready, and no core is idle: this one makes way for it.
pub fn on_ready(core: &'static Core, frame: &mut TrapFrame) {
    interrupt(core, frame, clock::nanotime());
}

/// A tick, or timers, or both; and sets the one-shot timer for what comes next.
fn interrupt(core: &'static Core, frame: &mut TrapFrame, now: u64) {
    let p = core.own_p();
    if core.threads.ring(now) && !core.tick.idling() && !p.ticking() {
        // What runs here makes way in time only if the core ticks. An idle core looks by itself.
        core.tick.next.store(now, Ordering::Relaxed);
    }
    let tick = core.tick.next.load(Ordering::Relaxed) <= now;
    if tick {
        sysmon::on_tick(now);
    }
    let slice_over = tick && on_tick(core, p, now);
    let due = deadline::notice(p, now);
    let retry = if slice_over {
        let outcome = try_preempt(frame, g::current(), Preempt::Slice);
        watchdog::refused(core, frame, outcome, now);
        match outcome {
            Outcome::Retry => core.tick.next.store(now + RETRY_NS, Ordering::Relaxed),
            // On its way to or from a goroutine: soon it will be in one.
            Outcome::Pending | Outcome::Off if stops(p) => {
                core.tick.next.store(now + RETRY_NS, Ordering::Relaxed);
            }
            Outcome::Redirected | Outcome::Pending | Outcome::Off => {}
        }
        NEVER
    } else if due {
        preempt_for_timers(core, frame)
    } else {
        NEVER
    };
    let mut next = core.tick.next.load(Ordering::Relaxed).min(now.saturating_add(retry));
    next = next.min(core.threads.rings_at());
    if p.timers.wake_time() > now && !core.tick.idling() {
        next = next.min(p.timers.wake_time());
    }
    if next != NEVER {
        deadline::arm(core, next);
    }
    if tick {
        super::check::work_waits();
        crate::stack::scavenge_tick(now);
        poke_others(core, now);
    }
}

/// A timer is due, or a goroutine that waited for a device is ready, and the scheduler of this core
/// is to run it: when to try again, if not now.
fn preempt_for_timers(core: &'static Core, frame: &mut TrapFrame) -> u64 {
    if core.tick.idling() {
        return NEVER;
    }
    let g = g::current();
    let Some(m) = g.try_m() else { return NEVER };
    if m.try_p().is_none() {
        // What it makes way for may be the M of this core's P.
        core.threads.set_due();
    } else if g.is_g0() {
        // The scheduler looks before it chooses a goroutine, and no more once it has.
        return if m.curg().is_some() { TIMER_RETRY_NS } else { NEVER };
    }
    match try_preempt(frame, g, Preempt::Timers) {
        Outcome::Retry => TIMER_RETRY_NS,
        // A thread that is about to sleep may hand the core to one that knows nothing of this.
        Outcome::Pending if m.try_p().is_none() && netpoll::pending() => RETRY_NS,
        Outcome::Redirected | Outcome::Pending | Outcome::Off => NEVER,
    }
}

/// Whether anything waits for this core.
fn waits(core: &'static Core, p: &'static P) -> bool {
    (is_out(p) && find::has_waiters(p)) || core.threads.waiting() || stops(p)
}

/// Whether somebody waits for this P's M to do what was asked of it.
fn stops(p: &P) -> bool {
    SCHED.world.is_asking() && is_out(p) && stop::asks(p)
}

/// Whether an M has this P, be it in a call.
fn is_out(p: &P) -> bool {
    matches!(p.status(), Status::Running | Status::Syscall)
}

/// A scheduling tick; whether what runs here has had its time.
fn on_tick(core: &'static Core, p: &'static P, now: u64) -> bool {
    flush_tlb(core);
    let waits = waits(core, p);
    p.set_ticking(waits);
    let next = if waits { now + TICK_NS } else { NEVER };
    core.tick.next.store(next, Ordering::Relaxed);
    waits && over(core, p, now)
}

/// Whether what runs here has had its time, as a goroutine or as a kernel thread.
fn over(core: &'static Core, p: &'static P, now: u64) -> bool {
    let slice = core.tick.slice.age(p.schedtick(), now) >= SLICE_NS;
    let has_p = g::current().try_m().is_some_and(|m| m.try_p().is_some());
    // A thread without a P makes way at the next tick (law 8).
    let limit = if has_p { SLICE_NS } else { TICK_NS };
    let due = core.tick.turn.age(core.threads.turn(), now) >= limit || (!has_p && stops(p));
    let turn = due && core.threads.waiting();
    if turn {
        core.threads.set_due();
    }
    if p.status() == Status::Syscall {
        // What runs here is in a call: its P is for others if they have waited for a tick (law 8).
        let long = core.tick.call.age(p.syscalltick(), now) >= TICK_NS;
        return turn || stops(p) || ((slice || long) && find::has_waiters(p));
    }
    turn || (has_p && (stops(p) || (slice && find::has_waiters(p))))
}

/// Goroutines have waited in the global queue for a slice: cores that run a lone goroutine do not
/// tick and are told.
fn poke_others(core: &'static Core, now: u64) {
    let since = &core.tick.global_since;
    if SCHED.runqsize() == 0 || since.load(Ordering::Relaxed) == 0 {
        since.store(now, Ordering::Relaxed);
        return;
    }
    if now.saturating_sub(since.load(Ordering::Relaxed)) < SLICE_NS {
        return;
    }
    since.store(now, Ordering::Relaxed);
    for id in (0..SCHED.procs()).filter(|id| *id != core.index) {
        let p = p::allp(id);
        if is_out(p) && !p.ticking() {
            ipi::send(id);
        }
    }
}

/// Settles deferred unmappings (law 12), and drops the whole TLB now and then.
///
/// The latter is for emulators: QEMU sizes its software TLB only when it is flushed, and begins
/// with 256 entries, so that a machine that never flushes misses for ever. Spawning 10,000
/// goroutines took 3.2 µs each without this and 0.45 µs with it (x86_64, `-smp 1`); a CPU's own
/// TLB is refilled in microseconds, a hundred times a second.
fn flush_tlb(core: &'static Core) {
    let count = core.tick.count.load(Ordering::Relaxed).wrapping_add(1);
    core.tick.count.store(count, Ordering::Relaxed);
    if count.is_multiple_of(TLB_FLUSH_TICKS) {
        paging::flush_all();
    }
    crate::stack::flush_epoch();
}
