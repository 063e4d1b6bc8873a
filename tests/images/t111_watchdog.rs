//! Whoever keeps a core from others for more than a second is named; the runtime's own goroutines
//! and timers keep no program alive.
#![no_std]
#![no_main]

use burrow::kernel::g::Kind;
use burrow::kernel::sched::spawn::{Spawn, newproc};
use burrow::kernel::sysmon::watchdog::lines;
use burrow::prelude::*;
use burrow_tests::wait::{LIMIT, hold_core_until, spin_until};
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

burrow::test_main!();

/// Starts a goroutine of the runtime's.
fn go_system(f: impl FnOnce() + Send + 'static) {
    let spawn = Spawn { kind: Kind::System, max_stack: 64 << 10, name: None, created_at: 0 };
    assert!(newproc(f, &spawn).is_some());
}

/// Others wait for the core, and nobody can take it from the goroutine: it says so itself.
#[burrow::test(exit = 0, console = ", preemption held off, at ")]
fn whoever_is_pinned_for_more_than_a_second_is_named() {
    let ran = AtomicBool::new(false);
    scope(|s| {
        s.go(|| ran.store(true, Ordering::Relaxed));
        // With other cores that one is run elsewhere; the world waits for this one whatever there is.
        s.go(|| runtime::stop_the_world(|| ()));
        hold_core_until(LIMIT, || lines() > 0);
    });
    assert!(ran.load(Ordering::Relaxed));
}

/// A goroutine that computes for two seconds while others wait is preempted, and nothing is said.
#[burrow::test(timeout = "60s")]
fn who_only_computes_is_not_named() {
    let turns = AtomicU32::new(0);
    let start = Instant::now();
    scope(|s| {
        s.go(|| {
            while start.elapsed() < Duration::from_secs(2) {
                turns.fetch_add(1, Ordering::Relaxed);
                time::sleep(Duration::from_millis(20));
            }
        });
        spin_until(|| start.elapsed() >= Duration::from_secs(2));
    });
    assert!(turns.load(Ordering::Relaxed) > 2);
}

/// A goroutine of the runtime's that sleeps and wakes for ever is no reason to wait.
#[burrow::test(exit = 2, console = "fatal error: all goroutines are asleep - deadlock!")]
fn services_keep_no_program_alive() {
    go_system(|| {
        loop {
            time::sleep(Duration::from_millis(5));
        }
    });
    go_system(|| {
        let ticks = time::tick(Duration::from_millis(3));
        while ticks.recv().is_some() {}
    });
    time::sleep(Duration::from_millis(50));
    let never: Chan<()> = Chan::nil();
    never.recv();
}

/// What they do counts as long as the program itself waits for a time.
#[burrow::test]
fn timers_of_the_program_still_count_beside_services() {
    static DONE: AtomicBool = AtomicBool::new(false);
    DONE.store(false, Ordering::Relaxed);
    go_system(|| {
        while !DONE.load(Ordering::Relaxed) {
            time::sleep(Duration::from_millis(1));
        }
    });
    for _ in 0..20 {
        time::sleep(Duration::from_millis(3));
        let fired = Chan::new(1);
        let from = fired.clone();
        let timer = time::after_func(Duration::from_millis(2), move || fired.send(()));
        assert_eq!(from.recv(), Some(()));
        assert!(!timer.stop());
    }
    DONE.store(true, Ordering::Relaxed);
    // It ends before the next test counts.
    time::sleep(Duration::from_millis(20));
}

/// A core whose interrupts are masked cannot speak for itself: another one does.
#[burrow::test(smp = 2, exit = 0, console = "; it runs goroutine 1\n")]
fn who_masks_interrupts_for_more_than_a_second_is_named() {
    // Until the other core's tick wakes who looks; then this core's own interrupts stop.
    let stop = AtomicBool::new(false);
    scope(|s| {
        for _ in 0..4 {
            s.go(|| spin_until(|| stop.load(Ordering::Relaxed)));
        }
        time::sleep(Duration::from_millis(100));
        let was_enabled = burrow_arch::irq::disable();
        let start = Instant::now();
        while lines() == 0 && start.elapsed() < LIMIT {
            core::hint::spin_loop();
        }
        burrow_arch::irq::restore(was_enabled);
        stop.store(true, Ordering::Relaxed);
    });
}
