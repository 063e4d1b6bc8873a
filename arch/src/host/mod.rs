//! The surface for unit tests and models on a host: no interrupts, so nothing to mask; a made-up
//! set of registers.

pub mod irq;
pub mod unwind;
