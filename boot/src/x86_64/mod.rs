//! x86_64: PVH for direct kernel boot, `bootloader` for BIOS and UEFI disks.
//!
//! Both arrive at [`finish`] on the same temporary tables (`entry`): the image, all memory below
//! 4 GiB at `PHYS_MAP`, and the same once more at its own address.

mod entry;
mod pvh;

use core::cell::UnsafeCell;

use burrow_arch::layout::PhysAddr;
use burrow_arch::platform::Firmware;
use burrow_arch::{console, cpu, power};
use burrow_kernel::BootInfo;

use crate::memory::MemoryMap;

/// Everything below stays out of use: firmware's data, and the page that other cores start from.
const FIRST_MIB: u64 = 1 << 20;
/// The page below 1 MiB that other cores start from, unless firmware has something there.
const START_PAGE: u64 = 0x8000;

/// Longest command line.
const COMMAND_LINE: usize = 16 << 10;

/// What `BootInfo` refers to for ever.
struct Kept {
    memory: MemoryMap,
    command_line: [u8; COMMAND_LINE],
}

struct KeptCell(UnsafeCell<Kept>);

// SAFETY: `kept` hands it out once, to the only core there is while booting.
unsafe impl Sync for KeptCell {}

static KEPT: KeptCell =
    KeptCell(UnsafeCell::new(Kept { memory: MemoryMap::new(), command_line: [0; COMMAND_LINE] }));

unsafe extern "C" {
    static __executable_start: u8;
    static __end: u8;
}

/// What a protocol has found out.
struct Found<'a> {
    protocol: &'static str,
    command_line: &'a [u8],
    rsdp: u64,
    start_page: u64,
    /// Physical address of `__executable_start`.
    image: u64,
}

/// Says why there will be no kernel, and ends the machine.
fn refuse(reason: &str) -> ! {
    console::write(b"burrow: ");
    console::write(reason.as_bytes());
    console::write(b"\n");
    power::exit(2)
}

/// Calls the kernel. `fill` adds RAM to the map and reserves what the loader left in it.
fn finish(found: &Found<'_>, fill: impl FnOnce(&mut MemoryMap)) -> ! {
    if let Err(missing) = cpu::check_features() {
        console::write(b"burrow: this CPU lacks ");
        console::write(missing.as_bytes());
        refuse("");
    }
    // SAFETY: each boot comes here once, with one core.
    let kept = unsafe { &mut *KEPT.0.get() };
    fill(&mut kept.memory);
    kept.memory.reserve(0, FIRST_MIB);
    kept.memory.reserve(found.image, found.image + image_len());
    let Some(command_line) = kept.command_line.get_mut(..found.command_line.len()) else {
        refuse("the command line is too long");
    };
    command_line.copy_from_slice(found.command_line);
    let Ok(command_line) = str::from_utf8(command_line) else {
        refuse("the command line is not UTF-8");
    };
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

/// Bytes of the image with the symbols that the runner may have put behind it.
fn image_len() -> u64 {
    let (start, end) = (&raw const __executable_start as u64, &raw const __end as u64);
    end - start + symbols_len(end)
}

/// Bytes of the symbols: magic, then the length.
fn symbols_len(at: u64) -> u64 {
    let header = at as *const [u8; 8];
    // SAFETY: the page behind the image is mapped (tables map in steps of 2 MiB, and the image
    // never ends at the very end of its gigabyte).
    let (magic, length) = unsafe { (*header, *(header.add(1).cast::<u32>())) };
    if magic == *b"BRWSYMS1" { length.into() } else { 0 }
}
