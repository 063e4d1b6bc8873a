//! Where the image lies and which of its parts allow what: from the linker script's symbols.

use burrow_arch::layout::{PAGE, PhysAddr};
use burrow_arch::paging::Access;
use burrow_arch::table::{MapError, Table};

use crate::mem::frames;

unsafe extern "C" {
    /// First byte of the image and its text.
    static __executable_start: u8;
    /// End of the text, start of read-only data.
    static __etext: u8;
    /// Start of writable data.
    static __data_start: u8;
    /// End of the image without symbols.
    static __end: u8;
}

/// First bytes of the symbols that the runner appends to an image.
const SYMBOLS_MAGIC: &[u8; 8] = b"BRWSYMS1";

/// Link addresses of the parts, and where they were loaded.
pub struct Image {
    text: usize,
    rodata: usize,
    data: usize,
    /// Page-aligned end of data, start of the symbols.
    end: usize,
    symbols: usize,
    base: PhysAddr,
}

impl Image {
    /// The running image, whose first byte is at `base` in RAM.
    pub fn find(base: PhysAddr) -> Self {
        let mut image = Self {
            text: (&raw const __executable_start).addr(),
            rodata: (&raw const __etext).addr(),
            data: (&raw const __data_start).addr(),
            end: (&raw const __end).addr().next_multiple_of(PAGE),
            symbols: 0,
            base,
        };
        image.symbols = image.symbols_len();
        image
    }

    /// The RAM behind a link address.
    fn pa(&self, addr: usize) -> PhysAddr {
        PhysAddr(self.base.0 + (addr - self.text) as u64)
    }

    /// RAM that holds text and read-only data.
    pub fn read_only(&self) -> (usize, usize) {
        (self.pa(self.text).0 as usize, self.pa(self.data).0 as usize)
    }

    /// Bytes of the symbols behind the image, 0 if it has none.
    fn symbols_len(&self) -> usize {
        // Through the physical map: the boot tables need not map what lies behind the image.
        let header = self.pa(self.end).virt() as *const [u8; 12];
        // SAFETY: RAM behind the image, mapped by the boot tables' physical map; any bytes will do.
        let header = unsafe { header.read() };
        match header.split_first_chunk() {
            Some((magic, len)) if magic == SYMBOLS_MAGIC => {
                len.iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte))
            }
            _ => 0,
        }
    }

    /// Maps the parts at their link addresses.
    pub fn map(&self, root: Table) -> Result<(), MapError> {
        let symbols_end = (self.end + self.symbols).next_multiple_of(PAGE);
        let parts = [
            (self.text, self.rodata, Access::Execute),
            (self.rodata, self.data, Access::Read),
            (self.data, self.end, Access::Write),
            (self.end, symbols_end, Access::Read),
        ];
        for (start, end, access) in parts {
            if !start.is_multiple_of(PAGE) || start > end {
                crate::panic::throw("the image's parts are not page-aligned");
            }
            let frame = &mut frames::alloc_zeroed;
            root.map_range(start, self.pa(start), end - start, access, frame)?;
        }
        Ok(())
    }
}
