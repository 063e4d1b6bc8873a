//! M: a kernel thread with a fixed system stack (g0).
//!
//! An M either holds a P and runs goroutines, looks for work ("spinning"), sleeps on its note, or
//! runs a function of the kernel's without a P. Never freed; a finished one is used again.

use core::cell::{Cell, UnsafeCell};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};

use burrow_arch::context::{Context, Registers};

use crate::g::{G, Kind};
use crate::kthread::note::Note;
use crate::p::P;
use crate::queue::link::Linked;
use crate::queue::runq::Slice;
use crate::queue::sleepers::{Links, Sleeper};
use crate::sched::table::Entry;

/// Decides, on g0, whether a parking goroutine really parks; `false` lets it run on.
/// Go: the `unlockf` of `gopark`.
pub type UnlockFn = unsafe fn(&'static G, *mut ()) -> bool;

/// See the module's text. Go: `m`.
pub struct M {
    // ---- fixed
    id: AtomicU64,
    /// Its system context; begins with one held-off preemption, because scheduler code on g0 is
    /// not preempted.
    pub g0: G,

    // ---- any thread, atomically
    /// Go: `schedlink`: a core's mailbox or its thread queue, one at a time.
    link: AtomicPtr<M>,
    /// An idle list; one that is on it may be woken by the clock, and so be on a queue too.
    idle_link: AtomicPtr<IdleM>,
    /// The M made before this one: see `sched::table`.
    older: AtomicPtr<M>,
    /// Begun and not ended: it has a stack and counts.
    live: AtomicBool,
    /// Its function has returned; it may be used again once it is off its stack.
    finished: AtomicBool,
    /// The core that runs it, or whose mailbox gets it when it is woken.
    core: AtomicUsize,
    /// Still on a core's stack although queued: nobody else may run it yet (H22, H23).
    on_core: AtomicBool,
    /// Not to be pulled by another core: see `sched::idle`.
    homebound: AtomicBool,
    /// The P to take when woken. Go: `nextp`.
    nextp: AtomicPtr<P>,
    /// The slice in which its goroutine goes on, left with the P for a wired one.
    next_slice: Cell<Slice>,
    /// Go: `park`.
    pub park: Note<M>,
    /// Looking for work without having any. Go: `spinning`.
    spinning: AtomicBool,

    // ---- the M itself
    curg: AtomicPtr<G>,
    p: AtomicPtr<P>,
    /// The P it had when it went into a call, and may have still. Go: `oldp`.
    syscall_p: AtomicPtr<P>,
    /// Where its goroutine went into a call; on that one's stack. Go: `syscallsp`, `syscallpc`.
    syscall_frame: Cell<*const Registers>,
    /// The goroutine that is wired to it. Go: `lockedg`.
    lockedg: AtomicPtr<G>,
    /// How often that one locked. Go: `lockedExt`.
    locked_depth: Cell<u32>,
    /// How often the runtime locked it to that one. Go: `lockedInt`.
    locked_internally: Cell<u32>,
    /// What a parking goroutine left for g0. Go: `waitunlockf`, `waitlock`.
    unlock: Cell<Option<(UnlockFn, *mut ())>>,
    /// What it runs instead of the scheduler. Go: `mstartfn`.
    start: Cell<Option<(fn(usize), usize)>>,
    /// Counted as idle. Under the scheduler's lock.
    pub idle: AtomicBool,

    // ---- the thread layer, while the M is switched out
    context: UnsafeCell<Context>,
    /// What ran on it: its g0 or a goroutine, to be the core's word again.
    word: Cell<usize>,

    // ---- the queue of the core where it sleeps until a time, under its lock
    sleep: Links<M>,
    /// What it sleeps on, until it wakes.
    sleeps_on: Cell<*const Note<M>>,
}

// SAFETY: cells are touched by the M itself, or, while it is switched out, by the core that owns it
// through its queue; hand-overs go through the queues' and `on_core`'s orderings.
unsafe impl Sync for M {}
// SAFETY: as above.
unsafe impl Send for M {}

// SAFETY: one link an M, on one list at a time; Ms are never freed.
unsafe impl Linked for M {
    fn link(&self) -> &AtomicPtr<M> {
        &self.link
    }
}

// SAFETY: always the same field; Ms are never freed, and only the heap that one sleeps in touches it.
unsafe impl Sleeper for M {
    fn links(&self) -> &Links<M> {
        &self.sleep
    }
}

/// An M as an item of an idle list.
#[repr(transparent)]
pub struct IdleM(M);

// SAFETY: one such link an M, on one idle list at a time; Ms are never freed.
unsafe impl Linked for IdleM {
    fn link(&self) -> &AtomicPtr<IdleM> {
        &self.0.idle_link
    }
}

impl IdleM {
    /// Back from an idle list's item.
    pub fn m(item: NonNull<IdleM>) -> &'static M {
        // SAFETY: only Ms get on idle lists, and they are never freed.
        unsafe { item.cast::<M>().as_ref() }
    }
}

impl Entry for M {
    fn older(&self) -> &AtomicPtr<M> {
        &self.older
    }
}

impl M {
    /// An M that never ran, at home on a core.
    pub fn new(id: u64, core: usize) -> Self {
        let g0 = G::new(Kind::G0);
        g0.raise();
        Self {
            id: AtomicU64::new(id),
            g0,
            link: AtomicPtr::new(core::ptr::null_mut()),
            idle_link: AtomicPtr::new(core::ptr::null_mut()),
            older: AtomicPtr::new(core::ptr::null_mut()),
            live: AtomicBool::new(false),
            finished: AtomicBool::new(false),
            core: AtomicUsize::new(core),
            on_core: AtomicBool::new(false),
            homebound: AtomicBool::new(false),
            nextp: AtomicPtr::new(core::ptr::null_mut()),
            next_slice: Cell::new(Slice::New),
            park: Note::new(),
            spinning: AtomicBool::new(false),
            curg: AtomicPtr::new(core::ptr::null_mut()),
            p: AtomicPtr::new(core::ptr::null_mut()),
            syscall_p: AtomicPtr::new(core::ptr::null_mut()),
            syscall_frame: Cell::new(core::ptr::null()),
            lockedg: AtomicPtr::new(core::ptr::null_mut()),
            locked_depth: Cell::new(0),
            locked_internally: Cell::new(0),
            unlock: Cell::new(None),
            start: Cell::new(None),
            idle: AtomicBool::new(false),
            context: UnsafeCell::new(Context::empty()),
            word: Cell::new(0),
            sleep: Links::new(),
            sleeps_on: Cell::new(core::ptr::null()),
        }
    }

    /// As an item of a queue.
    pub fn as_item(&'static self) -> NonNull<M> {
        NonNull::from(self)
    }

    /// As an item of an idle list.
    pub fn as_idle(&'static self) -> NonNull<IdleM> {
        NonNull::from(self).cast()
    }

    /// Back from a queue's item.
    pub fn from_item(item: NonNull<M>) -> &'static M {
        // SAFETY: only Ms get on thread queues, and they are never freed.
        unsafe { item.as_ref() }
    }

    /// Unique among Ms; never used twice: an M that is used again gets another.
    pub fn id(&self) -> u64 {
        self.id.load(Ordering::Relaxed)
    }

    /// Given as it begins a life.
    pub fn set_id(&self, id: u64) {
        self.id.store(id, Ordering::Relaxed);
    }

    /// The core it runs on or will be woken on.
    pub fn core(&self) -> usize {
        self.core.load(Ordering::Relaxed)
    }

    /// Moves it to another core, by the core that takes it off a queue.
    pub fn set_core(&self, core: usize) {
        self.core.store(core, Ordering::Relaxed);
    }

    /// Whether a core still stands on its stack.
    pub fn is_on_core(&self) -> bool {
        // Acquire: pairs with `leave_core`; the saved context is complete.
        self.on_core.load(Ordering::Acquire)
    }

    /// About to be run.
    pub fn enter_core(&self) {
        self.on_core.store(true, Ordering::Relaxed);
    }

    /// Switched out for good: others may run it.
    pub fn leave_core(&self) {
        // Release: pairs with `is_on_core`.
        self.on_core.store(false, Ordering::Release);
    }

    /// Whether it must stay on its core although it holds no P.
    pub fn is_homebound(&self) -> bool {
        self.homebound.load(Ordering::Relaxed)
    }

    /// See [`is_homebound`](Self::is_homebound). By itself.
    pub fn set_homebound(&self, homebound: bool) {
        self.homebound.store(homebound, Ordering::Relaxed);
    }

    /// Go: `curg`.
    #[inline(always)]
    pub fn curg(&self) -> Option<&'static G> {
        // SAFETY: Gs are never freed.
        unsafe { self.curg.load(Ordering::Relaxed).as_ref() }
    }

    /// Set around running a goroutine.
    #[inline(always)]
    pub fn set_curg(&self, g: Option<&'static G>) {
        let g = g.map_or(core::ptr::null_mut(), |g| (&raw const *g).cast_mut());
        self.curg.store(g, Ordering::Relaxed);
    }

    /// The P it holds. Panics if none.
    #[inline(always)]
    pub fn p(&self) -> &'static P {
        match self.try_p() {
            Some(p) => p,
            None => crate::panic::throw("M has no P"),
        }
    }

    /// The P it holds, if any.
    #[inline(always)]
    pub fn try_p(&self) -> Option<&'static P> {
        // SAFETY: Ps are never freed.
        unsafe { self.p.load(Ordering::Relaxed).as_ref() }
    }

    /// The goroutine that is wired to it, if any: it runs nothing else. Go: `lockedg`.
    #[inline(always)]
    pub fn lockedg(&self) -> Option<&'static G> {
        // SAFETY: Gs are never freed.
        unsafe { self.lockedg.load(Ordering::Relaxed).as_ref() }
    }

    /// By what runs on it.
    pub fn set_lockedg(&self, g: Option<&'static G>) {
        let g = g.map_or(core::ptr::null_mut(), |g| (&raw const *g).cast_mut());
        self.lockedg.store(g, Ordering::Relaxed);
    }

    /// How often its goroutine locked. By what runs on it. Go: `lockedExt`.
    pub fn locked_depth(&self) -> u32 {
        self.locked_depth.get()
    }

    /// See [`locked_depth`](Self::locked_depth).
    pub fn set_locked_depth(&self, depth: u32) {
        self.locked_depth.set(depth);
    }

    /// How often the runtime locked. By what runs on it. Go: `lockedInt`.
    pub fn locked_internally(&self) -> u32 {
        self.locked_internally.get()
    }

    /// See [`locked_internally`](Self::locked_internally).
    pub fn set_locked_internally(&self, depth: u32) {
        self.locked_internally.set(depth);
    }

    /// Set by `acquirep` and `releasep`.
    #[inline(always)]
    pub fn set_p(&self, p: Option<&'static P>) {
        let p = p.map_or(core::ptr::null_mut(), |p| (&raw const *p).cast_mut());
        self.p.store(p, Ordering::Relaxed);
    }

    /// The P that it may take back as it comes from its call. Go: `oldp`.
    #[inline(always)]
    pub fn syscall_p(&self) -> Option<&'static P> {
        // SAFETY: Ps are never freed.
        unsafe { self.syscall_p.load(Ordering::Relaxed).as_ref() }
    }

    /// See [`syscall_p`](Self::syscall_p). By what runs on it.
    #[inline(always)]
    pub fn set_syscall_p(&self, p: Option<&'static P>) {
        let p = p.map_or(core::ptr::null_mut(), |p| (&raw const *p).cast_mut());
        self.syscall_p.store(p, Ordering::Relaxed);
    }

    /// Where its goroutine went into its call; there while that is `Syscall`.
    pub fn syscall_frame(&self) -> *const Registers {
        self.syscall_frame.get()
    }

    /// See [`syscall_frame`](Self::syscall_frame). By what runs on it.
    #[inline(always)]
    pub fn set_syscall_frame(&self, frame: *const Registers) {
        self.syscall_frame.set(frame);
    }

    /// Takes the P that the waker left. Go: `nextp`.
    pub fn take_nextp(&self) -> Option<&'static P> {
        // SAFETY: Ps are never freed. The note's wake-up orders it.
        unsafe { self.nextp.swap(core::ptr::null_mut(), Ordering::Relaxed).as_ref() }
    }

    /// Left with the P by who woke it. By the M itself.
    pub fn next_slice(&self) -> Slice {
        self.next_slice.get()
    }

    /// Left for it with [`set_nextp`](Self::set_nextp), before waking it.
    pub fn set_next_slice(&self, slice: Slice) {
        self.next_slice.set(slice);
    }

    /// Whether a P waits to be taken by it.
    pub fn has_nextp(&self) -> bool {
        !self.nextp.load(Ordering::Relaxed).is_null()
    }

    /// Whether it has begun and not ended.
    pub fn is_live(&self) -> bool {
        self.live.load(Ordering::Relaxed)
    }

    /// See [`is_live`](Self::is_live).
    pub fn set_live(&self, live: bool) {
        self.live.store(live, Ordering::Relaxed);
    }

    /// Whether its function has returned.
    pub fn finished(&self) -> bool {
        self.finished.load(Ordering::Relaxed)
    }

    /// See [`finished`](Self::finished).
    pub fn set_finished(&self, finished: bool) {
        self.finished.store(finished, Ordering::Relaxed);
    }

    /// Leaves a P for it, before waking it.
    pub fn set_nextp(&self, p: &'static P) {
        self.nextp.store((&raw const *p).cast_mut(), Ordering::Relaxed);
    }

    /// Go: `spinning`.
    #[inline(always)]
    pub fn spinning(&self) -> bool {
        self.spinning.load(Ordering::Relaxed)
    }

    /// By the M itself, or by its waker before the wake-up.
    pub fn set_spinning(&self, spinning: bool) {
        self.spinning.store(spinning, Ordering::Relaxed);
    }

    /// Left by a parking goroutine.
    pub fn set_unlock(&self, unlock: Option<(UnlockFn, *mut ())>) {
        self.unlock.set(unlock);
    }

    /// Taken by g0.
    pub fn take_unlock(&self) -> Option<(UnlockFn, *mut ())> {
        self.unlock.take()
    }

    /// What it runs instead of the scheduler.
    pub fn set_start(&self, start: Option<(fn(usize), usize)>) {
        self.start.set(start);
    }

    /// See [`set_start`](Self::set_start).
    pub fn take_start(&self) -> Option<(fn(usize), usize)> {
        self.start.take()
    }

    /// Where the thread layer saves it.
    pub fn context(&self) -> *mut Context {
        self.context.get()
    }

    /// What ran on it when it was switched out.
    pub fn word(&self) -> usize {
        self.word.get()
    }

    /// See [`word`](Self::word).
    pub fn set_word(&self, word: usize) {
        self.word.set(word);
    }

    /// What it sleeps on until a time. Under the lock of the core where it does.
    pub fn sleeps_on(&self) -> *const Note<M> {
        self.sleeps_on.get()
    }

    /// See [`sleeps_on`](Self::sleeps_on).
    pub fn set_sleeps_on(&self, note: *const Note<M>) {
        self.sleeps_on.set(note);
    }
}
