//! Many threads, many goroutines: what ends leaves nothing, who sleeps is woken, who waits in a
//! queue has its turn.
#![no_std]
#![no_main]

use burrow::prelude::*;
use burrow::sync::WaitGroup;
use burrow::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use burrow_tests::wait::until;

burrow::test_main!();

/// On a thread of its own, which ends with it.
fn go_wired(f: impl FnOnce() + Send + 'static) -> burrow::JoinHandle<()> {
    spawn(move || {
        runtime::lock_os_thread();
        f();
    })
}

/// Two that keep readying each other, each on its thread, go on in one slice; when it is over, who
/// waits behind them has its turn.
#[burrow::test]
fn a_wired_ping_pong_starves_nobody() {
    static TURNS: AtomicU32 = AtomicU32::new(0);
    static STOP: AtomicBool = AtomicBool::new(false);
    TURNS.store(0, Ordering::Relaxed);
    STOP.store(false, Ordering::Relaxed);
    let pairs: Vec<_> = (0..runtime::num_cpu())
        .map(|_| {
            let (there, back) = (Chan::<()>::new(0), Chan::<()>::new(0));
            let (balls, returns) = (there.clone(), back.clone());
            let answers = go_wired(move || balls.iter().for_each(|()| returns.send(())));
            let asks = go_wired(move || {
                while !STOP.load(Ordering::Relaxed) {
                    there.send(());
                    back.recv();
                }
                there.close();
            });
            [asks, answers]
        })
        .collect();
    // Each turn ends by a preemption or here, and the next begins in a queue.
    let others: Vec<_> = (0..3)
        .map(|_| {
            spawn(|| {
                while TURNS.fetch_add(1, Ordering::Relaxed) < 100 {
                    sleep(Duration::from_micros(10));
                }
            })
        })
        .collect();
    until(|| TURNS.load(Ordering::Relaxed) >= 100);
    others.into_iter().for_each(|other| other.join().unwrap());
    STOP.store(true, Ordering::Relaxed);
    pairs.into_iter().flatten().for_each(|one| one.join().unwrap());
}

/// A thread that ended leaves its number, its stack and its M to the next.
#[burrow::test]
fn ended_threads_leave_nothing() {
    // covers: H29
    let free = || burrow::kernel::mem::frames::stats().free / 4096;
    let ms = || burrow::kernel::sched::table::ALLMS.len();
    let round = || {
        for _ in 0..100 {
            go_wired(runtime::gosched).join().unwrap();
        }
        let all = WaitGroup::new();
        for _ in 0..8 {
            let all = all.clone();
            all.add(1);
            go(move || {
                runtime::lock_os_thread();
                sleep(Duration::from_millis(1));
                all.done();
            });
        }
        all.wait();
    };
    round();
    let threads = runtime::metrics().threads;
    let settled = || runtime::metrics().threads <= threads.max(2 * runtime::num_cpu() + 1);
    until(settled);
    let (frames, made) = (free(), ms());
    (0..10).for_each(|_| round());
    until(settled);
    // More of the eight may have lived at once than the first time, and each core may be on its way
    // out of a thread while the next one begins; a thousand lived since.
    let late = 8 + runtime::num_cpu();
    assert!(ms() <= made + late, "{made} Ms made, now {}", ms());
    let stack = burrow::kernel::config::G0_STACK / 4096 + 2;
    let taken = frames.saturating_sub(free());
    assert!(taken <= 2 * late * stack, "{taken} frames are gone");
}

/// So many threads at once: each waits, is handed a token by the one before, sleeps and wakes.
fn ring(threads: usize) {
    let first = Chan::<usize>::new(1);
    let mut from = first.clone();
    let awake = WaitGroup::new();
    let all: Vec<_> = (0..threads)
        .map(|_| {
            let to = Chan::new(1);
            let (input, output, awake) = (from.clone(), to.clone(), awake.clone());
            from = to;
            awake.add(1);
            go_wired(move || {
                let own = runtime::thread_id();
                for token in input.iter().take(2) {
                    assert_eq!(runtime::thread_id(), own);
                    output.send(token + 1);
                }
                sleep(Duration::from_millis(2));
                assert_eq!(runtime::thread_id(), own);
                awake.done();
            })
        })
        .collect();
    let last = from;
    first.send(0);
    assert_eq!(last.recv(), Some(threads));
    assert!(runtime::metrics().threads > threads);
    first.send(0);
    assert_eq!(last.recv(), Some(threads));
    awake.wait();
    all.into_iter().for_each(|one| one.join().unwrap());
    until(|| runtime::metrics().threads < threads);
}

#[burrow::test]
fn threads_by_the_hundred() {
    // covers: H30
    [64, 128, 256, 1_000].into_iter().for_each(ring);
}

/// A hundred to a million goroutines, up to ten thousand at once, some of which sleep first.
#[burrow::test]
fn goroutines_by_the_million() {
    // covers: H30
    const BATCH: usize = 10_000;
    static RAN: AtomicUsize = AtomicUsize::new(0);
    for total in [100, 1_000, 10_000, 1_000_000] {
        RAN.store(0, Ordering::Relaxed);
        for first in (0..total).step_by(BATCH) {
            let past = total.min(first + BATCH);
            for n in first..past {
                go(move || {
                    if n < BATCH && n % 2 == 0 {
                        sleep(Duration::from_micros(n as u64 % 100));
                    }
                    RAN.fetch_add(1, Ordering::Relaxed);
                });
            }
            until(|| RAN.load(Ordering::Relaxed) == past);
        }
    }
}
