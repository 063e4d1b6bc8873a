//! Burrow's public API: Go's scheduler as the operating system.
#![cfg_attr(target_os = "none", no_std)]

#[cfg(target_os = "none")]
use burrow_boot as _;
