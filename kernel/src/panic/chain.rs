//! Panics on their way: what is being unwound on a goroutine, and who may stop it.
//!
//! Three lists on a goroutine say all of it:
//! - its [`Scope`]s, innermost first: the calls in progress that catch. They lie on its stack.
//! - its [`Unwinding`]s, the latest first. There is more than one when code that runs *during* an
//!   unwinding (a deferred function, a drop) raises a panic and stops it again.
//! - of each unwinding its [`Event`]s: the panic or `goexit` that began it, and those that deferred
//!   functions raised meanwhile without stopping them. Go: `gp._panic` and its links.
//!
//! A deferred function that panics during an unwinding does not begin a second one that would have
//! to replace the first: [`run_deferred`] catches its panic, adds it to the events of the unwinding
//! that called it, and lets that go on. Who catches this one gets the newest event.
//!
//! The scopes also tell at once whether anybody will stop a panic. If nobody will, the stack is
//! noted down ([`Trace`]) before it is unwound: the report is printed only when the deferred
//! functions have run (Go runs them on top of the stack that panicked), and shows it.

use core::cell::Cell;
use core::ptr;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::record::Record;
use super::recovered::Recovered;
use super::trace::Trace;
use super::uncaught;
use crate::g;
use crate::unwind::{self, Exception};

/// All that is ever raised.
const CLASS: u64 = u64::from_be_bytes(*b"BRRWRUST");

/// What a goroutine knows of panics. Touched by itself alone.
pub struct Panics {
    scope: Cell<*const Scope>,
    unwinding: Cell<*mut Unwinding>,
    /// Panics that it recovered and has not let go of.
    pub(crate) recovered: Recovered,
}

impl Panics {
    /// Of a goroutine that never panicked.
    pub const fn new() -> Self {
        Self {
            scope: Cell::new(ptr::null()),
            unwinding: Cell::new(ptr::null_mut()),
            recovered: Recovered::new(),
        }
    }

    /// The unwindings in progress, the latest first.
    pub(super) fn unwindings(&self) -> impl Iterator<Item = &Unwinding> {
        // SAFETY: the list's members live until they are taken off it, by this goroutine.
        let at = |unwinding: *mut Unwinding| unsafe { unwinding.as_ref() };
        core::iter::successors(at(self.unwinding.get()), move |one| at(one.outer))
    }
}

/// A call in progress that catches.
pub(super) struct Scope {
    pub kind: Catch,
    outer: *const Scope,
}

/// What a scope catches for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Catch {
    /// `recover`: panics stop here.
    Recover,
    /// A goroutine that is joined: panics stop here if somebody will look at them.
    Join,
    /// A deferred function, during the unwinding that called it.
    Deferred,
    /// The text of a panic is being made.
    Printing,
    /// A callback from foreign code: nothing unwinds further, and nobody stops it.
    Callback,
}

/// Something that unwinds.
pub(super) enum Event {
    Panic {
        record: Arc<Record>,
        repanicked: bool,
        /// What a report wants, if there will be one.
        noted: Option<Box<Noted>>,
    },
    Goexit,
}

/// What is gone once the stack is unwound.
pub(super) struct Noted {
    pub trace: Trace,
    /// Panics that were recovered and held.
    pub held: Vec<Arc<Record>>,
}

/// One unwinding.
#[repr(C)]
pub(super) struct Unwinding {
    exception: Exception,
    outer: *mut Unwinding,
    /// The innermost scope when it began: code that it calls in drops sees the same one, unless it
    /// enters one of its own.
    scope: *const Scope,
    first: Event,
    more: Vec<Event>,
}

impl Unwinding {
    fn of(first: Event) -> Box<Self> {
        let (outer, scope) = (ptr::null_mut(), ptr::null());
        Box::new(Self { exception: Exception::new(CLASS), outer, scope, first, more: Vec::new() })
    }

    /// Its events, oldest first.
    pub(super) fn events(&self) -> impl DoubleEndedIterator<Item = &Event> {
        core::iter::once(&self.first).chain(&self.more)
    }

    fn newest(&self) -> &Event {
        self.more.last().unwrap_or(&self.first)
    }

    fn has_goexit(&self) -> bool {
        self.events().any(|event| matches!(event, Event::Goexit))
    }

    fn has_panic(&self) -> bool {
        self.events().any(|event| matches!(event, Event::Panic { .. }))
    }

    /// Takes the newest event if it is a panic; the others go.
    fn into_record(self) -> Option<Arc<Record>> {
        let Self { first, mut more, .. } = self;
        match more.pop().unwrap_or(first) {
            Event::Panic { record, .. } => Some(record),
            Event::Goexit => None,
        }
    }
}

/// Runs `f` inside a scope. What unwinds out of it is still the goroutine's latest unwinding.
#[inline(always)]
fn within<R>(kind: Catch, f: impl FnOnce() -> R) -> Result<R, *mut Unwinding> {
    let panics = &g::current().panics;
    let scope = Scope { kind, outer: panics.scope.get() };
    panics.scope.set(&raw const scope);
    let result = unwind::catch(f);
    panics.scope.set(scope.outer);
    result.map_err(<*mut Exception>::cast)
}

/// Runs `f` and stops a panic that leaves it. Go: `recover` in a deferred function.
///
/// `goexit` goes on; so it does where deferred functions have panicked during it.
#[inline(always)]
pub fn recover<R>(f: impl FnOnce() -> R) -> Result<R, Arc<Record>> {
    within(Catch::Recover, f).map_err(recovered)
}

#[cold]
fn recovered(unwinding: *mut Unwinding) -> Arc<Record> {
    let mut ended = end(unwinding);
    if ended.has_goexit() {
        ended.first = Event::Goexit;
        let stopped = core::mem::take(&mut ended.more);
        // Whatever the values do when they are dropped, they do it before the stack unwinds again.
        drop(stopped);
        begin(ended);
    }
    let Some(record) = ended.into_record() else { super::throw("recover: no panic") };
    hold(&record);
    record
}

/// This goroutine holds a panic that was stopped.
pub fn hold(record: &Arc<Record>) {
    g::current().panics.recovered.note(record);
}

/// How a goroutine's function ended.
pub enum Ended<R> {
    /// It returned.
    Returned(R),
    /// It panicked, and somebody will look at that.
    Panicked(Arc<Record>),
    /// It called `goexit`.
    Goexit,
}

/// Runs the function of a goroutine that can be joined. A panic is kept if `is_wanted` says so when
/// deferred functions have run, else it is the program's end.
pub fn joined<R>(f: impl FnOnce() -> R, is_wanted: impl FnOnce() -> bool) -> Ended<R> {
    let unwinding = match within(Catch::Join, f) {
        Ok(result) => return Ended::Returned(result),
        Err(unwinding) => unwinding,
    };
    // SAFETY: caught a moment ago, and nobody else's.
    let caught = unsafe { &*unwinding };
    if matches!(caught.newest(), Event::Goexit) {
        drop(end(unwinding));
        return Ended::Goexit;
    }
    // A panic in deferred code during `goexit` has nobody to stop it.
    if caught.has_goexit() || !is_wanted() {
        uncaught::report();
    }
    match end(unwinding).into_record() {
        Some(record) => Ended::Panicked(record),
        None => Ended::Goexit,
    }
}

/// Runs the function of any goroutine, as its first frame: what nobody caught ends here.
pub(crate) fn outermost(f: impl FnOnce()) {
    let Err(unwinding) = unwind::catch(f) else { return };
    let unwinding: *mut Unwinding = unwinding.cast();
    // SAFETY: caught a moment ago, and nobody else's.
    if let Event::Panic { .. } = unsafe { (*unwinding).newest() } {
        uncaught::report();
    }
    drop(end(unwinding));
}

/// Runs the function of a callback from foreign code, whose frames nothing can unwind: a panic that
/// leaves it is the program's end, and so is a `goexit`. Go: `cgocallbackg1`.
pub(crate) fn called_back<R>(f: impl FnOnce() -> R) -> R {
    let unwinding = match within(Catch::Callback, f) {
        Ok(result) => return result,
        Err(unwinding) => unwinding,
    };
    // SAFETY: caught a moment ago, and nobody else's.
    match unsafe { (*unwinding).newest() } {
        Event::Panic { .. } => uncaught::report(),
        // Go's text for it.
        Event::Goexit => super::throw("exited a goroutine internally locked to the OS thread"),
    }
}

/// Runs `f` to make the text of a panic: a panic in it is the end.
pub(super) fn printing<R>(f: impl FnOnce() -> R) -> R {
    within(Catch::Printing, f)
        .unwrap_or_else(|_| super::throw("panic while printing panic value: goexit"))
}

/// What is being unwound at some moment: nothing, or something that began earlier.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Moment(*mut Unwinding);

impl Moment {
    /// Now.
    #[inline(always)]
    pub fn now() -> Self {
        Self(g::current().panics.unwinding.get())
    }
}

/// Whether the goroutine is unwinding because of a panic that nobody has stopped so far.
pub fn is_panicking() -> bool {
    let newest = g::current().panics.unwindings().next().map(Unwinding::newest);
    matches!(newest, Some(Event::Panic { .. }))
}

/// Runs a deferred function during an unwinding. A panic or `goexit` in it joins the events of that
/// unwinding.
#[cold]
#[inline(never)]
pub fn run_deferred(f: impl FnOnce()) {
    /// A frame of its own: the report cuts the stack where the scope lies.
    #[inline(never)]
    fn call(f: impl FnOnce()) {
        f();
    }

    let Err(inner) = within(Catch::Deferred, || call(f)) else { return };
    // SAFETY: caught a moment ago, and nobody else's.
    let has_panic = unsafe { (*inner).has_panic() };
    if has_panic {
        // Before the inner one ends: meanwhile no other goroutine shall think that none is left.
        uncaught::defers_begin();
    }
    let ended = end(inner);
    let unwinding = g::current().panics.unwinding.get();
    // SAFETY: the unwinding that called us goes on only when we return.
    let Some(outer) = (unsafe { unwinding.as_mut() }) else {
        super::throw("deferred function: nothing to go on with")
    };
    if has_panic && outer.has_panic() {
        uncaught::defers_end();
    }
    let Unwinding { first, more, .. } = *ended;
    outer.more.push(first);
    outer.more.extend(more);
}

/// Raises a panic on this goroutine's own stack.
pub(super) fn raise(record: Arc<Record>, repanicked: bool) -> ! {
    record.claim();
    let panics = &g::current().panics;
    let scope = panics.scope.get();
    let stops = catcher(scope);
    // SAFETY: scopes live while they are on the list.
    if unsafe { scope.as_ref() }.is_some_and(|scope| scope.kind == Catch::Printing) {
        uncaught::while_printing(&record);
    }
    let in_drop = panics.unwindings().next().is_some_and(|latest| latest.scope == scope);
    let noted = match stops {
        Some(Catch::Recover) if !in_drop => None,
        _ => {
            let trace = Trace::take(deferred_below(panics));
            Some(Box::new(Noted { trace, held: panics.recovered.alive() }))
        }
    };
    let first = Event::Panic { record, repanicked, noted };
    let unwinding = Unwinding::of(first);
    if in_drop {
        add(unwinding);
        uncaught::fatal("panic during panic");
    }
    begin(unwinding)
}

/// Ends this goroutine: everything on its stack is dropped, deferred functions run. Go: `Goexit`.
pub fn goexit() -> ! {
    let panics = &g::current().panics;
    let scope = panics.scope.get();
    if panics.unwindings().next().is_some_and(|latest| latest.scope == scope) {
        uncaught::fatal("goexit during panic");
    }
    begin(Unwinding::of(Event::Goexit))
}

/// Who will stop a panic that leaves this scope's function.
fn catcher(mut scope: *const Scope) -> Option<Catch> {
    // SAFETY: scopes live while they are on the list.
    while let Some(one) = unsafe { scope.as_ref() } {
        if one.kind != Catch::Deferred {
            return Some(one.kind);
        }
        scope = one.outer;
    }
    None
}

/// Where the frames of the deferred function end that runs here, if the stack below it is noted
/// down already.
fn deferred_below(panics: &Panics) -> Option<usize> {
    let scope = panics.scope.get();
    // SAFETY: scopes live while they are on the list.
    let deferred = unsafe { scope.as_ref() }.is_some_and(|scope| scope.kind == Catch::Deferred);
    let noted = panics.unwindings().next().is_some_and(|outer| {
        outer.events().all(|event| matches!(event, Event::Panic { noted: Some(_), .. }))
    });
    (deferred && noted).then(|| scope.addr())
}

/// Makes it the latest unwinding.
fn add(mut unwinding: Box<Unwinding>) -> *mut Unwinding {
    let g = g::current();
    if unwinding.has_panic() {
        uncaught::defers_begin();
    }
    unwinding.outer = g.panics.unwinding.get();
    unwinding.scope = g.panics.scope.get();
    let unwinding = Box::into_raw(unwinding);
    g.panics.unwinding.set(unwinding);
    unwinding
}

/// Unwinds.
#[inline(never)]
fn begin(unwinding: Box<Unwinding>) -> ! {
    // Drops and deferred functions may need what is kept for them.
    g::current().set_panicking(true);
    let unwinding = add(unwinding);
    // SAFETY: on the heap, and freed by who catches it; the exception is the first field.
    let _why = unsafe { unwind::raise(unwinding.cast::<Exception>()) };
    uncaught::fatal("panic in a function that cannot unwind")
}

/// Takes the latest unwinding, which was caught, off the goroutine.
fn end(unwinding: *mut Unwinding) -> Box<Unwinding> {
    let g = g::current();
    if unwinding != g.panics.unwinding.get() {
        super::throw("panics: caught what is not the latest");
    }
    // SAFETY: `begin` made it from a box; off the list nobody knows it.
    let unwinding = unsafe { Box::from_raw(unwinding) };
    g.panics.unwinding.set(unwinding.outer);
    g.set_panicking(!unwinding.outer.is_null());
    if unwinding.has_panic() {
        uncaught::defers_end();
    }
    unwinding
}
