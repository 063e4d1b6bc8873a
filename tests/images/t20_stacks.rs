//! Goroutine stacks: slots, growth by fault, memory given back.
//!
//! covers: K01, K02, K11, H14, H15, H16
#![no_std]
#![no_main]

use core::hint::black_box;
use core::sync::atomic::{AtomicUsize, Ordering};

use burrow::kernel::mem::{frames, space};
use burrow::kernel::stack::{self, Stack};
use burrow::kernel::sync::{IrqLock, Rank, pin};
use burrow::prelude::*;
use burrow::sync::WaitGroup;

burrow::test_main!();

const PAGE: usize = 4096;

/// Uses `words` words of stack per level, checks them on the way back, and that they did not move.
fn recurse<const WORDS: usize>(depth: usize, at_bottom: &mut dyn FnMut()) -> usize {
    let mut frame = [depth; WORDS];
    black_box(&mut frame);
    let address = frame.as_ptr();
    let mut below = 0;
    if depth == 0 {
        at_bottom();
    } else {
        below = recurse::<WORDS>(depth - 1, at_bottom);
    }
    assert_eq!(black_box(&frame).as_ptr(), address);
    assert!(frame.iter().all(|word| *word == depth));
    below + 1
}

/// A kilobyte a level.
fn deep(depth: usize) {
    assert_eq!(recurse::<120>(depth, &mut || {}), depth + 1);
}

/// Where the stack is, roughly.
#[inline(always)]
fn stack_pointer() -> usize {
    let mut here = 0u8;
    black_box(&raw mut here).addr()
}

/// Runs `f` with interrupts masked, as handlers run.
fn masked<T>(f: impl FnOnce() -> T) -> T {
    static MASK: IrqLock<()> = IrqLock::new(Rank::Stacks, ());
    let _guard = MASK.lock();
    f()
}

/// Maps the page at `at` of a stack that nobody runs on, as a handler would.
fn grow(stack: &Stack, at: usize) {
    assert!(masked(|| stack::ensure(stack, at + 8, 8)));
}

fn word(at: usize) -> *mut usize {
    at as *mut usize
}

#[burrow::test]
fn a_slot_comes_with_its_top_page() {
    for max in [1, 64 << 10, 100_000, 256 << 10, 1 << 20, 1_474_560, 4 << 20, 64 << 20, 1 << 30] {
        let stack = stack::alloc(max).expect("stack");
        assert_eq!(stack.limit, max.max(64 << 10));
        assert!(stack.hi - stack.lo >= stack.limit);
        assert!((stack.hi - stack.lo).is_power_of_two());
        assert!(space::is_mapped(stack.hi - PAGE, PAGE));
        assert_eq!(space::translate(stack.lo), None);
        stack::free(stack);
        let again = stack::alloc(max).expect("stack");
        assert_eq!((again.lo, again.hi), (stack.lo, stack.hi));
        stack::free(again);
    }
}

#[burrow::test]
fn slots_share_tables_and_cost_little() {
    for (max, most) in [(64 << 10, 4096 + 128), (256 << 10, 4096 + 512), (1 << 20, 4096 + 2048)] {
        let held: Vec<Stack> = (0..64).map(|_| stack::alloc(max).expect("stack")).collect();
        let before = frames::stats().free;
        let more: Vec<Stack> = (0..512).map(|_| stack::alloc(max).expect("stack")).collect();
        let each = (before - frames::stats().free) / more.len();
        assert!(each <= most + 64, "{each} bytes a slot of {max}");
        held.into_iter().chain(more).for_each(stack::free);
    }
}

#[burrow::test]
fn pages_given_back_keep_their_contents_until_they_are_taken_away() {
    let stack = stack::alloc(1 << 20).expect("stack");
    let page = |number: usize| stack.hi - number * PAGE;
    for number in 2..=6 {
        grow(&stack, page(number));
        // SAFETY: our own stack, mapped.
        unsafe { word(page(number)).write(number) };
    }
    let before = space::translate(page(4));
    let stack = stack::shrink(stack, page(3));
    assert!(stack.shrunk > 0);
    assert_eq!(space::translate(page(4)), None);
    assert!(space::is_mapped(page(3), PAGE));
    // The stack grows again before any core flushed: the same page.
    grow(&stack, page(4));
    assert_eq!(space::translate(page(4)), before);
    // SAFETY: as above.
    assert_eq!(unsafe { word(page(4)).read() }, 4);
    stack::free(stack);
}

#[burrow::test]
fn pages_given_back_become_free_memory() {
    let stack = stack::alloc(16 << 20).expect("stack");
    const PAGES: usize = 1000;
    for number in 2..=PAGES {
        grow(&stack, stack.hi - number * PAGE);
    }
    let before = stack::mapped_bytes();
    let stack = stack::shrink(stack, stack.hi);
    wait_until_mapped_is(before - (PAGES - 10) * PAGE);
    stack::free(stack);
}

/// Until every core has flushed, which those that are busy do at their ticks, and those that halt
/// need not.
fn wait_until_mapped_is(most: usize) {
    let start = Instant::now();
    while stack::mapped_bytes() > most {
        assert!(start.elapsed() < Duration::from_secs(10), "{} mapped", stack::mapped_bytes());
        stack::reclaim();
        let pinned = pin();
        stack::flush_epoch();
        drop(pinned);
        runtime::gosched();
    }
}

#[burrow::test]
fn recursion_to_every_depth() {
    let every_depth = || (1..=1024).for_each(deep);
    Builder::new().max_stack(4 << 20).spawn(every_depth).join().expect("no panic");
}

#[burrow::test]
fn a_stack_may_be_used_to_its_limit() {
    for max in [64 << 10, 128 << 10, 300_000, 1 << 20, 3 << 20, 32 << 20] {
        // Except what is kept for unwinding, and some for the way to here and back.
        let usable = max - (max / 4).min(64 << 10) - 8 * 1024;
        let start = Builder::new().max_stack(max).spawn(move || {
            let here = stack_pointer();
            let mut lowest = here;
            // A level uses at least its array; stop by address.
            fn down(top: usize, usable: usize, lowest: &mut usize) {
                let mut frame = [1u64; 100];
                let at = black_box(&mut frame).as_ptr() as usize;
                *lowest = at;
                if top - at < usable - 2048 {
                    down(top, usable, lowest);
                }
                assert!(black_box(&frame).iter().all(|word| *word == 1));
            }
            down(here, usable, &mut lowest);
            here - lowest
        });
        let used = start.join().expect("no overflow");
        assert!(used + 4096 > usable, "{used} of {usable}");
    }
}

#[burrow::test]
fn many_goroutines_grow_and_end() {
    let before = stack::mapped_bytes();
    for _ in 0..64 {
        let group = WaitGroup::new();
        for _ in 0..32 {
            group.go(|| deep(128));
        }
        group.wait();
    }
    // One batch needs 32 times 128 KiB and some.
    let batch = 32 * (140 << 10);
    let after = stack::mapped_bytes();
    assert!(after < before + 8 * batch, "{before} -> {after}");
    wait_until_mapped_is(before + (4 << 20));
}

#[burrow::test]
fn stacks_used_in_steps() {
    for _ in 0..4 {
        let group = WaitGroup::new();
        for number in 0..200 {
            group.go(move || {
                for kilobytes in [1, 2, 4, 8, 16] {
                    deep(kilobytes);
                    if number % 3 == 0 {
                        runtime::gosched();
                    }
                }
            });
        }
        group.wait();
    }
}

// Growth where nothing may sleep: with preemption held off, and in allocation's own locks.
#[burrow::test]
fn growth_with_preemption_held_off() {
    for step in 0..64 {
        let at_every_offset = move || {
            let pinned = pin();
            deep(1 + step);
            drop(pinned);
        };
        spawn(at_every_offset).join().expect("no panic");
    }
}

/// Goes down `sixteens` times sixteen bytes and some, then calls `f`.
#[inline(never)]
fn lower(sixteens: usize, f: &mut dyn FnMut()) {
    if sixteens == 0 {
        f();
    } else {
        let mut pad = [sixteens; 2];
        black_box(&mut pad);
        lower(sixteens - 1, f);
        black_box(&pad);
    }
}

#[burrow::test]
fn the_allocators_work_at_every_offset_of_a_page() {
    static DONE: AtomicUsize = AtomicUsize::new(0);
    const OFFSETS: usize = 160;
    // Of an unusual size, so that their slots are fresh; all at once, so that none is used twice.
    let goroutines: Vec<_> = (0..OFFSETS)
        .map(|offset| {
            Builder::new().max_stack(80 << 10).spawn(move || {
                lower(offset, &mut || {
                    let taken: Vec<_> = (0..70).map(|_| frames::alloc().expect("frame")).collect();
                    taken.iter().for_each(|frame| frames::free(*frame));
                    drop(black_box(vec![0u8; 40_000]));
                    let other = stack::alloc(64 << 10).expect("stack");
                    stack::free(other);
                    DONE.fetch_add(1, Ordering::Relaxed);
                });
                while DONE.load(Ordering::Relaxed) < OFFSETS {
                    runtime::gosched();
                }
            })
        })
        .collect();
    for goroutine in goroutines {
        goroutine.join().expect("no panic");
    }
}

/// Goroutines that went deep, and wait on `wake` now.
fn parked_after_depth(count: usize, depth: usize, wake: &Chan<usize>) -> Vec<JoinHandle<usize>> {
    let ready = WaitGroup::new();
    ready.add(count as isize);
    let goroutines = (0..count)
        .map(|number| {
            let (wake, ready) = (wake.clone(), ready.clone());
            spawn(move || {
                deep(depth);
                let mine = black_box([number; 64]);
                let mut got = 0;
                recurse::<120>(3, &mut || {
                    ready.done();
                    got = wake.recv().expect("open");
                });
                assert!(black_box(&mine).iter().all(|word| *word == number));
                deep(depth);
                got
            })
        })
        .collect();
    ready.wait();
    goroutines
}

fn wake_all(goroutines: Vec<JoinHandle<usize>>, wake: &Chan<usize>) {
    let count = goroutines.len();
    (0..count).for_each(|number| wake.send(number));
    let got: usize = goroutines.into_iter().map(|goroutine| goroutine.join().expect("sum")).sum();
    assert_eq!(got, count * (count - 1) / 2);
}

// H14 and H15: values arrive in the frames of goroutines whose stacks shrink meanwhile.
#[burrow::test]
fn stacks_of_goroutines_parked_for_long_shrink() {
    let wake = Chan::new(0);
    let before = stack::mapped_bytes();
    let goroutines = parked_after_depth(20, 100, &wake);
    assert!(stack::mapped_bytes() >= before + 20 * (60 << 10));
    // What is left: the page with the frames in use, perhaps the next.
    wait_until_mapped_is(before + 20 * (16 << 10));
    wake_all(goroutines, &wake);
}

#[burrow::test]
fn stacks_shrink_while_their_goroutines_wake() {
    for _ in 0..20 {
        let wake = Chan::new(0);
        let goroutines = parked_after_depth(16, 60, &wake);
        let waker = {
            let wake = wake.clone();
            spawn(move || wake_all(goroutines, &wake))
        };
        for _ in 0..3 {
            runtime::free_os_memory();
        }
        waker.join().expect("no panic");
    }
}

// A stale translation of one core must not lead to a frame that was given to somebody else.
#[burrow::test(smp = 2)]
fn stacks_that_shrink_while_goroutines_change_cores() {
    let group = WaitGroup::new();
    for number in 0..32 {
        group.go(move || {
            for round in 0..20 {
                let depth = 20 + (number * 7 + round * 13) % 100;
                let mut yields = || (0..3).for_each(|_| runtime::gosched());
                assert_eq!(recurse::<120>(depth, &mut yields), depth + 1);
                go(move || deep(depth));
                drop(black_box(vec![round; 3000]));
            }
        });
    }
    group.wait();
}

/// Uses all of its stack but the last `left` bytes of what ordinary code may use, then calls `f`.
fn nearly_full(max: usize, left: usize, f: &mut dyn FnMut()) {
    fn down(lowest: usize, f: &mut dyn FnMut()) {
        let mut frame = [1u64; 8];
        if black_box(&mut frame).as_ptr() as usize > lowest {
            down(lowest, f);
        } else {
            f();
        }
        black_box(&frame);
    }
    // Slots are aligned to their size, which here is the limit.
    let here = stack_pointer();
    let lowest = here / max * max + (max / 4).min(64 << 10) + PAGE + left;
    down(lowest, f);
}

// Being preempted with a full stack is no overflow: the registers go where panics run.
#[burrow::test]
fn preemption_with_a_full_stack() {
    const MAX: usize = 128 << 10;
    static STOP: AtomicUsize = AtomicUsize::new(0);
    let spin = || {
        nearly_full(MAX, 512, &mut || {
            while STOP.load(Ordering::Relaxed) == 0 {
                core::hint::spin_loop();
            }
        });
    };
    let full: Vec<_> = (0..8).map(|_| Builder::new().max_stack(MAX).spawn(spin)).collect();
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(300) {
        runtime::gosched();
    }
    STOP.store(1, Ordering::Relaxed);
    for goroutine in full {
        goroutine.join().expect("no panic");
    }
}

#[burrow::test(exit = 2, console = "panic: with a full stack\n\ngoroutine ")]
fn a_panic_with_a_full_stack() {
    const MAX: usize = 128 << 10;
    let panics = || nearly_full(MAX, 512, &mut || panic!("with a full stack"));
    Builder::new().max_stack(MAX).go(panics);
    loop {
        runtime::gosched();
    }
}

#[burrow::test(exit = 2, console = "runtime: goroutine stack exceeds 131072-byte limit\n")]
fn a_full_stack_overflows() {
    const MAX: usize = 128 << 10;
    Builder::new().max_stack(MAX).go(|| nearly_full(MAX, 512, &mut || deep(2)));
    loop {
        runtime::gosched();
    }
}

/// Leaves no frame to anybody.
fn use_up_memory() {
    while frames::alloc().is_some() {}
}

#[burrow::test(exit = 2, console = "fatal error: runtime: out of memory\n\ngoroutine 1 [running]")]
fn a_stack_that_cannot_grow_is_out_of_memory() {
    use_up_memory();
    deep(200);
}

#[burrow::test(exit = 2, console = "panic: with no memory\n\ngoroutine 1 [running]:\n")]
fn a_panic_needs_no_memory() {
    // To the end of a page, so that the panic needs the next one.
    lower(70, &mut || {
        use_up_memory();
        panic!("with no memory");
    });
}
