//! What a dump asks of the scheduler, answered without locks.
//!
//! The other cores stand still, or soon will, in any state: whatever is read here may be half
//! changed. So nothing is trusted further than a wrong word in the dump: Gs, Ms and cores are never
//! freed, and walks check their own loads.

use core::ops::Range;

use burrow_arch::context::{Context, Registers};
use burrow_arch::platform::MAX_CORES;

use crate::g::{self, G, Kind, Status};
use crate::m::M;
use crate::percpu;
use crate::sched::table::ALLGS;
use crate::trace::ring::Ring;

/// Goroutines up to so many are shown by age, which takes the square of that in looks; more come
/// newest first.
const SORTED: usize = 2048;

/// One goroutine, as a traceback needs it.
pub struct Goroutine {
    /// Go: `goid`.
    pub id: u64,
    /// Its name, where the program gave it one and it can be read.
    pub name: Option<&'static str>,
    /// The word that the core keeps while it runs (`cpu::current`); its G's address.
    pub g: usize,
    /// The word that the core keeps while g0 runs for it, or 0.
    pub g0: usize,
    /// Number and address of the M that it is on.
    pub m: Option<(u64, usize)>,
    /// Its status, or what it waits for.
    pub status: &'static str,
    /// Since when it waits or is in a syscall, as `nanotime`; 0 if it does neither.
    pub since: u64,
    /// Wired to an M.
    pub locked: bool,
    /// One of the runtime's own.
    pub system: bool,
    /// Its stack, the whole slot.
    pub stack: Range<usize>,
    /// Bytes that it may use of it.
    pub stack_limit: usize,
    /// Its stack for foreign code, while it calls that.
    pub c_stack: Range<usize>,
    /// Whether a core may be running it at this moment.
    pub running: bool,
    /// Where it was switched out last, if that is on its stack.
    pub saved: Option<Registers>,
    /// Who started it and the return address of that call; address 0 if nobody did.
    pub created_by: (u64, usize),
}

/// What runs on this core; by default nothing that is known.
#[derive(Default)]
pub struct Current {
    /// The goroutine of the M that runs here, also while its g0 runs for it.
    pub goroutine: Option<Goroutine>,
    /// The system stack of that M.
    pub system_stack: Range<usize>,
    /// Whether the code runs for the M itself, on g0.
    pub on_g0: bool,
    /// Whether preemption is held off: the runtime is in the middle of something.
    pub holds_locks: bool,
}

/// What runs on this core. Interrupts masked or preemption held off.
pub fn current() -> Current {
    if !super::are_cores_known() || burrow_arch::cpu::current() == 0 {
        return Current::default();
    }
    let g = g::current();
    let on_g0 = g.is_g0();
    let m = g.try_m();
    let running = if on_g0 { m.and_then(M::curg) } else { Some(g) };
    Current {
        goroutine: running.map(describe),
        system_stack: if on_g0 { slot(g) } else { m.map_or(0..0, |m| slot(&m.g0)) },
        on_g0,
        holds_locks: g.count() > 0,
    }
}

/// Every goroutine that is alive, by age if that can be found in reasonable time. Those that begin
/// meanwhile are left out.
pub fn for_each(f: &mut dyn FnMut(&'static G)) {
    let alive = || {
        let is_alive = |g: &&G| !matches!(g.status(), Status::Dead | Status::Idle);
        ALLGS.iter().filter(is_alive)
    };
    if ALLGS.len() > SORTED {
        alive().for_each(f);
        return;
    }
    let youngest = alive().map(G::goid).max().unwrap_or(0);
    let mut last = 0;
    let rest = |last| move |g: &&G| (last + 1..=youngest).contains(&g.goid());
    while let Some(next) = alive().filter(rest(last)).min_by_key(|g| g.goid()) {
        last = next.goid();
        f(next);
    }
}

/// Cores that were told to start.
pub fn cores() -> usize {
    (0..MAX_CORES).filter(|&index| percpu::core(index).is_some()).count().max(1)
}

/// Every core's flight ring.
pub fn rings(f: &mut dyn FnMut(usize, &Ring)) {
    for core in (0..MAX_CORES).filter_map(percpu::core) {
        f(core.index, &core.ring);
    }
}

/// What is known of that one.
pub fn describe(g: &'static G) -> Goroutine {
    let (status, m) = (g.status(), g.try_m());
    let waits = status == Status::Waiting;
    // An M that was switched out took its goroutine along, which then stands where the M does.
    let off_core = m.filter(|m| !m.is_on_core() && m.word() == g.as_word());
    let context = off_core.map_or(g.context(), M::context);
    // One that waits on an M stops the world.
    let in_syscall = status == Status::Syscall;
    let running = (status == Status::Running || m.is_some()) && off_core.is_none() && !in_syscall;
    // Of one that runs elsewhere the name may be on its way out.
    let readable = !running || core::ptr::eq(g, crate::g::current());
    Goroutine {
        id: g.goid(),
        name: g.name().filter(|_| readable),
        g: g.as_word(),
        g0: m.map_or(0, |m| m.g0.as_word()),
        m: m.map(|m| (m.id(), (&raw const *m).addr())),
        status: if waits { g.wait_reason().text() } else { status.text() },
        since: if waits || status == Status::Syscall { g.waiting_since() } else { 0 },
        locked: g.lockedm().is_some(),
        system: g.kind() == Kind::System,
        stack: slot(g),
        stack_limit: g.stack().limit,
        c_stack: g.foreign.range(),
        running,
        saved: if in_syscall {
            m.and_then(|m| call(g, m))
        } else {
            registers(context, &slot(g)).or_else(|| registers(context, &g.foreign.range()))
        },
        created_by: g.created_by(),
    }
}

/// Where a goroutine went into a call that keeps its M.
fn call(g: &G, m: &M) -> Option<Registers> {
    let frame = m.syscall_frame();
    // SAFETY: on the goroutine's stack, says `contains`; stacks are never unmapped above their
    // stack pointer, and if it comes back this moment, what is read is checked.
    slot(g).contains(&frame.addr()).then(|| unsafe { frame.read() })
}

/// The registers of a context that was switched out on that stack.
fn registers(context: *const Context, stack: &Range<usize>) -> Option<Registers> {
    // SAFETY: contexts are parts of Gs and Ms, which are never freed. One is written only while
    // its owner is being switched, by a core that did not stop; what is read is checked.
    let context = unsafe { &*context };
    stack.contains(&context.sp()).then(|| context.registers())
}

fn slot(g: &G) -> Range<usize> {
    let stack = g.stack();
    stack.lo..stack.hi
}
