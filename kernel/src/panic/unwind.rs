//! Walking the frames of a stack.
//!
//! A walk starts from registers: of the running code, of a context that was switched out, or of
//! interrupted code. It may start at any instruction, also in the middle of a prologue or epilogue,
//! and it trusts nothing: every load is aligned and inside one of the stacks it was given, and the
//! stack pointer only rises within a stack, also where it comes back to one (foreign code called by
//! a goroutine calls back on that one's stack).
//!
//! Three rules make up for what the tables leave open:
//! - LLVM's epilogues leave stale places for registers already popped: a place below the stack
//!   pointer means that the register holds its value again.
//! - `gimli` does not tell "undefined" from "no rule". A frame that made a call and has no place
//!   for its return address is the root.
//! - Code that jumped to nowhere (a call of a null pointer) has no row. Its caller is found by the
//!   return address in the register or on top of the stack.

use core::ops::Range;

use super::rows::{Rows, Source};

/// Most registers that a CPU counts in DWARF's numbering here.
pub const MOST_REGISTERS: usize = 40;
/// Stacks that one walk can pass through: a goroutine's two and those of the kernel under it.
pub const MOST_STACKS: usize = 5;

/// What the CPU's numbering says.
#[derive(Clone, Copy)]
pub struct Columns {
    /// Registers in use.
    pub count: usize,
    /// The stack pointer.
    pub sp: usize,
    /// The return address of ordinary frames.
    pub ra: usize,
}

/// How a frame's address is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pc {
    /// The next instruction to run: interrupted code.
    Exact,
    /// Where a call comes back to: the call lies before it.
    Return,
}

/// One physical frame; inlined ones are the symbols' business.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame {
    /// Its address.
    pub pc: usize,
    /// What that means.
    pub kind: Pc,
    /// Its stack pointer.
    pub sp: usize,
}

impl Frame {
    /// The address to look up in tables: inside the instruction that is being executed.
    pub fn lookup(&self) -> usize {
        match self.kind {
            Pc::Exact => self.pc,
            Pc::Return => self.pc.wrapping_sub(1),
        }
    }
}

/// The stacks that a walk may read, the first one first.
#[derive(Clone)]
pub struct Stacks {
    ranges: [Range<usize>; MOST_STACKS],
    len: usize,
}

impl Stacks {
    /// Those stacks; more than [`MOST_STACKS`] are cut off.
    pub fn new(stacks: &[Range<usize>]) -> Self {
        let mut ranges = [const { 0..0 }; MOST_STACKS];
        let len = stacks.len().min(MOST_STACKS);
        for (range, stack) in ranges.iter_mut().zip(stacks) {
            *range = stack.clone();
        }
        Self { ranges, len }
    }

    fn holding(&self, sp: usize) -> Option<usize> {
        // The top itself is a valid stack pointer: of an empty stack.
        self.ranges[..self.len].iter().position(|range| range.start <= sp && sp <= range.end)
    }
}

/// A walk, standing at a frame.
#[derive(Clone)]
pub struct Walk {
    columns: Columns,
    registers: [usize; MOST_REGISTERS],
    frame: Frame,
    stacks: Stacks,
    /// The stack that `sp` is in.
    stack: usize,
    /// How far up each stack is walked.
    passed: [usize; MOST_STACKS],
    /// No frame is left.
    over: bool,
}

impl Walk {
    /// Starts at those registers.
    pub fn new(columns: Columns, values: &[usize], pc: usize, kind: Pc, stacks: Stacks) -> Self {
        let mut registers = [0; MOST_REGISTERS];
        for (register, value) in registers.iter_mut().zip(values) {
            *register = *value;
        }
        let sp = registers[columns.sp];
        let stack = stacks.holding(sp);
        let index = stack.unwrap_or(0);
        let frame = Frame { pc, kind, sp };
        let over = stack.is_none() || pc == 0 && kind == Pc::Return;
        let passed = [0; MOST_STACKS];
        Self { columns, registers, frame, stacks, stack: index, passed, over }
    }

    /// The frame it stands at.
    pub fn frame(&self) -> Option<Frame> {
        (!self.over).then_some(self.frame)
    }

    /// Goes on to the caller.
    pub fn advance(&mut self, rows: &mut Rows<'_>) {
        if !self.over && self.step(rows).is_none() {
            self.over = true;
        }
    }

    /// The CFA of the frame it stands at: the caller's stack pointer.
    pub fn cfa(&self, rows: &mut Rows<'_>) -> Option<usize> {
        let (base, offset) = rows.find(self.frame.lookup())?.cfa;
        Some(self.registers.get(..self.columns.count)?.get(base)?.wrapping_add_signed(offset))
    }

    fn step(&mut self, rows: &mut Rows<'_>) -> Option<()> {
        let Columns { count, sp: sp_column, ra } = self.columns;
        if self.frame.kind == Pc::Exact && !rows.is_text(self.frame.pc) {
            return self.step_from_nowhere(rows);
        }
        let cfa = self.cfa(rows)?;
        let from = self.stack;
        self.enter(cfa)?;
        // Where the caller is on another stack, the frame's places are too.
        let popped = if self.stack == from { self.frame.sp } else { 0 };
        let row = rows.find(self.frame.lookup())?;
        let before = self.registers;
        self.registers[sp_column] = cfa;
        // Interrupted code may still have its return address in the register, if that is what the
        // column means on this CPU.
        let mut has_return =
            self.frame.kind == Pc::Exact && row.ra == ra && before[ra] != self.frame.pc;
        for (register, source) in row.sources() {
            if register >= count {
                continue;
            }
            let value = match source {
                Source::At(offset) => {
                    let at = cfa.wrapping_add_signed(offset as isize);
                    if at < popped {
                        continue;
                    }
                    self.load(at)?
                }
                Source::Cfa(offset) => cfa.wrapping_add_signed(offset as isize),
                Source::In(other) => *before.get(..count)?.get(usize::from(other))?,
            };
            self.registers[register] = value;
            has_return |= register == row.ra;
        }
        let kind = if row.signal { Pc::Exact } else { Pc::Return };
        let pc = *self.registers.get(row.ra)?;
        // Interrupted code may stand anywhere; what was called returns to text.
        if !has_return || kind == Pc::Return && !rows.is_text(pc) {
            return None;
        }
        self.frame = Frame { pc, kind, sp: self.registers[sp_column] };
        Some(())
    }

    /// The caller of code that is not there.
    fn step_from_nowhere(&mut self, rows: &Rows<'_>) -> Option<()> {
        let Columns { sp, ra, .. } = self.columns;
        let mut pc = self.registers[ra];
        if pc == self.frame.pc || !rows.is_text(pc) {
            pc = self.load(self.frame.sp)?;
            if !rows.is_text(pc) {
                return None;
            }
            self.registers[sp] += size_of::<usize>();
        }
        self.frame = Frame { pc, kind: Pc::Return, sp: self.registers[sp] };
        Some(())
    }

    /// Checks the stack pointer after a step: higher up on this stack, or on another one, there
    /// higher up than it was ever.
    fn enter(&mut self, cfa: usize) -> Option<()> {
        let stack = self.stacks.holding(cfa)?;
        if stack == self.stack {
            // A leaf may have no frame at all; who made a call has one.
            let leaf = self.frame.kind == Pc::Exact;
            return (cfa > self.frame.sp || leaf && cfa == self.frame.sp).then_some(());
        }
        self.passed[self.stack] = self.frame.sp;
        self.stack = stack;
        (cfa > self.passed[stack]).then_some(())
    }

    /// A word of one of the stacks.
    fn load(&self, addr: usize) -> Option<usize> {
        let word = size_of::<usize>();
        let inside = |range: &Range<usize>| {
            range.start <= addr && addr < range.end && range.end - addr >= word
        };
        let readable =
            addr.is_multiple_of(word) && self.stacks.ranges[..self.stacks.len].iter().any(inside);
        if !readable {
            return None;
        }
        // SAFETY: aligned and inside a stack that who started the walk vouches for; volatile,
        // because other code wrote it with no regard for us.
        Some(unsafe { (addr as *const usize).read_volatile() })
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{COLUMNS, ENTRY, F, Image, PREEMPT, TEXT, walk};
    use super::*;

    /// The addresses that a walk passes.
    fn pcs(mut walk: Walk, image: &Image) -> Vec<usize> {
        let mut rows = image.rows();
        let mut pcs = Vec::new();
        while let Some(frame) = walk.frame() {
            pcs.push(frame.pc);
            walk.advance(&mut rows);
        }
        pcs
    }

    #[test]
    fn walks_to_the_root() {
        // f's word and return address, the same again, then entry.
        let stack = [1, F + 0x20, 2, ENTRY + 0x10, 3];
        let image = Image::new();
        let walked = pcs(walk(&stack, F + 0x10, Pc::Return), &image);
        assert_eq!(walked, [F + 0x10, F + 0x20, ENTRY + 0x10]);
    }

    #[test]
    fn starts_at_any_instruction() {
        let image = Image::new();
        // Before the word is there, and after it is popped: the return address is on top.
        for pc in [F, F + 3, F + 0xf0, F + 0xff] {
            let stack = [ENTRY + 0x10, 0, 0];
            assert_eq!(pcs(walk(&stack, pc, Pc::Exact), &image), [pc, ENTRY + 0x10], "{pc:#x}");
        }
    }

    #[test]
    fn a_register_popped_already_keeps_its_value() {
        let image = Image::new();
        let mut rows = image.rows();
        let stack = [99, F + 0x20, 0, 0];
        let range = stack.as_ptr_range();
        let (low, high) = (range.start as usize, range.end as usize);
        let stacks = Stacks::new(core::slice::from_ref(&(low..high)));
        // At 0xf0 the place of r0 is the word below the stack pointer.
        let registers = [7, 8, low + 8, 0];
        let mut walk = Walk::new(COLUMNS, &registers, F + 0xf0, Pc::Exact, stacks.clone());
        walk.advance(&mut rows);
        assert_eq!(walk.registers[..2], [7, 8]);
        let mut walk = Walk::new(COLUMNS, &[7, 8, low, 0], F + 0x10, Pc::Exact, stacks);
        walk.advance(&mut rows);
        assert_eq!(walk.registers[..2], [99, 8]);
    }

    #[test]
    fn interrupted_code_is_at_an_exact_address() {
        let image = Image::new();
        let mut rows = image.rows();
        // r1 and the interrupted pc, the first instruction of f: looked up as it is.
        let stack = [55, F, ENTRY + 0x10, 0];
        let mut at = walk(&stack, PREEMPT + 0x10, Pc::Return);
        at.advance(&mut rows);
        let frame = at.frame().unwrap();
        assert_eq!((frame.pc, frame.kind, frame.lookup()), (F, Pc::Exact, F));
        assert_eq!(at.registers[1], 55);
        at.advance(&mut rows);
        assert_eq!(at.frame().map(|frame| frame.pc), Some(ENTRY + 0x10));
    }

    #[test]
    fn code_that_is_not_there_has_a_caller() {
        let image = Image::new();
        let stack = [F + 0x20, 1, ENTRY + 0x10, 0];
        for nowhere in [0, 8, 0xdead_0000] {
            let walked = pcs(walk(&stack, nowhere, Pc::Exact), &image);
            assert_eq!(walked, [nowhere, F + 0x20, ENTRY + 0x10]);
        }
    }

    #[test]
    fn nothing_outside_the_stack_is_read() {
        let image = Image::new();
        // The return address would be the word after the stack.
        let stack = [1, F + 0x20, 2];
        assert_eq!(pcs(walk(&stack, F + 0x10, Pc::Return), &image), [F + 0x10, F + 0x20]);
        // A stack pointer that is in no stack, and one that is not aligned.
        let stacks = Stacks::new(core::slice::from_ref(&(0x1000..0x2000)));
        let lost = Walk::new(COLUMNS, &[0, 0, 0x8000, 0], F + 0x10, Pc::Exact, stacks.clone());
        assert_eq!(pcs(lost, &image), []);
        let odd = Walk::new(COLUMNS, &[0, 0, 0x1001, 0], F + 0x10, Pc::Exact, stacks);
        assert_eq!(pcs(odd, &image), [F + 0x10]);
    }

    #[test]
    fn returns_lead_into_text_only() {
        let image = Image::new();
        for wild in [0, 1, TEXT - 8, TEXT + 0x300, usize::MAX] {
            let stack = [1, wild, 2, 3];
            assert_eq!(pcs(walk(&stack, F + 0x10, Pc::Return), &image), [F + 0x10]);
        }
    }
}
