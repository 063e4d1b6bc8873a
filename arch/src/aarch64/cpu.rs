//! The core: its block, its two words, its features.

use core::arch::asm;
use core::cell::UnsafeCell;
use core::fmt::{self, Write};
use core::mem::offset_of;

use aarch64_cpu::asm::barrier::{SY, isb};
use aarch64_cpu::registers::{
    CNTFRQ_EL0, CPACR_EL1, ID_AA64ISAR0_EL1, ID_AA64PFR0_EL1, MIDR_EL1, Readable, TPIDR_EL0,
    TPIDR_EL1, VBAR_EL1, Writeable,
};

use super::{clock, vectors};

/// Exceptions need one stack: SP_EL1.
pub const EXCEPTION_STACKS: usize = 1;
/// Its bytes. The vectors compare with [`EXCEPTION_STACK_ROOM`].
pub const EXCEPTION_STACK_SIZE: usize = 32 << 10;
/// How much of it may be in use when a fault inside a handler adds its frame; a constant that one
/// compare instruction can hold.
pub(super) const EXCEPTION_STACK_ROOM: usize = EXCEPTION_STACK_SIZE - (4 << 10);

/// What the core keeps for itself; TPIDR_EL0 points here.
#[repr(C)]
pub struct CoreBlock {
    local: usize,
    exception_top: usize,
}

impl CoreBlock {
    /// For the vectors.
    pub(super) const EXCEPTION_TOP: usize = offset_of!(Self, exception_top);

    /// The block of a core; `local` is what [`local`] gives, `tops` the ends of
    /// its exception stacks of [`EXCEPTION_STACK_SIZE`] bytes.
    pub const fn new(_index: usize, local: usize, tops: [usize; EXCEPTION_STACKS]) -> Self {
        Self { local, exception_top: tops[0] }
    }

    /// The boot core's first block, with an exception stack of its own and zero for [`local`].
    pub fn boot(local: usize) -> &'static Self {
        let top = BOOT_STACK.0.get() as usize + EXCEPTION_STACK_SIZE;
        // SAFETY: called by the boot core alone, before any other core runs; the value is the same
        // each time.
        unsafe { BOOT.0.get().write(Self::new(0, local, [top])) };
        // SAFETY: written above.
        unsafe { &*BOOT.0.get() }
    }
}

/// Written by [`CoreBlock::boot`].
struct BootBlock(UnsafeCell<CoreBlock>);

// SAFETY: the boot core's alone.
unsafe impl Sync for BootBlock {}

static BOOT: BootBlock = BootBlock(UnsafeCell::new(CoreBlock::new(0, 0, [0])));

/// The exceptions of bring-up.
#[repr(align(16))]
struct BootStack(UnsafeCell<[u8; EXCEPTION_STACK_SIZE]>);

// SAFETY: only the boot core's stack pointer goes there.
unsafe impl Sync for BootStack {}

static BOOT_STACK: BootStack = BootStack(UnsafeCell::new([0; EXCEPTION_STACK_SIZE]));

/// Loads a core's block on the running core: vectors, exception stack, base register, floating
/// point. Interrupts stay masked.
///
/// # Safety
/// Not inside an exception handler; `block` is this core's alone and its exception stack is mapped.
pub unsafe fn init_core(block: &'static CoreBlock) {
    CPACR_EL1.write(CPACR_EL1::FPEN::TrapNothing);
    TPIDR_EL0.set(&raw const *block as u64);
    VBAR_EL1.set(vectors::address() as u64);
    isb(SY);
    // SAFETY: with SPSel = 0 here (law 11), SP_EL1 is in no use; only by selecting it can it be
    // written. Masked, and without stack accesses in between.
    unsafe {
        asm!(
            "msr fpcr, xzr",
            "msr spsel, #1",
            "mov sp, {}",
            "msr spsel, #0",
            in(reg) block.exception_top,
            options(nostack)
        );
    }
    clock::init();
}

/// The word "what runs here".
#[inline(always)]
pub fn current() -> usize {
    let word;
    // SAFETY: reads a register. Not `pure`, so that it is read each time (law 1).
    unsafe { asm!("mrs {}, tpidr_el1", out(reg) word, options(nostack, preserves_flags)) };
    word
}

/// Replaces [`current`].
///
/// # Safety
/// The word must mean what the kernel's readers take it for.
pub unsafe fn set_current(word: usize) {
    TPIDR_EL1.set(word as u64);
}

/// The word given to [`CoreBlock::new`].
#[inline(always)]
pub fn local() -> usize {
    let word;
    // SAFETY: TPIDR_EL0 points to this core's block since `init_core`. One block of assembly that
    // is not `pure`: nothing of it can be kept over a switch (law 15).
    unsafe {
        asm!(
            "mrs {word}, tpidr_el0",
            "ldr {word}, [{word}, #{local}]",
            word = out(reg) word,
            local = const offset_of!(CoreBlock, local),
            options(nostack, preserves_flags, readonly)
        );
    }
    word
}

/// Whether the CPU has what Burrow needs. Uses no atomic read-modify-write itself.
pub fn check_features() -> Result<(), &'static str> {
    if feature(ID_AA64ISAR0_EL1.get(), 20) < 2 {
        return Err("ARMv8.1 atomics (LSE)");
    }
    if feature(ID_AA64PFR0_EL1.get(), 20) == 15 {
        return Err("SIMD and floating point");
    }
    if CNTFRQ_EL0.get() < 1_000_000 {
        return Err("a counter with a known frequency (CNTFRQ_EL0)");
    }
    Ok(())
}

/// One field of an identification register.
fn feature(register: u64, shift: u32) -> u64 {
    register >> shift & 15
}

/// The CPU's name, for the banner.
pub fn describe(out: &mut dyn Write) -> fmt::Result {
    let part = MIDR_EL1.read(MIDR_EL1::PartNum);
    let name = match (MIDR_EL1.read(MIDR_EL1::Implementer), part) {
        (0x00, 0x051) => "QEMU max",
        (0x41, 0xd03) => "Arm Cortex-A53",
        (0x41, 0xd05) => "Arm Cortex-A55",
        (0x41, 0xd07) => "Arm Cortex-A57",
        (0x41, 0xd08) => "Arm Cortex-A72",
        (0x41, 0xd0b) => "Arm Cortex-A76",
        (0x41, 0xd0c) => "Arm Neoverse N1",
        (0x41, 0xd40) => "Arm Neoverse V1",
        (0x41, 0xd49) => "Arm Neoverse N2",
        (0x46, _) => "Fujitsu A64FX",
        (0x61, _) => "Apple",
        (implementer, _) => {
            return write!(out, "ARMv8 {implementer:#04x}:{part:#05x}");
        }
    };
    out.write_str(name)
}
