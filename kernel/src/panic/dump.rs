//! The dump of a failure: whose traceback is shown, and in which order. Go: `dopanic_m`,
//! `tracebackothers`.

use core::fmt::{self, Write};

use burrow_arch::context::Registers;
use burrow_arch::layout::PAGE;

use super::down::{Blame, Failure};
use super::goroutines::{self, Current, Goroutine};
use super::rows::Rows;
use super::trace::Joined;
use super::traceback::{Header, Level, Printer};
use super::unwind::{Pc, Stacks, Walk};
use super::{freeze, image, machine};
use crate::config::{CONFIG, Traceback};
use crate::sched::table::ALLMS;

/// Writes the dump.
pub fn dump(failure: &Failure<'_>, out: &mut dyn Write) -> fmt::Result {
    let Shown { level, others, threads, flight } = shown(failure.blame);
    if level == Level::None {
        return Ok(());
    }
    let current = goroutines::current();
    let mut rows = Rows::new(image::tables());
    let mut printer = Printer { out: &mut *out, rows: &mut rows, symbols: image::symbols(), level };
    let first = current.goroutine.as_ref().filter(|_| !current.on_g0);
    let from = walk(failure.registers, failure.kind, &current, None);
    match first {
        Some(goroutine) => {
            printer.out.write_char('\n')?;
            header(&mut printer, goroutine)?;
            match failure.traces {
                [] => printer.stack(&from)?,
                traces => printer.stack(&Joined::new(traces))?,
            }
            created_by(&mut printer, goroutine)?;
        }
        None if level >= Level::System || failure.blame == Blame::Runtime => {
            printer.out.write_str("\nruntime stack:\n")?;
            printer.stack(&from)?;
        }
        None => {}
    }
    if others || first.is_none() {
        show_others(&mut printer, &current)?;
    }
    if threads >= Traceback::Crash {
        show_threads(&mut printer)?;
    }
    if threads >= Traceback::System {
        machine::show(out)?;
    }
    if flight {
        show_flight(out)?;
    }
    Ok(())
}

/// Where a failure on the way down happened, and nothing else.
pub fn runtime_stack(failure: &Failure<'_>, out: &mut dyn Write) -> fmt::Result {
    out.write_str("\nruntime stack:\n")?;
    frames(failure.registers, failure.kind, out)
}

/// The frames from there on, the runtime's too.
pub fn frames(registers: &Registers, kind: Pc, out: &mut dyn Write) -> fmt::Result {
    let mut rows = Rows::new(image::tables());
    let symbols = image::symbols();
    let mut printer = Printer { out, rows: &mut rows, symbols, level: Level::System };
    printer.stack(&walk(registers, kind, &goroutines::current(), None))
}

/// Every goroutine but the one that was shown, that of this core's M first.
fn show_others(printer: &mut Printer<'_, '_>, current: &Current) -> fmt::Result {
    let mut result = Ok(());
    let own = current.goroutine.as_ref();
    if let Some(goroutine) = own.filter(|_| current.on_g0) {
        other(printer, goroutine)?;
    }
    goroutines::for_each(&mut |g| {
        let goroutine = goroutines::describe(g);
        let is_shown = own.is_some_and(|own| own.g == goroutine.g);
        let is_hidden = goroutine.system && printer.level < Level::System;
        if result.is_ok() && !is_shown && !is_hidden {
            result = other(printer, &goroutine);
        }
    });
    result
}

fn other(printer: &mut Printer<'_, '_>, goroutine: &Goroutine) -> fmt::Result {
    printer.out.write_char('\n')?;
    header(printer, goroutine)?;
    match registers_of(goroutine) {
        Some((registers, kind)) => {
            let from = walk(&registers, kind, &Current::default(), Some(goroutine));
            printer.stack(&from)?;
        }
        None => {
            printer.out.write_str("\tgoroutine running on other thread; stack unavailable\n")?;
        }
    }
    created_by(printer, goroutine)
}

/// Where a goroutine stands: where it was switched out, or where its core was stopped.
fn registers_of(goroutine: &Goroutine) -> Option<(Registers, Pc)> {
    let saved = || goroutine.saved.map(|saved| (saved, kind_of_saved(saved.pc)));
    if !goroutine.running {
        return saved();
    }
    if let Some(stopped) = freeze::stopped_at(goroutine.g) {
        return Some((stopped.registers, stopped.kind));
    }
    // On its M's system stack, or just off the goroutine's: where it left its own.
    let on_g0 =
        goroutine.g0 == burrow_arch::cpu::current() || freeze::stopped_at(goroutine.g0).is_some();
    if on_g0 { saved() } else { None }
}

/// The system stack of every M that stands on it.
fn show_threads(printer: &mut Printer<'_, '_>) -> fmt::Result {
    for m in ALLMS.iter().filter(|m| m.is_live()) {
        let g0 = goroutines::describe(&m.g0);
        if registers_of(&g0).is_some() {
            other(printer, &g0)?;
        }
    }
    Ok(())
}

/// How the address of a context that was switched out is meant.
pub fn kind_of_saved(pc: usize) -> Pc {
    // One that never ran is about to enter a function.
    let is_entry = image::symbols().and_then(|s| s.function(pc)).is_some_and(|f| f.start == pc);
    if is_entry { Pc::Exact } else { Pc::Return }
}

/// What each core did last.
fn show_flight(out: &mut dyn Write) -> fmt::Result {
    let mut result = Ok(());
    goroutines::rings(&mut |core, ring| {
        result = result.and_then(|()| {
            writeln!(out, "\nflight ring of core {core}:")?;
            ring.entries().try_for_each(|entry| {
                let (millis, micros) = (entry.time / 1_000_000, entry.time / 1000 % 1000);
                let event = entry.event.text();
                writeln!(
                    out,
                    "{millis}.{micros:03}ms {event} goid={} {:#x}",
                    entry.goid, entry.word
                )
            })
        });
    });
    result
}

/// A goroutine's first line.
pub fn header(printer: &mut Printer<'_, '_>, goroutine: &Goroutine) -> fmt::Result {
    let waits = match goroutine.since {
        0 => 0,
        // The clocks of two cores may differ a little: not below zero.
        since => burrow_arch::clock::nanotime().wrapping_sub(since).cast_signed().max(0),
    };
    printer.header(&Header {
        id: goroutine.id,
        name: goroutine.name,
        g: goroutine.g,
        m: goroutine.m,
        status: goroutine.status,
        minutes: waits.cast_unsigned() / 60_000_000_000,
        locked: goroutine.locked,
    })
}

/// A goroutine's last lines: who started it.
pub fn created_by(printer: &mut Printer<'_, '_>, goroutine: &Goroutine) -> fmt::Result {
    match goroutine.created_by {
        (_, 0) => Ok(()),
        (parent, pc) => printer.created_by(parent, pc),
    }
}

/// A walk from there, over the stacks that its code may be on.
pub fn walk(
    registers: &Registers,
    kind: Pc,
    current: &Current,
    goroutine: Option<&Goroutine>,
) -> Walk {
    let sp = registers.r[Registers::SP];
    let [own, c_stack] = goroutine
        .or(current.goroutine.as_ref())
        .map_or([0..0, 0..0], |g| [g.stack.clone(), g.c_stack.clone()]);
    // An exception stack, or that of a core that was just started: the page of the stack pointer
    // is surely there.
    let page = sp & !(PAGE - 1)..(sp | (PAGE - 1)).saturating_add(1);
    let stacks = Stacks::new(&[own, c_stack, current.system_stack.clone(), image::bounds(), page]);
    Walk::new(image::COLUMNS, &registers.r, registers.pc, kind, stacks)
}

/// What is shown.
struct Shown {
    level: Level,
    /// Also the goroutines that did not fail.
    others: bool,
    /// Also the Ms and Ps, and at the highest setting what the Ms do for themselves.
    threads: Traceback,
    /// Also the flight rings.
    flight: bool,
}

/// How much of a panic's stack will be shown.
pub fn panic_level() -> Level {
    shown(Blame::Panic).level
}

/// By the one to blame and the setting. Go: `gotraceback`.
fn shown(blame: Blame) -> Shown {
    let setting = CONFIG.traceback();
    let level = match setting {
        _ if blame == Blame::Runtime => Level::System,
        Traceback::None => Level::None,
        Traceback::Single | Traceback::All => Level::Program,
        Traceback::System | Traceback::Crash => Level::System,
    };
    Shown {
        level,
        others: blame != Blame::Panic || setting >= Traceback::All,
        threads: setting,
        flight: CONFIG.flight() || setting == Traceback::Crash,
    }
}
