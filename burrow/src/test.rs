//! Test images: `#[burrow::test]` functions and [`test_main!`](crate::test_main).
//!
//! The image runs its cases one after another, each on a goroutine of its own, and says on the
//! console how each went. A case that must end the machine (an exit code, a text on the console, a
//! panic) wants a boot of its own: it is only named, with what it should leave behind, and the
//! runner boots the image again with `test=NAME`. Then it runs on goroutine 1, as a program would.
//! Time limits are the runner's: it sees a hang from outside.
//!
//! A program with a main of its own may have cases too: the word `test=` on the command line (or
//! `test=NAME`) runs them instead of main.

mod leaks;

use core::slice;

use crate::goroutine::{JoinError, spawn};
use crate::runtime::{self, ExitCode};
use crate::{env, println};

pub use leaks::keeps;

/// One test.
#[derive(Debug)]
pub struct Case {
    /// `crate::module::function`.
    pub name: &'static str,
    /// Source file.
    pub file: &'static str,
    /// Line of the attribute.
    pub line: u32,
    /// Runs it on a goroutine of its own.
    pub run: fn() -> ExitCode,
    /// What the attribute asked for.
    pub options: Options,
}

/// Options of one test.
#[derive(Debug)]
pub struct Options {
    /// Whether the test must panic.
    pub should_panic: ShouldPanic,
    /// Limit in milliseconds; the runner's default when absent.
    pub timeout_ms: Option<u64>,
    /// CPUs it needs: it is skipped, and said so, when the machine has fewer.
    pub smp: Option<u32>,
    /// The exit code that its boot must end with.
    pub exit: Option<i32>,
    /// Text that its boot must print on the console.
    pub console: Option<&'static str>,
    /// Words that its boot must have on the command line.
    pub line: Option<&'static str>,
    /// Text that is typed on the console of its boot; then the input ends.
    pub input: Option<&'static str>,
    /// Whether its boot must say the same twice, on one core with counted instructions.
    pub repeatable: bool,
}

/// Whether a test must panic.
#[derive(Debug)]
pub enum ShouldPanic {
    /// A panic fails the test.
    No,
    /// With any text.
    Yes,
    /// With a text that contains this.
    With(&'static str),
}

/// Makes a test image: its main runs the cases.
#[macro_export]
macro_rules! test_main {
    () => {
        #[$crate::main]
        fn main() -> $crate::ExitCode {
            $crate::test::run()
        }
    };
}

unsafe extern "C" {
    /// First case, and one past the last: placed by the linker.
    static __start_burrow_tests: u8;
    static __stop_burrow_tests: u8;
}

fn cases() -> &'static [Case] {
    let start = (&raw const __start_burrow_tests).cast::<Case>();
    let count = (&raw const __stop_burrow_tests as usize - start as usize) / size_of::<Case>();
    // SAFETY: the linker gathers the section from whole `Case`s, without gaps: they all have the
    // same size and alignment.
    unsafe { slice::from_raw_parts(start, count) }
}

/// Whether the image has cases.
pub(crate) fn are_there() -> bool {
    !cases().is_empty()
}

/// Runs the cases, or the one that the command line names.
pub fn run() -> ExitCode {
    match env::var("test") {
        Ok(name) if !name.is_empty() => match cases().iter().find(|case| case.is_called(&name)) {
            // The runner asks first what to look for.
            Some(case) if case.wants_own_boot() && env::var("own").is_err() => (case.run)(),
            Some(case) => run_all(slice::from_ref(case)),
            None => {
                println!("there is no test {name} here");
                ExitCode::FAILURE
            }
        },
        _ => run_all(cases()),
    }
}

fn run_all(cases: &[Case]) -> ExitCode {
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for case in cases {
        match case.judge() {
            None => {}
            Some(Verdict::Passed) => passed += 1,
            Some(Verdict::Failed) => failed += 1,
            Some(Verdict::Skipped) => skipped += 1,
        }
    }
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

enum Verdict {
    Passed,
    Failed,
    Skipped,
}

impl Case {
    /// Its name within the image.
    fn short(&self) -> &'static str {
        self.name.split_once("::").map_or(self.name, |(_, rest)| rest)
    }

    fn is_called(&self, name: &str) -> bool {
        name == self.name || name == self.short()
    }

    fn wants_own_boot(&self) -> bool {
        let Options { should_panic, exit, console, line, input, repeatable, .. } = &self.options;
        exit.is_some()
            || [console, line, input].iter().any(|text| text.is_some())
            || *repeatable
            || !matches!(should_panic, ShouldPanic::No)
    }

    /// Runs it and says how it went; nothing for a case that is only named.
    fn judge(&self) -> Option<Verdict> {
        if self.wants_own_boot() {
            self.ask_for_boot();
            return None;
        }
        let cores = runtime::gomaxprocs(0).min(runtime::num_cpu());
        if let Some(wanted) = self.options.smp.filter(|wanted| *wanted as usize > cores) {
            println!("test {} ... skipped: needs {wanted} cores", self.short());
            return Some(Verdict::Skipped);
        }
        if env::var("verbose").is_ok() {
            println!("running {}", self.short());
        }
        let before = leaks::Before::new();
        let result = spawn(self.run).join();
        let (word, verdict) = match &result {
            Ok(ExitCode::SUCCESS) => ("ok", Verdict::Passed),
            _ => ("FAILED", Verdict::Failed),
        };
        if let Err(JoinError::Panic(panic)) = &result {
            match panic.location() {
                Some(at) => println!("{at}: panic: {panic}"),
                None => println!("panic: {panic}"),
            }
        }
        // What it panicked with counts as left behind no longer than it is needed.
        drop(result);
        let (word, verdict) = match before.compare() {
            Ok(()) => (word, verdict),
            Err(wrong) => {
                println!("{}: {wrong}", self.short());
                ("FAILED", Verdict::Failed)
            }
        };
        println!("test {} ... {word}", self.short());
        Some(verdict)
    }

    /// Names it to the runner, with what its boot must leave behind.
    fn ask_for_boot(&self) {
        let Options { should_panic, timeout_ms, smp, exit, console, line, input, repeatable } =
            &self.options;
        let (panic_exit, panic_text) = match should_panic {
            ShouldPanic::No => (0, ""),
            ShouldPanic::Yes => (2, "panic: "),
            ShouldPanic::With(text) => (2, *text),
        };
        println!(
            "own-boot {} timeout_ms={} smp={} exit={} repeatable={} console={:?} line={:?} input={:?}",
            self.short(),
            timeout_ms.unwrap_or(0),
            smp.unwrap_or(0),
            exit.unwrap_or(panic_exit),
            u8::from(*repeatable),
            console.unwrap_or(panic_text),
            line.unwrap_or(""),
            input.unwrap_or(""),
        );
    }
}
