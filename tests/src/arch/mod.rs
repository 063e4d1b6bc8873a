//! What tests must say in the CPU's own words: registers full of patterns, to see that nothing else
//! touches them, and where an instruction leads. The same names for each CPU.

#[cfg(target_arch = "aarch64")]
#[path = "aarch64.rs"]
mod imp;
#[cfg(target_arch = "x86_64")]
#[path = "x86_64.rs"]
mod imp;

/// Fills every register that a goroutine may use (general, vector, flags, floating-point control)
/// with patterns made from `seed`, runs a loop without calls of so many rounds, and says how many
/// of them differ afterwards.
pub use imp::hold_registers;

/// Fills the registers that a call must keep with patterns made from `seed`, calls `f` so many
/// times, and says how many of them differ afterwards.
pub use imp::hold_over_calls;

/// What the instruction at that address does to the stack of calls.
pub use imp::flow;

/// Where the call that was just executed comes back to.
pub use imp::return_address;

/// See [`flow`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flow {
    /// Calls.
    Call,
    /// Returns.
    Return,
    /// Neither.
    Other,
}

/// Where in that text the base of per-core data is put into a general register and may stay there.
/// What the kernel reads through it is read in one go, each time anew (law 15).
pub use imp::kept_core_bases;

/// Different words for each seed and place.
fn pattern(seed: u64, place: u64) -> u64 {
    let mut word =
        seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ place.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word ^= word >> 29;
    word.wrapping_mul(0x94d0_49bb_1331_11eb)
}

/// How many words differ.
fn differences(left: &[u64], right: &[u64]) -> u32 {
    left.iter().zip(right).map(|(a, b)| u32::from(a != b)).sum()
}
