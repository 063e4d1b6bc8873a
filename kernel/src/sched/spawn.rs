//! Goroutines begin and end. Go: `newproc`, `goexit0`, `gfget`, `gfput`.
//!
//! A goroutine's closure lies at the top of its own stack, so that starting one allocates nothing
//! when a free G is at hand. Free Gs keep their stack, with its first page mapped.

use core::mem::{align_of, size_of};
use core::sync::atomic::Ordering;

use burrow_arch::context::{Context, Registers};

use super::run::{Action, mcall};
use super::{SCHED, idle, table};
use crate::config::{DEFAULT_STACK, GFREE_MAX};
use crate::g::{self, G, Kind, Status};
use crate::m::M;
use crate::p::{P, bump};
use crate::panic::chain;
use crate::percpu::record;
use crate::queue::runq::Place;
use crate::stack::{self, Stack};
use crate::sync::pin;
use crate::trace::ring::Event;

/// Closures up to so many bytes lie on the new stack itself; larger ones are boxed.
const INLINE_CLOSURE: usize = 1024;
/// Alignment of a closure on the stack, and so of the stack below it.
const CLOSURE_ALIGN: usize = 64;

/// How a goroutine is to be made.
pub struct Spawn {
    /// Whose it is.
    pub kind: Kind,
    /// Stack limit in bytes.
    pub max_stack: usize,
    /// Text for tracebacks, from `Box::into_raw`; the goroutine frees it as it ends.
    pub name: Option<core::ptr::NonNull<str>>,
    /// Where it was asked for. Go: `gopc`.
    pub created_at: usize,
}

/// Stack limit of goroutines started from now on. Go: `maxstacksize`, but fixed at the start.
pub static MAX_STACK: core::sync::atomic::AtomicUsize =
    core::sync::atomic::AtomicUsize::new(DEFAULT_STACK);

/// The return address of the function that this is called in: which call asked for a goroutine.
/// That function must not be inlined. Go: `sys.GetCallerPC`.
#[inline(always)]
pub fn caller_pc() -> usize {
    let frame = Registers::here().r[Registers::FP];
    // SAFETY: every function keeps a frame (the target says so); its second word is the return
    // address on both CPUs.
    unsafe { (frame as *const usize).add(1).read() }
}

/// Starts a goroutine that runs `f`: next on this P, in this slice. `None` if memory is short; then
/// `f` was not called and is dropped. Go: `newproc`.
pub fn newproc<F: FnOnce() + Send + 'static>(f: F, spawn: &Spawn) -> Option<u64> {
    if size_of::<F>() > INLINE_CLOSURE || align_of::<F>() > CLOSURE_ALIGN {
        newproc_on_stack(alloc::boxed::Box::new(f), spawn)
    } else {
        newproc_on_stack(f, spawn)
    }
}

/// With a closure that fits at the top of the new stack.
fn newproc_on_stack<F: FnOnce() + Send + 'static>(f: F, spawn: &Spawn) -> Option<u64> {
    let g = newproc_prepare(spawn)?;
    let top = g.stack().hi;
    let at = (top - size_of::<F>()) & !(CLOSURE_ALIGN - 1);
    // SAFETY: the top page of the G's own stack is mapped and nobody else uses it; aligned and
    // large enough by the computation above.
    unsafe { (at as *mut F).write(f) };
    g.set_start(call::<F>, at as *mut ());
    Some(newproc_finish(g, at))
}

/// Calls the closure where it lies.
///
/// # Safety
/// `arg` points to a live `F`, which is taken.
unsafe fn call<F: FnOnce()>(arg: *mut ()) {
    // SAFETY: `newproc` wrote it there, and a G starts once.
    let f = unsafe { arg.cast::<F>().read() };
    f();
}

/// A G with a stack, dead and ours.
fn newproc_prepare(spawn: &Spawn) -> Option<&'static G> {
    let g = {
        let pinned = pin();
        let Some(p) = pinned.m().try_p() else {
            crate::panic::throw("newproc: a goroutine in a blocking call must not start others");
        };
        match gfget(p, spawn.max_stack) {
            Some(g) => g,
            None => malg(spawn.max_stack)?,
        }
    };
    g.set_kind(spawn.kind);
    g.set_name(spawn.name);
    g.set_created_by(g::current().goid(), spawn.created_at);
    Some(g)
}

/// Makes it runnable.
fn newproc_finish(g: &'static G, sp: usize) -> u64 {
    let pinned = pin();
    let p = pinned.p();
    // SAFETY: the G is dead and ours; its top page is mapped and below `sp` unused.
    unsafe { *g.context() = Context::new(sp, goroutine_entry) };
    let id = p.next_goid(|| SCHED.more_goids());
    g.set_goid(id);
    if g.kind() == Kind::User {
        bump(&p.counts.created, 1);
    }
    record(Event::Create, id, g.start_pc() as u64);
    g.casgstatus(Status::Dead, Status::Runnable);
    idle::runqput(p, g, Place::Next);
    if SCHED.main_started.load(Ordering::Relaxed) {
        idle::wakep(pinned.m());
    }
    id
}

/// A new G with a new stack. Go: `malg`.
#[cold]
fn malg(max_stack: usize) -> Option<&'static G> {
    let stack = stack::alloc(max_stack)?;
    let Some(g) = crate::mem::fixalloc::persistent(G::new(Kind::User)) else {
        stack::free(stack);
        return None;
    };
    g.set_stack(stack);
    g.casgstatus(Status::Idle, Status::Dead);
    table::ALLGS.push(g);
    Some(g)
}

/// First instructions of every goroutine, on its own stack.
extern "C" fn goroutine_entry(_: usize) -> ! {
    let g = g::current();
    if let Some((start, arg)) = g.take_start() {
        // SAFETY: `newproc` stored a function with its own argument.
        chain::outermost(|| unsafe { start(arg) });
        g.panics.recovered.clear();
        // After the report of a panic, which shows it.
        g.free_name();
    }
    goexit1()
}

/// Ends this goroutine, whose stack is empty. Go: `goexit1`.
pub fn goexit1() -> ! {
    let g = g::current();
    g.raise();
    record(Event::Exit, g.goid(), 0);
    mcall(g, Action::Exit);
    crate::panic::throw("goexit1: a dead goroutine ran")
}

/// The goroutine is off its stack for good. Go: `goexit0`, `gdestroy`.
pub fn goexit0(m: &'static M, g: &'static G) {
    g.casgstatus(Status::Running, Status::Dead);
    super::run::dropg(m, g);
    let (p, kind) = (m.p(), g.kind());
    g.set_lockedm(None);
    gfput(p, g);
    // Last: who waits for it to be gone may ask what became of its stack.
    if kind == Kind::User {
        bump(&p.counts.ended, 1);
    }
}

/// A free G, from this P or the global list, if one has a stack with that limit. Go: `gfget`.
fn gfget(p: &'static P, max_stack: usize) -> Option<&'static G> {
    // SAFETY: the caller is pinned and its M holds the P.
    let free = unsafe { p.gfree() };
    if free.is_empty() {
        gf_refill(free);
    }
    let g = G::from_item(free.pop()?);
    if g.stack().is_none() {
        let Some(stack) = stack::alloc(max_stack) else {
            // SAFETY: it came off this list a moment ago.
            unsafe { free.push(g.as_item()) };
            return None;
        };
        g.set_stack(stack);
    } else if g.stack().limit != max_stack {
        // Another size: the stack goes back, the G gets the one that was asked for.
        let Some(stack) = stack::alloc(max_stack) else {
            // SAFETY: it came off this list a moment ago.
            unsafe { free.push(g.as_item()) };
            return None;
        };
        stack::free(g.stack());
        g.set_stack(stack);
    }
    Some(g)
}

/// Takes half a P's worth of free Gs from the global list.
#[cold]
fn gf_refill(free: &mut crate::queue::list::Stack<G>) {
    if SCHED.ngfree() == 0 {
        return;
    }
    let mut locked = SCHED.lock.lock();
    while free.len() < GFREE_MAX / 2 {
        let Some(g) = locked.gfree.pop() else { break };
        // SAFETY: Gs are never freed, and this one has just left its list.
        unsafe { free.push(g) };
    }
    locked.publish_ngfree();
}

/// Keeps a dead G for the next `go`. Stacks of unusual size go back. Go: `gfput`.
fn gfput(p: &'static P, g: &'static G) {
    let grown = g.take_grown();
    if g.stack().limit != MAX_STACK.load(Ordering::Relaxed) {
        stack::free(g.stack());
        g.set_stack(Stack::NONE);
    } else if grown {
        g.set_stack(stack::trim(g.stack()));
    }
    // SAFETY: on g0 of the M that holds the P.
    let free = unsafe { p.gfree() };
    // SAFETY: Gs are never freed, and a dead one is on no list.
    unsafe { free.push(g.as_item()) };
    if free.len() >= GFREE_MAX {
        gf_spill(free);
    }
}

/// Gives half to the global list.
#[cold]
fn gf_spill(free: &mut crate::queue::list::Stack<G>) {
    let mut locked = SCHED.lock.lock();
    while free.len() > GFREE_MAX / 2 {
        let Some(g) = free.pop() else { break };
        // SAFETY: Gs are never freed, and this one has just left its list.
        unsafe { locked.gfree.push(g) };
    }
    locked.publish_ngfree();
}
