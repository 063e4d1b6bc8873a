//! x86_64: PVH for direct kernel boot, `bootloader` for BIOS and UEFI disks.
//!
//! Each protocol describes the machine as [`Found`]; [`keep`] turns that into what `BootInfo` will
//! refer to; then, on the temporary tables of `entry`, [`enter`] calls the kernel. Of a
//! disk's loader nothing is left by then: `relocate` has moved the image away from it.

mod disk;
mod entry;
mod pvh;
mod relocate;

use core::cell::UnsafeCell;

use burrow_arch::layout::PhysAddr;
use burrow_arch::platform::Firmware;
use burrow_arch::{console, cpu, power};
use burrow_kernel::BootInfo;

use crate::memory::MemoryMap;

/// Everything below stays out of use: firmware's data, and the page that other cores start from.
const FIRST_MIB: u64 = 1 << 20;
/// That page, unless firmware has something there.
const START_PAGE: u64 = 0x8000;

/// Longest command line.
const COMMAND_LINE: usize = 16 << 10;

/// What a protocol has found out.
#[derive(Clone, Copy)]
struct Found {
    protocol: &'static str,
    rsdp: u64,
    start_page: u64,
    /// Physical address of `__executable_start`.
    image: u64,
    /// Bytes of the image with the symbols that the runner may have put behind it.
    image_len: u64,
}

/// What `BootInfo` is made of and refers to for ever.
struct Kept {
    found: Found,
    memory: MemoryMap,
    command_line: [u8; COMMAND_LINE],
    command_line_len: usize,
}

struct KeptCell(UnsafeCell<Kept>);

// SAFETY: used by the boot core alone, first by `keep`, then by `enter`.
unsafe impl Sync for KeptCell {}

static KEPT: KeptCell = KeptCell(UnsafeCell::new(Kept {
    found: Found { protocol: "", rsdp: 0, start_page: 0, image: 0, image_len: 0 },
    memory: MemoryMap::new(),
    command_line: [0; COMMAND_LINE],
    command_line_len: 0,
}));

unsafe extern "C" {
    static __executable_start: u8;
}

/// Says why there will be no kernel, and ends the machine.
fn refuse(reason: &str) -> ! {
    console::write(b"burrow: ");
    console::write(reason.as_bytes());
    console::write(b"\n");
    power::exit(1)
}

/// Keeps what was found. `fill` adds RAM to the map and reserves what the loader left in it.
fn keep(found: Found, command_line: &[u8], fill: impl FnOnce(&mut MemoryMap)) {
    // SAFETY: each boot comes here once, with one core.
    let kept = unsafe { &mut *KEPT.0.get() };
    kept.found = found;
    fill(&mut kept.memory);
    kept.memory.reserve(0, FIRST_MIB);
    kept.memory.reserve(found.image, found.image + found.image_len);
    let Some(target) = kept.command_line.get_mut(..command_line.len()) else {
        refuse("the command line is too long");
    };
    target.copy_from_slice(command_line);
    kept.command_line_len = command_line.len();
}

/// Calls the kernel: on the boot stack and the temporary tables.
extern "C" fn enter() -> ! {
    if let Err(missing) = cpu::check_features() {
        console::write(b"burrow: this CPU lacks ");
        console::write(missing.as_bytes());
        console::write(b"\n");
        power::exit(1);
    }
    // SAFETY: `keep` is done, and nobody writes any more.
    let kept = unsafe { &*KEPT.0.get() };
    let Ok(command_line) = str::from_utf8(&kept.command_line[..kept.command_line_len]) else {
        refuse("the command line is not UTF-8");
    };
    let found = kept.found;
    burrow_kernel::start(BootInfo {
        protocol: found.protocol,
        memory: kept.memory.regions(),
        command_line,
        firmware: Firmware::Acpi {
            rsdp: PhysAddr(found.rsdp),
            start_page: PhysAddr(found.start_page),
        },
        image: PhysAddr(found.image),
    })
}
