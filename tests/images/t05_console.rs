//! The console, the command line, the clock, and how a test image works.
#![no_std]
#![no_main]

extern crate alloc;

use burrow::env;
use burrow::prelude::*;
use burrow::runtime::Termination;
use core::fmt;

burrow::test_main!();

/// A line longer than the console's own buffer, in pieces.
struct Long(usize);

impl fmt::Display for Long {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (0..self.0).try_for_each(|n| f.write_str(if n % 10 == 9 { "+" } else { "." }))
    }
}

#[burrow::test]
fn prints_long_and_short_texts() {
    print!("");
    println!();
    println!("{}", Long(300));
    eprintln!("error stream, {} and {:>4}", 1, "two");
    eprint!("no newline, ");
    eprintln!();
}

#[burrow::test]
fn lines_of_many_goroutines_stay_whole() {
    let printers: Vec<_> = (0..8)
        .map(|id| spawn(move || (0..4).for_each(|n| println!("<{id} {n} {}>", Long(40)))))
        .collect();
    printers.into_iter().for_each(|printer| printer.join().unwrap());
}

#[burrow::test]
fn arguments_begin_with_the_images_name() {
    let mut args = env::args();
    assert_eq!(args.len(), 1);
    assert_eq!(args.next().as_deref(), Some("t05_console"));
    assert_eq!(args.next(), None);
}

#[burrow::test]
fn a_variable_that_is_not_there() {
    assert_eq!(env::var("surely_not_there"), Err(env::VarError::NotPresent));
    assert!(env::VarError::NotPresent.to_string().contains("not found"));
}

#[burrow::test(exit = 0, console = "test=a_variable_that_is_there")]
fn a_variable_that_is_there() {
    println!("test={}", env::var("test").unwrap());
}

#[burrow::test]
fn the_clock_goes_forward() {
    let start = Instant::now();
    let mut last = start;
    for _ in 0..10_000 {
        let now = Instant::now();
        assert!(now >= last);
        last = now;
    }
    assert!(last > start);
}

#[burrow::test]
fn instants_do_arithmetic() {
    let now = Instant::now();
    let hour = Duration::from_secs(3600);
    let before = now - hour * 24 * 365;
    assert_eq!(now - before, hour * 24 * 365);
    assert_eq!(before.duration_since(now), Duration::ZERO);
    assert_eq!(before.checked_duration_since(now), None);
    assert_eq!(now.checked_add(Duration::MAX), None);
    let mut moved = now;
    moved += hour;
    moved -= hour;
    assert_eq!(moved, now);
    assert!(before.elapsed() >= hour);
}

#[burrow::test]
fn what_main_may_return() {
    assert_eq!(().report(), ExitCode::SUCCESS);
    assert_eq!(ExitCode::from(7).report(), ExitCode::from(7));
    assert_eq!(Ok::<(), u8>(()).report(), ExitCode::SUCCESS);
    assert_eq!(Err::<(), &str>("as it should").report(), ExitCode::FAILURE);
}

#[burrow::test]
fn the_machine_is_known() {
    let machine = runtime::machine();
    println!("{}, {}, {}", machine.cpu(), machine.platform, machine.boot_protocol);
    assert!(machine.memory > 32 << 20);
    assert_eq!(machine.cores, runtime::num_cpu());
    assert!(machine.time_to_main > Duration::ZERO);
    assert!(machine.uptime() > machine.time_to_main);
}
