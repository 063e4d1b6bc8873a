//! What the slow path of a lock asks of the machine: [`Parking`].
//!
//! The state machines of [`mutex`](super::mutex) and [`rwmutex`](super::rwmutex) are generic over it.
//! In the image it is the [`Sema`](super::sema) that parks goroutines; in a model it is loom's, so
//! that the code that ships is the code that is checked.

/// Where a waiter queues. Go: `lifo` of `semacquire1`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Queue {
    /// Behind all others.
    Last,
    /// Before all others: it was woken once already, and lost.
    First,
}

/// What becomes of who releases. Go: `handoff` of `semrelease1`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Handoff {
    /// Goes on; the waiter becomes runnable.
    GoOn,
    /// Makes way: the waiter runs at once, in the slice of the caller.
    MakeWay,
}

/// What a waiter waits for, which its wait reason says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wait {
    /// A mutex.
    Mutex,
    /// A read lock.
    Read,
    /// A write lock.
    Write,
}

/// A counting semaphore whose permits go to waiters directly, and what else a lock needs to know.
pub trait Parking {
    /// Takes a permit, parking until there is one.
    fn acquire(&self, queue: Queue, wait: Wait);

    /// Gives a permit: to the first waiter, or for later.
    fn release(&self, handoff: Handoff);

    /// Whether spinning once more may pay. Go: `runtime_canSpin`.
    fn can_spin(round: u32) -> bool;

    /// Spins for a moment. Go: `runtime_doSpin`.
    fn spin();

    /// Go: `nanotime`.
    fn nanotime() -> u64;

    /// The program's fault, which nothing stops. Go: `fatal`.
    fn fatal(text: &'static str) -> !;

    /// The lock's own fault. Go: `throw`.
    fn throw(text: &'static str) -> !;
}
