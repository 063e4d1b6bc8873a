//! The kernel's address space, the same on every CPU: 4 KiB pages, four levels, upper half.
//!
//! The lower half stays empty, so that null and every small integer fault.

/// Bytes of a page and of a page frame.
pub const PAGE: usize = 4096;
/// Bytes of a large page, one leaf of the second table level.
pub const LARGE_PAGE: usize = 2 << 20;

/// All RAM, readable and writable, never executable.
pub const PHYS_MAP: usize = 0xffff_8000_0000_0000;
/// Goroutine stacks: slots by size class.
pub const STACKS: usize = 0xffff_a000_0000_0000;
/// End of [`STACKS`], exclusive.
pub const STACKS_END: usize = 0xffff_c000_0000_0000;
/// The heap, grown at its end.
pub const HEAP: usize = 0xffff_c000_0000_0000;
/// End of [`HEAP`], exclusive.
pub const HEAP_END: usize = 0xffff_d000_0000_0000;
/// Guarded stacks of kernel threads and exceptions.
pub const KSTACKS: usize = 0xffff_d000_0000_0000;
/// Device registers, mapped one device at a time.
pub const MMIO: usize = 0xffff_e000_0000_0000;
/// End of [`MMIO`], exclusive.
pub const MMIO_END: usize = 0xffff_f000_0000_0000;
/// The console's registers, on CPUs that have them in memory: the last page of [`MMIO`].
pub const CONSOLE: usize = MMIO_END - PAGE;
/// The image: linked at a small offset from here.
pub const IMAGE: usize = 0xffff_ffff_8000_0000;

/// A physical address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
#[repr(transparent)]
pub struct PhysAddr(pub u64);

impl PhysAddr {
    /// Where this byte of RAM is seen in [`PHYS_MAP`].
    pub const fn virt(self) -> usize {
        PHYS_MAP + self.0 as usize
    }

    /// The RAM behind an address inside [`PHYS_MAP`].
    pub const fn from_phys_map(addr: usize) -> Self {
        Self((addr - PHYS_MAP) as u64)
    }
}
