//! A made-up image for the tests of walks and tracebacks: unwind tables, symbols and a stack.
//!
//! Text is at `TEXT`, in functions of 0x100 bytes:
//!
//! | offset | function | frame |
//! | --- | --- | --- |
//! | 0x000 | `app::f`, with `app::small` inlined at its second half | one word after 4 bytes |
//! | 0x100 | `burrow_kernel::entry`, the root | no return address |
//! | 0x200 | `preempt`, an interrupted frame | pc and one register |

use super::rows::{Rows, Tables};
use super::symbols::Symbols;
use super::unwind::{Columns, Pc, Stacks, Walk};
use crate::unwind::cfi::Sources;

pub const TEXT: usize = 0x10_0000;
pub const F: usize = TEXT;
pub const SMALL: usize = TEXT + 0x80;
pub const ENTRY: usize = TEXT + 0x100;
pub const PREEMPT: usize = TEXT + 0x200;

/// Two general registers (0, 1), the stack pointer (2), the return address (3).
pub const COLUMNS: Columns = Columns { count: 4, sp: 2, ra: 3 };

const HEADER: usize = TEXT + 0x1000;
const FRAMES: usize = TEXT + 0x2000;

/// The image's bytes; borrowed by what reads them.
pub struct Image {
    header: Vec<u8>,
    frames: Vec<u8>,
    symbols: Vec<u8>,
}

impl Image {
    pub fn new() -> Self {
        let (header, frames) = tables();
        Self { header, frames, symbols: symbols() }
    }

    pub fn rows(&self) -> Rows<'_> {
        Rows::new(self.tables())
    }

    fn tables(&self) -> Tables<'_> {
        Tables {
            header: &self.header,
            header_addr: HEADER,
            frames: &self.frames,
            frames_addr: FRAMES,
            text: TEXT..TEXT + 0x300,
        }
    }

    pub fn sources(&self) -> Sources<'_> {
        Sources { tables: self.tables(), landings: &[], landings_addr: 0 }
    }

    pub fn symbols(&self) -> Symbols<'_> {
        Symbols::new(&self.symbols).unwrap()
    }
}

/// A walk over `stack`, from its lowest word, at that address.
pub fn walk(stack: &[usize], pc: usize, kind: Pc) -> Walk {
    let range = stack.as_ptr_range();
    let (low, high) = (range.start as usize, range.end as usize);
    Walk::new(COLUMNS, &[7, 8, low, 0], pc, kind, Stacks::new(core::slice::from_ref(&(low..high))))
}

/// A length, then the record padded to words.
fn record(id: u32, body: &[u8]) -> Vec<u8> {
    let mut content = id.to_le_bytes().to_vec();
    content.extend_from_slice(body);
    content.resize(content.len().next_multiple_of(8) + 4, 0);
    let mut record = (content.len() as u32).to_le_bytes().to_vec();
    record.extend(content);
    record
}

fn tables() -> (Vec<u8>, Vec<u8>) {
    // Version 1, code by 1, data by -8, return address in 3, addresses relative as 4 bytes; the
    // CFA is r2 + 8, the return address right below it.
    let cie = |augmentation: &[u8]| {
        let mut body = vec![1];
        body.extend_from_slice(augmentation);
        body.extend_from_slice(&[0, 1, 0x78, 3, 1, 0x1b, 0x0c, 2, 8, 0x83, 1]);
        record(0, &body)
    };
    let mut frames = cie(b"zR");
    let signal_cie = frames.len();
    frames.extend(cie(b"zRS"));
    let mut places = Vec::new();
    let mut fde = |cie: usize, start: usize, code: &[u8]| {
        let at = frames.len();
        let relative = start.wrapping_sub(FRAMES + at + 8) as u32;
        let mut body = relative.to_le_bytes().to_vec();
        body.extend_from_slice(&0x100u32.to_le_bytes());
        body.push(0);
        body.extend_from_slice(code);
        frames.extend(record((at + 4 - cie) as u32, &body));
        places.push((start, FRAMES + at));
    };
    // After 4 bytes the frame has a word, which is r0's. `app::f` ends with a stale rule: at 0xf0
    // the word is popped already.
    fde(0, F, &[0x44, 0x0e, 16, 0x80, 2, 0x02, 0xec, 0x0e, 8]);
    // The return address is undefined.
    fde(0, ENTRY, &[0x07, 3]);
    // The CFA is r2 + 16: the interrupted pc, and r1 below it.
    fde(signal_cie, PREEMPT, &[0x0e, 16, 0x83, 1, 0x81, 2]);
    frames.extend([0; 4]);

    let mut header = vec![1, 0x1b, 0x03, 0x3b];
    header.extend_from_slice(&((FRAMES - HEADER - 4) as u32).to_le_bytes());
    header.extend_from_slice(&(places.len() as u32).to_le_bytes());
    for (start, fde) in places {
        header.extend_from_slice(&(start.wrapping_sub(HEADER) as u32).to_le_bytes());
        header.extend_from_slice(&((fde - HEADER) as u32).to_le_bytes());
    }
    (header, frames)
}

fn symbols() -> Vec<u8> {
    let texts = ["app::f", "app::small", "burrow_kernel::entry", "preempt", "src/app.rs", "k.rs"];
    let mut strings = Vec::new();
    let offsets = texts.map(|text| {
        let offset = strings.len() as u32;
        strings.extend_from_slice(text.as_bytes());
        strings.push(0);
        offset
    });
    let [f, small, entry, preempt, app, kernel] = offsets;
    let none = u32::MAX;
    let ranges = [[0, 0], [0x80, 1], [0x100, 3], [0x200, none]];
    let nodes =
        [[f, app, 10, none], [small, app, 20, 2], [f, app, 11, none], [entry, kernel, 5, none]];
    let funcs = [[0, 0x100, f], [0x100, 0x100, entry], [0x200, 0x100, preempt]];
    let ranges_off = 56;
    let nodes_off = ranges_off + ranges.len() as u32 * 8;
    let funcs_off = nodes_off + nodes.len() as u32 * 16;
    let strings_off = funcs_off + funcs.len() as u32 * 12;
    let mut words = vec![strings_off + strings.len() as u32];
    words.extend([ranges.len() as u32, nodes.len() as u32, strings.len() as u32, TEXT as u32, 0]);
    words.extend([ranges_off, nodes_off, strings_off, funcs.len() as u32, funcs_off, 0]);
    words.extend(ranges.iter().flatten());
    words.extend(nodes.iter().flatten());
    words.extend(funcs.iter().flatten());
    let mut blob = b"BRWSYMS1".to_vec();
    blob.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    blob.extend(strings);
    blob
}
