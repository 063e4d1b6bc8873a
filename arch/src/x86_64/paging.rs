//! Page-table entries as the x86_64 MMU reads them.

use core::sync::atomic::{Ordering, compiler_fence};

use core::arch::x86_64::__cpuid;
use x86_64::instructions::tlb;
use x86_64::registers::control::Cr3;
use x86_64::structures::paging::PhysFrame;

use crate::layout::PhysAddr;
use crate::paging::Access;

const PRESENT: u64 = 1 << 0;
const WRITE: u64 = 1 << 1;
/// Both cache bits: entry 3 of the page attribute table, uncached since reset.
const UNCACHED: u64 = 1 << 3 | 1 << 4;
/// Set beforehand, so that the MMU has nothing to write back at the first access.
const ACCESSED: u64 = 1 << 5;
const DIRTY: u64 = 1 << 6;
const LARGE: u64 = 1 << 7;
const NO_EXECUTE: u64 = 1 << 63;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// One entry of a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub struct Pte(
    /// As the MMU reads it.
    pub u64,
);

impl Pte {
    /// Nothing mapped.
    pub const EMPTY: Self = Self(0);

    /// Points to the next table. What is allowed is said by the leaves alone.
    pub const fn table(pa: PhysAddr) -> Self {
        Self(pa.0 | PRESENT | WRITE | ACCESSED)
    }

    /// Maps a page of that level.
    pub const fn leaf(pa: PhysAddr, access: Access, level: usize) -> Self {
        let allowed = match access {
            Access::Read => NO_EXECUTE,
            Access::Execute => 0,
            Access::Write => NO_EXECUTE | WRITE | DIRTY,
            Access::Device => NO_EXECUTE | WRITE | DIRTY | UNCACHED,
        };
        let size = if level == 0 { 0 } else { LARGE };
        Self(pa.0 | allowed | size | PRESENT | ACCESSED)
    }

    /// Whether the MMU follows it.
    pub const fn is_present(self) -> bool {
        self.0 & PRESENT != 0
    }

    /// Whether it maps a page rather than pointing to a table.
    pub const fn is_leaf(self, level: usize) -> bool {
        level == 0 || self.0 & LARGE != 0
    }

    /// The page or table it names.
    pub const fn addr(self) -> PhysAddr {
        PhysAddr(self.0 & ADDRESS)
    }
}

/// Loads a root on this core; no entry is global, so the TLB is empty afterwards.
///
/// # Safety
/// The tables map everything in use: text, data, the current stack, descriptor tables.
pub unsafe fn activate(root: PhysAddr) {
    let frame = PhysFrame::containing_address(x86_64::PhysAddr::new_truncate(root.0));
    // SAFETY: the caller's promise.
    unsafe { Cr3::write(frame, x86_64::registers::control::Cr3Flags::empty()) };
}

/// Drops everything that this core's TLB knows.
#[inline]
pub fn flush_all() {
    tlb::flush_all();
}

/// Drops one page from this core's TLB.
#[inline]
pub fn flush_page(addr: usize) {
    tlb::flush(x86_64::VirtAddr::new_truncate(addr as u64));
}

/// Orders table writes before the accesses that need them. The MMU reads tables in order with the
/// core's own writes and never remembers that an entry was absent: only the compiler is held.
#[inline(always)]
pub fn sync() {
    compiler_fence(Ordering::SeqCst);
}

/// Whether leaves of 1 GiB may be used.
pub fn has_huge_pages() -> bool {
    __cpuid(0x8000_0001).edx & 1 << 26 != 0
}
