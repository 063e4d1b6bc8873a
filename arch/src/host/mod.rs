//! The surface for unit tests and models on a host: no interrupts, so nothing to mask.

pub mod irq;
