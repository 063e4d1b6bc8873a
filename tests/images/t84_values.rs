//! Where panics' values go: over goroutines, through many hands, and away.
#![no_std]
#![no_main]

use core::cell::Cell;
use core::hint::black_box;

use burrow::kernel::mem::heap;
use burrow::kernel::sync::pin;
use burrow::panic::panic_display;
use burrow::prelude::*;
use burrow::sync::atomic::{AtomicUsize, Ordering};
use burrow_tests::wait::until;

burrow::test_main!();

/// How many are there.
static LIVE: AtomicUsize = AtomicUsize::new(0);

/// A value that is counted; not for two goroutines at once.
struct Counted(Cell<usize>);

impl Counted {
    fn new(n: usize) -> Self {
        LIVE.fetch_add(1, Ordering::Relaxed);
        Self(Cell::new(n))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        LIVE.fetch_sub(1, Ordering::Relaxed);
    }
}

fn recovered(n: usize) -> Panic {
    recover(|| panic_any(Counted::new(n))).unwrap_err()
}

#[burrow::test]
fn a_value_is_dropped_once_wherever_it_ends() {
    let live = LIVE.load(Ordering::Relaxed);
    let now = || LIVE.load(Ordering::Relaxed) - live;
    let held = recovered(1);
    assert_eq!(now(), 1);
    drop(held);
    assert_eq!(now(), 0);
    // Taken out.
    let value = recovered(2).downcast::<Counted>().ok().unwrap();
    assert_eq!((now(), value.0.get()), (1, 2));
    drop(value);
    drop(recovered(3).into_payload());
    assert_eq!(now(), 0);
    // The wrong type: the panic again.
    let same = recovered(4).downcast::<u8>().unwrap_err();
    assert_eq!(same.downcast_ref::<Counted>().map(|value| value.0.get()), Some(4));
    drop(same);
    // Replaced by newer ones in deferred code.
    let newest = recover(|| {
        defer! { panic_any(Counted::new(6)) }
        defer! { panic_any(Counted::new(5)) }
        panic_any(Counted::new(4));
    });
    assert_eq!(now(), 1);
    assert_eq!(newest.unwrap_err().downcast::<Counted>().ok().unwrap().0.get(), 6);
    assert_eq!(now(), 0);
    // Replaced by a goexit, and thrown away by one that goes on.
    let ended = spawn(|| {
        let _ = recover(|| {
            defer! { panic_any(Counted::new(9)) }
            defer! { runtime::goexit() }
            panic_any(Counted::new(8));
        });
    });
    assert!(matches!(ended.join(), Err(JoinError::Goexit)));
    assert_eq!(now(), 0);
    // Kept for a join that comes, and for one that does not.
    let failed = spawn(|| panic_any(Counted::new(7)));
    while !failed.is_finished() {
        runtime::gosched();
    }
    assert_eq!(now(), 1);
    drop(failed);
    // Whoever lets go last drops it: that may be the goroutine, on its way out.
    until(|| now() == 0);
    let failed = spawn(|| panic_any(Counted::new(7))).join();
    assert_eq!(now(), 1);
    drop(failed);
    assert_eq!(now(), 0);
}

#[burrow::test]
fn a_panic_goes_from_hand_to_hand() {
    // Over goroutines, looked at by each, raised again by each.
    let mut panic = recovered(0);
    for n in 1..=10 {
        let next = spawn(move || {
            let value = panic.downcast_ref::<Counted>().unwrap();
            value.0.set(value.0.get() + n);
            resume_panic(panic);
        });
        panic = next.join().map(|()| 0).unwrap_err().into_panic().unwrap();
    }
    assert_eq!(panic.downcast::<Counted>().ok().unwrap().0.get(), 55);
}

#[burrow::test]
fn a_panic_as_a_value_is_the_panic() {
    let again = recover(|| panic_any(recover(|| panic!("itself")).unwrap_err()));
    let again = again.unwrap_err();
    assert_eq!(again.to_string(), "itself");
    assert!(again.is::<&'static str>());
    assert_eq!(format!("{again:?}"), "Panic(itself)");
}

#[burrow::test]
fn texts_and_types_of_values() {
    let text = |panic: Result<(), Panic>| panic.unwrap_err().to_string();
    assert_eq!(text(recover(|| panic_any(1.5_f64))), "+1.500000e+000");
    assert_eq!(text(recover(|| panic_any(u128::MAX))), u128::MAX.to_string());
    assert_eq!(text(recover(|| panic_any('c')))[..9], *"(char) 0x");
    assert_eq!(text(recover(|| panic_display('c'))), "c");
    assert!(text(recover(|| panic_any(vec![1, 2]))).starts_with("(alloc::vec::Vec<i32>) 0x"));
    let location = recover(|| panic_any(1)).unwrap_err();
    assert!(location.location().unwrap().file().ends_with("t84_values.rs"));
    let error = recover(|| Chan::<u8>::nil().close()).unwrap_err();
    assert!(error.is_runtime_error());
    assert_eq!(error.downcast_ref::<String>().unwrap(), "close of nil channel");
    assert!(!recover(|| panic!("{}", 1)).unwrap_err().is_runtime_error());
}

/// Recovers at every depth what the next depth raised, while its own is on its way.
fn nest(depth: usize) -> usize {
    let seen = Cell::new(0);
    let outcome = recover(|| {
        defer! {
            if depth > 0 {
                seen.set(nest(depth - 1));
            }
        }
        panic_any(depth);
    });
    assert_eq!(outcome.unwrap_err().downcast::<usize>().ok(), Some(depth));
    seen.get() + 1
}

#[burrow::test]
fn panics_inside_panics_as_deep_as_one_likes() {
    assert_eq!(spawn(|| nest(40)).join().unwrap(), 41);
    // All of them on their way at once, each from a deferred function of the one before.
    fn chain(depth: usize) {
        defer! {
            if depth > 0 {
                chain(depth - 1);
            }
        }
        panic_any(depth);
    }
    let newest = spawn(|| recover(|| chain(40))).join().unwrap();
    assert_eq!(newest.unwrap_err().downcast::<usize>().ok(), Some(0));
}

#[burrow::test]
fn nothing_is_left_of_many_panics() {
    let round = || {
        for n in 0..50 {
            let outcome = recover(|| {
                defer! { let _ = recover(|| panic!("inner {}", black_box(n))); }
                defer! { panic!("joins {}", black_box(n)) }
                panic!("outer {}", black_box(n));
            });
            drop(outcome.unwrap_err());
        }
        spawn(|| panic!("kept")).join().unwrap_err();
        spawn(|| runtime::goexit()).join().unwrap_err();
    };
    round();
    let before = heap::stats().in_use;
    for _ in 0..20 {
        spawn(round).join().unwrap();
    }
    let after = heap::stats().in_use;
    assert!(after <= before + (64 << 10), "{before} bytes in use before, {after} after");
}

#[burrow::test]
fn blocks_are_left_in_every_way() {
    let said = Cell::new(0);
    let say = || said.set(said.get() + 1);
    for n in 0..4 {
        defer! { say() }
        match n {
            0 => continue,
            1 => {}
            2 => continue,
            _ => break,
        }
    }
    assert_eq!(said.get(), 4);
    let early = |n: u32| -> Result<u32, core::num::ParseIntError> {
        defer! { say() }
        if n == 0 {
            return Ok(0);
        }
        let n: u32 = ["no", "7"][n as usize - 1].parse()?;
        Ok(n)
    };
    assert_eq!((early(0), early(1).is_err(), early(2)), (Ok(0), true, Ok(7)));
    assert_eq!(said.get(), 7);
}

struct Refuses;

impl core::fmt::Display for Refuses {
    fn fmt(&self, _: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        panic!("refused")
    }
}

#[burrow::test(
    exit = 2,
    console = "panic: \nfatal error: panic while printing panic value\npanic: refused\n…panic during panic\n"
)]
fn a_text_that_panics_where_nothing_may() {
    let _pinned = pin();
    panic!("{Refuses}");
}

#[burrow::test(
    exit = 2,
    console = "panic: (t84_values::Refuses) 0x…[recovered]\n\tpanic: here\n\ngoroutine 1 [running]"
)]
fn what_went_to_another_goroutine_is_not_read() {
    // Its new holder may be using it.
    let other = recover(|| panic_display(Refuses)).unwrap_err();
    let meet = Chan::new(0);
    let there = meet.clone();
    go(move || {
        assert!(other.is::<Refuses>());
        there.send(());
        there.recv();
        drop(other);
    });
    meet.recv();
    panic!("here");
}
