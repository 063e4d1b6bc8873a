//! Waiting on conditions. Never on time alone: a limit only turns a hang into a failure with a
//! name.

use burrow::kernel::g::Status;
use burrow::kernel::sched::WaitReason;
use burrow::kernel::sched::table::user_goroutines;
use burrow::kernel::sync::pin;
use burrow::prelude::*;

/// Far beyond anything that works, also emulated on a busy host.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Lets others run until `done`.
#[track_caller]
pub fn until(mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        runtime::gosched();
        assert!(start.elapsed() < LIMIT, "waited too long");
    }
}

/// Spins without ever giving the core up of its own accord until `done`; may be preempted.
#[track_caller]
pub fn spin_until(mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        core::hint::spin_loop();
        assert!(start.elapsed() < LIMIT, "spun too long");
    }
}

/// Keeps this core, not to be preempted, until `done` or the limit; how long it took.
pub fn hold_core_until(limit: Duration, mut done: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    let pinned = pin();
    while !done() && start.elapsed() < limit {
        core::hint::spin_loop();
    }
    drop(pinned);
    start.elapsed()
}

/// Asynchronous preemptions so far, on all Ps.
pub fn preemptions() -> u64 {
    runtime::p_stats().iter().map(|p| p.preemptions).sum()
}

/// Starts a goroutine and waits until it is parked for that reason.
#[track_caller]
pub fn go_and_park(reason: WaitReason, f: impl FnOnce() + Send + 'static) {
    let id = spawn(f).goid();
    let is_parked = |g: &burrow::kernel::g::G| {
        g.goid() == id && g.status() == Status::Waiting && g.wait_reason() == reason
    };
    until(|| user_goroutines().any(is_parked));
}

/// Whether that many goroutines, or more, are parked for that reason.
pub fn is_parked(reason: WaitReason, goroutines: usize) -> bool {
    let waits =
        |g: &&burrow::kernel::g::G| g.status() == Status::Waiting && g.wait_reason() == reason;
    user_goroutines().filter(waits).count() >= goroutines
}
