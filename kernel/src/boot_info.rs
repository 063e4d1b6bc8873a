//! What every boot protocol is turned into before the kernel starts.

use burrow_arch::layout::PhysAddr;
use burrow_arch::platform::Firmware;

/// The machine as the boot loader left it. `boot` fills it in; it lives for ever.
pub struct BootInfo {
    /// `PVH`, `BIOS`, `UEFI` or `Linux Image`.
    pub protocol: &'static str,
    /// RAM and what is in it, sorted, not overlapping, page-aligned inwards for usable regions.
    pub memory: &'static [MemoryRegion],
    /// The command line as given.
    pub command_line: &'static str,
    /// Where the machine is described.
    pub firmware: Firmware,
    /// Where the image's first byte ([`burrow_arch::layout::IMAGE`]-relative link address of
    /// `__executable_start`) lies in RAM.
    pub image: PhysAddr,
}

/// A stretch of physical memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemoryRegion {
    /// First byte.
    pub start: PhysAddr,
    /// One past the last byte.
    pub end: PhysAddr,
    /// Whether it may be handed out.
    pub kind: MemoryKind,
}

/// What a region is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MemoryKind {
    /// Free RAM.
    Usable,
    /// RAM in use for ever: the image, boot structures, device tree. Mapped in the physical map.
    Reserved,
}
