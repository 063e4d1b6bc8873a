//! What looks after the machine without holding a P. Go: `sysmon`.
//!
//! - [`backoff`], [`retake`], [`overdue`]: when to look again, what to do about a P, what has lasted
//!   too long: pure;
//! - `watchdog`: the line about who keeps a core from others.

pub mod backoff;
pub mod overdue;
pub mod retake;

#[cfg(target_os = "none")]
pub mod watchdog;
