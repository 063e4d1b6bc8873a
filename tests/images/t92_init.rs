//! Before main, and after it: init tasks and exit hooks.
#![no_std]
#![no_main]

use burrow::env;
use burrow::prelude::*;
use burrow::sync::Mutex;
use burrow::sync::atomic::{AtomicU32, Ordering};
use burrow_tests::wait::until;

burrow::test_main!();

/// What ran before main, in order.
static ORDER: Mutex<Vec<&str>> = Mutex::new(Vec::new());

fn note(name: &'static str) {
    ORDER.lock().push(name);
}

/// What a goroutine of an init task counts.
static COUNTED: AtomicU32 = AtomicU32::new(0);

// Written in the wrong order on purpose.
init! {
    fn last() after middle, early::deep::leaf, first {
        note("last");
    }

    fn middle() after first {
        note("middle");
    }

    /// Goroutines run and channels work.
    fn first() {
        assert_eq!(runtime::goid(), 1);
        let (there, back) = (Chan::new(0), Chan::new(0));
        let (from, to) = (there.clone(), back.clone());
        go(move || to.send(from.recv().unwrap() + 1));
        there.send(41);
        assert_eq!(back.recv(), Some(42));
        go(|| until(|| COUNTED.fetch_add(1, Ordering::Relaxed) == 1000));
        note("first");
    }
}

mod early {
    pub mod deep {
        burrow::init! {
            pub fn leaf() after super::super::middle {
                crate::note("leaf");
            }

            /// As the task of the same name elsewhere: another one.
            fn last() {
                crate::note("deep::last");
            }
        }
    }
}

init! {
    /// What some of the tests below want to happen before main.
    fn before_main() after last {
        match env::var("test").as_deref() {
            Ok("blocked_before_main") => drop(Chan::<()>::new(0).recv()),
            Ok("a_lock_taken_before_main_holds_in_main") => runtime::lock_os_thread(),
            Ok("left_before_main") => {
                runtime::at_exit(|| println!("left early"));
                runtime::exit(7)
            }
            _ => {}
        }
    }
}

/// Each once, after what it names; otherwise as written, modules by their paths.
#[burrow::test]
fn tasks_run_once_in_order_before_main() {
    // covers: S31
    assert_eq!(*ORDER.lock(), ["first", "middle", "leaf", "last", "deep::last"]);
}

/// What they started goes on.
#[burrow::test]
fn their_goroutines_outlive_them() {
    until(|| COUNTED.load(Ordering::Relaxed) > 1000);
}

#[burrow::test(
    exit = 2,
    console = "fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [chan receive]:"
)]
fn blocked_before_main() {
    // covers: F02
    unreachable!("an init task blocks for this test");
}

#[burrow::test(exit = 7, console = "left early\n")]
fn left_before_main() {
    unreachable!("an init task ends the program for this test");
}

#[burrow::test(exit = 0)]
fn a_lock_taken_before_main_holds_in_main() {
    assert_eq!(runtime::lock_os_thread_depth(), 1);
    assert_eq!(spawn(runtime::lock_os_thread_depth).join().unwrap(), 0);
}

#[burrow::test(exit = 0, console = "third\nsecond\nfirst\n")]
fn hooks_run_in_reverse_when_main_returns() {
    // covers: P53
    for word in ["first", "second", "third"] {
        runtime::at_exit(move || println!("{word}"));
    }
}

#[burrow::test(exit = 0, console = "third\nsecond\nfirst\n")]
fn hooks_run_in_reverse_at_exit() {
    // covers: P53
    for word in ["first", "second", "third"] {
        runtime::at_exit(move || println!("{word}"));
    }
    runtime::exit(0);
}

#[burrow::test(exit = 3, console = "the only one\n")]
fn hooks_run_whatever_the_code_and_who_exits() {
    runtime::at_exit(|| println!("the only one"));
    go(|| runtime::exit(3));
    Chan::<()>::new(0).recv();
}

/// A hook may use goroutines, and register hooks.
#[burrow::test(exit = 0, console = "sum 10\nlate\n")]
fn hooks_may_do_what_goroutines_do() {
    runtime::at_exit(|| {
        let sum: u32 = (0..5).map(|n| spawn(move || n).join().unwrap()).sum();
        println!("sum {sum}");
        runtime::at_exit(|| println!("late"));
    });
}

/// Two goroutines end the program at once: the hooks run once, and the first one's code counts.
#[burrow::test(exit = 5, console = "once\n")]
fn the_second_to_exit_waits() {
    let (entered, leave) = (Chan::new(0), Chan::<()>::new(0));
    let (says, waits) = (entered.clone(), leave.clone());
    runtime::at_exit(move || {
        says.send(());
        assert_eq!(waits.recv(), None);
        println!("once");
    });
    go(|| runtime::exit(5));
    entered.recv();
    go(move || {
        (0..100).for_each(|_| runtime::gosched());
        leave.close();
    });
    runtime::exit(6);
}

#[burrow::test(exit = 2, console = "fatal error: exit hook invoked panic")]
fn a_hook_that_panics() {
    runtime::at_exit(|| panic!("too late"));
}

#[burrow::test(exit = 0, console = "went on\n")]
fn a_hook_may_recover() {
    runtime::at_exit(|| {
        assert_eq!(recover(|| panic!("in time")).unwrap_err().to_string(), "in time");
        println!("went on");
    });
}

#[burrow::test(exit = 2, console = "fatal error: exit hook invoked exit")]
fn a_hook_that_exits() {
    runtime::at_exit(|| runtime::exit(0));
}
