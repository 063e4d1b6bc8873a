//! Kernel threads sleep until a time, or until they are signalled.
#![no_std]
#![no_main]

use burrow::kernel::kthread::note::Note;
use burrow::kernel::kthread::{self, notetsleep, notewakeup, sleep_until};
use burrow::kernel::m::M;
use burrow::kernel::sync::pin;
use burrow::kernel::time::nanotime;
use burrow::prelude::*;
use burrow::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use burrow_tests::wait::until;

burrow::test_main!();

const MS: u64 = 1_000_000;

/// Starts kernel threads with the numbers 0 to `n` on all cores.
fn threads(n: usize, f: fn(usize)) {
    for i in 0..n {
        kthread::spawn(f, i, i % runtime::num_cpu());
    }
}

/// Waits until that many threads have counted themselves, and ended.
fn all_done(done: &AtomicU32, n: usize, threads_before: usize) {
    until(|| done.load(Ordering::Acquire) == n as u32);
    until(|| kthread::threads() <= threads_before);
}

/// None wakes before its time, all wake, in whatever order they went to sleep.
#[burrow::test]
fn nobody_wakes_early() {
    static EARLY: AtomicU32 = AtomicU32::new(0);
    static DONE: AtomicU32 = AtomicU32::new(0);
    DONE.store(0, Ordering::Relaxed);
    let before = kthread::threads();
    threads(60, |i| {
        for round in 0..5 {
            let deadline = nanotime() + (i as u64 * 7 % 20) * MS / 4 + round * 50_000;
            sleep_until(deadline);
            EARLY.fetch_add(u32::from(nanotime() < deadline), Ordering::Relaxed);
        }
        DONE.fetch_add(1, Ordering::Release);
    });
    all_done(&DONE, 60, before);
    assert_eq!(EARLY.load(Ordering::Relaxed), 0);
}

/// One thread more each time: the first that were started sleep longest.
#[burrow::test]
fn the_earliest_wakes_first() {
    const EACH: usize = 20;
    static WOKEN: AtomicU32 = AtomicU32::new(0);
    static LATEST: AtomicU64 = AtomicU64::new(0);
    static DISORDER: AtomicU32 = AtomicU32::new(0);
    static START: AtomicU64 = AtomicU64::new(0);
    WOKEN.store(0, Ordering::Relaxed);
    LATEST.store(0, Ordering::Relaxed);
    let before = kthread::threads();
    START.store(nanotime() + 200 * MS, Ordering::Relaxed);
    for i in 0..EACH {
        // On one core, whose other threads are all asleep when the time comes.
        let f = |i| {
            let deadline = START.load(Ordering::Relaxed) + (EACH - i) as u64 * MS;
            sleep_until(deadline);
            let latest = LATEST.fetch_max(deadline, Ordering::Relaxed);
            DISORDER.fetch_add(u32::from(latest > deadline), Ordering::Relaxed);
            WOKEN.fetch_add(1, Ordering::Release);
        };
        kthread::spawn(f, i, 0);
    }
    all_done(&WOKEN, EACH, before);
    if runtime::num_cpu() == 1 {
        assert_eq!(DISORDER.load(Ordering::Relaxed), 0);
    }
}

/// A signal ends the sleep long before its time; without one it ends by the clock.
#[burrow::test]
fn a_signal_comes_before_the_time() {
    static NOTE: Note<M> = Note::new();
    static ANSWER: AtomicU32 = AtomicU32::new(0);
    let before = kthread::threads();
    for (signal, limit, answer) in [(true, 3_600_000 * MS, 1), (false, 3 * MS, 2)] {
        ANSWER.store(0, Ordering::Relaxed);
        NOTE.clear();
        static LIMIT_NS: AtomicU64 = AtomicU64::new(0);
        LIMIT_NS.store(limit, Ordering::Relaxed);
        let f = |_| {
            let pinned = pin();
            let deadline = nanotime() + LIMIT_NS.load(Ordering::Relaxed);
            let signalled = notetsleep(pinned.m(), &NOTE, deadline);
            let late_enough = signalled || nanotime() >= deadline;
            drop(pinned);
            let answer = if signalled { 1 } else { 2 };
            ANSWER.store(if late_enough { answer } else { 3 }, Ordering::Release);
        };
        kthread::spawn(f, 0, runtime::num_cpu() - 1);
        if signal {
            sleep(Duration::from_millis(2));
            let _pinned = pin();
            notewakeup(&NOTE);
        }
        until(|| ANSWER.load(Ordering::Acquire) != 0);
        assert_eq!(ANSWER.load(Ordering::Acquire), answer);
        until(|| kthread::threads() <= before);
    }
}

/// Signals that come at about the time: the sleeper runs once, whoever was first.
#[burrow::test]
fn a_signal_at_the_same_moment() {
    const THREADS: usize = 8;
    const ROUNDS: u32 = 100;
    static NOTES: [Note<M>; THREADS] = [const { Note::new() }; THREADS];
    static DEADLINES: [AtomicU64; THREADS] = [const { AtomicU64::new(0) }; THREADS];
    static SIGNALLED: [AtomicBool; THREADS] = [const { AtomicBool::new(false) }; THREADS];
    static DONE: AtomicU32 = AtomicU32::new(0);
    DONE.store(0, Ordering::Relaxed);
    let before = kthread::threads();
    threads(THREADS, |i| {
        for round in 0..ROUNDS {
            let deadline = nanotime() + 100_000 + u64::from(round) * 1000;
            DEADLINES[i].store(deadline, Ordering::Release);
            let pinned = pin();
            let _ = notetsleep(pinned.m(), &NOTES[i], deadline);
            drop(pinned);
            // The note is used again only after its one signal.
            while !SIGNALLED[i].load(Ordering::Acquire) {
                sleep_until(nanotime() + 10_000);
            }
            NOTES[i].clear();
            SIGNALLED[i].store(false, Ordering::Release);
        }
        DONE.fetch_add(1, Ordering::Release);
    });
    until(|| {
        for i in 0..THREADS {
            let deadline = DEADLINES[i].load(Ordering::Acquire);
            let near = deadline != 0 && nanotime() + 5_000 >= deadline;
            if near && !SIGNALLED[i].load(Ordering::Acquire) {
                DEADLINES[i].store(0, Ordering::Relaxed);
                let _pinned = pin();
                notewakeup(&NOTES[i]);
                SIGNALLED[i].store(true, Ordering::Release);
            }
        }
        DONE.load(Ordering::Acquire) == THREADS as u32
    });
    until(|| kthread::threads() <= before);
}

/// Cores that never stop running goroutines let sleepers of their own have their turns.
#[burrow::test]
fn sleepers_wake_beside_goroutines_that_never_stop() {
    static STOP: AtomicBool = AtomicBool::new(false);
    static DONE: AtomicU32 = AtomicU32::new(0);
    STOP.store(false, Ordering::Relaxed);
    DONE.store(0, Ordering::Relaxed);
    let before = kthread::threads();
    let hogs = burrow::sync::WaitGroup::new();
    for _ in 0..runtime::num_cpu() {
        hogs.go(|| {
            while !STOP.load(Ordering::Relaxed) {
                core::hint::spin_loop();
            }
        });
    }
    threads(20, |_| {
        for _ in 0..3 {
            sleep_until(nanotime() + MS);
        }
        DONE.fetch_add(1, Ordering::Release);
    });
    until(|| DONE.load(Ordering::Acquire) == 20);
    STOP.store(true, Ordering::Relaxed);
    hogs.wait();
    until(|| kthread::threads() <= before);
}
