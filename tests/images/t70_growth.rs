//! Stacks grow where they are, as far as their limit, and their memory comes back.
#![no_std]
#![no_main]

use burrow::kernel::sync::pin;
use burrow::prelude::*;
use burrow::sync::WaitGroup;
use burrow::sync::atomic::{AtomicBool, Ordering};
use burrow_tests::wait::until;
use core::hint::black_box;

burrow::test_main!();

/// A frame of about 1 KiB, checked through a pointer into the caller's.
#[inline(never)]
fn descend(depth: usize, caller: *const usize) -> usize {
    let mut frame = [depth; 128];
    black_box(&mut frame);
    // SAFETY: the caller's frame is alive below us, and stacks do not move.
    let above = unsafe { caller.read_volatile() };
    assert_eq!(above, depth + 1, "a caller's frame changed");
    let deepest = if depth == 0 { 0 } else { descend(depth - 1, &raw const frame[64]) };
    assert!(black_box(&frame).iter().all(|word| *word == depth), "our frame changed");
    deepest + 1
}

/// Recursion of that depth; how many frames it was.
fn recurse(depth: usize) -> usize {
    let top = depth + 1;
    descend(depth, &raw const top)
}

#[burrow::test]
fn every_depth_keeps_its_frames() {
    // covers: K02
    for depth in (1..=1024).step_by(31) {
        let frames = Builder::new().max_stack(4 << 20).spawn(move || recurse(depth));
        assert_eq!(frames.join().unwrap(), depth + 1);
    }
    for depth in [1, 10, 100, 500] {
        assert_eq!(spawn(move || recurse(depth)).join().unwrap(), depth + 1);
    }
}

#[burrow::test]
fn the_same_goroutine_goes_deep_again_and_again() {
    // covers: K02
    let frames = Builder::new()
        .max_stack(2 << 20)
        .spawn(|| (1..=1024usize).filter(|depth| recurse(*depth) == depth + 1).count());
    assert_eq!(frames.join().unwrap(), 1024);
}

/// At each depth, calls into the runtime that need stack of their own.
#[inline(never)]
fn descend_with_calls(depth: usize, chan: &Chan<usize>) {
    let mut frame = [depth; 16];
    black_box(&mut frame);
    chan.send(depth);
    assert_eq!(chan.recv(), Some(depth));
    if depth.is_multiple_of(8) {
        assert_eq!(spawn(move || depth * 2).join().unwrap(), depth * 2);
    }
    if depth > 0 {
        descend_with_calls(depth - 1, chan);
    }
    assert!(black_box(&frame).iter().all(|word| *word == depth));
}

#[burrow::test]
fn the_runtime_may_be_called_at_any_edge() {
    // covers: K04
    let result =
        Builder::new().max_stack(4 << 20).spawn(|| descend_with_calls(1023, &Chan::new(1))).join();
    result.unwrap();
}

/// 32 goroutines at a time, each 128 KiB deep: what one batch needs is enough for all.
#[burrow::test]
fn stacks_are_used_again() {
    // covers: K01
    let batch = |count: usize| {
        for _ in 0..count {
            let group = WaitGroup::new();
            for _ in 0..32 {
                group.go(|| {
                    recurse(128);
                });
            }
            group.wait();
        }
    };
    batch(2);
    let first = runtime::metrics().stack_in_use;
    batch(64);
    let last = runtime::metrics().stack_in_use;
    println!("{} KiB of stacks after 2 batches, {} after 66", first >> 10, last >> 10);
    let one_batch = (32 * 160) << 10;
    assert!(last <= 8 * one_batch, "{last} bytes of stack");
}

/// 200 goroutines take more stack step by step, then end; four times.
#[burrow::test]
fn growth_in_steps_on_command() {
    // covers: K11
    for _ in 0..4 {
        let all = WaitGroup::new();
        let gates: Vec<Chan<usize>> = (0..200).map(|_| Chan::new(0)).collect();
        for gate in &gates {
            let gate = gate.clone();
            all.go(move || {
                for kib in &gate {
                    assert_eq!(recurse(kib), kib + 1);
                }
            });
        }
        for kib in [1, 2, 4, 8, 16] {
            gates.iter().for_each(|gate| gate.send(kib));
        }
        gates.iter().for_each(Chan::close);
        all.wait();
    }
}

/// n! without a loop and without a tail call, as additions.
#[inline(never)]
fn add(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { black_box(1 + add(a, b - 1)) }
}

fn multiply(a: u64, b: u64) -> u64 {
    if b == 0 { 0 } else { add(multiply(a, b - 1), a) }
}

#[burrow::test]
fn hundreds_of_thousands_of_frames() {
    // covers: K20
    let limit = 128 << 20;
    let factorial = Builder::new().max_stack(limit).spawn(|| {
        // The larger factor second: one frame for each unit of it.
        let eight = (2..=8).fold(1, multiply);
        assert_eq!(eight, 40_320);
        (0..9).fold(0, |sum, _| add(sum, eight))
    });
    assert_eq!(factorial.join().unwrap(), 362_880);
    let deep = Builder::new().max_stack(limit).spawn(|| add(0, 400_000));
    assert_eq!(deep.join().unwrap(), 400_000);
}

/// Pointers cross a channel while receivers use 32 KiB of stack after each.
#[burrow::test]
fn hand_over_between_growing_stacks() {
    // covers: K22
    const EACH: usize = 300;
    let chan = Chan::<Box<usize>>::new(0);
    let (senders, receivers) = (WaitGroup::new(), WaitGroup::new());
    for id in 0..10 {
        let out = chan.clone();
        senders.go(move || (0..EACH).for_each(|n| out.send(Box::new(id * EACH + n))));
        let values = chan.clone();
        receivers.go(move || {
            for value in &values {
                assert!(*value < 10 * EACH);
                recurse(32);
            }
        });
    }
    senders.wait();
    chan.close();
    receivers.wait();
}

/// A value larger than a page goes from stack to stack, where the receiver's room was never used.
#[burrow::test]
fn large_values_arrive_on_fresh_stacks() {
    // covers: H14
    for cap in [0, 1] {
        let chan = Chan::<[u64; 4_000]>::new(cap);
        let values = chan.clone();
        let sum = spawn(move || values.iter().map(|value| value[3_999] + value[0]).sum::<u64>());
        for n in 0..20 {
            (0..5).for_each(|_| runtime::gosched());
            chan.send([n; 4_000]);
        }
        chan.close();
        assert_eq!(sum.join().unwrap(), 2 * 190);
    }
}

/// A new page is touched while preemption is held off.
#[burrow::test]
fn growth_while_preemption_is_held_off() {
    // covers: H15
    for depth in [1, 4, 16, 64, 256] {
        let frames = spawn(move || {
            let pinned = pin();
            let frames = recurse(depth);
            drop(pinned);
            frames
        });
        assert_eq!(frames.join().unwrap(), depth + 1);
    }
}

/// Stacks grow on all cores while timers interrupt and preempt.
#[burrow::test]
fn growth_under_preemption() {
    // covers: H15
    let stop = Arc::new(AtomicBool::new(false));
    let group = WaitGroup::new();
    for _ in 0..runtime::num_cpu() * 2 {
        let stop = stop.clone();
        group.go(move || {
            while !stop.load(Ordering::Relaxed) {
                spawn(|| recurse(200)).join().unwrap();
            }
        });
    }
    let end = Instant::now() + Duration::from_millis(300);
    until(|| Instant::now() > end);
    stop.store(true, Ordering::Relaxed);
    group.wait();
}

/// A stack of unusual size goes back when its goroutine ends; another takes the memory at once.
#[burrow::test]
fn a_dying_goroutines_stack_is_not_in_use() {
    // covers: H22
    let all = WaitGroup::new();
    for id in 0..runtime::num_cpu() * 2 {
        all.go(move || {
            for n in 0..200 {
                let size = (128 << 10) << ((id + n) % 4);
                let frames = Builder::new().max_stack(size).spawn(move || recurse(n % 50));
                assert_eq!(frames.join().unwrap(), n % 50 + 1);
            }
        });
    }
    all.wait();
}

/// Interrupts that arrive while a page is being mapped, and pages that are missing when one
/// arrives: a timer at another distance each time.
#[burrow::test]
fn interrupts_while_growing() {
    // covers: H15, H16
    for n in 0..500u64 {
        let frames = spawn(move || {
            burrow_arch::timer::set(burrow_arch::clock::nanotime() + n * 100);
            recurse(60)
        });
        assert_eq!(frames.join().unwrap(), 61);
    }
}

#[burrow::test]
fn large_frames_touch_their_pages_in_order() {
    #[inline(never)]
    fn large(depth: usize) -> u8 {
        let frame = black_box([depth as u8; 40_000]);
        if depth == 0 { frame[39_999] } else { large(depth - 1).wrapping_add(frame[1]) }
    }
    assert_eq!(spawn(|| large(20)).join().unwrap(), 210);
}

/// Goroutines that went deep once and then wait for long keep only what they wait in; what others
/// point to in their frames stays (a sender writes into the receiver's).
#[burrow::test]
fn parked_goroutines_give_back_what_they_do_not_use() {
    // covers: H14
    const GOROUTINES: usize = 20;
    let deepened = WaitGroup::new();
    let values: Vec<Chan<usize>> = (0..GOROUTINES).map(|_| Chan::new(0)).collect();
    deepened.add(GOROUTINES as isize);
    let waiting: Vec<_> = values
        .iter()
        .map(|chan| {
            let (chan, deepened) = (chan.clone(), deepened.clone());
            spawn(move || {
                assert_eq!(recurse(500), 501);
                deepened.done();
                let received = chan.recv();
                // And deep again, into pages that may have gone.
                assert_eq!(recurse(500), 501);
                received
            })
        })
        .collect();
    deepened.wait();
    let deep = runtime::metrics().stack_in_use;
    // Each has said that it is about to wait; until all do, some keep their pages.
    until(|| {
        runtime::free_os_memory();
        deep - runtime::metrics().stack_in_use.min(deep) >= GOROUTINES * 64 * 1024
    });
    for (n, chan) in values.iter().enumerate() {
        chan.send(n);
    }
    for (n, goroutine) in waiting.into_iter().enumerate() {
        assert_eq!(goroutine.join().ok().flatten(), Some(n));
    }
}
