//! From the handler's signal to the scheduler: see [`super`].
//!
//! Two stages: a lock-free list that handlers push to, and a queue under a lock, so that they are
//! served in the order in which their signals came. They come before what waits for its slice, but
//! no more than [`IN_A_ROW`] at a time: what they keep the core from has its turn too (H13).

use core::marker::PhantomData;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering, fence};

use burrow_arch::ipi;
use burrow_arch::trap::TrapFrame;

use super::ionote::{Begin, IoNote};
use crate::config::IN_A_ROW;
use crate::g::{G, Kind, Status};
use crate::kthread::mailbox::Mailbox;
use crate::m::M;
use crate::p::{self, P};
use crate::percpu::{Core, record};
use crate::queue::list::List;
use crate::sched::park::gopark;
use crate::sched::{SCHED, WaitReason, idle, tick};
use crate::sync::{Rank, SpinLock, pin};
use crate::trace::ring::Event;

/// Signalled and pushed by handlers, newest first.
static ARRIVED: Mailbox<G> = Mailbox::new();

/// In order of their signals. Go: the list that `netpoll` returns.
static QUEUE: SpinLock<List<G>> = SpinLock::new(Rank::Netpoll, List::new());

/// Goroutines in `QUEUE`, for looking without its lock.
static QUEUED: AtomicUsize = AtomicUsize::new(0);

/// Goroutines of the program that wait for a device. Go: `netpollWaiters`.
static WAITERS: AtomicUsize = AtomicUsize::new(0);

/// Goroutines of the program that wait for a device: nothing is dead while there are any.
pub fn waiters() -> usize {
    WAITERS.load(Ordering::Relaxed)
}

/// Whether goroutines wait to be taken.
#[inline(always)]
pub fn pending() -> bool {
    !ARRIVED.is_empty() || QUEUED.load(Ordering::Relaxed) > 0
}

/// Whether some wait that this core, which has nothing to do, can start its P for.
#[inline(always)]
pub fn pending_here(core: &Core) -> bool {
    pending() && core.own_p().status() == p::Status::Idle
}

/// Parks this goroutine until the note is signalled. Go: `netpollblock`.
///
/// On a goroutine's stack, preemption not held off; one waiter at a time.
pub fn wait(note: &IoNote<G>) {
    let Begin::Wait = note.begin() else { return };
    let _waiting = Waiting::of(pin().g());
    let arg = (&raw const *note).cast_mut().cast();
    // SAFETY: `commit` is made for the note, which the caller borrows until it is signalled.
    unsafe { gopark(Some((commit, arg)), WaitReason::IoWait) };
    note.end();
}

/// Go: `netpollblockcommit`.
unsafe fn commit(g: &'static G, note: *mut ()) -> bool {
    // SAFETY: `wait` passed it. Until the exchange in here succeeds, the waiter cannot go on.
    let note = unsafe { &*note.cast_const().cast::<IoNote<G>>() };
    note.commit(g.as_item())
}

/// A goroutine is counted as waiting for a device.
struct Waiting {
    counts: bool,
}

impl Waiting {
    fn of(g: &G) -> Self {
        let counts = g.kind() == Kind::User;
        WAITERS.fetch_add(counts.into(), Ordering::Relaxed);
        Self { counts }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        WAITERS.fetch_sub(self.counts.into(), Ordering::Relaxed);
    }
}

/// What a device's handler has made ready; the proof of being in one.
pub struct Readied {
    any: bool,
    /// Of this core.
    here: PhantomData<*mut ()>,
}

impl Readied {
    /// Nothing yet. In a handler, interrupts masked.
    pub(crate) fn new() -> Self {
        Self { any: false, here: PhantomData }
    }

    /// Signals a note: who waits for it will run. The note may be gone afterwards.
    pub fn signal(&mut self, note: &IoNote<G>) {
        if let Some(g) = note.signal() {
            self.push(g);
        }
    }

    fn push(&mut self, g: NonNull<G>) {
        // SAFETY: Gs are never freed, and one that has parked on a note is on no list.
        let _ = unsafe { ARRIVED.push(g) };
        self.any = true;
    }

    /// Sees to it that somebody takes what was made ready. Last thing in the handler.
    pub(crate) fn announce(self, core: &'static Core, frame: &mut TrapFrame) {
        if !self.any || (core.tick.idling() && pending_here(core)) {
            // An idle core looks before it halts again.
            return;
        }
        // Partner: the fences between a P's way to the idle mask and its core's last look.
        fence(Ordering::SeqCst);
        if let Some(id) = SCHED.idle_ps.snapshot().first_from(core.index + 1)
            && id != core.index
        {
            return ipi::send(id);
        }
        match core.own_p().status() {
            // It has no part in this; the first one always has.
            p::Status::Dead if core.index != 0 => ipi::send(0),
            _ => tick::on_ready(core, frame),
        }
    }
}

/// Takes the goroutine that was signalled first. Go: `netpoll(0)` in `findRunnable`.
///
/// On g0, holding a P, no lock held.
pub fn take(m: &'static M) -> Option<&'static G> {
    if !pending() {
        return None;
    }
    let mut queue = QUEUE.lock();
    queue.push_back_all(ARRIVED.take_all());
    let item = queue.pop_front();
    let left = queue.len();
    QUEUED.store(left, Ordering::Relaxed);
    drop(queue);
    let g = G::from_item(item?);
    record(Event::Ready, g.goid(), 0);
    g.casgstatus(Status::Waiting, Status::Runnable);
    if left > 0 {
        // Those are another core's to run, if one is idle.
        idle::wakep(m);
    }
    Some(g)
}

/// As [`take`], before what waits for its slice, unless that has not had its turn for long.
pub fn take_turn(m: &'static M, p: &'static P) -> Option<&'static G> {
    if !pending() || p.io_in_a_row() >= IN_A_ROW {
        p.set_io_in_a_row(0);
        return None;
    }
    p.set_io_in_a_row(p.io_in_a_row() + 1);
    take(m)
}
