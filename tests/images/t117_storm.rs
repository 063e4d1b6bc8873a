//! Everything that disturbs a scheduler at once, and nothing is lost: the number of Ps changes, the
//! world stops, threads are wired and end, goroutines panic, wait for times, are looked at.
//!
//! Two seconds; `storm=60` on the command line makes it a minute.
#![no_std]
#![no_main]

use burrow::kernel::g::G;
use burrow::kernel::sched::safepoint::for_each_p;
use burrow::kernel::sched::table::user_goroutines;
use burrow::kernel::trace::census;
use burrow::prelude::*;
use burrow::sync::WaitGroup;
use burrow::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use burrow::{JoinError, env};
use burrow_tests::wait::LIMIT;

burrow::test_main!();

static OVER: AtomicBool = AtomicBool::new(false);

/// One part of the storm: its name, what it does again and again, how often it did.
struct Part {
    name: &'static str,
    round: fn(u64),
    rounds: AtomicU64,
}

static PARTS: [Part; 10] = [
    Part::new("number of Ps", |n| {
        runtime::gomaxprocs(1 + (n * 7 % 5) as usize);
        sleep(Duration::from_micros(n * 37 % 1000));
    }),
    Part::new("stops", |n| {
        let (then, later) = runtime::stop_the_world(|| {
            let then = STEPS.load(Ordering::Relaxed);
            hold(Duration::from_micros(n % 50));
            (then, STEPS.load(Ordering::Relaxed))
        });
        assert_eq!(then, later, "somebody ran in a stopped world");
        sleep(Duration::from_micros(n * 53 % 700));
    }),
    Part::new("wired", wired),
    Part::new("wired ping-pong", wired_ping_pong),
    Part::new("panics", panics),
    Part::new("times", times),
    Part::new("safe points", |n| {
        let seen = AtomicU64::new(0);
        for_each_p(&|p| {
            seen.fetch_or(1 << p.id, Ordering::Relaxed);
        });
        // All of them from the first one on, however many there were.
        let seen = seen.into_inner();
        assert!(seen & 1 == 1 && (seen + 1).is_power_of_two(), "{seen:b}");
        sleep(Duration::from_micros(n * 29 % 500));
    }),
    Part::new("looks", |_| {
        let me = runtime::goid();
        let others: Vec<u64> = user_goroutines().map(G::goid).filter(|id| *id != me).collect();
        for text in others.into_iter().filter_map(runtime::stack_of) {
            assert!(text.starts_with("goroutine "), "{text}");
        }
        sleep(Duration::from_millis(2));
    }),
    Part::new("loops", |n| {
        busy(Duration::from_micros(n % 4 * 1000));
        runtime::gosched();
    }),
    Part::new("spawns", |n| {
        let all: Vec<_> = (0..20).map(|k| spawn(move || n + k)).collect();
        let sum: u64 = all.into_iter().map(|one| one.join().expect("a sum")).sum();
        assert_eq!(sum, 20 * n + 190);
        runtime::gosched();
    }),
];

impl Part {
    const fn new(name: &'static str, round: fn(u64)) -> Self {
        Self { name, round, rounds: AtomicU64::new(0) }
    }

    fn run(&self) {
        while !OVER.load(Ordering::Relaxed) {
            let n = self.rounds.fetch_add(1, Ordering::Relaxed);
            (self.round)(n);
        }
    }
}

static STEPS: AtomicU64 = AtomicU64::new(0);

/// Spins.
fn hold(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {}
}

/// Spins, and counts.
fn busy(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        STEPS.fetch_add(1, Ordering::Relaxed);
    }
}

/// A goroutine on a thread of its own, which ends with it every second time.
fn wired(n: u64) {
    let goroutine = spawn(move || {
        runtime::lock_os_thread();
        let thread = runtime::thread_id();
        for _ in 0..3 {
            runtime::gosched();
            assert_eq!(runtime::thread_id(), thread);
            sleep(Duration::from_micros(n % 90));
            assert_eq!(runtime::thread_id(), thread);
        }
        match n % 4 {
            0 => {
                runtime::gomaxprocs(1 + (n / 4 % 4) as usize);
            }
            1 => runtime::stop_the_world(|| ()),
            _ => {}
        }
        assert_eq!(runtime::thread_id(), thread);
        if n.is_multiple_of(2) {
            runtime::unlock_os_thread();
        }
        n
    });
    assert_eq!(goroutine.join().unwrap(), n);
}

fn wired_ping_pong(n: u64) {
    let (there, back) = (Chan::new(0), Chan::new(0));
    let (balls, returns) = (there.clone(), back.clone());
    let other = spawn(move || {
        runtime::lock_os_thread();
        let sum = balls.iter().inspect(|ball| returns.send(*ball)).sum::<u64>();
        runtime::unlock_os_thread();
        sum
    });
    for ball in n..n + 10 {
        there.send(ball);
        assert_eq!(back.recv(), Some(ball));
    }
    there.close();
    assert_eq!(other.join().unwrap(), 10 * n + 45);
}

/// Panics with deferred work, recovered, joined, on wired goroutines too; and `goexit`.
fn panics(n: u64) {
    static DEFERRED: AtomicU64 = AtomicU64::new(0);
    let before = DEFERRED.load(Ordering::Relaxed);
    let ends = spawn(move || {
        defer! { DEFERRED.fetch_add(1, Ordering::Relaxed); }
        if n.is_multiple_of(3) {
            runtime::lock_os_thread();
        }
        let caught = recover(|| -> u64 {
            defer! { DEFERRED.fetch_add(1, Ordering::Relaxed); }
            runtime::gosched();
            panic!("storm {n}")
        });
        let text = format!("{}", caught.expect_err("it panics"));
        assert_eq!(text, format!("storm {n}"));
        match n % 2 {
            0 => runtime::goexit(),
            _ => panic!("again"),
        }
    });
    let error = ends.join().expect_err("it never returns");
    assert_eq!(matches!(error, JoinError::Goexit), n.is_multiple_of(2));
    assert_eq!(DEFERRED.load(Ordering::Relaxed), before + 2);
}

/// Sleeps and functions at a time: never early, never lost.
fn times(n: u64) {
    let all = WaitGroup::new();
    for k in 0..10 {
        let due = Instant::now() + Duration::from_micros((n + k) * 97 % 1500);
        all.add(1);
        let done = all.clone();
        time::after_func(due.saturating_duration_since(Instant::now()), move || {
            assert!(Instant::now() >= due, "early");
            done.done();
        });
        all.go(move || {
            sleep(due.saturating_duration_since(Instant::now()));
            assert!(Instant::now() >= due, "early");
        });
    }
    all.wait();
}

/// Tokens that go round a ring of goroutines: none is lost, none is doubled.
fn ring(tokens: u64, over: &WaitGroup) -> Chan<u64> {
    const STATIONS: usize = 6;
    let first = Chan::new(tokens as usize);
    let mut from = first.clone();
    for station in 0..STATIONS {
        // The last one's tokens go back to the first one's channel.
        let to = if station + 1 == STATIONS { first.clone() } else { Chan::new(station % 3) };
        let (take, give) = (from, to.clone());
        over.go(move || {
            // The ring is emptied at its first channel when the storm is over.
            while let Some(token) = take.recv() {
                give.send(token);
                if OVER.load(Ordering::Relaxed) && station + 1 == STATIONS {
                    sleep(Duration::from_micros(100));
                }
            }
            if station + 1 < STATIONS {
                give.close();
            }
        });
        from = to;
    }
    (0..tokens).for_each(|token| first.send(token));
    first
}

#[burrow::test(timeout = "5m")]
fn a_storm_and_nothing_is_lost() {
    const TOKENS: u64 = 24;
    let seconds = env::var("storm").ok().and_then(|text| text.parse().ok()).unwrap_or(2);
    let before = runtime::gomaxprocs(0);
    OVER.store(false, Ordering::Relaxed);
    let (all, stations) = (WaitGroup::new(), WaitGroup::new());
    let tokens = ring(TOKENS, &stations);
    for part in &PARTS {
        all.go(|| part.run());
    }
    sleep(Duration::from_secs(seconds));
    // A host that has little time for us does not get this far in two seconds.
    let start = Instant::now();
    while PARTS.iter().any(|part| part.rounds.load(Ordering::Relaxed) < 3) {
        assert!(start.elapsed() < LIMIT, "a part never had its turn");
        sleep(Duration::from_millis(20));
    }
    OVER.store(true, Ordering::Relaxed);
    all.wait();
    // Every token comes by here again.
    let mut seen = 0u64;
    while seen != (1 << TOKENS) - 1 {
        let token = tokens.recv().expect("nobody closed it");
        assert!(seen >> token & 1 == 0, "token {token} twice");
        seen |= 1 << token;
    }
    tokens.close();
    stations.wait();
    runtime::gomaxprocs(before);
    for part in PARTS.iter().filter(|_| env::var("storm").is_ok()) {
        let rounds = part.rounds.load(Ordering::Relaxed);
        println!("{}: {rounds} rounds", part.name);
    }
    census::check().unwrap();
}
