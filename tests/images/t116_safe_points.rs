//! What is asked of Ps and of single goroutines while the world goes on.
#![no_std]
#![no_main]

use burrow::kernel::g::{G, Status};
use burrow::kernel::p::P;
use burrow::kernel::sched::safepoint::for_each_p;
use burrow::kernel::sched::suspend::suspend;
use burrow::kernel::sched::table::user_goroutines;
use burrow::kernel::sched::{SCHED, WaitReason};
use burrow::kernel::trace::census;
use burrow::prelude::*;
use burrow::sync::WaitGroup;
use burrow::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use burrow_tests::hogs::{STOP, arithmetic_loop, call_loop, empty_loop};
use burrow_tests::wait::{go_and_park, until};

burrow::test_main!();

static STEPS: AtomicU64 = AtomicU64::new(0);

fn count_steps() {
    while !STOP.load(Ordering::Relaxed) {
        STEPS.fetch_add(1, Ordering::Relaxed);
    }
}

/// Runs `f` beside so many of each kind of loop.
fn beside_hogs(of_each: usize, f: impl FnOnce()) {
    STOP.store(false, Ordering::Relaxed);
    let hogs = WaitGroup::new();
    for _ in 0..of_each {
        hogs.go(call_loop);
        hogs.go(arithmetic_loop);
        hogs.go(empty_loop);
    }
    f();
    STOP.store(true, Ordering::Relaxed);
    hogs.wait();
}

fn find(goid: u64) -> &'static G {
    user_goroutines().find(|g| g.goid() == goid).expect("it is alive")
}

/// Once for each P in use, while the caller waits.
#[track_caller]
fn once_for_each() {
    let ran: [AtomicU32; 64] = [const { AtomicU32::new(0) }; 64];
    for_each_p(&|p: &'static P| {
        ran[p.id].fetch_add(1, Ordering::Relaxed);
    });
    for (id, ran) in ran.iter().enumerate() {
        assert_eq!(ran.load(Ordering::Relaxed), u32::from(id < SCHED.procs()), "P {id}");
    }
}

#[burrow::test]
fn a_function_for_every_p() {
    (0..50).for_each(|_| once_for_each());
    beside_hogs(1, || {
        for _ in 0..10 {
            once_for_each();
            runtime::gosched();
        }
    });
    let before = runtime::gomaxprocs(1);
    once_for_each();
    runtime::gomaxprocs(before);
    once_for_each();
}

/// From many at once, beside stops of the world and changes of the number of Ps.
#[burrow::test]
fn functions_from_many_goroutines() {
    let before = runtime::gomaxprocs(0);
    let all = WaitGroup::new();
    for n in 0..3 {
        all.go(move || {
            for round in 0..40 {
                for_each_p(&|p| assert!(p.safe_point() || p.id < 64));
                match n {
                    0 => runtime::stop_the_world(|| ()),
                    1 => {
                        runtime::gomaxprocs(1 + round % 4);
                    }
                    _ => sleep(Duration::from_micros(50)),
                }
            }
        });
    }
    all.wait();
    runtime::gomaxprocs(before);
    census::check().unwrap();
}

/// One that runs stands still while it is looked at, and the others go on.
#[burrow::test]
fn one_goroutine_stands_still() {
    STOP.store(false, Ordering::Relaxed);
    let counter = spawn(count_steps);
    let goid = counter.goid();
    for _ in 0..20 {
        let before = STEPS.load(Ordering::Relaxed);
        until(|| STEPS.load(Ordering::Relaxed) > before);
        let suspended = suspend(find(goid), goid).expect("it runs for ever");
        let status = suspended.g().status();
        assert!(matches!(status, Status::Waiting | Status::Runnable), "{status:?}");
        let seen = STEPS.load(Ordering::Relaxed);
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(2) {}
        assert_eq!(STEPS.load(Ordering::Relaxed), seen, "it ran");
        drop(suspended);
    }
    STOP.store(true, Ordering::Relaxed);
    counter.join().unwrap();
    census::check().unwrap();
}

#[inline(never)]
fn level_one(stop: &AtomicBool) -> u64 {
    level_two(stop) + 1
}

#[inline(never)]
fn level_two(stop: &AtomicBool) -> u64 {
    let mut n = 0u64;
    while !stop.load(Ordering::Relaxed) {
        n = n.wrapping_add(1);
    }
    n
}

/// Its traceback is whole each time, wherever it was stopped, wired or not.
#[burrow::test]
fn the_stack_of_one_that_runs() {
    for wired in [false, true] {
        let stop = Arc::new(AtomicBool::new(false));
        let stops = stop.clone();
        let runs = spawn(move || {
            if wired {
                runtime::lock_os_thread();
            }
            level_one(&stops)
        });
        let goid = runs.goid();
        until(|| runtime::stack_of(goid).is_some_and(|text| text.contains("level_two")));
        for _ in 0..30 {
            let text = runtime::stack_of(goid).expect("it runs for ever");
            assert!(text.starts_with(&format!("goroutine {goid} [")), "{text}");
            assert!(text.contains("created by"), "{text}");
            runtime::gosched();
        }
        stop.store(true, Ordering::Relaxed);
        runs.join().unwrap();
        assert!(runtime::stack_of(goid).is_none(), "it has ended");
    }
}

/// One that waits is shown as it waits, and wakes when it is let go.
#[burrow::test]
fn the_stack_of_one_that_waits() {
    let (c, out) = (Chan::new(0), Chan::new(1));
    let (from, to) = (c.clone(), out.clone());
    go_and_park(WaitReason::ChanReceive, move || to.send(from.recv()));
    let g = user_goroutines()
        .find(|g| g.status() == Status::Waiting && g.wait_reason() == WaitReason::ChanReceive);
    let g = g.expect("it waits");
    let text = runtime::stack_of(g.goid()).expect("it waits");
    assert!(text.contains("[chan receive]:"), "{text}");
    c.send(5);
    assert_eq!(out.recv(), Some(Some(5)));
    let own = runtime::stack_of(runtime::goid()).expect("this one");
    assert!(own.contains("[running]:"), "{own}");
}

/// Looking at goroutines that come, work, wait and go, while the world stops now and then.
#[burrow::test]
fn looking_at_goroutines_that_come_and_go() {
    static DONE: AtomicBool = AtomicBool::new(false);
    DONE.store(false, Ordering::Relaxed);
    let others = WaitGroup::new();
    for _ in 0..3 {
        others.go(|| {
            while !DONE.load(Ordering::Relaxed) {
                let c = Chan::new(0);
                let to = c.clone();
                go(move || to.send(1));
                c.recv().unwrap();
                spawn(|| (0..500).fold(0u64, |a, n| core::hint::black_box(a ^ n))).join().unwrap();
            }
        });
    }
    others.go(|| {
        while !DONE.load(Ordering::Relaxed) {
            runtime::stop_the_world(|| ());
            sleep(Duration::from_micros(200));
        }
    });
    let me = runtime::goid();
    for _ in 0..60 {
        let ids: Vec<u64> = user_goroutines().map(G::goid).filter(|id| *id != me).collect();
        for text in ids.into_iter().filter_map(runtime::stack_of) {
            assert!(text.starts_with("goroutine "), "{text}");
        }
    }
    DONE.store(true, Ordering::Relaxed);
    others.wait();
    census::check().unwrap();
}
