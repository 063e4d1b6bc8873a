//! Kernel threads: what an OS's threads and futexes are to Go's runtime.
//!
//! Each core runs one M at a time. A thread that sleeps does not switch away unless another one
//! can run: it halts the core in place ([`sleep`]), so that the common case, one M per core, wakes
//! without a switch.

pub mod mailbox;
pub mod note;

#[cfg(target_os = "none")]
pub mod queue;
#[cfg(target_os = "none")]
mod sleep;
#[cfg(target_os = "none")]
mod switch;
#[cfg(target_os = "none")]
mod thread;

#[cfg(target_os = "none")]
pub use sleep::{hand_over, notesleep, notetsleep, notewakeup, sleep_until};
#[cfg(target_os = "none")]
pub use switch::{turn_is_over, yield_if_due, yield_now};
#[cfg(target_os = "none")]
pub use thread::{enter_scheduler, finish, first_m, newm, set_max_threads, spawn, threads};
