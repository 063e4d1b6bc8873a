//! Calls that keep their thread: what is allowed inside, what others notice, how they end.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use burrow::kernel::g::{G, Status};
use burrow::kernel::sched::table::user_goroutines;
use burrow::kernel::{config, kthread, time::nanotime};
use burrow::prelude::*;
use burrow::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use burrow::sync::{Mutex, WaitGroup};
use burrow_tests::wait::{LIMIT, until};

burrow::test_main!();

/// Sleeps as an OS thread would.
#[inline(never)]
fn block_for(d: Duration) {
    let start = Instant::now();
    runtime::blocking(|| sleep(d));
    assert!(start.elapsed() >= d);
}

/// The goroutine with that id.
fn find(id: u64) -> &'static G {
    user_goroutines().find(|g| g.goid() == id).unwrap()
}

/// Waits until that goroutine is in a call and its thread off its core.
fn is_blocked(id: u64) {
    until(|| {
        let g = find(id);
        g.status() == Status::Syscall && g.waiting_since() != 0
    });
}

#[burrow::test]
fn it_returns_what_the_function_returned() {
    assert_eq!(runtime::blocking(|| 7), 7);
    let both = || format!("{} {}", runtime::goid(), runtime::blocking(|| 3));
    assert_eq!(runtime::blocking(both), format!("{} 3", runtime::goid()));
    for i in 0..10_000 {
        assert_eq!(runtime::blocking(|| core::hint::black_box(i)), i);
    }
}

/// Others run while one sleeps, on one P too.
#[burrow::test]
fn others_run_while_one_sleeps() {
    static DONE: AtomicBool = AtomicBool::new(false);
    DONE.store(false, Ordering::Relaxed);
    let sleeper = spawn(|| {
        block_for(Duration::from_millis(50));
        DONE.store(true, Ordering::Release);
    });
    is_blocked(sleeper.goid());
    let mut ran = 0;
    until(|| {
        ran += 1;
        DONE.load(Ordering::Acquire)
    });
    sleeper.join().unwrap();
    assert!(ran > 10, "{ran}");
}

/// Each sleeps on a thread of its own; those that nobody wants any more end after a while.
#[burrow::test]
fn many_sleep_at_once_and_their_threads_end() {
    const SLEEPERS: u32 = 200;
    static GO: AtomicBool = AtomicBool::new(false);
    GO.store(false, Ordering::Relaxed);
    let before = kthread::threads();
    let all = WaitGroup::new();
    for _ in 0..SLEEPERS {
        all.go(|| {
            runtime::blocking(|| {
                while !GO.load(Ordering::Acquire) {
                    sleep(Duration::from_millis(2));
                }
            });
        });
    }
    until(|| kthread::threads() >= before + SLEEPERS as usize - runtime::num_cpu());
    until(|| user_goroutines().filter(|g| g.status() == Status::Syscall).count() == 200);
    GO.store(true, Ordering::Release);
    all.wait();
    let start = nanotime();
    // Asleep, so that nothing else keeps the cores.
    while kthread::threads() > before + runtime::num_cpu() {
        sleep(Duration::from_millis(100));
        assert!(nanotime() - start < LIMIT.as_nanos() as u64, "{}", kthread::threads());
    }
    assert!(nanotime() - start >= config::IDLE_M_NS / 2);
}

/// What a call allows: allocating, printing, dropping, readying others, timers.
#[burrow::test]
fn what_a_call_may_do() {
    let (values, rest) = (Chan::new(8), Chan::<String>::new(0));
    let mutex = Arc::new(Mutex::new(0));
    let held = mutex.lock();
    let (waiter, receiver) = (mutex.clone(), rest.clone());
    let waits = spawn(move || *waiter.lock() += 1);
    let receives = spawn(move || receiver.recv());
    let parked = |id| find(id).status() == Status::Waiting;
    until(|| parked(waits.goid()) && parked(receives.goid()));
    let fired = Chan::<()>::new(1);
    let fires = fired.clone();
    let timer = runtime::blocking(|| {
        for i in 0..8 {
            values.try_send(format!("{i}")).unwrap();
        }
        println!("printed in a call on {} of {}", runtime::p_id(), runtime::thread_id());
        drop(held);
        until_sent(&rest);
        let taken = select! { v = values.recv() => v, default => None };
        assert_eq!(taken.as_deref(), Some("0"));
        burrow::time::after_func(Duration::from_millis(1), move || fires.send(()))
    });
    assert_eq!(fired.recv(), Some(()));
    assert!(!timer.stop());
    waits.join().unwrap();
    assert_eq!(receives.join().unwrap().as_deref(), Some("to one who waits"));
    values.close();
    assert_eq!(values.iter().count(), 7);
    assert_eq!(*mutex.lock(), 1);
}

/// The receiver waits, or is about to.
fn until_sent(to: &Chan<String>) {
    while to.try_send("to one who waits".to_string()).is_err() {
        sleep(Duration::from_micros(100));
    }
}

#[burrow::test]
fn a_panic_crosses_over() {
    let crossed = recover(|| runtime::blocking(|| panic!("inside")));
    assert_eq!(crossed.unwrap_err().to_string(), "inside");
    let asleep = || {
        sleep(Duration::from_millis(1));
        panic!("after a while")
    };
    let crossed: Result<(), _> = recover(|| runtime::blocking(asleep));
    assert_eq!(crossed.unwrap_err().to_string(), "after a while");
    // Deferred code outside the call may park.
    let from = Chan::<u32>::new(0);
    let to = from.clone();
    let receiver = spawn(move || to.recv());
    let crossed = recover(|| {
        defer! { from.send(5); }
        runtime::blocking(|| panic!("inside"));
    });
    assert_eq!(crossed.unwrap_err().to_string(), "inside");
    assert_eq!(receiver.join().unwrap(), Some(5));
    let ended = spawn(|| runtime::blocking(|| runtime::goexit())).join();
    assert!(matches!(ended, Err(burrow::JoinError::Goexit)));
    block_for(Duration::from_millis(1));
}

/// A goroutine that is wired to its thread is on that thread in the call and after it.
#[burrow::test]
fn a_wired_goroutine_keeps_its_thread() {
    static STOP: AtomicBool = AtomicBool::new(false);
    STOP.store(false, Ordering::Relaxed);
    let hogs = WaitGroup::new();
    for _ in 0..runtime::num_cpu() {
        hogs.go(|| {
            while !STOP.load(Ordering::Relaxed) {
                core::hint::spin_loop();
            }
        });
    }
    let wired = |rounds: u32| {
        move || {
            runtime::lock_os_thread();
            let own = runtime::thread_id();
            for round in 0..rounds {
                let inside = runtime::blocking(|| {
                    sleep(Duration::from_micros(u64::from(round % 3) * 500));
                    runtime::thread_id()
                });
                assert_eq!(inside, own);
                assert_eq!(runtime::thread_id(), own);
                runtime::gosched();
            }
            runtime::unlock_os_thread();
        }
    };
    let beside_hogs: [_; 4] = core::array::from_fn(|_| spawn(wired(3)));
    beside_hogs.into_iter().for_each(|one| one.join().unwrap());
    STOP.store(true, Ordering::Relaxed);
    hogs.wait();
    let alone: [_; 4] = core::array::from_fn(|_| spawn(wired(50)));
    alone.into_iter().for_each(|one| one.join().unwrap());
}

/// With fewer Ps than cores, threads of calls end on cores that have none.
#[burrow::test]
fn calls_end_where_there_is_no_p() {
    let before = runtime::gomaxprocs(1);
    let all = WaitGroup::new();
    for i in 0..8 {
        all.go(move || {
            if i % 2 == 0 {
                runtime::lock_os_thread();
            }
            let own = runtime::thread_id();
            for _ in 0..20 {
                let start = Instant::now();
                runtime::blocking(|| while start.elapsed() < Duration::from_millis(1) {});
                assert!(i % 2 != 0 || runtime::thread_id() == own);
            }
            if i % 2 == 0 {
                runtime::unlock_os_thread();
            }
        });
    }
    all.wait();
    runtime::gomaxprocs(before);
}

/// The world stops while threads are in calls, and what comes back meanwhile waits.
#[burrow::test]
fn the_world_stops_beside_calls() {
    static STOP: AtomicBool = AtomicBool::new(false);
    static BACK: AtomicU32 = AtomicU32::new(0);
    STOP.store(false, Ordering::Relaxed);
    let all = WaitGroup::new();
    for i in 0..6u64 {
        all.go(move || {
            while !STOP.load(Ordering::Relaxed) {
                runtime::blocking(|| match i % 3 {
                    0 => sleep(Duration::from_micros(300)),
                    _ => busy(Duration::from_micros(50 * i)),
                });
                BACK.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let procs = runtime::gomaxprocs(0);
    for round in 0..30 {
        runtime::stop_the_world(|| {
            let back = BACK.load(Ordering::Relaxed);
            busy(Duration::from_millis(1));
            assert_eq!(BACK.load(Ordering::Relaxed), back, "nobody comes back");
        });
        if round % 3 == 0 {
            runtime::gomaxprocs(1 + round as usize / 3 % procs);
        }
        let back = BACK.load(Ordering::Relaxed);
        until(|| BACK.load(Ordering::Relaxed) > back);
    }
    runtime::gomaxprocs(procs);
    STOP.store(true, Ordering::Relaxed);
    all.wait();
}

fn busy(d: Duration) {
    let start = Instant::now();
    while start.elapsed() < d {}
}

/// Tracebacks start at the call and say how long it has lasted.
#[burrow::test]
fn tracebacks_start_at_the_call() {
    // covers: T05
    static DONE: AtomicBool = AtomicBool::new(false);
    DONE.store(false, Ordering::Relaxed);
    let id = spawn(blocked_here).goid();
    is_blocked(id);
    let text = runtime::stack(true);
    let part = text.split("\n\n").find(|part| part.starts_with(&format!("goroutine {id} ")));
    let part = part.unwrap_or_else(|| panic!("{text}"));
    let mut lines = part.lines();
    assert_eq!(lines.next().unwrap(), format!("goroutine {id} [syscall]:"));
    assert!(lines.next().unwrap().starts_with("burrow::runtime::blocking::blocking::<"), "{part}");
    assert!(lines.nth(1).unwrap().ends_with("::blocked_here(...)"), "{part}");
    find(id).set_waiting_since(nanotime().wrapping_sub(185_000_000_000).max(1));
    let text = runtime::stack(true);
    let waits = if nanotime() > 185_000_000_000 { "syscall, 3 minutes" } else { "syscall" };
    assert!(text.contains(&format!("goroutine {id} [{waits}")), "{text}");
    DONE.store(true, Ordering::Release);
    until(|| user_goroutines().all(|g| g.goid() != id));

    #[inline(never)]
    fn blocked_here() {
        runtime::blocking(|| {
            while !DONE.load(Ordering::Acquire) {
                sleep(Duration::from_millis(1));
            }
        });
        core::hint::black_box(());
    }
}

#[burrow::test(
    exit = 2,
    console = "fatal error: gopark: a goroutine in a blocking call must not park"
)]
fn parking_in_a_call_throws() {
    runtime::blocking(|| Chan::<u32>::new(0).recv());
}

#[burrow::test(
    exit = 2,
    console = "fatal error: newproc: a goroutine in a blocking call must not start others"
)]
fn starting_goroutines_in_a_call_throws() {
    runtime::blocking(|| go(|| {}));
}

#[burrow::test(
    exit = 2,
    console = "fatal error: goroutine in a blocking call must not give its core up"
)]
fn yielding_in_a_call_throws() {
    runtime::blocking(runtime::gosched);
}

#[burrow::test(exit = 2, console = "panic: inside")]
fn a_panic_that_nobody_recovers() {
    runtime::blocking(|| panic!("inside"));
}

#[burrow::test(
    exit = 2,
    console = "runtime: program exceeds 10-thread limit\nfatal error: thread exhaustion"
)]
fn too_many_threads() {
    runtime::set_max_threads(10);
    let all = WaitGroup::new();
    for _ in 0..20 {
        all.go(|| block_for(Duration::from_secs(10)));
    }
    all.wait();
}

/// A call that sleeps is no dead-lock; nothing else being there once it is over is one.
#[burrow::test(exit = 2, console = "fatal error: all goroutines are asleep - deadlock!")]
fn dead_only_when_the_call_is_over() {
    let never = Chan::<u32>::new(0);
    go(|| {
        block_for(Duration::from_millis(30));
        println!("back");
    });
    never.recv();
}
