//! Goroutines begin, end and are waited for.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::collections::BTreeSet;
use burrow::prelude::*;
use burrow::sync::WaitGroup;
use burrow::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use burrow_tests::wait::until;

burrow::test_main!();

#[burrow::test]
fn a_goroutine_runs() {
    let ran = Arc::new(AtomicU32::new(0));
    let mine = ran.clone();
    go(move || {
        mine.store(42, Ordering::Release);
    });
    until(|| ran.load(Ordering::Acquire) == 42);
}

#[burrow::test]
fn results_are_joined() {
    let handles: Vec<_> = (0..100u64).map(|n| spawn(move || n * n)).collect();
    for (n, handle) in handles.into_iter().enumerate() {
        assert_eq!(handle.join().unwrap(), (n * n) as u64);
    }
}

#[burrow::test]
fn a_handle_knows_when_its_goroutine_is_done() {
    let gate = Chan::<()>::new(0);
    let waits = gate.clone();
    let handle = spawn(move || {
        waits.recv();
        7
    });
    runtime::gosched();
    assert!(!handle.is_finished());
    gate.send(());
    until(|| handle.is_finished());
    assert_eq!(handle.join().unwrap(), 7);
}

#[burrow::test]
fn a_dropped_handle_lets_it_run_on() {
    let ran = Arc::new(AtomicU32::new(0));
    let mine = ran.clone();
    drop(spawn(move || mine.fetch_add(1, Ordering::Release)));
    until(|| ran.load(Ordering::Acquire) == 1);
}

#[burrow::test]
fn ids_are_unique_and_known_to_both_sides() {
    let mut seen = BTreeSet::new();
    for _ in 0..200 {
        let handle = spawn(runtime::goid);
        let id = handle.goid();
        assert_eq!(handle.join().unwrap(), id);
        assert!(seen.insert(id), "{id} twice");
    }
}

#[burrow::test]
fn many_more_than_any_queue_holds() {
    // covers: H30
    let sum = Arc::new(AtomicUsize::new(0));
    let group = WaitGroup::new();
    for n in 0..10_000 {
        let sum = sum.clone();
        group.go(move || {
            sum.fetch_add(n, Ordering::Relaxed);
        });
    }
    group.wait();
    assert_eq!(sum.load(Ordering::Relaxed), 9_999 * 10_000 / 2);
}

/// 10000 goroutines, each between two channels.
#[burrow::test]
fn a_daisy_chain() {
    // covers: S30
    let leftmost = Chan::<u32>::new(0);
    let mut right = leftmost.clone();
    let all = WaitGroup::new();
    for _ in 0..10_000 {
        let (left, next) = (right, Chan::new(0));
        right = next.clone();
        all.go(move || left.send(1 + next.recv().unwrap()));
    }
    go(move || right.send(0));
    assert_eq!(leftmost.recv(), Some(10_000));
    all.wait();
}

#[burrow::test]
fn goroutines_are_counted() {
    // covers: S15
    // Main, which waits for this one. What other cases started ends first.
    let before = 2;
    until(|| runtime::num_goroutine() == before);
    let gate = Chan::<()>::new(0);
    for _ in 0..50 {
        let waits = gate.clone();
        go(move || {
            waits.recv();
        });
    }
    assert_eq!(runtime::num_goroutine(), before + 50);
    gate.close();
    until(|| runtime::num_goroutine() == before);
}

#[burrow::test(exit = 0, console = "alone")]
fn main_is_alone_at_first() {
    // covers: S15
    assert_eq!(runtime::num_goroutine(), 1);
    assert_eq!(runtime::goid(), 1);
    println!("alone");
}

#[burrow::test]
fn closures_of_any_size_arrive_whole() {
    fn check<const N: usize>() {
        let bytes: [u8; N] = core::array::from_fn(|n| n as u8);
        let ok = spawn(move || bytes.iter().enumerate().all(|(n, byte)| *byte == n as u8));
        assert!(ok.join().unwrap(), "{N} bytes");
    }
    check::<0>();
    check::<1>();
    check::<1_000>();
    check::<1_024>();
    check::<1_025>();
    check::<3_000>();
    check::<5_000>();
    check::<70_000>();
}

#[repr(align(256))]
struct Aligned(u8);

#[burrow::test]
fn closures_of_any_alignment_arrive_aligned() {
    let value = Aligned(9);
    let at = spawn(move || {
        let value = &value;
        assert_eq!(value.0, 9);
        (&raw const *value).addr()
    });
    assert!(at.join().unwrap().is_multiple_of(256));
}

#[burrow::test]
fn captured_values_are_dropped_once() {
    struct Counts(Arc<AtomicU32>);
    impl Drop for Counts {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let drops = Arc::new(AtomicU32::new(0));
    for _ in 0..100 {
        let value = Counts(drops.clone());
        spawn(move || assert_eq!(Arc::strong_count(&value.0), 2)).join().unwrap();
        let value = Counts(drops.clone());
        drop(spawn(move || value).join().unwrap());
    }
    assert_eq!(drops.load(Ordering::Relaxed), 200);
}

#[burrow::test]
fn goexit_ends_the_goroutine_and_tells_who_waits() {
    // What goexit leaves on the stack is forgotten, not dropped, as long as it unwinds nothing.
    burrow::test::keeps();
    let result = spawn(|| -> u32 {
        if runtime::goid() > 0 {
            runtime::goexit();
        }
        1
    });
    assert!(matches!(result.join(), Err(JoinError::Goexit)));
    let group = WaitGroup::new();
    group.go(|| runtime::goexit());
    group.wait();
}

#[burrow::test]
fn builders_give_names_and_limits() {
    let big = Builder::new().name(String::from("a name")).max_stack(8 << 20);
    assert_eq!(big.spawn(|| 5).join().unwrap(), 5);
    let former = runtime::set_max_stack(256 << 10);
    assert_eq!(runtime::set_max_stack(1), 256 << 10);
    assert_eq!(runtime::set_max_stack(former), 64 << 10);
    let done = Chan::new(0);
    let tell = done.clone();
    Builder::default().name("another").go(move || tell.send(()));
    assert_eq!(done.recv(), Some(()));
}

#[burrow::test]
fn scoped_goroutines_borrow() {
    let numbers: Vec<u64> = (1..=1_000).collect();
    let total = AtomicUsize::new(0);
    let halves = scope(|s| {
        let (left, right) = numbers.split_at(500);
        for part in numbers.chunks(100) {
            let total = &total;
            s.go(move || {
                total.fetch_add(part.iter().sum::<u64>() as usize, Ordering::Relaxed);
            });
        }
        let left = s.spawn(move || left.iter().sum::<u64>());
        let right = s.spawn(move || right.iter().sum::<u64>());
        left.join().unwrap() + right.join().unwrap()
    });
    assert_eq!(halves, 500_500);
    assert_eq!(total.load(Ordering::Relaxed), 500_500);
}

/// `goexit` inside a scope waits for what borrows from it.
#[burrow::test]
fn a_scope_cannot_be_left_early() {
    // As above.
    burrow::test::keeps();
    let finished = Arc::new(AtomicU32::new(0));
    let seen = finished.clone();
    let result = spawn(move || {
        let local = AtomicU32::new(0);
        scope(|s| {
            s.go(|| {
                (0..50).for_each(|_| runtime::gosched());
                local.store(1, Ordering::Relaxed);
                seen.store(local.load(Ordering::Relaxed), Ordering::Release);
            });
            runtime::goexit()
        })
    });
    assert!(matches!(result.join(), Err(JoinError::Goexit)));
    assert_eq!(finished.load(Ordering::Acquire), 1);
}

/// 16 goroutines meet over two wait groups, used again and again.
#[burrow::test]
fn a_barrier_of_wait_groups() {
    // covers: X10
    for _ in 0..8 {
        let (ready, gate) = (WaitGroup::new(), WaitGroup::new());
        let (before, after) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let all = WaitGroup::new();
        ready.add(16);
        gate.add(1);
        for _ in 0..16 {
            let (ready, gate) = (ready.clone(), gate.clone());
            let (before, after) = (before.clone(), after.clone());
            all.go(move || {
                before.fetch_add(1, Ordering::Relaxed);
                ready.done();
                gate.wait();
                assert_eq!(before.load(Ordering::Relaxed), 16);
                after.fetch_add(1, Ordering::Relaxed);
            });
        }
        ready.wait();
        assert_eq!(after.load(Ordering::Relaxed), 0);
        gate.done();
        all.wait();
        assert_eq!(after.load(Ordering::Relaxed), 16);
    }
}

#[burrow::test]
fn what_was_done_is_seen_after_wait() {
    // covers: X12, X13
    for _ in 0..1_000 {
        let group = WaitGroup::new();
        let cells: [_; 2] = core::array::from_fn(|_| Arc::new(AtomicU32::new(0)));
        for cell in &cells {
            let cell = cell.clone();
            group.go(move || cell.store(1, Ordering::Relaxed));
        }
        group.wait();
        assert!(cells.iter().all(|cell| cell.load(Ordering::Relaxed) == 1));
    }
}

#[burrow::test]
fn waiting_for_nothing_returns_at_once() {
    let group = WaitGroup::new();
    group.wait();
    group.add(2);
    group.done();
    group.add(-1);
    group.wait();
}

#[burrow::test]
fn many_may_wait_for_one_group() {
    let group = WaitGroup::new();
    group.add(1);
    let waiters: Vec<_> = (0..20)
        .map(|_| {
            let group = group.clone();
            spawn(move || group.wait())
        })
        .collect();
    (0..100).for_each(|_| runtime::gosched());
    group.done();
    waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
}

#[burrow::test(should_panic = "panic: sync: negative WaitGroup counter")]
fn a_wait_group_never_goes_below_zero() {
    // covers: X11
    WaitGroup::new().done();
}
