//! Following code instruction by instruction: which calls are open, by what the instructions do, and
//! whether the walk and the text of a traceback say the same.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt::Write;

use burrow::kernel::panic::names::Role;
use burrow::kernel::panic::rows::Rows;
use burrow::kernel::panic::traceback::{Level, Printer};
use burrow::kernel::panic::unwind::{Frame, Pc, Walk};
use burrow::kernel::panic::{image, live};
use burrow_arch::context::Registers;

use crate::arch::{Flow, flow, return_address};

/// Most calls that may be open.
const DEPTH: usize = 256;
/// Bytes of one traceback's text.
const TEXT: usize = 16 << 10;

/// One stretch of code that is followed. Large: for the heap.
pub struct Steps {
    /// Instructions seen.
    pub count: u64,
    /// Tracebacks that were right.
    pub right: u64,
    /// What was wrong first.
    wrong: Text<1024>,
    /// The instruction before.
    last: usize,
    /// Where the open calls come back to, outermost first.
    calls: [usize; DEPTH],
    depth: usize,
    rows: Rows<'static>,
    text: Text<TEXT>,
}

impl Steps {
    /// Nothing followed yet.
    pub fn new() -> Box<Self> {
        Box::new(Self {
            count: 0,
            right: 0,
            wrong: Text::new(),
            last: 0,
            calls: [0; DEPTH],
            depth: 0,
            rows: Rows::new(image::tables()),
            text: Text::new(),
        })
    }

    /// The code stands at `at`, having executed all before.
    pub fn follow(&mut self, at: &Registers) {
        self.count += 1;
        if self.last == 0 {
            return self.begin(at);
        }
        match flow(self.last) {
            Flow::Call if self.depth < DEPTH => {
                self.calls[self.depth] = return_address(at);
                self.depth += 1;
            }
            Flow::Return if self.depth > 0 => {
                self.depth -= 1;
                if self.calls[self.depth] != at.pc {
                    let want = self.calls[self.depth];
                    self.fail(format_args!("returned to {:#x}, not {want:#x}", at.pc));
                }
            }
            _ => {}
        }
        self.last = at.pc;
    }

    /// What is open when it begins: as walked, down to the function under all.
    fn begin(&mut self, at: &Registers) {
        let mut walk = live::walk_from(at);
        let mut root = 0;
        while let Some(frame) = walk.frame().filter(|_| self.depth < DEPTH) {
            self.calls[self.depth] = frame.pc;
            self.depth += 1;
            root = frame.lookup();
            walk.advance(&mut self.rows);
        }
        // The innermost is where it stands, not a call.
        self.calls[..self.depth].reverse();
        self.depth = self.depth.saturating_sub(1);
        let root = name(root);
        if !root.ends_with("::context::root") && !root.ends_with("::goroutine_entry") {
            self.fail(format_args!("the walk ends in {root}"));
        }
        self.last = at.pc;
    }

    /// Goes on to the frame that was interrupted there.
    pub fn skip_to(&mut self, walk: &mut Walk, interrupted: usize) {
        let is_it = |frame: Frame| frame.pc == interrupted && frame.kind == Pc::Exact;
        while walk.frame().is_some_and(|frame| !is_it(frame)) {
            walk.advance(&mut self.rows);
        }
    }

    /// Compares that walk with the open calls, frame by frame, and the text of the traceback with
    /// the functions whose names begin with `own`.
    pub fn check(&mut self, mut walk: Walk, pc: usize, own: &str) {
        let from = walk.clone();
        let mut frames = 0;
        while let Some(frame) = walk.frame() {
            let want = match frames {
                0 => Some(pc),
                n if n <= self.depth => Some(self.calls[self.depth - n]),
                _ => None,
            };
            if want != Some(frame.pc) {
                let want = want.unwrap_or(0);
                let (found, wanted) = (name(frame.pc), name(want));
                return self.fail(format_args!(
                    "frame {frames} is {:#x} {found}, not {want:#x} {wanted}",
                    frame.pc
                ));
            }
            frames += 1;
            walk.advance(&mut self.rows);
        }
        if frames != self.depth + 1 {
            let depth = self.depth + 1;
            return self.fail(format_args!("{frames} frames of {depth}"));
        }
        if self.print(&from).is_err() {
            return self.fail(format_args!("the traceback is too long"));
        }
        let mut rest = self.text.as_str();
        let places = core::iter::once(pc)
            .chain(self.calls[..self.depth].iter().rev().map(|back| back.wrapping_sub(1)));
        let is_own = |name: &&str| name.starts_with(own) && Role::of(name) == Role::Program;
        for function in places.map(name).filter(is_own) {
            match rest.split_once(function) {
                Some((_, after)) if after.starts_with("(...)\n\t") => rest = after,
                _ => return self.fail(format_args!("{function} is not in the traceback")),
            }
        }
        self.right += 1;
    }

    /// The text that a dump would show of it.
    fn print(&mut self, from: &Walk) -> core::fmt::Result {
        self.text.len = 0;
        let Self { text: out, rows, .. } = self;
        let symbols = image::symbols();
        Printer { out, rows, symbols, level: Level::Program }.stack(from)
    }

    fn fail(&mut self, what: core::fmt::Arguments<'_>) {
        if self.wrong.len == 0 {
            let (count, last) = (self.count, self.last);
            // What does not fit is not needed.
            let _ = write!(self.wrong, "step {count} at {last:#x} in {}: {what}", name(last));
        }
    }

    /// What was wrong first, or nothing.
    pub fn wrong(&self) -> String {
        String::from(self.wrong.as_str())
    }
}

/// The function that really is at that address.
pub fn name(addr: usize) -> &'static str {
    let function = image::symbols().and_then(|symbols| symbols.function(addr));
    function.map_or("nothing known", |function| function.name)
}

/// Text that takes no memory but its own.
struct Text<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Text<N> {
    const fn new() -> Self {
        Self { bytes: [0; N], len: 0 }
    }

    fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[..self.len]).unwrap_or("")
    }
}

impl<const N: usize> Write for Text<N> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let room = self.bytes.get_mut(self.len..self.len + text.len()).ok_or(core::fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.len += text.len();
        Ok(())
    }
}
