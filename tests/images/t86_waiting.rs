//! Meeting points: conditions and semaphores.
#![no_std]
#![no_main]

use burrow::kernel::sched::WaitReason;
use burrow::prelude::*;
use burrow::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use burrow::sync::{Cond, Mutex, Semaphore, WaitGroup};
use burrow_tests::wait::{go_and_park, is_parked, until};

burrow::test_main!();

/// Runs `f` in so many goroutines and waits for all.
fn crowd(goroutines: usize, f: impl Fn(usize) + Send + Sync + 'static) {
    let (group, f) = (WaitGroup::new(), Arc::new(f));
    for id in 0..goroutines {
        let f = f.clone();
        group.go(move || f(id));
    }
    group.wait();
}

#[burrow::test]
fn a_semaphore_of_one_excludes() {
    // covers: X01
    static ONE: Semaphore = Semaphore::new(1);
    static INSIDE: AtomicUsize = AtomicUsize::new(0);
    crowd(10, |id| {
        for n in 0..1_000 {
            ONE.acquire(1);
            assert_eq!(INSIDE.fetch_add(1, Ordering::Relaxed), 0);
            if (n + id).is_multiple_of(97) {
                runtime::gosched();
            }
            INSIDE.fetch_sub(1, Ordering::Relaxed);
            if n.is_multiple_of(2) { ONE.release(1) } else { ONE.release_handoff(1) }
        }
    });
    assert!(ONE.try_acquire(1) && !ONE.try_acquire(1));
}

#[burrow::test]
fn a_barrier_is_used_over_and_over() {
    // covers: X10
    static BEFORE: AtomicUsize = AtomicUsize::new(0);
    static AFTER: AtomicUsize = AtomicUsize::new(0);
    let (ready, released) = (WaitGroup::new(), WaitGroup::new());
    for round in 1..=50 {
        // At once: those of the round before may not have returned yet.
        ready.add(16);
        released.add(1);
        for _ in 0..16 {
            let (ready, released) = (ready.clone(), released.clone());
            go(move || {
                BEFORE.fetch_add(1, Ordering::Relaxed);
                ready.done();
                released.wait();
                assert!(BEFORE.load(Ordering::Relaxed) >= round * 16);
                AFTER.fetch_add(1, Ordering::Relaxed);
            });
        }
        ready.wait();
        assert_eq!(BEFORE.load(Ordering::Relaxed), round * 16);
        // Nobody has passed, but for those of the rounds before.
        assert!(AFTER.load(Ordering::Relaxed) <= (round - 1) * 16);
        released.done();
    }
    until(|| AFTER.load(Ordering::Relaxed) == 50 * 16);
}

/// A condition whose waiters count themselves in and out.
struct Room {
    inside: Mutex<(u32, u32)>,
    door: Cond,
}

impl Room {
    fn new() -> Arc<Self> {
        Arc::new(Self { inside: Mutex::new((0, 0)), door: Cond::new() })
    }

    /// So many goroutines, all of which wait when this returns.
    fn fill(self: &Arc<Self>, waiters: u32, done: impl Fn(u32) + Send + Sync + 'static) {
        let done = Arc::new(done);
        for id in 0..waiters {
            let (room, done) = (self.clone(), done.clone());
            go(move || {
                let mut inside = room.inside.lock();
                inside.0 += 1;
                inside = room.door.wait(inside);
                inside.1 += 1;
                done(id);
            });
            // One after another, and each has its ticket once the mutex is free again.
            until(|| self.inside.lock().0 == id + 1);
        }
    }

    fn left(&self) -> u32 {
        self.inside.lock().1
    }
}

#[burrow::test]
fn a_signal_wakes_one() {
    // covers: X20
    for waiters in [1, 2, 10] {
        let room = Room::new();
        room.fill(waiters, |_| ());
        for n in 1..=waiters {
            assert_eq!(room.left(), n - 1);
            room.door.signal();
            until(|| room.left() == n);
            (0..20).for_each(|_| runtime::gosched());
            assert_eq!(room.left(), n);
        }
        room.door.signal();
        room.door.broadcast();
    }
}

#[burrow::test]
fn signals_wake_in_order_of_arrival() {
    // covers: X21
    let room = Room::new();
    let order = Arc::new(Mutex::new(Vec::new()));
    let log = order.clone();
    room.fill(100, move |id| log.lock().push(id));
    for n in 1..=100 {
        room.door.signal();
        until(|| room.left() == n);
    }
    assert!(order.lock().iter().copied().eq(0..100));
}

#[burrow::test]
fn a_broadcast_wakes_all_once() {
    // covers: X22
    const WAITERS: usize = 200;
    const ROUNDS: usize = 200;
    let shared = Arc::new((Mutex::new((0usize, 0usize)), Cond::new(), Cond::new()));
    for _ in 0..WAITERS {
        let shared = shared.clone();
        go(move || {
            let (state, door, ready) = &*shared;
            for round in 0..ROUNDS {
                let mut held = state.lock();
                assert_eq!(held.1, round);
                held.0 += 1;
                if held.0 == WAITERS {
                    ready.signal();
                }
                drop(door.wait(held));
            }
            let mut held = state.lock();
            held.0 += 1;
            ready.signal();
        });
    }
    let (state, door, ready) = &*shared;
    for round in 0..ROUNDS {
        let mut held = ready.wait_while(state.lock(), |held| held.0 < WAITERS);
        *held = (0, round + 1);
        door.broadcast();
    }
    drop(ready.wait_while(state.lock(), |held| held.0 < WAITERS));
}

#[burrow::test]
fn a_newcomer_takes_nobodys_wake_up() {
    // covers: X24
    for _ in 0..1_000 {
        let shared = Arc::new((Mutex::new(()), Cond::new()));
        let (waits, woken) = (Chan::new(0), Chan::new(0));
        let (first, says, ends) = (shared.clone(), waits.clone(), woken.clone());
        go(move || {
            let guard = first.0.lock();
            says.send(());
            drop(first.1.wait(guard));
            ends.send(());
        });
        waits.recv();
        // Its mutex is free: it has its ticket.
        drop(shared.0.lock());
        let broadcast = shared.clone();
        go(move || broadcast.1.broadcast());
        let second = shared.clone();
        go(move || drop(second.1.wait(second.0.lock())));
        assert!(woken.recv().is_some());
        // Whether the second one was there in time or not: nobody may be left behind.
        until(|| {
            shared.1.broadcast();
            Arc::strong_count(&shared) == 1
        });
    }
}

#[burrow::test]
fn a_semaphore_serves_in_order() {
    // A static keeps what it was given.
    burrow::test::keeps();
    static SLOTS: Semaphore = Semaphore::new(4);
    static LOG: Mutex<Vec<usize>> = Mutex::new(Vec::new());
    SLOTS.acquire(3);
    for wanted in [3, 1] {
        go_and_park(WaitReason::Semacquire, move || {
            SLOTS.acquire(wanted);
            LOG.lock().push(wanted);
        });
    }
    // One is free and wanted, but not by the first.
    assert!(!SLOTS.try_acquire(1));
    assert_eq!(format!("{SLOTS:?}"), "Semaphore { permits: 1, waiters: 2 }");
    SLOTS.release(1);
    assert!(LOG.lock().is_empty() && !SLOTS.try_acquire(0));
    SLOTS.release(1);
    until(|| LOG.lock().len() == 1);
    assert_eq!(*LOG.lock(), [3]);
    SLOTS.release(1);
    until(|| LOG.lock().len() == 2);
    assert!(SLOTS.try_acquire(0) && !SLOTS.try_acquire(1));
}

#[burrow::test]
fn a_release_with_hand_off_lets_the_waiter_run_first() {
    // covers: S35
    const TRIALS: usize = 10_000;
    static BED: Semaphore = Semaphore::new(0);
    static ANSWER: Semaphore = Semaphore::new(0);
    static RAN: AtomicBool = AtomicBool::new(false);
    static STOP: AtomicBool = AtomicBool::new(false);
    let yielders = WaitGroup::new();
    for _ in 0..runtime::gomaxprocs(0) {
        yielders.go(|| {
            while !STOP.load(Ordering::Relaxed) {
                runtime::gosched();
            }
        });
    }
    let waiter = spawn(|| {
        for _ in 0..TRIALS {
            BED.acquire(1);
            RAN.store(true, Ordering::Release);
            ANSWER.release(1);
        }
    });
    let mut first = 0;
    for _ in 0..TRIALS {
        until(|| is_parked(WaitReason::Semacquire, 1));
        RAN.store(false, Ordering::Relaxed);
        BED.release_handoff(1);
        first += usize::from(RAN.load(Ordering::Acquire));
        ANSWER.acquire(1);
    }
    waiter.join().unwrap();
    STOP.store(true, Ordering::Relaxed);
    yielders.wait();
    assert!(first >= TRIALS * 2 / 3, "first in {first} of {TRIALS}");
}
