//! The core's one-shot timer: the virtual one, private interrupt 27.

use aarch64_cpu::asm::barrier::{SY, isb};
use aarch64_cpu::registers::{CNTV_CTL_EL0, CNTV_CVAL_EL0, Writeable};

use super::clock;

/// Fires once `nanotime()` has reached the deadline; replaces an earlier one.
pub fn set(deadline: u64) {
    CNTV_CVAL_EL0.set(clock::tick_at(deadline));
    CNTV_CTL_EL0.write(CNTV_CTL_EL0::ENABLE::SET);
    isb(SY);
}

/// No interrupt before the next [`set`]. The line is a level: it falls here.
pub fn clear() {
    CNTV_CTL_EL0.write(CNTV_CTL_EL0::ENABLE::CLEAR);
    isb(SY);
}
