//! Burrow's public API: Go's scheduler as the operating system.
//!
//! A program is a `no_std`, `no_main` image with one `#[burrow::main]` function and
//! `use burrow::prelude::*;`. Go's semantics, Rust's spelling.
//!
//! Reading order: [`goroutine`], [`chan`], [`sync`], [`time`], [`context`], [`panic`], [`runtime`]; then [`env`],
//! [`io`], [`block`], [`fs`], [`rand`], and [`test`] for test images. The work is done in
//! `burrow-kernel`; here are its names,
//! and what a program needs around them.
#![cfg(target_os = "none")]
#![no_std]

extern crate alloc;
// The macros expand to `::burrow::..`, in this crate too.
extern crate self as burrow;
// Entry points: nothing calls them by name.
use burrow_boot as _;

pub mod block;
pub mod chan;
pub mod collections;
pub mod context;
pub mod env;
pub mod fs;
pub mod goroutine;
pub mod init;
pub mod io;
pub mod panic;
pub mod prelude;
pub mod rand;
pub mod runtime;
pub mod select;
pub mod sync;
pub mod task;
pub mod test;
pub mod time;

mod backends;
mod c;
mod start;

/// The kernel itself, for Burrow's own test images that look inside. Not for programs: nothing in
/// it is stable.
#[doc(hidden)]
pub use burrow_kernel as kernel;

pub use burrow_macros::{defer, init, main, select, test};
pub use chan::{Chan, RecvChan, SendChan};
pub use context::Context;
pub use goroutine::{Builder, JoinError, JoinHandle, Scope, go, scope, spawn};
pub use panic::{Panic, panic_any, recover, resume_panic};
pub use runtime::{ExitCode, Termination};
pub use select::Select;
