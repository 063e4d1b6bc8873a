//! The watchdog: one line about whoever keeps a core from others for more than a second.
//!
//! A goroutine that computes is preempted, so that this is somebody whom preemption does not reach:
//! who holds a lock of the kernel's, or is pinned, or has interrupts masked. The core's own tick
//! sees the first two, and prints from its handler, because with one core nobody else runs
//! ([`refused`]). sysmon sees the third: the core does not answer ([`silent`]).

use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};

use burrow_arch::context::Registers;
use burrow_arch::trap::TrapFrame;

use super::overdue::Overdue;
use crate::g::{self, G};
use crate::mem::space;
use crate::panic::image;
use crate::panic::names::is_program;
use crate::panic::symbols::{Line, Symbols};
use crate::percpu::Core;
use crate::sched::preempt::Outcome;

/// Ticks that find a core held before that is said.
const TICKS: u32 = 100;
/// Looks of sysmon that find a core silent before that is said: it comes less often.
const LOOKS: u32 = 30;
/// Frames that are looked through for the program's.
const FRAMES: usize = 32;

/// Lines so far.
static LINES: AtomicU32 = AtomicU32::new(0);

/// How many lines there have been since the machine began.
pub fn lines() -> u32 {
    LINES.load(Ordering::Relaxed)
}

/// What a core and sysmon know of who is overdue there.
pub struct Watch {
    /// What runs should have made way. Looked at by the core's tick.
    hold: Overdue<TICKS>,
    /// The core should have taken an interrupt. Looked at by sysmon.
    silence: Overdue<LOOKS>,
    /// The P's slice when the core last halted.
    halted_at: AtomicU32,
}

impl Watch {
    /// Nobody is.
    pub const fn new() -> Self {
        Self { hold: Overdue::new(), silence: Overdue::new(), halted_at: AtomicU32::new(0) }
    }

    /// Whether anything ran here since the last time that this was asked. By the core.
    pub fn has_run(&self, schedtick: u32) -> bool {
        let before = self.halted_at.load(Ordering::Relaxed);
        self.halted_at.store(schedtick, Ordering::Relaxed);
        before != schedtick
    }
}

impl Default for Watch {
    fn default() -> Self {
        Self::new()
    }
}

/// What runs here has had its time and others wait: what came of its preemption. In the core's
/// handler.
pub fn refused(core: &Core, frame: &TrapFrame, outcome: Outcome, now: u64) {
    let hold = &core.watch.hold;
    if outcome == Outcome::Redirected {
        return hold.settled();
    }
    // Whoever it is, it is another one when either of them changes.
    let tick = u64::from(core.own_p().schedtick());
    let who = u64::from(core.threads.turn()) << 32 | tick;
    let Some(age) = hold.look(who, now) else { return };
    let why = match outcome {
        Outcome::Pending => "preemption held off",
        Outcome::Off => "asynchronous preemption off",
        Outcome::Retry | Outcome::Redirected => "no place to preempt it at",
    };
    let (who, age, place) = (Who(g::current()), Seconds(age), Place::of(frame));
    say(format_args!(
        "runtime: watchdog: {who} has kept core {} from others for {age}, {why}, at {place}\n",
        core.index
    ));
}

/// Something waits for that core, which was interrupted for it: whether it took the interrupt. By
/// sysmon.
pub(super) fn silent(core: &Core, now: u64) {
    let interrupts = core.interrupts.load(Ordering::Relaxed);
    let Some(age) = core.watch.silence.look(interrupts, now) else { return };
    let running = core.own_p().m().and_then(|m| m.curg().or(m.try_p().map(|_| &m.g0)));
    let (who, age) = (running.map(Who), Seconds(age));
    let index = core.index;
    match who {
        Some(who) => say(format_args!(
            "runtime: watchdog: core {index} has taken no interrupt for {age}; it runs {who}\n"
        )),
        None => {
            say(format_args!("runtime: watchdog: core {index} has taken no interrupt for {age}\n"))
        }
    }
}

fn say(line: fmt::Arguments<'_>) {
    crate::console::print(line);
    LINES.fetch_add(1, Ordering::Relaxed);
}

/// Nothing waits for that core.
pub(super) fn content(core: &Core) {
    core.watch.silence.settled();
}

/// A goroutine, or a kernel thread in its own code.
struct Who(&'static G);

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.is_g0() {
            true => write!(f, "thread {}", self.0.try_m().map_or(0, |m| m.id())),
            false => write!(f, "goroutine {}", self.0.goid()),
        }
    }
}

/// A time, to the tenth.
struct Seconds(u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = self.0 / 100_000_000;
        write!(f, "{}.{}s", tenths / 10, tenths % 10)
    }
}

/// Where the program was interrupted: its innermost line on the stack, or else the innermost of all.
struct Place {
    line: Option<Line<'static>>,
    pc: usize,
}

impl Place {
    /// By the chain of frame pointers: a walk by tables takes more stack than a handler has.
    fn of(frame: &TrapFrame) -> Self {
        let innermost = |symbols: Symbols<'static>| symbols.lines(frame.pc()).next();
        let line = image::symbols().and_then(|symbols| {
            let of_program = |pc| symbols.lines(pc).find(|line| is_program(line.func));
            return_addresses(frame).find_map(of_program).or_else(|| innermost(symbols))
        });
        Self { line, pc: frame.pc() }
    }
}

/// The interrupted instruction, and then the calls on that stack.
fn return_addresses(frame: &TrapFrame) -> impl Iterator<Item = usize> {
    const BYTES: usize = 2 * size_of::<usize>();
    let stack = g::current().stack();
    let mut fp = frame.registers().r[Registers::FP];
    let callers = core::iter::from_fn(move || {
        let inside = stack.contains(fp) && stack.contains(fp.checked_add(BYTES)? - 1);
        if !inside || !fp.is_multiple_of(size_of::<usize>()) || !space::is_mapped(fp, BYTES) {
            return None;
        }
        // SAFETY: mapped, and part of the stack that was interrupted here.
        let [next, pc] = unsafe { (fp as *const [usize; 2]).read() };
        // Frames lie above each other; what does not is no frame.
        fp = if next > fp { next } else { 0 };
        Some(pc.saturating_sub(1))
    });
    core::iter::once(frame.pc()).chain(callers.take(FRAMES))
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.line {
            Some(line) => write!(f, "{} ({}:{})", line.func, line.file, line.line),
            None => write!(f, "{:#x}", self.pc),
        }
    }
}
