//! What cores share: the atomics façade here; locks and user primitives beside it.

pub mod atomic;
