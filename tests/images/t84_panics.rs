//! Panics that nothing recovers: Go's report, each a boot of its own.
#![no_std]
#![no_main]

use core::hint::black_box;

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

#[burrow::test(
    exit = 2,
    console = "panic: 8\n\tpanic: -8\n\tpanic: true\n\tpanic: test\n\tpanic: owned\n\t\
               panic: +8.000000e+000\n\tpanic: -1.500000e-003\n\tpanic: xxxsaid\n\t\
               panic: one\n\ttwo\n\tpanic: runtime error: index out of range [5] with length 3\n\t\
               panic: (t84_panics::Odd) 0x"
)]
fn values_of_all_kinds() {
    // covers: P51
    defer! { panic_any(Odd(1)) }
    defer! { black_box([1, 2, 3][black_box(5)]); }
    defer! { panic!("one\ntwo") }
    defer! { panic_display(Says("said")) }
    defer! { panic_any(-0.0015_f64) }
    defer! { panic_any(8.0_f32) }
    defer! { panic_any(String::from("owned")) }
    defer! { panic_any("test") }
    defer! { panic_any(true) }
    defer! { panic_any(-8_i64) }
    panic_any(8);
}

struct Odd(#[expect(dead_code, reason = "has an address")] u64);

/// A value whose text panics.
struct Refuses<T>(T);

impl<T: Copy + Send + 'static> core::fmt::Display for Refuses<T> {
    fn fmt(&self, _: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        panic_any(self.0)
    }
}

#[burrow::test(
    exit = 2,
    console = "fatal error: panic while printing panic value: no\n\ngoroutine"
)]
fn a_text_that_panics() {
    // covers: P43
    panic_display(Refuses("no"));
}

#[burrow::test(exit = 2, console = "fatal error: panic while printing panic value: type i32\n")]
fn a_text_that_panics_with_a_number() {
    // covers: P43
    panic_display(Refuses(1_i32));
}

#[burrow::test(exit = 0, console = "caught no\nthe text is not asked for\n")]
fn a_text_that_nobody_asks_for() {
    let caught = recover(|| panic_display(Refuses("no"))).map(|()| 0);
    assert!(caught.as_ref().is_err_and(|panic| panic.is::<Refuses<&str>>()));
    // Who asks for it recovers what it does.
    println!("caught {}", recover(|| caught.unwrap_err().to_string()).unwrap_err());
    println!("the text is not asked for");
}

struct Drops;

impl Drop for Drops {
    fn drop(&mut self) {
        panic!("in a drop");
    }
}

#[burrow::test(
    exit = 2,
    console = "panic: first\n\tpanic: in a drop\nfatal error: panic during panic\n\ngoroutine 1 "
)]
fn a_drop_that_panics_while_unwinding() {
    let _ = recover(|| {
        let _drops = Drops;
        panic!("first");
    });
}

#[burrow::test(exit = 2, console = "panic: in a drop\n\ngoroutine 1 [running]:\n")]
fn a_drop_that_panics_by_itself() {
    assert_eq!(recover(|| drop(Drops)).unwrap_err().to_string(), "in a drop");
    let _drops = Drops;
}

extern "C" fn cannot_unwind() {
    panic!("on its way out");
}

#[burrow::test(
    exit = 2,
    console = "panic: on its way out\nfatal error: panic in a function that cannot unwind\n"
)]
fn a_function_that_cannot_be_unwound() {
    let _ = recover(|| cannot_unwind());
}

#[burrow::test(exit = 2, console = "panic: nobody joins\n\ngoroutine …\ncreated by t84_panics::")]
fn a_panic_that_nobody_will_join() {
    let never = Chan::<()>::new(0);
    let gone = Chan::<()>::new(0);
    let wait = gone.clone();
    drop(spawn(move || {
        wait.recv();
        panic!("nobody joins");
    }));
    gone.close();
    never.recv();
}

#[burrow::test(exit = 2, console = "panic: handed on [recovered, repanicked]\n\ngoroutine 1 ")]
fn a_joined_panic_goes_on() {
    let failed = spawn(|| panic!("handed on")).join().map(|()| 0);
    resume_panic(failed.unwrap_err().into_panic().unwrap());
}

#[burrow::test(
    exit = 2,
    console = "panic: held [recovered]\n\tpanic: again [recovered, repanicked]\n\tpanic: last\n\n"
)]
fn held_resumed_and_new_panics_in_order() {
    let _held = recover(|| panic!("held")).map(|()| 0).unwrap_err();
    let _gone = recover(|| panic!("let go")).map(|()| 0).map_err(drop);
    let again = recover(|| panic!("again")).map(|()| 0).unwrap_err();
    defer! { panic!("last") }
    resume_panic(again);
}

#[burrow::test(exit = 2, console = "panic: stays\n\ngoroutine …::stays_deferred(...)\n\t")]
fn a_panic_during_goexit_shows_who_exited() {
    // covers: P35
    stays_deferred();
}

#[inline(never)]
fn stays_deferred() {
    let _ = recover(|| ());
    defer! { panic!("stays") }
    runtime::goexit();
}

#[burrow::test(
    exit = 2,
    console = "deferred\nowned\nfatal error: no goroutines (main called runtime.Goexit) - deadlock!\n"
)]
fn goexit_of_main_drops_all_and_others_go_on() {
    struct Says;
    impl Drop for Says {
        fn drop(&mut self) {
            println!("owned");
        }
    }
    let _owned = Says;
    defer! { println!("deferred") }
    go(|| (0..3).for_each(|_| runtime::gosched()));
    runtime::goexit();
}

#[burrow::test(
    exit = 2,
    console = "panic: runtime error: invalid memory address or nil pointer dereference\n\
               [signal SIGSEGV: segmentation violation code=…addr=0x10 pc=0x…]\n\n\
               goroutine 1 [running]:\n…t84_panics::a_bad_access(...)"
)]
fn a_bad_access() {
    // SAFETY: nothing is mapped there, which is what is tested.
    unsafe { burrow::panic::load(black_box(16 as *const u64)) };
    black_box(0);
}

#[inline(never)]
#[allow(unconditional_recursion)]
fn overflows(depth: usize) -> usize {
    let frame = black_box([depth; 64]);
    overflows(depth + 1) + frame[depth % 2]
}

#[burrow::test(exit = 2, console = "fatal error: stack overflow\n")]
fn what_is_kept_for_panics_is_kept_after_one() {
    let small = Builder::new().max_stack(256 << 10).spawn(|| {
        let _ = recover(|| panic!("before"));
        let _ = recover(|| overflows(0));
    });
    let _ = small.join();
}

#[inline(never)]
fn nearly_overflows(depth: usize) -> usize {
    let frame = black_box([depth; 64]);
    if depth == 0 { panic!("deep down") } else { nearly_overflows(depth - 1) + frame[depth % 2] }
}

#[burrow::test(
    exit = 2,
    console = "panic: deep down\n\ngoroutine 1 [running]:\n…\n...402 frames elided...\n"
)]
fn a_deep_panic_loses_its_middle() {
    let keeps = Cleans;
    black_box(nearly_overflows(500));
    drop(keeps);
}

/// Something to drop on the way, so that the stack is unwound.
struct Cleans;

impl Drop for Cleans {
    fn drop(&mut self) {
        black_box(0);
    }
}

/// The name is there for the report, although the function's values are gone by then.
#[burrow::test(exit = 2, console = "panic: lost\n\ngoroutine …\"worker\" [running]:\n")]
fn a_named_goroutine_panics() {
    Builder::new().name("worker").go(|| {
        defer! { runtime::gosched() }
        panic!("lost")
    });
    Chan::<()>::new(0).recv();
}
