//! The order in which locks are taken (Go: `lockrank.go`): a lock has a rank here or does not exist.
//!
//! A lock may be taken only while every lock held has a lower rank; debug builds check each acquire.
//! The set of held ranks lives in the G beside the preemption count, and moves with it to g0 when
//! a goroutine parks with a lock held (law 2).

/// Ranks, lowest (taken first) to highest (leaf).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Rank {
    /// A table of devices.
    Drivers,
    /// A timer's channel gets its value.
    TimerSend,
    /// One channel, or another object that goroutines wait on.
    Channel,
    /// The heap of timers of a P.
    Timers,
    /// One timer.
    Timer,
    /// Goroutines that devices made ready.
    Netpoll,
    /// The scheduler: global queue, idle lists, free Gs.
    Sched,
    /// The table of all Gs and Ms.
    All,
    /// A core's queue of runnable kernel threads.
    Threads,
    /// Stack slots.
    Stacks,
    /// The shared heap.
    Heap,
    /// What the heap's spans come from.
    Spans,
    /// Typed slabs.
    FixAlloc,
    /// Never-freed memory.
    Persistent,
    /// Kernel page tables.
    PageTables,
    /// The pool of randomness.
    Random,
    /// Page frames: an interrupts-off leaf, so that the fault handler may take it.
    Frames,
    /// The console: messages may be printed under any lock.
    Console,
    /// A device's queue: an interrupts-off leaf for its handler, which may interrupt who holds
    /// any lock but another such leaf.
    Device,
}
