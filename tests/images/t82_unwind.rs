//! The unwinder under panics: through frames of every kind, with everything in its place
//! afterwards, interrupted and moved at every turn.
#![no_std]
#![no_main]

use burrow::kernel::g::Preempt;
use burrow::kernel::panic::rows::Rows;
use burrow::kernel::panic::step::single_step;
use burrow::kernel::panic::{image, live};
use burrow::kernel::sched::preempt::{Outcome, try_preempt};
use burrow::kernel::sync::pin;
use burrow::kernel::unwind::{Exception, Reason, catch, raise};
use burrow::kernel::{UPCALLS, g, stack};
use burrow::prelude::*;
use burrow::sync::WaitGroup;
use burrow::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use burrow_arch::context::{self, Context};
use burrow_arch::trap::{self, TrapFrame, Upcalls};
use burrow_arch::{clock, timer};
use burrow_tests::arch::{hold_over_calls, kept_core_bases};
use burrow_tests::wait::{preemptions, until};
use core::hint::black_box;

burrow::test_main!();

/// Our own kind of exception, with a word to tell one from another.
#[repr(C)]
struct Thrown {
    header: Exception,
    word: u64,
}

/// Raises one with that word.
#[inline(never)]
fn throw(word: u64) -> ! {
    let thrown = Box::into_raw(Box::new(Thrown { header: Exception::new(1), word }));
    // SAFETY: on the heap until `caught` frees it.
    let reason = unsafe { raise(thrown.cast()) };
    panic!("not caught: {reason:?}");
}

/// The word of what `f` throws; `None` if it comes to its end.
fn caught<R>(f: impl FnOnce() -> R) -> Option<u64> {
    let thrown = catch(f).err()?.cast::<Thrown>();
    // SAFETY: all that is raised here is a `Thrown` from `throw`.
    Some(unsafe { Box::from_raw(thrown) }.word)
}

/// Notes in a list that it was dropped.
struct Noted<'a>(&'a core::cell::RefCell<Vec<u64>>, u64);

impl Drop for Noted<'_> {
    fn drop(&mut self) {
        self.0.borrow_mut().push(self.1);
    }
}

#[burrow::test]
fn what_does_not_throw_is_left_alone() {
    assert_eq!(catch(|| black_box(3)).ok(), Some(3));
    assert_eq!(caught(|| ()), None);
}

#[burrow::test]
fn every_frame_drops_its_own_and_in_order() {
    #[inline(never)]
    fn recurse(list: &core::cell::RefCell<Vec<u64>>, levels: u64) -> u64 {
        let _first = Noted(list, levels * 2);
        let _second = Noted(list, levels * 2 + 1);
        if levels == 0 {
            throw(77);
        }
        recurse(list, levels - 1) + black_box(1)
    }
    for levels in [0, 1, 10, 300] {
        let list = core::cell::RefCell::new(Vec::new());
        let word = caught(|| recurse(&list, levels));
        assert_eq!(word, Some(77));
        let expected: Vec<u64> = (0..=levels).flat_map(|n| [n * 2 + 1, n * 2]).collect();
        assert_eq!(list.into_inner(), expected);
    }
}

#[burrow::test]
fn the_innermost_one_catches() {
    let outer = caught(|| {
        assert_eq!(caught(|| throw(1)), Some(1));
        assert_eq!(caught(|| caught(|| throw(2))), None);
        throw(3);
    });
    assert_eq!(outer, Some(3));
}

#[burrow::test]
fn one_is_thrown_and_caught_while_another_unwinds() {
    struct Throws<'a>(&'a AtomicU64, u64);
    impl Drop for Throws<'_> {
        fn drop(&mut self) {
            let _inner = (self.1 > 0).then(|| Throws(self.0, self.1 - 1));
            let word = caught(|| throw(self.1));
            self.0.fetch_add(word.unwrap(), Ordering::Relaxed);
        }
    }
    let sum = AtomicU64::new(0);
    let word = caught(|| {
        let _throws = Throws(&sum, 10);
        throw(5);
    });
    assert_eq!((word, sum.load(Ordering::Relaxed)), (Some(5), 55));
}

#[inline(never)]
fn with_large_frame(f: &dyn Fn(), levels: u64) -> u64 {
    let frame = black_box([levels; 9_000]);
    if levels == 0 {
        f();
    } else {
        with_large_frame(f, levels - 1);
    }
    frame[levels as usize]
}

/// Frames of 72 KiB, calls through tables of functions, and a comparison that calls back.
#[burrow::test]
fn through_large_frames_and_indirect_calls() {
    let dropped = AtomicU32::new(0);
    struct Counts<'a>(&'a AtomicU32);
    impl Drop for Counts<'_> {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let throws: Box<dyn Fn()> = Box::new(|| {
        let _counts = Counts(&dropped);
        throw(9)
    });
    let word = caught(|| black_box(with_large_frame(&*throws, 4)));
    assert_eq!((word, dropped.load(Ordering::Relaxed)), (Some(9), 1));
    let mut values = [3, 1, 2];
    let word = caught(|| {
        values.sort_unstable_by(|_, _| {
            let _counts = Counts(&dropped);
            throw(10)
        });
    });
    assert_eq!((word, dropped.load(Ordering::Relaxed)), (Some(10), 2));
    values.sort_unstable();
    assert_eq!(values, [1, 2, 3]);
}

/// A frame with much in registers over a call that throws.
#[inline(never)]
fn busy(levels: u64, seed: f64) -> f64 {
    let floats: [f64; 8] = core::array::from_fn(|i| black_box(seed) * (i as f64 + 1.0));
    let words: [u64; 10] = core::array::from_fn(|i| black_box(levels) ^ i as u64);
    let _held = black_box(Box::new(levels));
    if levels == 0 {
        throw(11);
    }
    let below = busy(levels - 1, seed + 1.0);
    let [a, b, c, d, e, f, g, h] = floats;
    let sum = words.iter().fold(0, |sum, word| sum ^ word) as f64;
    below + a * b + c * d + e * f + g * h + sum
}

extern "C" fn throws_and_catches() {
    let word = caught(|| black_box(busy(6, 1.5)));
    assert_eq!(word, Some(11));
}

/// What a call must keep, floating-point registers too, has its value back in the frame that
/// catches, whatever the frames in between had in them.
#[burrow::test]
fn kept_registers_are_put_back() {
    for seed in 1..40 {
        assert_eq!(hold_over_calls(seed, throws_and_catches, 3), 0);
    }
}

/// Locals of a frame that cleans up and of one that catches are as they were.
#[burrow::test]
fn locals_are_as_they_were() {
    struct Sees<'a>(&'a [u64; 4], f64, &'a AtomicU64);
    impl Drop for Sees<'_> {
        fn drop(&mut self) {
            assert_eq!(self.0, &[1, 2, 3, 4]);
            self.2.fetch_add((self.1 * 2.0) as u64, Ordering::Relaxed);
        }
    }
    let seen = AtomicU64::new(0);
    let (words, float) = (black_box([1, 2, 3, 4]), black_box(2.5));
    let word = caught(|| {
        let _sees = Sees(&words, float, &seen);
        throws_and_catches();
        busy(3, 0.5);
    });
    assert_eq!((word, seen.load(Ordering::Relaxed)), (Some(11), 5));
    assert_eq!((words, float), ([1, 2, 3, 4], 2.5));
}

/// A stack of its own without anybody that catches, and the way back.
struct Alone {
    back: Context,
    alone: Context,
    reason: Option<Reason>,
}

/// `C-unwind`: a plain `C` function stops whatever unwinds.
extern "C-unwind" fn throw_alone(at: usize) -> ! {
    let alone = at as *mut Alone;
    let mut thrown = Thrown { header: Exception::new(1), word: 0 };
    // SAFETY: nobody else uses either while this runs.
    unsafe { (*alone).reason = Some(raise(&raw mut thrown.header)) };
    let current = burrow_arch::cpu::current();
    // SAFETY: the test switched away from `back` and waits there, preemption held off.
    unsafe { context::switch(&raw mut (*alone).alone, &raw const (*alone).back, current, 0) };
    unreachable!()
}

/// At the end of the stack nothing has happened, and whoever raised goes on.
#[burrow::test]
fn the_end_of_the_stack_comes_back() {
    let mut stack = vec![0u128; 4096];
    let top = stack.as_mut_ptr_range().end as usize;
    let entry = throw_alone as extern "C-unwind" fn(usize) -> !;
    // SAFETY: called in the same way; nothing unwinds out of it.
    let entry: extern "C" fn(usize) -> ! = unsafe { core::mem::transmute(entry) };
    // SAFETY: memory of our own.
    let alone = unsafe { Context::new(top, entry) };
    let mut alone = Alone { back: Context::empty(), alone, reason: None };
    let at = &raw mut alone;
    let pinned = pin();
    let current = burrow_arch::cpu::current();
    // SAFETY: a new context; preemption is held off until it has switched back.
    unsafe { context::switch(&raw mut (*at).back, &raw const (*at).alone, current, at as usize) };
    drop(pinned);
    assert_eq!(alone.reason, Some(Reason::EndOfStack));
    drop(stack);
}

/// A goroutine that is moved to another core in the middle of unwinding, again and again.
#[burrow::test(smp = 2)]
fn cores_change_in_the_middle() {
    // covers: H17
    struct Moves<'a>(&'a AtomicU32);
    impl Drop for Moves<'_> {
        fn drop(&mut self) {
            let core = || pin().core().index;
            let first = core();
            until(|| core() != first);
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    #[inline(never)]
    fn recurse(moves: &AtomicU32, levels: u64) -> f64 {
        let _moves = Moves(moves);
        let float = black_box(1.5) * levels as f64;
        if levels == 0 {
            throw(levels);
        }
        recurse(moves, levels - 1) + float
    }
    // Others that want the cores, so that whoever yields may find itself elsewhere.
    static STOP: AtomicBool = AtomicBool::new(false);
    let others = WaitGroup::new();
    for _ in 0..3 * runtime::num_cpu() {
        others.go(|| {
            while !STOP.load(Ordering::Relaxed) {
                runtime::gosched();
            }
        });
    }
    let moves = AtomicU32::new(0);
    for _ in 0..5 {
        assert_eq!(caught(|| black_box(recurse(&moves, 4))), Some(0));
    }
    STOP.store(true, Ordering::Relaxed);
    others.wait();
    assert_eq!(moves.load(Ordering::Relaxed), 25);
}

/// Nowhere does code hold on to the base of its core's data, which it could use on another core.
#[burrow::test]
fn no_base_of_a_core_is_kept() {
    // covers: H17
    let range = image::tables().text;
    // SAFETY: the image's text.
    let text = unsafe { core::slice::from_raw_parts(range.start as *const u8, range.len()) };
    assert_eq!(kept_core_bases(text), [0; 0]);
}

/// Many goroutines throw and catch without a pause, and are preempted wherever they are.
#[burrow::test(timeout = "60s")]
fn preempted_wherever_it_is() {
    let wrong = Arc::new(AtomicU32::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let running = WaitGroup::new();
    for seed in 1..=runtime::num_cpu() as u64 * 3 {
        let (wrong, stop) = (wrong.clone(), stop.clone());
        running.go(move || {
            for round in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let differ = hold_over_calls(seed << 32 | round, throws_and_catches, 10);
                wrong.fetch_add(differ, Ordering::Relaxed);
            }
        });
    }
    let wanted = preemptions() + 30;
    until(|| preemptions() >= wanted);
    stop.store(true, Ordering::Relaxed);
    running.wait();
    assert_eq!(wrong.load(Ordering::Relaxed), 0, "registers changed");
}

/// The kernel's own, but for the timer.
static IN_BETWEEN: Upcalls = Upcalls { timer: interrupt, ..UPCALLS };
static INTERRUPTS: AtomicU32 = AtomicU32::new(0);
static REDIRECTED: AtomicU32 = AtomicU32::new(0);
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Overwrites what is free below the stack pointer, if that is a goroutine's.
fn overwrite_below(frame: &TrapFrame) -> bool {
    const BELOW: usize = 512;
    let (stack, sp) = (g::current().stack(), frame.sp());
    if g::current().is_g0() || !stack.holds_sp(sp) || !stack::ensure(&stack, sp, BELOW) {
        return false;
    }
    for word in 1..=BELOW / 8 {
        // SAFETY: the kernel has just made sure of it, and there is no red zone.
        unsafe { ((sp - word * 8) as *mut usize).write_unaligned(0x5a5a) };
    }
    true
}

/// Overwrites and preempts, wherever that may be.
fn interrupt(frame: &mut TrapFrame) {
    let g = g::current();
    let count = INTERRUPTS.fetch_add(1, Ordering::Relaxed);
    if overwrite_below(frame) {
        let redirected = try_preempt(frame, g, Preempt::Slice) == Outcome::Redirected;
        REDIRECTED.fetch_add(u32::from(redirected), Ordering::Relaxed);
    }
    // Never in step with what is interrupted.
    let next = NEXT.load(Ordering::Relaxed) + u64::from(count % 991);
    timer::set(clock::nanotime() + next);
}

/// What is seen of code that is stopped before every instruction.
struct Looks {
    rows: Rows<'static>,
    steps: u32,
    /// The outermost frames, as in the beginning.
    root: [usize; 4],
    /// Where a walk led somewhere else first.
    lost: Option<usize>,
}

static LOOKS: AtomicPtr<Looks> = AtomicPtr::new(core::ptr::null_mut());

/// Walks to the root, then does what an interrupt may do to the stack.
fn look(frame: &mut TrapFrame) {
    // SAFETY: the test below put it there, and one core steps.
    let looks = unsafe { &mut *LOOKS.load(Ordering::Relaxed) };
    let (mut walk, mut root) = (live::walk_from(&frame.registers()), [0; 4]);
    while let Some(at) = walk.frame() {
        root.rotate_left(1);
        root[3] = at.pc;
        walk.advance(&mut looks.rows);
    }
    looks.steps += 1;
    if looks.steps == 1 {
        looks.root = root;
    } else if root != looks.root {
        looks.lost.get_or_insert(frame.pc());
    }
    overwrite_below(frame);
}

/// Before every single instruction of throwing and catching there is a way to the root for
/// tracebacks, and nothing is wanted of what lies below the stack pointer.
#[burrow::test(timeout = "60s")]
fn every_instruction_can_be_interrupted() {
    let root = [0; 4];
    let looks = Box::new(Looks { rows: Rows::new(image::tables()), steps: 0, root, lost: None });
    LOOKS.store(Box::into_raw(looks), Ordering::Relaxed);
    let pinned = pin();
    let differ = single_step(look, || hold_over_calls(7, throws_and_catches, 1));
    drop(pinned);
    // SAFETY: nothing steps any more.
    let looks = unsafe { Box::from_raw(LOOKS.load(Ordering::Relaxed)) };
    println!("{} instructions", looks.steps);
    assert_eq!(looks.lost, None);
    assert_eq!(differ, 0, "registers changed");
    assert!(looks.steps > 2_000, "too few");
}

/// Interrupted and preempted every few microseconds; with `every=2500` and enough of them under an
/// emulator that counts instructions, at every single one.
#[burrow::test(smp = 1, exit = 0, console = "nothing was lost", timeout = "60s")]
fn preempted_all_the_time() {
    let number = |name: &str, usual| {
        burrow::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(usual)
    };
    NEXT.store(number("every", 20_000), Ordering::Relaxed);
    let wanted = number("preemptions", 3_000) as u32;
    trap::set_upcalls(&IN_BETWEEN);
    timer::set(clock::nanotime());
    let mut seed = 0;
    while REDIRECTED.load(Ordering::Relaxed) < wanted {
        seed += 1;
        assert_eq!(hold_over_calls(seed, throws_and_catches, 3), 0, "registers changed");
    }
    trap::set_upcalls(&UPCALLS);
    println!("{wanted} preemptions, {} exceptions: nothing was lost", seed * 3);
}
