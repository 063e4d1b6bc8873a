//! Contexts: which end on the path decides what is said about it.
#![no_std]
#![no_main]

use core::fmt;

use burrow::context::{Cause, Custom, Error};
use burrow::prelude::*;

burrow::test_main!();

/// Longer than any test.
const LONG: Duration = Duration::from_secs(3_600);
const SHORT: Duration = Duration::from_millis(5);

fn is_done(context: &Context) -> bool {
    context.done().try_recv() == Err(TryRecvError::Closed)
}

/// A context of the program's own that leaves everything to its parent.
struct Wrapping(Context);

impl Custom for Wrapping {
    fn parent(&self) -> &Context {
        &self.0
    }
}

/// A cause with a name.
#[derive(PartialEq, Debug)]
struct Why(&'static str);

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl core::error::Error for Why {}

fn why(context: &Context) -> String {
    context.cause().map_or("none".into(), |cause| cause.to_string())
}

#[burrow::test]
fn a_child_of_what_has_ended_has_ended() {
    // covers: Z10
    let (parent, cancel) = Context::background().with_cancel_cause();
    cancel.cancel(Why("over"));
    cancel.cancel(Why("too late"));
    let (wrapped, valued) = (Context::custom(Wrapping(parent.clone())), parent.with_value(1, 2));
    for parent in [&parent, &wrapped, &valued] {
        let children = [parent.with_cancel().0, parent.with_timeout(LONG).0];
        for child in &children {
            assert!(is_done(child) && child.err() == Some(Error::Canceled));
            let cause = child.cause().expect("it has one");
            assert_eq!(cause.downcast_ref(), Some(&Why("over")));
            // The same one, not one like it.
            assert!(core::ptr::addr_eq(&raw const *cause, &raw const *parent.cause().unwrap()));
        }
    }
}

#[burrow::test]
fn errors_speak_like_go() {
    // covers: Z13
    assert!(Error::DeadlineExceeded.timeout() && !Error::Canceled.timeout());
    assert_eq!(Error::DeadlineExceeded.to_string(), "context deadline exceeded");
    assert_eq!(Error::Canceled.to_string(), "context canceled");
    let cause = Cause::from(Error::DeadlineExceeded);
    assert_eq!(cause.downcast_ref::<Error>().map(Error::timeout), Some(true));
}

/// Builds a context, ends it or not; error and cause are to be these.
type CauseCase = (&'static str, fn() -> Context, Option<Error>, &'static str);

fn caused(parent: &Context, cause: &'static str) -> Context {
    let (child, cancel) = parent.with_cancel_cause();
    cancel.cancel(Why(cause));
    child
}

fn waited(context: Context) -> Context {
    context.done().recv();
    context
}

const CAUSES: [CauseCase; 20] = [
    ("background", Context::background, None, "none"),
    ("todo", Context::todo, None, "none"),
    ("not ended", || Context::background().with_cancel().0, None, "none"),
    ("not ended, with cause", || Context::background().with_cancel_cause().0, None, "none"),
    ("a value", || Context::background().with_value(1, 2), None, "none"),
    (
        "cancel",
        || {
            let (c, end) = Context::background().with_cancel();
            end();
            c
        },
        Some(Error::Canceled),
        "context canceled",
    ),
    ("cause", || caused(&Context::background(), "a"), Some(Error::Canceled), "a"),
    (
        "no cause",
        || {
            let (c, end) = Context::background().with_cancel_cause();
            end.cancel_without_cause();
            c
        },
        Some(Error::Canceled),
        "context canceled",
    ),
    (
        "no cause, then one",
        || {
            let (c, end) = Context::background().with_cancel_cause();
            end.cancel_without_cause();
            end.cancel(Why("a"));
            c
        },
        Some(Error::Canceled),
        "context canceled",
    ),
    (
        "child of a cause",
        || caused(&Context::background(), "a").with_cancel().0,
        Some(Error::Canceled),
        "a",
    ),
    (
        "value over a cause",
        || caused(&Context::background(), "a").with_value(1, 2),
        Some(Error::Canceled),
        "a",
    ),
    (
        "parent first",
        || caused(&caused(&Context::background(), "parent"), "child"),
        Some(Error::Canceled),
        "parent",
    ),
    (
        "child first",
        || {
            let (parent, end) = Context::background().with_cancel_cause();
            let child = caused(&parent, "child");
            end.cancel(Why("parent"));
            assert_eq!(why(&parent), "parent");
            child
        },
        Some(Error::Canceled),
        "child",
    ),
    (
        "time ran out",
        || waited(Context::background().with_timeout(SHORT).0),
        Some(Error::DeadlineExceeded),
        "context deadline exceeded",
    ),
    (
        "time ran out, with cause",
        || waited(Context::background().with_timeout_cause(SHORT, Why("slow")).0),
        Some(Error::DeadlineExceeded),
        "slow",
    ),
    (
        "deadline passed",
        || waited(Context::background().with_deadline_cause(Instant::now(), Why("late")).0),
        Some(Error::DeadlineExceeded),
        "late",
    ),
    (
        "cancel before the time",
        || {
            let (c, end) = Context::background().with_timeout_cause(LONG, Why("slow"));
            end();
            c
        },
        Some(Error::Canceled),
        "context canceled",
    ),
    (
        "parent before the time",
        || {
            let (parent, end) = Context::background().with_cancel_cause();
            let (child, _cancel) = parent.with_timeout_cause(LONG, Why("slow"));
            end.cancel(Why("parent"));
            child
        },
        Some(Error::Canceled),
        "parent",
    ),
    ("detached", || caused(&Context::background(), "a").without_cancel(), None, "none"),
    (
        "detached, then a cause",
        || caused(&caused(&Context::background(), "a").without_cancel(), "b"),
        Some(Error::Canceled),
        "b",
    ),
];

#[burrow::test]
fn the_first_end_on_the_path_gives_the_cause() {
    // covers: Z14
    for (name, make, err, cause) in CAUSES {
        let context = make();
        assert_eq!((context.err(), &*why(&context)), (err, cause), "{name}");
        let wrapped = Context::custom(Wrapping(context.clone()));
        assert_eq!((wrapped.err(), &*why(&wrapped)), (err, cause), "{name}, wrapped");
        assert_eq!(is_done(&context), err.is_some());
    }
}
