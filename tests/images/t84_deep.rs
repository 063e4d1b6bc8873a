//! Panics, deferred functions and `goexit` on stacks that grow and shrink meanwhile.
#![no_std]
#![no_main]

use core::cell::Cell;
use core::hint::black_box;

use burrow::panic::{load, store};
use burrow::prelude::*;
use burrow::sync::atomic::{AtomicUsize, Ordering};

burrow::test_main!();

/// Calls `f` with so many KiB of stack in use below the caller.
#[inline(never)]
fn at_depth<R>(kib: usize, f: &mut dyn FnMut() -> R) -> R {
    let frame = black_box([kib; 128]);
    let result = if kib == 0 { f() } else { at_depth(kib - 1, f) };
    assert!(black_box(&frame).iter().all(|word| *word == kib), "a frame changed");
    result
}

#[burrow::test]
fn deferred_functions_find_locals_of_a_stack_that_grew() {
    // covers: K05
    for kib in [1, 8, 64, 512] {
        let outcome = spawn(move || {
            let local = Cell::new(0);
            {
                defer! { local.set(local.get() + 2) }
                at_depth(kib, &mut || local.set(local.get() + 1));
            }
            let unwound = recover(|| {
                defer! { local.set(local.get() + 10) }
                at_depth(kib, &mut || -> () { panic!("deep") })
            });
            assert_eq!(unwound.unwrap_err().to_string(), "deep");
            local.get()
        });
        assert_eq!(outcome.join().unwrap(), 13);
    }
}

/// More than a page, by value.
struct Large {
    words: [usize; 640],
    seen: &'static AtomicUsize,
}

impl Large {
    #[inline(never)]
    fn look(self, local: &Cell<usize>) {
        let sum: usize = black_box(self.words).iter().sum();
        self.seen.store(sum + local.get(), Ordering::Relaxed);
    }
}

#[burrow::test]
fn goexit_at_every_depth_runs_large_deferred_functions() {
    // covers: K06
    static SEEN: AtomicUsize = AtomicUsize::new(0);
    for kib in 0..=99 {
        let ended = spawn(move || {
            let local = Cell::new(kib);
            let large = Large { words: [1; 640], seen: &SEEN };
            let local = &local;
            defer! { move { large.look(local) } }
            at_depth(kib, &mut || -> () { runtime::goexit() })
        });
        assert!(matches!(ended.join(), Err(JoinError::Goexit)));
        assert_eq!(SEEN.swap(0, Ordering::Relaxed), 640 + kib);
    }
}

#[burrow::test]
fn the_outermost_recovers_a_deep_panic_and_the_stack_is_whole() {
    // covers: K10
    let walked = spawn(|| {
        let before = runtime::callers(0).len();
        for _ in 0..5 {
            let outcome = recover(|| at_depth(100, &mut || -> () { panic!("at the bottom") }));
            assert_eq!(outcome.unwrap_err().to_string(), "at the bottom");
            assert_eq!(runtime::callers(0).len(), before);
            assert!(runtime::stack(false).contains("t84_deep::the_outermost_recovers"));
        }
    });
    walked.join().unwrap();
}

#[burrow::test]
fn a_panic_after_the_stack_grew_and_shrank() {
    // covers: K13
    let done = spawn(|| {
        for _ in 0..3 {
            at_depth(32, &mut || ());
            runtime::free_os_memory();
            let outcome = recover(|| at_depth(4, &mut || -> () { panic!("after") }));
            assert_eq!(outcome.unwrap_err().to_string(), "after");
        }
    });
    done.join().unwrap();
}

/// Every frame's two deferred functions count into the result, as it is left.
fn counts(depth: u32, result: &Cell<u32>) {
    if depth == 0 {
        return;
    }
    defer! { result.set(result.get() + 1) }
    defer! { result.set(result.get() + 1) }
    counts(depth - 1, result);
}

#[burrow::test]
fn many_deferred_functions_in_deep_recursions() {
    // covers: K16
    let workers: Vec<_> = (0..4)
        .map(|_| {
            spawn(|| {
                for round in 0..1000 {
                    let result = Cell::new(0);
                    counts(200, &result);
                    assert_eq!(result.get(), 400);
                    // Now and then the same by unwinding.
                    if round % 100 == 0 {
                        let outcome = recover(|| {
                            defer! { counts(200, &result) }
                            at_depth(20, &mut || -> () { panic_any(round) })
                        });
                        assert_eq!(outcome.unwrap_err().downcast::<i32>().ok(), Some(round));
                        assert_eq!(result.get(), 800);
                    }
                }
            })
        })
        .collect();
    workers.into_iter().for_each(|worker| worker.join().unwrap());
}

/// A frame of so many KiB.
#[inline(never)]
fn frame<const KIB: usize>() -> usize {
    let words = black_box([[7_u64; 128]; KIB]);
    words.iter().flatten().filter(|word| **word == 7).count()
}

#[burrow::test]
fn deferred_functions_with_huge_frames_recover() {
    // covers: P03
    let done = Builder::new().max_stack(4 << 20).spawn(|| {
        let order = Cell::new(0);
        let outcome = recover(|| {
            defer! {
                assert_eq!(frame::<400>(), 400 * 128);
                assert_eq!(order.replace(2), 1);
                assert!(recover(|| ()).is_ok());
            }
            defer! {
                assert_eq!(frame::<800>(), 800 * 128);
                assert_eq!(order.replace(1), 0);
                let inner = recover(|| panic!("inner {}", frame::<400>()));
                assert_eq!(inner.map(|()| 0).unwrap_err().to_string(), "inner 51200");
            }
            panic!("outer");
        });
        assert_eq!(outcome.unwrap_err().to_string(), "outer");
        assert_eq!(order.get(), 2);
    });
    done.join().unwrap();
}

const NIL: &str = "runtime error: invalid memory address or nil pointer dereference";

fn text<T>(outcome: Result<T, Panic>) -> String {
    let panic = outcome.map(drop).unwrap_err();
    assert!(panic.is_runtime_error(), "{panic}");
    panic.to_string()
}

#[burrow::test]
fn what_the_program_does_wrong_can_be_recovered() {
    // covers: P06
    let list = black_box([1, 2, 3]);
    let slice = black_box(&list[..]);
    let (five, four, three) = (black_box(5), black_box(4), black_box(3));
    let index = "runtime error: index out of range [5] with length 3";
    assert_eq!(text(recover(|| slice[five])), index);
    assert_eq!(text(recover(|| list[five])), index);
    let bounds = "runtime error: slice bounds out of range ";
    assert_eq!(text(recover(|| slice[..five].len())), format!("{bounds}[:5] with length 3"));
    assert_eq!(text(recover(|| slice[four..].len())), format!("{bounds}[4:3]"));
    assert_eq!(text(recover(|| slice[three..black_box(2)].len())), format!("{bounds}[3:2]"));
    let zero = black_box(0);
    let divide = "runtime error: integer divide by zero";
    assert_eq!(text(recover(|| black_box(1) / zero)), divide);
    assert_eq!(text(recover(|| black_box(1) % zero)), divide);
    let overflow = recover(|| black_box(i32::MIN) / black_box(-1));
    assert_eq!(text(overflow), "runtime error: integer overflow");
    for at in [0_usize, 8, 40_000] {
        let pointer = black_box(at as *mut u64);
        // SAFETY: nothing is mapped there, which is what is tested.
        assert_eq!(text(recover(|| unsafe { load(pointer) })), NIL);
        // SAFETY: as above.
        assert_eq!(text(recover(|| unsafe { store(pointer, 1) })), NIL);
    }
    // An address that cannot exist.
    let odd = black_box(0x0123_4567_89ab_cdef as *const u8);
    // SAFETY: as above.
    assert_eq!(text(recover(|| unsafe { load(odd) })), NIL);
}

#[burrow::test]
fn a_good_pointer_is_just_used() {
    let mut value = (1_u64, 2_u8, [3_u16; 5]);
    // SAFETY: our own.
    assert_eq!(unsafe { load(&raw const value) }, value);
    // SAFETY: our own.
    unsafe { store(&raw mut value, (4, 5, [6; 5])) };
    assert_eq!(black_box(value), (4, 5, [6; 5]));
    // SAFETY: nothing is read.
    unsafe { load(core::ptr::null::<()>()) };
}

#[inline(never)]
fn faults() -> u64 {
    // SAFETY: nothing is mapped there, which is what is tested.
    black_box(unsafe { load(black_box(core::ptr::null::<u64>())) })
}

#[burrow::test]
fn the_world_stops_and_stacks_are_walked_during_a_panic() {
    // covers: K25
    let look = || {
        assert_eq!(runtime::stop_the_world(|| 3), 3);
        assert!(runtime::stack(true).contains("t84_deep::the_world_stops_and_stacks_are_walked"));
        assert!(!runtime::callers(0).is_empty());
    };
    for in_callee in [true, false] {
        let outcome = recover(|| {
            defer! { look() }
            if in_callee {
                faults()
            } else {
                // SAFETY: nothing is mapped there, which is what is tested.
                unsafe { load(black_box(core::ptr::without_provenance::<u64>(8))) }
            }
        });
        assert_eq!(text(outcome), NIL);
    }
}

/// Writes through nil and goes on.
fn recovers(who: &str) {
    // SAFETY: nothing is mapped there, which is what is tested.
    let outcome = recover(|| unsafe { store(black_box(core::ptr::null_mut()), 1_u32) });
    assert_eq!(text(outcome), NIL);
    println!("{who} recovered done");
}

#[burrow::test(
    exit = 0,
    console = "main recovered done\nthread recovered done\nthread recovered done\n\
               main recovered done\n"
)]
fn a_bad_write_is_recovered_on_every_thread() {
    // covers: P48
    runtime::lock_os_thread();
    recovers("main");
    for _ in 0..2 {
        let own = spawn(|| {
            runtime::lock_os_thread();
            recovers("thread");
        });
        own.join().unwrap();
    }
    recovers("main");
}
