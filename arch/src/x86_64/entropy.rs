//! RDSEED, or else RDRAND.

use core::arch::asm;
use core::arch::x86_64::__cpuid_count;

/// How often a generator that has run dry is asked again.
const TRIES: usize = 16;

/// A random word, if the CPU has a generator and it answers.
pub fn random() -> Option<u64> {
    seed().or_else(rand)
}

/// The firmware leaves nothing here.
pub fn firmware(_: &mut dyn FnMut(&[u8])) {}

fn seed() -> Option<u64> {
    if __cpuid_count(0, 0).eax < 7 || __cpuid_count(7, 0).ebx & 1 << 18 == 0 {
        return None;
    }
    for _ in 0..TRIES {
        let (word, valid): (u64, u8);
        // SAFETY: the CPU has the instruction; it touches registers only.
        unsafe {
            asm!("rdseed {}", "setc {}", out(reg) word, out(reg_byte) valid, options(nomem, nostack))
        };
        if valid != 0 {
            return Some(word);
        }
        core::hint::spin_loop();
    }
    None
}

fn rand() -> Option<u64> {
    if __cpuid_count(1, 0).ecx & 1 << 30 == 0 {
        return None;
    }
    for _ in 0..TRIES {
        let (word, valid): (u64, u8);
        // SAFETY: the CPU has the instruction; it touches registers only.
        unsafe {
            asm!("rdrand {}", "setc {}", out(reg) word, out(reg_byte) valid, options(nomem, nostack))
        };
        if valid != 0 {
            return Some(word);
        }
        core::hint::spin_loop();
    }
    None
}
