//! Memory as devices see it: physical addresses.
//!
//! Buffers are lent to devices where they are, on stacks and in the heap, as pieces that are
//! contiguous in physical memory ([`pieces`]). Queues live in frames of their own.

use core::ptr::NonNull;

use burrow_arch::layout::{PAGE, PHYS_MAP, PhysAddr};
use burrow_kernel::mem::{frames, space};
use virtio_drivers::{BufferDirection, Hal};

/// A run of bytes that is contiguous for devices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Piece {
    /// Where it begins.
    pub start: u64,
    /// Its bytes.
    pub len: u32,
}

impl Piece {
    /// What lies at `value`, which must not cross a page.
    pub fn of<T>(value: *const T) -> Self {
        let at = address(value as usize);
        Self { start: at.0, len: size_of::<T>() as u32 }
    }

    /// The same bytes in the map of all RAM. Not to be read or written while a device uses them.
    pub fn bytes(self) -> *mut [u8] {
        let addr = PhysAddr(self.start).virt();
        core::ptr::slice_from_raw_parts_mut(addr as *mut u8, self.len as usize)
    }
}

/// The physical address behind a mapped one.
fn address(addr: usize) -> PhysAddr {
    match space::translate(addr) {
        Some(at) => at,
        None => burrow_kernel::panic::throw("a buffer for a device is not in memory"),
    }
}

/// Writes the pieces that `len` bytes at `addr` consist of, as far as they fit into `out`; how many
/// pieces and bytes that were.
pub fn pieces(addr: usize, len: usize, out: &mut [Piece]) -> (usize, usize) {
    let (mut count, mut done) = (0, 0);
    while done < len {
        let at = addr + done;
        let step = (PAGE - at % PAGE).min(len - done);
        let start = address(at).0;
        let is_full = count == out.len();
        match out[..count].last_mut() {
            Some(last) if last.start + u64::from(last.len) == start => last.len += step as u32,
            _ if is_full => break,
            _ => {
                out[count] = Piece { start, len: step as u32 };
                count += 1;
            }
        }
        done += step;
    }
    (count, done)
}

/// Memory for the virtio crate.
pub struct Memory;

// SAFETY: frames are page-aligned, zeroed and nobody else's; addresses come from the page tables.
unsafe impl Hal for Memory {
    fn dma_alloc(pages: usize, _: BufferDirection) -> (u64, NonNull<u8>) {
        // Several pages in a row come as a large one: only old devices want them.
        let frame = match pages {
            1 => frames::alloc_zeroed(),
            _ => frames::alloc_large().inspect(|large| {
                assert!(pages <= 512, "a queue of {pages} pages");
                // SAFETY: the frame is ours and mapped.
                unsafe { (large.virt() as *mut u8).write_bytes(0, pages * PAGE) };
            }),
        };
        let Some(frame) = frame else { burrow_kernel::panic::throw("out of memory for a device") };
        match NonNull::new(frame.virt() as *mut u8) {
            Some(addr) => (frame.0, addr),
            None => unreachable!("the physical map is not at 0"),
        }
    }

    unsafe fn dma_dealloc(paddr: u64, _: NonNull<u8>, pages: usize) -> i32 {
        match pages {
            1 => frames::free(PhysAddr(paddr)),
            _ => frames::free_large(PhysAddr(paddr)),
        }
        0
    }

    unsafe fn mmio_phys_to_virt(paddr: u64, size: usize) -> NonNull<u8> {
        match NonNull::new(space::map_mmio(PhysAddr(paddr), size)) {
            Some(addr) => addr,
            None => unreachable!("registers are not mapped at 0"),
        }
    }

    unsafe fn share(buffer: NonNull<[u8]>, _: BufferDirection) -> u64 {
        let addr = buffer.cast::<u8>().as_ptr() as usize;
        match addr.checked_sub(PHYS_MAP) {
            // Pieces come so: no look at the page tables while a queue is locked.
            Some(offset) if (addr as u64) < burrow_arch::layout::STACKS as u64 => offset as u64,
            _ => address(addr).0,
        }
    }

    unsafe fn unshare(_: u64, _: NonNull<[u8]>, _: BufferDirection) {}
}
