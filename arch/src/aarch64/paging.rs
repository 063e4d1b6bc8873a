//! Page-table entries of the 4 KiB granule, and the TLB of this core.

use core::arch::asm;

use aarch64_cpu::asm::barrier::{ISHST, NSH, NSHST, SY, dsb, isb};
use aarch64_cpu::registers::{PAR_EL1, Readable};

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

/// Loads a root on this core and drops what the TLB knew.
///
/// # Safety
/// The tables must map all that is in use, at the same physical addresses.
pub unsafe fn activate(root: PhysAddr) {
    dsb(ISHST);
    // SAFETY: the caller's promise: the code running here, its stack and its data stay where they
    // are.
    unsafe {
        asm!("msr ttbr1_el1, {}", "isb", in(reg) root.0, options(nostack, preserves_flags));
    }
    flush_all();
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
