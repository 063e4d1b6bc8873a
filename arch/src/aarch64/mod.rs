//! ARMv8.1-A: every core at EL1, interrupts by GICv2 or GICv3, the virtual timer, PSCI.
//!
//! Registers with a fixed meaning: TPIDR_EL1 is [`cpu::current`], TPIDR_EL0 points to the core's
//! [`cpu::CoreBlock`]. All Rust code runs with SPSel = 0 on SP_EL0; SP_EL1 is the core's exception
//! stack for ever (law 11), so that a page fault on a goroutine's stack has a stack of its own.
//! Only the lower half's absence (TCR_EL1.EPD0), memory attributes and the first tables come from
//! `boot`.

pub mod clock;
pub mod console;
pub mod context;
pub mod cpu;
pub mod device;
mod devicetree;
pub mod entropy;
mod gic;
mod gicv2;
mod gicv3;
pub mod guarded;
pub mod ipi;
pub mod irq;
mod mmio;
pub mod paging;
pub mod platform;
pub mod power;
mod preempt;
mod psci;
pub mod step;
pub mod timer;
pub mod trap;
pub mod unwind;
mod vectors;
pub mod wall;
