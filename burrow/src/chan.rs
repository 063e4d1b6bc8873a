//! Channels: [`Chan`], its one-way views [`SendChan`] and [`RecvChan`], errors and iterators.

pub use burrow_kernel::chan::{
    Chan, IntoIter, Iter, RecvChan, SendChan, TryRecvError, TrySendError,
};
