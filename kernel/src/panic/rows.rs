//! Rows of unwind tables: how to get from one instruction to its caller's registers.
//!
//! `.eh_frame` is read with `gimli` and boiled down to a [`Row`], what little of it compilers and
//! our own assembly use. Rows of addresses seen lately are kept: in a deep recursion the same few
//! come again and again, and reading the tables is by far the dearest part of a step.

use core::ops::Range;

use gimli::{
    BaseAddresses, CfaRule, EhFrame, EhFrameHdr, EndianSlice, LittleEndian, Register, RegisterRule,
    UnwindContext, UnwindContextStorage, UnwindSection, UnwindTableRow,
};

/// Registers with a rule in one row as read: more than all of both CPUs' general and preserved vector ones.
const RULES: usize = 48;
/// Nested `DW_CFA_remember_state`, and the row itself.
const STATES: usize = 4;
/// Slots in a [`Row`]: all general registers of the CPU with the most of them.
const SLOTS: usize = 34;
/// Rows kept.
const KEPT: usize = 16;

/// The unwind tables of the image.
#[derive(Clone)]
pub struct Tables<'a> {
    /// `.eh_frame_hdr`, with its sorted search table.
    pub header: &'a [u8],
    /// Where it lies.
    pub header_addr: usize,
    /// `.eh_frame`.
    pub frames: &'a [u8],
    /// Where it lies.
    pub frames_addr: usize,
    /// The text that they describe.
    pub text: Range<usize>,
}

/// Where one of the caller's registers is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// In memory, at that offset from the CFA.
    At(i32),
    /// It is the CFA plus that.
    Cfa(i32),
    /// In another register.
    In(u16),
}

/// One row: valid for one address.
#[derive(Clone, Copy)]
pub struct Row {
    pc: usize,
    /// The CFA: a register plus an offset.
    pub cfa: (usize, isize),
    /// The register that holds the return address: of interrupted frames not always the usual one.
    pub ra: usize,
    /// An interrupted frame: its caller's address is exact, not a return address.
    pub signal: bool,
    len: usize,
    slots: [(u8, Source); SLOTS],
}

impl Row {
    const NONE: Row = Row {
        pc: 0,
        cfa: (0, 0),
        ra: 0,
        signal: false,
        len: 0,
        slots: [(0, Source::At(0)); SLOTS],
    };

    /// Every register that has a place of its own.
    pub fn sources(&self) -> impl Iterator<Item = (usize, Source)> {
        self.slots[..self.len].iter().map(|&(register, source)| (usize::from(register), source))
    }
}

/// Fixed room for `gimli`.
struct Room;

impl UnwindContextStorage<usize> for Room {
    type Rules = [(Register, RegisterRule<usize>); RULES];
    type Stack = [UnwindTableRow<usize, Self>; STATES];
}

/// Reads rows, without allocating. A few kilobytes: not for a goroutine's stack.
pub struct Rows<'a> {
    tables: Tables<'a>,
    room: UnwindContext<usize, Room>,
    kept: [Row; KEPT],
}

impl<'a> Rows<'a> {
    /// A reader of those tables.
    pub fn new(tables: Tables<'a>) -> Self {
        Self { tables, room: UnwindContext::new_in(), kept: [Row::NONE; KEPT] }
    }

    /// Whether that address is text of the image.
    pub fn is_text(&self, pc: usize) -> bool {
        self.tables.text.contains(&pc)
    }

    /// The row for that address.
    pub fn find(&mut self, pc: usize) -> Option<&Row> {
        if !self.is_text(pc) {
            return None;
        }
        // Instructions are 4 bytes on one CPU: the low bits alone would leave most places unused.
        let place = (pc ^ pc >> 2 ^ pc >> 7) % KEPT;
        if self.kept[place].pc != pc {
            self.kept[place] = self.read(pc)?;
        }
        Some(&self.kept[place])
    }

    fn read(&mut self, pc: usize) -> Option<Row> {
        let tables = &self.tables;
        let bases = BaseAddresses::default()
            .set_text(tables.text.start as u64)
            .set_eh_frame_hdr(tables.header_addr as u64)
            .set_eh_frame(tables.frames_addr as u64);
        let header = EhFrameHdr::new(tables.header, LittleEndian).parse(&bases, 8).ok()?;
        let frames = EhFrame::from(EndianSlice::new(tables.frames, LittleEndian));
        let address = pc as u64;
        let entry = header
            .table()?
            .fde_for_address(&frames, &bases, address, EhFrame::cie_from_offset)
            .ok()?;
        let signal = entry.is_signal_trampoline();
        let ra = usize::from(entry.cie().return_address_register().0);
        let found = entry.unwind_info_for_address(&frames, &bases, &mut self.room, address).ok()?;
        let CfaRule::RegisterAndOffset { register, offset } = *found.cfa() else { return None };
        let cfa = (usize::from(register.0), offset as isize);
        let mut row = Row { pc, cfa, ra, signal, ..Row::NONE };
        for (register, rule) in found.registers() {
            // Vector registers hold no addresses.
            let Some(register) = u8::try_from(register.0).ok().filter(|&r| usize::from(r) < SLOTS)
            else {
                continue;
            };
            let source = match *rule {
                RegisterRule::Offset(offset) => Source::At(i32::try_from(offset).ok()?),
                RegisterRule::ValOffset(offset) => Source::Cfa(i32::try_from(offset).ok()?),
                RegisterRule::Register(other) => Source::In(other.0),
                RegisterRule::SameValue => continue,
                // Expressions: neither rustc nor our assembly writes them.
                _ => return None,
            };
            *row.slots.get_mut(row.len)? = (register, source);
            row.len += 1;
        }
        Some(row)
    }
}
