//! Initialisation tasks, declared with `init!`: run once each, in dependency order, before
//! `main`. Tasks may start goroutines and use channels; when all block, the program ends with
//! `all goroutines are asleep - deadlock!`. Go: package initialisation.
//!
//! Tasks that do not depend on each other run in the order of their modules' paths, and within a
//! module in the order in which they are written, as Go takes packages by path. `inittrace=1` on
//! the kernel command line shows each with its time.

use alloc::vec::Vec;
use core::cmp::Ordering;
use core::slice;

use crate::time::Instant;
use crate::{env, println};

/// Implemented by `init!` for the name of each task.
pub trait Task {
    /// The task's entry.
    const ENTRY: &'static Entry;
}

/// One task: name, function, and what it comes after.
#[derive(Debug)]
pub struct Entry {
    name: &'static str,
    place: Place,
    run: fn(),
    after: &'static [&'static Entry],
}

/// Where a task is written; no two are at the same place. Entries are told apart by it: the
/// compiler may make copies of a constant, so that addresses say nothing.
#[doc(hidden)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    /// Module's path.
    pub module: &'static str,
    /// Source file and the line of the `init!`.
    pub file: &'static str,
    /// See [`file`](Self::file).
    pub line: u32,
    /// Which of the tasks there.
    pub index: u32,
}

impl Entry {
    #[doc(hidden)]
    pub const fn new(
        name: &'static str,
        place: Place,
        run: fn(),
        after: &'static [&'static Entry],
    ) -> Self {
        Self { name, place, run, after }
    }

    /// `crate::module::task`, as in traces of the start.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    fn compare(&self, other: &Entry) -> Ordering {
        self.place.cmp(&other.place).then_with(|| self.name.cmp(other.name))
    }
}

unsafe extern "C" {
    /// First task, and one past the last: placed by the linker.
    static __start_burrow_init: u8;
    static __stop_burrow_init: u8;
}

fn tasks() -> &'static [&'static Entry] {
    let start = (&raw const __start_burrow_init).cast::<&Entry>();
    let count = (&raw const __stop_burrow_init as usize - start as usize) / size_of::<&Entry>();
    if count == 0 {
        // An empty section lies anywhere.
        return &[];
    }
    // SAFETY: the linker gathers the section from whole references, all of one size and alignment.
    unsafe { slice::from_raw_parts(start, count) }
}

/// Runs every task, on goroutine 1 before main. Go: `doInit`.
pub(crate) fn run_all() {
    if tasks().is_empty() {
        return;
    }
    let mut tasks = tasks().to_vec();
    tasks.sort_unstable_by(|a, b| a.compare(b));
    let trace = env::var("inittrace").is_ok_and(|value| value == "1");
    let mut done = Vec::with_capacity(tasks.len());
    tasks.into_iter().for_each(|task| run(task, &mut done, trace));
}

/// What it comes after, then the task itself, unless it ran. Ends, because tasks that need each
/// other do not compile.
fn run(task: &'static Entry, done: &mut Vec<&'static Entry>, trace: bool) {
    if done.iter().any(|other| other.compare(task).is_eq()) {
        return;
    }
    task.after.iter().for_each(|before| run(before, done, trace));
    let begun = Instant::now();
    (task.run)();
    if trace {
        println!("init {} {:.3} ms clock", task.name, begun.elapsed().as_secs_f64() * 1e3);
    }
    done.push(task);
}
