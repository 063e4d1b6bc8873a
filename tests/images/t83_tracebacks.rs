//! Tracebacks for the program: `runtime::stack`, `stack_into`, `callers`.
#![no_std]
#![no_main]

use core::hint::black_box;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use burrow::kernel::sched::WaitReason;
use burrow::kernel::sched::table::user_goroutines;
use burrow::kernel::sync::pin;
use burrow::prelude::*;
use burrow::runtime::{callers, stack, stack_into};
use burrow::sync::{Cond, Mutex, RwLock, WaitGroup};
use burrow_tests::wait::{go_and_park, until};

burrow::test_main!();

/// Lines of the text that are headers of goroutines.
fn headers(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| line.starts_with("goroutine ") && line.ends_with("]:"))
}

/// Names of the functions in one goroutine's text, innermost first.
fn functions(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for line in text.lines().skip(1).filter(|line| !line.starts_with('\t')) {
        names.extend(line.strip_suffix("(...)"));
    }
    names
}

/// The text of the goroutine whose traceback names that function.
fn of<'a>(text: &'a str, function: &str) -> &'a str {
    let found = text.split("\n\n").find(|part| part.contains(function));
    found.unwrap_or_else(|| panic!("{function} is not in {text}"))
}

#[inline(never)]
fn child() -> String {
    black_box(stack(false))
}

/// One's own: who runs, where, and who started it.
#[burrow::test]
fn a_goroutine_shows_itself() {
    // covers: T02
    let parent = runtime::goid();
    let handle = spawn(|| (runtime::goid(), child()));
    let (id, text) = handle.join().unwrap();
    assert!(text.starts_with(&format!("goroutine {id} [running]:\n")), "{text}");
    assert_eq!(functions(&text)[0], "t83_tracebacks::child", "{text}");
    assert!(text.contains("tests/images/t83_tracebacks.rs:"), "{text}");
    let creator =
        format!("created by t83_tracebacks::a_goroutine_shows_itself in goroutine {parent}\n\t");
    assert!(text.contains(&creator), "{text}");
    assert_eq!(headers(&text).count(), 1);
}

/// A name that the builder gave stands in the header: one's own, and of one that is parked.
#[burrow::test]
fn a_name_is_shown() {
    let (tell, told) = (Chan::new(0), Chan::<()>::new(0));
    let heard = tell.clone();
    let wait = told.clone();
    Builder::new().name("the \"first\"").go(move || {
        tell.send(child());
        wait.recv();
    });
    let text = heard.recv().unwrap();
    assert!(text.contains("the \\\"first\\\"\" [running]:\n"), "{text}");
    until(|| stack(true).contains(" \"the \\\"first\\\"\" [chan receive]:\n"));
    told.close();
}

/// A text that is too long is cut, at any length.
#[burrow::test]
fn a_text_is_cut_to_the_buffer() {
    // covers: K12
    for all in [false, true] {
        let whole = stack(all);
        assert!(whole.starts_with("goroutine "));
        for len in [0, 1, 10, 11, 64, 100, 1024] {
            let mut buf = [b'x'; 1100];
            let written = stack_into(&mut buf[..len], all);
            assert!(written <= len && (written == len || written < 1024), "{written} of {len}");
            assert!(buf[len..].iter().all(|byte| *byte == b'x'));
            let same = written.min("goroutine ".len());
            assert_eq!(&buf[..same], &"goroutine ".as_bytes()[..same]);
            assert!(core::str::from_utf8(&buf[..written]).is_ok());
        }
    }
}

/// As many headers as there are goroutines.
#[burrow::test]
fn every_goroutine_is_in_the_text() {
    // covers: S15
    let (gate, group) = (Chan::<()>::new(0), WaitGroup::new());
    // Whoever ran before is gone: main is left, and this one.
    until(|| runtime::num_goroutine() == 2);
    for _ in 0..10 {
        let text = stack(true);
        assert_eq!(headers(&text).count(), runtime::num_goroutine(), "{text}");
        let gate = gate.clone();
        group.go(move || {
            gate.recv();
        });
    }
    gate.close();
    group.wait();
}

#[inline(never)]
fn receives_from_nobody(from: &Chan<u32>) {
    from.recv();
    black_box(0);
}

#[inline(never)]
fn sends_to_nobody(to: &Chan<u32>) {
    to.send(1);
    black_box(0);
}

#[inline(never)]
fn waits_for_a_group(group: &WaitGroup) {
    group.wait();
    black_box(0);
}

#[inline(never)]
fn receives_from_nil() {
    Chan::<u32>::nil().recv();
    black_box(0);
}

#[inline(never)]
fn sends_to_nil() {
    Chan::<u32>::nil().send(1);
    black_box(0);
}

#[inline(never)]
fn selects(from: &Chan<u32>) {
    select! {
        _ = from.recv() => {},
        from.send(1) => {},
    }
    black_box(0);
}

#[inline(never)]
fn selects_nothing() {
    select! {}
}

#[inline(never)]
fn sleeps() {
    sleep(Duration::from_secs(5));
    black_box(0);
}

#[inline(never)]
fn locks(mutex: &Mutex<u32>) {
    *mutex.lock() += 1;
}

#[inline(never)]
fn reads(lock: &RwLock<u32>) {
    black_box(*lock.read());
}

#[inline(never)]
fn writes(lock: &RwLock<u32>) {
    *lock.write() += 1;
}

#[inline(never)]
fn waits_for_a_condition(mutex: &Mutex<u32>, cond: &Cond) {
    drop(cond.wait(mutex.lock()));
}

/// The same, of what is not a channel.
#[burrow::test]
fn why_goroutines_wait_for_others() {
    // covers: T05
    // One of its goroutines waits for ever.
    burrow::test::keeps();
    static MUTEX: Mutex<u32> = Mutex::new(0);
    static FREE: Mutex<u32> = Mutex::new(0);
    static COND: Cond = Cond::new();
    static READ: RwLock<u32> = RwLock::new(0);
    static WRITTEN: RwLock<u32> = RwLock::new(0);
    let (locked, read, written) = (MUTEX.lock(), READ.read(), WRITTEN.write());
    // Both ends of it are this goroutine's, which does neither.
    let chan = Chan::new(0);
    let both = chan.clone();
    go_and_park(WaitReason::Select, move || selects(&both));
    go_and_park(WaitReason::SelectNoCases, selects_nothing);
    go_and_park(WaitReason::Sleep, sleeps);
    go_and_park(WaitReason::MutexLock, || locks(&MUTEX));
    go_and_park(WaitReason::RwMutexRLock, || reads(&WRITTEN));
    go_and_park(WaitReason::RwMutexLock, || writes(&READ));
    go_and_park(WaitReason::CondWait, || waits_for_a_condition(&FREE, &COND));
    let text = stack(true);
    for (function, reason) in [
        ("selects(", "select"),
        ("selects_nothing(", "select (no cases)"),
        ("sleeps(", "sleep"),
        ("locks(", "sync.Mutex.Lock"),
        ("reads(", "sync.RWMutex.RLock"),
        ("writes(", "sync.RWMutex.Lock"),
        ("waits_for_a_condition(", "sync.Cond.Wait"),
    ] {
        let part = of(&text, &format!("t83_tracebacks::{function}"));
        let header = headers(part).next().unwrap();
        assert!(header.ends_with(&format!(" [{reason}]:")), "{part}");
    }
    drop((locked, read, written));
    COND.signal();
    chan.send(1);
}

/// How long it has waited, and that it is wired to its thread.
#[burrow::test]
fn headers_tell_the_minutes_and_the_lock() {
    let never = Chan::<()>::new(0);
    let held = never.clone();
    let id = spawn(move || held.recv()).goid();
    let parked = || user_goroutines().find(|g| g.goid() == id && g.claim_waiting());
    let mut found = None;
    until(|| {
        found = parked();
        found.is_some()
    });
    let g = found.unwrap();
    let ago = Duration::from_secs(5 * 60 + 59).as_nanos() as u64;
    g.set_waiting_since(burrow::kernel::time::nanotime().wrapping_sub(ago));
    g.release();
    runtime::lock_os_thread();
    let text = stack(true);
    runtime::unlock_os_thread();
    let me = runtime::goid();
    assert!(text.starts_with(&format!("goroutine {me} [running, locked to thread]:\n")), "{text}");
    assert!(text.contains(&format!("\ngoroutine {id} [chan receive, 5 minutes]:\n")), "{text}");
    never.close();
}

/// What goroutines wait for, and where they do.
#[burrow::test]
fn why_goroutines_wait() {
    // Some of its goroutines wait for ever.
    burrow::test::keeps();
    // covers: T05
    let (never, full, group) = (Chan::new(0), Chan::new(0), WaitGroup::new());
    group.add(1);
    {
        let (never, full, group) = (never.clone(), full.clone(), group.clone());
        go_and_park(WaitReason::ChanReceive, move || receives_from_nobody(&never));
        go_and_park(WaitReason::ChanSend, move || sends_to_nobody(&full));
        go_and_park(WaitReason::WaitGroupWait, move || waits_for_a_group(&group));
        go_and_park(WaitReason::ChanReceiveNil, receives_from_nil);
        go_and_park(WaitReason::ChanSendNil, sends_to_nil);
    }
    let text = stack(true);
    for (function, reason) in [
        ("receives_from_nobody", "chan receive"),
        ("sends_to_nobody", "chan send"),
        ("waits_for_a_group", "sync.WaitGroup.Wait"),
        ("receives_from_nil", "chan receive (nil chan)"),
        ("sends_to_nil", "chan send (nil chan)"),
    ] {
        let part = of(&text, function);
        let header = headers(part).next().unwrap();
        assert!(header.ends_with(&format!(" [{reason}]:")), "{part}");
        assert_eq!(functions(part)[0], format!("t83_tracebacks::{function}"), "{part}");
        assert!(
            part.contains("\ncreated by burrow_tests::wait::go_and_park::<")
                && part.contains(" in goroutine "),
            "{part}"
        );
    }
    group.done();
    never.close();
    full.recv();
}

/// Many at once, none waits for another, none is torn.
#[burrow::test]
fn dumps_at_the_same_time() {
    // covers: T07
    let hogs = WaitGroup::new();
    let stop = Arc::new(AtomicBool::new(false));
    for _ in 0..2 {
        let stop = stop.clone();
        hogs.go(move || {
            while !stop.load(Ordering::Relaxed) {
                // Runs, waits and becomes runnable all the time.
                let reply = Chan::new(0);
                let sender = reply.clone();
                go(move || sender.send(1));
                reply.recv();
            }
        });
    }
    for _ in 0..10 {
        let group = WaitGroup::new();
        for _ in 0..2 {
            group.go(|| {
                for _ in 0..10 {
                    let text = stack(true);
                    let id = runtime::goid();
                    assert!(text.starts_with(&format!("goroutine {id} [running]:\n")), "{text}");
                    assert!(!text.contains("unavailable"), "{text}");
                    for part in text.split("\n\n") {
                        assert_eq!(headers(part).count(), 1, "{text}");
                        assert!(part.starts_with("goroutine "), "{text}");
                    }
                }
            });
        }
        group.wait();
    }
    stop.store(true, Ordering::Relaxed);
    hogs.wait();
}

/// Where it may not park it does without stopping the world; inside of a stopped one too.
#[burrow::test]
fn dumps_where_nothing_may_park() {
    let text = runtime::stop_the_world(|| stack(true));
    assert!(headers(&text).count() >= 2 && !text.contains("unavailable"), "{text}");
    let pinned = pin();
    let text = stack(true);
    drop(pinned);
    assert!(headers(&text).count() >= 2, "{text}");
}

#[inline(never)]
fn deep(depth: u32, f: fn() -> String) -> String {
    let text = if depth == 0 { f() } else { deep(depth - 1, f) };
    black_box(text)
}

/// Up to 100 frames are all shown; of more, 50 at either end.
#[burrow::test]
fn long_stacks_lose_their_middle() {
    let names = |depth: u32| deep(depth, child);
    let whole = names(40);
    assert!(!whole.contains("elided"), "{whole}");
    let around = functions(&whole).len() - 41;
    let full = names(99 - around as u32);
    assert_eq!(functions(&full).len(), 100, "{full}");
    assert!(!full.contains("elided"), "{full}");
    for more in [1, 7, 900] {
        let cut = names(99 - around as u32 + more);
        assert!(cut.contains(&format!("\n...{more} frames elided...\n")), "{cut}");
        let (inner, outer) = cut.split_once("elided...").unwrap();
        assert_eq!((functions(inner).len(), functions(outer).len()), (50, 50), "{cut}");
    }
}

#[inline(never)]
fn asks(skip: usize) -> Vec<runtime::Frame> {
    black_box(callers(skip))
}

#[inline(never)]
fn outer(skip: usize) -> Vec<runtime::Frame> {
    black_box(asks(skip))
}

/// The frames by name and place; `skip` leaves out the innermost.
#[burrow::test]
fn callers_have_names_and_places() {
    let all = outer(0);
    assert_eq!(all[0].function, "t83_tracebacks::asks");
    assert_eq!(all[1].function, "t83_tracebacks::outer");
    assert_eq!(all[2].function, "t83_tracebacks::callers_have_names_and_places");
    for frame in &all[..3] {
        assert_eq!(frame.file.as_deref(), Some("tests/images/t83_tracebacks.rs"));
        assert!(frame.line > 0 && frame.pc != 0);
    }
    for skip in [1, 2, all.len(), all.len() + 1] {
        let rest = outer(skip);
        assert_eq!(rest.len(), all.len().saturating_sub(skip));
        assert!(rest.iter().zip(all.iter().skip(skip)).skip(3).all(|(a, b)| a.pc == b.pc));
    }
    // More than the first try has room for.
    fn recurse(depth: u32) -> usize {
        black_box(if depth == 0 { callers(0).len() } else { recurse(depth - 1) })
    }
    assert!(recurse(500) > 500);
}

static SPINNING: AtomicU32 = AtomicU32::new(0);

#[inline(never)]
fn spins_long_enough(stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        SPINNING.fetch_add(1, Ordering::Relaxed);
    }
}

/// A goroutine that was preempted: the frame that it was in, not the preemption's own.
#[burrow::test]
fn preempted_goroutines_show_their_frames() {
    // covers: H02
    let stop = Arc::new(AtomicBool::new(false));
    let group = WaitGroup::new();
    for _ in 0..2 * runtime::num_cpu() {
        let stop = stop.clone();
        group.go(move || spins_long_enough(&stop));
    }
    let mut seen = 0;
    until(|| {
        let text = stack(true);
        for part in text.split("\n\n").filter(|part| part.contains("[runnable]")) {
            let names = functions(part);
            // One that has not begun yet is at its closure.
            if names.first() == Some(&"t83_tracebacks::spins_long_enough") {
                seen += 1;
                assert!(names.len() >= 2, "{part}");
                assert!(part.contains("created by t83_tracebacks::"), "{part}");
            }
        }
        seen >= 50
    });
    stop.store(true, Ordering::Relaxed);
    group.wait();
}
