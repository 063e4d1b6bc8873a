//! Preemption by the timer: everywhere, without a trace.
#![no_std]
#![no_main]

use burrow::kernel::g::Preempt;
use burrow::kernel::p::{Status, allp};
use burrow::kernel::panic::rows::Rows;
use burrow::kernel::panic::unwind::{Pc, Stacks, Walk};
use burrow::kernel::panic::{goroutines, image};
use burrow::kernel::sched::SCHED;
use burrow::kernel::sync::pin;
use burrow::prelude::*;
use burrow::sync::WaitGroup;
use burrow::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use burrow_arch::irq;
use burrow_tests::arch::{hold_over_calls, hold_registers};
use burrow_tests::hogs::{STOP, arithmetic_loop, call_loop, empty_loop};
use burrow_tests::wait::{hold_core_until, preemptions, until};
use core::hint::black_box;

burrow::test_main!();

/// Loops of three kinds on every core; main gets its turn again and again.
#[burrow::test]
fn no_loop_keeps_the_core() {
    // covers: S12
    STOP.store(false, Ordering::Relaxed);
    let hogs = WaitGroup::new();
    for _ in 0..runtime::num_cpu() {
        hogs.go(call_loop);
        hogs.go(arithmetic_loop);
        hogs.go(empty_loop);
    }
    let wanted = preemptions() + 6;
    let start = Instant::now();
    until(|| preemptions() >= wanted);
    let took = start.elapsed();
    STOP.store(true, Ordering::Relaxed);
    hogs.wait();
    println!("6 preemptions in {} ms", took.as_millis());
}

/// A wait between hogs is about a slice, never many.
#[burrow::test]
fn a_turn_comes_after_about_a_slice() {
    STOP.store(false, Ordering::Relaxed);
    let hogs = WaitGroup::new();
    for _ in 0..runtime::num_cpu() {
        hogs.go(empty_loop);
    }
    runtime::gosched();
    let mut waits: [Duration; 9] = core::array::from_fn(|_| {
        let asked = Instant::now();
        runtime::gosched();
        asked.elapsed()
    });
    STOP.store(true, Ordering::Relaxed);
    hogs.wait();
    waits.sort_unstable();
    println!("median {} us, longest {} us", waits[4].as_micros(), waits[8].as_micros());
    assert!(waits[4] < Duration::from_millis(200), "{waits:?}");
}

/// A core without a tick takes two goroutines from the global queue at once: the one that it runs
/// must not keep it for ever from the other, which waits in its own queue.
#[burrow::test(smp = 2)]
fn goroutines_taken_together_share_the_core() {
    static ALONE: AtomicU32 = AtomicU32::new(0);
    static LEAVE: AtomicBool = AtomicBool::new(false);
    static STARTED: AtomicU32 = AtomicU32::new(0);
    STOP.store(false, Ordering::Relaxed);
    let all = WaitGroup::new();
    let pinned = pin();
    let others = runtime::gomaxprocs(0) as u32 - 1;
    for _ in 0..others {
        all.go(|| {
            ALONE.fetch_add(1, Ordering::Relaxed);
            while !LEAVE.load(Ordering::Relaxed) {
                core::hint::spin_loop();
            }
        });
    }
    // Each of them on a core of its own, whose tick has ended.
    let tickless = |id| id == pinned.p().id || !allp(id).ticking();
    hold_core_until(burrow_tests::wait::LIMIT, || {
        ALONE.load(Ordering::Relaxed) == others && (0..=others as usize).all(tickless)
    });
    assert!((0..=others as usize).all(|id| allp(id).status() == Status::Running));
    for _ in 0..2 {
        all.go(|| {
            STARTED.fetch_add(1, Ordering::Relaxed);
            empty_loop();
        });
    }
    // SAFETY: pinned, on the M that holds the P.
    let hogs = unsafe { pinned.p().owner() }.drain();
    SCHED.lock.lock().globrunqputbatch(hogs);
    LEAVE.store(true, Ordering::Relaxed);
    hold_core_until(Duration::from_secs(5), || STARTED.load(Ordering::Relaxed) == 2);
    let started = STARTED.load(Ordering::Relaxed);
    drop(pinned);
    STOP.store(true, Ordering::Relaxed);
    all.wait();
    assert_eq!(started, 2);
}

/// Two goroutines wait for each other's turn and only call a small function meanwhile.
#[burrow::test]
fn alternating_without_yielding() {
    // covers: S10
    static TURN: AtomicU32 = AtomicU32::new(0);
    #[inline(never)]
    fn turn() -> u32 {
        TURN.load(Ordering::Acquire)
    }
    let both = WaitGroup::new();
    for me in 0..2 {
        both.go(move || {
            for _ in 0..10 {
                while turn() % 2 != me {
                    black_box(());
                }
                TURN.fetch_add(1, Ordering::Release);
            }
        });
    }
    both.wait();
    assert_eq!(turn(), 20);
}

/// Computes, and now and then calls a function with a large frame.
#[burrow::test]
fn large_frames_do_not_put_it_off() {
    // covers: S17
    #[inline(never)]
    fn large_frame(n: u64) -> u64 {
        let frame = black_box([n; 1024]);
        frame.iter().fold(0, |sum, word| sum ^ word)
    }
    STOP.store(false, Ordering::Relaxed);
    let hogs = WaitGroup::new();
    for _ in 0..runtime::num_cpu() {
        hogs.go(|| {
            let mut n = 0u64;
            while !STOP.load(Ordering::Relaxed) {
                n += 1;
                if n.is_multiple_of(1_000) {
                    black_box(large_frame(n));
                }
            }
        });
    }
    let wanted = preemptions() + 3;
    until(|| preemptions() >= wanted);
    STOP.store(true, Ordering::Relaxed);
    hogs.wait();
}

/// Every register of many goroutines survives being preempted.
#[burrow::test]
fn registers_survive_preemption() {
    // covers: H03
    let before = preemptions();
    let wrong = Arc::new(AtomicU32::new(0));
    let running = WaitGroup::new();
    let stop = Arc::new(AtomicBool::new(false));
    for seed in 1..=runtime::num_cpu() as u64 * 3 {
        let (wrong, stop) = (wrong.clone(), stop.clone());
        running.go(move || {
            let mut round = 0;
            while !stop.load(Ordering::Relaxed) {
                round += 1;
                wrong.fetch_add(hold_registers(seed << 32 | round, 500_000), Ordering::Relaxed);
            }
        });
    }
    let wanted = before + 30;
    until(|| preemptions() >= wanted);
    stop.store(true, Ordering::Relaxed);
    running.wait();
    assert_eq!(wrong.load(Ordering::Relaxed), 0, "registers changed");
}

extern "C" fn yields() {
    runtime::gosched();
}

/// What a call must keep survives switches that the goroutine asks for.
#[burrow::test]
fn kept_registers_survive_yielding() {
    // covers: H04
    let running = WaitGroup::new();
    for seed in 1..=runtime::num_cpu() as u64 * 3 {
        running.go(move || {
            for round in 0..20 {
                assert_eq!(hold_over_calls(seed << 32 | round, yields, 50), 0);
            }
        });
    }
    running.wait();
}

/// A goroutine starts with the usual rounding, whatever the one before it had.
#[burrow::test]
fn a_new_goroutine_has_the_usual_floats() {
    let third = || black_box(1.0f64) / black_box(3.0);
    let here = third();
    for round in 0..20 {
        // Others round differently meanwhile, in the middle of being preempted and switched.
        let odd = spawn(move || hold_over_calls(round, yields, 20));
        assert_eq!(spawn(third).join().unwrap().to_bits(), here.to_bits());
        assert_eq!(odd.join().unwrap(), 0);
    }
}

/// While preemption is held off nothing takes the core away; afterwards the request is honoured.
#[burrow::test]
fn held_off_preemption_is_honoured_later() {
    // covers: H19
    STOP.store(false, Ordering::Relaxed);
    let others = Arc::new(AtomicU64::new(0));
    let group = WaitGroup::new();
    for _ in 0..runtime::num_cpu() {
        let others = others.clone();
        group.go(move || {
            while !STOP.load(Ordering::Relaxed) {
                others.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    (0..2).for_each(|_| runtime::gosched());
    let pinned = pin();
    let core = pinned.core().index;
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(40) {
        assert_eq!(pinned.core().index, core);
    }
    let asked = Instant::now();
    // The count drops to zero: the core is given up here.
    drop(pinned);
    let gone = asked.elapsed();
    STOP.store(true, Ordering::Relaxed);
    group.wait();
    println!("away for {} us after the hold", gone.as_micros());
}

/// Requests at random moments, while stacks grow all the time: each lands, and soon.
#[burrow::test]
fn requests_land_while_stacks_grow() {
    // covers: H19
    /// Grows page by page, and goes on as a goroutine with another stack.
    fn grow(pages: usize) {
        #[inline(never)]
        fn deeper(pages: usize) -> usize {
            let frame = black_box([pages; 500]);
            if pages == 0 { frame[1] } else { deeper(pages - 1) + frame[0] }
        }
        black_box(deeper(pages));
        if !STOP.load(Ordering::Relaxed) {
            go(move || grow(8 + (pages * 7 + 3) % 60));
        }
    }
    STOP.store(false, Ordering::Relaxed);
    for n in 0..runtime::num_cpu() {
        go(move || grow(8 + n));
    }
    let (mut random, mut longest) = (1u64, Duration::ZERO);
    for _ in 0..60 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        for _ in 0..random >> 50 {
            core::hint::spin_loop();
        }
        let asked = Instant::now();
        runtime::stop_the_world(|| ());
        longest = longest.max(asked.elapsed());
    }
    STOP.store(true, Ordering::Relaxed);
    println!("the longest request took {} us", longest.as_micros());
    assert!(longest < Duration::from_secs(5), "{longest:?}");
    until(|| runtime::num_goroutine() == 2);
}

/// Who masked interrupts keeps the core, although a preemption waits to be honoured.
#[burrow::test]
fn masked_interrupts_put_preemption_off() {
    let switches = || -> u64 { runtime::p_stats().iter().map(|p| p.switches).sum() };
    let was_enabled = irq::disable();
    let pinned = pin();
    pinned.g().request_preemption(Preempt::Slice);
    let (p, before) = (pinned.p(), pinned.p().counts.switches.load(Ordering::Relaxed));
    drop(pinned);
    // Masked, so that this is the same core still.
    let after = p.counts.switches.load(Ordering::Relaxed);
    let masked = !irq::enabled();
    let all = switches();
    irq::restore(was_enabled);
    assert!(masked);
    assert_eq!(after, before, "another goroutine ran in between");
    drop(pin());
    assert!(switches() > all, "the request was forgotten");
}

/// Allocation, channels, printing and spawning in the middle of frequent preemption.
#[burrow::test]
fn the_runtime_is_not_torn() {
    STOP.store(false, Ordering::Relaxed);
    let hogs = WaitGroup::new();
    for _ in 0..runtime::num_cpu() {
        hogs.go(empty_loop);
    }
    let workers = WaitGroup::new();
    for id in 0..4usize {
        workers.go(move || {
            for n in 0..100 {
                let chan = Chan::new(n % 3);
                let out = chan.clone();
                go(move || out.send(vec![id; 10 + n]));
                let got: Vec<usize> = chan.recv().unwrap();
                assert_eq!(got.len(), 10 + n);
                assert!(got.iter().all(|word| *word == id));
            }
        });
    }
    workers.wait();
    STOP.store(true, Ordering::Relaxed);
    hogs.wait();
}

/// A frame of 72 KiB, entered and left all the time.
#[inline(never)]
fn large_frame(n: u64) -> u64 {
    let frame = black_box([n; 9_000]);
    frame[n as usize % 9_000]
}

static ENTERED: AtomicU64 = AtomicU64::new(0);

#[inline(never)]
fn enter_and_leave() {
    for n in 0.. {
        ENTERED.store(n, Ordering::Relaxed);
        black_box(large_frame(n));
    }
}

/// Return addresses and where it stopped, from the inside out, of a goroutine that does not run.
fn frames_of(id: u64) -> Vec<usize> {
    // On one core: it stays as it is while this one is not preempted.
    let _pinned = pin();
    let mut frames = Vec::new();
    goroutines::for_each(&mut |g| {
        let g = goroutines::describe(g);
        let Some(registers) = g.saved.as_ref().filter(|_| g.id == id) else { return };
        let stacks = Stacks::new(core::slice::from_ref(&g.stack));
        let mut walk = Walk::new(image::COLUMNS, &registers.r, registers.pc, Pc::Return, stacks);
        let mut rows = Rows::new(image::tables());
        while let Some(frame) = walk.frame() {
            frames.push(frame.pc);
            walk.advance(&mut rows);
        }
    });
    frames
}

/// A goroutine that was interrupted anywhere in a prologue or epilogue can be walked to its root.
#[burrow::test(smp = 1, exit = 0, console = "walked to the root", timeout = "60s")]
fn interrupted_code_can_be_walked() {
    // covers: H01
    // Surely longer than the function.
    const NEAR: usize = 4096;
    let loops = enter_and_leave as fn() as usize;
    let id = spawn(enter_and_leave).goid();
    until(|| ENTERED.load(Ordering::Relaxed) > 0);
    let first = frames_of(id);
    // Below the function: the goroutine's beginning, the same every time.
    let Some(at) = first.iter().position(|pc| (loops..loops + NEAR).contains(pc)) else {
        panic!("{first:x?} is not in {loops:#x}");
    };
    let root = &first[at + 1..];
    assert!(!root.is_empty());
    for sample in 0..200 {
        runtime::gosched();
        let frames = frames_of(id);
        let above = frames.len().saturating_sub(root.len() + 1);
        assert!(
            frames.ends_with(root) && (loops..loops + NEAR).contains(&frames[above]),
            "sample {sample}: {frames:x?} is not down to {root:x?}"
        );
    }
    println!("walked to the root");
}
