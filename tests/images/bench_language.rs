//! The language in figures: panics, deferred functions, and what unwinding costs by frames.
//!
//! The same work as `panic_recover` of the Go side, one JSON line each; `unwind` is Burrow's own.
#![no_std]
#![no_main]

use burrow::kernel::unwind::{Exception, catch, raise};
use burrow::panic::{panic_any, recover};
use burrow::prelude::*;
use burrow_tests::bench::{Bench, report};
use core::cell::Cell;
use core::hint::black_box;

/// Drops something, so that its frame is continued on the way.
struct Counts<'a>(&'a Cell<u64>);

impl Drop for Counts<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

#[inline(never)]
fn frames(drops: &Cell<u64>, exception: *mut Exception, more: u64) -> u64 {
    let _counts = Counts(drops);
    if more == 0 {
        // SAFETY: the measuring function's own, caught there.
        unsafe { raise(exception) };
    } else {
        frames(drops, exception, more - 1);
    }
    black_box(more)
}

/// Through so many frames that each drop something.
fn raise_and_catch(frame_count: u64) -> impl Fn(u64) {
    move |times| {
        let drops = Cell::new(0);
        for _ in 0..times {
            let mut exception = Exception::new(1);
            let at = &raw mut exception;
            assert!(catch(|| frames(&drops, at, frame_count - 1)).is_err());
        }
        assert_eq!(drops.get(), times * frame_count);
    }
}

/// Go does not inline a function that defers; here nothing hinders the compiler.
fn defer_only(sum: &Cell<u64>) {
    defer! { sum.set(sum.get() + 1) }
    sum.set(sum.get() + 2);
}

/// A deferred function runs while a panic with a word passes; the panic is stopped.
#[inline(never)]
fn defer_panic(sum: &Cell<u64>) {
    let stopped = recover(|| {
        defer! { sum.set(sum.get() + 1) }
        panic_any(black_box(7u64))
    });
    let Err(_) = stopped;
}

/// A panic from so many frames further in, each of which drops something.
fn panic_through(frame_count: u64) -> impl Fn(u64) {
    #[inline(never)]
    fn further(drops: &Cell<u64>, more: u64) -> u64 {
        let _counts = Counts(drops);
        if more == 0 {
            panic!("enough");
        }
        further(drops, more - 1) + black_box(1)
    }
    move |times| {
        let drops = Cell::new(0);
        for _ in 0..times {
            assert!(recover(|| further(&drops, frame_count - 1)).is_err());
        }
        assert_eq!(drops.get(), times * frame_count);
    }
}

#[burrow::main]
fn main() {
    let bench = Bench::from_env();
    if bench.wants("unwind") {
        // Nothing of these frames is known yet.
        let begun = Instant::now();
        raise_and_catch(10)(1);
        let took = begun.elapsed().as_nanos() as f64;
        report("unwind", &Bench::variant("_10frames_first"), "ns/op", &mut [took], 1);
    }
    for (suffix, frame_count) in [("_1frame", 1), ("_2frames", 2), ("_10frames", 10)] {
        bench.per_op("unwind", suffix, 1, raise_and_catch(frame_count));
    }
    let sum = Cell::new(0);
    bench.per_op("panic_recover", "_defer_panic_recover", 1, |times| {
        (0..times).for_each(|_| defer_panic(&sum));
    });
    bench.per_op("panic_recover", "_defer_only", 10, |times| {
        (0..times * 10).for_each(|_| defer_only(&sum));
    });
    for (suffix, frame_count) in [("_1frame", 1), ("_2frames", 2), ("_10frames", 10)] {
        bench.per_op("panic_recover", suffix, 1, panic_through(frame_count));
    }
    black_box(sum.get());
}
