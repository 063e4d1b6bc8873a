//! Tests that need a machine are the images in `images/`; tests of the sources are in `host/`.
#![cfg_attr(target_os = "none", no_std)]

#[cfg(all(test, not(target_os = "none")))]
#[path = "../host/mod.rs"]
mod host;
