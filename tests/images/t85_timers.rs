//! Sleeping, and timers that call functions.
#![no_std]
#![no_main]

use burrow::prelude::*;
use burrow::sync::WaitGroup;
use burrow::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use burrow::time::{SystemTime, UNIX_EPOCH, after_func};
use burrow_tests::wait::until;

burrow::test_main!();

const MS: Duration = Duration::from_millis(1);

/// Not a bound of the timers but of a busy host.
const LATE: Duration = Duration::from_secs(20);

#[burrow::test]
fn a_sleep_is_never_short() {
    for micros in [1, 7, 50, 99, 100, 101, 160, 300, 1_000, 7_000] {
        let d = Duration::from_micros(micros);
        let start = Instant::now();
        sleep(d);
        let slept = start.elapsed();
        assert!(slept >= d && slept < d + LATE, "{d:?}: {slept:?}");
    }
    let start = Instant::now();
    sleep(Duration::ZERO);
    assert!(start.elapsed() < LATE);
}

/// The host's date, which the emulator gives to the machine's clock device.
#[burrow::test]
fn the_wall_clock_shows_the_date() {
    const DAY: u64 = 24 * 3600;
    let now = SystemTime::now();
    let since_1970 = now.duration_since(UNIX_EPOCH).unwrap();
    println!("{} s since 1970", since_1970.as_secs());
    assert!(since_1970.as_secs() > 50 * 365 * DAY && since_1970.as_secs() < 200 * 365 * DAY);
    sleep(10 * MS);
    assert!(now.elapsed().unwrap() >= 10 * MS && now.elapsed().unwrap() < LATE);
    assert_eq!((now + MS).duration_since(now).unwrap(), MS);
    assert_eq!(now.duration_since(now + MS).unwrap_err().duration(), MS);
    assert!(UNIX_EPOCH.checked_sub(MS).is_none());
}

#[burrow::test]
fn instants_are_far_from_zero() {
    let now = Instant::now();
    let long_ago = now - Duration::from_secs(100 * 365 * 24 * 3600);
    assert!(long_ago < now && long_ago.elapsed() > now - long_ago);
    assert_eq!(long_ago.duration_since(now), Duration::ZERO);
    assert_eq!(long_ago.checked_duration_since(now), None);
    assert!(now.checked_add(Duration::MAX).is_none() && now.checked_sub(Duration::MAX).is_none());
}

/// A preemption, an interrupt and a wake-up half way end no sleep.
#[burrow::test]
fn an_interrupt_does_not_shorten_a_sleep() {
    // covers: M01
    const D: Duration = Duration::from_millis(100);
    let busy = spawn(|| {
        sleep(D / 2);
        let start = Instant::now();
        while start.elapsed() < 5 * MS {}
        for _ in 0..50 {
            go(|| {});
            runtime::gosched();
        }
    });
    let start = Instant::now();
    sleep(D);
    assert!(start.elapsed() >= D);
    busy.join().unwrap();
}

#[burrow::test]
fn sleepers_wake_in_order_of_their_times() {
    let order = Chan::<u64>::new(20);
    for n in [5u64, 2, 8, 1, 9, 3, 7, 4, 6, 0] {
        let order = order.clone();
        go(move || {
            sleep(20 * MS + 20 * MS * n as u32);
            order.send(n);
        });
    }
    let mut woken: Vec<u64> = (0..10).map(|_| order.recv().unwrap()).collect();
    // A busy host may stop one core for longer than that; but not all of them all the time.
    let in_order = woken.windows(2).filter(|w| w[0] < w[1]).count();
    assert!(in_order >= 6, "{woken:?}");
    woken.sort_unstable();
    assert_eq!(woken, (0..10).collect::<Vec<_>>());
}

/// Ten links of a chain, each started by the timer of the one before, which then sleeps long.
#[burrow::test]
fn each_call_has_a_goroutine_of_its_own() {
    // covers: M02
    fn link(left: u32, all: WaitGroup) {
        let next = all.clone();
        after_func(Duration::ZERO, move || {
            if left > 0 {
                link(left - 1, next.clone());
            }
            sleep(1000 * MS);
            next.done();
        });
    }
    let all = WaitGroup::new();
    all.add(10);
    let start = Instant::now();
    link(9, all.clone());
    all.wait();
    let took = start.elapsed();
    assert!(took >= 1000 * MS && took < 5000 * MS, "{took:?}");
}

#[burrow::test]
fn a_stopped_function_is_not_called() {
    // covers: M08
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let timer = after_func(30 * MS, || {
        CALLS.fetch_add(1, Ordering::Relaxed);
    });
    assert!(timer.stop());
    assert!(!timer.stop());
    sleep(60 * MS);
    assert_eq!(CALLS.load(Ordering::Relaxed), 0);
    assert!(!timer.reset(MS));
    until(|| CALLS.load(Ordering::Relaxed) == 1);
    assert!(!timer.stop());
}

#[burrow::test]
fn timers_stopped_by_others_do_not_fire() {
    // covers: M10
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let stopped = WaitGroup::new();
    for _ in 0..100 {
        let timer = after_func(2000 * MS, || {
            CALLS.fetch_add(1, Ordering::Relaxed);
        });
        stopped.go(move || {
            sleep(1000 * MS);
            assert!(timer.stop());
        });
    }
    let start = Instant::now();
    stopped.wait();
    sleep((2100 * MS).saturating_sub(start.elapsed()));
    assert_eq!(CALLS.load(Ordering::Relaxed), 0);
}

#[burrow::test]
fn a_reset_moves_a_call() {
    // covers: M12
    static FIRED: AtomicU64 = AtomicU64::new(0);
    let start = Instant::now();
    let call = move || FIRED.store(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
    let timer = after_func(50 * MS, call);
    assert!(timer.reset(150 * MS));
    until(|| FIRED.load(Ordering::Relaxed) > 0);
    assert!(FIRED.load(Ordering::Relaxed) >= 150_000_000);
    assert!(!timer.reset(MS), "it has fired");
    // To an earlier time, from another core if there is one.
    let timer = after_func(3600 * 1000 * MS, || {});
    FIRED.store(0, Ordering::Relaxed);
    let early = after_func(3600 * 1000 * MS, call);
    spawn(move || assert!(early.reset(MS))).join().unwrap();
    until(|| FIRED.load(Ordering::Relaxed) > 0);
    assert!(timer.stop());
}

/// What a function holds is dropped once, on a goroutine, whatever ends first.
#[burrow::test]
fn a_function_is_dropped_with_its_last_user() {
    struct Counts;
    static DROPPED: AtomicU32 = AtomicU32::new(0);
    impl Drop for Counts {
        fn drop(&mut self) {
            // May park: a goroutine does it.
            runtime::gosched();
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
    }
    let make = |d| {
        let counts = Counts;
        after_func(d, move || {
            let _ = &counts;
        })
    };
    drop(make(MS));
    until(|| DROPPED.load(Ordering::Relaxed) == 1);
    let timer = make(3600 * 1000 * MS);
    assert!(timer.stop());
    assert_eq!(DROPPED.load(Ordering::Relaxed), 1);
    drop(timer);
    assert_eq!(DROPPED.load(Ordering::Relaxed), 2);
    let timer = make(MS);
    let other = timer.clone();
    drop(timer);
    sleep(5 * MS);
    until(|| !other.stop());
    assert_eq!(DROPPED.load(Ordering::Relaxed), 2);
    drop(other);
    until(|| DROPPED.load(Ordering::Relaxed) == 3);
}

#[burrow::test]
fn ten_thousand_sleepers_wake_together() {
    // covers: S33
    const N: u32 = 10_000;
    static RAN: AtomicU32 = AtomicU32::new(0);
    struct Deferred;
    impl Drop for Deferred {
        fn drop(&mut self) {
            RAN.fetch_add(1, Ordering::Relaxed);
        }
    }
    let all = WaitGroup::new();
    let start = Instant::now();
    for _ in 0..N {
        all.go(|| {
            let _deferred = Deferred;
            sleep(100 * MS);
        });
    }
    all.wait();
    let took = start.elapsed();
    println!("all woke after {} ms", took.as_millis());
    assert!(took >= 100 * MS && took < LATE);
    assert_eq!(RAN.load(Ordering::Relaxed), N);
}

#[allow(clippy::missing_spin_loop)] // Nothing at all in it: that is the case.
fn hog(stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {}
}

/// Beside loops without calls on every core a sleep ends when it should, not a slice later.
#[burrow::test]
fn hogs_do_not_hold_timers_up() {
    // covers: H09
    static STOP: AtomicBool = AtomicBool::new(false);
    let hogs = WaitGroup::new();
    for _ in 0..2 * runtime::num_cpu() {
        hogs.go(|| hog(&STOP));
    }
    let mut late: Vec<u64> = (0..60)
        .map(|_| {
            let start = Instant::now();
            sleep(MS);
            (start.elapsed() - MS).as_micros() as u64
        })
        .collect();
    STOP.store(true, Ordering::Relaxed);
    hogs.wait();
    late.sort_unstable();
    println!("late by {} us, half of them; {} us at most", late[30], late[59]);
    // The sleeper left its core to a hog, whose slice ends 9 ms after the sleep: all would be as
    // late as that. A busy host stops a core for longer, but not nine times in ten.
    assert!(late[6] < 4_000, "{late:?}");
}

/// Sleepers on all cores that start, stop, reset and let go timers of each other's, preempted all
/// the time: nobody waits for ever, and nothing fires that was stopped.
#[burrow::test]
fn timers_survive_preemption_everywhere() {
    // covers: H10
    static FIRED: AtomicU32 = AtomicU32::new(0);
    static STOPPED: AtomicU32 = AtomicU32::new(0);
    static STOP: AtomicBool = AtomicBool::new(false);
    const GOROUTINES: u32 = 16;
    const ROUNDS: u32 = 100;
    let hogs = WaitGroup::new();
    hogs.go(|| hog(&STOP));
    let all = WaitGroup::new();
    let timers = Chan::new(4 * GOROUTINES as usize);
    for n in 0..GOROUTINES {
        let timers = timers.clone();
        all.go(move || {
            for round in 0..ROUNDS {
                let d = Duration::from_micros(u64::from((n * 37 + round * 13) % 500));
                let timer = after_func(d, || {
                    FIRED.fetch_add(1, Ordering::Relaxed);
                });
                let _ = timers.try_send(timer);
                if round % 4 == 0 {
                    sleep(d);
                }
                if let Ok(other) = timers.try_recv()
                    && other.stop()
                {
                    STOPPED.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }
    all.wait();
    STOP.store(true, Ordering::Relaxed);
    hogs.wait();
    while let Ok(timer) = timers.try_recv() {
        if timer.stop() {
            STOPPED.fetch_add(1, Ordering::Relaxed);
        }
    }
    let ends = || FIRED.load(Ordering::Relaxed) + STOPPED.load(Ordering::Relaxed);
    until(|| ends() == GOROUTINES * ROUNDS);
    sleep(2 * MS);
    assert_eq!(ends(), GOROUTINES * ROUNDS);
}

/// A timer that will fire may change everything: nothing is dead before.
#[burrow::test(exit = 7)]
fn a_timer_keeps_the_program_alive() {
    after_func(50 * MS, || runtime::exit(7));
    Chan::<u8>::nil().recv();
}

#[burrow::test(exit = 2, console = "fatal error: all goroutines are asleep - deadlock!\n")]
fn a_stopped_timer_keeps_nothing_alive() {
    let timer = after_func(3600 * 1000 * MS, || {});
    sleep(MS);
    timer.stop();
    Chan::<u8>::nil().recv();
}

#[burrow::test(exit = 2, console = "\ngoroutine 1 [running]:\nt85_timers::")]
fn a_panic_beside_timers_shows_its_goroutine() {
    // covers: F11
    for n in 0..10 {
        after_func(3600 * 1000 * MS * n, || {});
    }
    sleep(MS);
    panic!("beside timers");
}
