//! Timers and tickers that send to channels.
#![no_std]
#![no_main]

use burrow::kernel::mem::heap::stats;
use burrow::kernel::p::allp;
use burrow::prelude::*;
use burrow::sync::WaitGroup;
use burrow::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use burrow::time::{Ticker, Timer};
use burrow_tests::wait::until;

burrow::test_main!();

const MS: Duration = Duration::from_millis(1);
const US: Duration = Duration::from_micros(1);

/// Entries in all heaps of timers.
fn heaped() -> usize {
    (0..runtime::num_cpu()).map(|id| allp(id).timers.len()).sum()
}

#[burrow::test]
fn after_gives_the_time_of_expiry() {
    // covers: M06
    let start = Instant::now();
    let at = after(100 * MS).recv().unwrap();
    let now = Instant::now();
    assert!(at >= start + 100 * MS && now >= at);
}

#[burrow::test]
fn ten_waits_take_ten_times_as_long() {
    // covers: M07
    const D: Duration = Duration::from_millis(20);
    let start = Instant::now();
    for _ in 0..10 {
        after(D).recv();
    }
    let took = start.elapsed();
    assert!(took >= 10 * D * 9 / 10 && took <= 10 * D * 3, "{took:?}");
}

#[burrow::test]
fn a_time_that_is_read_late_is_that_of_expiry() {
    // covers: M30
    let start = Instant::now();
    let expiry = after(10 * MS);
    sleep(500 * MS);
    let at = expiry.try_recv().unwrap();
    assert!(at >= start + 10 * MS && at < start + 400 * MS);
    assert!(expiry.try_recv().is_err(), "only once");
}

#[burrow::test]
fn timers_fire_in_the_order_of_their_delays() {
    // covers: M09
    const SLOT: Duration = Duration::from_millis(30);
    let slots = [5u32, 3, 6, 6, 6, 1, 1, 2, 7, 9, 4, 8, 0];
    let results = Chan::new(slots.len());
    let start = Instant::now();
    for slot in slots {
        let results = results.clone();
        go(move || {
            let at = after(SLOT * slot).recv().unwrap();
            results.send((slot, at));
        });
    }
    let mut fired: Vec<(u32, Instant)> = slots.iter().map(|_| results.recv().unwrap()).collect();
    fired.sort_by_key(|(_, at)| *at);
    for (slot, at) in fired.iter().copied() {
        let early = start + SLOT * slot;
        assert!(at + SLOT / 2 >= early && at <= early + 10 * SLOT, "slot {slot}");
    }
    assert!(fired.is_sorted_by_key(|(slot, _)| *slot), "{fired:?}");
}

#[burrow::test]
fn a_stopped_timer_sends_nothing() {
    // covers: M08
    let timer = Timer::new(20 * MS);
    assert!(timer.stop());
    assert!(!timer.stop());
    sleep(40 * MS);
    assert!(timer.chan().try_recv().is_err());
    // The same with somebody who waits, and again once it is reset.
    let waits = {
        let timer = timer.clone();
        spawn(move || timer.chan().recv())
    };
    sleep(5 * MS);
    assert!(!timer.reset(20 * MS));
    assert!(waits.join().unwrap().is_some());
    assert!(!timer.stop());
}

#[burrow::test]
fn a_reset_moves_the_expiry() {
    // covers: M12
    let start = Instant::now();
    let timer = Timer::new(30 * MS);
    assert!(timer.reset(100 * MS));
    sleep(50 * MS);
    if start.elapsed() < 90 * MS {
        assert!(timer.chan().try_recv().is_err(), "the old time");
    }
    let at = timer.chan().recv().unwrap();
    assert!(at >= start + 100 * MS);
    assert!(!timer.reset(MS), "expired, and received");
    timer.chan().recv();
    // While somebody waits: to an earlier time, from another goroutine.
    let timer = Timer::new(3_600_000 * MS);
    let other = timer.clone();
    let reset = spawn(move || {
        sleep(5 * MS);
        other.reset(MS)
    });
    timer.chan().recv();
    assert!(reset.join().unwrap());
}

#[burrow::test]
fn a_timer_channel_looks_unbuffered_and_never_stale() {
    // covers: M28
    let empty = |timer: &Timer| {
        assert_eq!((timer.chan().len(), timer.chan().cap()), (0, 0));
        assert!(timer.chan().is_empty());
    };
    for look_first in [false, true] {
        let timer = Timer::new(MS);
        empty(&timer);
        sleep(3 * MS);
        empty(&timer);
        if look_first {
            // Has the value put into the channel, where nobody may see it.
            select! {
                _ = Chan::<u8>::nil().recv() => unreachable!(),
                default => {}
            }
            timer.chan().timer().unwrap().poll();
            empty(&timer);
        }
        assert!(timer.stop(), "nobody has received it: not fired");
        assert!(timer.chan().try_recv().is_err(), "stale after stop");
        assert!(!timer.stop());

        assert!(!timer.reset(MS));
        sleep(3 * MS);
        assert!(timer.reset(3_600_000 * MS), "expired, but not received");
        assert!(timer.chan().try_recv().is_err(), "stale after reset");
        assert!(timer.reset(MS));
        timer.chan().recv().unwrap();
        assert!(!timer.reset(3_600_000 * MS));
        assert!(timer.stop());
    }
    // A value on its way to the channel is taken back as well, whoever waits elsewhere.
    let ticker = Ticker::new(US);
    sleep(MS);
    ticker.stop();
    assert!(ticker.chan().try_recv().is_err());
    ticker.reset(3_600_000 * MS);
    assert!(ticker.chan().try_recv().is_err());
}

/// Two timers race; the one that loses is stopped and cannot send any more.
#[burrow::test]
fn of_two_timers_that_race_the_loser_can_be_stopped() {
    // covers: M19
    let all = WaitGroup::new();
    for _ in 0..1000 {
        all.go(|| {
            for _ in 0..100 {
                let (one, two) = (Timer::new(MS), Timer::new(MS));
                let loser = select! {
                    _ = one.chan().recv() => &two,
                    _ = two.chan().recv() => &one,
                };
                if !loser.stop() {
                    loser.chan().recv();
                }
            }
        });
    }
    all.wait();
}

#[burrow::test]
fn a_ticker_and_timers_are_selected_by_all() {
    // covers: M21
    let ticker = Ticker::new(US);
    let all = WaitGroup::new();
    let cores = runtime::gomaxprocs(0);
    // Fewer where many share the ticker: emulated cores that wait for a lock wait for their host.
    let rounds = 100_000 / (cores * cores);
    for _ in 0..cores {
        let ticks = ticker.chan().clone();
        all.go(move || {
            let mut expiry = after(MS);
            for _ in 0..rounds {
                select! {
                    _ = ticks.recv() => {}
                    _ = expiry.recv() => expiry = after(MS),
                }
            }
        });
    }
    all.wait();
    ticker.stop();
}

/// Never early; and not late, in a try during which the host did not stop the machine for a while.
#[burrow::test]
fn a_ticker_keeps_its_period() {
    // covers: M23
    const D: Duration = Duration::from_millis(20);
    const N: u32 = 10;
    const WANTED: Duration = Duration::from_millis(20 * 3 * 10 / 2);
    let ten_ticks = || {
        let start = Instant::now();
        let ticker = Ticker::new(D);
        for _ in 0..N / 2 {
            ticker.chan().recv().unwrap();
        }
        ticker.reset(2 * D);
        let mut last = start;
        for _ in 0..N / 2 {
            last = ticker.chan().recv().unwrap();
        }
        ticker.stop();
        sleep(4 * D);
        assert!(ticker.chan().try_recv().is_err());
        last - start
    };
    let mut tries = Vec::with_capacity(20);
    while tries.last().is_none_or(|took| *took > WANTED * 13 / 10) {
        assert!(tries.len() < tries.capacity(), "{tries:?}, not {WANTED:?}");
        tries.push(ten_ticks());
        assert!(tries.iter().all(|took| *took >= WANTED), "{tries:?}, not {WANTED:?}");
    }
}

#[burrow::test]
fn tickers_can_be_made_again_and_again() {
    // covers: M24
    for _ in 0..3 {
        let ticker = Ticker::new(MS);
        ticker.chan().recv().unwrap();
        ticker.stop();
    }
    assert!(tick(Duration::ZERO).is_nil());
    assert!(tick(MS).recv().is_some());
}

#[burrow::test(should_panic = "non-positive interval for NewTicker")]
fn a_ticker_needs_an_interval() {
    // covers: M25
    Ticker::new(Duration::ZERO);
}

#[burrow::test(should_panic = "non-positive interval for Ticker.Reset")]
fn a_ticker_needs_an_interval_to_be_reset() {
    // covers: M25
    Ticker::new(MS).reset(Duration::ZERO);
}

/// Timers and tickers that nobody has any more: their memory is given back, at once.
#[burrow::test]
fn what_is_let_go_leaves_nothing_behind() {
    // covers: M27
    let make = || {
        for n in 1..1000u32 {
            let _ = Timer::new(n * MS);
            let _ = Ticker::new(n * US);
            let _ = after(n * US);
            // In a heap, for a while.
            let ticker = tick(10 * US);
            select! {
                _ = ticker.recv() => {}
                _ = after(3_600_000 * MS).recv() => {}
            }
        }
    };
    make();
    until(|| {
        runtime::gosched();
        heaped() == 0
    });
    let before = stats().in_use;
    make();
    until(|| {
        sleep(US);
        heaped() == 0
    });
    let after = stats().in_use;
    assert!(after < before + 64 * 1024, "{before} bytes before, {after} after");
}

#[burrow::test]
fn a_ticker_ticks_while_the_world_stops_and_starts() {
    // covers: M03
    static STOP: AtomicBool = AtomicBool::new(false);
    static STOPS: AtomicU32 = AtomicU32::new(0);
    let stops = spawn(|| {
        while !STOP.load(Ordering::Relaxed) {
            runtime::stop_the_world(|| {});
            STOPS.fetch_add(1, Ordering::Relaxed);
            runtime::gosched();
        }
    });
    let ticker = Ticker::new(Duration::from_nanos(1));
    let mut ticks = 0u32;
    while ticks < 100 || STOPS.load(Ordering::Relaxed) < 20 {
        ticker.chan().recv().unwrap();
        ticks += 1;
    }
    STOP.store(true, Ordering::Relaxed);
    stops.join().unwrap();
    println!("{ticks} ticks, {} stops", STOPS.load(Ordering::Relaxed));
}

/// Two that send all the time do not keep a third from its timer.
#[burrow::test]
fn a_busy_channel_does_not_starve_a_timer() {
    // covers: S08
    static STOP: AtomicBool = AtomicBool::new(false);
    static SENT: AtomicU32 = AtomicU32::new(0);
    let c = Chan::<u32>::new(0);
    let senders = WaitGroup::new();
    for _ in 0..2 {
        let c = c.clone();
        senders.go(move || {
            while !STOP.load(Ordering::Relaxed) {
                c.send(SENT.fetch_add(1, Ordering::Relaxed));
            }
        });
    }
    let expiry = after(20 * MS);
    let mut received = 0u32;
    loop {
        select! {
            _ = c.recv() => received += 1,
            _ = expiry.recv() => break,
        }
    }
    STOP.store(true, Ordering::Relaxed);
    until(|| {
        let _ = c.try_recv();
        senders_done(&senders)
    });
    println!("{received} values before the timer");
}

/// Whether nobody is counted any more; does not wait.
fn senders_done(group: &WaitGroup) -> bool {
    static DONE: AtomicBool = AtomicBool::new(false);
    static ASKED: AtomicBool = AtomicBool::new(false);
    if !ASKED.swap(true, Ordering::Relaxed) {
        let group = group.clone();
        go(move || {
            group.wait();
            DONE.store(true, Ordering::Relaxed);
        });
    }
    DONE.load(Ordering::Relaxed)
}

/// A timer that nobody can hear keeps nothing alive; one that somebody waits for does.
#[burrow::test(exit = 2, console = "fatal error: all goroutines are asleep - deadlock!\n")]
fn a_timer_that_nobody_waits_for_keeps_nothing_alive() {
    let _timer = Timer::new(3_600_000 * MS);
    let _ticker = Ticker::new(MS);
    after(MS).recv();
    Chan::<u8>::nil().recv();
}
