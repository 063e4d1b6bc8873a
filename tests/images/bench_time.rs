//! Timers in figures: arming many, how late they are, starting and stopping beside many, and by how
//! much a short sleep oversleeps.
//!
//! The same work as `timers` and `sleep_50us` of the Go side, one JSON line each.
#![no_std]
#![no_main]

use burrow::prelude::*;
use burrow::sync::WaitGroup;
use burrow::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use burrow::time::{Timer, after_func};
use burrow_tests::bench::{Bench, report};

const N: usize = 100_000;
const HOUR: Duration = Duration::from_secs(3600);

/// xorshift: figures below a bound, the same on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Nanoseconds by which each timer was late.
static LATE: [AtomicU64; N] = [const { AtomicU64::new(0) }; N];

/// 100,000 timers within the next second.
fn hundred_thousand() {
    let (mut wall, mut arm, mut p50, mut p99) = (vec![], vec![], vec![], vec![]);
    for round in 0..8 {
        let mut random = Random(42);
        let waits: Vec<Duration> =
            (0..N).map(|_| Duration::from_nanos(random.below(1_000_000_000))).collect();
        let group = WaitGroup::new();
        group.add(N as isize);
        let start = Instant::now();
        for (wait, late) in waits.into_iter().zip(&LATE) {
            let due = start.elapsed() + wait;
            let group = group.clone();
            after_func(wait, move || {
                late.store((start.elapsed() - due).as_nanos() as u64, Ordering::Relaxed);
                group.done();
            });
        }
        let armed = start.elapsed();
        group.wait();
        let done = start.elapsed();
        if round == 0 {
            continue;
        }
        let mut late: Vec<u64> = LATE.iter().map(|late| late.load(Ordering::Relaxed)).collect();
        late.sort_unstable();
        wall.push(done.as_secs_f64() * 1e3);
        arm.push(armed.as_nanos() as f64 / N as f64);
        p50.push(late[N / 2] as f64 / 1e3);
        p99.push(late[N * 99 / 100] as f64 / 1e3);
    }
    report("timers_100k", &Bench::variant("_wall"), "ms", &mut wall, N as u64);
    report("timers_100k", &Bench::variant("_arm"), "ns/op", &mut arm, N as u64);
    report("timers_100k", &Bench::variant("_late_p50"), "us", &mut p50, N as u64);
    report("timers_100k", &Bench::variant("_late_p99"), "us", &mut p99, N as u64);
}

/// Starting and stopping, with 100,000 others that stay.
fn start_and_stop(bench: &Bench) {
    let mut random = Random(7);
    let live: Vec<Timer> = (0..N)
        .map(|_| after_func(HOUR + Duration::from_nanos(random.below(3_600_000_000_000)), || {}))
        .collect();
    let micros = |i: u64| HOUR + Duration::from_micros(i & 0xffff);
    bench.per_op("timers_startstop", "_new_100k_live", 1, |n| {
        for i in 0..n {
            after_func(micros(i), || {}).stop();
        }
    });
    let one = after_func(HOUR, || {});
    one.stop();
    bench.per_op("timers_startstop", "_reset_100k_live", 1, |n| {
        for i in 0..n {
            one.reset(micros(i));
            one.stop();
        }
    });
    bench.per_op("timers_startstop", "_random_live_100k", 1, |n| {
        for i in 0..n {
            let timer = &live[(i as usize * 7919) % N];
            timer.stop();
            timer.reset(HOUR + Duration::from_millis(i * 7919 % N as u64));
        }
    });
    for timer in &live {
        timer.stop();
    }
}

/// By how much a sleep is too long.
fn oversleep(name: &str, variant: &str, times: usize, sleeps: Duration) {
    let mut over: Vec<f64> = (0..times)
        .map(|_| {
            let start = Instant::now();
            sleep(sleeps);
            (start.elapsed() - sleeps).as_nanos() as f64 / 1e3
        })
        .collect();
    report(name, &Bench::variant(variant), "us", &mut over, times as u64);
}

static STOP: AtomicBool = AtomicBool::new(false);

/// A sleep of 1 ms while a loop without calls has every core.
fn oversleep_beside_hogs() {
    STOP.store(false, Ordering::Relaxed);
    let hogs = WaitGroup::new();
    for _ in 0..runtime::gomaxprocs(0) {
        hogs.go(|| {
            let mut rounds = 0u64;
            while !STOP.load(Ordering::Relaxed) {
                rounds = core::hint::black_box(rounds.wrapping_add(1));
            }
        });
    }
    oversleep("preempt_latency", "_1spin_sleep1ms_overshoot", 100, Duration::from_millis(1));
    STOP.store(true, Ordering::Relaxed);
    hogs.wait();
}

#[burrow::main]
fn main() {
    let bench = Bench::from_env();
    if bench.wants("sleep_overshoot") {
        oversleep("sleep_overshoot", "_50us", 2000, Duration::from_micros(50));
        oversleep("sleep_overshoot", "_1ms", 300, Duration::from_millis(1));
    }
    if bench.wants("preempt_latency") {
        oversleep_beside_hogs();
    }
    if bench.wants("timers_100k") {
        hundred_thousand();
    }
    if bench.wants("timers_startstop") {
        start_and_stop(&bench);
    }
}
