//! The scheduler in figures: starting goroutines, yielding, handing over, waiting for a turn.
//!
//! The same work as `spawn`, `yield`, `spawn_tree16`, `chan_pingpong_unbuf`, `pingpong_locked`,
//! `syscall`, `preempt_latency` and `stw` of the Go side, one JSON line each.
#![no_std]
#![no_main]

use burrow::prelude::*;
use burrow::sync::WaitGroup;
use burrow::sync::atomic::{AtomicBool, Ordering};
use burrow_tests::bench::{Bench, ping_pong, report};

/// Goroutines that do nothing, in batches.
fn spawn_batches(batches: u64) {
    for _ in 0..batches {
        let group = WaitGroup::new();
        group.add(10_000);
        for _ in 0..10_000 {
            let group = group.clone();
            go(move || group.done());
        }
        group.wait();
    }
}

/// One goroutine at a time.
fn spawn_and_wait(times: u64) {
    for _ in 0..times {
        let group = WaitGroup::new();
        group.add(1);
        let done = group.clone();
        go(move || done.done());
        group.wait();
    }
}

/// So many goroutines that each yield so many times.
fn yields(goroutines: u64) -> impl Fn(u64) {
    move |times| {
        let group = WaitGroup::new();
        for _ in 0..goroutines {
            group.go(move || (0..times).for_each(|_| runtime::gosched()));
        }
        group.wait();
    }
}

/// Ten calls that could keep their thread, and do nothing: into each and back.
fn calls(times: u64) {
    for _ in 0..times {
        (0..10).for_each(|n| runtime::blocking(|| _ = core::hint::black_box(n)));
    }
}

fn tree(group: WaitGroup, depth: u32) {
    if depth > 0 {
        for _ in 0..2 {
            let group = group.clone();
            go(move || tree(group, depth - 1));
        }
    }
    group.done();
}

/// A binary tree of depth 16.
fn trees(times: u64) {
    for _ in 0..times {
        let group = WaitGroup::new();
        group.add(TREE as isize);
        let root = group.clone();
        go(move || tree(root, 16));
        group.wait();
    }
}

const TREE: u64 = (1 << 17) - 1;

static STOP: AtomicBool = AtomicBool::new(false);

/// As [`ping_pong`], with one side or both wired to their threads.
fn locked_ping_pong(wired: [bool; 2]) -> impl Fn(u64) {
    let as_asked = |wired| {
        if wired {
            runtime::lock_os_thread();
        }
    };
    move |times| {
        let (there, back) = (Chan::<u64>::new(0), Chan::<u64>::new(0));
        let (balls, returns) = (there.clone(), back.clone());
        let answers = spawn(move || {
            as_asked(wired[1]);
            balls.iter().for_each(|ball| returns.send(ball));
            runtime::unlock_os_thread();
        });
        let asks = spawn(move || {
            as_asked(wired[0]);
            for n in 0..times {
                there.send(n);
                back.recv();
            }
            there.close();
            runtime::unlock_os_thread();
        });
        asks.join().expect("asks");
        answers.join().expect("answers");
    }
}

/// How long main waits, runnable, while a loop without calls has every core.
fn wait_for_a_turn() {
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
    runtime::gosched();
    let mut waits: Vec<f64> = (0..102)
        .map(|_| {
            let asked = Instant::now();
            runtime::gosched();
            asked.elapsed().as_nanos() as f64 / 1e3
        })
        .skip(2)
        .collect();
    STOP.store(true, Ordering::Relaxed);
    hogs.wait();
    report("preempt_latency", &Bench::variant("_1spin"), "us", &mut waits, 100);
}

/// How long stopping the world and starting it again takes beside four loops.
fn stop_the_world() {
    STOP.store(false, Ordering::Relaxed);
    let hogs = WaitGroup::new();
    for _ in 0..4 {
        hogs.go(|| {
            let mut rounds = 0u64;
            while !STOP.load(Ordering::Relaxed) {
                rounds = core::hint::black_box(rounds.wrapping_add(1));
            }
        });
    }
    sleep(Duration::from_millis(50));
    let mut took: Vec<f64> = (0..300)
        .map(|_| {
            let asked = Instant::now();
            runtime::stop_the_world(|| ());
            let took = asked.elapsed().as_nanos() as f64 / 1e3;
            runtime::gosched();
            took
        })
        .collect();
    STOP.store(true, Ordering::Relaxed);
    hogs.wait();
    report("stw", &Bench::variant("_4hogs"), "us", &mut took, 300);
}

#[burrow::main]
fn main() {
    let to_main = runtime::machine().time_to_main;
    report("boot", "reset_to_main", "ms", &mut [to_main.as_secs_f64() * 1e3], 1);
    let bench = Bench::from_env();
    bench.per_op("spawn", "", 10_000, spawn_batches);
    bench.per_op("spawn", "_join1", 1, spawn_and_wait);
    bench.per_op("yield", "_2g", 2, yields(2));
    bench.per_op("yield", "_1000g", 1_000, yields(1_000));
    bench.per_op("chan_pingpong_unbuf", "", 1, ping_pong);
    bench.per_op("pingpong_locked", "_one", 1, locked_ping_pong([true, false]));
    bench.per_op("pingpong_locked", "_both", 1, locked_ping_pong([true, true]));
    bench.per_op("syscall", "_getppid_entersyscall", 10, calls);
    if bench.wants("preempt_latency") {
        wait_for_a_turn();
    }
    if bench.wants("stw") {
        stop_the_world();
    }
    bench.per_op("spawn_tree16", "", TREE, trees);
}
