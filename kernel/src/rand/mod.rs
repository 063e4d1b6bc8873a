//! Randomness: one [`pool`] that the machine's sources feed, and what is drawn from it.
//!
//! * `P::random`, wyrand: steal order, select order. Cheap and guessable. Go: `cheaprand`.
//! * [`u64`], ChaCha8 with a key of each P: seeds of hash tables, the program's numbers. Go: `rand`.
//! * [`fill`], ChaCha20 with a key of each call: secrets. Go: `crypto/rand`.
//!
//! All of them begin with the pool, so `seed=N` on the command line makes all of them repeatable;
//! whether the run is depends on the machine (one core, counted instructions).

pub mod pool;

#[cfg(target_os = "none")]
mod machine;
#[cfg(target_os = "none")]
mod sources;

#[cfg(target_os = "none")]
pub use machine::{DEVICE_BYTES, Seeds, fill, from_device, init, set_device, takes_entropy, u64};
