//! What ends an image: its text, its dump and its exit code. Each case is a boot of its own.
//!
//! covers: F01, F05, F09, F10, F15, K18, T02, T05
#![no_std]
#![no_main]
#![feature(core_intrinsics)]
#![allow(internal_features)]

use core::hint::black_box;
use core::sync::atomic::{AtomicU32, Ordering};

use burrow::goroutine::go_option;
use burrow::kernel::config::CONFIG;
use burrow::kernel::g::Status;
use burrow::kernel::panic::fatal;
use burrow::kernel::sched::system::systemstack;
use burrow::kernel::sched::table::user_goroutines;
use burrow::kernel::sync::pin;
use burrow::prelude::*;
use burrow::sync::WaitGroup;
use burrow_tests::wait::until;

burrow::test_main!();

#[burrow::test(
    exit = 2,
    console = "panic: test\n\ngoroutine 1 [running]:\nt80_fatal::a_panic_shows_its_goroutine(...)\n"
)]
fn a_panic_shows_its_goroutine() {
    panic!("test");
}

#[burrow::test(exit = 2, console = "panic: one\n\ttwo\n\t\n\ngoroutine 1 [running]:\n")]
fn newlines_in_a_panic_are_indented() {
    panic!("one\ntwo\n");
}

#[burrow::test(
    exit = 2,
    console = "panic: runtime error: index out of range [5] with length 3\n\ngoroutine 1"
)]
fn an_index_out_of_range() {
    let array = [1, 2, 3];
    black_box(array[black_box(5)]);
}

#[burrow::test(exit = 2, console = "panic: runtime error: integer divide by zero\n\ngoroutine 1")]
fn a_division_by_zero() {
    black_box(1 / black_box(0));
}

#[burrow::test(
    exit = 2,
    console = "panic: runtime error: invalid memory address or nil pointer dereference\n[signal \
               SIGSEGV: segmentation violation code="
)]
fn a_null_pointer() {
    // SAFETY: faults, which is what is tested.
    black_box(unsafe { black_box(8 as *const u32).read_volatile() });
}

#[burrow::test(
    exit = 2,
    console = " addr=0x10 pc=0x10]\n\ngoroutine 1 [running]:\nt80_fatal::a_call_of_nothing(...)\n"
)]
fn a_call_of_nothing() {
    // SAFETY: not a function: faults, which is what is tested.
    let nothing: extern "C" fn() = unsafe { core::mem::transmute(black_box(16_usize)) };
    nothing();
    black_box(0);
}

#[burrow::test(
    exit = 2,
    console = "unexpected fault address 0xffffbff012345678\nfatal error: fault\n[signal SIGSEGV: "
)]
fn a_wild_pointer() {
    // SAFETY: nothing is mapped at the end of the stacks' space: faults, which is what is tested.
    black_box(unsafe { black_box(0xffff_bff0_1234_5678_usize as *const u8).read_volatile() });
}

#[burrow::test(exit = 2, console = "SIG…\nPC=0x… m=… sigcode=0x…\n\ngoroutine 1 gp=0x")]
fn an_instruction_that_traps() {
    core::intrinsics::abort();
}

struct Refuses;

impl core::fmt::Display for Refuses {
    fn fmt(&self, _: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        panic!("cannot be printed")
    }
}

#[burrow::test(
    exit = 2,
    console = "fatal error: panic while printing panic value: cannot be printed\n"
)]
fn a_value_that_panics_when_printed() {
    panic!("{}", Refuses);
}

/// The dump itself fails: what it failed of, and where.
#[burrow::test(
    exit = 2,
    console = "fatal error: first\n…\nfatal error: unexpected signal during runtime \
               execution\n[signal …]\npanic during panic\n\nruntime stack:\n"
)]
fn a_failure_while_failing() {
    let never = Chan::<u32>::new(0);
    let id = spawn(move || never.recv()).goid();
    let parked = || user_goroutines().find(|g| g.goid() == id && g.status() == Status::Waiting);
    until(|| parked().is_some());
    if let Some(g) = parked() {
        // A saved stack pointer where no page is.
        let wrong = (g.stack().lo + 64) & !15;
        // SAFETY: it never runs again; a context begins with its stack pointer.
        unsafe { g.context().cast::<usize>().write(wrong) };
    }
    fatal::fatal("first");
}

/// And that fails too.
#[burrow::test(exit = 4, console = "stack trace unavailable\n")]
fn a_failure_while_failing_to_fail() {
    struct Again;
    impl core::fmt::Display for Again {
        fn fmt(&self, _: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
            panic!("{Again}")
        }
    }
    let _pinned = pin();
    panic!("{Again}");
}

#[burrow::test(
    exit = 2,
    console = "fatal: morestack on g0\nruntime: morestack on g0, stack [0x… 0x…], sp=0x…, called \
               from\n…t80_fatal::recurse_small(...)\n…\n\nfatal error: morestack on g0\n"
)]
fn a_system_stack_that_is_too_small() {
    systemstack(|| black_box(recurse_small(0)));
}

#[burrow::test(exit = 2, console = "panic: held\nfatal error: panic holding locks\n\ngoroutine 1 ")]
fn a_panic_with_preemption_held_off() {
    let _pinned = pin();
    panic!("held");
}

#[burrow::test(exit = 2, console = "fatal error: wrong use\n\ngoroutine 1 [running]:\n")]
fn a_fatal_error() {
    fatal::fatal("wrong use");
}

#[burrow::test(exit = 2, console = "fatal error: broken\n\ngoroutine 1 gp=0x")]
fn a_throw_shows_the_runtime() {
    runtime::throw("broken");
}

#[burrow::test(exit = 2, console = "fatal error: go of nil func value\n\ngoroutine 1 [running]:\n")]
fn a_goroutine_of_nothing() {
    go_option(None::<fn()>);
}

#[burrow::test(exit = 2, console = "cannot allocate 1099511627776-byte block")]
fn out_of_memory() {
    black_box(Vec::<u8>::with_capacity(1 << 40));
}

#[burrow::test(
    exit = 2,
    console = "fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [chan receive]:\n\
               t80_fatal::a_dead_lock(...)\n\ttests/images/t80_fatal.rs:"
)]
fn a_dead_lock() {
    Chan::<u32>::new(0).recv();
    black_box(0);
}

#[burrow::test(
    exit = 2,
    console = "fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [select (no \
               cases)]:\nt80_fatal::a_dead_lock_in_an_empty_select(...)\n"
)]
fn a_dead_lock_in_an_empty_select() {
    select! {}
}

#[burrow::test(
    exit = 2,
    console = "fatal error: no goroutines (main called runtime.Goexit) - deadlock!\n"
)]
fn main_gives_up() {
    for _ in 0..2 {
        go(|| (0..3).for_each(|_| runtime::gosched()));
    }
    runtime::goexit();
}

/// A goroutine that waits, and main too: the dump shows both.
fn dead_lock_with(wait: impl FnOnce() + Send + 'static) {
    go(wait);
    Chan::<u32>::new(0).recv();
}

#[burrow::test(exit = 2, console = " [chan receive (nil chan)]:\n")]
fn waiting_for_a_nil_channel() {
    Chan::<u32>::nil().recv();
}

#[burrow::test(exit = 2, console = " [chan send]:\n")]
fn waiting_to_send() {
    dead_lock_with(|| Chan::new(0).send(1));
}

#[burrow::test(exit = 2, console = " [sync.WaitGroup.Wait]:\n")]
fn waiting_for_a_group() {
    dead_lock_with(|| {
        let group = WaitGroup::new();
        group.add(1);
        group.wait();
    });
}

#[burrow::test(exit = 2, console = "created by t80_fatal::starts_another in goroutine 1\n\ttests/")]
fn who_made_a_goroutine() {
    starts_another();
}

#[inline(never)]
fn starts_another() {
    let never = Chan::<u32>::new(0);
    go(|| panic!("in a goroutine"));
    never.recv();
}

/// Panics with `traceback=` set to that.
fn panic_with(traceback: &str) {
    CONFIG.parse(traceback);
    panic!("look");
}

#[burrow::test(exit = 2, console = "panic: look\n\ngoroutine 1 gp=0x")]
fn the_system_level_shows_addresses() {
    panic_with("traceback=system");
}

#[burrow::test(exit = 2, console = "burrow_kernel::sched::spawn::goroutine_entry(...)\n\tkernel/")]
fn the_system_level_shows_the_runtime() {
    panic_with("traceback=2");
}

#[burrow::test(exit = 2, console = " gcwaiting=false\n  P0: status=")]
fn the_system_level_shows_ps() {
    panic_with("traceback=system");
}

#[burrow::test(exit = 2, console = " lockedg=nil core=0\n")]
fn the_system_level_shows_ms() {
    panic_with("traceback=system");
}

#[burrow::test(exit = 2, smp = 2, console = " [idle]:\nburrow_")]
fn the_crash_level_shows_system_stacks() {
    panic_with("traceback=crash");
}

#[burrow::test(exit = 2, console = "flight ring of core 0:\n")]
fn the_crash_level_shows_the_flight_rings() {
    panic_with("traceback=crash");
}

static SPINNING: AtomicU32 = AtomicU32::new(0);

#[inline(never)]
fn spins() {
    loop {
        SPINNING.fetch_add(1, Ordering::Relaxed);
    }
}

#[burrow::test(exit = 2, smp = 2, console = " [running]:\nt80_fatal::spins(...)\n")]
fn a_goroutine_on_another_core_is_shown() {
    go(spins);
    while SPINNING.load(Ordering::Relaxed) == 0 {
        core::hint::spin_loop();
    }
    panic!("look");
}

#[burrow::test(exit = 2, console = " [runnable]:\nt80_fatal::spins(...)\n")]
fn a_preempted_goroutine_is_shown() {
    // More of them than cores.
    (0..9).for_each(|_| go(spins));
    while SPINNING.load(Ordering::Relaxed) < 10_000_000 {
        runtime::gosched();
    }
    panic!("look");
}

#[burrow::test(
    exit = 2,
    smp = 2,
    // Running, or runnable if its slice ended just then.
    console = "\n\ngoroutine 1 [run"
)]
fn two_cores_fail_at_once() {
    go(fail_together);
    fail_together();
}

/// On two cores at the same moment: one is shown as the one that panicked, both are shown.
#[inline(never)]
fn fail_together() {
    SPINNING.fetch_add(1, Ordering::Relaxed);
    while SPINNING.load(Ordering::Relaxed) < 2 {
        core::hint::spin_loop();
    }
    panic!("together");
}

#[inline(never)]
#[allow(unconditional_recursion)]
fn recurse(depth: usize) -> usize {
    let frame = black_box([depth; 8192]);
    recurse(depth + 1) + frame[depth % 2]
}

#[burrow::test(
    exit = 2,
    console = "runtime: goroutine stack exceeds 1474560-byte limit\nruntime: sp=0x"
)]
fn a_stack_overflow_names_the_limit() {
    overflow();
}

#[burrow::test(exit = 2, console = "fatal error: stack overflow\n\ngoroutine ")]
fn a_stack_overflow_is_fatal() {
    overflow();
}

fn overflow() {
    runtime::set_max_stack(1_474_560);
    go(|| {
        black_box(recurse(0));
    });
    Chan::<u32>::new(0).recv();
}

#[inline(never)]
#[allow(unconditional_recursion)]
fn recurse_small(depth: usize) -> usize {
    let frame = black_box([depth; 2]);
    recurse_small(depth + 1) + frame[depth % 2]
}

#[burrow::test(exit = 2, console = " frames elided...\n")]
fn a_deep_stack_loses_its_middle() {
    black_box(recurse_small(0));
}

#[burrow::test(exit = 7)]
fn an_exit_code_of_ones_own() {
    runtime::exit(7);
}

#[burrow::test(exit = 0, console = "")]
fn main_ends_while_others_run() {
    go(spins);
}
