//! GICv2: a distributor and an interface to each of at most eight cores, all in memory.

use core::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};

use super::gic::{PPI_TIMER, PRIORITY, PRIORITY_FREEZE, SGI_FREEZE, SGI_IPI};
use super::mmio;
use crate::device::{Line, Trigger};

/// Most cores that it can serve.
pub(super) const MAX_CORES: usize = 8;

// The distributor's registers.
const GICD_CTLR: usize = 0x000;
const GICD_TYPER: usize = 0x004;
const GICD_IGROUPR: usize = 0x080;
const GICD_ISENABLER: usize = 0x100;
const GICD_ICENABLER: usize = 0x180;
const GICD_IPRIORITYR: usize = 0x400;
const GICD_ITARGETSR: usize = 0x800;
const GICD_ICFGR: usize = 0xc00;
const GICD_SGIR: usize = 0xf00;

// The core's interface.
const GICC_CTLR: usize = 0x00;
const GICC_PMR: usize = 0x04;
const GICC_IAR: usize = 0x0c;
const GICC_EOIR: usize = 0x10;

/// GICD_SGIR: to all but the sender.
const SGIR_OTHERS: u32 = 1 << 24;
/// GICD_SGIR: for an interrupt of group 1.
const SGIR_GROUP_1: u32 = 1 << 15;

/// Addresses; written once by [`init`], before any interrupt.
static DISTRIBUTOR: AtomicUsize = AtomicUsize::new(0);
static INTERFACE: AtomicUsize = AtomicUsize::new(0);
/// Whether group 0 is ours.
static HAS_GROUPS: AtomicBool = AtomicBool::new(false);
/// Each core's bit in target masks; written by the core itself, before it says that it is up.
static TARGETS: [AtomicU8; MAX_CORES] = [const { AtomicU8::new(0) }; MAX_CORES];

fn read(register: usize) -> u32 {
    // SAFETY: `init` was given the distributor's mapped registers; reading these changes nothing.
    unsafe { mmio::read(DISTRIBUTOR.load(Ordering::Relaxed) + register) }
}

fn write(register: usize, value: u32) {
    // SAFETY: as `read`; the values are those of its specification.
    unsafe { mmio::write(DISTRIBUTOR.load(Ordering::Relaxed) + register, value) }
}

fn interface_write(register: usize, value: u32) {
    // SAFETY: as `write`, for the running core's interface.
    unsafe { mmio::write(INTERFACE.load(Ordering::Relaxed) + register, value) }
}

/// Takes the mapped addresses and sets up the distributor: all shared interrupts off, in group 1,
/// to the boot core.
pub(super) fn init(distributor: usize, interface: usize) {
    DISTRIBUTOR.store(distributor, Ordering::Relaxed);
    INTERFACE.store(interface, Ordering::Relaxed);
    write(GICD_CTLR, 0);
    let here = own_target();
    let words = (read(GICD_TYPER) & 0x1f) as usize + 1;
    for word in 1..words {
        write(GICD_ICENABLER + 4 * word, u32::MAX);
        write(GICD_IGROUPR + 4 * word, u32::MAX);
    }
    for quad in 8..8 * words {
        write(GICD_IPRIORITYR + 4 * quad, u32::from_ne_bytes([PRIORITY; 4]));
        write(GICD_ITARGETSR + 4 * quad, u32::from_ne_bytes([here; 4]));
    }
    // Where the secure world owns group 0, the group registers read as zero.
    write(GICD_IGROUPR, u32::MAX);
    HAS_GROUPS.store(read(GICD_IGROUPR) != 0, Ordering::Relaxed);
    write(GICD_CTLR, 3);
}

/// The running core's bit: its private interrupts' targets all read as itself.
fn own_target() -> u8 {
    (0..8).map(|quad| read(GICD_ITARGETSR + 4 * quad)).find(|&targets| targets != 0).unwrap_or(1)
        as u8
}

/// Sets up the running core's private interrupts and interface.
pub(super) fn init_core(index: usize) {
    TARGETS[index].store(own_target(), Ordering::Relaxed);
    write(GICD_IGROUPR, !(1 << SGI_FREEZE));
    let mut priorities = [PRIORITY; 32];
    priorities[SGI_FREEZE as usize] = PRIORITY_FREEZE;
    for (quad, bytes) in priorities.as_chunks().0.iter().enumerate() {
        write(GICD_IPRIORITYR + 4 * quad, u32::from_le_bytes(*bytes));
    }
    write(GICD_ISENABLER, 1 << SGI_IPI | 1 << SGI_FREEZE | 1 << PPI_TIMER);
    interface_write(GICC_PMR, 0xf0);
    // Both groups on, group 0 by FIQ, either one acknowledged by the same register.
    let control = if HAS_GROUPS.load(Ordering::Relaxed) { 0b1111 } else { 1 };
    interface_write(GICC_CTLR, control);
}

/// Lets a shared interrupt come to that core or, until that one is up, to this one. Callers take
/// turns.
pub(super) fn enable(line: Line, core: usize) {
    let interrupt = line.number as usize;
    let target = match TARGETS[core].load(Ordering::Relaxed) {
        0 => own_target(),
        target => target,
    };
    let at = GICD_ITARGETSR + interrupt / 4 * 4;
    let shift = 8 * (interrupt % 4);
    write(at, read(at) & !(0xff << shift) | u32::from(target) << shift);
    let at = GICD_ICFGR + interrupt / 16 * 4;
    let edge = 0b10 << (2 * (interrupt % 16));
    write(at, if line.trigger == Trigger::Edge { read(at) | edge } else { read(at) & !edge });
    write(GICD_ISENABLER + interrupt / 32 * 4, 1 << (interrupt % 32));
}

fn group_1(interrupt: u32) -> u32 {
    let is_group_1 = HAS_GROUPS.load(Ordering::Relaxed) && interrupt != SGI_FREEZE;
    if is_group_1 { SGIR_GROUP_1 } else { 0 }
}

/// Interrupts one core.
pub(super) fn send(index: usize, interrupt: u32) {
    let target = u32::from(TARGETS[index].load(Ordering::Relaxed));
    write(GICD_SGIR, target << 16 | group_1(interrupt) | interrupt);
}

/// Interrupts all others.
pub(super) fn send_to_others(interrupt: u32) {
    write(GICD_SGIR, SGIR_OTHERS | group_1(interrupt) | interrupt);
}

/// Takes what is most urgent; the whole word goes back to [`end`].
pub(super) fn acknowledge() -> u32 {
    // SAFETY: reading it takes the interrupt, which the caller handles.
    unsafe { mmio::read(INTERFACE.load(Ordering::Relaxed) + GICC_IAR) }
}

/// Done with it.
pub(super) fn end(acknowledged: u32) {
    interface_write(GICC_EOIR, acknowledged);
}
