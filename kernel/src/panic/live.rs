//! Tracebacks of an image that runs on. Go: `Stack`, `Callers`.
//!
//! The same walk and the same lines as those of a [dump](super::dump). For all goroutines the world
//! is stopped, so that none of them runs; one that calls from where it may not park does without,
//! and sees those that run as running elsewhere. What stands still is claimed by its scan bit as
//! long as it is looked at. Walking takes tables of 15 KiB: it happens on the system stack.

use core::fmt::{self, Write};

use burrow_arch::context::Registers;

use super::dump::{created_by, header, kind_of_saved, walk};
use super::goroutines::{self, Current, Goroutine};
use super::image;
use super::names::Role;
use super::rows::Rows;
use super::traceback::{Level, Printer};
use super::unwind::{Frame, Pc, Walk};
use crate::config::{CONFIG, Traceback};
use crate::g::{self, G, Status};
use crate::sched::stop::{is_stopped_here, stop_the_world};
use crate::sched::system::systemstack;
use crate::sched::{suspend, table};

/// Whose tracebacks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whose {
    /// This goroutine's.
    Own,
    /// Those of all, this one first.
    All,
}

/// Writes tracebacks into the buffer until it is full; the bytes written. On a goroutine. Go:
/// `Stack`.
#[inline(never)]
pub fn stack_into(buf: &mut [u8], whose: Whose) -> usize {
    let registers = Registers::here();
    let mut out = Cut { buf, len: 0 };
    let mut write = || systemstack(|| write(&registers, whose, &mut out));
    // Its only failure is a full buffer.
    let _ = if whose == Whose::All && may_park() { stop_the_world(write) } else { write() };
    out.len
}

/// Writes the traceback of another goroutine, as [`stack_into`] does, and stops that one alone
/// meanwhile; nothing if there is none with that id. On a goroutine.
pub fn stack_of(buf: &mut [u8], goid: u64) -> Option<usize> {
    if goid == g::current().goid() {
        return Some(stack_into(buf, Whose::Own));
    }
    let g = table::user_goroutines().find(|g| g.goid() == goid)?;
    let suspended = suspend::suspend(g, goid)?;
    let mut out = Cut { buf, len: 0 };
    // Its only failure is a full buffer.
    let _ = systemstack(|| {
        let mut rows = Rows::new(image::tables());
        let symbols = image::symbols();
        let mut printer = Printer { out: &mut out, rows: &mut rows, symbols, level: level() };
        show(&mut printer, &goroutines::describe(suspended.g()), true)
    });
    Some(out.len)
}

/// Whether this code may park until the world has stopped.
fn may_park() -> bool {
    let g = g::current();
    g.count() == 0
        && g.status() == Status::Running
        && burrow_arch::irq::enabled()
        && !is_stopped_here()
}

/// Writes this goroutine's physical frames, innermost first, into `frames`, as many as fit; how
/// many there are. On a goroutine. Go: `Callers`.
#[inline(never)]
pub fn callers(frames: &mut [Frame]) -> usize {
    let registers = Registers::here();
    systemstack(|| {
        let mut rows = Rows::new(image::tables());
        let mut walk = walk(&registers, Pc::Return, &goroutines::current(), None);
        let mut count = 0;
        while let Some(frame) = walk.frame() {
            if let Some(room) = frames.get_mut(count) {
                *room = frame;
            }
            count += 1;
            walk.advance(&mut rows);
        }
        count
    })
}

/// The walk that tracebacks of this goroutine take, from where it was interrupted. In a handler of
/// its core.
pub fn walk_from(interrupted: &Registers) -> Walk {
    walk(interrupted, Pc::Exact, &goroutines::current(), None)
}

/// The walk that tracebacks of another goroutine take, if it stands still. While it is claimed.
pub fn walk_of(g: &'static G) -> Option<Walk> {
    of(&goroutines::describe(g))
}

fn of(goroutine: &Goroutine) -> Option<Walk> {
    let saved = goroutine.saved?;
    let kind = kind_of_saved(saved.pc);
    Some(walk(&saved, kind, &Current::default(), Some(goroutine)))
}

/// A frame of the source.
pub struct Caller {
    /// Program counter of the physical frame.
    pub pc: usize,
    /// The function's name, empty where nothing is known.
    pub function: &'static str,
    /// The source file, where there is a table of lines.
    pub file: Option<&'static str>,
    /// The line, or 0.
    pub line: u32,
}

/// What a traceback shows of those frames, inlined ones too. Go: `CallersFrames`.
pub fn name(frames: &[Frame], show: &mut dyn FnMut(Caller)) {
    let mut shown = 0;
    for frame in frames {
        let symbols = image::symbols();
        let mut any = false;
        for line in symbols.into_iter().flat_map(|symbols| symbols.lines(frame.lookup())) {
            any = true;
            if Role::of_line(&line).is_shown(shown) {
                shown += 1;
                let (function, file) = (line.func, Some(line.file));
                show(Caller { pc: frame.pc, function, file, line: line.line });
            }
        }
        let function = symbols.and_then(|symbols| symbols.function(frame.lookup()));
        let function = function.map_or("", |function| function.name);
        if !any && (symbols.is_none() || Role::of(function).is_shown(shown)) {
            shown += 1;
            show(Caller { pc: frame.pc, function, file: None, line: 0 });
        }
    }
}

/// What tracebacks show.
fn level() -> Level {
    match CONFIG.traceback() {
        Traceback::None | Traceback::Single | Traceback::All => Level::Program,
        Traceback::System | Traceback::Crash => Level::System,
    }
}

/// On the system stack.
fn write(registers: &Registers, whose: Whose, out: &mut dyn Write) -> fmt::Result {
    let level = level();
    let mut rows = Rows::new(image::tables());
    let symbols = image::symbols();
    let mut printer = Printer { out, rows: &mut rows, symbols, level };
    let current = goroutines::current();
    let Some(own) = &current.goroutine else { return Ok(()) };
    header(&mut printer, own)?;
    printer.stack(&walk(registers, Pc::Return, &current, None))?;
    created_by(&mut printer, own)?;
    if whose == Whose::Own {
        return Ok(());
    }
    let mut result = Ok(());
    goroutines::for_each(&mut |g| {
        if result.is_ok() && g.as_word() != own.g {
            result = other(&mut printer, g);
        }
    });
    result
}

/// Another goroutine, if it is to be shown and still there.
fn other(printer: &mut Printer<'_, '_>, g: &'static G) -> fmt::Result {
    let claimed = g.claim();
    let goroutine = goroutines::describe(g);
    let is_hidden = goroutine.system && printer.level < Level::System;
    let result = match goroutine.status {
        "dead" | "idle" => Ok(()),
        _ if is_hidden => Ok(()),
        _ => printer.out.write_char('\n').and_then(|()| show(printer, &goroutine, claimed)),
    };
    if claimed {
        g.release();
    }
    result
}

fn show(printer: &mut Printer<'_, '_>, goroutine: &Goroutine, claimed: bool) -> fmt::Result {
    header(printer, goroutine)?;
    match of(goroutine).filter(|_| claimed) {
        Some(from) => printer.stack(&from)?,
        None => {
            printer.out.write_str("\tgoroutine running on other thread; stack unavailable\n")?;
        }
    }
    created_by(printer, goroutine)
}

/// A buffer that takes what fits.
struct Cut<'a> {
    buf: &'a mut [u8],
    len: usize,
}

impl Write for Cut<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = &mut self.buf[self.len..];
        let fits = text.len().min(room.len());
        room[..fits].copy_from_slice(&text.as_bytes()[..fits]);
        self.len += fits;
        if fits == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}
