//! Randomness of the CPU: RNDR, if it has it. And what the device tree has.

use core::arch::asm;
use core::sync::atomic::{AtomicU64, Ordering};

use aarch64_cpu::registers::{ID_AA64ISAR0_EL1, Readable};

/// How often a generator that has run dry is asked again.
const TRIES: usize = 16;

/// The device tree's `rng-seed`, as much of it as a key can use.
static LEFT: [AtomicU64; 4] = [const { AtomicU64::new(0) }; 4];

/// Keeps what the device tree has until it is asked for.
pub(super) fn keep(seed: &[u8]) {
    for (word, bytes) in LEFT.iter().zip(seed.chunks_exact(8)) {
        word.store(u64::from_le_bytes(bytes.try_into().unwrap_or_default()), Ordering::Relaxed);
    }
}

/// What the device tree had, once.
pub fn firmware(take: &mut dyn FnMut(&[u8])) {
    for word in LEFT.iter().map(|word| word.swap(0, Ordering::Relaxed)).filter(|word| *word != 0) {
        take(&word.to_le_bytes());
    }
}

/// A random word, if the CPU has a generator and it answers.
pub fn random() -> Option<u64> {
    if ID_AA64ISAR0_EL1.read(ID_AA64ISAR0_EL1::RNDR) == 0 {
        return None;
    }
    (0..TRIES).find_map(|_| rndr())
}

/// A try. The CPU has the register.
fn rndr() -> Option<u64> {
    let (word, failed): (u64, u64);
    // SAFETY: the register exists, as was checked; reading it sets Z where there was no entropy.
    unsafe {
        asm!("mrs {}, S3_3_C2_C4_0", "cset {}, eq", out(reg) word, out(reg) failed,
            options(nomem, nostack));
    }
    (failed == 0).then_some(word)
}
