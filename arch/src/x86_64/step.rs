//! Single steps: the trap flag, and the debug exception that follows each instruction.

use core::arch::asm;

use super::trap::TrapFrame;

/// RFLAGS.TF.
const TRAP_FLAG: usize = 1 << 8;
/// DR6.BS: the debug exception is one of the trap flag's.
const BY_TRAP_FLAG: usize = 1 << 14;

/// Whether this core steps from here on.
#[inline(never)]
pub fn set_stepping(on: bool) {
    // SAFETY: changes one flag, and the stack is as before; the code that steps is told, as it
    // asked for.
    unsafe {
        if on {
            asm!("pushfq", "or qword ptr [rsp], {}", "popfq", const TRAP_FLAG);
        } else {
            asm!("pushfq", "and qword ptr [rsp], {}", "popfq", const !TRAP_FLAG as isize);
        }
    }
}

impl TrapFrame {
    /// Whether the interrupted code steps once it goes on.
    pub fn set_stepping(&mut self, on: bool) {
        if on {
            self.rflags |= TRAP_FLAG;
        } else {
            self.rflags &= !TRAP_FLAG;
        }
    }
}

/// In the handler of the debug exception: whether a step was its cause.
pub(super) fn is_step() -> bool {
    let causes: usize;
    // SAFETY: a status register of this core. Its causes stick until software clears them.
    unsafe {
        asm!("mov {}, dr6", out(reg) causes, options(nomem, nostack));
        asm!("mov dr6, {}", in(reg) 0usize, options(nomem, nostack));
    }
    causes & BY_TRAP_FLAG != 0
}
