//! PSCI, the firmware interface for power: by `hvc` or `smc`, as the device tree says.

use core::arch::asm;
use core::sync::atomic::{AtomicBool, Ordering};

const CPU_ON: u64 = 0xc400_0003;
const SYSTEM_OFF: u64 = 0x8400_0008;

/// Whether calls go by `smc`. Written once, before other cores run.
static BY_SMC: AtomicBool = AtomicBool::new(false);

/// The device tree's `method`.
pub(super) fn set_method(method: &str) {
    BY_SMC.store(method == "smc", Ordering::Relaxed);
}

/// Starts the core with that affinity at a physical address, with `context` in x0.
pub(super) fn cpu_on(affinity: u64, entry: u64, context: u64) -> Result<(), &'static str> {
    match call(CPU_ON, affinity, entry, context) {
        0 => Ok(()),
        -1 => Err("the firmware cannot start cores"),
        -2 => Err("the firmware knows no such core"),
        -4 | -5 => Err("it was started before"),
        _ => Err("the firmware failed"),
    }
}

/// Switches the machine off. Returns only if the firmware refuses.
pub(super) fn system_off() {
    call(SYSTEM_OFF, 0, 0, 0);
}

fn call(function: u64, a: u64, b: u64, c: u64) -> i64 {
    let result;
    // SAFETY: the calling convention of SMCCC: x0–x3 are arguments and results, x4–x17 may change.
    // The functions called touch no memory of ours.
    unsafe {
        if BY_SMC.load(Ordering::Relaxed) {
            asm!("smc #0", inout("x0") function => result, in("x1") a, in("x2") b, in("x3") c,
                clobber_abi("C"), options(nostack));
        } else {
            asm!("hvc #0", inout("x0") function => result, in("x1") a, in("x2") b, in("x3") c,
                clobber_abi("C"), options(nostack));
        }
    }
    result
}
