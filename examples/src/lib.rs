//! Images live in `src/bin` and `images`.
#![cfg_attr(target_os = "none", no_std)]
