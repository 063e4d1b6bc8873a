//! What well-known crates ask of a platform: `getrandom`'s and `critical-section`'s symbols, `log`'s
//! logger. A program that uses those crates needs nothing but them.

mod critical_section;
#[cfg(getrandom_backend = "custom")]
mod getrandom;
pub mod log;
