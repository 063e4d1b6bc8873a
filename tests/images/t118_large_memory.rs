//! Setting, copying and comparing much memory at once keeps nobody else from running: the loops that
//! do it are preempted like any other code.
#![no_std]
#![no_main]

use burrow::prelude::*;
use burrow::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use burrow_tests::wait::LIMIT;

burrow::test_main!();

/// So much at once. One operation takes about as long as a slice or longer.
const BYTES: usize = 32 << 20;

/// Does it again and again on a goroutine of its own until main, beside it, has both stopped the
/// world and had the core to itself in the middle of one: half done, that is.
fn seen_half_done(mut again: impl FnMut(u64) + Send + 'static) {
    static IN: AtomicU64 = AtomicU64::new(0);
    static OUT: AtomicU64 = AtomicU64::new(0);
    static OVER: AtomicBool = AtomicBool::new(false);
    IN.store(0, Ordering::Relaxed);
    OUT.store(0, Ordering::Relaxed);
    OVER.store(false, Ordering::Relaxed);
    // On as many cores as there may be, and beside one for each of them.
    let worker = spawn(move || {
        let mut n = 0;
        while !OVER.load(Ordering::Relaxed) {
            n += 1;
            IN.store(n, Ordering::Relaxed);
            again(n);
            OUT.store(n, Ordering::Relaxed);
            runtime::gosched();
        }
    });
    let half_done = || IN.load(Ordering::Relaxed) != OUT.load(Ordering::Relaxed);
    let start = Instant::now();
    let (mut beside, mut stopped) = (0, 0);
    while beside < 3 || stopped < 3 {
        runtime::gosched();
        beside += u32::from(half_done());
        stopped += u32::from(runtime::stop_the_world(half_done));
        assert!(start.elapsed() < LIMIT, "{beside} times beside it, {stopped} times in between");
    }
    OVER.store(true, Ordering::Relaxed);
    worker.join().unwrap();
}

#[burrow::test]
fn clearing() {
    // covers: H20
    let mut bytes = vec![1u8; BYTES];
    seen_half_done(move |n| {
        bytes.fill(n as u8);
        core::hint::black_box(&mut bytes);
    });
}

#[burrow::test]
fn copying() {
    // covers: H20
    let from = vec![1u8; BYTES];
    let mut to = vec![2u8; BYTES];
    seen_half_done(move |_| {
        to.copy_from_slice(&from);
        core::hint::black_box(&mut to);
    });
}

#[burrow::test]
fn comparing() {
    // covers: H20
    let (one, other) = (vec![1u8; BYTES], vec![1u8; BYTES]);
    seen_half_done(move |_| assert!(core::hint::black_box(&one) == core::hint::black_box(&other)));
}

/// Memory that the heap has to get and to clear.
#[burrow::test]
fn allocating_cleared() {
    // covers: H20
    seen_half_done(|_| {
        let bytes = vec![0u8; BYTES];
        assert_eq!(core::hint::black_box(&bytes)[BYTES / 2], 0);
    });
}
