//! sysmon: what looks after the machine without holding a P. Go: `sysmon`.
//!
//! - `run`: the thread, and who wakes it;
//! - [`backoff`], [`retake`], [`overdue`]: when to look again, what to do about a P, what has lasted
//!   too long: pure;
//! - `leftover`: memory that nobody uses any more;
//! - `netpoll`: devices that nobody has asked for long;
//! - `watchdog`: the line about who keeps a core from others.

pub mod backoff;
pub mod overdue;
pub mod retake;

#[cfg(target_os = "none")]
mod leftover;
#[cfg(target_os = "none")]
pub mod netpoll;
#[cfg(target_os = "none")]
mod run;
#[cfg(target_os = "none")]
pub mod watchdog;

#[cfg(target_os = "none")]
pub use run::{before_halt, on_tick, start};
