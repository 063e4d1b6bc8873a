//! The kernel's own address space (law 13), one for all cores.
//!
//! | what | access |
//! | --- | --- |
//! | image: text | execute, nothing else |
//! | image: read-only data, symbols | read |
//! | image: data, zeroed data | write |
//! | all RAM, in the physical map | write; the image's text and read-only data: read |
//! | stacks, heap, kernel stacks | write, mapped page by page |
//! | device registers | write, uncached |
//!
//! Nothing is both writable and executable, the lower half and all guard pages are unmapped.
//! Tables are changed under one lock, but for entries that belong to one goroutine's stack
//! ([`crate::stack`]). Unmapping is nowhere but there and in the heap's
//! [`scavenge`](mod@crate::mem::heap::scavenge): kernel stacks and tables stay.

mod image;
pub mod kstack;

use core::sync::atomic::{AtomicUsize, Ordering};

use burrow_arch::layout::{MMIO, MMIO_END, PAGE, PHYS_MAP, PhysAddr};
use burrow_arch::paging::{self, Access};
use burrow_arch::table::{MapError, Table};

pub use self::kstack::{alloc_kstack, free_kstack};
use super::frames;
use crate::boot_info::{BootInfo, MemoryRegion};
use crate::sync::{Rank, SpinLock};

/// What the page tables' lock protects.
struct Space {
    root: Table,
    /// Device registers are mapped up to here.
    mmio: usize,
}

static SPACE: SpinLock<Space> =
    SpinLock::new(Rank::PageTables, Space { root: Table(PhysAddr(0)), mmio: MMIO });

/// The root, once it is active; never changes.
static ROOT: AtomicUsize = AtomicUsize::new(0);

/// Builds the tables and loads them on the boot core. The other cores load [`root`] as they start.
///
/// `Err` if there is no memory for the tables.
pub fn init(boot: &BootInfo) -> Result<(), MapError> {
    let image = image::Image::find(boot.image);
    let root = Table(frames::alloc_zeroed().ok_or(MapError::NoFrames)?);
    image.map(root)?;
    map_ram(root, boot.memory, &image)?;
    if let Some((addr, pa, len)) = burrow_arch::console::early_device() {
        root.map_range(addr, pa, len, Access::Device, &mut frames::alloc_zeroed)?;
    }
    SPACE.lock().root = root;
    ROOT.store(root.0.0 as usize, Ordering::Relaxed);
    // SAFETY: the new tables map the image and all RAM as they were mapped until now, but for what
    // nothing uses: the lower half and write access to text and read-only data.
    unsafe { paging::activate(root.0) };
    Ok(())
}

/// The tables' root, for cores that start.
pub fn root() -> PhysAddr {
    PhysAddr(ROOT.load(Ordering::Relaxed) as u64)
}

/// The tables, for readers and for owners of single entries.
#[inline(always)]
pub(crate) fn table() -> Table {
    Table(root())
}

/// Maps one page of 4 KiB (level 0) or 2 MiB (1) where nothing is.
pub fn map(addr: usize, pa: PhysAddr, access: Access, level: usize) -> Result<(), MapError> {
    SPACE.lock().root.map(addr, pa, access, level, &mut frames::alloc_zeroed)
}

/// Runs `f` on the tables while nobody else changes them.
pub(crate) fn with_tables<T>(f: impl FnOnce(Table) -> T) -> T {
    let space = SPACE.lock();
    f(space.root)
}

/// Makes device registers accessible, for ever; their address. Throws if the region for them or
/// memory for tables is used up.
pub fn map_mmio(pa: PhysAddr, len: usize) -> *mut u8 {
    let offset = pa.0 as usize % PAGE;
    let len = (offset + len).next_multiple_of(PAGE);
    let mut space = SPACE.lock();
    // Like alignments let large windows use large pages.
    let align = if len >= LARGE { LARGE } else { PAGE };
    let misalignment = (pa.0 as usize - offset) % align;
    let addr = space.mmio.next_multiple_of(align) + misalignment;
    if addr + len > MMIO_END {
        crate::panic::throw("no room for device registers");
    }
    // A page between devices catches who runs over the end.
    space.mmio = addr + len + PAGE;
    let from = PhysAddr(pa.0 - offset as u64);
    if space.root.map_range(addr, from, len, Access::Device, &mut frames::alloc_zeroed).is_err() {
        crate::panic::throw("cannot map device registers");
    }
    (addr + offset) as *mut u8
}

/// The physical address behind a kernel address, if it is mapped.
pub fn translate(addr: usize) -> Option<PhysAddr> {
    if addr >= PHYS_MAP { table().translate(addr) } else { None }
}

/// Whether `len` bytes at `addr` are mapped: for those who walk what may be broken.
pub fn is_mapped(addr: usize, len: usize) -> bool {
    let Some(last) = addr.checked_add(len.max(1) - 1) else { return false };
    (addr / PAGE..=last / PAGE).all(|page| translate(page * PAGE).is_some())
}

const LARGE: usize = burrow_arch::layout::LARGE_PAGE;

/// Maps all RAM into the physical map, with the largest pages that fit, the image's read-only part
/// read-only.
fn map_ram(root: Table, memory: &[MemoryRegion], image: &image::Image) -> Result<(), MapError> {
    let mut done = 0;
    let mut regions = memory.iter().peekable();
    while let Some(region) = regions.next() {
        // Whole pages, neighbours joined: fewer entries and no page twice.
        let start = (region.start.0 as usize & !(PAGE - 1)).max(done);
        let mut end = (region.end.0 as usize).next_multiple_of(PAGE);
        while let Some(next) = regions.next_if(|next| next.start.0 as usize <= end) {
            end = end.max((next.end.0 as usize).next_multiple_of(PAGE));
        }
        done = end.max(done);
        let (ro_start, ro_end) = image.read_only();
        map_piece(root, start, end.min(ro_start), Access::Write)?;
        map_piece(root, start.max(ro_start), end.min(ro_end), Access::Read)?;
        map_piece(root, start.max(ro_end), end, Access::Write)?;
    }
    Ok(())
}

/// Maps RAM `start..end`, if there is any.
fn map_piece(root: Table, start: usize, end: usize, access: Access) -> Result<(), MapError> {
    if start >= end {
        return Ok(());
    }
    let (addr, pa) = (PHYS_MAP + start, PhysAddr(start as u64));
    root.map_range(addr, pa, end - start, access, &mut frames::alloc_zeroed)
}
