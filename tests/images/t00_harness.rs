//! The harness itself: verdicts, boots of their own, and what the runner passes in.
#![no_std]
#![no_main]
use burrow::prelude::*;
use burrow::sync::atomic::{AtomicUsize, Ordering};
use burrow::{env, runtime};
use burrow_tests::wait::spin_until;

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

/// Of many goroutines that end the program at the same moment, one says the code.
#[burrow::test(smp = 4, exit = 7)]
fn all_cores_may_exit_at_once() {
    let here = Arc::new(AtomicUsize::new(0));
    for _ in 0..4 {
        let here = here.clone();
        go(move || {
            here.fetch_add(1, Ordering::SeqCst);
            spin_until(|| here.load(Ordering::SeqCst) == 4);
            runtime::exit(7);
        });
    }
    runtime::goexit();
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
