//! What can end, and what ends with it: [`Core`]. Go: `cancelCtx`, `propagateCancel`.
//!
//! A core knows the cores below it, and they end under its lock: whoever finds a context ended, or
//! has called its `cancel`, finds all its descendants ended. Locks are taken downwards only.
//!
//! Differs from Go: the collector frees what nobody can see any more. Here a [`Holder`] takes a core
//! off its parent when the last context and function of it are gone and nobody was given its channel.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicU8, Ordering};

use super::{Cause, Context, Ending, Error};
use crate::chan::{Chan, RecvChan, TryRecvError};
use crate::sync::{Mutex, OnceLock};
use crate::time::Timer;

type Function = Box<dyn FnOnce() + Send>;

/// See the module's text.
pub(super) struct Core {
    /// Made when somebody asks for it. Go: `done`.
    done: OnceLock<Chan<()>>,
    /// 0 while it has not ended. Go: `err`.
    err: AtomicU8,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Set when it ends.
    cause: Option<Cause>,
    /// What ends with it, by address.
    children: BTreeMap<usize, Arc<Core>>,
    /// The core whose child it is.
    parent: Weak<Core>,
    /// Ends it at its deadline.
    timer: Option<Timer>,
    /// Called when it ends.
    function: Option<Function>,
}

const CANCELED: u8 = 1;
const DEADLINE_EXCEEDED: u8 = 2;

/// What [`Core::done`] and [`Core::err`] say.
impl Core {
    fn new(state: State) -> Arc<Self> {
        let state = Mutex::new(state);
        Arc::new(Self { done: OnceLock::new(), err: AtomicU8::new(0), state })
    }

    /// One that calls a function in a goroutine of its own when it ends. Go: `afterFuncCtx`.
    pub(super) fn calling(f: impl FnOnce() + Send + 'static) -> Arc<Self> {
        Self::new(State { function: Some(Box::new(f)), ..State::default() })
    }

    fn done_chan(&self) -> &Chan<()> {
        self.done.get_or_init(|| Chan::new(0))
    }

    pub(super) fn done(&self) -> RecvChan<()> {
        self.done_chan().into()
    }

    pub(super) fn err(&self) -> Option<Error> {
        // Acquire: pairs with the release in `end`.
        let err = match self.err.load(Ordering::Acquire) {
            CANCELED => Error::Canceled,
            DEADLINE_EXCEEDED => Error::DeadlineExceeded,
            _ => return None,
        };
        // Who has seen the error finds the channel closed: it is about to be.
        self.done_chan().recv();
        Some(err)
    }

    pub(super) fn cause(&self) -> Option<Cause> {
        self.state.lock().cause.clone()
    }

    pub(super) fn children(&self) -> usize {
        self.state.lock().children.len()
    }

    /// The function that has not been called, if it still is to be.
    pub(super) fn take_function(&self) -> Option<Function> {
        self.state.lock().function.take()
    }

    fn address(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self).addr()
    }
}

/// Ending.
impl Core {
    /// Ends it and all that ends with it; nothing if it has ended. Go: `cancel`, called by the program.
    pub(super) fn cancel(self: &Arc<Self>, err: Error, cause: Option<Cause>) {
        self.end(err, cause);
        self.leave();
    }

    /// Go: `cancel`, with `removeFromParent` false.
    fn end(&self, err: Error, cause: Option<Cause>) {
        let mut state = self.state.lock();
        if state.cause.is_some() {
            return;
        }
        let cause = cause.unwrap_or_else(|| err.into());
        state.cause = Some(cause.clone());
        let word = match err {
            Error::Canceled => CANCELED,
            Error::DeadlineExceeded => DEADLINE_EXCEEDED,
        };
        // Release: pairs with `err`. Before the channel: who finds that closed finds the error.
        self.err.store(word, Ordering::Release);
        self.done_chan().close();
        let children = core::mem::take(&mut state.children);
        // Under the lock: a second `cancel` waits here until the descendants have ended.
        children.values().for_each(|child| child.end(err, Some(cause.clone())));
        let (timer, function) = (state.timer.take(), state.function.take());
        drop(state);
        if let Some(timer) = timer {
            timer.stop();
        }
        if let Some(function) = function {
            crate::goroutine::go(function);
        }
        // What the children own goes now, with no lock of ours held.
        drop(children);
    }

    /// Takes it off its parent. Go: `removeChild`.
    fn leave(self: &Arc<Self>) {
        let parent = core::mem::take(&mut self.state.lock().parent);
        if let Some(parent) = parent.upgrade() {
            let itself = parent.state.lock().children.remove(&self.address());
            drop(itself);
        }
    }

    /// The timer that is to end it, unless it has ended.
    pub(super) fn set_timer(&self, make: impl FnOnce() -> Timer) {
        let mut state = self.state.lock();
        if state.cause.is_none() {
            state.timer = Some(make());
        }
    }
}

/// Following a parent.
impl Core {
    /// Ends it when the parent ends; now, if the parent has. Go: `propagateCancel`.
    pub(super) fn follow(self: &Arc<Self>, parent: &Context) {
        let custom = match parent.ending() {
            Ending::Never => return,
            Ending::Core(above) => return self.follow_core(above),
            Ending::Custom(custom) => custom,
        };
        let done = custom.done();
        if done.is_nil() {
            return;
        }
        if done.try_recv() == Err(TryRecvError::Closed) {
            return self.end_like(parent);
        }
        // The core above tells its children itself, if the parent ends just when that does. Go:
        // `parentCancelCtx`.
        match parent.core().filter(|above| above.done() == done) {
            Some(above) => self.follow_core(above),
            None => self.follow_channel(parent.clone(), done),
        }
    }

    fn follow_core(self: &Arc<Self>, above: &Arc<Core>) {
        // It knows its parent before the parent can end it.
        self.state.lock().parent = Arc::downgrade(above);
        let mut state = above.state.lock();
        match &state.cause {
            None => {
                state.children.insert(self.address(), self.clone());
            }
            Some(cause) => {
                let cause = cause.clone();
                drop(state);
                self.end(above.err().unwrap_or(Error::Canceled), Some(cause));
            }
        }
    }

    /// A parent of the program's own kind, which ends when it likes: a goroutine waits for that, or
    /// for the end of this one.
    fn follow_channel(self: &Arc<Self>, parent: Context, done: RecvChan<()>) {
        let (core, own) = (self.clone(), self.done());
        crate::goroutine::go(move || {
            crate::select! {
                done.recv() => core.end_like(&parent),
                own.recv() => (),
            }
        });
    }

    fn end_like(&self, parent: &Context) {
        self.end(parent.err().unwrap_or(Error::Canceled), parent.cause());
    }
}

/// What contexts and their functions share: the last one to go takes the core along if nobody can
/// tell any more whether it ends.
pub(super) struct Holder {
    core: Arc<Core>,
}

impl Holder {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { core: Core::new(State::default()) })
    }

    pub(super) fn core(&self) -> &Arc<Core> {
        &self.core
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let is_seen = self.core.done.get().is_some();
        let timer = {
            let mut state = self.core.state.lock();
            if is_seen || !state.children.is_empty() || state.cause.is_some() {
                return;
            }
            state.timer.take()
        };
        if let Some(timer) = timer {
            timer.stop();
        }
        self.core.leave();
    }
}
