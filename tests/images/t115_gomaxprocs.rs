//! Changing the number of Ps while the program runs.
#![no_std]
#![no_main]

use burrow::kernel::sched::SCHED;
use burrow::kernel::trace::census;
use burrow::prelude::*;
use burrow::sync::WaitGroup;
use burrow::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use burrow::time::Timer;
use burrow_tests::hogs::{STOP, empty_loop};
use burrow_tests::wait::{LIMIT, spin_until, until};

burrow::test_main!();

/// With so many Ps; afterwards as before.
fn with_procs<T>(n: usize, f: impl FnOnce() -> T) -> T {
    let before = runtime::gomaxprocs(n);
    defer! { let _ = runtime::gomaxprocs(before); }
    f()
}

/// Goes on on that core. All cores are in use.
fn go_to(core: usize) {
    let start = Instant::now();
    while runtime::p_id() != core {
        // Somebody to take the other cores meanwhile.
        let busy = spawn(|| {
            let until = Instant::now() + Duration::from_micros(200);
            while Instant::now() < until {}
        });
        runtime::gosched();
        busy.join().unwrap();
        assert!(start.elapsed() < LIMIT, "never came to core {core}");
    }
}

fn last_core() -> usize {
    runtime::num_cpu() - 1
}

#[burrow::test]
fn the_number_is_what_was_asked_for() {
    // covers: S27
    let cores = runtime::num_cpu();
    assert_eq!(runtime::gomaxprocs(0), cores);
    for n in [1, cores, 2, 1024, cores + 1, 1] {
        let before = runtime::gomaxprocs(0);
        assert_eq!(runtime::gomaxprocs(n), before);
        assert_eq!(runtime::gomaxprocs(0), n);
        assert_eq!(SCHED.procs(), n.min(cores));
        assert_eq!(runtime::gomaxprocs(0), n, "0 changes nothing");
    }
    assert_eq!(runtime::gomaxprocs(cores), 1);
    assert_eq!(runtime::num_cpu(), cores, "the machine is the same");
    census::check().unwrap();
}

/// Whatever core the caller is on, it goes on on one that is in use.
#[burrow::test]
fn the_caller_moves_if_its_core_goes() {
    for core in 0..runtime::num_cpu() {
        for n in 1..=runtime::num_cpu() {
            go_to(core);
            with_procs(n, || {
                let p = runtime::p_id();
                assert!(p < n, "on core {p} of {n}");
                let child = spawn(runtime::p_id).join().unwrap();
                assert!(child < n);
            });
        }
    }
    census::check().unwrap();
}

/// The same for one that is wired to its thread, which moves with it.
#[burrow::test]
fn a_wired_caller_takes_its_thread_along() {
    for core in 0..runtime::num_cpu() {
        for n in 1..=runtime::num_cpu() {
            let wired = spawn(move || {
                go_to(core);
                runtime::lock_os_thread();
                let thread = runtime::thread_id();
                with_procs(n, || {
                    assert!(runtime::p_id() < n);
                    assert_eq!(runtime::thread_id(), thread);
                    assert_eq!(spawn(|| 7).join().unwrap(), 7);
                    assert_eq!(runtime::thread_id(), thread);
                });
                runtime::unlock_os_thread();
            });
            wired.join().unwrap();
        }
    }
    census::check().unwrap();
}

/// With n Ps, goroutines run on the first n cores, on all of them, and on no other.
#[burrow::test]
fn as_many_cores_work_as_there_are_ps() {
    static SEEN: AtomicU64 = AtomicU64::new(0);
    for n in (1..=runtime::num_cpu()).chain((1..runtime::num_cpu()).rev()) {
        runtime::gomaxprocs(n);
        SEEN.store(0, Ordering::Relaxed);
        STOP.store(false, Ordering::Relaxed);
        let hogs = WaitGroup::new();
        for _ in 0..runtime::num_cpu() {
            hogs.go(|| {
                while !STOP.load(Ordering::Relaxed) {
                    SEEN.fetch_or(1 << runtime::p_id(), Ordering::Relaxed);
                }
            });
        }
        let everybody = (1 << n) - 1;
        until(|| SEEN.load(Ordering::Relaxed) == everybody);
        STOP.store(true, Ordering::Relaxed);
        hogs.wait();
        assert_eq!(SEEN.load(Ordering::Relaxed), everybody);
    }
    runtime::gomaxprocs(runtime::num_cpu());
}

/// P goroutines that pass a token by spinning alone need P cores at once, or time slices.
#[burrow::test]
fn spinners_make_progress_with_every_number() {
    // covers: S05
    for n in [2, 3, 4, 3, 1, 4] {
        with_procs(n, || {
            let rounds = if runtime::num_cpu() < n { 2 } else { 10 };
            let token = Arc::new(AtomicU32::new(0));
            let all = WaitGroup::new();
            for me in 0..n as u32 {
                let token = token.clone();
                all.go(move || {
                    for round in 0..rounds {
                        let mine = round * n as u32 + me;
                        spin_until(|| token.load(Ordering::Acquire) == mine);
                        token.store(mine + 1, Ordering::Release);
                    }
                });
            }
            all.wait();
            assert_eq!(token.load(Ordering::Relaxed), rounds * n as u32);
        });
    }
}

/// What waits on the queue of a core that goes is run by others.
#[burrow::test]
fn queues_move() {
    static RAN: AtomicU32 = AtomicU32::new(0);
    for core in 0..runtime::num_cpu() {
        for goroutines in [1, 2, 100, 400] {
            RAN.store(0, Ordering::Relaxed);
            go_to(core);
            let all = WaitGroup::new();
            for _ in 0..goroutines {
                all.go(|| {
                    RAN.fetch_add(1, Ordering::Relaxed);
                });
            }
            with_procs(1, || all.wait());
            assert_eq!(RAN.load(Ordering::Relaxed), goroutines);
        }
    }
    census::check().unwrap();
}

/// Timers that were started on a core that goes fire on another: none early, none lost, those that
/// were stopped not at all.
#[burrow::test]
fn timers_move() {
    static FIRED: AtomicU32 = AtomicU32::new(0);
    static EARLY: AtomicU32 = AtomicU32::new(0);
    static STOPPED_FIRED: AtomicU32 = AtomicU32::new(0);
    for round in 0..4 {
        FIRED.store(0, Ordering::Relaxed);
        let sleepers = WaitGroup::new();
        let mut stopped = Vec::new();
        let mut moved = Vec::new();
        for n in 0..200u64 {
            if n.is_multiple_of(50) {
                go_to(last_core() * (n as usize / 50 % 2));
            }
            let due = Instant::now() + Duration::from_millis(30 + n / 4);
            sleepers.add(2);
            let (done, also) = (sleepers.clone(), sleepers.clone());
            time::after_func(due - Instant::now(), move || {
                EARLY.fetch_add(u32::from(Instant::now() < due), Ordering::Relaxed);
                FIRED.fetch_add(1, Ordering::Relaxed);
                done.done();
            });
            go(move || {
                sleep(due - Instant::now());
                EARLY.fetch_add(u32::from(Instant::now() < due), Ordering::Relaxed);
                FIRED.fetch_add(1, Ordering::Relaxed);
                also.done();
            });
            stopped.push(time::after_func(Duration::from_millis(20), || {
                STOPPED_FIRED.fetch_add(1, Ordering::Relaxed);
            }));
            moved.push(Timer::new(Duration::from_secs(3600)));
        }
        // Some are stopped before the move, some after; some get another time after it.
        let late = stopped.split_off(100);
        let stopped: usize = stopped.into_iter().filter(Timer::stop).count();
        with_procs(1 + round % 2, || {
            let late = late.into_iter().filter(Timer::stop).count();
            let fired = STOPPED_FIRED.swap(0, Ordering::Relaxed) as usize;
            assert!(stopped + late + fired <= 200, "stopped, and fired all the same");
            for timer in &moved {
                assert!(timer.reset(Duration::from_millis(1)));
            }
            sleepers.wait();
            for timer in moved {
                timer.chan().recv().unwrap();
            }
        });
        assert_eq!((FIRED.load(Ordering::Relaxed), EARLY.load(Ordering::Relaxed)), (400, 0));
    }
}

/// A goroutine that waits for a time on a core that goes is not called dead, alone as it may be.
#[burrow::test]
fn sleep_over_a_change() {
    for n in [1, runtime::num_cpu(), 1] {
        go_to(0);
        let sleeper = spawn(|| {
            let start = Instant::now();
            sleep(Duration::from_millis(20));
            start.elapsed()
        });
        runtime::gosched();
        let slept = with_procs(n, || sleeper.join().unwrap());
        assert!(slept >= Duration::from_millis(20));
    }
}

/// One stops the world, one sets the number, one goes on by re-spawning itself.
#[burrow::test]
fn stops_and_changes_beside_a_goroutine_that_respawns_itself() {
    // covers: S01
    fn respawn(stop: RecvChan<()>, left: Chan<()>) {
        select! {
            stop.recv() => left.send(()),
            default => go(move || respawn(stop, left)),
        }
    }
    let before = runtime::gomaxprocs(3);
    let (stop, left) = (Chan::new(0), Chan::new(0));
    let (to, from) = stop.split();
    let out = left.clone();
    go(move || respawn(from, out));
    let both = WaitGroup::new();
    both.go(|| (0..1000).for_each(|_| runtime::stop_the_world(|| ())));
    both.go(|| {
        for _ in 0..1000 {
            assert_eq!(runtime::gomaxprocs(3), 3);
        }
    });
    both.wait();
    to.send(());
    left.recv().unwrap();
    runtime::gomaxprocs(before);
}

/// As many changes at once, from many goroutines, wired ones too, to numbers that differ.
#[burrow::test]
fn changes_from_many_goroutines_beside_everything() {
    const CHANGERS: u32 = 3;
    const ROUNDS: usize = 60;
    static LEFT: AtomicU32 = AtomicU32::new(0);
    static SUM: AtomicU64 = AtomicU64::new(0);
    LEFT.store(CHANGERS, Ordering::Relaxed);
    SUM.store(0, Ordering::Relaxed);
    let before = runtime::gomaxprocs(0);
    let (all, values) = (WaitGroup::new(), Chan::new(3));
    for changer in 0..CHANGERS as usize {
        all.go(move || {
            if changer == 0 {
                runtime::lock_os_thread();
            }
            for round in 0..ROUNDS {
                runtime::gomaxprocs(1 + (round * 7 + changer * 3) % 5);
                if round % 8 == 0 {
                    sleep(Duration::from_micros(300));
                }
            }
            LEFT.fetch_sub(1, Ordering::Relaxed);
        });
    }
    let from = values.clone();
    all.go(move || {
        while let Some(n) = from.recv() {
            SUM.fetch_add(n, Ordering::Relaxed);
        }
    });
    STOP.store(false, Ordering::Relaxed);
    all.go(empty_loop);
    let mut expected = 0;
    for n in 0.. {
        if LEFT.load(Ordering::Relaxed) == 0 {
            break;
        }
        values.send(n);
        expected += n;
        if n % 16 == 0 {
            assert_eq!(spawn(move || n + 1).join().unwrap(), n + 1);
        }
    }
    values.close();
    STOP.store(true, Ordering::Relaxed);
    all.wait();
    assert_eq!(SUM.load(Ordering::Relaxed), expected);
    runtime::gomaxprocs(before);
    census::check().unwrap();
}

/// Threads that are locked end while the number changes.
#[burrow::test]
fn locking_while_the_number_changes() {
    // covers: L05
    let before = runtime::gomaxprocs(4);
    for round in 0..100 {
        let stop = Arc::new(AtomicBool::new(false));
        let stops = stop.clone();
        let stopper = spawn(move || {
            while !stops.load(Ordering::Relaxed) {
                runtime::stop_the_world(|| ());
                runtime::gosched();
            }
        });
        let both = WaitGroup::new();
        for _ in 0..2 {
            both.go(move || {
                runtime::lock_os_thread();
                runtime::gomaxprocs(1 + round % 4);
                runtime::gosched();
                if round % 3 != 0 {
                    runtime::unlock_os_thread();
                }
            });
        }
        both.wait();
        stop.store(true, Ordering::Relaxed);
        stopper.join().unwrap();
    }
    runtime::gomaxprocs(before);
    census::check().unwrap();
}

#[burrow::test(exit = 2, console = "stop_the_world: the world is stopped already")]
fn not_while_the_world_is_stopped() {
    runtime::stop_the_world(|| runtime::gomaxprocs(1 + runtime::gomaxprocs(0)));
}

/// Nothing runs, with fewer Ps than cores: that is still seen.
#[burrow::test(exit = 2, console = "fatal error: all goroutines are asleep - deadlock!")]
fn dead_with_fewer_ps() {
    runtime::gomaxprocs(1);
    runtime::gomaxprocs(runtime::num_cpu());
    runtime::gomaxprocs(1);
    select! {}
}

/// More than there are cores, from the start.
#[burrow::test(line = "gomaxprocs=1024")]
fn more_than_cores_at_the_start() {
    // covers: S23, S27
    let cores = runtime::num_cpu();
    assert_eq!((runtime::gomaxprocs(0), SCHED.procs()), (1024, cores));
    as_many_cores_work_as_there_are_ps();
    assert_eq!(runtime::gomaxprocs(1), cores);
}

/// Fewer than there are cores at the start, more later: cores that never had a P get one.
#[burrow::test(line = "gomaxprocs=1")]
fn fewer_than_cores_at_the_start() {
    assert_eq!((runtime::gomaxprocs(0), SCHED.procs(), runtime::p_id()), (1, 1, 0));
    as_many_cores_work_as_there_are_ps();
    census::check().unwrap();
}

/// The number changes before the other cores can have arrived.
#[burrow::test(line = "gomaxprocs=2")]
fn changes_as_the_machine_starts() {
    for n in [3, 1, 4, 2, 1024, 1] {
        runtime::gomaxprocs(n);
        spawn(|| ()).join().unwrap();
    }
    as_many_cores_work_as_there_are_ps();
}
