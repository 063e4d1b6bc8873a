//! Moving the image away from a loader that has scattered it.
//!
//! The kernel wants the image in one piece of RAM. A disk's loader leaves text where the file was
//! read and everything that starts as zeros elsewhere, page by page, on tables of its own. So the
//! running image is copied, as it is, to one place; the copy's own tables (`entry`) are filled in
//! to look like those of a PVH boot; and once they are loaded, the same addresses mean the copy.

use core::arch::naked_asm;
use core::ptr;

use burrow_arch::layout::{IMAGE, LARGE_PAGE, PHYS_MAP, PhysAddr};

use super::{__executable_start, enter};

const ENTRIES: usize = 512;
/// Bits of an entry that points to a table: present, writable.
const TABLE: u64 = 0b11;
/// Bits of a large page: present, writable, large.
const PAGE: u64 = 0b1000_0011;
/// Tables of large pages that memory below 4 GiB takes, and the gigabyte from the image's base.
const LOW_TABLES: usize = 4;
const PAGE_TABLES: usize = LOW_TABLES + 1;
/// End of the memory that they map.
const LOW_END: u64 = 4 << 30;

/// The tables in `.bss`, in the order in which `entry` has them.
#[repr(C)]
struct Tables {
    root: [u64; ENTRIES],
    low: [u64; ENTRIES],
    high: [u64; ENTRIES],
    pages: [[u64; ENTRIES]; PAGE_TABLES],
}

unsafe extern "C" {
    static burrow_boot_root: u8;
    static burrow_boot_stack_top: u8;
}

/// Distance of the image's first byte from the address that its large pages begin at.
fn image_offset() -> u64 {
    (&raw const __executable_start as usize - IMAGE) as u64
}

/// A place for `len` bytes below 4 GiB where large pages can map them. The whole of the first large
/// page counts, though the image begins inside it: it never lies below 1 MiB then.
pub fn place(free: impl Iterator<Item = (u64, u64)>, len: u64) -> Option<u64> {
    let large = LARGE_PAGE as u64;
    for (start, end) in free {
        let base = start.next_multiple_of(large);
        let image = base + image_offset();
        if base != 0 && image + len <= end.min(LOW_END) {
            return Some(image);
        }
    }
    None
}

/// Copies the image to `to` and goes on there, at `enter` on the boot stack.
///
/// # Safety
/// `to` comes from [`place`]; `PHYS_MAP` shows RAM; nothing outside the image is used any more.
pub unsafe fn leave(to: u64, len: u64) -> ! {
    let from = &raw const __executable_start;
    let copy = PhysAddr(to).virt();
    // Where in the copy something of ours is, and where in RAM.
    let offset = &raw const burrow_boot_root as usize - from as usize;
    let root = to + offset as u64;
    // SAFETY: the caller's promise: the target is free RAM, as long as the image.
    unsafe {
        ptr::copy_nonoverlapping(from, copy as *mut u8, len as usize);
        fill(&mut *((copy + offset) as *mut Tables), root, to - image_offset());
    }
    // SAFETY: the copy's tables are filled in, and nothing on the old stack matters.
    unsafe { go_on(root) }
}

/// Loads the tables, which show the copy where the image runs now, and takes the boot stack.
///
/// # Safety
/// The tables map the image with the same contents as now.
#[unsafe(naked)]
unsafe extern "C" fn go_on(root: u64) -> ! {
    naked_asm!(
        ".cfi_startproc",
        // Unwinding ends here.
        ".cfi_undefined rip",
        "mov cr3, rdi",
        "lea rsp, [rip + {stack}]",
        "xor ebp, ebp",
        "call {enter}",
        "ud2",
        ".cfi_endproc",
        stack = sym burrow_boot_stack_top,
        enter = sym enter,
    )
}

/// Makes the tables of `entry` for an image whose large pages begin at `image`.
fn fill(tables: &mut Tables, root: u64, image: u64) {
    let table = |n: usize| (root + (n * size_of::<[u64; ENTRIES]>()) as u64) | TABLE;
    tables.root[0] = table(1);
    tables.root[PHYS_MAP >> 39 & (ENTRIES - 1)] = table(1);
    tables.root[IMAGE >> 39 & (ENTRIES - 1)] = table(2);
    for n in 0..LOW_TABLES {
        tables.low[n] = table(3 + n);
    }
    tables.high[IMAGE >> 30 & (ENTRIES - 1)] = table(3 + LOW_TABLES);
    let (image_pages, low_pages) = tables.pages.split_last_mut().expect("there are five");
    let page = |base: u64, n: usize| (base + (n * LARGE_PAGE) as u64) | PAGE;
    for (n, entry) in low_pages.as_flattened_mut().iter_mut().enumerate() {
        *entry = page(0, n);
    }
    for (n, entry) in image_pages.iter_mut().enumerate() {
        *entry = page(image, n);
    }
}
