//! The language in figures: what unwinding costs, by frames that it passes.
#![no_std]
#![no_main]

use burrow::kernel::unwind::{Exception, catch, raise};
use burrow_tests::bench::Bench;
use core::hint::black_box;

/// Drops something, so that its frame is continued on the way.
struct Counts<'a>(&'a core::cell::Cell<u64>);

impl Drop for Counts<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

#[inline(never)]
fn frames(drops: &core::cell::Cell<u64>, exception: *mut Exception, more: u64) -> u64 {
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
        let drops = core::cell::Cell::new(0);
        for _ in 0..times {
            let mut exception = Exception::new(1);
            let at = &raw mut exception;
            assert!(catch(|| frames(&drops, at, frame_count - 1)).is_err());
        }
        assert_eq!(drops.get(), times * frame_count);
    }
}

#[burrow::main]
fn main() {
    let bench = Bench::from_env();
    for (suffix, frame_count) in [("_1frame", 1), ("_2frames", 2), ("_10frames", 10)] {
        bench.per_op("unwind", suffix, 1, raise_and_catch(frame_count));
    }
}
