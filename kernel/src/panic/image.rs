//! The image's own tables, by the symbols of the linker scripts.

use core::ops::Range;
use core::slice;
use core::sync::atomic::{AtomicUsize, Ordering};

use burrow_arch::context::Registers;
use burrow_arch::layout::{PAGE, PhysAddr};

use super::rows::Tables;
use super::symbols::Symbols;
use super::unwind::{Columns, MOST_REGISTERS};

unsafe extern "C" {
    safe static __executable_start: u8;
    safe static __etext: u8;
    safe static __GNU_EH_FRAME_HDR: u8;
    safe static __eh_frame: u8;
    safe static __end: u8;
}

const _: () = assert!(Registers::COUNT <= MOST_REGISTERS, "registers that a walk has no room for");

/// The CPU's numbering of registers.
pub const COLUMNS: Columns =
    Columns { count: Registers::COUNT, sp: Registers::SP, ra: Registers::RA };

/// First byte of the image and one past its last, without the symbols behind it.
pub fn bounds() -> Range<usize> {
    &raw const __executable_start as usize..&raw const __end as usize
}

/// Unwind tables.
pub fn tables() -> Tables<'static> {
    let header_addr = &raw const __GNU_EH_FRAME_HDR as usize;
    let frames_addr = &raw const __eh_frame as usize;
    let end = bounds().end;
    // SAFETY: both lie in the image's read-only data in that order, mapped for ever; the tables
    // say themselves where they end.
    let bytes =
        |from: usize, to: usize| unsafe { slice::from_raw_parts(from as *const u8, to - from) };
    Tables {
        header: bytes(header_addr, frames_addr),
        header_addr,
        frames: bytes(frames_addr, end),
        frames_addr,
        text: bounds().start..&raw const __etext as usize,
    }
}

/// Where the symbols are seen, or 0.
static SYMBOLS: AtomicUsize = AtomicUsize::new(0);

/// Looks for the symbols that the runner put behind the image, which begins at `image` in RAM.
/// They are read through the map of all RAM, which is there from the first instruction to the last,
/// whatever else is mapped.
pub fn find_symbols(image: PhysAddr) {
    let Range { start, end } = bounds();
    let addr = image.virt() + (end - start).next_multiple_of(PAGE);
    if blob_at(addr).is_some() {
        SYMBOLS.store(addr, Ordering::Relaxed);
    }
}

/// Bytes of the symbols behind the image, 0 without any: they belong to it.
pub fn symbols_len() -> usize {
    blob_at(SYMBOLS.load(Ordering::Relaxed)).map_or(0, <[u8]>::len)
}

/// The symbols, if there are any.
pub fn symbols() -> Option<Symbols<'static>> {
    Symbols::new(blob_at(SYMBOLS.load(Ordering::Relaxed))?)
}

fn blob_at(addr: usize) -> Option<&'static [u8]> {
    if addr == 0 {
        return None;
    }
    // SAFETY: RAM right behind the image, all of which is mapped; the boot code keeps the symbols
    // from being handed out, and without symbols whatever is there is only looked at.
    let header = unsafe { slice::from_raw_parts(addr as *const u8, 16) };
    let len = Symbols::blob_len(header)?;
    // SAFETY: as above, it is the blob.
    Some(unsafe { slice::from_raw_parts(addr as *const u8, len) })
}
