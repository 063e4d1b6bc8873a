//! A panic that nothing recovered: the report and the end. Go: `preprintpanics`, `fatalpanic`.
//!
//! The texts of the values are made first, on the goroutine, because the program's own code makes
//! them; then all other cores are stopped and everything is printed.

use core::fmt::Write;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use burrow_arch::clock;
use burrow_arch::context::Registers;

use super::chain::{Event, printing};
use super::down::{Blame, Failure, go_down};
use super::fatal::fatal_error;
use super::guarded::Fault;
use super::record::Record;
use super::report::{self, Fate, Line};
use super::trace::Trace;
use super::unwind::Pc;
use crate::g;
use crate::sched::{WaitReason, park, run};

/// Goroutines whose panics are on their way: main's return waits for them a little. Go:
/// `runningPanicDefers`.
static RUNNING_DEFERS: AtomicU32 = AtomicU32::new(0);
/// How long that is at most: a deferred function need not come to its end. Differs from Go, which
/// gives up the core 1,000 times: here that takes no longer than an emulated core may stand still.
const LONGEST_WAIT_NS: u64 = 1_000_000_000;
/// A report is on its way: main's return waits for the end. Go: `panicking`.
static REPORTING: AtomicBool = AtomicBool::new(false);

/// A panic begins. Go: in `gopanic`.
pub(super) fn defers_begin() {
    // Relaxed, here and below: the wake-up by which main learns that it may return orders it.
    RUNNING_DEFERS.fetch_add(1, Ordering::Relaxed);
}

/// It was recovered. Go: in `recovery`.
pub(super) fn defers_end() {
    RUNNING_DEFERS.fetch_sub(1, Ordering::Relaxed);
}

/// Main has returned: lets panics that are on their way be told first. Go: in `main`.
pub fn wait_for_report() {
    let until = clock::nanotime() + LONGEST_WAIT_NS;
    while RUNNING_DEFERS.load(Ordering::Relaxed) != 0 && clock::nanotime() < until {
        run::gosched();
    }
    if REPORTING.load(Ordering::Relaxed) {
        park::gopark_forever(WaitReason::PanicWait);
    }
}

/// One line of the report, and whose.
struct Told {
    number: u64,
    text: String,
    fate: Fate,
}

/// All panics of this goroutine, as text, oldest first.
fn told() -> Vec<Told> {
    let panics = &g::current().panics;
    let mut told: Vec<Told> = Vec::new();
    let mut seen: Vec<*const Record> = Vec::new();
    let mut held = panics.recovered.alive();
    let unwindings: Vec<_> = panics.unwindings().collect();
    for event in unwindings.iter().rev().flat_map(|unwinding| unwinding.events()) {
        told.push(match event {
            Event::Panic { record, repanicked, noted } => {
                held.extend(noted.iter().flat_map(|noted| &noted.held).cloned());
                seen.push(Arc::as_ptr(record));
                let fate = if *repanicked { Fate::Repanicked } else { Fate::Raised };
                Told { number: record.number, text: text(record), fate }
            }
            Event::Goexit => {
                let number = told.last().map_or(0, |last| last.number);
                Told { number, text: String::new(), fate: Fate::Goexit }
            }
        });
    }
    for record in held {
        let at = Arc::as_ptr(&record);
        if !seen.contains(&at) {
            seen.push(at);
            let (number, text) = (record.number, text(&record));
            told.push(Told { number, text, fate: Fate::Recovered });
        }
    }
    // Stable: a `goexit` stays behind the panic that it replaced.
    told.sort_by_key(|told| told.number);
    told
}

fn text(record: &Record) -> String {
    printing(|| {
        let mut text = String::new();
        // A `Display` that refuses has written what there is.
        let _ = record.write_for_report(&mut text);
        text
    })
}

/// Prints what the goroutine's panics are, with the stacks on which they were raised, and ends the
/// image.
#[cold]
pub(super) fn report() -> ! {
    let told = told();
    let unwindings: Vec<_> = g::current().panics.unwindings().collect();
    let events = || unwindings.iter().flat_map(|unwinding| unwinding.events().rev());
    let traces: Vec<&Trace> = events()
        .map_while(|event| match event {
            Event::Panic { noted, .. } => noted.as_ref().map(|noted| &noted.trace),
            Event::Goexit => None,
        })
        .collect();
    let fault = events().find_map(|event| match event {
        Event::Panic { record, .. } => record.fault,
        Event::Goexit => None,
    });
    tell(&told, fault, &traces, None)
}

/// The same where the panic itself is what cannot be: with the stack as it is.
#[cold]
pub(super) fn fatal(message: &str) -> ! {
    tell(&told(), None, &[], Some(message))
}

/// The value of a panic could not be printed because its own code panicked. Go: `preprintpanics`.
#[cold]
pub(super) fn while_printing(record: &Record) -> ! {
    let what = "panic while printing panic value";
    let mut text = String::from(what);
    let value = record.value();
    let is_text = value.is_some_and(|value| value.is::<String>() || value.is::<&'static str>());
    if is_text {
        text.push_str(": ");
        // A string does not refuse.
        let _ = record.write(&mut text);
    } else {
        // Neither does a name.
        let _ = write!(text, ": type {}", record.type_name);
    }
    super::throw(&text)
}

#[inline(always)]
fn tell(told: &[Told], fault: Option<Fault>, traces: &[&Trace], fatal: Option<&str>) -> ! {
    // Before main, which may have been waiting for a deferred function, sees none running.
    REPORTING.store(true, Ordering::Relaxed);
    let text = |out: &mut dyn Write| {
        let lines = told.iter().map(|told| Line { text: &told.text, fate: told.fate });
        report::write(lines, out)?;
        if let Some(Fault { signal, code, addr, pc }) = fault {
            writeln!(out, "[signal {signal} code={code:#x} addr={addr:#x} pc={pc:#x}]")?;
        }
        fatal.map_or(Ok(()), |message| fatal_error(out, message))
    };
    let blame = if fatal.is_some() { Blame::Runtime } else { Blame::Panic };
    let registers = Registers::here();
    go_down(&Failure { text: &text, blame, registers: &registers, kind: Pc::Return, traces })
}
