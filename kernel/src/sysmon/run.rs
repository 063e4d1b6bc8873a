//! The thread itself: an M that never holds a P. Go: `sysmon`.
//!
//! It looks, does what is to be done, and sleeps: for 20 µs to 10 ms while goroutines wait for busy
//! Ps ([`super::backoff`]), and otherwise until somebody wakes it. Then nothing is to be watched: a
//! goroutine that nobody waits for may run for as long as it likes, and idle Ps need no one. So an
//! idle machine and a lone goroutine are not disturbed, with one exception: as long as there is
//! something to be given back ([`super::leftover`]) it comes once a second.
//!
//! Who wakes it: a core's tick, because a core ticks when something begins to wait ([`on_tick`]);
//! and a core that has run something and halts, because there may be something to give back
//! ([`before_halt`]).
//!
//! Most of what Go leaves to it the cores do themselves, and sooner: slices end by the core's tick,
//! a P in a call is taken by the tick or by the switch of kernel threads (law 8), devices interrupt.
//! It stands behind them.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use burrow_arch::ipi;
use burrow_arch::platform::MAX_CORES;

use super::backoff::{Backoff, LONGEST_NS, Look};
use super::leftover::Leftover;
use super::retake::{At, Verdict, View, Watched};
use super::{netpoll, watchdog};
use crate::kthread::note::Note;
use crate::kthread::{self, notesleep, notetsleep, notewakeup};
use crate::m::M;
use crate::p::{P, Status, allp};
use crate::percpu::{self, Core};
use crate::sched::{SCHED, deadlock, find, syscall};
use crate::sync::pin;
use crate::time::nanotime;

/// How others see it.
struct Sysmon {
    /// It sleeps until it is woken, or until something may be given back. Who clears this gives the
    /// signal. Go: `sysmonwait`.
    asleep: AtomicBool,
    /// Nothing is left to give back: it sleeps without a time. As `asleep`, for [`before_halt`].
    settled: AtomicBool,
    /// When it went to sleep.
    since: AtomicU64,
    /// Go: `sysmonnote`.
    note: Note<M>,
}

static SYSMON: Sysmon = Sysmon {
    asleep: AtomicBool::new(false),
    settled: AtomicBool::new(false),
    since: AtomicU64::new(0),
    note: Note::new(),
};

/// How long it has nothing to do.
enum Pause {
    /// Goroutines wait: it looks again in so many nanoseconds.
    Watch(u64),
    /// Until it is woken, or until then.
    Sleep(Option<u64>),
}

/// Starts the thread, on the last core: work begins at the first. Once.
pub fn start() {
    kthread::spawn(main, 0, SCHED.cores() - 1);
}

/// A core's tick: goroutines or threads wait for it. In its handler.
#[inline]
pub fn on_tick(now: u64) {
    // Not at every tick: what waits at one may be gone at the next, and come again.
    if SYSMON.asleep.load(Ordering::Relaxed)
        && now.saturating_sub(SYSMON.since.load(Ordering::Relaxed)) >= LONGEST_NS
    {
        wake();
    }
}

/// A core is about to halt. Pinned, no lock held.
#[inline]
pub fn before_halt(core: &Core) {
    if SYSMON.settled.load(Ordering::Relaxed) && core.watch.has_run(core.own_p().schedtick()) {
        wake();
    }
}

/// Wakes it, if nobody else does.
#[cold]
fn wake() {
    // Acquire: pairs with the release in `sleep`, so that the note is seen clear.
    if SYSMON.asleep.swap(false, Ordering::Acquire) {
        notewakeup(&SYSMON.note);
    }
}

/// The thread.
fn main(_: usize) {
    let mut backoff = Backoff::relaxed();
    let mut seen = Seen {
        ps: [const { Watched::new() }; MAX_CORES],
        untaken: netpoll::Untaken::new(),
        leftover: Leftover::new(),
    };
    loop {
        match seen.look(&mut backoff) {
            Pause::Watch(nanos) => kthread::sleep_until(nanotime() + nanos),
            Pause::Sleep(until) => {
                sleep(until);
                backoff = Backoff::relaxed();
            }
        }
    }
}

/// What it remembers of the looks before.
struct Seen {
    ps: [Watched; MAX_CORES],
    untaken: netpoll::Untaken,
    leftover: Leftover,
}

impl Seen {
    /// Looks, and does what is to be done.
    fn look(&mut self, backoff: &mut Backoff) -> Pause {
        let now = nanotime();
        netpoll::poll_if_late(now);
        self.untaken.look(now);
        let mut useful = Look::Vain;
        let mut watched = SCHED.world.gcwaiting();
        for (p, seen) in (0..SCHED.procs()).map(allp).zip(&mut self.ps) {
            let view = view(p);
            watched |= view.at != At::Elsewhere && view.wanted;
            match seen.look(view, now) {
                Verdict::Leave => leave(p),
                Verdict::Preempt => preemptone(p, now),
                Verdict::HandOff => useful = hand_off(p, useful),
            }
        }
        self.leftover.give_back(now);
        if watched {
            return Pause::Watch(backoff.pause_after(useful));
        }
        check_dead();
        Pause::Sleep(self.leftover.next())
    }
}

/// How a P looks from outside.
fn view(p: &'static P) -> View {
    let at = match p.status() {
        Status::Running => At::Running,
        Status::Syscall => At::Syscall,
        Status::Idle | Status::GcStop | Status::Dead => At::Elsewhere,
    };
    View {
        at,
        schedtick: p.schedtick(),
        syscalltick: p.syscalltick(),
        wanted: find::has_waiters(p),
        others_free: SCHED.spinners.idle_ps() + SCHED.spinners.spinning() > 0,
    }
}

fn leave(p: &'static P) {
    if let Some(core) = percpu::core(p.id) {
        watchdog::content(core);
    }
}

/// The slice is long over: the core's own tick should have seen to it. Go: `preemptone`.
fn preemptone(p: &'static P, now: u64) {
    let pinned = pin();
    match percpu::core(p.id) {
        // This thread has the core: nobody keeps it.
        Some(core) if core.index == pinned.core().index => watchdog::content(core),
        Some(core) => {
            ipi::send(core.index);
            watchdog::silent(core, now);
        }
        None => {}
    }
}

/// A P whose M is in a call goes to another M.
fn hand_off(p: &'static P, look: Look) -> Look {
    let pinned = pin();
    if syscall::retake(pinned.m(), p) { Look::Useful } else { look }
}

/// If everything sleeps, nothing will wake it. Go: the call of `checkdead` in `sysmon`.
fn check_dead() {
    if SCHED.spinners.idle_ps() == SCHED.procs() {
        deadlock::checkdead(&SCHED.lock.lock());
    }
}

/// Sleeps until it is woken or until that time.
fn sleep(until: Option<u64>) {
    let pinned = pin();
    let m = pinned.m();
    SYSMON.note.clear();
    SYSMON.since.store(nanotime(), Ordering::Relaxed);
    SYSMON.settled.store(until.is_none(), Ordering::Relaxed);
    // Release: pairs with the acquire in `wake`.
    SYSMON.asleep.store(true, Ordering::Release);
    match until {
        None => notesleep(m, &SYSMON.note),
        Some(until) => {
            if !notetsleep(m, &SYSMON.note, until) && !SYSMON.asleep.swap(false, Ordering::Relaxed)
            {
                // Somebody is about to signal.
                notesleep(m, &SYSMON.note);
            }
        }
    }
    SYSMON.settled.store(false, Ordering::Relaxed);
}
