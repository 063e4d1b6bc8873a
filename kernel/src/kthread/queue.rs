//! A core's kernel threads: those that can run, and whose turn it is (law 8); and those that sleep
//! until a time.
//!
//! The interrupt that a sleeper's time brings touches no queue (law 6): it rings a bell
//! ([`Threads::ring`]), and whoever picks the next thread wakes all whose time has come.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use burrow_arch::clock::nanotime;

use super::mailbox::Mailbox;
use super::note::{Note, Withdraw};
use crate::config::TICK_NS;
use crate::m::M;
use crate::percpu;
use crate::queue::list::List;
use crate::queue::sleepers::Sleepers;
use crate::sched::tick;
use crate::sync::{Rank, SpinLock};
use crate::time::{NEVER, deadline};

/// See the module's text.
pub struct Threads {
    /// Woken threads arrive here, from any core.
    pub mailbox: Mailbox<M>,
    queue: SpinLock<Queue>,
    /// Threads in `queue`, for looking without its lock.
    queued: AtomicUsize,
    /// Goes up with every thread that gets the core.
    turn: AtomicU32,
    /// The running thread's turn is over: set by the tick, cleared by the switch.
    due: AtomicBool,
    /// When the first sleeper is to wake; [`NEVER`] if none sleeps.
    first_wakes: AtomicU64,
    /// That time has come: set by the core's timer, cleared by who wakes the sleepers.
    rung: AtomicBool,
}

struct Queue {
    /// Threads that hold this core's P: one at most, but for moments.
    with_p: List<M>,
    /// Threads without a P, in order.
    without_p: List<M>,
    /// Whether the P's holder had the turn before.
    p_had_turn: bool,
    /// When the turn of those without a P ends, if one of them has it.
    turn_ends: u64,
    /// Those that sleep until a time.
    sleepers: Sleepers<M>,
}

impl Threads {
    /// No threads.
    pub const fn new() -> Self {
        let queue = Queue {
            with_p: List::new(),
            without_p: List::new(),
            p_had_turn: false,
            turn_ends: 0,
            sleepers: Sleepers::new(),
        };
        Self {
            mailbox: Mailbox::new(),
            queue: SpinLock::new(Rank::Threads, queue),
            queued: AtomicUsize::new(0),
            turn: AtomicU32::new(0),
            due: AtomicBool::new(false),
            first_wakes: AtomicU64::new(NEVER),
            rung: AtomicBool::new(false),
        }
    }

    /// Whether a thread waits for this core.
    #[inline(always)]
    pub fn waiting(&self) -> bool {
        self.queued.load(Ordering::Relaxed) > 0
            || !self.mailbox.is_empty()
            || self.rung.load(Ordering::Relaxed)
    }

    /// Whether the running thread's turn is over.
    #[inline(always)]
    pub fn due(&self) -> bool {
        self.due.load(Ordering::Relaxed)
    }

    /// The tick's word: the running thread has had its turn.
    pub fn set_due(&self) {
        self.due.store(true, Ordering::Relaxed);
    }

    /// Changes whenever another thread gets the core.
    pub fn turn(&self) -> u32 {
        self.turn.load(Ordering::Relaxed)
    }

    /// Queues a thread of this core that wants to go on and makes way: its turn is over.
    pub fn put(&self, m: &'static M) {
        let mut queue = self.queue.lock();
        queue.turn_ends = 0;
        self.put_locked(&mut queue, m);
    }

    /// Whoever holds the P, or will, runs before the threads without one.
    pub fn p_goes_first(&self) {
        let mut queue = self.queue.lock();
        queue.p_had_turn = false;
        queue.turn_ends = 0;
    }

    /// The thread whose turn it is: the P's holder gets every second turn, however many threads
    /// without a P queue. On this core, pinned.
    pub fn pick(&self) -> Option<&'static M> {
        if !self.waiting() {
            return None;
        }
        let mut queue = self.queue.lock();
        let mut arrived = self.mailbox.take_all();
        while let Some(item) = arrived.pop_front() {
            self.put_locked(&mut queue, M::from_item(item));
        }
        if self.rung.load(Ordering::Relaxed) {
            self.wake_sleepers(&mut queue);
        }
        let picked = queue.pick();
        if picked.is_some() {
            self.queued.fetch_sub(1, Ordering::Relaxed);
            self.turn.fetch_add(1, Ordering::Relaxed);
            self.due.store(false, Ordering::Relaxed);
        }
        drop(queue);
        if let Some(m) = picked {
            let core = percpu::local();
            if self.waiting() {
                // They get the core only if it ticks.
                tick::need(core.own_p());
            }
            if !holds_p(m) {
                deadline::before_thread(core);
            }
        }
        picked
    }

    fn put_locked(&self, queue: &mut Queue, m: &'static M) {
        queue.put(m);
        self.queued.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes a thread without a P away for an idle core, unless its own core still stands on its
    /// stack (H22, H23: never wait for that here).
    pub fn pull(&self) -> Option<&'static M> {
        if self.queued.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut queue = self.queue.lock();
        let m = M::from_item(queue.without_p.pop_front()?);
        if m.is_on_core() || m.is_homebound() {
            // SAFETY: it came off this list a moment ago.
            unsafe { queue.without_p.push_front(m.as_item()) };
            return None;
        }
        self.queued.fetch_sub(1, Ordering::Relaxed);
        Some(m)
    }
}

/// Sleeping until a time.
impl Threads {
    /// This thread, registered with `note`, is to wake at `when` unless it is signalled before.
    /// On this core, pinned; [`forget`](Self::forget) before the note is gone.
    pub fn sleep(&self, m: &'static M, note: &Note<M>, when: u64) {
        let mut queue = self.queue.lock();
        m.set_sleeps_on(note);
        // SAFETY: Ms are never freed, and one that is about to sleep sleeps nowhere else.
        unsafe { queue.sleepers.insert(m.as_item(), when) };
        self.publish_first(&queue);
        drop(queue);
        deadline::arm(percpu::local(), when);
    }

    /// This thread, which slept here, is awake: nobody looks at its note any more. On any core.
    pub fn forget(&self, m: &'static M) {
        let mut queue = self.queue.lock();
        // SAFETY: Ms are never freed, and this one slept here.
        if unsafe { queue.sleepers.remove(m.as_item()) } {
            self.publish_first(&queue);
        }
    }

    /// For the core's handlers: rings if the first sleeper's time has come. Whether it has.
    pub fn ring(&self, now: u64) -> bool {
        let has_come = self.first_wakes.load(Ordering::Relaxed) <= now;
        if has_come {
            self.rung.store(true, Ordering::Relaxed);
        }
        has_come
    }

    /// When the core's timer is to fire for a sleeper.
    pub fn rings_at(&self) -> u64 {
        match self.rung.load(Ordering::Relaxed) {
            true => NEVER,
            false => self.first_wakes.load(Ordering::Relaxed),
        }
    }

    /// Makes all runnable whose time has come and who have not been signalled. On this core.
    #[cold]
    fn wake_sleepers(&self, queue: &mut Queue) {
        // First: a bell that rings from here on is for those who are left.
        self.rung.store(false, Ordering::Relaxed);
        let now = nanotime();
        while let Some((when, item)) = queue.sleepers.first() {
            if when > now {
                break;
            }
            queue.sleepers.pop();
            if let Some(m) = withdrawn(item) {
                self.put_locked(queue, m);
            }
        }
        let first = self.publish_first(queue);
        deadline::arm(percpu::local(), first);
    }

    fn publish_first(&self, queue: &Queue) -> u64 {
        let first = queue.sleepers.first().map_or(NEVER, |(when, _)| when);
        self.first_wakes.store(first, Ordering::Relaxed);
        first
    }
}

/// A sleeper that just left the heap, to be made runnable unless somebody signalled it: then that
/// one does.
fn withdrawn(item: NonNull<M>) -> Option<&'static M> {
    let m = M::from_item(item);
    // SAFETY: the sleeper keeps its note until it has taken this lock again, in `forget`.
    let note = unsafe { &*m.sleeps_on() };
    (note.withdraw(item) == Withdraw::Withdrawn).then_some(m)
}

impl Queue {
    /// Whose turn it is. Those without a P share their turn: one that sleeps again at once leaves
    /// the rest of it to the next, so that many short wake-ups do not wait for a slice each.
    fn pick(&mut self) -> Option<&'static M> {
        let others_turn = !self.without_p.is_empty()
            && (self.with_p.is_empty() || self.p_had_turn || nanotime() < self.turn_ends);
        let item = match others_turn {
            true => self.without_p.pop_front(),
            false => self.with_p.pop_front(),
        }?;
        if others_turn && self.p_had_turn {
            self.turn_ends = nanotime() + TICK_NS;
        }
        let m = M::from_item(item);
        self.p_had_turn = holds_p(m);
        Some(m)
    }

    fn put(&mut self, m: &'static M) {
        let list = match holds_p(m) {
            true => &mut self.with_p,
            false => &mut self.without_p,
        };
        // SAFETY: Ms are never freed, and one that is made runnable is on no list.
        unsafe { list.push_back(m.as_item()) };
    }
}

/// Whether it holds a P, or was woken to take one.
fn holds_p(m: &'static M) -> bool {
    m.try_p().is_some() || m.has_nextp()
}
