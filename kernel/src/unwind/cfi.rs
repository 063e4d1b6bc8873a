//! Reads the compiler's tables into a row.
//!
//! `gimli` parses the records and their instructions; they are carried out here, on the registers
//! that calls keep and nothing else. `gimli`'s own table of all registers takes several kilobytes,
//! too much for a goroutine whose stack has just overflowed.
//!
//! The reader for tracebacks is `panic::rows`: that one starts at any instruction and trusts
//! nothing; this one knows calls only.

use burrow_arch::unwind::Frame;
use gimli::{
    BaseAddresses, CallFrameInstruction as Instruction, CallFrameInstructionIter, EhFrame,
    EhFrameHdr, EndianSlice, LittleEndian, Pointer, Register, UnwindSection,
};

use super::lsda;
use super::row::{Base, Kind, Row};
use crate::panic::rows::Tables;

/// Nested `DW_CFA_remember_state`.
const STATES: usize = 2;

/// All of the image that unwinding reads.
pub struct Sources<'a> {
    /// Unwind tables.
    pub tables: Tables<'a>,
    /// Read-only data with all tables of landing pads.
    pub landings: &'a [u8],
    /// Where it lies.
    pub landings_addr: usize,
}

/// The row for that return address. What the tables do not know, or know in a way that no call
/// needs, is where unwinding ends.
pub fn read(sources: &Sources<'_>, pc: u32) -> Row {
    try_read(sources, pc).unwrap_or(Row::end(pc))
}

fn try_read(sources: &Sources<'_>, pc: u32) -> Option<Row> {
    let tables = &sources.tables;
    // Inside the call.
    let address = (tables.text.start + pc as usize).checked_sub(1)?;
    if !tables.text.contains(&address) {
        return None;
    }
    let bases = BaseAddresses::default()
        .set_text(tables.text.start as u64)
        .set_eh_frame_hdr(tables.header_addr as u64)
        .set_eh_frame(tables.frames_addr as u64);
    let header = EhFrameHdr::new(tables.header, LittleEndian).parse(&bases, 8).ok()?;
    let frames = EhFrame::from(EndianSlice::new(tables.frames, LittleEndian));
    let entry = header
        .table()?
        .fde_for_address(&frames, &bases, address as u64, EhFrame::cie_from_offset)
        .ok()?;
    // Interrupted code has made no call.
    if entry.is_signal_trampoline() {
        return None;
    }
    let cie = entry.cie();
    let mut machine = Machine::NEW;
    machine.code_align = cie.code_alignment_factor();
    machine.data_align = cie.data_alignment_factor();
    machine.return_address = cie.return_address_register();
    machine.run(cie.instructions(&frames, &bases), 0, u64::MAX)?;
    machine.initial = machine.state;
    machine.run(entry.instructions(&frames, &bases), entry.initial_address(), address as u64)?;
    let mut row = machine.state.row(pc)?;
    if let Some(Pointer::Direct(at)) = entry.lsda() {
        let offset = (at as usize).checked_sub(sources.landings_addr)?;
        let table = sources.landings.get(offset..)?;
        let (kind, landing) = lsda::find(table, entry.initial_address() as usize, address)?;
        let landing = match kind {
            Kind::Cleanup | Kind::Catch => landing.checked_sub(tables.text.start)?,
            _ => 0,
        };
        row.set_kind(kind, u32::try_from(landing).ok()?);
    }
    Some(row)
}

/// Where a register of the caller is.
#[derive(Clone, Copy)]
enum Place {
    /// Where it was.
    Same,
    /// At that offset from the CFA.
    At(i32),
    /// Nowhere: of the return address, the end of the stack.
    Undefined,
}

/// A row in the making.
#[derive(Clone, Copy)]
struct State {
    base: Register,
    cfa: i64,
    args: u64,
    return_address: Place,
    kept: [Place; Frame::KEPT],
}

impl State {
    const NEW: Self = Self {
        base: Register(Frame::SP),
        cfa: 0,
        args: 0,
        return_address: Place::Same,
        kept: [Place::Same; Frame::KEPT],
    };

    fn row(&self, pc: u32) -> Option<Row> {
        let base =
            if self.base.0 == Frame::SP { Base::Sp } else { Base::Kept(kept_place(self.base)?) };
        // Who made a call and keeps no return address is the root.
        let Place::At(return_address) = self.return_address else { return None };
        let mut row = Row::new(pc, base, self.cfa, return_address.into())?;
        for (place, saved) in self.kept.iter().enumerate() {
            if let Place::At(offset) = *saved {
                row.save(place, offset.into())?;
            }
        }
        row.set_args(u8::try_from(self.args / 8).ok()?);
        Some(row)
    }
}

/// A place in memory, if it can be said.
fn at(factored_offset: i64, align: i64) -> Option<Place> {
    i32::try_from(factored_offset.checked_mul(align)?).ok().map(Place::At)
}

/// The place in [`Frame`] of a register that calls keep.
fn kept_place(register: Register) -> Option<usize> {
    Frame::COLUMNS.iter().position(|&column| column == register.0)
}

/// Carries out the instructions of one function's record.
struct Machine {
    code_align: u64,
    data_align: i64,
    return_address: Register,
    state: State,
    /// After the instructions that all functions share.
    initial: State,
    kept: [State; STATES],
    depth: usize,
}

impl Machine {
    const NEW: Self = Self {
        code_align: 1,
        data_align: 1,
        return_address: Register(0),
        state: State::NEW,
        initial: State::NEW,
        kept: [State::NEW; STATES],
        depth: 0,
    };

    /// Everything that holds at `until`, of a function that begins at `from`.
    fn run(
        &mut self,
        mut instructions: CallFrameInstructionIter<'_, EndianSlice<'_, LittleEndian>>,
        from: u64,
        until: u64,
    ) -> Option<()> {
        let mut at = from;
        while let Some(instruction) = instructions.next().ok()? {
            match instruction {
                Instruction::AdvanceLoc { delta } => at += u64::from(delta) * self.code_align,
                Instruction::SetLoc { address } => at = address,
                other => self.carry_out(&other)?,
            }
            if at > until {
                break;
            }
        }
        Some(())
    }

    fn carry_out(&mut self, instruction: &Instruction<usize>) -> Option<()> {
        let align = self.data_align;
        let state = &mut self.state;
        match *instruction {
            Instruction::DefCfa { register, offset } => {
                (state.base, state.cfa) = (register, i64::try_from(offset).ok()?);
            }
            Instruction::DefCfaSf { register, factored_offset } => {
                (state.base, state.cfa) = (register, factored_offset.checked_mul(align)?);
            }
            Instruction::DefCfaRegister { register } => state.base = register,
            Instruction::DefCfaOffset { offset } => state.cfa = i64::try_from(offset).ok()?,
            Instruction::DefCfaOffsetSf { factored_offset } => {
                state.cfa = factored_offset.checked_mul(align)?;
            }
            Instruction::Offset { register, factored_offset } => {
                let factored_offset = i64::try_from(factored_offset).ok()?;
                self.set(register, at(factored_offset, align))?;
            }
            Instruction::OffsetExtendedSf { register, factored_offset } => {
                self.set(register, at(factored_offset, align))?;
            }
            Instruction::Undefined { register } => self.set(register, Some(Place::Undefined))?,
            Instruction::SameValue { register } => self.set(register, Some(Place::Same))?,
            Instruction::Restore { register } => {
                let place = if register == self.return_address {
                    self.initial.return_address
                } else {
                    kept_place(register).map_or(Place::Same, |place| self.initial.kept[place])
                };
                self.set(register, Some(place))?;
            }
            Instruction::RememberState => {
                *self.kept.get_mut(self.depth)? = *state;
                self.depth += 1;
            }
            Instruction::RestoreState => {
                self.depth = self.depth.checked_sub(1)?;
                *state = self.kept[self.depth];
            }
            Instruction::ArgsSize { size } => state.args = size,
            Instruction::Nop => {}
            // A value computed or in another register: allowed only where nobody needs it.
            Instruction::ValOffset { register, .. }
            | Instruction::ValOffsetSf { register, .. }
            | Instruction::Register { dest_register: register, .. }
            | Instruction::Expression { register, .. }
            | Instruction::ValExpression { register, .. } => self.set(register, None)?,
            _ => return None,
        }
        Some(())
    }

    /// `None` for what a row cannot say.
    fn set(&mut self, register: Register, place: Option<Place>) -> Option<()> {
        if register == self.return_address {
            self.state.return_address = place?;
        } else if let Some(kept) = kept_place(register) {
            self.state.kept[kept] = place?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::row::{Base, Kind, Row};
    use super::read;
    use crate::panic::fixture::{ENTRY, F, Image, PREEMPT, TEXT};

    fn row(address: usize) -> Row {
        read(&Image::new().sources(), (address - TEXT) as u32)
    }

    #[test]
    fn reads_what_a_call_leaves() {
        let pc = |address: usize| (address - TEXT) as u32;
        // The word of r0 at CFA - 16, the return address at CFA - 8.
        let mut expected = Row::new(pc(F + 0x20), Base::Sp, 16, -8).unwrap();
        expected.save(0, -16).unwrap();
        assert_eq!(row(F + 0x20), expected);
        // A call as the last instruction before a change: what holds at the call counts.
        let before = Row::new(pc(F + 4), Base::Sp, 8, -8).unwrap();
        assert_eq!(row(F + 4), before);
    }

    #[test]
    fn roots_and_interrupted_code_end_it() {
        for address in [ENTRY + 0x10, PREEMPT + 0x10, TEXT, TEXT + 0x1000] {
            assert_eq!(row(address).kind(), Kind::End, "{address:#x}");
        }
    }
}
