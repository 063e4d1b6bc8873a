//! BIOS and UEFI disks, by the `bootloader` crate's loader: 64-bit entry on its tables, a memory
//! map, and the command line as the disk's only other file (its "ramdisk").

use core::arch::naked_asm;
use core::slice;

use bootloader_api::config::{BootloaderConfig, Mapping};
use bootloader_api::info::{BootInfo, MemoryRegion, MemoryRegionKind};
use burrow_arch::layout::{PAGE, PHYS_MAP, PhysAddr};

use super::{__executable_start, FIRST_MIB, Found, START_PAGE, keep, refuse, relocate};
use crate::memory::MemoryMap;

/// Bytes of the loader's stack, which we leave soon.
const STACK_SIZE: u64 = 64 << 10;

const CONFIG: BootloaderConfig = {
    let mut config = BootloaderConfig::new_default();
    config.kernel_stack_size = STACK_SIZE;
    config.mappings.physical_memory = Some(Mapping::FixedAddress(PHYS_MAP as u64));
    config
};

/// Read by the loader out of the ELF file.
#[used]
#[unsafe(link_section = ".bootloader-config")]
static SERIALIZED: [u8; BootloaderConfig::SERIALIZED_LEN] = CONFIG.serialize();

/// The ELF file's entry point, with the loader's information in RDI: switches SSE on, which the
/// loader does not use, and aligns the stack as for a call.
///
/// # Safety
/// Entered by the loader alone.
#[unsafe(naked)]
#[unsafe(no_mangle)]
#[unsafe(link_section = ".boot")]
unsafe extern "C" fn burrow_disk_entry() -> ! {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_undefined rip",
        "cli",
        "cld",
        // CR0: no emulation, no lazy switching, FPU errors and monitoring.
        "mov rax, cr0",
        "and rax, ~0xc",
        "or rax, 0x22",
        "mov cr0, rax",
        // CR4: FXSAVE, SSE exceptions; no global pages, so that a new root leaves nothing behind.
        "mov rax, cr4",
        "or rax, 0x600",
        "and rax, ~0x80",
        "mov cr4, rax",
        "xor ebp, ebp",
        "and rsp, -16",
        "call {main}",
        "ud2",
        ".cfi_endproc",
        main = sym main,
    )
}

extern "C" fn main(info: &'static BootInfo) -> ! {
    let regions = &*info.memory_regions;
    let len = image_len(info);
    let Some(image) = relocate::place(usable(regions), len) else {
        refuse("no room for the image below 4 GiB");
    };
    let found = Found {
        protocol: if is_uefi(regions) { "UEFI" } else { "BIOS" },
        rsdp: info.rsdp_addr.into_option().unwrap_or(0),
        start_page: start_page(regions),
        image,
        image_len: len,
    };
    let command_line = info.ramdisk_addr.into_option().map_or(&[][..], |addr| {
        // SAFETY: the loader has mapped the file there.
        unsafe { slice::from_raw_parts(addr as *const u8, info.ramdisk_len as usize) }
    });
    keep(found, command_line.trim_ascii(), |map| fill(map, regions));
    // SAFETY: `place` has found free RAM for all of the image, and nothing of the loader's is used
    // from here on.
    unsafe { relocate::leave(image, len) }
}

/// The part of an ELF header that leads to the program headers.
#[repr(C)]
struct ElfHeader {
    identification: [u8; 16],
    kind: [u16; 2],
    version: u32,
    entry: u64,
    program_headers: u64,
    section_headers: u64,
    flags: u32,
    header_size: u16,
    program_header_size: u16,
    program_header_count: u16,
}

#[repr(C)]
struct ProgramHeader {
    kind: u32,
    flags: u32,
    offset: u64,
    addr: u64,
    physical: u64,
    file_size: u64,
    memory_size: u64,
    align: u64,
}

/// Program header of a segment that is loaded.
const LOAD: u32 = 1;

/// Bytes of the image with the symbols that the runner may have put behind it: up to the end of the
/// last segment. The loader maps nothing beyond, so that looking there would fault.
fn image_len(info: &BootInfo) -> u64 {
    let elf = PhysAddr(info.kernel_addr).virt();
    // SAFETY: the loader keeps the ELF file in memory and says where.
    let headers = unsafe {
        let header = &*(elf as *const ElfHeader);
        let first = (elf + header.program_headers as usize) as *const ProgramHeader;
        slice::from_raw_parts(first, header.program_header_count.into())
    };
    let loaded = headers.iter().filter(|header| header.kind == LOAD);
    let end = loaded.map(|header| header.addr + header.memory_size).max().unwrap_or(0);
    end.next_multiple_of(PAGE as u64) - &raw const __executable_start as u64
}

/// RAM, with what the loader used: it is over.
fn fill(map: &mut MemoryMap, regions: &[MemoryRegion]) {
    for region in regions {
        if matches!(region.kind, MemoryRegionKind::Usable | MemoryRegionKind::Bootloader) {
            map.add(region.start, region.end);
        }
    }
}

/// RAM that nobody uses now.
fn usable(regions: &[MemoryRegion]) -> impl Iterator<Item = (u64, u64)> {
    let free = |region: &&MemoryRegion| region.kind == MemoryRegionKind::Usable;
    regions.iter().filter(free).map(|region| (region.start, region.end))
}

/// UEFI and BIOS have kinds of their own for what cannot be used. There always is some.
fn is_uefi(regions: &[MemoryRegion]) -> bool {
    regions.iter().any(|region| matches!(region.kind, MemoryRegionKind::UnknownUefi(_)))
}

/// A page of RAM below 1 MiB: the usual one, or else the first that is not page 0.
fn start_page(regions: &[MemoryRegion]) -> u64 {
    let page = PAGE as u64;
    let ram = |region: &&MemoryRegion| {
        matches!(region.kind, MemoryRegionKind::Usable | MemoryRegionKind::Bootloader)
    };
    let fits = |at: u64, region: &MemoryRegion| region.start <= at && at + page <= region.end;
    let first = |region: &MemoryRegion| region.start.next_multiple_of(page).max(page);
    if regions.iter().filter(ram).any(|region| fits(START_PAGE, region)) {
        return START_PAGE;
    }
    let mut found = regions.iter().filter(ram).filter(|region| fits(first(region), region));
    match found.next().map(first) {
        Some(at) if at < FIRST_MIB => at,
        _ => refuse("no page below 1 MiB for starting cores"),
    }
}
