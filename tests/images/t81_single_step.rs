//! Tracebacks at every instruction: code is stopped before each one that it executes, its stack is
//! walked to the root and shown as a dump would, and it goes on to the right result.
//!
//! covers: H01
#![no_std]
#![no_main]

use core::hint::black_box;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};

use burrow::kernel::g::{self, Preempt};
use burrow::kernel::panic::live;
use burrow::kernel::panic::step::single_step;
use burrow::kernel::sched::preempt::{Outcome, try_preempt};
use burrow::kernel::sched::system::systemstack;
use burrow::kernel::sched::table::user_goroutines;
use burrow::kernel::sync::pin;
use burrow::prelude::*;
use burrow::sync::{Mutex, WaitGroup};
use burrow_arch::trap::{TrapFrame, not_preemptible};
use burrow_tests::steps::{Steps, name};

burrow::test_main!();

/// Names of this image's functions.
const OWN: &str = "t81_single_step::";

#[inline(never)]
fn leaf(n: u64) -> u64 {
    black_box(n) * 3 + 1
}

#[inline(never)]
fn calls_leaf(n: u64) -> u64 {
    leaf(n) + leaf(n + 1)
}

/// Ends in a jump to another function, not in a call.
#[inline(never)]
fn tail(n: u64) -> u64 {
    black_box(calls_leaf(n));
    leaf(n ^ 5)
}

/// A frame larger than an immediate operand can say, probed page by page.
#[inline(never)]
fn large(n: u64) -> u64 {
    let mut frame = [const { MaybeUninit::<u64>::uninit() }; 9_001];
    frame[n as usize % 9_001].write(n);
    black_box(&mut frame);
    // SAFETY: written above.
    calls_leaf(unsafe { frame[n as usize % 9_001].assume_init() })
}

/// Twice as large, and an odd number of words.
#[inline(never)]
fn huge(n: u64) -> u64 {
    let mut frame = [const { MaybeUninit::<u64>::uninit() }; 20_007];
    black_box(&mut frame);
    large(n) + 1
}

#[inline(never)]
#[allow(clippy::too_many_arguments)] // Some go by the stack: that is the case.
fn many(a: u64, b: u64, c: u64, d: u64, e: u64, f: u64, g: u64, h: u64, i: u64, j: u64) -> u64 {
    let sum = leaf(a) ^ leaf(b) ^ leaf(c) ^ leaf(d) ^ leaf(e);
    sum + black_box(f) + black_box(g) * black_box(h) + black_box(i) * black_box(j)
}

#[inline(never)]
fn floats(x: f64, y: f64) -> f64 {
    let (a, b, c) = (black_box(x) * y, black_box(y) / x, black_box(x) - y);
    let n = leaf(a as u64) as f64;
    a + b * n - c
}

#[inline(never)]
fn recurses(n: u64) -> u64 {
    if n == 0 { leaf(n) } else { recurses(n - 1) + black_box(n) }
}

#[inline(never)]
fn through(f: &dyn Fn(u64) -> u64, n: u64) -> u64 {
    f(n) + f(n + 1)
}

/// All of the above.
#[inline(never)]
fn functions() -> u64 {
    let mut sum = calls_leaf(1) + tail(2) + large(3) + huge(4);
    sum += many(1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
    sum += floats(1.5, 2.25).to_bits();
    sum += recurses(12);
    let captured = black_box(7);
    sum += through(&|n| leaf(n + captured), 3);
    sum
}

/// What the code that steps is compared with.
static STEPS: AtomicPtr<Steps> = AtomicPtr::new(core::ptr::null_mut());

/// Lets `f` step while `look` looks at it, and judges what was seen.
#[track_caller]
fn stepped<R>(look: fn(&mut TrapFrame), least: u64, f: impl FnOnce() -> R) -> R {
    let steps = Box::into_raw(Steps::new());
    STEPS.store(steps, Ordering::Relaxed);
    let result = single_step(look, f);
    // SAFETY: nothing steps any more.
    let steps = unsafe { Box::from_raw(steps) };
    println!("{} instructions, {} tracebacks", steps.count, steps.right);
    assert_eq!(steps.wrong(), "");
    assert!(steps.right >= least, "{} tracebacks of {least}", steps.right);
    result
}

/// Walks at every step.
fn walks(frame: &mut TrapFrame) {
    // SAFETY: `stepped` put it there, and one core steps.
    let steps = unsafe { &mut *STEPS.load(Ordering::Relaxed) };
    let at = frame.registers();
    steps.follow(&at);
    steps.check(live::walk_from(&at), at.pc, OWN);
}

#[burrow::test]
fn functions_of_all_kinds() {
    let want = functions();
    let pinned = pin();
    assert_eq!(stepped(walks, 500, functions), want);
    drop(pinned);
}

/// A stack that grows under the steps: frames on pages that no one has touched.
#[burrow::test]
fn while_the_stack_grows() {
    let on_a_new_stack = spawn(|| {
        let pinned = pin();
        let sum = stepped(walks, 200, || huge(4));
        drop(pinned);
        sum
    });
    assert_eq!(on_a_new_stack.join().unwrap(), huge(4));
}

/// The system stack and the goroutine's under it.
#[burrow::test]
fn over_two_stacks() {
    let pinned = pin();
    assert_eq!(stepped(walks, 100, || systemstack(|| calls_leaf(5))), calls_leaf(5));
    drop(pinned);
}

/// Where the goroutine that steps was preempted last, until somebody has looked; or 0.
static STOPPED_AT: AtomicUsize = AtomicUsize::new(0);
/// The instruction at which it goes on: seen already.
static GOES_ON_AT: AtomicUsize = AtomicUsize::new(0);

/// Preempts at every step.
fn preempts(frame: &mut TrapFrame) {
    let pc = frame.pc();
    if not_preemptible(pc) {
        // On its way out. What it saved brings stepping back.
        frame.set_stepping(false);
        return;
    }
    if GOES_ON_AT.swap(0, Ordering::Relaxed) == pc {
        return;
    }
    // SAFETY: as in `walks`.
    let steps = unsafe { &mut *STEPS.load(Ordering::Relaxed) };
    steps.follow(&frame.registers());
    if try_preempt(frame, g::current(), Preempt::Slice) == Outcome::Redirected {
        STOPPED_AT.store(pc, Ordering::Relaxed);
        GOES_ON_AT.store(pc, Ordering::Relaxed);
    }
}

/// Looks at a goroutine that was preempted, as a dump of all does.
fn look_at(id: u64, text: &mut [u8]) {
    let pinned = pin();
    let Some(g) = user_goroutines().find(|g| g.goid() == id) else { return };
    let at = STOPPED_AT.load(Ordering::Relaxed);
    if at == 0 || !g.claim() {
        return;
    }
    STOPPED_AT.store(0, Ordering::Relaxed);
    // SAFETY: the goroutine that steps is claimed, and there is one core.
    let steps = unsafe { &mut *STEPS.load(Ordering::Relaxed) };
    if let Some(mut walk) = live::walk_of(g) {
        // The preemption's own frames, down to the interrupted one.
        steps.skip_to(&mut walk, at);
        steps.check(walk, at, OWN);
    }
    let (right, function) = (steps.right, name(at));
    g.release();
    drop(pinned);
    if right % 16 == 0 && function.starts_with(OWN) {
        let len = runtime::stack_into(text, true);
        let text = core::str::from_utf8(&text[..len]).unwrap();
        // Functions that are inlined there come first.
        let header = format!("goroutine {id} [runnable]:\n{OWN}");
        let part = text.split("\n\n").find(|part| part.starts_with(&header));
        assert!(part.is_some_and(|part| part.contains(function)), "{function} is not in {text}");
    }
}

/// Really preempted at every instruction: the registers lie on the goroutine's own stack, another
/// goroutine looks, and it goes on.
#[burrow::test(smp = 1, exit = 0, console = "went on to the right result", timeout = "60s")]
fn preempted_at_every_instruction() {
    // covers: H02
    static DONE: AtomicBool = AtomicBool::new(false);
    let want = functions();
    let steps = spawn(move || {
        let sum = stepped(preempts, 500, functions);
        DONE.store(true, Ordering::Relaxed);
        sum
    });
    let mut text = vec![0; 64 << 10];
    while !DONE.load(Ordering::Relaxed) {
        look_at(steps.goid(), &mut text);
        runtime::gosched();
    }
    assert_eq!(steps.join().unwrap(), want);
    println!("went on to the right result");
}

/// The runtime's own: memory, channels, locks, a goroutine that starts.
#[burrow::test]
fn in_the_runtime() {
    let (chan, group, mutex) = (Chan::new(2), WaitGroup::new(), Mutex::new(0));
    let words = black_box([1usize, 2, 3]);
    let work = || {
        let mut list = Vec::new();
        for n in words {
            assert!(chan.try_send(Box::new(n)).is_ok() == (n < 3));
            list.push(n);
        }
        let text = format!("{list:?} {:?}", chan.try_recv());
        *mutex.lock() += text.len();
        group.add(1);
        group.done();
        drop(list);
        text
    };
    let pinned = pin();
    let text = stepped(walks, 2_000, work);
    stepped(walks, 250, || go(|| drop(black_box(Box::new(1)))));
    drop(pinned);
    assert_eq!(text, "[1, 2, 3] Ok(1)");
    assert_eq!(*mutex.lock(), text.len());
}
