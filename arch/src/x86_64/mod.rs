//! The surface on x86_64: PC machines with local APICs.
//!
//! The public files are those of every CPU. This one's own are `vectors`, the way into `trap`;
//! `preempt`, the stub that preempted code runs through; `lapic`, the local interrupt controller;
//! `acpi`, the firmware's tables; `startup`, the way of other cores from real mode to the kernel.

pub mod clock;
pub mod console;
pub mod context;
pub mod cpu;
pub mod device;
pub mod entropy;
pub mod guarded;
pub mod ipi;
pub mod irq;
pub mod paging;
pub mod platform;
pub mod power;
pub mod step;
pub mod timer;
pub mod trap;
pub mod unwind;
pub mod wall;

mod acpi;
mod ioapic;
mod lapic;
mod preempt;
mod startup;
mod vectors;
