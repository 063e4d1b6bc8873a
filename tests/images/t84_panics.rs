//! Panics that nothing recovers: Go's report, each a boot of its own.
#![no_std]
#![no_main]

use burrow::panic::panic_display;
use burrow::prelude::*;
use burrow::sync::WaitGroup;

burrow::test_main!();

#[burrow::test(exit = 2, console = "panic: wrap: bad\n\tpanic: again\n\ngoroutine 1 [running]:\n")]
fn a_deferred_panic_wraps_another() {
    // covers: P26
    let outcome = recover(|| {
        defer! { panic!("wrap: {}", "bad") }
        panic!("bad");
    });
    assert_eq!(outcome.unwrap_err().to_string(), "wrap: bad");
    defer! { panic!("again") }
    panic!("wrap: bad");
}

#[burrow::test(
    exit = 2,
    console = "first panic\nsecond panic\npanic: third panic\n\ngoroutine 1 [running]:\n"
)]
fn panics_one_after_another() {
    // covers: P27
    let outcome = recover(|| {
        defer! { panic!("second panic") }
        println!("{}", recover(|| panic!("first panic")).map(|()| 0).unwrap_err());
    });
    println!("{}", outcome.unwrap_err());
    panic!("third panic");
}

#[burrow::test(exit = 2, console = "panic: first panic\n\ngoroutine 1 [running]:\n")]
fn a_panic_recovered_in_deferred_code_is_not_reported() {
    // covers: P28
    defer! {
        let _ = recover(|| panic!("second panic"));
    }
    panic!("first panic");
}

#[burrow::test(
    exit = 2,
    console = "panic: first panic [recovered]\n\tpanic: second panic\n\ngoroutine 1 [running]:\n"
)]
fn a_panic_after_one_that_was_recovered() {
    // covers: P29
    let held = recover(|| panic!("first panic")).map(|()| 0);
    assert!(held.is_err());
    panic!("second panic");
}

#[burrow::test(
    exit = 2,
    console = "panic: message [recovered, repanicked]\n\ngoroutine 1 [running]:\n"
)]
fn a_panic_raised_again() {
    // covers: P31
    let Err(panic) = recover(|| panic!("message"));
    resume_panic(panic);
}

#[burrow::test(exit = 2, console = "panic: hello\n\ngoroutine 1 [running]:\n")]
fn a_panic_during_goexit() {
    // covers: P35
    defer! { panic!("hello") }
    runtime::goexit();
}

#[inline(never)]
fn pt1() {
    defer! { panic!("panic pt1") }
    pt2();
}

#[inline(never)]
fn pt2() {
    defer! { panic!("panic pt2") }
    panic!("hello");
}

#[burrow::test(
    exit = 2,
    console = "panic: hello\n\tpanic: panic pt2\n\tpanic: panic pt1\n\n\
               goroutine 1 [running]:\n\
               t84_panics::pt1::{closure#0}(...)\n…\npanic(...)\n…\n\
               t84_panics::pt2::{closure#0}(...)\n…\npanic(...)\n…\n\
               t84_panics::pt2(...)\n…\nt84_panics::pt1(...)\n…\n\
               t84_panics::three_stacked_panics(...)\n"
)]
fn three_stacked_panics() {
    // covers: P40
    pt1();
}

struct Says(&'static str);

impl core::fmt::Display for Says {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&"x".repeat(2000)[..3])?;
        f.write_str(self.0)
    }
}

#[burrow::test(exit = 2, console = "panic: xxxXXX\n\tpanic: xxxYYY\n\ngoroutine 1 [running]:\n")]
fn both_texts_are_whole() {
    // covers: P45
    defer! { panic_display(Says("YYY")) }
    panic_display(Says("XXX"));
}

#[burrow::test(
    exit = 2,
    console = "panic: crash\n\ngoroutine …[running]:\nt84_panics::main_waits_for_the_report::\
               {closure#0}(...)\n…created by t84_panics::main_waits_for_the_report in goroutine 1\n"
)]
fn main_waits_for_the_report() {
    // covers: P46
    let group = WaitGroup::new();
    group.add(1);
    let released = group.clone();
    go(move || {
        defer! { released.done() }
        panic!("crash");
    });
    group.wait();
}
