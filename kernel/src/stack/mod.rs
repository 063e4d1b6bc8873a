//! Goroutine stacks (DESIGN §4): virtual slots, mapped from the top on demand.
//!
//! - [`geometry`]: where slots lie and which addresses may be used,
//! - `release`: [`free_os_memory`] does not wait until it suits,
//! - `scavenge`: goroutines parked for long shrink,
//! - `slots`: [`alloc`] and [`free`],
//! - `growth`: [`fault`] and [`ensure`], the only page tables that change without a lock,
//! - `shrink`: [`shrink`] gives back what lies below the stack pointer; [`limbo`] and [`epoch`] say
//!   when the frames may be used again.
//!
//! Who may change the entries of a slot: the goroutine's owner by its status, that is the core
//! that runs it (faults, `ensure`), or whoever holds it while it does not run (`shrink`, `free`).
//! The frames of pages given back are taken away by [`reclaim`] on any core, by compare-and-swap
//! against the owner. Tables, once there, stay with the slot.

pub mod epoch;
pub mod geometry;
pub mod limbo;

#[cfg(target_os = "none")]
mod flush;
#[cfg(target_os = "none")]
mod growth;
#[cfg(target_os = "none")]
mod release;
#[cfg(target_os = "none")]
mod scavenge;
#[cfg(target_os = "none")]
mod shrink;
#[cfg(target_os = "none")]
mod slots;

pub use geometry::{Reach, Stack};

#[cfg(target_os = "none")]
pub use flush::{ask_to_flush, flush_epoch, has_passed, idle_enter, idle_exit};
#[cfg(target_os = "none")]
pub use growth::{Verdict, ensure, fault};
#[cfg(target_os = "none")]
pub use release::free_os_memory;
#[cfg(target_os = "none")]
pub use scavenge::{scavenge, scavenge_if_due, scavenge_once, scavenge_tick};
#[cfg(target_os = "none")]
pub use shrink::{end_epoch, enter, pending as unmapped_pages_wait, reclaim, shrink, trim};
#[cfg(target_os = "none")]
pub use slots::{alloc, free, handed_out};

/// Bytes of stack pages in use or waiting for [`reclaim`].
#[cfg(target_os = "none")]
pub fn mapped_bytes() -> usize {
    MAPPED.load(core::sync::atomic::Ordering::Relaxed) * burrow_arch::layout::PAGE
}

/// Pages of slots that have a frame.
#[cfg(target_os = "none")]
static MAPPED: core::sync::atomic::AtomicUsize = core::sync::atomic::AtomicUsize::new(0);
