//! A core's runnable kernel threads, and whose turn it is (law 8).

use core::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use super::mailbox::Mailbox;
use crate::m::M;
use crate::queue::list::List;
use crate::sync::{Rank, SpinLock};

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
}

struct Queue {
    /// Threads that hold this core's P: one at most, but for moments.
    with_p: List<M>,
    /// Threads without a P, in order.
    without_p: List<M>,
    /// Whether the P's holder had the turn before.
    p_had_turn: bool,
}

impl Threads {
    /// No threads.
    pub const fn new() -> Self {
        let queue = Queue { with_p: List::new(), without_p: List::new(), p_had_turn: false };
        Self {
            mailbox: Mailbox::new(),
            queue: SpinLock::new(Rank::Threads, queue),
            queued: AtomicUsize::new(0),
            turn: AtomicU32::new(0),
            due: AtomicBool::new(false),
        }
    }

    /// Whether a thread waits for this core.
    #[inline(always)]
    pub fn waiting(&self) -> bool {
        self.queued.load(Ordering::Relaxed) > 0 || !self.mailbox.is_empty()
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

    /// Queues a thread of this core that wants to go on.
    pub fn put(&self, m: &'static M) {
        let mut queue = self.queue.lock();
        queue.put(m);
        self.queued.fetch_add(1, Ordering::Relaxed);
    }

    /// The thread whose turn it is: the P's holder gets every second one, however many threads
    /// without a P queue. On this core, pinned.
    pub fn pick(&self) -> Option<&'static M> {
        if !self.waiting() {
            return None;
        }
        let mut queue = self.queue.lock();
        let mut arrived = self.mailbox.take_all();
        while let Some(item) = arrived.pop_front() {
            queue.put(M::from_item(item));
            self.queued.fetch_add(1, Ordering::Relaxed);
        }
        let p_first = !queue.p_had_turn || queue.without_p.is_empty();
        let item = match p_first {
            true => queue.with_p.pop_front().or_else(|| queue.without_p.pop_front()),
            false => queue.without_p.pop_front(),
        }?;
        self.queued.fetch_sub(1, Ordering::Relaxed);
        self.turn.fetch_add(1, Ordering::Relaxed);
        self.due.store(false, Ordering::Relaxed);
        let m = M::from_item(item);
        queue.p_had_turn = holds_p(m);
        Some(m)
    }

    /// Takes a thread without a P away for an idle core, unless its own core still stands on its
    /// stack (H22, H23: never wait for that here).
    pub fn pull(&self) -> Option<&'static M> {
        if self.queued.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut queue = self.queue.lock();
        let m = M::from_item(queue.without_p.pop_front()?);
        if m.is_on_core() {
            // SAFETY: it came off this list a moment ago.
            unsafe { queue.without_p.push_front(m.as_item()) };
            return None;
        }
        self.queued.fetch_sub(1, Ordering::Relaxed);
        Some(m)
    }
}

impl Queue {
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
