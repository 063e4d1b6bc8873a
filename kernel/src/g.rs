//! G: a goroutine, or the system context (g0) of an M.
//!
//! A G is never freed: it goes to a free list and comes back (Go: `gfput`, `gfget`). Its fields are
//! grouped by who may touch them; the status word says who owns the rest (law 15: no `&mut`, cells
//! and atomics only).

mod status;

pub use status::Status;

use core::cell::{Cell, UnsafeCell};
use core::ptr::NonNull;
use core::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, Ordering, compiler_fence,
};

use burrow_arch::context::Context;

use crate::foreign::Foreign;
use crate::m::M;
use crate::panic::chain::Panics;
use crate::queue::link::Linked;
use crate::queue::select_done::SelectDone;
use crate::sched::table::Entry;
use crate::stack::{Reach, Stack};
use crate::sync::Rank;

/// What kind of context a G is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A goroutine of the program.
    User,
    /// A goroutine of the runtime's: not counted, not shown (Go: `isSystemGoroutine`).
    System,
    /// The system context of an M.
    G0,
}

/// Why a goroutine is to give the core up; the higher one counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Preempt {
    /// It is not.
    No = 0,
    /// A timer is due; its slice is not over.
    Timers = 1,
    /// Its slice is over.
    Slice = 2,
}

/// See the module's text. Go: `g`.
#[repr(C)]
pub struct G {
    // ---- any core, any time
    /// How often preemption is held off (law 1); for a g0 that schedules, one more.
    count: AtomicU32,
    /// A preemption was refused because of `count`: honoured when it drops to 0.
    preempt: AtomicU8,
    /// Its stack has grown since it began: set by the fault handler.
    grown: AtomicBool,
    /// Wait reason, beside `Waiting`.
    reason: AtomicU8,
    status: AtomicU32,
    /// Go: `selectDone`.
    select_done: SelectDone,
    /// Go: `schedlink`.
    link: AtomicPtr<G>,
    /// The G made before this one: see `sched::table`.
    older: AtomicPtr<G>,
    /// Go: `goid`.
    id: AtomicU64,
    /// Where it runs while `Running`; read by itself only while pinned.
    m: AtomicPtr<M>,
    /// The M that it is wired to. Go: `lockedm`.
    lockedm: AtomicPtr<M>,
    /// Ranks of the locks held, a bit each.
    ranks: AtomicU32,

    // ---- whoever owns the G by its status
    /// Where it was switched out.
    context: UnsafeCell<Context>,
    stack: Cell<Stack>,
    kind: Cell<Kind>,
    /// A panic is on its way: see [`reach`](G::reach).
    panicking: Cell<bool>,
    /// How it begins: called once with `start_arg` on its own stack.
    start: Cell<Option<unsafe fn(*mut ())>>,
    start_arg: Cell<*mut ()>,
    /// Panics and who may catch them: see `panic::chain`.
    pub panics: Panics,
    /// Calls of foreign code: see `foreign`.
    pub foreign: Foreign,
    /// Go: `gopc`, `startpc`, `parentGoid`: for tracebacks.
    created_at: Cell<usize>,
    start_pc: Cell<usize>,
    parent: Cell<u64>,
    /// Go: `waitsince`; nanoseconds, or 0.
    waiting_since: Cell<u64>,
    /// Its name, where the builder gave it one; its own text, from a box.
    name: Cell<Option<NonNull<str>>>,
    /// Go: `param`: a word from who readied it.
    param: AtomicPtr<()>,
}

// SAFETY: the cells are touched only by the G's owner, of whom there is one at a time by its
// status; hand-overs between owners go through the status word or a queue, with their orderings.
unsafe impl Sync for G {}
// SAFETY: as above; a G has no thread affinity of its own.
unsafe impl Send for G {}

// SAFETY: one link a G, on one list at a time; Gs are never freed.
unsafe impl Linked for G {
    fn link(&self) -> &AtomicPtr<G> {
        &self.link
    }
}

impl Entry for G {
    fn older(&self) -> &AtomicPtr<G> {
        &self.older
    }
}

/// What runs here: a goroutine or a g0. Exact at every instruction (law 1). Go: `getg`.
#[inline(always)]
pub fn current() -> &'static G {
    // SAFETY: bring-up puts a G there before anything asks, and switches only put Gs there, which
    // are never freed.
    unsafe { &*core::ptr::with_exposed_provenance(burrow_arch::cpu::current()) }
}

impl G {
    /// A G that nobody owns yet.
    pub const fn new(kind: Kind) -> Self {
        Self {
            count: AtomicU32::new(0),
            preempt: AtomicU8::new(0),
            grown: AtomicBool::new(false),
            reason: AtomicU8::new(0),
            status: AtomicU32::new(Status::Idle as u32),
            select_done: SelectDone::new(),
            link: AtomicPtr::new(core::ptr::null_mut()),
            older: AtomicPtr::new(core::ptr::null_mut()),
            id: AtomicU64::new(0),
            m: AtomicPtr::new(core::ptr::null_mut()),
            lockedm: AtomicPtr::new(core::ptr::null_mut()),
            ranks: AtomicU32::new(0),
            context: UnsafeCell::new(Context::empty()),
            stack: Cell::new(Stack::NONE),
            kind: Cell::new(kind),
            panicking: Cell::new(false),
            start: Cell::new(None),
            start_arg: Cell::new(core::ptr::null_mut()),
            panics: Panics::new(),
            foreign: Foreign::new(),
            created_at: Cell::new(0),
            start_pc: Cell::new(0),
            parent: Cell::new(0),
            waiting_since: Cell::new(0),
            name: Cell::new(None),
            param: AtomicPtr::new(core::ptr::null_mut()),
        }
    }

    /// As the core's word for "what runs here".
    #[inline(always)]
    pub fn as_word(&'static self) -> usize {
        (&raw const *self).expose_provenance()
    }

    /// As an item of a queue.
    pub fn as_item(&'static self) -> NonNull<G> {
        NonNull::from(self)
    }

    /// Back from a queue's item.
    pub fn from_item(item: NonNull<G>) -> &'static G {
        // SAFETY: only Gs of this program get on queues, and they are never freed.
        unsafe { item.as_ref() }
    }
}

/// Preemption count and preempt request.
impl G {
    /// One more reason not to preempt.
    #[inline(always)]
    pub fn raise(&self) {
        // Not a read-modify-write: only code of this G and its core's handlers touch the count,
        // and handlers leave it as they found it.
        self.count.store(self.count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        // What depends on the count must not be read before it is raised. Only this core's
        // handlers look at it, so that the compiler's order is all that matters.
        compiler_fence(Ordering::SeqCst);
    }

    /// One reason less; `true` if none is left and a preemption waits to be honoured.
    #[inline(always)]
    pub fn lower(&self) -> bool {
        compiler_fence(Ordering::SeqCst);
        let count = self.count.load(Ordering::Relaxed);
        debug_assert!(count > 0, "preemption count below zero");
        self.count.store(count - 1, Ordering::Relaxed);
        // A request that comes before this store is seen after it.
        compiler_fence(Ordering::SeqCst);
        count == 1 && self.preempt.load(Ordering::Relaxed) != 0
    }

    /// How often preemption is held off now.
    #[inline(always)]
    pub fn count(&self) -> u32 {
        self.count.load(Ordering::Relaxed)
    }

    /// Sets the count where a switch moves it (law 2).
    #[inline(always)]
    pub fn set_count(&self, count: u32) {
        self.count.store(count, Ordering::Relaxed);
    }

    /// Asks that the preemption be honoured when the count drops to 0. Called by the handler of
    /// the core where the G runs, so that it cannot hit another G.
    #[inline(always)]
    pub fn request_preemption(&self, why: Preempt) {
        let why = self.preempt.load(Ordering::Relaxed).max(why as u8);
        self.preempt.store(why, Ordering::Relaxed);
    }

    /// What was asked for.
    pub fn preemption(&self) -> Preempt {
        match self.preempt.load(Ordering::Relaxed) {
            0 => Preempt::No,
            1 => Preempt::Timers,
            _ => Preempt::Slice,
        }
    }

    /// Forgets the request: the G gave the core up. Go: `gp.preempt = false`.
    #[inline(always)]
    pub fn clear_preemption(&self) {
        self.preempt.store(0, Ordering::Relaxed);
    }
}

/// Held lock ranks.
impl G {
    /// Notes a lock taken; debug builds check that its rank is above all held.
    #[inline(always)]
    pub fn rank_acquire(&self, rank: Rank) {
        if cfg!(debug_assertions) {
            let held = self.ranks.load(Ordering::Relaxed);
            // Two of the same rank are taken only in address order (channels of a select).
            let above = held >> (rank as u32);
            if above > u32::from(rank == Rank::Channel) {
                crate::panic::throw("lock ordering problem");
            }
            self.ranks.store(held | 1 << rank as u32, Ordering::Relaxed);
        }
    }

    /// Notes a lock released.
    #[inline(always)]
    pub fn rank_release(&self, rank: Rank) {
        if cfg!(debug_assertions) {
            let held = self.ranks.load(Ordering::Relaxed);
            self.ranks.store(held & !(1 << rank as u32), Ordering::Relaxed);
        }
    }

    /// The held ranks, for the switch that moves them.
    pub fn take_ranks(&self) -> u32 {
        let held = self.ranks.load(Ordering::Relaxed);
        self.ranks.store(0, Ordering::Relaxed);
        held
    }

    /// Takes over ranks from another context.
    pub fn add_ranks(&self, ranks: u32) {
        self.ranks.store(self.ranks.load(Ordering::Relaxed) | ranks, Ordering::Relaxed);
    }
}

/// Plain fields.
impl G {
    /// Go: `goid`.
    pub fn goid(&self) -> u64 {
        self.id.load(Ordering::Relaxed)
    }

    /// Given once per life.
    pub fn set_goid(&self, id: u64) {
        self.id.store(id, Ordering::Relaxed);
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.kind.get()
    }

    /// Chosen when it starts.
    pub fn set_kind(&self, kind: Kind) {
        self.kind.set(kind);
    }

    /// Whether this is the system context of an M.
    #[inline(always)]
    pub fn is_g0(&self) -> bool {
        self.kind.get() == Kind::G0
    }

    /// The M it runs on. Panics if none.
    #[inline(always)]
    pub fn m(&self) -> &'static M {
        match self.try_m() {
            Some(m) => m,
            None => crate::panic::throw("goroutine has no M"),
        }
    }

    /// The M it runs on, if any.
    #[inline(always)]
    pub fn try_m(&self) -> Option<&'static M> {
        // SAFETY: Ms are never freed.
        unsafe { self.m.load(Ordering::Relaxed).as_ref() }
    }

    /// Set as it starts to run, cleared as it stops.
    #[inline(always)]
    pub fn set_m(&self, m: Option<&'static M>) {
        let m = m.map_or(core::ptr::null_mut(), |m| (&raw const *m).cast_mut());
        self.m.store(m, Ordering::Relaxed);
    }

    /// The M that it is wired to, if any: it runs nowhere else. Go: `lockedm`.
    #[inline(always)]
    pub fn lockedm(&self) -> Option<&'static M> {
        // SAFETY: Ms are never freed.
        unsafe { self.lockedm.load(Ordering::Relaxed).as_ref() }
    }

    /// By the goroutine itself, or as it ends.
    pub fn set_lockedm(&self, m: Option<&'static M>) {
        let m = m.map_or(core::ptr::null_mut(), |m| (&raw const *m).cast_mut());
        self.lockedm.store(m, Ordering::Relaxed);
    }

    /// Where the switch saves it. Owned by whoever owns the G.
    #[inline(always)]
    pub fn context(&self) -> *mut Context {
        self.context.get()
    }

    /// Its stack. Stable while it is alive.
    #[inline(always)]
    pub fn stack(&self) -> Stack {
        self.stack.get()
    }

    /// That of its stacks which the stack pointer is in: its own, or the one for foreign code.
    #[inline(always)]
    pub fn stack_at(&self, sp: usize) -> Option<Stack> {
        let own = self.stack();
        if own.holds_sp(sp) {
            return Some(own);
        }
        self.foreign.stack().filter(|stack| stack.holds_sp(sp))
    }

    /// Gives it a stack, or takes it away.
    pub fn set_stack(&self, stack: Stack) {
        self.stack.set(stack);
    }

    /// How far its stack may go now. What is kept below the limit is for panics, and for the runtime:
    /// code that holds off preemption, or saves the registers of who was preempted, cannot fail in
    /// the middle.
    pub fn reach(&self) -> Reach {
        if self.panicking.get() || self.count() > 0 { Reach::Panicking } else { Reach::Normal }
    }

    /// A panic begins, or is over. By the G itself.
    pub fn set_panicking(&self, panicking: bool) {
        self.panicking.set(panicking);
    }

    /// Its stack has grown: there is something to give back when it ends.
    pub fn set_grown(&self) {
        self.grown.store(true, Ordering::Relaxed);
    }

    /// Whether its stack has grown since it began; asked once, as it ends.
    pub fn take_grown(&self) -> bool {
        let grown = self.grown.load(Ordering::Relaxed);
        if grown {
            self.grown.store(false, Ordering::Relaxed);
        }
        grown
    }

    /// Prepares how it begins.
    pub fn set_start(&self, start: unsafe fn(*mut ()), arg: *mut ()) {
        self.start.set(Some(start));
        self.start_arg.set(arg);
        self.start_pc.set(start as usize);
    }

    /// Takes how it begins; there once per life.
    pub fn take_start(&self) -> Option<(unsafe fn(*mut ()), *mut ())> {
        self.start.take().map(|start| (start, self.start_arg.get()))
    }

    /// First instruction of its function. Go: `startpc`.
    pub fn start_pc(&self) -> usize {
        self.start_pc.get()
    }

    /// Who made it, and where. Go: `parentGoid`, `gopc`.
    pub fn created_by(&self) -> (u64, usize) {
        (self.parent.get(), self.created_at.get())
    }

    /// Given when it is made.
    pub fn set_created_by(&self, parent: u64, at: usize) {
        self.parent.set(parent);
        self.created_at.set(at);
    }

    /// Why it waits, while it does. Go: `waitreason`.
    pub fn wait_reason(&self) -> crate::sched::WaitReason {
        crate::sched::WaitReason::from_word(self.reason.load(Ordering::Relaxed))
    }

    /// The same, as a number.
    #[inline(always)]
    pub fn wait_reason_word(&self) -> u64 {
        self.reason.load(Ordering::Relaxed).into()
    }

    /// Given as it parks.
    #[inline(always)]
    pub fn set_wait_reason(&self, reason: crate::sched::WaitReason) {
        self.reason.store(reason as u8, Ordering::Relaxed);
    }

    /// Since when it waits, as `nanotime`, or 0.
    pub fn waiting_since(&self) -> u64 {
        self.waiting_since.get()
    }

    /// See [`waiting_since`](Self::waiting_since).
    pub fn set_waiting_since(&self, at: u64) {
        self.waiting_since.set(at);
    }

    /// Its name, where the program gave it one.
    pub fn name(&self) -> Option<&'static str> {
        // SAFETY: the text stays until `free_name`, at the goroutine's end.
        self.name.get().map(|name| unsafe { name.as_ref() })
    }

    /// Text from `Box::into_raw`, for the goroutine to free.
    pub fn set_name(&self, name: Option<NonNull<str>>) {
        self.name.set(name);
    }

    /// Takes its name off; by the goroutine itself, as it ends.
    pub fn free_name(&self) {
        if let Some(name) = self.name.take() {
            // SAFETY: `set_name` took it out of a box, and nobody else frees it. Whoever looks at
            // this goroutine stops it first, and finds no name from here on.
            drop(unsafe { alloc::boxed::Box::from_raw(name.as_ptr()) });
        }
    }

    /// Who readies it from a `select`. Go: `selectDone`.
    #[inline(always)]
    pub fn select_done(&self) -> &SelectDone {
        &self.select_done
    }

    /// A word from who readied it. Go: `param`.
    #[inline(always)]
    pub fn param(&self) -> *mut () {
        self.param.load(Ordering::Relaxed)
    }

    /// See [`param`](Self::param); ordered by the wake-up itself.
    #[inline(always)]
    pub fn set_param(&self, param: *mut ()) {
        self.param.store(param, Ordering::Relaxed);
    }
}
