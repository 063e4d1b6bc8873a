//! aarch64: the Linux Image protocol. `entry` comes first, then [`enter`].

mod entry;
mod memory;
mod tables;

use core::cell::UnsafeCell;

use burrow_arch::cpu::{self, CoreBlock};
use burrow_arch::layout::PhysAddr;
use burrow_arch::platform::Firmware;
use burrow_arch::{console, power};
use burrow_kernel::BootInfo;
use dtoolkit::fdt::Fdt;

use crate::memory::MemoryMap;
use tables::{DEVICE_TREE_MAX, Tables};

/// What `BootInfo` refers to for ever.
struct Kept(UnsafeCell<MemoryMap>);

// SAFETY: `enter` takes it once, on the only core there is while booting.
unsafe impl Sync for Kept {}

static KEPT: Kept = Kept(UnsafeCell::new(MemoryMap::new()));

/// The first Rust: on the boot stack, MMU on, nothing mapped but the image and the GiB around it.
///
/// No atomic read-modify-write happens until the CPU is known to have them.
extern "C" fn enter(device_tree: u64, image: u64) -> ! {
    // SAFETY: the boot core's block, on the boot core, outside any handler.
    unsafe { cpu::init_core(CoreBlock::boot(0)) };
    let (addr, image) = (PhysAddr(device_tree), PhysAddr(image));
    let mut tables = Tables::new(image);
    let image_end = tables.map_image();
    tables.map_ram(addr, PhysAddr(addr.0 + DEVICE_TREE_MAX as u64));
    // SAFETY: mapped just now.
    let Some(tree) = (unsafe { device_tree_at(addr) }) else {
        // Without it there is no console either.
        power::exit(1)
    };
    if let Some(registers) = memory::console(tree) {
        tables.map_console(registers);
    }
    if let Err(missing) = cpu::check_features() {
        for text in ["burrow: this CPU lacks ", missing, "\n"] {
            console::write(text.as_bytes());
        }
        power::exit(1)
    }
    // SAFETY: this happens once, with one core.
    let map = unsafe { &mut *KEPT.0.get() };
    memory::add_ram(tree, map);
    for ram in map.regions() {
        tables.map_ram(ram.start, ram.end);
    }
    memory::reserve(tree, addr, map);
    map.reserve(image.0, image_end.0);
    burrow_kernel::start(BootInfo {
        protocol: "Linux Image",
        memory: map.regions(),
        command_line: memory::command_line(tree),
        firmware: Firmware::DeviceTree { addr },
        image,
    })
}

/// The device tree at that address, if it is one.
///
/// # Safety
/// [`DEVICE_TREE_MAX`] bytes there are mapped in the physical map.
unsafe fn device_tree_at(addr: PhysAddr) -> Option<Fdt<'static>> {
    const MAGIC: u32 = 0xd00d_feed;
    let header = addr.virt() as *const [u32; 2];
    if addr.0 == 0 || !header.is_aligned() {
        return None;
    }
    // SAFETY: mapped, as the caller promises.
    let [magic, len] = unsafe { header.read() }.map(u32::from_be);
    if magic != MAGIC || len as usize > DEVICE_TREE_MAX {
        return None;
    }
    // SAFETY: as above; nobody writes to it.
    let bytes = unsafe { core::slice::from_raw_parts(header.cast(), len as usize) };
    Fdt::new(bytes).ok()
}
