//! The surface on x86_64: PC machines with local APICs.
//!
//! The public files are those of every CPU; `lapic`, `acpi`, `preempt` and `startup` are this
//! machine's own: the local interrupt controller, the firmware tables, the stub that preempted
//! code runs through, and the way of other cores from real mode into the kernel.

pub mod clock;
pub mod console;
pub mod context;
pub mod cpu;
pub mod entropy;
pub mod ipi;
pub mod irq;
pub mod paging;
pub mod platform;
pub mod power;
pub mod timer;
pub mod trap;

mod acpi;
mod lapic;
mod preempt;
mod startup;
