//! The rest of the boot tables: what the first instructions could not yet know.
//!
//! They serve until the kernel has built its own.

use burrow_arch::layout::{CONSOLE, IMAGE, LARGE_PAGE, PAGE, PHYS_MAP, PhysAddr};
use burrow_arch::paging::Access;
use burrow_arch::table::Table;

/// Most bytes that the boot protocol allows for a device tree.
pub const DEVICE_TREE_MAX: usize = 2 << 20;

/// What one entry of the second level maps.
const GIB: usize = 1 << 30;

unsafe extern "C" {
    static __executable_start: u8;
    static __end: u8;
    static boot_root: u8;
}

/// Frames for further tables: three for the console, one for each 512 GiB of physical addresses.
#[repr(align(4096))]
struct Pool([[u8; PAGE]; 16]);

static POOL: Pool = Pool([[0; PAGE]; 16]);

/// The tables that `entry` began.
pub struct Tables {
    image: PhysAddr,
    root: Table,
    /// Frames of [`POOL`] that are in use.
    used: usize,
}

impl Tables {
    /// `image` is where the first byte of the image lies. Once, on the boot core.
    pub fn new(image: PhysAddr) -> Self {
        let root = Table(physical(image, &raw const boot_root));
        Self { image, root, used: 0 }
    }

    /// Maps the GiBs that hold this RAM in the physical map.
    pub fn map_ram(&mut self, start: PhysAddr, end: PhysAddr) {
        let first = start.0 as usize & !(GIB - 1);
        for at in (first..end.0 as usize).step_by(GIB) {
            self.map(PHYS_MAP + at, at, Access::Write, 2);
        }
    }

    /// Maps the console's registers.
    pub fn map_console(&mut self, registers: PhysAddr) {
        self.map(CONSOLE, registers.0 as usize & !(PAGE - 1), Access::Device, 0);
    }

    /// Where the image ends in memory, symbols included; maps all of it.
    pub fn map_image(&mut self) -> PhysAddr {
        let linked = &raw const __end as usize - IMAGE;
        let end = |len: usize| PhysAddr(self.image.0 + len as u64);
        let (symbols, header_end) = (end(linked), end(linked + PAGE));
        self.map_ram(self.image, header_end);
        let len = linked + symbols_len(symbols);
        let end = PhysAddr(self.image.0 + len as u64);
        self.map_ram(self.image, end);
        for at in (linked.next_multiple_of(LARGE_PAGE)..len).step_by(LARGE_PAGE) {
            self.map(IMAGE + at, self.image.0 as usize + at, Access::Read, 1);
        }
        end
    }

    fn map(&mut self, addr: usize, pa: usize, access: Access, level: usize) {
        let (image, used) = (self.image, &mut self.used);
        let mut frame = || {
            let frame = POOL.0.get(*used)?;
            *used += 1;
            Some(physical(image, frame.as_ptr()))
        };
        // What is mapped already stays; without frames, what lies there stays unknown to the
        // kernel until its own tables.
        let _ = self.root.map(addr, PhysAddr(pa as u64), access, level, &mut frame);
    }
}

/// Where something of the image lies in memory.
fn physical(image: PhysAddr, of: *const u8) -> PhysAddr {
    PhysAddr(image.0 + (of as usize - &raw const __executable_start as usize) as u64)
}

/// Bytes of the symbols that may follow the image.
fn symbols_len(end: PhysAddr) -> usize {
    // SAFETY: the page behind the image is mapped in the physical map; it is RAM, or reads as
    // something that is not the magic.
    let (magic, len) = unsafe {
        ((end.virt() as *const [u8; 8]).read(), (end.virt() as *const u32).add(2).read())
    };
    if magic == *b"BRWSYMS1" { u32::from_le(len) as usize } else { 0 }
}
