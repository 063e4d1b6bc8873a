//! Random numbers. Go: `math/rand/v2`'s functions without a source of their own, and `crypto/rand`.
//!
//! [`fill`] is for secrets. The others are cheap, one generator a core: as good as those of `rand`
//! for anything but secrets. The crate `rand` works too, by its `SysRng`.
//!
//! The command line's `seed=N` makes all of them, the order of `select!` and of stealing, and the
//! seeds of hash tables repeat themselves; on one core with counted instructions
//! (`--smp 1 --icount`) the whole run does.
//!
//! ```ignore
//! let mut key = [0; 32];
//! rand::fill(&mut key);
//! let dice = 1 + rand::below(6);
//! rand::shuffle(&mut cards);
//! ```

use alloc::vec::Vec;

use burrow_kernel::rand;

/// Random bytes, fit for keys. Never waits and never fails. Go: `crypto/rand.Read`.
pub fn fill(out: &mut [u8]) {
    rand::fill(out);
}

/// Any number. Go: `rand.Uint64`.
pub fn u64() -> u64 {
    rand::u64()
}

/// Any number. Go: `rand.Uint32`.
pub fn u32() -> u32 {
    (rand::u64() >> 32) as u32
}

/// From 0 up to, without, 1. Go: `rand.Float64`.
pub fn f64() -> f64 {
    (rand::u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// A number below `bound`, all of them equally likely. Panics if that is 0. Go: `rand.Uint64N`.
pub fn below(bound: u64) -> u64 {
    assert!(bound > 0, "invalid argument to rand::below");
    // The product's upper half is the number; of the lower half, what does not fill a whole share
    // of every number is thrown again.
    let mut wide = u128::from(rand::u64()) * u128::from(bound);
    if (wide as u64) < bound {
        let rest = bound.wrapping_neg() % bound;
        while (wide as u64) < rest {
            wide = u128::from(rand::u64()) * u128::from(bound);
        }
    }
    (wide >> 64) as u64
}

/// Puts the items in any order, all of them equally likely. Go: `rand.Shuffle`.
pub fn shuffle<T>(items: &mut [T]) {
    for last in (1..items.len()).rev() {
        items.swap(last, below(last as u64 + 1) as usize);
    }
}

/// The numbers below `count` in any order. Go: `rand.Perm`.
pub fn perm(count: usize) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..count).collect();
    shuffle(&mut numbers);
    numbers
}
