//! A row: all that unwinding wants to know of one return address, in a few words.

use burrow_arch::unwind::Frame;

/// Saved registers that a row has room for: the return address and all that calls keep.
const SAVED: usize = (Frame::KEPT + 1).next_multiple_of(4);
/// Bits for the distance of a saved register below the CFA, in words.
const DISTANCE_BITS: u32 = 11;
/// [`Row::base`] of frames whose CFA is counted from the stack pointer.
const BASE_SP: u8 = u8::MAX;

/// What a frame does when a call of its unwinds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    /// Nothing: on to its caller.
    Pass,
    /// Cleans up, then unwinding goes on.
    Cleanup,
    /// Catches.
    Catch,
    /// It was compiled as one that cannot be unwound.
    Terminate,
    /// It has no caller, or none that the tables know.
    End,
}

/// Where the CFA is counted from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Base {
    /// The stack pointer.
    Sp,
    /// A kept register, by its place in [`Frame`].
    Kept(usize),
}

/// One return address. Plain integers only, so that it can be copied as words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct Row {
    /// The return address, from the start of text.
    pub pc: u32,
    /// Where the frame continues, from the start of text: for [`Kind::Cleanup`] and
    /// [`Kind::Catch`].
    pub landing: u32,
    /// The CFA is that much above its base.
    cfa: u32,
    base: u8,
    kind: u8,
    /// Entries in `saved`.
    len: u8,
    /// Words that the call has pushed and that the landing pad expects gone.
    args: u8,
    /// The return address first, then kept registers: place in [`Frame`] and distance below the
    /// CFA in words.
    saved: [u16; SAVED],
}

impl Row {
    /// Words that make up a row.
    pub const WORDS: usize = size_of::<Self>() / 8;

    /// The row of a frame where unwinding ends.
    pub const fn end(pc: u32) -> Self {
        let kind = Kind::End as u8;
        Self { pc, landing: 0, cfa: 0, base: 0, kind, len: 0, args: 0, saved: [0; SAVED] }
    }

    /// A row with a CFA and the return address that far below it; `None` if they do not fit.
    pub fn new(pc: u32, base: Base, cfa: i64, return_address: i64) -> Option<Self> {
        let base = match base {
            Base::Sp => BASE_SP,
            Base::Kept(place) => place as u8,
        };
        let mut row = Self { cfa: u32::try_from(cfa).ok()?, base, ..Self::end(pc) };
        row.set_kind(Kind::Pass, 0);
        row.save(0, return_address)?;
        Some(row)
    }

    /// A kept register is at `offset` from the CFA; `None` if that does not fit.
    pub fn save(&mut self, place: usize, offset: i64) -> Option<()> {
        let distance = u16::try_from(offset.checked_neg()?).ok()?;
        let words = distance / 8;
        if !distance.is_multiple_of(8) || words >> DISTANCE_BITS != 0 {
            return None;
        }
        *self.saved.get_mut(usize::from(self.len))? = (place as u16) << DISTANCE_BITS | words;
        self.len += 1;
        Some(())
    }

    /// What the frame does, and where.
    pub fn set_kind(&mut self, kind: Kind, landing: u32) {
        self.kind = kind as u8;
        self.landing = landing;
    }

    /// What the frame does.
    #[inline(always)]
    pub fn kind(&self) -> Kind {
        match self.kind {
            0 => Kind::Pass,
            1 => Kind::Cleanup,
            2 => Kind::Catch,
            3 => Kind::Terminate,
            _ => Kind::End,
        }
    }

    /// Words that the call has pushed.
    pub fn set_args(&mut self, args: u8) {
        self.args = args;
    }

    /// The stack pointer for the landing pad.
    pub fn landing_sp(&self, frame: &Frame) -> usize {
        frame.sp + usize::from(self.args) * 8
    }

    /// Goes on to the caller.
    ///
    /// # Safety
    /// The frame is one of a stack that nobody changes, and this is its row.
    #[inline(always)]
    pub unsafe fn step(&self, frame: &mut Frame) {
        let base = match self.base {
            BASE_SP => frame.sp,
            place => frame.r[usize::from(place) % Frame::KEPT],
        };
        let cfa = base + self.cfa as usize;
        let load = |entry: u16| {
            let words = usize::from(entry) & ((1 << DISTANCE_BITS) - 1);
            // SAFETY: the tables say that the frame has a register there; the caller's promise.
            unsafe { (cfa as *const usize).sub(words).read() }
        };
        frame.sp = cfa;
        frame.pc = load(self.saved[0]);
        let len = usize::from(self.len).min(SAVED);
        for &entry in self.saved.get(1..len).unwrap_or_default() {
            frame.r[usize::from(entry >> DISTANCE_BITS) % Frame::KEPT] = load(entry);
        }
    }

    /// As words.
    pub fn to_words(self) -> [u64; Self::WORDS] {
        const { assert!(size_of::<Self>() == Self::WORDS * 8, "no padding") };
        // SAFETY: integers without padding, of that size.
        unsafe { core::mem::transmute::<Self, [u64; Self::WORDS]>(self) }
    }

    /// From words.
    #[inline(always)]
    pub fn from_words(words: [u64; Self::WORDS]) -> Self {
        // SAFETY: integers, for which all bits are valid.
        unsafe { core::mem::transmute::<[u64; Self::WORDS], Self>(words) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_to_the_caller() {
        let stack = [1usize, 2, 3, 4, 0x77, 6];
        let sp = stack.as_ptr() as usize;
        let mut row = Row::new(9, Base::Sp, 40, -8).unwrap();
        row.save(1, -32).unwrap();
        let row = Row::from_words(row.to_words());
        let mut frame = Frame { r: [10, 11], sp, pc: 0 };
        // SAFETY: a stack of our own.
        unsafe { row.step(&mut frame) };
        assert_eq!(frame, Frame { r: [10, 2], sp: sp + 40, pc: 0x77 });
        let row = Row::new(9, Base::Kept(0), 16, -8).unwrap();
        let mut frame = Frame { r: [sp, 11], sp: 0, pc: 0 };
        // SAFETY: as above.
        unsafe { row.step(&mut frame) };
        assert_eq!(frame, Frame { r: [sp, 11], sp: sp + 16, pc: 2 });
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut row = Row::new(9, Base::Sp, 40, -8).unwrap();
        for offset in [8, -4, -(2048 * 8), i64::MIN] {
            assert_eq!(row.save(0, offset), None, "{offset}");
        }
        assert_eq!(row.save(0, -(2047 * 8)), Some(()));
        assert!(Row::new(9, Base::Sp, -1, -8).is_none());
        assert_eq!(Row::end(3).kind(), Kind::End);
        row.set_kind(Kind::Catch, 5);
        assert_eq!((row.kind(), row.landing), (Kind::Catch, 5));
    }
}
