//! `select!`'s dynamic form, [`Select`], and the hidden calls that `select!` expands to.

pub use burrow_kernel::chan::select::{Receiver, Select, Selected, Sender};

/// What `select!` expands to. Not for programs.
#[doc(hidden)]
pub mod hidden {
    pub use burrow_kernel::chan::select::case::{
        Case, RecvCase, SendCase, SendFromCase, poll, wait,
    };
    pub use burrow_kernel::chan::select::forever;
}
