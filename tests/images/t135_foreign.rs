//! Foreign code: C on a stack of its own, calling back, and how it fails.
#![no_std]
#![no_main]

use core::ffi::c_void;
use core::hint::black_box;

use burrow::prelude::*;
use burrow::sync::WaitGroup;
use burrow::sync::atomic::{AtomicU32, Ordering};
use burrow_tests::wait::until;

burrow::test_main!();

unsafe extern "C" {
    fn foreign_add_one(number: *mut c_void) -> i32;
    fn foreign_where(at: *mut c_void) -> i32;
    fn foreign_dig(bytes: *mut c_void) -> i32;
    fn foreign_large_frame(sum: *mut c_void) -> i32;
    fn foreign_recurse(depth: *mut c_void) -> i32;
    fn foreign_write(at: *mut c_void) -> i32;
    fn foreign_spin(flag: *mut c_void) -> i32;
    fn foreign_series(terms: *mut c_void) -> i32;
    fn foreign_call_back(call: *mut c_void) -> i32;
    fn foreign_heap(rounds: *mut c_void) -> i32;
    fn foreign_texts(unused: *mut c_void) -> i32;
    fn foreign_abort(unused: *mut c_void) -> i32;
    fn foreign_assert(number: *mut c_void) -> i32;
    fn foreign_weigh(
        a: i64,
        b: i64,
        c: i64,
        d: i64,
        e: i64,
        f: i64,
        g: i64,
        h: i64,
        i: i64,
        j: f64,
    ) -> i64;
}

type ForeignFn = unsafe extern "C" fn(*mut c_void) -> i32;

/// Calls one of the above with what it takes.
fn call<T>(f: ForeignFn, arg: &mut T) -> i32 {
    // SAFETY: the functions above do with their argument what their C says; tests pass that.
    unsafe { runtime::cgocall(f, (&raw mut *arg).cast()) }
}

/// As in foreign.c.
#[repr(C)]
struct CallBack {
    back: unsafe extern "C" fn(*mut c_void) -> i32,
    arg: *mut c_void,
    times: i32,
}

/// Runs `f` as often as that, called back by C; the sum of what it returns.
fn call_back<F: FnMut() -> i32>(times: i32, mut f: F) -> i32 {
    unsafe extern "C" fn back<F: FnMut() -> i32>(f: *mut c_void) -> i32 {
        // SAFETY: `call_back` passed its own closure, and C calls inside `cgocall`.
        unsafe { runtime::cgocallback(|| (*f.cast::<F>())()) }
    }
    let mut arg = CallBack { back: back::<F>, arg: (&raw mut f).cast(), times };
    call(foreign_call_back, &mut arg)
}

#[burrow::test]
fn it_takes_its_argument_and_returns_its_result() {
    let mut number = 41;
    assert_eq!(call(foreign_add_one, &mut number), 42);
    assert_eq!(number, 42);
    for expected in 43..10_000 {
        assert_eq!(call(foreign_add_one, &mut number), expected);
    }
}

/// Functions of any shape by a closure.
#[burrow::test]
fn it_may_be_called_by_a_closure() {
    // SAFETY: plain arithmetic.
    let sum = unsafe { runtime::call_c(|| foreign_weigh(1, 2, 3, 4, 5, 6, 7, 8, 9, 10.0)) };
    assert_eq!(sum, (1..=10).map(|n| n * n).sum::<i64>());
    let text = String::from("moved there and back");
    // SAFETY: calls nothing foreign at all.
    assert_eq!(unsafe { runtime::call_c(move || text) }, "moved there and back");
}

/// Not on the goroutine's stack, which may be a small one.
#[burrow::test]
fn it_has_a_stack_of_its_own() {
    let handle = Builder::new().max_stack(64 << 10).spawn(|| {
        let (mut there, here) = (0_usize, 0_u8);
        call(foreign_where, &mut there);
        assert!(there.abs_diff((&raw const here).addr()) > 64 << 10);
        let mut bytes = 200 << 10;
        assert_eq!(call(foreign_dig, &mut bytes), 0);
        let mut sum = 0_u64;
        call(foreign_large_frame, &mut sum);
        assert_eq!(sum, 200 * 4 * (0..256).sum::<u64>());
        // The next call finds the same stack.
        let mut again = 0_usize;
        call(foreign_where, &mut again);
        assert_eq!(again, there);
    });
    handle.join().unwrap();
}

/// It computes for as long as it likes, and others run.
#[burrow::test]
fn others_run_meanwhile() {
    let flags: Vec<AtomicU32> =
        (0..2 * runtime::num_cpu() + 1).map(|_| AtomicU32::new(1)).collect();
    scope(|s| {
        let looks = flags.iter().map(|flag| {
            // SAFETY: the flag lives until the scope ends.
            s.spawn(|| unsafe { runtime::cgocall(foreign_spin, flag.as_ptr().cast()) })
        });
        let looks: Vec<_> = looks.collect();
        // All of them at once on all the cores, and still this one has its turn.
        sleep(Duration::from_millis(30));
        flags.iter().for_each(|flag| flag.store(0, Ordering::Release));
        let looks = looks.into_iter().map(|one| one.join().unwrap());
        assert!(looks.sum::<i32>() > 0);
    });
}

/// A frame for tracebacks.
#[inline(never)]
fn spins_here(flag: &AtomicU32) -> i32 {
    // SAFETY: the function only reads the flag.
    black_box(unsafe { runtime::cgocall(foreign_spin, flag.as_ptr().cast()) })
}

/// The goroutine is shown where it made the call, and as what Go calls it.
#[burrow::test(smp = 2)]
fn it_is_shown_where_it_was_called() {
    let flag = AtomicU32::new(1);
    scope(|s| {
        s.go(|| {
            spins_here(&flag);
        });
        // Whatever happens, the other one ends.
        defer! { flag.store(0, Ordering::Release); }
        until(|| {
            let text = runtime::stack(true);
            let own = text.split("\n\n").find(|one| one.contains(" [syscall"));
            own.is_some_and(|one| one.contains("t135_foreign::spins_here(...)"))
        });
    });
}

/// It waits for what only another goroutine on the same core can do.
#[burrow::test]
fn its_p_is_for_others() {
    runtime::gomaxprocs(1);
    let flag = AtomicU32::new(1);
    scope(|s| {
        for _ in 0..3 {
            s.go(|| {
                spins_here(&flag);
            });
        }
        let (ping, pong) = (Chan::new(0), Chan::new(0));
        let (there, back) = (ping.clone(), pong.clone());
        s.go(move || there.iter().for_each(|n: u32| back.send(n)));
        for n in 0..100 {
            ping.send(n);
            assert_eq!(pong.recv(), Some(n));
        }
        ping.close();
        flag.store(0, Ordering::Release);
    });
    runtime::gomaxprocs(runtime::num_cpu());
}

/// Inside of another call that keeps its thread.
#[burrow::test]
fn it_may_be_called_while_blocking() {
    let mut number = 41;
    assert_eq!(runtime::blocking(|| call(foreign_add_one, &mut number)), 42);
}

/// Its registers are its own when it is preempted, floating point too.
#[burrow::test]
fn it_is_preempted_unharmed() {
    // Leibniz: a quarter of pi.
    let work = WaitGroup::new();
    for _ in 0..3 * runtime::num_cpu() {
        work.go(|| {
            let mut first = 200_000_u64;
            call(foreign_series, &mut first);
            let sum = f64::from_bits(first);
            assert!((sum * 4.0 - core::f64::consts::PI).abs() < 1e-4, "{sum}");
            let mut second = 200_000_u64;
            call(foreign_series, &mut second);
            assert_eq!(first, second);
        });
    }
    work.wait();
}

/// Called back, it is a goroutine again.
#[burrow::test]
fn it_calls_back() {
    let id = runtime::goid();
    assert_eq!(call_back(3, || if runtime::goid() == id { 14 } else { 0 }), 42);
    // A closure that returns what needs dropping, on the goroutine's own stack.
    let (mut there, here) = (0, 0_u8);
    call_back(1, || {
        let local = 0_u8;
        there = (&raw const local).addr();
        0
    });
    assert!(there.abs_diff((&raw const here).addr()) < 8 << 10);
}

/// A callback parks, is woken, starts goroutines, and stays on its kernel thread.
#[burrow::test]
fn callbacks_park() {
    let (questions, answers) = (Chan::new(0), Chan::new(0));
    let (asked, answered) = (questions.clone(), answers.clone());
    go(move || asked.iter().for_each(|n: i32| answered.send(2 * n)));
    let sum = call_back(50, || {
        let thread = runtime::thread_id();
        questions.send(21);
        let answer = answers.recv().unwrap();
        sleep(Duration::from_micros(50));
        runtime::gosched();
        assert_eq!(runtime::thread_id(), thread);
        assert_eq!(runtime::lock_os_thread_depth(), 0);
        answer
    });
    questions.close();
    assert_eq!(sum, 50 * 42);
}

/// C calls a callback that calls C, and so on, each below the one before.
#[burrow::test]
fn calls_nest() {
    fn down(levels: u32) -> i32 {
        if levels == 0 {
            runtime::gosched();
            return 1;
        }
        let mut place = 0_usize;
        call(foreign_where, &mut place);
        let sum = call_back(2, || {
            let mut below = 0_usize;
            call(foreign_where, &mut below);
            assert!(below < place && place - below < 256 << 10);
            down(levels - 1)
        });
        let mut after = 0_usize;
        call(foreign_where, &mut after);
        assert_eq!(after, place);
        sum
    }
    // Inside of a call from the start: between two calls another goroutine may get the C stack.
    assert_eq!(call_back(1, || down(8)), 1 << 8);
    let work = WaitGroup::new();
    for _ in 0..20 {
        work.go(|| assert_eq!(call_back(1, || down(4)), 1 << 4));
    }
    work.wait();
}

/// Many calls at once, every one on its own stack.
#[burrow::test]
fn many_at_once() {
    const CALLS: usize = 200;
    let inside = AtomicU32::new(0);
    let gate = Chan::<()>::new(0);
    scope(|s| {
        for n in 0..CALLS {
            let (gate, inside) = (gate.clone(), &inside);
            s.go(move || {
                let result = call_back(1, || {
                    inside.fetch_add(1, Ordering::Relaxed);
                    gate.recv();
                    n as i32
                });
                assert_eq!(result, n as i32);
            });
        }
        until(|| inside.load(Ordering::Relaxed) == CALLS as u32);
        gate.close();
    });
}

/// A panic may be stopped inside the callback; C knows nothing of it.
#[burrow::test]
fn a_callback_recovers() {
    let sum = call_back(10, || match recover(|| panic!("inside")) {
        Ok(()) => 0,
        Err(panic) => panic.to_string().len() as i32,
    });
    assert_eq!(sum, 60);
    // And C is called in deferred work while a panic is on its way.
    let mut number = 41;
    let stopped = recover(|| {
        defer! { call_back(1, || call(foreign_add_one, &mut number)); }
        panic!("outside");
    });
    assert_eq!(stopped.unwrap_err().to_string(), "outside");
    assert_eq!(number, 42);
}

/// Goroutine, C, goroutine: the traceback goes through all of it.
#[burrow::test]
fn tracebacks_go_through_c() {
    let mut text = String::new();
    call_back(1, || {
        text = runtime::stack(false);
        0
    });
    let place = |what: &str| text.find(what).unwrap_or_else(|| panic!("no {what} in {text}"));
    let callback = place("t135_foreign::tracebacks_go_through_c::{closure");
    let c = place("foreign_call_back(...)\n\ttests/c/foreign.c:");
    let caller = place("t135_foreign::call_back::<");
    assert!(callback < c && c < caller, "{text}");
    assert!(text.rfind("t135_foreign::tracebacks_go_through_c(...)").unwrap() > caller, "{text}");
}

/// The traceback of a goroutine that waits in a callback.
#[burrow::test]
fn tracebacks_of_others_go_through_c() {
    let gate = Chan::<()>::new(0);
    let inside = AtomicU32::new(0);
    scope(|s| {
        s.go(|| {
            call_back(1, || {
                inside.store(1, Ordering::Release);
                gate.recv();
                0
            });
        });
        until(|| inside.load(Ordering::Acquire) == 1);
        let shown = || {
            let text = runtime::stack(true);
            let own = text.split("\n\n").find(|one| one.contains("foreign_call_back(...)"));
            own.is_some_and(|one| {
                one.contains("[chan receive") && one.contains("t135_foreign::call_back")
            })
        };
        until(shown);
        gate.close();
    });
}

/// C has the image's heap, and some of its own library.
#[burrow::test]
fn c_has_a_heap_and_texts() {
    let work = WaitGroup::new();
    for _ in 0..2 * runtime::num_cpu() {
        work.go(|| {
            let mut rounds = 3000;
            assert_eq!(call(foreign_heap, &mut rounds), (0..16).sum::<i32>());
        });
    }
    work.wait();
    assert_eq!(call(foreign_texts, &mut ()), 0xff);
}

/// A panic ends at the callback's edge, with a traceback through C; `recover` outside is no help.
#[burrow::test(exit = 2, console = "deferred\npanic: out of the callback\n\ngoroutine 1 [running")]
fn a_panic_does_not_cross_c() {
    let _ = recover(|| {
        call_back(1, || {
            defer! { println!("deferred"); }
            panic!("out of the callback")
        })
    });
    println!("not reached");
}

/// Its traceback.
#[burrow::test(exit = 2, console = "foreign_call_back(...)\n\ttests/c/foreign.c:")]
fn a_panic_shows_the_way_through_c() {
    call_back(1, || panic!("out of the callback"));
}

#[burrow::test(
    exit = 2,
    console = "fatal error: exited a goroutine internally locked to the OS thread"
)]
fn goexit_does_not_cross_c() {
    call_back(1, || runtime::goexit());
}

/// Rust that C calls without asking for a goroutine.
#[burrow::test(exit = 2, console = "panic: on the wrong stack\nfatal error: panic on C stack")]
fn a_panic_on_the_c_stack_is_fatal() {
    // SAFETY: it panics, which is what this is about.
    unsafe { runtime::call_c(|| panic!("on the wrong stack")) }
}

/// Go's words, and where in C.
#[burrow::test(exit = 2, console = "signal arrived during cgo execution\n\ngoroutine 1 ")]
fn a_fault_in_c_is_fatal() {
    let mut nowhere = black_box(core::ptr::null_mut());
    // SAFETY: none: a null pointer.
    unsafe { runtime::cgocall(foreign_write, nowhere) };
    nowhere = core::ptr::null_mut();
    black_box(nowhere);
}

#[burrow::test(exit = 2, console = "foreign_write(...)\n\ttests/c/foreign.c:")]
fn a_fault_in_c_says_where() {
    // SAFETY: none: nothing is there.
    unsafe { runtime::cgocall(foreign_write, core::ptr::without_provenance_mut(0x1234_5678)) };
}

#[burrow::test(exit = 2, console = "runtime: C stack exceeds 262144-byte limit\n")]
fn the_c_stack_has_a_limit() {
    call(foreign_recurse, &mut ());
}

#[burrow::test(exit = 2, console = "frames elided...\n")]
fn a_c_stack_overflow_shows_both_ends() {
    call(foreign_recurse, &mut ());
}

#[burrow::test(exit = 2, console = "fatal error: abort called by foreign code")]
fn c_aborts() {
    call(foreign_abort, &mut ());
}

#[burrow::test(
    exit = 2,
    console = "fatal error: assertion failed: *(int *)number == 42, c/foreign.c:"
)]
fn c_asserts() {
    call(foreign_assert, &mut 41);
}

/// What waits in a channel has no business on the C stack.
#[burrow::test(exit = 2, console = "fatal error: ")]
fn c_does_not_park() {
    let nothing = Chan::<()>::new(0);
    // SAFETY: calls nothing foreign.
    unsafe { runtime::call_c(|| nothing.recv()) };
}

#[burrow::test(exit = 2, console = "fatal error: cgocallback: not called by foreign code")]
fn callbacks_are_for_foreign_code() {
    // SAFETY: none: that is what is tested.
    unsafe { runtime::cgocallback(|| ()) };
}

#[burrow::test(exit = 2, console = "fatal error: cgocall: not on a goroutine's stack")]
fn the_c_stack_is_no_goroutines() {
    // SAFETY: none: that is what is tested.
    unsafe { runtime::call_c(|| call(foreign_add_one, &mut 1)) };
}
