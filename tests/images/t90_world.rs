//! Stopping the world.
#![no_std]
#![no_main]

use burrow::kernel::g::Status;
use burrow::kernel::sched::SCHED;
use burrow::kernel::sched::table::user_goroutines;
use burrow::kernel::sync::pin;
use burrow::kernel::trace::census::{self, Census};
use burrow::prelude::*;
use burrow::sync::WaitGroup;
use burrow::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use burrow_tests::hogs::{STOP, arithmetic_loop, call_loop, empty_loop, step};
use burrow_tests::wait::{LIMIT, spin_until, until};
use core::hint::black_box;

burrow::test_main!();

static STEPS: AtomicU64 = AtomicU64::new(0);

fn count_steps() {
    while !STOP.load(Ordering::Relaxed) {
        STEPS.fetch_add(1, Ordering::Relaxed);
    }
}

fn hold(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        core::hint::spin_loop();
    }
}

/// What others count does not change while the world is stopped, and goes on afterwards.
#[burrow::test]
fn nothing_else_runs() {
    STOP.store(false, Ordering::Relaxed);
    let counters = WaitGroup::new();
    for _ in 0..2 * runtime::num_cpu() {
        counters.go(count_steps);
    }
    for _ in 0..10 {
        let before = STEPS.load(Ordering::Relaxed);
        until(|| STEPS.load(Ordering::Relaxed) > before);
        let (then, later) = runtime::stop_the_world(|| {
            let then = STEPS.load(Ordering::Relaxed);
            hold(Duration::from_millis(3));
            (then, STEPS.load(Ordering::Relaxed))
        });
        assert_eq!(then, later, "somebody ran");
    }
    STOP.store(true, Ordering::Relaxed);
    counters.wait();
}

/// Goroutines that never call anything are stopped like any other.
#[burrow::test]
fn loops_without_calls_are_stopped() {
    // covers: S12
    STOP.store(false, Ordering::Relaxed);
    let hogs = WaitGroup::new();
    for _ in 0..runtime::num_cpu() {
        hogs.go(call_loop);
        hogs.go(arithmetic_loop);
        hogs.go(empty_loop);
    }
    for round in 0..20 {
        assert_eq!(runtime::stop_the_world(|| round), round);
        runtime::gosched();
    }
    STOP.store(true, Ordering::Relaxed);
    hogs.wait();
}

/// A goroutine that grows its stack again and again is stopped in time.
#[burrow::test]
fn large_frames_do_not_keep_it_from_stopping() {
    // covers: S17
    #[inline(never)]
    fn large_frame(n: u64) -> u64 {
        let room = black_box([n; 1024]);
        room[(n % 1024) as usize]
    }
    STOP.store(false, Ordering::Relaxed);
    let busy = spawn(|| {
        let mut sum = 0u64;
        while !STOP.load(Ordering::Relaxed) {
            for n in 0..1000 {
                sum = sum.wrapping_add(step(n));
            }
            sum = sum.wrapping_add(large_frame(sum));
        }
        sum
    });
    for _ in 0..10 {
        runtime::gosched();
        let start = Instant::now();
        for _ in 0..3 {
            runtime::stop_the_world(|| ());
            hold(Duration::from_micros(10));
        }
        assert!(start.elapsed() < LIMIT);
    }
    STOP.store(true, Ordering::Relaxed);
    black_box(busy.join().unwrap());
}

/// Several stop the world at once, while others start goroutines and pass values.
#[burrow::test]
fn many_stops_from_many_goroutines() {
    const STOPPERS: u32 = 4;
    const ROUNDS: u32 = 250;
    static STOPPED: AtomicU32 = AtomicU32::new(0);
    static DONE: AtomicU32 = AtomicU32::new(0);
    fn spawn_again(left: Chan<()>) {
        if left.is_empty() {
            go(move || spawn_again(left));
        } else {
            left.recv();
        }
    }
    let all = WaitGroup::new();
    let (end, values) = (Chan::new(1), Chan::new(0));
    let again = end.clone();
    go(move || spawn_again(again));
    let from = values.clone();
    all.go(move || while from.recv().is_some() {});
    for _ in 0..STOPPERS {
        all.go(|| {
            for _ in 0..ROUNDS {
                runtime::stop_the_world(|| {
                    assert_eq!(STOPPED.fetch_add(1, Ordering::Relaxed), 0, "two worlds stopped");
                    STOPPED.fetch_sub(1, Ordering::Relaxed);
                });
            }
            DONE.fetch_add(1, Ordering::Relaxed);
        });
    }
    let mut n = 0u32;
    until(|| {
        values.send(n);
        n += 1;
        DONE.load(Ordering::Relaxed) == STOPPERS
    });
    values.close();
    end.send(());
    all.wait();
    until(|| end.is_empty());
}

/// Work that the function makes runs when the world does, on other cores too.
#[burrow::test]
fn goroutines_started_inside_run_afterwards() {
    static RAN: AtomicU32 = AtomicU32::new(0);
    let together = 2 * runtime::num_cpu() as u32;
    RAN.store(0, Ordering::Relaxed);
    runtime::stop_the_world(|| {
        for _ in 0..together {
            go(|| {
                RAN.fetch_add(1, Ordering::Relaxed);
            });
        }
        hold(Duration::from_millis(2));
        assert_eq!(RAN.load(Ordering::Relaxed), 0);
    });
    if runtime::gomaxprocs(0) > 1 {
        // This goroutine never gives its core up: the others were woken.
        spin_until(|| RAN.load(Ordering::Relaxed) == together);
    }
    until(|| RAN.load(Ordering::Relaxed) == together);
}

/// Cores with nothing to do are stopped without being woken, and sleep on.
#[burrow::test(smp = 2)]
fn idle_cores_stay_asleep() {
    let wakeups = || runtime::metrics().wakeups;
    spin_until(|| SCHED.spinners.idle_ps() + 1 == runtime::gomaxprocs(0));
    let before = wakeups();
    for _ in 0..100 {
        runtime::stop_the_world(|| ());
    }
    // Starting the world wakes one core at most each time, to look for work.
    assert!(wakeups() - before <= 100);
}

/// Who waits for its turn to stop the world is parked, and its turn comes.
#[burrow::test]
fn the_second_one_waits_parked() {
    let second = runtime::stop_the_world(|| {
        let second = spawn(|| runtime::stop_the_world(|| ()));
        let running = user_goroutines().filter(|g| g.status() == Status::Running).count();
        assert_eq!(running, 1);
        second
    });
    second.join().unwrap();
    let (entered, leave) = (Chan::new(0), Chan::<()>::new(0));
    let (says, waits) = (entered.clone(), leave.clone());
    // Parked for it while somebody else has it, so that it must get it from that one.
    let first = spawn(move || {
        says.send(());
        waits.recv();
        runtime::stop_the_world(|| ());
    });
    entered.recv();
    let second = runtime::stop_the_world(|| {
        leave.close();
        spawn(|| runtime::stop_the_world(|| ()))
    });
    first.join().unwrap();
    second.join().unwrap();
}

/// Kernel code that holds off preemption is waited for.
#[burrow::test(smp = 2)]
fn held_off_preemption_is_waited_for() {
    static HELD: AtomicBool = AtomicBool::new(false);
    static OPEN: AtomicBool = AtomicBool::new(false);
    static LEFT: AtomicBool = AtomicBool::new(false);
    let holder = spawn(|| {
        let pinned = pin();
        HELD.store(true, Ordering::Relaxed);
        while !OPEN.load(Ordering::Relaxed) {
            core::hint::spin_loop();
        }
        hold(Duration::from_millis(2));
        LEFT.store(true, Ordering::Relaxed);
        drop(pinned);
    });
    until(|| HELD.load(Ordering::Relaxed));
    OPEN.store(true, Ordering::Relaxed);
    assert!(runtime::stop_the_world(|| LEFT.load(Ordering::Relaxed)));
    holder.join().unwrap();
}

/// A panic leaves a world that goes on, and so does one that the function stops itself.
#[burrow::test]
fn a_panic_starts_the_world() {
    STOP.store(false, Ordering::Relaxed);
    let counter = spawn(count_steps);
    for _ in 0..20 {
        let left = recover(|| runtime::stop_the_world(|| panic!("out of a stopped world")));
        assert_eq!(left.unwrap_err().to_string(), "out of a stopped world");
        let before = STEPS.load(Ordering::Relaxed);
        until(|| STEPS.load(Ordering::Relaxed) > before);
        let kept = runtime::stop_the_world(|| {
            let kept = recover(|| panic!("inside")).unwrap_err().to_string();
            let then = STEPS.load(Ordering::Relaxed);
            hold(Duration::from_millis(1));
            assert_eq!(STEPS.load(Ordering::Relaxed), then);
            kept
        });
        assert_eq!(kept, "inside");
    }
    STOP.store(true, Ordering::Relaxed);
    counter.join().unwrap();
}

/// Timers that come due meanwhile fire afterwards, on every core.
#[burrow::test]
fn sleepers_wake_after_the_stop() {
    let sleepers: Vec<_> = (0..2 * runtime::num_cpu())
        .map(|_| {
            spawn(|| {
                for _ in 0..5 {
                    sleep(Duration::from_millis(1));
                }
            })
        })
        .collect();
    for _ in 0..10 {
        runtime::stop_the_world(|| hold(Duration::from_millis(3)));
        runtime::gosched();
    }
    sleepers.into_iter().for_each(|sleeper| sleeper.join().unwrap());
}

/// What is there is counted, what is gone is not: the check after each test rests on it.
#[burrow::test]
fn a_census_counts_what_is_there() {
    let before = Census::take();
    assert_eq!((before.stray, before.stacks), (0, before.stacks_owned));
    let gate = Chan::<()>::new(0);
    let waiting: Vec<_> = (0..5)
        .map(|_| {
            let gate = gate.clone();
            spawn(move || assert_eq!(gate.recv(), None))
        })
        .collect();
    let block = black_box(Box::new([0u8; 100_000]));
    let now = Census::take();
    assert_eq!(now.goroutines, before.goroutines + 5);
    assert!(now.heap >= before.heap + 100_000);
    assert_eq!((now.stray, now.stacks), (0, now.stacks_owned));
    drop(block);
    gate.close();
    waiting.into_iter().for_each(|one| one.join().unwrap());
    drop(gate);
    until(|| {
        let now = Census::take();
        now.goroutines == before.goroutines && now.heap == before.heap
    });
}

/// Every goroutine is in exactly one place, whenever one looks; and a wrong word is noticed.
#[burrow::test]
fn each_goroutine_is_in_one_place() {
    STOP.store(false, Ordering::Relaxed);
    let busy = WaitGroup::new();
    let values = Chan::new(3);
    for i in 0..12 {
        let values = values.clone();
        busy.go(move || {
            if i % 4 == 0 {
                runtime::lock_os_thread();
            }
            while !STOP.load(Ordering::Relaxed) {
                match i % 3 {
                    0 => drop(values.try_recv()),
                    1 => drop(values.try_send(i)),
                    _ => drop(spawn(runtime::gosched).join()),
                }
                runtime::gosched();
            }
        });
    }
    for _ in 0..50 {
        assert_eq!(census::check(), Ok(()));
        runtime::gosched();
    }
    STOP.store(true, Ordering::Relaxed);
    busy.wait();
    let gate = Chan::<()>::new(0);
    let waits = gate.clone();
    let waiter = spawn(move || assert_eq!(waits.recv(), None));
    let id = waiter.goid();
    let parked = || user_goroutines().find(|g| g.goid() == id && g.status() == Status::Waiting);
    until(|| parked().is_some());
    let g = parked().unwrap();
    g.set_m(Some(pin().m()));
    let wrong = census::check();
    g.set_m(None);
    assert_eq!(wrong, Err("a waiting goroutine thinks that it is on an M"));
    assert_eq!(census::check(), Ok(()));
    gate.close();
    waiter.join().unwrap();
}

#[burrow::test(
    exit = 2,
    console = "fatal error: stop_the_world: the function gave the goroutine up"
)]
fn parking_in_a_stopped_world_throws() {
    runtime::stop_the_world(|| Chan::<()>::new(0).recv());
}

#[burrow::test(
    exit = 2,
    console = "fatal error: stop_the_world: the function gave the goroutine up"
)]
fn yielding_in_a_stopped_world_throws() {
    runtime::stop_the_world(runtime::gosched);
}

#[burrow::test(exit = 2, console = "fatal error: stop_the_world: the world is stopped already")]
fn stopping_a_stopped_world_throws() {
    runtime::stop_the_world(|| runtime::stop_the_world(|| ()));
}
