//! Page-table entries of the 4 KiB granule, and the TLB of this core.

use core::arch::{asm, naked_asm};

use aarch64_cpu::asm::barrier::{ISHST, NSH, NSHST, SY, dsb, isb};
use aarch64_cpu::registers::{DAIF, PAR_EL1, Readable, TCR_EL1};

use crate::layout::PhysAddr;
use crate::paging::Access;

/// One entry, as the CPU reads it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub struct Pte(pub u64);

impl Pte {
    /// Nothing there.
    pub const EMPTY: Self = Self(0);

    const VALID: u64 = 1;
    /// A table above the last level, a page in it; clear in a block.
    const TABLE_OR_PAGE: u64 = 1 << 1;
    /// MAIR_EL1 attribute 1, set up by `boot`: nGnRE. Attribute 0 is normal memory.
    const DEVICE: u64 = 1 << 2;
    const READ_ONLY: u64 = 1 << 7;
    const INNER_SHAREABLE: u64 = 3 << 8;
    const ACCESSED: u64 = 1 << 10;
    const NEVER_AT_EL1: u64 = 1 << 53;
    const NEVER_AT_EL0: u64 = 1 << 54;
    const ADDRESS: u64 = 0x0000_ffff_ffff_f000;

    /// Points to the next level's table.
    pub const fn table(pa: PhysAddr) -> Self {
        Self(pa.0 | Self::VALID | Self::TABLE_OR_PAGE)
    }

    /// Maps memory at that level. Nothing is ever for EL0.
    pub const fn leaf(pa: PhysAddr, access: Access, level: usize) -> Self {
        let kind = if level == 0 { Self::TABLE_OR_PAGE } else { 0 };
        let never = Self::NEVER_AT_EL0 | Self::NEVER_AT_EL1;
        let rights = match access {
            Access::Read => Self::READ_ONLY | never,
            Access::Execute => Self::READ_ONLY | Self::NEVER_AT_EL0,
            Access::Write => never,
            Access::Device => Self::DEVICE | never,
        };
        Self(pa.0 | Self::VALID | kind | rights | Self::INNER_SHAREABLE | Self::ACCESSED)
    }

    /// Whether the CPU goes on from here.
    pub const fn is_present(self) -> bool {
        self.0 & Self::VALID != 0
    }

    /// Whether it maps memory rather than a table.
    pub const fn is_leaf(self, level: usize) -> bool {
        self.is_present() && (level == 0 || self.0 & Self::TABLE_OR_PAGE == 0)
    }

    /// The frame or table it points to.
    pub const fn addr(self) -> PhysAddr {
        PhysAddr(self.0 & Self::ADDRESS)
    }
}

/// Every ARMv8 CPU has them with this granule.
pub fn has_huge_pages() -> bool {
    true
}

/// TCR_EL1: no walks by TTBR0. Set but for the moments here: the lower half is empty.
const TCR_EPD0: u64 = 1 << 7;
/// TCR_EL1: no walks by TTBR1.
const TCR_EPD1: u64 = 1 << 23;

/// Loads a root on this core and drops what the TLB knew.
///
/// The old tables may map the same pages by larger blocks or with other rights, and a TLB must
/// never hold both. So the upper half is switched off, and the TLB flushed, in between, by code
/// that runs at its physical address meanwhile: `boot`'s identity tables are still in TTBR0.
///
/// # Safety
/// The tables must map all that is in use, at the same physical addresses.
pub unsafe fn activate(root: PhysAddr) {
    let Some(replace) = translate(replace_root as *const () as usize) else {
        unreachable!("the image is mapped");
    };
    let (daif, tcr) = (DAIF.get(), TCR_EL1.get());
    dsb(ISHST);
    // SAFETY: all exceptions are masked while nothing but one page of code can be reached, and the
    // stack is not used. Afterwards all is where it was, as the caller promises.
    unsafe {
        asm!(
            "msr daifset, #15",
            "msr tcr_el1, {lower}",
            "isb",
            "blr {replace}",
            "msr tcr_el1, {tcr}",
            "msr daif, {daif}",
            lower = in(reg) tcr & !TCR_EPD0,
            tcr = in(reg) tcr,
            daif = in(reg) daif,
            replace = in(reg) replace.0,
            inout("x0") root.0 => _,
            inout("x1") tcr & !TCR_EPD0 => _,
            inout("x2") tcr & !TCR_EPD0 | TCR_EPD1 => _,
            out("x30") _,
            options(nostack)
        );
    }
    flush_all();
}

/// Loads x0 as the root of the upper half. x1: TCR_EL1 with both halves on; x2: without the
/// upper one.
#[unsafe(naked)]
#[unsafe(link_section = ".text.nopreempt")]
extern "C" fn replace_root() {
    naked_asm!(
        ".cfi_startproc",
        "msr tcr_el1, x2",
        "isb",
        "tlbi vmalle1",
        "dsb nsh",
        "isb",
        "msr ttbr1_el1, x0",
        "isb",
        "msr tcr_el1, x1",
        "isb",
        "ret",
        ".cfi_endproc",
    )
}

/// Orders table writes before the accesses that need them. An empty entry is in no TLB, so that a
/// new one needs no flush.
#[inline(always)]
pub fn sync() {
    dsb(ISHST);
    isb(SY);
}

/// Drops everything that this core's TLB knows.
pub fn flush_all() {
    dsb(NSHST);
    // SAFETY: what is dropped is read again from the tables.
    unsafe { asm!("tlbi vmalle1", options(nostack, preserves_flags)) };
    dsb(NSH);
    isb(SY);
}

/// Drops one page from this core's TLB.
pub fn flush_page(addr: usize) {
    let page = (addr >> 12) as u64 & ((1 << 44) - 1);
    dsb(NSHST);
    // SAFETY: what is dropped is read again from the tables.
    unsafe { asm!("tlbi vaae1, {}", in(reg) page, options(nostack, preserves_flags)) };
    dsb(NSH);
    isb(SY);
}

/// The physical address behind `addr` as this core sees it, if it may be written (`Access::Write`,
/// `Access::Device`) or read (all else). Asks the CPU, so it needs no root.
pub fn translate(addr: usize) -> Option<PhysAddr> {
    // SAFETY: a translation has no effect but on PAR_EL1.
    unsafe { asm!("at s1e1r, {}", "isb", in(reg) addr, options(nostack, preserves_flags)) };
    let par = PAR_EL1.get();
    (par & 1 == 0).then_some(PhysAddr(par & Pte::ADDRESS | (addr & 0xfff) as u64))
}
