//! More loops than cores, none of which ever gives its core up; and a picture of who ran when.

use core::hint::black_box;

use burrow::prelude::*;
use burrow::sync::WaitGroup;
use burrow::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use crate::heading;

/// Columns of the picture, and the time that one stands for.
const COLUMNS: usize = 56;
const COLUMN: Duration = Duration::from_millis(4);
const MAX_CORES: usize = 64;
const MAIN: u8 = b'*';

/// Who ran on each core in each column: the letter of a hog.
static PICTURE: [[AtomicU8; COLUMNS]; MAX_CORES] =
    [const { [const { AtomicU8::new(b'.') }; COLUMNS] }; MAX_CORES];
static STOP: AtomicBool = AtomicBool::new(false);

/// Notes that the caller has the core now; main only where no hog did.
fn sign(letter: u8, start: Instant) {
    let column = (start.elapsed().as_nanos() / COLUMN.as_nanos()) as usize;
    let Some(cell) = PICTURE[runtime::p_id()].get(column) else { return };
    if letter != MAIN || cell.load(Ordering::Relaxed) == b'.' {
        cell.store(letter, Ordering::Relaxed);
    }
}

/// Nothing in it gives the core up; the timer takes it. Now and then it leaves its letter.
fn hog(letter: u8, start: Instant) {
    while !STOP.load(Ordering::Relaxed) {
        (0..20_000u32).for_each(|n| {
            black_box(n);
        });
        sign(letter, start);
    }
}

/// Two hogs more than cores, and main, which yields and yields.
pub fn hogs() {
    heading("loops that never give the core up, two more than cores");
    let preempted = runtime::metrics().preemptions;
    let (group, start) = (WaitGroup::new(), Instant::now());
    for letter in (b'a'..=b'z').cycle().take(runtime::num_cpu() + 2) {
        group.go(move || hog(letter, start));
    }
    let mut waits = Vec::new();
    while start.elapsed() < COLUMN * COLUMNS as u32 {
        let asked = Instant::now();
        runtime::gosched();
        waits.push(asked.elapsed());
        sign(MAIN, start);
    }
    STOP.store(true, Ordering::Relaxed);
    group.wait();
    for (core, cells) in PICTURE.iter().enumerate().take(runtime::num_cpu()) {
        let cells: String =
            cells.iter().map(|cell| char::from(cell.load(Ordering::Relaxed))).collect();
        println!("  core {core:>2}  {cells}");
    }
    println!("  a letter is a loop that had the core for 4 ms, * is main; a slice is 10 ms");
    waits.sort_unstable();
    let longest = waits.last().copied().unwrap_or_default();
    let preempted = runtime::metrics().preemptions - preempted;
    println!(
        "  {preempted} times the timer preempted one; main got {} turns, waiting {} ms at most",
        waits.len(),
        longest.as_millis()
    );
}
