//! CPUs and platforms: the surface that the portable kernel stands on.
//!
//! Every name is documented here once; each CPU implements it under the same file name in its own
//! folder (`x86_64/`, `aarch64/`, `host/`). Nothing here knows a goroutine: the kernel hands over
//! one table of upcalls ([`trap::Upcalls`]) and two opaque words per core ([`cpu::current`],
//! [`cpu::local`]).
#![cfg_attr(target_os = "none", no_std)]

#[cfg(all(target_os = "none", target_arch = "x86_64"))]
#[path = "x86_64/mod.rs"]
mod imp;
#[cfg(all(target_os = "none", target_arch = "aarch64"))]
#[path = "aarch64/mod.rs"]
mod imp;
#[cfg(not(target_os = "none"))]
#[path = "host/mod.rs"]
mod imp;

pub mod calendar;
pub mod layout;

#[cfg(target_os = "none")]
pub mod table;

/// The core itself.
pub mod cpu {
    /// Exception stacks that each core wants, and the bytes of each (`usize` both).
    #[cfg(target_os = "none")]
    pub use crate::imp::cpu::{EXCEPTION_STACK_SIZE, EXCEPTION_STACKS};

    /// What the CPU keeps per core (descriptor tables, stack tops, the two words below).
    /// `CoreBlock::new(index: usize, local: usize, tops: [usize; EXCEPTION_STACKS])`; must not move
    /// once loaded. `CoreBlock::boot(local) -> &'static CoreBlock` is the one for the first steps.
    #[cfg(target_os = "none")]
    pub use crate::imp::cpu::CoreBlock;

    /// Loads a core's block on the running core: descriptor tables or vectors, base registers,
    /// floating point, write protection. Interrupts stay masked. Called first with the static boot
    /// block, again with the real one: `unsafe fn(&'static CoreBlock)`.
    #[cfg(target_os = "none")]
    pub use crate::imp::cpu::init_core;

    /// The word "what runs here": one register or one load, exact at every instruction (law 1):
    /// `fn() -> usize`.
    #[cfg(target_os = "none")]
    pub use crate::imp::cpu::current;

    /// Replaces [`current`]; only for bring-up, elsewhere `context::switch` does it:
    /// `unsafe fn(usize)`.
    #[cfg(target_os = "none")]
    pub use crate::imp::cpu::set_current;

    /// The per-core word given to `CoreBlock::new`. Valid only while preemption is held off; the
    /// read is assembly that the compiler cannot keep over a switch (law 15): `fn() -> usize`.
    #[cfg(target_os = "none")]
    pub use crate::imp::cpu::local;

    /// Whether the CPU has what Burrow needs; the error names what is missing:
    /// `fn() -> Result<(), &'static str>`.
    #[cfg(target_os = "none")]
    pub use crate::imp::cpu::check_features;

    /// The CPU's name, for the banner: `fn(&mut dyn fmt::Write) -> fmt::Result`.
    #[cfg(target_os = "none")]
    pub use crate::imp::cpu::describe;
}

/// Masking interrupts and halting.
pub mod irq {
    /// Masks interrupts and says whether they were unmasked before.
    pub use crate::imp::irq::disable;
    /// Unmasks interrupts.
    pub use crate::imp::irq::enable;
    /// Whether interrupts are unmasked.
    pub use crate::imp::irq::enabled;
    /// Entered masked: unmasks and halts in one step, so that no interrupt slips between (H27);
    /// returns masked, after at least one interrupt was handled or for no reason.
    pub use crate::imp::irq::wait;

    /// Stops this core for good, whatever comes: `fn() -> !`.
    #[cfg(target_os = "none")]
    pub use crate::imp::irq::halt;

    /// Puts back what [`disable`] said.
    #[inline(always)]
    pub fn restore(was_enabled: bool) {
        if was_enabled {
            enable();
        }
    }
}

/// Execution contexts: one naked primitive switches between them.
#[cfg(target_os = "none")]
pub mod context {
    /// A saved context: its stack pointer; everything else lies on its stack.
    /// `const Context::empty()`; `unsafe Context::new(stack_top: usize, entry)` prepares one that enters
    /// `extern "C" fn(usize) -> !` with the first value switched to it (the stack's top page must
    /// be mapped); `sp()`; `registers()` for unwinding it while switched out.
    pub use crate::imp::context::Context;

    /// `unsafe extern "C" fn switch(save: *mut Context, load: *const Context, current: usize,
    /// value: usize) -> usize`: saves callee-saved state (general, vector
    /// and floating-point control) on this stack and the stack pointer in `save`, makes `current`
    /// the core's word, continues `load`, which sees `value` as the result of its own switch.
    /// Text not preemptible.
    pub use crate::imp::context::switch;

    /// `unsafe extern "C" fn call_on(stack_top: usize, f: extern "C" fn(*mut ()), arg: *mut ())`:
    /// runs a function on another stack and comes back; unwindable across. [`crate::cpu::current`] stays.
    pub use crate::imp::context::call_on;

    /// General registers in DWARF numbering, for unwinders: `r: [usize; Registers::COUNT]`, `pc`,
    /// constants `EMPTY`, `SP`, `FP`, `RA` (index of the return-address column);
    /// `Registers::here()`, `write_here(&mut self)`.
    pub use crate::imp::context::Registers;
}

/// The registers that calls keep, for the unwinder.
pub mod unwind {
    /// A frame as its own code sees it when a call comes back: `r: [usize; Frame::KEPT]`, `sp`,
    /// `pc`; the constants `COLUMNS` and `SP` are their numbers in DWARF.
    pub use crate::imp::unwind::Frame;

    /// `extern "C" fn capture(&mut Frame)`: writes the caller's frame as it is when this returns.
    #[cfg(target_os = "none")]
    pub use crate::imp::unwind::capture;

    /// `unsafe extern "C" fn land(frame: *const Frame, exception: usize) -> !`: continues at `pc`,
    /// a landing pad. Reads nothing below the new stack pointer once that is in place.
    #[cfg(target_os = "none")]
    pub use crate::imp::unwind::land;
}

/// Exceptions and interrupts.
#[cfg(target_os = "none")]
pub mod trap {
    /// The interrupted state. `pc()`, `sp()`, `registers()`, `interrupts_enabled()`,
    /// `set_stepping(bool)` (whether the code steps once it goes on), and
    /// `unsafe redirect_to_preempt()`: pushes the interrupted PC on the interrupted stack (the
    /// kernel has made sure that [`PREEMPT_PUSH`] bytes there are mapped) and continues at the
    /// preemption stub, which saves everything else there, calls `Upcalls::preempted` and
    /// restores all.
    pub use crate::imp::trap::TrapFrame;

    /// Bytes below the interrupted stack pointer that a redirection writes from the handler.
    pub use crate::imp::trap::PREEMPT_PUSH;

    /// Whether the text at `pc` must not be preempted (switching, stubs, entry code).
    pub use crate::imp::trap::not_preemptible;

    /// Whether the code that calls this steps from here on: this core takes `Upcalls::step` after
    /// each of its instructions. Kept with the interrupted state, so that handlers do not step;
    /// `context::switch` does not know of it: `fn(bool)`.
    pub use crate::imp::step::set_stepping;

    /// `unsafe extern "C" fn guarded_copy(to: *mut u8, from: *const u8, len: usize, note: *mut ()) ->
    /// bool`: copies bytes. If an access faults, `TrapFrame::fail_guarded_copy()` gives the handler
    /// `note` and lets the copy return `false`; of any other frame it gives `None`.
    pub use crate::imp::guarded::guarded_copy;

    /// Makes the kernel's table known, `fn(&'static Upcalls)`; before interrupts are unmasked.
    pub use crate::imp::trap::set_upcalls;

    /// What the CPU calls the kernel for. All but `preempted` run on exception stacks, interrupts
    /// masked, and must not switch, block or touch goroutine stacks below the interrupted SP.
    pub struct Upcalls {
        /// The core's timer fired.
        pub timer: fn(&mut TrapFrame),
        /// Another core sent an interrupt with `ipi::send`.
        pub ipi: fn(&mut TrapFrame),
        /// A device interrupt, by global number.
        pub device: fn(u32, &mut TrapFrame),
        /// Another core wants this one to stop for good (`ipi::freeze_others`); arrives even
        /// where interrupts are masked, where the CPU can do that.
        pub freeze: fn(&mut TrapFrame) -> !,
        /// A page was missing at that address. `true`: mapped now, try again; `false`: a fault.
        pub page_fault: fn(&mut TrapFrame, usize) -> bool,
        /// The code at the frame's program counter steps ([`set_stepping`]). `false`: nobody asked
        /// for it.
        pub step: fn(&mut TrapFrame) -> bool,
        /// Any other exception, and page faults refused above. Returns if the frame can go on.
        pub fault: fn(&mut TrapFrame, &Fault),
        /// Called by the preemption stub, as ordinary code on the interrupted stack.
        pub preempted: extern "C" fn(),
    }

    /// An exception nobody asked for.
    pub struct Fault {
        /// The kind, in Go's terms.
        pub kind: FaultKind,
        /// The CPU's name for it, such as `general protection`.
        pub name: &'static str,
        /// The CPU's error code or syndrome.
        pub code: u64,
        /// The address it is about, where there is one.
        pub addr: Option<usize>,
    }

    /// Go's signal of the same meaning.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub enum FaultKind {
        /// `SIGSEGV`: no such page, or access not allowed.
        Segv,
        /// `SIGBUS`: misaligned, or an address that cannot exist.
        Bus,
        /// `SIGFPE`: division.
        Fpe,
        /// `SIGILL`: no such instruction.
        Ill,
        /// `SIGTRAP`: breakpoint or single step.
        Trap,
        /// A fault inside an exception handler, or the machine itself: nothing can be trusted.
        Double,
    }
}

/// The monotonic clock, common to all cores.
#[cfg(target_os = "none")]
pub mod clock {
    /// Nanoseconds (`u64`) since the machine's reset; never goes back, the same on every core. 0
    /// before `platform::init`.
    pub use crate::imp::clock::nanotime;
    /// Raw cycle or counter ticks, the cheapest clock; also counts under `-icount`.
    pub use crate::imp::clock::ticks;
    /// What the wall clock showed when [`nanotime`] was 0, in nanoseconds since 1970 (UTC); none
    /// where no clock device was found: `fn() -> Option<u64>`.
    pub use crate::imp::wall::at_reset as wall_at_reset;
}

/// The core's one-shot timer.
#[cfg(target_os = "none")]
pub mod timer {
    /// No interrupt before the next [`set`].
    pub use crate::imp::timer::clear;
    /// Fires `Upcalls::timer` on this core once `nanotime()` has reached the deadline (at once if
    /// it is past); replaces an earlier deadline. Never early. `fn(deadline: u64)`.
    pub use crate::imp::timer::set;
}

/// Interrupts between cores.
#[cfg(target_os = "none")]
pub mod ipi {
    /// Stops every other started core with `Upcalls::freeze`; does not wait for them.
    pub use crate::imp::ipi::freeze_others;
    /// Makes the core with that index take `Upcalls::ipi`. Orders earlier writes before it.
    /// `fn(index: usize)`; the caller stays on its core.
    pub use crate::imp::ipi::send;
}

/// Page-table entries and TLBs; the walker is [`crate::table`].
#[cfg(target_os = "none")]
pub mod paging {
    /// One entry: `EMPTY`, `table(pa)`, `leaf(pa, Access, level)`, `is_present`, `is_leaf(level)`,
    /// `addr`.
    pub use crate::imp::paging::Pte;
    /// Loads a root on this core and drops what the TLB knew: `unsafe fn(PhysAddr)`.
    pub use crate::imp::paging::activate;
    /// Drops everything that this core's TLB knows.
    pub use crate::imp::paging::flush_all;
    /// Drops one page from this core's TLB: `fn(addr: usize)`.
    pub use crate::imp::paging::flush_page;
    /// Whether leaves of 1 GiB may be used.
    pub use crate::imp::paging::has_huge_pages;
    /// Orders table writes before the accesses that need them, on this core.
    pub use crate::imp::paging::sync;

    /// What a mapping allows.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub enum Access {
        /// Read.
        Read,
        /// Read and execute: text.
        Execute,
        /// Read and write.
        Write,
        /// Device registers: read and write, uncached, in order.
        Device,
    }
}

/// The console and the end of the machine.
#[cfg(target_os = "none")]
pub mod console {
    /// Registers that printing needs, where a CPU has them in memory: address, physical address,
    /// bytes. `boot` has mapped them; the kernel's own tables must map them too, at that address,
    /// as `Access::Device`: `fn() -> Option<(usize, PhysAddr, usize)>`.
    pub use crate::imp::console::early_device;
    /// Writes bytes to the first serial port, waiting for it; takes no lock.
    pub use crate::imp::console::write;

    /// Interrupts while there are bytes to read, or not: `fn(bool)`.
    pub use crate::imp::console::listen;
    /// A byte that was typed: `fn() -> Option<u8>`. One caller at a time.
    pub use crate::imp::console::read;
    /// Lets the port interrupt the core with that index from now on, and says by which number;
    /// after `platform::init`, once: `fn(core: usize) -> Option<u32>`.
    pub use crate::imp::console::route;
}

/// Starting cores, ending the machine.
#[cfg(target_os = "none")]
pub mod power {
    /// Tells the runner the exit code and ends the machine.
    pub use crate::imp::power::exit;
    /// `unsafe fn start_core(index: usize, block: &'static CoreBlock, root: PhysAddr, stack_top: usize,
    /// entry: extern "C" fn(usize) -> !) -> Result<(), &'static str>`: starts the core with that index (into [`crate::platform::Machine`]): it loads `block` and
    /// the root of page tables, then enters `extern "C" fn(usize) -> !` with the index on that
    /// stack, interrupts masked. Returns once the core was told; `Err` says why it cannot start.
    pub use crate::imp::power::start_core;
}

/// What the firmware tells of the machine.
pub mod platform {
    use crate::layout::PhysAddr;

    /// Where the machine's description is.
    #[derive(Clone, Copy, Debug)]
    pub enum Firmware {
        /// ACPI: physical address of the RSDP.
        Acpi {
            /// Root system description pointer.
            rsdp: PhysAddr,
            /// A free page below 1 MiB, kept for starting the other cores.
            start_page: PhysAddr,
        },
        /// A flattened device tree at that physical address.
        DeviceTree {
            /// Its header.
            addr: PhysAddr,
        },
    }

    /// Most cores that Burrow runs.
    pub const MAX_CORES: usize = 64;

    /// The machine as found.
    pub struct Machine {
        /// Cores that can be used, the running one first.
        pub cores: usize,
        /// One line for the banner, such as `q35, xAPIC` or `virt, GICv3`.
        pub name: &'static str,
    }

    /// Reads the firmware's tables, sets up interrupt controllers, clock, timer and power, and
    /// remembers the cores. `map(pa, len)` makes device registers accessible and gives their
    /// address. Called once, on the boot core, with heap and [`crate::layout::PHYS_MAP`] ready.
    /// `fn(Firmware, map: &mut dyn FnMut(PhysAddr, usize) -> usize) -> Result<Machine, &'static str>`.
    #[cfg(target_os = "none")]
    pub use crate::imp::platform::init;

    /// The per-core part of [`init`]: local interrupt controller and timer. Called on each core
    /// after `cpu::init_core`, interrupts masked: `fn(index: usize)`.
    #[cfg(target_os = "none")]
    pub use crate::imp::platform::init_core;
}

/// Buses that the firmware describes, and the interrupts of devices on them.
#[cfg(target_os = "none")]
pub mod device {
    use crate::layout::PhysAddr;

    /// The PCI host bridge, if there is one; after `platform::init`: `fn() -> Option<PciHost>`.
    pub use crate::imp::device::pci;
    /// Calls a function with each window for a virtio device outside PCI; there may be no device
    /// behind one: `fn(each: &mut dyn FnMut(Window))`.
    pub use crate::imp::device::virtio_windows;

    /// Lets a line interrupt the core with that index: `fn(Line, core: usize)`. Its handler must
    /// quieten the device if the line is a level.
    pub use crate::imp::device::enable;
    /// Makes an interrupt that a device raises by a write to memory, taken by the core with that
    /// index or, until that one runs, by the boot core. None where the machine has no such
    /// interrupts, or no more: `fn(core: usize) -> Option<Message>`.
    pub use crate::imp::device::message;
    /// The line that a pin (from 1) of a device on the host bridge's own bus raises:
    /// `fn(device: u8, pin: u8) -> Option<Line>`.
    pub use crate::imp::device::pin;

    /// All interrupts' numbers, as `Upcalls::device` gets them, are below.
    pub const INTERRUPTS: usize = 1024;

    /// How PCI devices are configured.
    #[derive(Clone, Copy, Debug)]
    pub struct PciHost {
        /// Configuration space by the enhanced mechanism: 1 MiB for each bus from `first_bus` on.
        pub config: PhysAddr,
        /// First bus behind the bridge.
        pub first_bus: u8,
        /// Last one.
        pub last_bus: u8,
        /// Addresses for registers below 4 GiB, the same seen from bus and CPU, where firmware has
        /// assigned none: start and bytes.
        pub registers: Option<(u64, u64)>,
    }

    /// Registers and interrupt of a device that is found without a bus.
    #[derive(Clone, Copy, Debug)]
    pub struct Window {
        /// Its registers.
        pub start: PhysAddr,
        /// Their bytes.
        pub len: usize,
        /// Its interrupt.
        pub line: Line,
    }

    /// An interrupt by wire.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Line {
        /// Its number.
        pub number: u32,
        /// How it asks.
        pub trigger: Trigger,
    }

    /// How an interrupt line asks for attention.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub enum Trigger {
        /// By a change; what comes while it is handled is remembered.
        Edge,
        /// For as long as the device wants something.
        Level,
    }

    /// An interrupt by a write to memory.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Message {
        /// Its number.
        pub number: u32,
        /// Where the device writes.
        pub addr: u64,
        /// What it writes there.
        pub data: u32,
    }
}

/// Randomness of the CPU.
#[cfg(target_os = "none")]
pub mod entropy {
    /// A random word, if the CPU has a generator and it answers: `fn() -> Option<u64>`.
    pub use crate::imp::entropy::random;

    /// What the firmware left for us, each piece handed over once; after `platform::init`:
    /// `fn(&mut dyn FnMut(&[u8]))`.
    pub use crate::imp::entropy::firmware;
}
