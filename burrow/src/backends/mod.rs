//! What well-known crates ask of a platform: `critical-section`'s symbols, `log`'s
//! logger. A program that uses those crates needs nothing but them.

mod critical_section;
pub mod log;
