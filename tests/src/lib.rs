//! Tests that need a machine are the images in `images/`, numbered in the order in which it comes
//! alive; tests of the sources are in `host/`. Here is what images share: waiting on conditions,
//! registers full of patterns, loops that hog a core, measuring.
//!
//! A case names the behaviours that it shows: `// covers: S05, S10`.
#![cfg_attr(target_os = "none", no_std)]

#[cfg(target_os = "none")]
extern crate alloc;

#[cfg(target_os = "none")]
pub mod arch;
#[cfg(target_os = "none")]
pub mod bench;
#[cfg(target_os = "none")]
pub mod hogs;
#[cfg(target_os = "none")]
pub mod live;
#[cfg(target_os = "none")]
pub mod ram;
#[cfg(target_os = "none")]
pub mod steps;
#[cfg(target_os = "none")]
pub mod wait;

#[cfg(all(test, not(target_os = "none")))]
#[path = "../host/mod.rs"]
mod host;
