//! Kernel threads begin and end. Go: `newm`, `mstart`, `mexit`.

use core::sync::atomic::{AtomicU64, Ordering};

use burrow_arch::context::Context;

use super::switch::{finish_switch, switch_to};
use crate::config::{G0_STACK, MAX_THREADS};
use crate::g;
use crate::m::M;
use crate::p::Status;
use crate::percpu::{self, Core};
use crate::queue::list::List;
use crate::sched::{self, Locked, SCHED, idle, table};
use crate::stack::Stack;
use crate::sync::lock::SpinGuard;
use crate::sync::{Rank, SpinLock, pin};

/// Next thread id. Go: `sched.mnext`.
static NEXT_ID: AtomicU64 = AtomicU64::new(0);

/// All threads, as far as their number goes.
struct Population {
    /// Ended ones, off their stacks and without one, to be used again. Go: `freem`.
    free: List<M>,
    /// Begun and not ended.
    live: usize,
    /// How many there may be. Go: `maxmcount`.
    most: usize,
}

static POPULATION: SpinLock<Population> =
    SpinLock::new(Rank::All, Population { free: List::new(), live: 0, most: MAX_THREADS });

/// Threads that exist. Go: `mcount`, system threads counted.
pub fn threads() -> usize {
    POPULATION.lock().live
}

/// Sets how many threads there may be; the former limit. Go: `setMaxThreads`.
pub fn set_max_threads(most: usize) -> usize {
    let mut population = POPULATION.lock();
    let before = core::mem::replace(&mut population.most, most);
    checkmcount(population);
    before
}

/// Fatal if there are too many. Go: `checkmcount`.
fn checkmcount(population: SpinGuard<'_, Population>) {
    let (live, most) = (population.live, population.most);
    drop(population);
    if live > most {
        crate::console::print(format_args!("runtime: program exceeds {most}-thread limit\n"));
        crate::panic::throw("thread exhaustion");
    }
}

/// A thread with a guarded system stack, one that ended if there is any. Go: `allocm`.
fn allocm(core: usize) -> &'static M {
    let mut population = POPULATION.lock();
    population.live += 1;
    let ended = population.free.pop_front().map(M::from_item);
    checkmcount(population);
    let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
    let m = match ended {
        Some(m) => m,
        None => {
            let Some(m) = crate::mem::fixalloc::persistent(M::new(id, core)) else {
                crate::panic::throw("newm: out of memory");
            };
            m.g0.set_m(Some(m));
            table::ALLMS.push(m);
            m
        }
    };
    let Some(top) = crate::mem::space::alloc_kstack(G0_STACK) else {
        crate::panic::throw("newm: out of memory");
    };
    m.g0.set_stack(Stack::fixed(top - G0_STACK, top));
    m.set_id(id);
    m.set_core(core);
    m.set_live(true);
    m
}

/// Makes a thread ready to be switched to.
fn prepare(m: &'static M) {
    // SAFETY: the thread is not running and nobody else knows it yet; its stack is mapped.
    unsafe { *m.context() = Context::new(m.g0.stack().hi, thread_entry) };
    m.set_word(m.g0.as_word());
}

/// The thread that a core begins with; it enters by [`enter_scheduler`] on its own stack.
pub fn first_m(core: usize) -> &'static M {
    let m = allocm(core);
    m.enter_core();
    SCHED.lock.lock().mcount += 1;
    if let Some(core) = percpu::core(core) {
        core.set_first_m(m);
    }
    m
}

/// A thread for the P of a core that has no idle one; woken through its note. Go: `newm`.
pub fn newm(locked: &mut Locked, core: usize) -> &'static M {
    let m = allocm(core);
    locked.mcount += 1;
    m.set_start(Some((start_scheduling, 0)));
    prepare(m);
    // Asleep on its note from birth: whoever wakes it finds it there.
    let _ = m.park.prepare_sleep(m.as_item());
    m
}

/// A thread woken with a P in hand.
fn start_scheduling(_: usize) {
    let m = g::current().m();
    m.park.clear();
    match m.take_nextp() {
        Some(p) => sched::acquirep(m, p),
        None => crate::panic::throw("newm: woken without a P"),
    }
    sched::run::schedule_loop(m)
}

/// Runs `f(arg)` as a kernel thread without a P, preempted in slices with the others of its core.
/// Returns the thread's id.
pub fn spawn(f: fn(usize), arg: usize, core: usize) -> u64 {
    let m = allocm(core);
    m.set_start(Some((f, arg)));
    prepare(m);
    let id = m.id();
    let _pinned = pin();
    let _ = m.park.prepare_sleep(m.as_item());
    super::notewakeup(&m.park);
    id
}

/// The thread of this core that does nothing, for when all others have to be off the core. Not
/// counted, on no queue; to be switched to at once. Pinned.
pub(super) fn idle_thread(core: &'static Core) -> &'static M {
    if let Some(m) = core.idle_m() {
        return m;
    }
    let m = allocm(core.index);
    POPULATION.lock().live -= 1;
    m.set_live(false);
    m.set_start(Some((idle_for_ever, 0)));
    prepare(m);
    core.set_idle_m(m);
    m
}

fn idle_for_ever(_: usize) {
    let pinned = pin();
    let (core, m) = (pinned.core(), pinned.m());
    loop {
        match core.threads.pick() {
            Some(next) => switch_to(m, next),
            None => super::sleep::idle(core),
        }
    }
}

/// First instructions of a thread that was switched to.
extern "C" fn thread_entry(prev: usize) -> ! {
    finish_switch(prev);
    let g0 = g::current();
    let m = g0.m();
    m.park.clear();
    burrow_arch::irq::enable();
    let Some((start, arg)) = m.take_start() else {
        crate::panic::throw("thread_entry: nothing to run");
    };
    if m.has_nextp() {
        start(arg);
        crate::panic::throw("thread_entry: the scheduler returned");
    }
    // A function of the kernel's may be preempted: law 1's count is what scheduler code adds.
    let _ = g0.lower();
    start(arg);
    g0.raise();
    finish(m)
}

/// Ends this thread, which holds no P; the next on its core frees its stack. On g0. Go: the end of
/// `mexit`.
pub fn finish(m: &'static M) -> ! {
    let core = percpu::local();
    m.set_live(false);
    POPULATION.lock().live -= 1;
    m.set_finished(true);
    loop {
        if let Some(next) = core.threads.pick() {
            switch_to(m, next);
            crate::panic::throw("finish: a finished thread ran");
        }
        super::sleep::idle(core);
    }
}

/// Called by the thread that followed: a finished one is off its stack and may be used again (H22).
/// Go: `freeMStack`.
pub(super) fn reap_if_finished(m: &'static M) {
    if !m.finished() {
        return;
    }
    m.set_finished(false);
    let stack = m.g0.stack();
    m.g0.set_stack(Stack::NONE);
    crate::mem::space::free_kstack(stack.hi, G0_STACK);
    // SAFETY: Ms are never freed, and a finished one is on no list.
    unsafe { POPULATION.lock().free.push_back(m.as_item()) };
}

/// A core's first thread begins to schedule, on its own g0 stack: with its P, unless that is not in
/// use; then it sleeps. Go: `mstart`.
pub fn enter_scheduler(m: &'static M) -> ! {
    crate::stack::idle_exit();
    burrow_arch::irq::enable();
    if m.try_p().is_none() {
        let p = percpu::local().own_p();
        // By what was so at the start: who changes the number waits for those cores, not for others.
        if p.id < SCHED.first_procs() {
            // It looks for work before it becomes idle, as any core does: goroutines may wait that
            // were started when there was nobody to wake (law 9).
            p.set_status(Status::Idle);
            sched::acquirep(m, p);
        } else {
            idle::mput(&mut SCHED.lock.lock(), m);
            let p = idle::stopm(m);
            sched::acquirep(m, p);
        }
    }
    sched::run::schedule_loop(m)
}
