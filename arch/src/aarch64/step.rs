//! Single steps: software step exceptions.
//!
//! With MDSCR_EL1.SS set, code that runs with debug exceptions unmasked (PSTATE.D clear) executes
//! one instruction if PSTATE.SS is set, which only an exception return can do, and then takes the
//! exception. All other code has them masked and notices nothing.

use core::arch::asm;

use super::trap::TrapFrame;

/// MDSCR_EL1: debug exceptions of EL1 itself, and software step.
const STEP: u64 = 1 << 13 | 1;
/// PSTATE.SS: one instruction before the next exception.
const ONE: u64 = 1 << 21;
/// PSTATE.D: debug exceptions masked.
const MASKED: u64 = 1 << 9;

/// Whether this core steps from here on.
#[inline(never)]
pub fn set_stepping(on: bool) {
    // SAFETY: debug registers of this core alone; the code that steps is told, as it asked for.
    unsafe {
        if on {
            // The OS lock, which holds debug exceptions off, is set after reset.
            asm!("msr oslar_el1, xzr", "msr mdscr_el1, {}", "isb", "msr daifclr, #8", in(reg) STEP);
        } else {
            asm!("msr daifset, #8", "msr mdscr_el1, xzr", "isb");
        }
    }
}

impl TrapFrame {
    /// Whether the interrupted code steps once it goes on.
    pub fn set_stepping(&mut self, on: bool) {
        if on {
            self.pstate = self.pstate & !MASKED | ONE;
        } else {
            self.pstate = self.pstate & !ONE | MASKED;
        }
    }

    /// After a step: the next one is armed, as the hardware does not.
    pub(super) fn step_on(&mut self) {
        self.pstate |= ONE;
    }
}
