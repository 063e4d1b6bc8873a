//! The harness itself: verdicts, boots of their own, and what the runner passes in.
#![no_std]
#![no_main]
use burrow::prelude::*;
use burrow::{env, runtime};

burrow::test_main!();

#[burrow::test]
fn a_case_that_returns_passes() {}

#[burrow::test(smp = 2)]
fn a_case_may_want_cores() {
    assert!(runtime::num_cpu() >= 2);
}

#[burrow::test(exit = 7)]
fn the_exit_code_is_judged() {
    runtime::exit(7);
}

#[burrow::test(console = "spoken \"so\"")]
fn the_console_is_judged() {
    println!("spoken \"so\"");
}

#[burrow::test(exit = 0, console = "boot of its own")]
fn a_named_case_is_told_its_name() {
    let name = env::var("test").expect("the runner names the case");
    assert_eq!(name, "a_named_case_is_told_its_name");
    println!("a boot of its own");
}

#[burrow::test(should_panic = "on purpose")]
fn a_panic_may_be_wanted() {
    panic!("on purpose");
}
