//! Calls that keep their thread, many at once: who gets the cores meanwhile (law 8).
#![no_std]
#![no_main]

use burrow::kernel::time::nanotime;
use burrow::prelude::*;
use burrow::sync::WaitGroup;
use burrow::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use burrow_tests::wait::{LIMIT, until};

burrow::test_main!();

/// Computes without a call for that long.
fn busy(d: Duration) {
    let start = Instant::now();
    while start.elapsed() < d {}
}

/// Goroutines that loop over calls of different lengths all have their turns, and all stop.
#[burrow::test]
fn busy_calls_share_the_cores() {
    // covers: Y01
    let procs = runtime::gomaxprocs(2);
    static STOP: AtomicBool = AtomicBool::new(false);
    static STARTED: AtomicU32 = AtomicU32::new(0);
    for _ in 0..5 {
        STOP.store(false, Ordering::Relaxed);
        STARTED.store(0, Ordering::Relaxed);
        let start = Instant::now();
        let all = WaitGroup::new();
        for i in 0..8 {
            let call = Duration::from_micros([10, 100, 1000][i % 3]);
            all.go(move || {
                STARTED.fetch_add(1, Ordering::Relaxed);
                while !STOP.load(Ordering::Relaxed) {
                    runtime::blocking(|| busy(call));
                }
            });
        }
        until(|| STARTED.load(Ordering::Relaxed) == 8);
        sleep(Duration::from_millis(10));
        STOP.store(true, Ordering::Relaxed);
        all.wait();
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    }
    runtime::gomaxprocs(procs);
}

/// Very short calls for ever on the only P: a sleeper wakes all the same.
#[burrow::test]
fn short_calls_keep_nobody_from_waking() {
    // covers: S13
    let procs = runtime::gomaxprocs(1);
    static STOP: AtomicBool = AtomicBool::new(false);
    STOP.store(false, Ordering::Relaxed);
    let all = WaitGroup::new();
    for _ in 0..2 {
        all.go(|| {
            while !STOP.load(Ordering::Relaxed) {
                runtime::blocking(|| core::hint::black_box(()));
            }
        });
    }
    for _ in 0..5 {
        sleep(Duration::from_millis(10));
    }
    STOP.store(true, Ordering::Relaxed);
    all.wait();
    runtime::gomaxprocs(procs);
}

/// On one P, one goroutine is in a call of 50 ms; another becomes runnable meanwhile and runs.
#[burrow::test]
fn a_long_call_delays_nobody() {
    // covers: Y03
    const CALL: Duration = Duration::from_millis(50);
    static INSIDE: AtomicBool = AtomicBool::new(false);
    let procs = runtime::gomaxprocs(1);
    for computes in [false, true] {
        let mut best = Duration::MAX;
        let start = Instant::now();
        // Of a few tries, because the emulator may keep a core for itself that long.
        while best > Duration::from_millis(5) {
            assert!(start.elapsed() < LIMIT, "{best:?}");
            INSIDE.store(false, Ordering::Relaxed);
            let call = spawn(move || {
                runtime::blocking(|| {
                    INSIDE.store(true, Ordering::Release);
                    if computes { busy(CALL) } else { sleep(CALL) }
                });
            });
            let other = spawn(move || {
                let start = Instant::now();
                // Given way once, and with it the only P.
                runtime::gosched();
                (start.elapsed(), INSIDE.load(Ordering::Acquire))
            });
            let (took, inside) = other.join().unwrap();
            if inside {
                best = best.min(took);
            }
            call.join().unwrap();
        }
    }
    runtime::gomaxprocs(procs);
}

/// What goroutines calculate in that time.
fn work(time: Duration) -> u64 {
    static DONE: AtomicU64 = AtomicU64::new(0);
    DONE.store(0, Ordering::Relaxed);
    let end = nanotime() + time.as_nanos() as u64;
    let all = WaitGroup::new();
    for _ in 0..runtime::gomaxprocs(0) {
        all.go(move || {
            let mut units = 0;
            while nanotime() < end {
                (0..100).for_each(|n| {
                    core::hint::black_box(n);
                });
                units += 1;
            }
            DONE.fetch_add(units, Ordering::Relaxed);
        });
    }
    all.wait();
    DONE.load(Ordering::Relaxed)
}

/// A thousand goroutines sleep in calls, again and again; those that calculate have the cores.
#[burrow::test]
fn a_thousand_sleepers_cost_no_core() {
    const SLEEPERS: u64 = 1000;
    static STOP: AtomicBool = AtomicBool::new(false);
    static SLEPT: AtomicU64 = AtomicU64::new(0);
    STOP.store(true, Ordering::Relaxed);
    let start = Instant::now();
    let (mut alone, mut beside) = (0, 0);
    // The host's own load changes from one measurement to the next: the best of each side, which
    // had the least of it.
    for round in 1.. {
        alone = alone.max(work(Duration::from_millis(300)));
        STOP.store(false, Ordering::Relaxed);
        SLEPT.store(0, Ordering::Relaxed);
        let all = WaitGroup::new();
        for i in 0..SLEEPERS {
            all.go(move || {
                while !STOP.load(Ordering::Relaxed) {
                    runtime::blocking(|| sleep(Duration::from_millis(500 + i % 500)));
                    SLEPT.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        // All have been there and are there again.
        until(|| SLEPT.load(Ordering::Relaxed) >= SLEEPERS);
        let (slept, since) = (SLEPT.load(Ordering::Relaxed), Instant::now());
        beside = beside.max(work(Duration::from_millis(300)));
        let woken = SLEPT.load(Ordering::Relaxed) - slept;
        let rate = woken as f64 / since.elapsed().as_secs_f64();
        STOP.store(true, Ordering::Relaxed);
        all.wait();
        let share = beside as f64 / alone as f64;
        println!("round {round}: share of the cores {share:.2}, {rate:.0} wake-ups a second");
        if round > 1 && share >= 0.9 && rate >= 500.0 {
            break;
        }
        assert!(start.elapsed() < LIMIT);
    }
}
