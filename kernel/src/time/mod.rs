//! Time: the clock, and timers. Go: `runtime/time.go`, package `time`.
//!
//! Every reading of the time by portable code and by programs goes through [`nanotime`], so that
//! another clock can take its place.
//!
//! Reading order: [`timer`] (one timer and its life), [`timers`] (a P's heap of them), [`deadline`]
//! (how a core keeps its deadlines), [`sleep`], [`func`].

pub mod deadline;
pub mod func;
pub mod instant;
pub mod sleep;
pub mod timer;
pub mod timers;

pub use func::FuncTimer;
pub use instant::Instant;
pub use sleep::sleep;

/// No time: later than any. Go: 0 in `timer.when`.
pub use crate::queue::wake::NEVER;

/// Nanoseconds since the machine's reset; never goes back, the same on every core. Go: `nanotime`.
#[inline]
pub fn nanotime() -> u64 {
    burrow_arch::clock::nanotime()
}

/// Nanoseconds since 1970, UTC: as the machine's clock device showed at boot, in whole seconds, and
/// as far as [`nanotime`] has come since. Go: `walltime`.
pub fn walltime() -> u64 {
    burrow_arch::clock::wall_at_reset().unwrap_or(0).saturating_add(nanotime())
}

/// The time so long after now; far times are held below [`NEVER`]. Go: `when`.
pub fn after(d: core::time::Duration) -> u64 {
    let nanos = u64::try_from(d.as_nanos()).unwrap_or(NEVER);
    nanotime().saturating_add(nanos).min(NEVER - 1)
}
