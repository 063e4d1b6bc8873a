//! What `use burrow::prelude::*;` brings: goroutines and channels, what `std`'s prelude would
//! bring from `alloc`, printing, and the modules by name.

pub use alloc::borrow::ToOwned;
pub use alloc::boxed::Box;
pub use alloc::string::{String, ToString};
pub use alloc::sync::Arc;
pub use alloc::vec::Vec;
pub use alloc::{format, vec};

pub use burrow_macros::defer;

pub use crate::chan::{Chan, RecvChan, SendChan, TryRecvError, TrySendError};
pub use crate::context::Context;
pub use crate::goroutine::{Builder, JoinError, JoinHandle, go, scope, spawn};
pub use crate::panic::{Panic, panic_any, recover, resume_panic};
pub use crate::runtime::ExitCode;
pub use crate::select::Select;
pub use crate::time::{Duration, Instant, after, sleep, tick};
pub use crate::{eprint, eprintln, print, println};
pub use burrow_macros::{init, select};

pub use crate::{context, runtime, sync, time};

pub use crate::io::{BufRead as _, Read as _, Write as _};
