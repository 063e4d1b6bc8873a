//! Cores: all of them run goroutines, agree on the time, wake each other, and take their timers.
#![no_std]
#![no_main]

use burrow::kernel::kthread;
use burrow::kernel::percpu;
use burrow::kernel::sync::pin;
use burrow::prelude::*;
use burrow::sync::WaitGroup;
use burrow::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use burrow_arch::{clock, timer};
use burrow_tests::wait::{LIMIT, hold_core_until, spin_until, until};

burrow::test_main!();

#[burrow::test]
fn as_many_ps_as_cores() {
    // covers: S27
    assert_eq!(runtime::gomaxprocs(0), runtime::num_cpu());
    assert_eq!(runtime::p_stats().len(), runtime::num_cpu());
    assert!(runtime::p_id() < runtime::num_cpu());
}

/// One goroutine for each core, each keeping its core until all are there.
#[burrow::test]
fn all_cores_run_at_the_same_time() {
    let cores = runtime::num_cpu();
    let here = Arc::new(AtomicUsize::new(0));
    let all = WaitGroup::new();
    for _ in 0..cores {
        let here = here.clone();
        all.go(move || {
            here.fetch_add(1, Ordering::SeqCst);
            hold_core_until(LIMIT, || here.load(Ordering::SeqCst) == cores);
        });
    }
    all.wait();
    assert_eq!(here.load(Ordering::SeqCst), cores);
}

/// A kernel thread gets its turn on a core whose goroutine never gives it up and was alone so far.
#[burrow::test]
fn a_thread_shares_its_core_with_a_lone_goroutine() {
    static RAN: AtomicUsize = AtomicUsize::new(0);
    for turn in 1..=3 {
        let pinned = pin();
        kthread::spawn(|turn| RAN.store(turn, Ordering::Release), turn, pinned.core().index);
        drop(pinned);
        spin_until(|| RAN.load(Ordering::Acquire) == turn);
    }
}

/// A token goes round by atomics alone; every goroutine holds its core meanwhile.
#[burrow::test(smp = 2)]
fn a_token_goes_round_by_spinning() {
    // covers: S05
    let cores = runtime::num_cpu();
    for _ in 0..3 {
        let token = Arc::new(AtomicUsize::new(0));
        let all = WaitGroup::new();
        for me in 0..cores {
            let token = token.clone();
            all.go(move || {
                for round in 0..20 {
                    let mine = round * cores + me;
                    spin_until(|| token.load(Ordering::Acquire) == mine);
                    token.store(mine + 1, Ordering::Release);
                }
            });
        }
        all.wait();
    }
}

/// Time read on one core is never before time read earlier on another.
#[burrow::test(smp = 2)]
fn cores_agree_on_the_time() {
    let latest = Arc::new(AtomicU64::new(0));
    let all = WaitGroup::new();
    for _ in 0..runtime::num_cpu() {
        let latest = latest.clone();
        all.go(move || {
            for _ in 0..20_000 {
                let seen = latest.load(Ordering::SeqCst);
                let now = clock::nanotime();
                assert!(now >= seen, "the clock went back by {} ns", seen - now);
                latest.fetch_max(now, Ordering::SeqCst);
            }
        });
    }
    all.wait();
}

/// This core is held all the time, so that only a wake-up of another core can run the goroutine:
/// none may be lost between that core's last look and its halt.
#[burrow::test(smp = 2)]
fn no_wake_up_is_lost() {
    // covers: H05, H27
    let ran = Arc::new(AtomicUsize::new(0));
    for round in 0..2_000 {
        let pinned = pin();
        let mine = ran.clone();
        go(move || {
            mine.store(round + 1, Ordering::Release);
        });
        hold_core_until(LIMIT, || ran.load(Ordering::Acquire) == round + 1);
        assert_eq!(ran.load(Ordering::Acquire), round + 1, "a wake-up was lost");
        drop(pinned);
        // Different distances to the other core's halt.
        (0..round % 97 * 20).for_each(|_| core::hint::spin_loop());
    }
}

/// As above, with a channel's wake-up.
#[burrow::test(smp = 2)]
fn no_channel_wake_up_is_lost() {
    // covers: H05, H23, H27
    let questions = Chan::<usize>::new(0);
    let answered = Arc::new(AtomicUsize::new(0));
    let (asked, told) = (questions.clone(), answered.clone());
    let partner = spawn(move || asked.iter().for_each(|n| told.store(n, Ordering::Release)));
    for round in 1..=2_000 {
        questions.send(round);
        let took = hold_core_until(LIMIT, || answered.load(Ordering::Acquire) == round);
        assert!(took < LIMIT, "a wake-up was lost");
        (0..round % 89 * 20).for_each(|_| core::hint::spin_loop());
    }
    questions.close();
    partner.join().unwrap();
}

/// Deadlines before, at and just after now all fire, once and soon; a replaced one does not.
#[burrow::test]
fn timers_take_any_deadline() {
    // covers: H25
    let start = clock::nanotime();
    for offset in [-1_000_000_000i64, -1, 0, 1, 1_000, 100_000, 2_000_000] {
        for _ in 0..20 {
            let pinned = pin();
            let interrupts = || pinned.core().interrupts.load(Ordering::Relaxed);
            let before = interrupts();
            let deadline = clock::nanotime().saturating_add_signed(offset);
            timer::set(deadline);
            while interrupts() == before {
                let late = clock::nanotime().saturating_sub(deadline.max(start));
                assert!(late < LIMIT.as_nanos() as u64, "no interrupt for now{offset:+}");
                core::hint::spin_loop();
            }
            assert!(clock::nanotime() >= deadline, "early by {offset}");
        }
    }
}

#[burrow::test]
fn a_later_deadline_replaces_an_earlier_one() {
    // covers: H25
    let pinned = pin();
    let before = pinned.core().interrupts.load(Ordering::Relaxed);
    let now = clock::nanotime();
    timer::set(now + 50_000_000);
    timer::set(now + 1_000_000);
    while pinned.core().interrupts.load(Ordering::Relaxed) == before {
        assert!(clock::nanotime() < now + LIMIT.as_nanos() as u64, "no interrupt");
    }
    let at = clock::nanotime();
    assert!(at >= now + 1_000_000);
    timer::clear();
}

/// Cores without work halt: no ticks while nothing waits for them.
#[burrow::test(smp = 2)]
fn idle_cores_do_not_tick() {
    // The others run dry first.
    hold_core_until(Duration::from_millis(50), || false);
    let ticks = || -> u64 {
        let me = pin().core().index;
        (0..runtime::num_cpu())
            .filter(|id| *id != me)
            .filter_map(percpu::core)
            .map(|core| core.interrupts.load(Ordering::Relaxed))
            .sum()
    };
    let pinned = pin();
    let before = ticks();
    hold_core_until(Duration::from_millis(100), || false);
    let during = ticks() - before;
    drop(pinned);
    assert!(during <= 10, "{during} interrupts on idle cores in 100 ms");
}

/// Floating point works on every core.
#[burrow::test]
fn every_core_computes() {
    let done = Arc::new(AtomicBool::new(false));
    let all = WaitGroup::new();
    for id in 0..runtime::num_cpu() * 4 {
        all.go(move || {
            let mut x = 1.0 + id as f64;
            for _ in 0..10_000 {
                x = core::hint::black_box(x * 1.000_1 / 1.000_1);
            }
            assert!((x - 1.0 - id as f64).abs() < 1e-6, "{x}");
        });
    }
    all.wait();
    done.store(true, Ordering::Relaxed);
    until(|| done.load(Ordering::Relaxed));
}
