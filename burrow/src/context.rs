//! Cancellation, deadlines and values that travel down a call tree. Go: package `context`.
//!
//! A [`Context`] is a node that knows its parent; what can end has a core beside it
//! (`context/cancel.rs`), which knows the cores that end with it. Nodes point up, cores point down, so
//! that nothing is kept alive in a circle.

mod cancel;
mod cause;
mod custom;
mod deadline;
mod end;
mod name;
mod value;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;
use core::fmt;

use crate::chan::RecvChan;
use crate::time::Instant;

pub use cause::{Cause, Error};
pub use custom::Custom;
pub use end::{AfterFunc, CancelCauseFunc, CancelFunc};
pub use value::Key;

use cancel::{Core, Holder};
use value::Binding;

/// A context; clones are the same. `Display` gives Go's name: `context.Background`,
/// `context.Background.WithCancel`, `...WithDeadline(`, `...WithValue(K, V)`.
#[derive(Clone)]
pub struct Context {
    node: Arc<Node>,
}

/// What kind of context it is.
enum Node {
    Background,
    Todo,
    Cancel(Context, Arc<Holder>),
    Deadline(Context, Arc<Holder>, Instant),
    Value(Context, Box<dyn Binding>),
    WithoutCancel(Context),
    Custom(Box<dyn Custom>),
}

impl Context {
    fn from_node(node: Node) -> Self {
        Self { node: Arc::new(node) }
    }

    /// Never cancelled, no values, no deadline. Go: `context.Background()`.
    pub fn background() -> Self {
        Self::from_node(Node::Background)
    }

    /// [`Context::background`] under another name. Go: `context.TODO()`.
    pub fn todo() -> Self {
        Self::from_node(Node::Todo)
    }

    /// A context of the program's own kind.
    pub fn custom(context: impl Custom) -> Self {
        Self::from_node(Node::Custom(Box::new(context)))
    }

    /// A child, and the function that cancels it and its descendants before it returns.
    #[must_use = "the child is only cancelled through the returned function"]
    pub fn with_cancel(&self) -> (Context, CancelFunc) {
        let (child, holder) = self.cancellable();
        (child, CancelFunc::new(holder))
    }

    /// As `with_cancel`, with a cause.
    #[must_use = "the child is only cancelled through the returned function"]
    pub fn with_cancel_cause(&self) -> (Context, CancelCauseFunc) {
        let (child, holder) = self.cancellable();
        (child, CancelCauseFunc::new(holder))
    }

    fn cancellable(&self) -> (Context, Arc<Holder>) {
        let holder = Holder::new();
        holder.core().follow(self);
        (Self::from_node(Node::Cancel(self.clone(), holder.clone())), holder)
    }

    /// A child in which `key` is bound to `value`. Key types of one's own do not collide.
    pub fn with_value<K: Key, V: Any + Send + Sync>(&self, key: K, value: V) -> Context {
        Self::from_node(Node::Value(self.clone(), value::bind(key, value)))
    }

    /// A child with the values only: no deadline, never cancelled.
    pub fn without_cancel(&self) -> Context {
        Self::from_node(Node::WithoutCancel(self.clone()))
    }

    /// Calls `f` in a goroutine of its own once this context is done, at once if it is.
    /// Dropping the [`AfterFunc`] changes nothing.
    pub fn after_func(&self, f: impl FnOnce() + Send + 'static) -> AfterFunc {
        let core = Core::calling(f);
        core.follow(self);
        AfterFunc::new(core)
    }

    /// Closed when the context ends; nil if it never can.
    pub fn done(&self) -> RecvChan<()> {
        match self.ending() {
            Ending::Never => RecvChan::nil(),
            Ending::Core(core) => core.done(),
            Ending::Custom(custom) => custom.done(),
        }
    }

    /// Why the context ended; `None` while it has not.
    pub fn err(&self) -> Option<Error> {
        match self.ending() {
            Ending::Never => None,
            Ending::Core(core) => core.err(),
            Ending::Custom(custom) => custom.err(),
        }
    }

    /// The cause given by the first cancellation on the path, else [`Context::err`] as a cause.
    pub fn cause(&self) -> Option<Cause> {
        let err = self.err()?;
        Some(self.core().and_then(|core| core.cause()).unwrap_or_else(|| err.into()))
    }

    /// When the context will end by itself.
    pub fn deadline(&self) -> Option<Instant> {
        let mut at = self;
        loop {
            at = match &*at.node {
                Node::Background | Node::Todo | Node::WithoutCancel(_) => return None,
                Node::Deadline(_, _, deadline) => return Some(*deadline),
                Node::Custom(custom) => return custom.deadline(),
                Node::Cancel(parent, _) | Node::Value(parent, _) => parent,
            };
        }
    }

    /// The nearest binding of `key`; `None` if there is none or its value is not a `V`.
    pub fn value<V: Any>(&self, key: &impl Key) -> Option<&V> {
        let mut at = self;
        loop {
            at = match &*at.node {
                Node::Background | Node::Todo => return None,
                Node::Value(_, binding) if binding.is_of(key) => {
                    return binding.value().downcast_ref();
                }
                Node::Custom(custom) => match custom.value(key) {
                    Some(value) => return (value as &dyn Any).downcast_ref(),
                    None => custom.parent(),
                },
                Node::Cancel(parent, _)
                | Node::Deadline(parent, ..)
                | Node::Value(parent, _)
                | Node::WithoutCancel(parent) => parent,
            };
        }
    }
}

/// Who says whether a context has ended.
enum Ending<'a> {
    Never,
    Core(&'a Arc<Core>),
    Custom(&'a dyn Custom),
}

impl Context {
    fn ending(&self) -> Ending<'_> {
        let mut at = self;
        loop {
            at = match &*at.node {
                Node::Background | Node::Todo | Node::WithoutCancel(_) => return Ending::Never,
                Node::Cancel(_, holder) | Node::Deadline(_, holder, _) => {
                    return Ending::Core(holder.core());
                }
                Node::Custom(custom) => return Ending::Custom(&**custom),
                Node::Value(parent, _) => parent,
            };
        }
    }

    /// The nearest core on the path up, through contexts of the program's own. Go: what
    /// `Value(&cancelCtxKey)` gives.
    fn core(&self) -> Option<&Arc<Core>> {
        let mut at = self;
        loop {
            at = match at.ending() {
                Ending::Never => return None,
                Ending::Core(core) => return Some(core),
                Ending::Custom(custom) => custom.parent(),
            };
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Context");
        out.field("name", &format_args!("{self}")).field("err", &self.err());
        if let Ending::Core(core) = self.ending() {
            out.field("children", &core.children());
        }
        out.finish()
    }
}
