//! `defer!`, `recover` and `goexit`: what runs, in which order, and what is left behind.
#![no_std]
#![no_main]

use core::cell::{Cell, RefCell};
use core::hint::black_box;
use core::sync::atomic::{AtomicU32, Ordering};

use burrow::prelude::*;
use burrow::sync::WaitGroup;

burrow::test_main!();

/// What was said, in order.
#[derive(Default)]
struct Log(RefCell<Vec<u32>>);

impl Log {
    fn say(&self, what: u32) {
        self.0.borrow_mut().push(what);
    }

    fn said(&self) -> Vec<u32> {
        self.0.borrow().clone()
    }
}

fn text<T>(outcome: Result<T, Panic>) -> String {
    outcome.err().map(|panic| panic.to_string()).unwrap_or_default()
}

#[burrow::test]
fn deferred_functions_run_last_first() {
    // covers: P08
    let log = Log::default();
    {
        defer! { log.say(0) }
        defer! { log.say(1) }
        // Several values at once, as Go's variadic calls.
        defer! { [2, 3].iter().rev().for_each(|n| log.say(*n)) }
        for n in 4..7 {
            defer! { log.say(10 * n) }
            log.say(n);
        }
    }
    assert_eq!(log.said(), [4, 40, 5, 50, 6, 60, 3, 2, 1, 0]);
    let log = Log::default();
    let _ = recover(|| {
        defer! { log.say(0) }
        defer! { log.say(1) }
        defer! { log.say(2) }
        panic!("unwinds");
    });
    assert_eq!(log.said(), [2, 1, 0]);
}

#[burrow::test]
fn only_what_was_registered_runs() {
    // covers: P10, P12
    let log = Log::default();
    let run = |until: u32| {
        recover(|| {
            defer! { log.say(1) }
            if until == 1 {
                panic!("early");
            }
            defer! { log.say(2) }
            if black_box(false) {
                defer! { log.say(3) }
            }
            defer! { log.say(4) }
            if until == 4 {
                panic!("late");
            }
            defer! { log.say(5) }
        })
    };
    assert_eq!(text(run(4)), "late");
    assert_eq!(log.said(), [4, 2, 1]);
    assert_eq!(text(run(1)), "early");
    assert_eq!(log.said(), [4, 2, 1, 1]);
    assert!(run(0).is_ok());
    assert_eq!(log.said(), [4, 2, 1, 1, 5, 4, 2, 1]);
}

#[burrow::test]
fn what_is_moved_in_is_evaluated_once_and_then() {
    // covers: P15
    let calls = Cell::new(0);
    let argument = || {
        calls.set(calls.get() + 1);
        calls.get()
    };
    let seen = Cell::new(0);
    {
        let (value, seen) = (argument(), &seen);
        defer!(move { seen.set(value) });
        assert_eq!(argument(), 2);
    }
    assert_eq!((calls.get(), seen.get()), (2, 1));
}

#[burrow::test]
fn deferred_functions_can_set_the_result() {
    // covers: P05
    fn result(fail: bool) -> u32 {
        let result = Cell::new(5);
        let outcome = recover(|| {
            defer! { result.set(result.get() + 100) }
            if fail {
                panic!("half way");
            }
            result.set(15);
        });
        match outcome {
            Ok(()) => result.get() - 100,
            Err(_) => result.get() + 1,
        }
    }
    assert_eq!((result(true), result(false)), (106, 15));
}

#[burrow::test]
fn a_recovered_panic_is_over() {
    // covers: P02, P04
    let log = Log::default();
    let outer = recover(|| {
        defer! { log.say(1) }
        let inner = recover(|| {
            defer! { log.say(2) }
            defer! { log.say(3) }
            panic_any(7_u32);
        });
        let panic = inner.unwrap_err();
        assert_eq!(panic.downcast_ref::<u32>(), Some(&7));
        assert!(!panic.is::<i32>() && panic.is::<u32>() && !panic.is_runtime_error());
        assert_eq!(panic.downcast::<u32>().ok(), Some(7));
        // Nothing is left to recover.
        assert!(recover(|| log.say(4)).is_ok());
        5
    });
    assert_eq!(outer.ok(), Some(5));
    assert_eq!(log.said(), [3, 2, 4, 1]);
}

#[burrow::test]
fn a_recover_that_is_over_or_beside_stops_nothing() {
    // covers: P02, P24
    let log = Log::default();
    let outcome = recover(|| {
        // A deferred function may recover what happens in it, not what it runs during.
        defer! {
            assert!(recover(|| log.say(1)).is_ok());
            helper(&log);
        }
        let _ = recover(|| log.say(0));
        panic!("goes on");
    });
    assert_eq!(text(outcome), "goes on");
    assert_eq!(log.said(), [0, 1, 2]);
}

#[inline(never)]
fn helper(log: &Log) {
    assert!(recover(|| log.say(2)).is_ok());
}

#[burrow::test]
fn deferred_functions_recover_only_their_own() {
    // covers: P11
    let log = Log::default();
    for first_inner in [false, true] {
        let outcome = recover(|| {
            for n in 0..3 {
                defer! {
                    assert_eq!(text(recover(|| panic!("loop {n}"))), format!("loop {n}"));
                    log.say(n);
                }
                if first_inner {
                    assert_eq!(text(recover(|| called(&log, n))), "called");
                }
            }
            called(&log, 9);
        });
        assert_eq!(text(outcome), "called");
    }
    let expected = [0, 1, 2, 109, 100, 0, 101, 1, 102, 2, 109];
    assert_eq!(log.said(), expected);
}

fn called(log: &Log, n: u32) {
    defer! { log.say(100 + n) }
    panic!("called");
}

#[burrow::test]
fn a_panic_recovered_in_deferred_code_leaves_the_outer_one() {
    // covers: P19
    let outcome = recover(|| {
        defer! {
            let inner = recover(|| {
                defer! { let _ = recover(|| panic_any(5_i32)); }
                panic_any(4_i32);
            });
            assert_eq!(inner.unwrap_err().downcast::<i32>().ok(), Some(4));
        }
        panic_any(1_i32);
    });
    assert_eq!(outcome.unwrap_err().downcast::<i32>().ok(), Some(1));
}

#[burrow::test]
fn the_newest_panic_of_deferred_code_is_recovered() {
    let log = Log::default();
    let outcome = recover(|| {
        defer! { log.say(1) }
        defer! { panic!("third") }
        defer! { log.say(2) }
        defer! { panic!("second") }
        panic!("first");
    });
    assert_eq!(text(outcome), "third");
    assert_eq!(log.said(), [2, 1]);
    // Without a panic before it, the same.
    let outcome = recover(|| {
        defer! { log.say(3) }
        defer! { panic!("at the end") }
    });
    assert_eq!(text(outcome), "at the end");
    assert_eq!(log.said(), [2, 1, 3]);
}

#[burrow::test]
fn functions_called_by_deferred_code_end_as_usual() {
    // A guard that ends while something else is unwound is not being unwound itself.
    let log = Log::default();
    let outcome = recover(|| {
        defer! {
            let inner = recover(|| {
                {
                    defer! { panic!("of a block that ended well") }
                    log.say(1);
                }
                log.say(99);
            });
            assert_eq!(text(inner), "of a block that ended well");
        }
        panic!("outer");
    });
    assert_eq!(text(outcome), "outer");
    assert_eq!(log.said(), [1]);
}

#[burrow::test]
fn steps_of_nested_panics_run_in_order() {
    // covers: P21
    let log = Log::default();
    let outcome = recover(|| {
        defer! { log.say(14) }
        let third = recover(|| {
            defer! {
                log.say(11);
                let second = recover(|| {
                    defer! { log.say(12) }
                    panic_any(2_u8);
                });
                assert_eq!(second.unwrap_err().downcast::<u8>().ok(), Some(2));
                panic_any(3_u8);
            }
            let first = recover(|| {
                defer! { log.say(9) }
                log.say(8);
                panic_any(1_u8);
            });
            assert_eq!(first.unwrap_err().downcast::<u8>().ok(), Some(1));
            log.say(10);
        });
        assert_eq!(third.unwrap_err().downcast::<u8>().ok(), Some(3));
        log.say(13);
        if black_box(true) {
            panic_any(4_u8);
        }
        defer! { log.say(99) }
    });
    assert_eq!(outcome.unwrap_err().downcast::<u8>().ok(), Some(4));
    assert_eq!(log.said(), [8, 9, 10, 11, 12, 13, 14]);
}

#[burrow::test]
fn a_callable_that_is_not_there_panics_when_it_is_called() {
    // covers: K23
    fn grow(depth: u32) -> u32 {
        let frame = black_box([depth; 256]);
        if depth == 0 { 0 } else { grow(depth - 1) + frame[1] }
    }
    let log = Log::default();
    let nothing: Option<fn()> = black_box(None);
    let outcome = recover(|| {
        defer! { nothing.unwrap()() }
        log.say(1);
        black_box(grow(64));
        log.say(2);
    });
    assert!(text(outcome).contains("None"));
    assert_eq!(log.said(), [1, 2]);
}

#[burrow::test]
fn goexit_runs_deferred_functions_and_nothing_recovers_it() {
    // covers: P01
    static SAID: AtomicU32 = AtomicU32::new(0);
    struct Owned;
    impl Drop for Owned {
        fn drop(&mut self) {
            SAID.fetch_add(100, Ordering::Relaxed);
        }
    }
    let ended = spawn(|| {
        let _owned = Owned;
        defer! { assert!(recover(|| SAID.fetch_add(1, Ordering::Relaxed)).is_ok()) }
        let _ = recover(|| {
            defer! { SAID.fetch_add(10, Ordering::Relaxed) }
            runtime::goexit()
        });
        SAID.fetch_add(1000, Ordering::Relaxed);
    });
    assert!(matches!(ended.join(), Err(JoinError::Goexit)));
    assert_eq!(SAID.load(Ordering::Relaxed), 111);
}

#[burrow::test]
fn a_panic_recovered_during_goexit_lets_it_go_on() {
    // covers: P37
    static SAID: AtomicU32 = AtomicU32::new(0);
    let ended = spawn(|| {
        defer! { SAID.fetch_add(1, Ordering::Relaxed) }
        // Around the function that exits.
        let _ = recover(|| {
            defer! { panic!("during goexit") }
            // In the deferred code itself.
            defer! { assert_eq!(text(recover(|| panic!("inside"))), "inside") }
            runtime::goexit()
        });
        SAID.fetch_add(1000, Ordering::Relaxed);
    });
    assert!(matches!(ended.join(), Err(JoinError::Goexit)));
    assert_eq!(SAID.load(Ordering::Relaxed), 1);
}

#[burrow::test]
fn a_goexit_in_deferred_code_replaces_the_panic() {
    static SAID: AtomicU32 = AtomicU32::new(0);
    let ended = spawn(|| {
        defer! { SAID.fetch_add(1, Ordering::Relaxed) }
        let _ = recover(|| {
            defer! { runtime::goexit() }
            panic!("replaced");
        });
        SAID.fetch_add(1000, Ordering::Relaxed);
    });
    assert!(matches!(ended.join(), Err(JoinError::Goexit)));
    assert_eq!(SAID.load(Ordering::Relaxed), 1);
}

#[burrow::test]
fn join_gives_the_panic() {
    let error = spawn(|| panic!("kept {}", black_box(1))).join().map(|()| 0).unwrap_err();
    assert_eq!(error.to_string(), "goroutine panicked: kept 1");
    let panic = error.into_panic().unwrap();
    assert!(panic.location().unwrap().file().ends_with("t84_recover.rs"));
    assert_eq!(panic.downcast::<String>().ok().as_deref(), Some("kept 1"));
    let failed = spawn(|| {
        defer! { panic!("newest") }
        panic!("first");
    });
    assert_eq!(failed.join().unwrap_err().into_panic().unwrap().to_string(), "newest");
    let ended = spawn(|| runtime::goexit()).join();
    assert!(ended.map_err(JoinError::into_panic).is_err_and(|panic| panic.is_none()));
}

#[burrow::test]
fn a_scope_that_panics_waits_for_its_goroutines() {
    let done = AtomicU32::new(0);
    let outcome = recover(|| {
        scope(|s| {
            for _ in 0..4 {
                s.go(|| {
                    (0..10).for_each(|_| runtime::gosched());
                    done.fetch_add(1, Ordering::Relaxed);
                });
            }
            panic!("leaves");
        })
    });
    assert_eq!(text::<()>(outcome), "leaves");
    assert_eq!(done.load(Ordering::Relaxed), 4);
    let kept = scope(|s| {
        let failed = s.spawn(|| -> u32 { panic!("borrowed {}", done.load(Ordering::Relaxed)) });
        failed.join().unwrap_err().into_panic().unwrap().to_string()
    });
    assert_eq!(kept, "borrowed 4");
}

#[burrow::test]
fn a_wait_group_hears_of_every_end() {
    let group = WaitGroup::new();
    for n in 0..8 {
        group.go(move || {
            let _ = recover(|| {
                if n % 2 == 0 {
                    panic!("over");
                }
            });
            runtime::goexit();
        });
    }
    group.wait();
}

#[burrow::test]
fn panics_go_on_on_other_cores() {
    // covers: H17
    // Each unwinding is left in its middle and continued wherever there is a core.
    let workers: Vec<_> = (0..8)
        .map(|n: u32| {
            spawn(move || {
                for round in 0..20 {
                    let outcome = recover(|| {
                        defer! { runtime::gosched() }
                        defer! {
                            runtime::gosched();
                            let inner = recover(|| {
                                defer! { runtime::gosched() }
                                panic_any(round);
                            });
                            assert_eq!(inner.unwrap_err().downcast::<u32>().ok(), Some(round));
                        }
                        panic_any(n);
                    });
                    assert_eq!(outcome.unwrap_err().downcast::<u32>().ok(), Some(n));
                }
            })
        })
        .collect();
    workers.into_iter().for_each(|worker| worker.join().unwrap());
}
