//! Goroutines that wait for devices, and how interrupts make them run. Go: `netpoll`,
//! `injectglist`.
//!
//! A goroutine that waits parks on an [`IoNote`](ionote::IoNote) ([`wait`]). The device's handler
//! signals it ([`Readied::signal`]): handlers take no lock of the scheduler's (law 6), so that the
//! goroutine goes to a lock-free list, from which whoever looks for work takes it ([`take`]). When
//! the handlers are done, [`Readied::announce`] sees to it that somebody looks: an idle core is
//! interrupted or, if there is none, what runs here makes way at once, as it does for timers.
//!
//! Until it is taken the goroutine stays `Waiting` and counts as waiting for a device, so that
//! nothing is dead meanwhile ([`waiters`]).

pub mod ionote;
#[cfg(target_os = "none")]
mod ready;

#[cfg(target_os = "none")]
pub use ready::{Readied, pending, pending_here, take, take_turn, wait, waiters};
