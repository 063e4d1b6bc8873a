//! Channels. Go: `chan.go`.
//!
//! A channel is a ring of buffered values, two queues of waiting goroutines, and one lock
//! ([`hchan`]). A goroutine that must wait leaves a note on its own stack ([`waiter`]: Go's
//! `sudog`) with the place of its value, queues it and parks. Whoever comes next with the other
//! half moves the value straight from stack to stack and readies it ([`send`], [`recv`]): no value
//! passes through the ring while somebody waits for it. [`select`] does several at once, on a
//! channel without its type. [`timer`] is a channel that a timer sends to. [`handle`] is what programs hold.
//!
//! # Invariants, under the lock (Go's)
//!
//! 1. At least one of the two queues is empty.
//! 2. Receivers wait only if the ring is empty, senders only if it is full.
//! 3. On a closed channel nobody waits.
//!
//! # Rules
//!
//! A value is moved by `ptr::read` and `ptr::write` and never dropped under a channel's lock (its
//! `Drop` might use the channel): law 15. A stack never moves, so that writing to the stack of a
//! parked goroutine is sound as long as the memory is mapped: see [`waiter::Slot`].

mod close;
mod error;
mod handle;
mod hchan;
mod iter;
mod recv;
pub mod select;
mod send;
mod timer;
mod waiter;

pub use error::{TryRecvError, TrySendError};
pub use handle::{Chan, RecvChan, SendChan};
pub use iter::{IntoIter, Iter};

/// Whether an operation that cannot proceed parks. Go: the `block` parameter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Parks.
    Block,
    /// Gives up at once: a `select!` with `default`.
    Poll,
}
