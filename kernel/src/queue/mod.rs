//! Queues, masks and counters of the scheduler: pure data and lock-free protocols, generic over
//! the item, with no knowledge of G, M or P. They build on a host, where tests and loom run them.
//!
//! Reading order: [`link`] and [`list`] (what an item is), [`runq`] (a P's ring), [`globalq`],
//! [`mask`], [`order`] (whom to steal from), [`spin`] (the wake-up protocol), [`lfstack`], [`select_done`],
//! [`timerq`] and [`wake`], [`sleepers`].

pub mod bytes;
pub mod globalq;
pub mod lfstack;
pub mod link;
pub mod list;
pub mod mask;
pub mod order;
pub mod runq;
pub mod select_done;
pub mod sleepers;
pub mod spin;
pub mod timerq;
pub mod wake;

#[cfg(all(test, not(loom)))]
pub(crate) mod item;
