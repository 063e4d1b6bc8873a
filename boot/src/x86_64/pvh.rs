//! PVH, the protocol of Xen and of QEMU's `-kernel`: 32-bit entry, one structure of facts.

use core::ffi::CStr;
use core::slice;

use burrow_arch::layout::{PAGE, PhysAddr};

use super::{__executable_start, Found, START_PAGE, enter, keep, refuse};
use crate::memory::MemoryMap;

const MAGIC: u32 = 0x336e_c578;
/// Kind of a memory region: RAM for anybody.
const RAM: u32 = 1;
/// Where the linker script puts the image.
const LOAD_ADDRESS: u64 = 0x10_0000;

unsafe extern "C" {
    static __end: u8;
}

#[repr(C)]
struct StartInfo {
    magic: u32,
    version: u32,
    flags: u32,
    modules: u32,
    module_list: u64,
    command_line: u64,
    rsdp: u64,
    /// From here on only since version 1.
    memory_map: u64,
    memory_map_entries: u32,
    reserved: u32,
}

#[repr(C)]
struct Module {
    addr: u64,
    size: u64,
    command_line: u64,
    reserved: u64,
}

#[repr(C)]
struct MemoryEntry {
    addr: u64,
    size: u64,
    kind: u32,
    reserved: u32,
}

/// The beginning of the symbols.
#[repr(C)]
struct Symbols {
    magic: [u8; 8],
    total_len: u32,
}

/// From the entry code, on the boot stack, with the start information's physical address.
#[unsafe(no_mangle)]
extern "C" fn burrow_pvh(start_info: u64) -> ! {
    // SAFETY: the protocol says so; all memory below 4 GiB is mapped.
    let info = unsafe { &*(PhysAddr(start_info).virt() as *const StartInfo) };
    if info.magic != MAGIC || info.version == 0 {
        refuse("the loader does not speak PVH version 1");
    }
    // SAFETY: the structure names arrays with these lengths.
    let (memory, modules) = unsafe {
        (
            array::<MemoryEntry>(info.memory_map, info.memory_map_entries),
            array::<Module>(info.module_list, info.modules),
        )
    };
    let command_line = match info.command_line {
        0 => &[],
        // SAFETY: a string that ends in a zero.
        at => unsafe { CStr::from_ptr(PhysAddr(at).virt() as *const _) }.to_bytes(),
    };
    let found = Found {
        protocol: "PVH",
        rsdp: info.rsdp,
        start_page: START_PAGE,
        image: LOAD_ADDRESS,
        image_len: image_len(),
    };
    keep(found, command_line, |map| fill(map, memory, modules));
    enter()
}

/// RAM, without modules. The start information itself and its lists are not wanted any more.
fn fill(map: &mut MemoryMap, memory: &[MemoryEntry], modules: &[Module]) {
    for entry in memory.iter().filter(|entry| entry.kind == RAM) {
        map.add(entry.addr, entry.addr + entry.size);
    }
    for module in modules {
        map.reserve(module.addr, module.addr + module.size);
    }
}

/// An array at a physical address, which is 0 if there is none.
///
/// # Safety
/// It lies there, below 4 GiB.
unsafe fn array<T>(at: u64, len: u32) -> &'static [T] {
    if at == 0 || len == 0 {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { slice::from_raw_parts(PhysAddr(at).virt() as *const T, len as usize) }
}

/// Bytes of the image with its symbols: they follow on the next page, with a magic word and their
/// length. All memory is mapped here, so looking does no harm.
fn image_len() -> u64 {
    let (start, end) = (&raw const __executable_start as u64, &raw const __end as u64);
    let header = end.next_multiple_of(PAGE as u64) as *const Symbols;
    // SAFETY: the tables map the gigabyte from the image's base.
    let header = unsafe { &*header };
    let symbols = if header.magic == *b"BRWSYMS1" { header.total_len } else { 0 };
    end.next_multiple_of(PAGE as u64) + u64::from(symbols) - start
}
