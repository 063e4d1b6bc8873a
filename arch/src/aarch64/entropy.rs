//! Randomness of the CPU: RNDR, if it has it.

use core::arch::asm;

use aarch64_cpu::registers::{ID_AA64ISAR0_EL1, Readable};

/// A random word, if the CPU has a generator and it answers.
pub fn random() -> Option<u64> {
    if ID_AA64ISAR0_EL1.read(ID_AA64ISAR0_EL1::RNDR) == 0 {
        return None;
    }
    let (word, failed): (u64, u64);
    // SAFETY: the register exists, as was checked; reading it sets Z where there was no entropy.
    unsafe {
        asm!("mrs {}, S3_3_C2_C4_0", "cset {}, eq", out(reg) word, out(reg) failed,
            options(nomem, nostack));
    }
    (failed == 0).then_some(word)
}
