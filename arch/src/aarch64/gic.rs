//! The interrupt controller, of either version.
//!
//! Interrupts of group 1 arrive as IRQ. One software interrupt is in group 0, arrives as FIQ and
//! is never masked outside handlers: it freezes the core. Where a security state above us owns
//! group 0, it is an IRQ like the others.

use core::sync::atomic::{AtomicU8, Ordering};

use aarch64_cpu::asm::barrier::{ISHST, SY, dsb, isb};

use crate::device::Line;
use crate::trap::Upcalls;

use super::trap::TrapFrame;
use super::{gicv2, gicv3, timer};

/// The software interrupt of `ipi::send`.
pub(super) const SGI_IPI: u32 = 0;
/// That of `ipi::freeze_others`.
pub(super) const SGI_FREEZE: u32 = 1;
/// The virtual timer's private interrupt, the same on all machines.
pub(super) const PPI_TIMER: u32 = 27;
/// From here on, no interrupt: spurious.
const SPECIAL: u32 = 1020;
/// The first that is not private to a core.
const SHARED: u32 = 32;

/// Priorities: lower is more urgent.
pub(super) const PRIORITY: u8 = 0xa0;
/// For [`SGI_FREEZE`].
pub(super) const PRIORITY_FREEZE: u8 = 0x20;

/// Which groups an interrupt can be in, and so which line it arrives by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    /// By FIQ.
    Zero,
    /// By IRQ.
    One,
}

/// Which one this machine has; written once by `init`, before any interrupt.
static VERSION: AtomicU8 = AtomicU8::new(0);

/// Which one it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    V2,
    V3,
}

/// Chooses the driver, once, before other cores run.
pub(super) fn set_version(version: Version) {
    VERSION.store(version as u8, Ordering::Relaxed);
}

fn version() -> Version {
    if VERSION.load(Ordering::Relaxed) == Version::V2 as u8 { Version::V2 } else { Version::V3 }
}

/// Sets up the running core's part; afterwards FIQs are unmasked for ever.
pub(super) fn init_core(index: usize) {
    match version() {
        Version::V2 => gicv2::init_core(index),
        Version::V3 => gicv3::init_core(index),
    }
    // PSTATE.F and A.
    // SAFETY: the only FIQ freezes the core, which is right wherever it is, and so is it to stop at
    // a system error.
    unsafe { core::arch::asm!("msr daifclr, #5", options(nostack, preserves_flags)) };
}

/// Whether the controller can serve the core with that affinity.
pub(super) fn serves(affinity: u64) -> bool {
    version() == Version::V2 || gicv3::redistributor(affinity).is_some()
}

/// Interrupts another core.
pub(super) fn send(index: usize) {
    // The other core's handler must see what was written before.
    dsb(ISHST);
    match version() {
        Version::V2 => gicv2::send(index, SGI_IPI),
        Version::V3 => gicv3::send(index, SGI_IPI),
    }
    isb(SY);
}

/// Freezes all others.
pub(super) fn freeze_others() {
    dsb(ISHST);
    match version() {
        Version::V2 => gicv2::send_to_others(SGI_FREEZE),
        Version::V3 => gicv3::send_to_others(SGI_FREEZE),
    }
    isb(SY);
}

/// Lets a shared interrupt come to that core.
pub(super) fn enable(line: Line, core: usize) {
    match version() {
        Version::V2 => gicv2::enable(line, core),
        Version::V3 => gicv3::enable(line, core),
    }
}

fn acknowledge(group: Group) -> u32 {
    match version() {
        Version::V2 => gicv2::acknowledge(),
        Version::V3 => gicv3::acknowledge(group),
    }
}

fn end(group: Group, interrupt: u32) {
    match version() {
        Version::V2 => gicv2::end(interrupt),
        Version::V3 => gicv3::end(group, interrupt),
    }
}

/// An IRQ: handles what is pending.
pub(super) fn interrupt(frame: &mut TrapFrame, upcalls: &Upcalls) {
    loop {
        let interrupt = acknowledge(Group::One);
        // Of a software interrupt on version 2, the sender is in the upper bits.
        match interrupt & 0x3ff {
            SPECIAL.. => return,
            SGI_IPI => (upcalls.ipi)(frame),
            SGI_FREEZE => (upcalls.freeze)(frame),
            PPI_TIMER => {
                timer::clear();
                (upcalls.timer)(frame);
            }
            shared @ SHARED.. => (upcalls.device)(shared, frame),
            // Nobody enabled any other private one.
            _ => {}
        }
        end(Group::One, interrupt);
    }
}

/// An FIQ: another core wants this one to stop.
pub(super) fn fast_interrupt(frame: &mut TrapFrame, upcalls: &Upcalls) {
    let interrupt = acknowledge(Group::Zero);
    match interrupt & 0x3ff {
        SGI_FREEZE => (upcalls.freeze)(frame),
        SPECIAL.. => {}
        _ => end(Group::Zero, interrupt),
    }
}
