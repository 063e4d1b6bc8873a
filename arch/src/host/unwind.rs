//! A made-up CPU for the unit tests of unwinding: two registers that calls keep.

/// A frame as its own code sees it when a call comes back: what the call kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame {
    /// Two general registers.
    pub r: [usize; Frame::KEPT],
    /// The stack pointer.
    pub sp: usize,
    /// Where the call comes back to.
    pub pc: usize,
}

impl Frame {
    /// Registers that calls keep, without the stack pointer.
    pub const KEPT: usize = 2;
    /// Their numbers in DWARF.
    pub const COLUMNS: [u16; Self::KEPT] = [0, 1];
    /// The stack pointer's number in DWARF.
    pub const SP: u16 = 2;
    /// Nothing known yet.
    pub const EMPTY: Self = Self { r: [0; Self::KEPT], sp: 0, pc: 0 };
}
