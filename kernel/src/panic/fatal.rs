//! What ends an image: Go's texts for it. The way down itself is in [`down`](super::down).

use core::fmt::{self, Write};

use burrow_arch::context::Registers;
use burrow_arch::layout::PAGE;
use burrow_arch::trap::{Fault, FaultKind, TrapFrame};

use super::down::{Blame, Failure, go_down};
use super::goroutines::{self, Current};
use super::message::Indented;
use super::unwind::Pc;
use super::{dump, guarded, image};

/// Bytes shown of an instruction that there is not.
const INSTRUCTION: usize = 16;

/// Ends the image because the runtime is broken. Go: `throw`.
#[cold]
#[inline(never)]
pub fn throw(message: &str) -> ! {
    fail_here(Blame::Runtime, &|out| fatal_error(out, message))
}

/// Ends the image because the program did what cannot be recovered from. Go: `fatal`.
#[cold]
#[inline(never)]
pub fn fatal(message: &str) -> ! {
    fail_here(Blame::Program, &|out| fatal_error(out, message))
}

/// `Upcalls::freeze`.
pub fn on_freeze(frame: &mut TrapFrame) -> ! {
    super::freeze::frozen(frame)
}

/// `Upcalls::fault`: an exception that nobody asked for; comes back if the code can go on. Go:
/// `sighandler`, `sigpanic`.
pub fn on_fault(frame: &mut TrapFrame, fault: &Fault) {
    if fault.kind != FaultKind::Double && guarded::resume(frame, fault) {
        return;
    }
    die_of_fault(frame, fault)
}

fn die_of_fault(frame: &mut TrapFrame, fault: &Fault) -> ! {
    let current = goroutines::current();
    let (sp, addr) = (frame.sp(), fault.addr.unwrap_or(0));
    let guard = current.system_stack.start.saturating_sub(PAGE)..current.system_stack.start;
    if fault.addr.is_some_and(|addr| guard.contains(&addr)) {
        let lo_hi = current.system_stack;
        fail_at(frame, Blame::Runtime, &|out| {
            out.write_str("fatal: morestack on g0\n")?;
            write!(out, "runtime: morestack on g0, stack [{:#x} {:#x}]", lo_hi.start, lo_hi.end)?;
            writeln!(out, ", sp={sp:#x}, called from")?;
            dump::frames(&frame.registers(), Pc::Exact, out)?;
            out.write_char('\n')?;
            fatal_error(out, "morestack on g0")
        });
    }
    let signal = Signal { fault, pc: frame.pc() };
    // Right below the stack pointer of a handler: its stack was too small.
    let below = sp.saturating_sub(2 * PAGE)..sp;
    if fault.kind == FaultKind::Double && fault.addr.is_some_and(|addr| below.contains(&addr)) {
        fail_at(frame, Blame::Runtime, &|out| {
            out.write_str("fatal: morestack on gsignal\n")?;
            fatal_error(out, "unexpected signal during runtime execution")?;
            signal.line(out)
        });
    }
    if fault.kind != FaultKind::Double && in_foreign_code(&current, sp) {
        let m = current.goroutine.as_ref().and_then(|g| g.m).map_or(0, |m| m.0);
        fail_at(frame, Blame::Program, &|out| {
            writeln!(out, "{}", signal.name())?;
            signal.place(m, out)?;
            out.write_str("signal arrived during cgo execution\n")
        });
    }
    if fault.kind == FaultKind::Double || !can_panic(&current, sp) {
        fail_at(frame, Blame::Runtime, &|out| {
            fatal_error(out, "unexpected signal during runtime execution")?;
            signal.line(out)
        });
    }
    match fault.kind {
        FaultKind::Segv | FaultKind::Bus if fault.addr.is_some() && addr < PAGE => {
            let text = "invalid memory address or nil pointer dereference";
            fail_at(frame, Blame::Panic, &|out| signal.panic(out, text))
        }
        FaultKind::Fpe => {
            fail_at(frame, Blame::Panic, &|out| signal.panic(out, "integer divide by zero"))
        }
        FaultKind::Segv | FaultKind::Bus => fail_at(frame, Blame::Runtime, &|out| {
            writeln!(out, "unexpected fault address {addr:#x}")?;
            fatal_error(out, "fault")?;
            signal.line(out)
        }),
        _ => fail_at(frame, Blame::Runtime, &|out| {
            writeln!(out, "{}", signal.name())?;
            signal.place(current.goroutine.as_ref().and_then(|g| g.m).map_or(0, |m| m.0), out)
        }),
    }
}

/// The running goroutine needs more stack than it may have. Go: `newstack`.
pub fn stack_overflow(frame: &mut TrapFrame) -> ! {
    let sp = frame.sp();
    let (limit, stack) =
        goroutines::current().goroutine.map_or((0, 0..0), |g| (g.stack_limit, g.stack));
    fail_at(frame, Blame::Program, &|out| {
        writeln!(out, "runtime: goroutine stack exceeds {limit}-byte limit")?;
        writeln!(out, "runtime: sp={sp:#x} stack=[{:#x}, {:#x}]", stack.start, stack.end)?;
        fatal_error(out, "stack overflow")
    })
}

/// Foreign code needs more stack than there is for it. Go knows no such limit.
pub fn c_stack_overflow(frame: &mut TrapFrame, stack: &crate::stack::Stack) -> ! {
    let (sp, limit) = (frame.sp(), crate::foreign::LIMIT);
    fail_at(frame, Blame::Program, &|out| {
        writeln!(out, "runtime: C stack exceeds {limit}-byte limit")?;
        writeln!(out, "runtime: sp={sp:#x} stack=[{:#x}, {:#x}]", stack.lo, stack.hi)?;
        fatal_error(out, "C stack overflow")
    })
}

/// Fails with the stack of who called.
#[inline(always)]
pub(super) fn fail_here(blame: Blame, text: &dyn Fn(&mut dyn Write) -> fmt::Result) -> ! {
    let registers = Registers::here();
    go_down(&Failure { text, blame, registers: &registers, kind: Pc::Return, traces: &[] })
}

/// Fails with the stack of interrupted code.
fn fail_at(frame: &TrapFrame, blame: Blame, text: &dyn Fn(&mut dyn Write) -> fmt::Result) -> ! {
    let registers = frame.registers();
    go_down(&Failure { text, blame, registers: &registers, kind: Pc::Exact, traces: &[] })
}

pub(super) fn fatal_error(out: &mut dyn Write, message: &str) -> fmt::Result {
    out.write_str("fatal error: ")?;
    Indented::new(out).write_str(message)?;
    out.write_char('\n')
}

/// Whether a fault there is the goroutine's own. Go: `canpanic`.
fn can_panic(current: &Current, sp: usize) -> bool {
    let own = current.goroutine.as_ref().is_some_and(|g| g.stack.contains(&sp));
    own && !current.on_g0 && !current.holds_locks
}

/// Whether a fault there is foreign code's: not on the goroutine's stack, but on its other one. Go:
/// `incgo`.
fn in_foreign_code(current: &Current, sp: usize) -> bool {
    !current.on_g0 && current.goroutine.as_ref().is_some_and(|g| g.c_stack.contains(&sp))
}

/// A fault in Go's terms.
struct Signal<'a> {
    fault: &'a Fault,
    pc: usize,
}

impl Signal<'_> {
    fn name(&self) -> &'static str {
        guarded::signal_name(self.fault)
    }

    /// The line after the message. Differs from Go: `code` is the CPU's.
    fn line(&self, out: &mut dyn Write) -> fmt::Result {
        let (code, addr) = (self.fault.code, self.fault.addr.unwrap_or(0));
        writeln!(out, "[signal {} code={code:#x} addr={addr:#x} pc={:#x}]", self.name(), self.pc)
    }

    /// Where a signal came that is nobody's fault but the code's. Go: `fatalsignal`.
    fn place(&self, m: u64, out: &mut dyn Write) -> fmt::Result {
        writeln!(out, "PC={:#x} m={m} sigcode={:#x}", self.pc, self.fault.code)?;
        let text = image::tables().text;
        if self.fault.kind == FaultKind::Ill && text.contains(&self.pc) {
            out.write_str("instruction bytes:")?;
            for at in (self.pc..text.end).take(INSTRUCTION) {
                // SAFETY: text of the image, which can be read.
                write!(out, " {:#x}", unsafe { (at as *const u8).read() })?;
            }
            out.write_char('\n')?;
        }
        Ok(())
    }

    fn panic(&self, out: &mut dyn Write, text: &str) -> fmt::Result {
        writeln!(out, "panic: runtime error: {text}")?;
        self.line(out)
    }
}
