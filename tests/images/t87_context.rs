//! Contexts: cancellation, deadlines, values, causes, functions called at the end.
#![no_std]
#![no_main]

use core::any::Any;

use burrow::context::{Custom, Error};
use burrow::prelude::*;
use burrow::sync::atomic::{AtomicU32, Ordering};
use burrow::sync::{Mutex, WaitGroup};
use burrow_tests::wait::until;

burrow::test_main!();

/// Longer than any test.
const LONG: Duration = Duration::from_secs(3_600);
const SHORT: Duration = Duration::from_millis(5);

fn is_done(context: &Context) -> bool {
    let closed = context.done().try_recv() == Err(TryRecvError::Closed);
    assert_eq!(closed, context.err().is_some());
    closed
}

#[track_caller]
fn assert_canceled(context: &Context) {
    assert!(is_done(context), "{context}");
    assert_eq!(context.err(), Some(Error::Canceled));
}

/// A context of the program's own that leaves everything to its parent.
struct Wrapping(Context);

impl Custom for Wrapping {
    fn parent(&self) -> &Context {
        &self.0
    }
}

/// One with an end of its own, and a value.
struct Own {
    parent: Context,
    done: Chan<()>,
    ended: Arc<Mutex<Option<Error>>>,
}

impl Own {
    fn make(parent: &Context) -> (Context, impl Fn(Error) + use<>) {
        let (done, ended) = (Chan::new(0), Arc::new(Mutex::new(None)));
        let own = Self { parent: parent.clone(), done: done.clone(), ended: ended.clone() };
        let end = move |err| {
            *ended.lock() = Some(err);
            done.close();
        };
        (Context::custom(own), end)
    }
}

impl Custom for Own {
    fn parent(&self) -> &Context {
        &self.parent
    }
    fn done(&self) -> RecvChan<()> {
        (&self.done).into()
    }
    fn err(&self) -> Option<Error> {
        *self.ended.lock()
    }
    fn value(&self, key: &dyn Any) -> Option<&(dyn Any + Send + Sync)> {
        (key.downcast_ref() == Some(&Tag(0))).then_some(&"own" as &(dyn Any + Send + Sync))
    }
}

#[derive(PartialEq, Eq, Debug)]
struct Tag(u32);

#[derive(PartialEq, Eq, Debug)]
struct OtherTag(u32);

fn why(context: &Context) -> String {
    context.cause().map_or("none".into(), |cause| cause.to_string())
}

#[burrow::test]
fn roots_never_end() {
    // covers: Z01
    for (root, name) in
        [(Context::background(), "context.Background"), (Context::todo(), "context.TODO")]
    {
        assert!(root.done().is_nil() && !is_done(&root));
        assert!(root.deadline().is_none() && root.cause().is_none());
        assert_eq!(root.value::<u32>(&1), None);
        assert_eq!(root.to_string(), name);
    }
}

#[burrow::test]
fn names_are_those_of_go() {
    // covers: Z01
    let (child, cancel) = Context::background().with_cancel();
    assert_eq!(child.to_string(), "context.Background.WithCancel");
    let named = child.with_value("user", String::from("gopher")).with_value(Tag(1), 2u32);
    assert_eq!(
        named.to_string(),
        "context.Background.WithCancel.WithValue(user, gopher).WithValue(t87_context::Tag, u32)"
    );
    let (timed, stop) = Context::todo().without_cancel().with_timeout(LONG);
    assert!(timed.to_string().starts_with("context.TODO.WithoutCancel.WithDeadline("));
    assert_eq!(Context::custom(Wrapping(timed)).to_string(), "t87_context::Wrapping");
    let text = format!("{child:?}");
    assert_eq!(text, "Context { name: context.Background.WithCancel, err: None, children: 0 }");
    cancel();
    stop();
}

#[burrow::test]
fn cancel_ends_all_descendants_before_it_returns() {
    // covers: Z02
    let (root, cancel) = Context::background().with_cancel();
    let valued = root.with_value(Tag(1), ());
    let wrapped = Context::custom(Wrapping(valued.clone()));
    let (child, _cancel_child) = wrapped.with_cancel();
    let (timed, _cancel_timed) = child.with_timeout(LONG);
    let twice = Context::custom(Wrapping(Context::custom(Wrapping(timed.clone()))));
    let (leaf, _cancel_leaf) = twice.with_cancel_cause();
    let all = [root, valued, wrapped, child, timed, twice, leaf];
    assert!(!all.iter().any(is_done));
    cancel();
    all.iter().for_each(assert_canceled);
    cancel.cancel();
    all.iter().for_each(assert_canceled);
}

#[burrow::test]
fn an_end_of_ones_own_is_followed() {
    // covers: Z02
    let before = runtime::num_goroutine();
    let (root, cancel_root) = Context::background().with_cancel();
    let (own, end) = Own::make(&root);
    let (child, _cancel) = own.with_cancel();
    let (sibling, cancel_sibling) = own.with_cancel();
    // Its own end counts, not that of what it wraps.
    cancel_root();
    assert!(!is_done(&own) && !is_done(&child));
    cancel_sibling();
    assert_canceled(&sibling);
    end(Error::DeadlineExceeded);
    child.done().recv();
    assert_eq!(child.err(), Some(Error::DeadlineExceeded));
    // The core above has ended too, and gives the cause.
    assert_eq!(why(&child), "context canceled");
    let (late, _cancel_late) = own.with_cancel();
    assert_eq!(late.err(), Some(Error::DeadlineExceeded));
    assert_eq!(late.value(&Tag(0)), Some(&"own"));
    until(|| runtime::num_goroutine() <= before);
}

/// Ends by its deadline, and not before.
fn assert_runs_out(context: &Context, from: Instant, after: Duration) {
    assert!(context.deadline().is_some_and(|deadline| deadline >= from + after));
    context.done().recv();
    assert!(from.elapsed() >= after);
    assert_eq!(context.err(), Some(Error::DeadlineExceeded));
    assert_eq!(why(context), "context deadline exceeded");
}

#[burrow::test]
fn deadlines() {
    // covers: Z03
    let root = Context::background();
    let start = Instant::now();
    let (soon, _cancel) = root.with_deadline(start + SHORT);
    let wrapped = Context::custom(Wrapping(soon.clone()));
    assert_eq!(soon.deadline(), Some(start + SHORT));
    assert!(!is_done(&soon) || start.elapsed() >= SHORT);
    assert_runs_out(&soon, start, SHORT);
    assert_runs_out(&wrapped, start, SHORT);
    // A longer child ends with its parent, a shorter one before it.
    let start = Instant::now();
    let (parent, _cancel) = root.with_deadline(start + SHORT * 2);
    let (longer, _cancel) = parent.with_deadline(start + LONG);
    let (shorter, _cancel) = longer.with_timeout(SHORT);
    assert_eq!(longer.deadline(), parent.deadline());
    assert_runs_out(&shorter, start, SHORT);
    assert_runs_out(&longer, start, SHORT * 2);
    for past in [Instant::now(), Instant::now() - SHORT] {
        let (over, cancel) = root.with_deadline(past);
        assert_eq!(over.err(), Some(Error::DeadlineExceeded));
        cancel();
        assert_eq!(over.err(), Some(Error::DeadlineExceeded));
    }
}

#[burrow::test]
fn timeouts() {
    // covers: Z04
    let root = Context::background();
    let start = Instant::now();
    let (soon, cancel_soon) = root.with_timeout(SHORT);
    let (longer, _cancel) = soon.with_value(Tag(1), ()).with_timeout(LONG);
    assert_runs_out(&soon, start, SHORT);
    assert_runs_out(&longer, start, SHORT);
    cancel_soon();
    assert_eq!(soon.err(), Some(Error::DeadlineExceeded));
    let (long, cancel) = root.with_timeout(LONG);
    let (child, _cancel) = long.with_timeout(Duration::MAX);
    assert!(!is_done(&long));
    cancel();
    assert_canceled(&long);
    assert_canceled(&child);
    let (none, _cancel) = root.with_timeout(Duration::ZERO);
    assert_eq!(none.err(), Some(Error::DeadlineExceeded));
}

#[burrow::test]
fn the_nearest_binding_wins() {
    // covers: Z05
    let root = Context::background();
    let one = root.with_value(Tag(1), "one");
    assert_eq!((one.value(&Tag(1)), root.value::<&str>(&Tag(1))), (Some(&"one"), None));
    let both = one.with_value(Tag(2), "two").with_value(OtherTag(1), "other");
    assert_eq!(both.value(&Tag(1)), Some(&"one"));
    assert_eq!(both.value(&Tag(2)), Some(&"two"));
    assert_eq!(both.value(&OtherTag(1)), Some(&"other"));
    assert_eq!(both.value::<&str>(&1u32), None);
    let (hidden, _cancel) = both.with_value(Tag(1), ()).with_cancel();
    assert_eq!(hidden.value::<&str>(&Tag(1)), None);
    assert_eq!(hidden.value(&Tag(1)), Some(&()));
    let again = Context::custom(Wrapping(hidden)).with_value(Tag(1), "again");
    assert_eq!((again.value(&Tag(1)), again.value(&Tag(2))), (Some(&"again"), Some(&"two")));
    assert_eq!(one.value(&Tag(1)), Some(&"one"));
    let (own, _end) = Own::make(&both);
    assert_eq!((own.value(&Tag(0)), own.value(&Tag(1))), (Some(&"own"), Some(&"one")));
}

/// The same numbers every time.
struct Numbers(u32);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as usize % limit
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        (1..items.len()).for_each(|n| items.swap(n, self.below(n + 1)));
    }
}

#[burrow::test]
fn a_tree_is_cancelled_from_all_sides() {
    // covers: Z06
    for seed in 0..5 {
        let mut numbers = Numbers(seed);
        let (mut contexts, mut cancels) = (Vec::new(), Vec::new());
        for n in 0..100 {
            let parent = if n == 0 {
                Context::background()
            } else {
                contexts.clone().swap_remove(numbers.below(n))
            };
            let (child, cancel) = match n % 3 {
                0 => parent.with_timeout(LONG),
                1 => Context::custom(Wrapping(parent)).with_cancel(),
                _ => parent.with_cancel(),
            };
            contexts.push(child);
            cancels.push((n, cancel));
        }
        numbers.shuffle(&mut cancels);
        let (contexts, all) = (Arc::new(contexts), WaitGroup::new());
        for (n, cancel) in cancels {
            let contexts = contexts.clone();
            all.go(move || {
                cancel();
                assert_canceled(&contexts[n]);
            });
        }
        all.wait();
        contexts.iter().for_each(assert_canceled);
        assert!(contexts.iter().all(|one| format!("{one:?}").ends_with("children: 0 }")));
    }
}

#[burrow::test]
fn layers_upon_layers() {
    // covers: Z08
    for seed in 0..20 {
        let mut numbers = Numbers(seed);
        let (mut top, mut cancels, mut bound) = (Context::background(), Vec::new(), Vec::new());
        for n in 0..40 {
            match numbers.below(4) {
                0 => {
                    top = top.with_value(Tag(n), n);
                    bound.push(n);
                }
                1 => top = Context::custom(Wrapping(top)),
                2 => {
                    let (child, cancel) = top.with_cancel();
                    (top, _) = (child, cancels.push(cancel));
                }
                _ => {
                    let (child, cancel) = top.with_timeout(LONG);
                    (top, _) = (child, cancels.push(cancel));
                }
            }
        }
        let check = || assert!(bound.iter().all(|n| top.value(&Tag(*n)) == Some(n)));
        check();
        assert!(!is_done(&top) && !cancels.is_empty());
        cancels[numbers.below(cancels.len())]();
        assert_canceled(&top);
        check();
        cancels.iter().for_each(|cancel| cancel());
    }
}

#[burrow::test]
fn a_long_line_of_descendants_ends_at_once() {
    // covers: Z02
    let (root, cancel) = Context::background().with_cancel();
    let (mut leaf, mut cancels) = (root, Vec::new());
    for n in 0..1_000 {
        let (child, cancel) = leaf.with_value(Tag(n), n).with_cancel();
        cancels.push(cancel);
        leaf = child;
    }
    assert_eq!(leaf.value(&Tag(0)), Some(&0u32));
    cancel();
    assert_canceled(&leaf);
    drop((leaf, cancels));
}

#[burrow::test]
fn what_is_detached_keeps_values_only() {
    // covers: Z16
    let (parent, cancel) = Context::background().with_value(Tag(1), "kept").with_timeout(LONG);
    let detached = parent.without_cancel();
    cancel();
    assert!(detached.done().is_nil() && detached.err().is_none() && detached.deadline().is_none());
    assert!(detached.cause().is_none());
    assert_eq!(detached.value(&Tag(1)), Some(&"kept"));
    let (child, cancel) = detached.with_cancel();
    assert!(!is_done(&child));
    cancel();
    assert_canceled(&child);
}

/// A context, and what counts the calls of functions after it.
fn counting() -> (Context, context::CancelFunc, Arc<AtomicU32>, impl Fn() + Clone) {
    let (parent, cancel) = Context::background().with_cancel();
    let calls = Arc::new(AtomicU32::new(0));
    let counted = calls.clone();
    (parent, cancel, calls, move || {
        counted.fetch_add(1, Ordering::Relaxed);
    })
}

#[burrow::test]
fn functions_after_the_end() {
    // covers: Z18
    let called = |calls: &AtomicU32| calls.load(Ordering::Relaxed);
    let settle = || (0..50).for_each(|_| runtime::gosched());
    let (parent, cancel, calls, count) = counting();
    let stop = parent.after_func(count.clone());
    settle();
    assert_eq!(called(&calls), 0);
    cancel();
    until(|| called(&calls) == 1);
    assert!(!stop.stop());
    // At once when it has ended already.
    parent.after_func(count.clone());
    until(|| called(&calls) == 2);
    settle();
    assert_eq!(called(&calls), 2);

    let (parent, cancel, calls, count) = counting();
    let stop = parent.after_func(count.clone());
    let other = Context::custom(Wrapping(parent.clone())).after_func(count.clone());
    assert!(stop.stop() && !stop.stop() && !stop.clone().stop());
    cancel();
    until(|| called(&calls) == 1);
    settle();
    assert!(called(&calls) == 1 && !other.stop() && !stop.stop());

    // What never ends calls nothing, and can be stopped once.
    let (_, _, calls, count) = counting();
    let never = Context::background().after_func(count.clone());
    assert!(never.stop() && !never.stop());
    drop(Context::background().after_func(count));
    settle();
    assert_eq!(called(&calls), 0);

    // By the time, and by an end of one's own.
    let (_, _, calls, count) = counting();
    let (timed, _cancel) = Context::background().with_timeout(SHORT);
    timed.after_func(count.clone());
    let (own, end) = Own::make(&Context::background());
    own.after_func(count);
    end(Error::Canceled);
    until(|| called(&calls) == 2);
}

#[burrow::test]
fn a_parent_lets_its_children_go() {
    // covers: Z21
    let before = runtime::num_goroutine();
    let children = |parent: &Context| {
        let text = format!("{parent:?}");
        let at = text.rfind("children: ").unwrap() + "children: ".len();
        text[at..].trim_end_matches([' ', '}']).parse::<usize>().unwrap()
    };
    let (parent, cancel) = Context::background().with_cancel();
    let kept = Arc::new(());
    let (one, _cancel_one) = parent.with_cancel();
    let (two, cancel_two) = parent.with_value(Tag(1), kept.clone()).with_timeout(LONG);
    let (three, _cancel_three) = Context::custom(Wrapping(parent.clone())).with_cancel_cause();
    let owned = kept.clone();
    let stop = parent.after_func(move || drop(owned));
    let calls = Arc::new(AtomicU32::new(0));
    let called = calls.clone();
    parent.after_func(move || {
        called.fetch_add(1, Ordering::Relaxed);
    });
    assert_eq!(children(&parent), 5);
    cancel_two();
    assert!(stop.stop());
    assert_eq!(children(&parent), 3);
    assert!(!is_done(&parent) && !is_done(&one) && !is_done(&three));
    assert_canceled(&two);
    drop((two, cancel_two));
    assert_eq!(Arc::strong_count(&kept), 1);
    cancel();
    assert_eq!(children(&parent), 0);
    [&parent, &one, &three].into_iter().for_each(assert_canceled);
    until(|| calls.load(Ordering::Relaxed) == 1);

    // What nobody can see any more does not stay with its parent.
    let (parent, _cancel) = Context::background().with_cancel();
    for _ in 0..100 {
        drop(parent.with_cancel());
        drop(parent.with_timeout(LONG));
    }
    assert_eq!(children(&parent), 0);
    // Whose channel is known does: it will close.
    let done = parent.with_cancel().0.done();
    assert_eq!(children(&parent), 1);
    _cancel();
    assert_eq!(done.recv(), None);
    until(|| runtime::num_goroutine() <= before);
}

#[burrow::test]
fn a_context_ends_a_wait() {
    let (work, results) = (Chan::<u32>::new(0), Chan::<&str>::new(0));
    let (context, cancel) = Context::background().with_cancel();
    go({
        let results = results.clone();
        move || {
            select! {
                _ = work.recv() => results.send("work"),
                _ = context.done().recv() => results.send("end"),
            }
        }
    });
    cancel();
    assert_eq!(results.recv(), Some("end"));
}
