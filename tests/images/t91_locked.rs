//! Goroutines wired to their threads.
#![no_std]
#![no_main]

use burrow::kernel::sync::pin;
use burrow::prelude::*;
use burrow::sync::WaitGroup;
use burrow::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use burrow_tests::wait::{LIMIT, spin_until, until};
use core::hint::black_box;

burrow::test_main!();

/// Locks, does it, and ends without having unlocked.
fn go_locked(f: impl FnOnce() + Send + 'static) -> burrow::JoinHandle<()> {
    spawn(move || {
        runtime::lock_os_thread();
        f();
    })
}

#[burrow::test]
fn locks_nest() {
    // covers: L01
    let depth = runtime::lock_os_thread_depth;
    assert_eq!(depth(), 0);
    runtime::lock_os_thread();
    runtime::lock_os_thread();
    assert_eq!(depth(), 2);
    runtime::unlock_os_thread();
    assert_eq!(depth(), 1);
    assert_eq!(spawn(depth).join().unwrap(), 0, "a child inherits nothing");
    assert_eq!(depth(), 1);
    runtime::unlock_os_thread();
    assert_eq!(depth(), 0);
    runtime::unlock_os_thread();
    assert_eq!(depth(), 0);
}

#[burrow::test(exit = 2, console = "panic: LockOSThread nesting overflow")]
fn locks_nest_as_far_as_the_count_goes() {
    runtime::lock_os_thread();
    pin().m().set_locked_depth(u32::MAX - 1);
    runtime::lock_os_thread();
    runtime::lock_os_thread();
}

/// Wherever it is readied and picked, it runs on its thread, and nobody else does.
#[burrow::test]
fn it_stays_on_its_thread_and_has_it_alone() {
    static LOCKED: AtomicU64 = AtomicU64::new(u64::MAX);
    static DONE: AtomicBool = AtomicBool::new(false);
    static STRANGERS: AtomicU32 = AtomicU32::new(0);
    LOCKED.store(u64::MAX, Ordering::Relaxed);
    DONE.store(false, Ordering::Relaxed);
    let others = WaitGroup::new();
    for _ in 0..2 * runtime::num_cpu() {
        others.go(|| {
            while !DONE.load(Ordering::Relaxed) {
                // A preemption between the two reads would compare what no longer belongs together.
                let pinned = pin();
                let strange = pinned.m().id() == LOCKED.load(Ordering::Relaxed);
                STRANGERS.fetch_add(strange.into(), Ordering::Relaxed);
                drop(pinned);
                runtime::gosched();
            }
        });
    }
    let (there, back) = (Chan::<u32>::new(0), Chan::<u32>::new(0));
    let (asked, answers) = (there.clone(), back.clone());
    let locked = go_locked(move || {
        let own = runtime::thread_id();
        LOCKED.store(own, Ordering::Relaxed);
        for n in asked.iter() {
            assert_eq!(runtime::thread_id(), own);
            runtime::gosched();
            assert_eq!(runtime::thread_id(), own);
            answers.send(n + 1);
            assert_eq!(runtime::thread_id(), own);
        }
        LOCKED.store(u64::MAX, Ordering::Relaxed);
        runtime::unlock_os_thread();
    });
    for n in 0..200 {
        there.send(n);
        assert_eq!(back.recv(), Some(n + 1));
    }
    there.close();
    locked.join().unwrap();
    DONE.store(true, Ordering::Relaxed);
    others.wait();
    assert_eq!(STRANGERS.load(Ordering::Relaxed), 0);
}

/// Each loops without a call on a thread of its own; every one has its slices.
#[burrow::test]
fn wired_loops_share_the_cores() {
    const LOOPS: usize = 6;
    static COUNTS: [AtomicU64; LOOPS] = [const { AtomicU64::new(0) }; LOOPS];
    static STOP: AtomicBool = AtomicBool::new(false);
    STOP.store(false, Ordering::Relaxed);
    let loops: [_; LOOPS] = core::array::from_fn(|i| {
        COUNTS[i].store(0, Ordering::Relaxed);
        go_locked(move || {
            let own = runtime::thread_id();
            while !STOP.load(Ordering::Relaxed) {
                COUNTS[i].fetch_add(1, Ordering::Relaxed);
            }
            assert_eq!(runtime::thread_id(), own);
        })
    });
    until(|| COUNTS.iter().all(|count| count.load(Ordering::Relaxed) > 0));
    STOP.store(true, Ordering::Relaxed);
    loops.into_iter().for_each(|looping| looping.join().unwrap());
}

/// A wired goroutine sends to an ordinary one.
#[burrow::test]
fn its_sends_arrive() {
    // covers: S07
    let values = Chan::new(0);
    let from = values.clone();
    let sender = go_locked(move || (0..10).for_each(|n| from.send(n)));
    assert!((0..10).all(|n| values.recv() == Some(n)));
    sender.join().unwrap();
}

/// Yields and sleeps, reports, and ends locked.
#[burrow::test]
fn who_waits_for_one_that_ends_locked_is_not_stuck() {
    // covers: S04
    for _ in 0..10 {
        let ready = Chan::new(0);
        let says = ready.clone();
        let _ = go_locked(move || {
            for _ in 0..10 {
                runtime::gosched();
                sleep(Duration::from_millis(1));
            }
            says.send(());
        });
        assert_eq!(ready.recv(), Some(()));
    }
}

/// Its thread ends with it, and no goroutine ever runs on one with that id.
#[burrow::test]
fn a_thread_ends_with_its_goroutine() {
    // covers: L03
    let mut times = [Duration::ZERO; 21];
    for time in &mut times {
        let id = spawn(|| {
            runtime::lock_os_thread();
            runtime::thread_id()
        });
        let id = id.join().unwrap();
        let start = Instant::now();
        let mut seen = 0;
        until(|| {
            seen += u32::from(runtime::thread_id() == id);
            !runtime::thread_ids().contains(&id)
        });
        assert_eq!(seen, 0);
        *time = start.elapsed();
        for _ in 0..50 {
            assert_ne!(spawn(runtime::thread_id).join().unwrap(), id);
        }
    }
    times.sort_unstable();
    assert!(times[10] < Duration::from_millis(100), "{times:?}");
}

/// However it ends: by a panic that its joiner gets, or by `goexit`.
#[burrow::test]
fn a_thread_ends_however_its_goroutine_does() {
    let id = Arc::new(AtomicU64::new(u64::MAX));
    for ends_by_panic in [true, false] {
        let own = id.clone();
        let ended = spawn(move || {
            runtime::lock_os_thread();
            own.store(runtime::thread_id(), Ordering::Relaxed);
            // Unwinding and a panic that stays inside change nothing.
            recover(|| panic!("inside")).unwrap_err();
            assert_eq!(runtime::thread_id(), own.load(Ordering::Relaxed));
            if ends_by_panic { panic!("the end") } else { runtime::goexit() }
        });
        assert!(ended.join().is_err());
        until(|| !runtime::thread_ids().contains(&id.load(Ordering::Relaxed)));
    }
}

/// Threads that ended are used again: their number does not grow.
#[burrow::test]
fn ended_threads_are_used_again() {
    let threads = || runtime::metrics().threads;
    let made = || burrow::kernel::sched::table::ALLMS.len();
    let round = || {
        let before = threads();
        let ready = WaitGroup::new();
        let leave = Arc::new(AtomicBool::new(false));
        let all: [_; 4] = core::array::from_fn(|_| {
            let (ready, leave) = (ready.clone(), leave.clone());
            ready.add(1);
            go_locked(move || {
                ready.done();
                until(|| leave.load(Ordering::Relaxed));
            })
        });
        ready.wait();
        assert!(threads() >= 4);
        leave.store(true, Ordering::Relaxed);
        all.into_iter().for_each(|one| one.join().unwrap());
        until(|| threads() <= before + runtime::num_cpu());
    };
    (0..5).for_each(|_| round());
    let (running, ever) = (threads(), made());
    (0..20).for_each(|_| round());
    assert!(threads() <= running + runtime::num_cpu(), "{running} threads, now {}", threads());
    // At most one of each core is on its way out while the next round begins.
    assert!(made() <= ever + 4 + runtime::num_cpu(), "{ever} made, now {}", made());
}

/// Two lock at the same moment while somebody stops the world again and again.
#[burrow::test]
fn locking_while_the_world_stops() {
    // covers: L05
    for _ in 0..100 {
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
            both.go(|| {
                runtime::lock_os_thread();
                runtime::gosched();
                runtime::unlock_os_thread();
            });
        }
        both.wait();
        stop.store(true, Ordering::Relaxed);
        stopper.join().unwrap();
    }
}

/// The world stops while threads end.
#[burrow::test]
fn the_world_stops_while_threads_end() {
    // covers: H21
    let ended = WaitGroup::new();
    for round in 0..100 {
        for _ in 0..3 {
            ended.add(1);
            let ended = ended.clone();
            go(move || {
                runtime::lock_os_thread();
                if round % 2 == 0 {
                    runtime::gosched();
                }
                ended.done();
            });
        }
        runtime::gosched();
        runtime::stop_the_world(|| ());
        // And from a wired goroutine too.
        go_locked(|| runtime::stop_the_world(|| ())).join().unwrap();
    }
    ended.wait();
}

/// Recursion to every depth, each frame checked through pointers to its callers' frames.
#[burrow::test]
fn deep_calls_are_sound_on_a_wired_goroutine() {
    // covers: K02
    struct Frame<'a> {
        depth: u32,
        caller: Option<&'a Frame<'a>>,
    }
    #[inline(never)]
    fn descend(depth: u32, left: u32, caller: Option<&Frame<'_>>) -> u64 {
        let own = Frame { depth, caller };
        let below = if left > 0 { descend(depth + 1, left - 1, Some(black_box(&own))) } else { 0 };
        let mut sum = 0u64;
        let (mut next, mut expected) = (Some(&own), depth);
        // The nearest callers, and now and then all of them.
        let far = if left == 0 { u32::MAX } else { 3 };
        while let Some(frame) = next.filter(|_| depth - expected < far) {
            assert_eq!(frame.depth, expected);
            sum += u64::from(frame.depth);
            next = frame.caller;
            expected = expected.wrapping_sub(1);
        }
        below.wrapping_add(black_box(sum))
    }
    let dive = || (1..=1024).fold(0u64, |sum, depth| sum.wrapping_add(descend(0, depth, None)));
    let plain = spawn(dive).join().unwrap();
    let wired = spawn(move || {
        runtime::lock_os_thread();
        dive()
    });
    assert_eq!(wired.join().unwrap(), plain);
}

/// More wired goroutines than cores pass a token round.
#[burrow::test]
fn a_ring_of_wired_goroutines() {
    const RING: usize = 8;
    const ROUNDS: u32 = 25;
    let chans: [Chan<u32>; RING] = core::array::from_fn(|_| Chan::new(0));
    let all: [_; RING] = core::array::from_fn(|i| {
        let (from, to) = (chans[i].clone(), chans[(i + 1) % RING].clone());
        go_locked(move || {
            let own = runtime::thread_id();
            for n in from.iter() {
                assert_eq!(runtime::thread_id(), own);
                if n == RING as u32 * ROUNDS {
                    // The end goes round once, and comes to a closed channel last.
                    from.close();
                    return if i + 1 < RING {
                        to.send(n)
                    };
                }
                to.send(n + 1);
            }
        })
    });
    chans[0].send(0);
    all.into_iter().for_each(|one| one.join().unwrap());
}

/// A wired goroutine that waits keeps no core: an ordinary one runs there.
#[burrow::test]
fn a_wired_goroutine_that_waits_keeps_no_core() {
    let gate = Chan::<()>::new(0);
    let waiters: [_; 8] = core::array::from_fn(|_| {
        let gate = gate.clone();
        go_locked(move || assert_eq!(gate.recv(), None))
    });
    let cores = runtime::gomaxprocs(0) as u32;
    let there = Arc::new(AtomicU32::new(0));
    let together = WaitGroup::new();
    for _ in 0..cores {
        let there = there.clone();
        together.go(move || {
            // All at the same time, each without giving its core up.
            there.fetch_add(1, Ordering::Relaxed);
            spin_until(|| there.load(Ordering::Relaxed) == cores);
        });
    }
    together.wait();
    gate.close();
    waiters.into_iter().for_each(|one| one.join().unwrap());
}

#[burrow::test(
    exit = 2,
    console = "fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [chan receive, locked to thread]:"
)]
fn dead_lock_with_main_locked() {
    // covers: F03
    runtime::lock_os_thread();
    Chan::<()>::new(0).recv();
}

#[burrow::test(
    exit = 2,
    console = "runtime: program exceeds 10-thread limit\nfatal error: thread exhaustion"
)]
fn too_many_threads() {
    // covers: F08
    assert_eq!(runtime::set_max_threads(10), 10_000);
    let gate = Chan::<()>::new(0);
    let start = Instant::now();
    while start.elapsed() < LIMIT {
        let (gate, ready) = (gate.clone(), Chan::new(0));
        let says = ready.clone();
        let _ = go_locked(move || {
            says.send(());
            gate.recv();
        });
        ready.recv();
    }
}

#[burrow::test(
    exit = 2,
    console = "runtime: program exceeds 0-thread limit\nfatal error: thread exhaustion"
)]
fn a_limit_below_what_there_is() {
    runtime::set_max_threads(0);
}
