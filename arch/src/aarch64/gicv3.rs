//! GICv3: a distributor, a redistributor for each core, and system registers as the core's
//! interface.

use core::arch::asm;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use aarch64_cpu::asm::barrier::{SY, isb};
use aarch64_cpu::registers::{MPIDR_EL1, Readable};

use super::gic::{Group, PPI_TIMER, PRIORITY, PRIORITY_FREEZE, SGI_FREEZE, SGI_IPI};
use super::{mmio, platform};
use crate::device::{Line, Trigger};

// The distributor's registers.
const GICD_CTLR: usize = 0x000;
const GICD_TYPER: usize = 0x004;
const GICD_IGROUPR: usize = 0x080;
const GICD_ICENABLER: usize = 0x180;
const GICD_IPRIORITYR: usize = 0x400;
const GICD_ISENABLER: usize = 0x100;
const GICD_ICFGR: usize = 0xc00;
const GICD_IROUTER: usize = 0x6000;

/// GICD_CTLR: a write has not yet had its effect.
const CTLR_PENDING: u32 = 1 << 31;
/// GICD_CTLR: one security state, so group 0 is ours.
const CTLR_ONE_STATE: u32 = 1 << 6;
/// GICD_CTLR: routing by affinity, both groups on.
const CTLR_ON: u32 = 1 << 4 | 0b11;

// A redistributor's registers, and those of private interrupts in its second frame.
const GICR_TYPER: usize = 0x008;
const GICR_WAKER: usize = 0x014;
const GICR_IGROUPR0: usize = 0x1_0080;
const GICR_ISENABLER0: usize = 0x1_0100;
const GICR_IPRIORITYR: usize = 0x1_0400;

const TYPER_VIRTUAL: u32 = 1 << 1;
const TYPER_LAST: u32 = 1 << 4;
const WAKER_SLEEP: u32 = 1 << 1;
const WAKER_ASLEEP: u32 = 1 << 2;

/// ICC_SGIxR_EL1: to all but the sender.
const SGIR_OTHERS: u64 = 1 << 40;

/// Regions of redistributors that a device tree may name.
pub(super) const REGIONS: usize = 4;

/// Addresses; written once by [`init`], before any interrupt.
static DISTRIBUTOR: AtomicUsize = AtomicUsize::new(0);
static REDISTRIBUTORS: [AtomicUsize; REGIONS] = [const { AtomicUsize::new(0) }; REGIONS];
/// Whether group 0 is ours.
static HAS_GROUPS: AtomicBool = AtomicBool::new(false);

fn read(addr: usize) -> u32 {
    // SAFETY: `init` was given the mapped registers; reading these changes nothing.
    unsafe { mmio::read(addr) }
}

fn write(addr: usize, value: u32) {
    // SAFETY: as `read`; the values are those of its specification.
    unsafe { mmio::write(addr, value) }
}

/// The four affinity fields as GICR_TYPER and GICD_IROUTER have them in one word.
fn packed(mpidr: u64) -> u32 {
    (mpidr >> 32 << 24 | mpidr & 0xff_ffff) as u32
}

/// Takes the mapped addresses and sets up the distributor: all shared interrupts off, in group 1,
/// to the running core.
pub(super) fn init(distributor: usize, redistributors: [usize; REGIONS]) {
    DISTRIBUTOR.store(distributor, Ordering::Relaxed);
    for (to, from) in REDISTRIBUTORS.iter().zip(redistributors) {
        to.store(from, Ordering::Relaxed);
    }
    write(distributor + GICD_CTLR, 0);
    settle(distributor);
    let words = (read(distributor + GICD_TYPER) & 0x1f) as usize + 1;
    for word in 1..words {
        write(distributor + GICD_ICENABLER + 4 * word, u32::MAX);
        write(distributor + GICD_IGROUPR + 4 * word, u32::MAX);
    }
    for quad in 8..8 * words {
        write(distributor + GICD_IPRIORITYR + 4 * quad, u32::from_ne_bytes([PRIORITY; 4]));
    }
    write(distributor + GICD_CTLR, CTLR_ON);
    settle(distributor);
    // Routes exist only once routing by affinity is on. 1020 and above are no interrupts.
    for interrupt in 32..(32 * words).min(1020) {
        route(interrupt, MPIDR_EL1.get());
    }
    let one_state = read(distributor + GICD_CTLR) & CTLR_ONE_STATE != 0;
    HAS_GROUPS.store(one_state, Ordering::Relaxed);
}

/// Sends a shared interrupt to the core with that affinity.
fn route(interrupt: usize, affinity: u64) {
    let at = DISTRIBUTOR.load(Ordering::Relaxed) + GICD_IROUTER + 8 * interrupt;
    write(at, affinity as u32 & 0xff_ffff);
    write(at + 4, (affinity >> 32) as u32 & 0xff);
}

/// Lets a shared interrupt come to that core. Callers take turns.
pub(super) fn enable(line: Line, core: usize) {
    let distributor = DISTRIBUTOR.load(Ordering::Relaxed);
    let interrupt = line.number as usize;
    route(interrupt, platform::affinity(core));
    let at = distributor + GICD_ICFGR + interrupt / 16 * 4;
    let edge = 0b10 << (2 * (interrupt % 16));
    write(at, if line.trigger == Trigger::Edge { read(at) | edge } else { read(at) & !edge });
    write(distributor + GICD_ISENABLER + interrupt / 32 * 4, 1 << (interrupt % 32));
}

fn settle(distributor: usize) {
    while read(distributor + GICD_CTLR) & CTLR_PENDING != 0 {
        core::hint::spin_loop();
    }
}

/// The redistributor of the core with that affinity.
pub(super) fn redistributor(affinity: u64) -> Option<usize> {
    let wanted = packed(affinity);
    for region in &REDISTRIBUTORS {
        let mut at = region.load(Ordering::Relaxed);
        while at != 0 {
            let typer = read(at + GICR_TYPER);
            if read(at + GICR_TYPER + 4) == wanted {
                return Some(at);
            }
            if typer & TYPER_LAST != 0 {
                break;
            }
            // Two frames of 64 KiB, four with virtual interrupts.
            at += if typer & TYPER_VIRTUAL != 0 { 0x4_0000 } else { 0x2_0000 };
        }
    }
    None
}

/// Sets up the running core's private interrupts and interface.
pub(super) fn init_core(index: usize) {
    // `platform` uses no core without one.
    let Some(base) = redistributor(platform::affinity(index)) else { return };
    write(base + GICR_WAKER, read(base + GICR_WAKER) & !WAKER_SLEEP);
    while read(base + GICR_WAKER) & WAKER_ASLEEP != 0 {
        core::hint::spin_loop();
    }
    let groups = HAS_GROUPS.load(Ordering::Relaxed);
    write(base + GICR_IGROUPR0, if groups { !(1 << SGI_FREEZE) } else { u32::MAX });
    let mut priorities = [PRIORITY; 32];
    priorities[SGI_FREEZE as usize] = PRIORITY_FREEZE;
    for (quad, bytes) in priorities.as_chunks().0.iter().enumerate() {
        write(base + GICR_IPRIORITYR + 4 * quad, u32::from_le_bytes(*bytes));
    }
    write(base + GICR_ISENABLER0, 1 << SGI_IPI | 1 << SGI_FREEZE | 1 << PPI_TIMER);

    // SAFETY: the interface's registers, with values of its specification; interrupts are masked.
    unsafe {
        asm!(
            "mrs {t}, icc_sre_el1",
            "orr {t}, {t}, #1",
            "msr icc_sre_el1, {t}",
            "isb",
            "mov {t}, #0xf0",
            "msr icc_pmr_el1, {t}",
            "msr icc_bpr1_el1, xzr",
            "msr icc_ctlr_el1, xzr",
            "mov {t}, #1",
            "msr icc_igrpen1_el1, {t}",
            t = out(reg) _,
            options(nostack)
        );
        if groups {
            asm!("msr icc_igrpen0_el1, {}", in(reg) 1_u64, options(nostack));
        }
    }
    isb(SY);
}

/// Interrupts one core.
pub(super) fn send(index: usize, interrupt: u32) {
    let affinity = platform::affinity(index);
    let (aff0, aff1, aff2, aff3) =
        (affinity & 0xff, affinity >> 8 & 0xff, affinity >> 16 & 0xff, affinity >> 32 & 0xff);
    // A list of sixteen, by the lower bits of the last field; the upper ones select the range.
    let list = 1 << (aff0 & 15);
    generate(interrupt, aff3 << 48 | aff0 >> 4 << 44 | aff2 << 32 | aff1 << 16 | list);
}

/// Interrupts all others.
pub(super) fn send_to_others(interrupt: u32) {
    generate(interrupt, SGIR_OTHERS);
}

fn generate(interrupt: u32, targets: u64) {
    let value = targets | u64::from(interrupt) << 24;
    let in_group_0 = interrupt == SGI_FREEZE && HAS_GROUPS.load(Ordering::Relaxed);
    // SAFETY: sends an interrupt that the other cores have handlers for.
    unsafe {
        if in_group_0 {
            asm!("msr icc_sgi0r_el1, {}", in(reg) value, options(nostack));
        } else {
            asm!("msr icc_sgi1r_el1, {}", in(reg) value, options(nostack));
        }
    }
}

/// Takes what is most urgent in that group.
pub(super) fn acknowledge(group: Group) -> u32 {
    let interrupt: u64;
    // SAFETY: takes the interrupt, which the caller handles; the barrier orders the reads of its
    // handler after it.
    unsafe {
        match group {
            Group::Zero => {
                asm!("mrs {}, icc_iar0_el1", "dsb sy", out(reg) interrupt, options(nostack))
            }
            Group::One => {
                asm!("mrs {}, icc_iar1_el1", "dsb sy", out(reg) interrupt, options(nostack))
            }
        }
    }
    interrupt as u32
}

/// Done with it.
pub(super) fn end(group: Group, interrupt: u32) {
    let interrupt = u64::from(interrupt);
    // SAFETY: ends what `acknowledge` gave.
    unsafe {
        match group {
            Group::Zero => asm!("msr icc_eoir0_el1, {}", in(reg) interrupt, options(nostack)),
            Group::One => asm!("msr icc_eoir1_el1, {}", in(reg) interrupt, options(nostack)),
        }
    }
    isb(SY);
}
