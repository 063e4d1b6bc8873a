//! From any boot protocol to one `BootInfo`, then `kernel::start`.
#![cfg_attr(target_os = "none", no_std)]
