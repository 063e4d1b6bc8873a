//! Keeping one goroutine where it is, to look at its stack, while everything else goes on. Go:
//! `suspendG`, `resumeG`.
//!
//! One that waits, is queued or is in a blocking call stands still already: its scan bit keeps it so.
//! One that runs is preempted, and the scheduler that gets it puts it on no queue: it is `Preempted`
//! until it is let go.

use core::sync::atomic::{AtomicPtr, Ordering};

use burrow_arch::ipi;

use super::{SCHED, WaitReason, park, run, stop};
use crate::g::{self, G, Status};
use crate::p::P;
use crate::sync::sema::Sema;
use crate::sync::{Pinned, pin};

/// One at a time looks at another one.
static TURN: Sema = Sema::with_permits(1);

/// The running goroutine that is to stop, or null.
static TARGET: AtomicPtr<G> = AtomicPtr::new(core::ptr::null_mut());

/// A goroutine that stands still while this lives. Go: `suspendGState`.
pub struct Suspended {
    g: &'static G,
    /// It ran, and is on no queue.
    preempted: bool,
    /// Whoever readies or runs a claimed goroutine spins: not behind one that was preempted.
    pinned: Option<Pinned>,
}

impl Suspended {
    /// Which one.
    pub fn g(&self) -> &'static G {
        self.g
    }
}

/// Waits until the goroutine stands still and keeps it so; `None` if it has ended. Go: `suspendG`.
///
/// On another goroutine's stack, preemption not held off; may park.
pub fn suspend(g: &'static G, goid: u64) -> Option<Suspended> {
    if core::ptr::eq(g, g::current()) {
        crate::panic::throw("suspendG: a goroutine cannot suspend itself");
    }
    TURN.acquire(WaitReason::Semacquire);
    ask_for(g);
    let suspended = loop {
        if g.goid() != goid || matches!(g.status(), Status::Dead | Status::Idle) {
            break None;
        }
        let pinned = Some(pin());
        if g.claim() {
            break Some(Suspended { g, preempted: false, pinned });
        }
        if g.claim_preempted() {
            break Some(Suspended { g, preempted: true, pinned });
        }
        poke(g);
        drop(pinned);
        // The core may be this one's; and who holds the scan bit has its turn.
        run::gosched();
    };
    stop_asking();
    if suspended.is_none() {
        let pinned = Some(pin());
        if g.claim_preempted() {
            // It had ended; another one that uses the same G by now was stopped in its place.
            drop(Suspended { g, preempted: true, pinned });
        }
    }
    TURN.release();
    // Claimed it cannot end: if it had ended before, this is another one.
    suspended.filter(|suspended| suspended.g.goid() == goid)
}

impl Drop for Suspended {
    /// Go: `resumeG`.
    fn drop(&mut self) {
        self.g.release();
        if self.preempted {
            park::goready(self.g);
        }
        self.pinned = None;
    }
}

fn ask_for(g: &'static G) {
    let _locked = SCHED.lock.lock();
    TARGET.store((&raw const *g).cast_mut(), Ordering::Relaxed);
    SCHED.world.ask(stop::FREEZE);
}

/// Before the goroutine is let go: the scheduler that runs it again sees that nothing is asked.
fn stop_asking() {
    let _locked = SCHED.lock.lock();
    TARGET.store(core::ptr::null_mut(), Ordering::Relaxed);
    SCHED.world.settle(stop::FREEZE);
}

/// Interrupts the core that runs it, unless that one ticks, and so sees by itself that it is asked.
fn poke(g: &'static G) {
    let p = g.try_m().and_then(|m| m.try_p());
    if let Some(p) = p.filter(|p| !p.ticking()) {
        ipi::send(p.id);
    }
}

/// If that goroutine, which is leaving its core, is to be kept off the queues: it is now.
#[inline(always)]
pub(super) fn keeps(g: &'static G) -> bool {
    SCHED.world.is_asking() && is_target(g) && keep(g)
}

/// Under the lock, so that who has stopped asking knows whether it was kept.
#[cold]
fn keep(g: &'static G) -> bool {
    let _locked = SCHED.lock.lock();
    let is_target = is_target(g);
    if is_target {
        g.casgstatus(Status::Running, Status::Preempted);
    }
    is_target
}

/// Whether what runs on that P is asked for.
pub(super) fn wants(p: &P) -> bool {
    p.m().and_then(|m| m.curg()).is_some_and(is_target)
}

fn is_target(g: &'static G) -> bool {
    core::ptr::eq(TARGET.load(Ordering::Relaxed), g)
}
