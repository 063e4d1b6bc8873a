//! Locks: mutex, read-write lock, the once family; what panics leave of them.
#![no_std]
#![no_main]

use burrow::kernel::sched::WaitReason;
use burrow::prelude::*;
use burrow::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use burrow::sync::{LazyLock, Mutex, Once, OnceLock, RwLock, WaitGroup};
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

fn spin_for(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        core::hint::spin_loop();
    }
}

#[burrow::test]
fn a_mutex_excludes() {
    // covers: X02
    static COUNT: Mutex<usize> = Mutex::new(0);
    let guard = COUNT.lock();
    assert!(COUNT.try_lock().is_none());
    drop(guard);
    drop(COUNT.try_lock().expect("it is free"));
    crowd(10, |id| {
        for n in 0..1_000 {
            let tried = if (n + id).is_multiple_of(3) { COUNT.try_lock() } else { None };
            let mut count = tried.unwrap_or_else(|| COUNT.lock());
            let before = *count;
            if (n + id).is_multiple_of(101) {
                runtime::gosched();
            }
            *count = before + 1;
        }
    });
    assert_eq!(*COUNT.lock(), 10_000);
}

#[burrow::test(timeout = "30s")]
fn a_mutex_does_not_starve_its_waiters() {
    // covers: X05
    let (mutex, stop) = (Arc::new(Mutex::new(())), Arc::new(AtomicBool::new(false)));
    let (hogged, end) = (mutex.clone(), stop.clone());
    let hog = spawn(move || {
        while !end.load(Ordering::Relaxed) {
            let _held = hogged.lock();
            spin_for(Duration::from_micros(100));
        }
    });
    let start = Instant::now();
    for _ in 0..10 {
        spin_for(Duration::from_micros(100));
        drop(mutex.lock());
    }
    assert!(start.elapsed() < Duration::from_secs(10));
    stop.store(true, Ordering::Relaxed);
    hog.join().unwrap();
}

#[burrow::test]
fn a_starving_waiter_is_served_before_newcomers() {
    // A static keeps what it was given.
    burrow::test::keeps();
    // covers: X05
    static LOCK: Mutex<Vec<u32>> = Mutex::new(Vec::new());
    let mut guard = LOCK.lock();
    go_and_park(WaitReason::MutexLock, || LOCK.lock().push(1));
    go_and_park(WaitReason::MutexLock, || LOCK.lock().push(2));
    // The first waiter wakes, finds the lock taken again, and has waited too long by then.
    spin_for(Duration::from_millis(2));
    drop(guard);
    guard = LOCK.lock();
    guard.push(0);
    until(|| is_parked(WaitReason::MutexLock, 2) || guard.len() > 1);
    drop(guard);
    // The lock is handed over to it, in order of arrival; this goroutine queues behind both.
    let log = LOCK.lock();
    assert!(log.contains(&0) && log.contains(&1), "{log:?}");
    drop(log);
    until(|| LOCK.lock().len() == 3);
    let at = |n| LOCK.lock().iter().position(|found| *found == n);
    assert!(at(1) < at(2));
}

#[burrow::test]
fn a_mutex_gives_its_value() {
    let mut mutex = Mutex::from(1);
    *mutex.get_mut() += 1;
    *mutex.lock() += 1;
    assert_eq!(format!("{mutex:?}"), "Mutex { value: 3 }");
    let guard = mutex.lock();
    assert_eq!(format!("{guard} {mutex:?}"), "3 Mutex { value: <locked> }");
    core::mem::forget(guard);
    // SAFETY: the guard is forgotten.
    unsafe { mutex.force_unlock() };
    assert_eq!(mutex.into_inner(), 3);
    let unsized_one: Box<Mutex<[u8]>> = Box::new(Mutex::new([1, 2]));
    assert_eq!(unsized_one.lock().len(), 2);
}

#[burrow::test]
fn a_guard_may_be_dropped_elsewhere() {
    static LOCK: Mutex<u32> = Mutex::new(0);
    let mut guard = LOCK.lock();
    *guard = 1;
    spawn(move || drop(guard)).join().unwrap();
    assert_eq!(*LOCK.lock(), 1);
}

#[burrow::test]
fn readers_read_at_the_same_time() {
    // covers: X06
    for readers in [1, 3, 4] {
        let lock = Arc::new(RwLock::new(()));
        let (locked, unlock) = (Chan::new(0), Chan::<()>::new(0));
        let all = WaitGroup::new();
        for _ in 0..readers {
            let (lock, locked, unlock) = (lock.clone(), locked.clone(), unlock.clone());
            all.go(move || {
                let _guard = lock.read();
                locked.send(());
                unlock.recv();
            });
        }
        // All of them are inside before the first may leave.
        (0..readers).for_each(|_| assert!(locked.recv().is_some()));
        assert!(lock.try_write().is_none());
        unlock.close();
        all.wait();
        assert!(lock.try_write().is_some());
    }
}

#[burrow::test]
fn what_can_be_locked_when() {
    // covers: X07
    let lock = RwLock::new(0);
    let can = || {
        let read = lock.try_read().is_some();
        (read, lock.try_write().is_some())
    };
    assert_eq!(can(), (true, true));
    let written = lock.write();
    assert_eq!(can(), (false, false));
    drop(written);
    let once = lock.read();
    assert_eq!(can(), (true, false));
    let twice = lock.read();
    assert_eq!(can(), (true, false));
    drop(once);
    assert_eq!(can(), (true, false));
    drop(twice);
    assert_eq!(can(), (true, true));
    let tried = lock.try_write();
    assert_eq!(can(), (false, false));
    drop(tried);
    let mutex = Mutex::new(());
    let held = mutex.try_lock();
    assert!(held.is_some() && mutex.try_lock().is_none());
    drop(held);
    assert!(mutex.try_lock().is_some());
}

#[burrow::test]
fn a_waiting_writer_holds_back_readers() {
    // A static keeps what it was given.
    burrow::test::keeps();
    static LOCK: RwLock<Vec<&str>> = RwLock::new(Vec::new());
    let reader = LOCK.read();
    go_and_park(WaitReason::RwMutexLock, || LOCK.write().push("writer"));
    assert!(LOCK.try_read().is_none());
    go_and_park(WaitReason::RwMutexRLock, || {
        assert_eq!(*LOCK.read(), ["writer"]);
        LOCK.write().push("reader");
    });
    drop(reader);
    until(|| LOCK.read().len() == 2);
}

#[burrow::test]
fn readers_and_writers_hammer_a_lock() {
    static LOCK: RwLock<(u64, u64)> = RwLock::new((0, 0));
    static READERS: AtomicU32 = AtomicU32::new(0);
    crowd(10, |id| {
        for n in 0..300 {
            if id < 2 {
                let mut pair = LOCK.write();
                assert_eq!(READERS.load(Ordering::Relaxed), 0);
                pair.0 += 1;
                if (n + id).is_multiple_of(11) {
                    runtime::gosched();
                }
                pair.1 += 1;
            } else {
                let pair = LOCK.read();
                READERS.fetch_add(1, Ordering::Relaxed);
                assert_eq!(pair.0, pair.1);
                if (n + id).is_multiple_of(13) {
                    runtime::gosched();
                }
                READERS.fetch_sub(1, Ordering::Relaxed);
            }
        }
    });
    assert_eq!(*LOCK.read(), (600, 600));
}

#[burrow::test]
fn once_runs_once_for_all() {
    // covers: X15
    static ONCE: Once = Once::new();
    static RUNS: AtomicU32 = AtomicU32::new(0);
    crowd(10, |_| {
        ONCE.call_once(|| {
            runtime::gosched();
            RUNS.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(RUNS.load(Ordering::Relaxed), 1);
        assert!(ONCE.is_completed());
    });
}

#[burrow::test]
fn once_waits_for_who_came_first() {
    static ONCE: Once = Once::new();
    let gate = Chan::<()>::new(0);
    let open = gate.clone();
    go_and_park(WaitReason::ChanReceive, move || ONCE.call_once(|| assert!(gate.recv().is_none())));
    assert!(!ONCE.is_completed());
    go_and_park(WaitReason::MutexLock, || ONCE.call_once(|| unreachable!("second")));
    open.close();
    ONCE.call_once(|| unreachable!("third"));
}

#[burrow::test]
fn a_value_is_made_once() {
    // A static keeps what it was given.
    burrow::test::keeps();
    // covers: X17
    static RUNS: AtomicU32 = AtomicU32::new(0);
    static LAZY: LazyLock<Vec<u32>> = LazyLock::new(|| {
        runtime::gosched();
        vec![RUNS.fetch_add(1, Ordering::Relaxed) + 7]
    });
    crowd(10, |_| assert_eq!(LAZY[0], 7));
    assert_eq!((LazyLock::force(&LAZY).len(), RUNS.load(Ordering::Relaxed)), (1, 1));

    let set = OnceLock::new();
    assert_eq!((set.get(), format!("{set:?}")), (None, "OnceLock(<unset>)".into()));
    let value = Arc::new(5);
    assert!(set.set(value.clone()).is_ok());
    assert_eq!(set.set(Arc::new(6)), Err(Arc::new(6)));
    assert_eq!(**set.get_or_init(|| unreachable!("set")), 5);
    assert_eq!(format!("{set:?}"), "OnceLock(5)");
    drop(set);
    assert_eq!(Arc::strong_count(&value), 1);
    let mut set = OnceLock::new();
    set.get_or_init(|| value.clone());
    assert_eq!(set.get_mut().as_deref(), Some(&value));
    assert_eq!((set.take(), set.take()), (Some(value.clone()), None));
    assert_eq!(set.into_inner(), None);
    assert_eq!(Arc::strong_count(&value), 1);
}

#[burrow::test]
fn a_panic_counts_as_having_run() {
    // covers: X16
    let once = Once::new();
    let panic = recover(|| once.call_once(|| panic!("in once"))).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"in once"));
    assert!(once.is_completed());
    once.call_once(|| unreachable!("second"));
    // One that leaves by `goexit` has run, too.
    let once = Arc::new(Once::new());
    let left = once.clone();
    assert!(spawn(move || left.call_once(|| runtime::goexit())).join().is_err());
    once.call_once(|| unreachable!("second"));
}

#[burrow::test]
fn a_value_that_panics_is_not_set() {
    // A static keeps what it was given.
    burrow::test::keeps();
    // covers: X17
    let set = OnceLock::new();
    assert!(recover(|| set.get_or_init(|| -> u32 { panic!("not yet") })).is_err());
    assert_eq!((set.get(), set.get_or_init(|| 3)), (None, &3));

    static RUNS: AtomicU32 = AtomicU32::new(0);
    static LAZY: LazyLock<u32> =
        LazyLock::new(|| panic!("run {}", RUNS.fetch_add(1, Ordering::Relaxed)));
    let indexed: LazyLock<u32, _> = LazyLock::new(|| [1, 2][core::hint::black_box(5)]);
    for _ in 0..3 {
        let panic = recover(|| *LAZY).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&String::from("run 0")));
        let panic = recover(|| *indexed).unwrap_err();
        assert!(panic.is_runtime_error());
        assert_eq!(panic.to_string(), "runtime error: index out of range [5] with length 2");
    }
    assert_eq!(RUNS.load(Ordering::Relaxed), 1);
    static GONE: LazyLock<u32> = LazyLock::new(|| runtime::goexit());
    assert!(spawn(|| *GONE).join().is_err());
    assert!(recover(|| *GONE).is_err());
}

#[burrow::test]
fn a_panic_poisons_nothing() {
    let (mutex, lock) = (Mutex::new(1), RwLock::new(1));
    let panic = recover(|| {
        let _held = (mutex.lock(), lock.write());
        panic!("with locks held");
    });
    assert!(panic.is_err());
    assert_eq!((*mutex.lock(), *lock.write()), (1, 1));
    let shared = Arc::new(mutex);
    let held = shared.clone();
    let left = spawn(move || {
        let _held = held.lock();
        runtime::goexit();
    });
    assert!(left.join().is_err() && shared.try_lock().is_some());
}

#[burrow::test]
fn a_wait_group_says_when_it_is_misused() {
    // covers: X11
    let group = WaitGroup::new();
    let panic = recover(|| group.done()).unwrap_err();
    assert_eq!(panic.to_string(), "sync: negative WaitGroup counter");
}

#[burrow::test(exit = 2, console = "panic: in a group\n\ngoroutine ")]
fn a_panic_in_a_group_does_not_end_the_wait() {
    // covers: X13
    let group = WaitGroup::new();
    group.go(|| panic!("in a group"));
    group.wait();
    runtime::exit(0);
}

#[burrow::test(
    exit = 2,
    console = "fatal error: sync: RUnlock of unlocked RWMutex\n\ngoroutine 1 "
)]
fn unlocking_what_nobody_reads() {
    // covers: X03
    defer! { runtime::exit(0) }
    // SAFETY: there is no guard.
    let _ = recover(|| unsafe { RwLock::new(()).force_unlock_read() });
}

#[burrow::test(exit = 2, console = "fatal error: sync: unlock of unlocked mutex\n\ngoroutine 1 ")]
fn unlocking_what_nobody_locked() {
    // covers: X03
    defer! { runtime::exit(0) }
    // SAFETY: there is no guard.
    let _ = recover(|| unsafe { Mutex::new(()).force_unlock() });
}

#[burrow::test(exit = 2, console = "fatal error: sync: Unlock of unlocked RWMutex\n\ngoroutine 1 ")]
fn unlocking_what_nobody_writes() {
    // covers: X03
    defer! { runtime::exit(0) }
    // SAFETY: there is no guard.
    let _ = recover(|| unsafe { RwLock::new(()).force_unlock_write() });
}
