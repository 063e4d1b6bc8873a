//! Tracebacks for the program itself. Go: `runtime.Stack`, `debug.Stack`, `runtime.Callers`.

use alloc::string::String;
use alloc::vec::Vec;
use alloc::{borrow::ToOwned, vec};

use burrow_kernel::panic::live::{self, Whose};
use burrow_kernel::panic::unwind;

/// Bytes that the first try of [`stack`] makes room for, of one goroutine and of all.
const ROOM: [usize; 2] = [4 << 10, 64 << 10];
/// Frames that the first try of [`callers`] makes room for.
const FRAMES: usize = 64;

/// Tracebacks in Go's layout, of this goroutine or of all, this one first. Go: `debug.Stack`.
#[inline(never)]
pub fn stack(all: bool) -> String {
    let mut text = vec![0; ROOM[usize::from(all)]];
    loop {
        let len = stack_into(&mut text, all);
        if len < text.len() {
            text.truncate(len);
            break;
        }
        text = vec![0; 2 * text.len()];
    }
    // It was not cut, so that it is whole characters.
    String::from_utf8(text).unwrap_or_default()
}

/// [`stack`] cut to the buffer; the bytes written. Allocates nothing. Go: `Stack`.
#[inline(never)]
pub fn stack_into(buf: &mut [u8], all: bool) -> usize {
    live::stack_into(buf, if all { Whose::All } else { Whose::Own })
}

/// The traceback of another goroutine, which alone stands still meanwhile; `None` if there is none
/// with that id. Go has it only as a part of [`stack`] of all, for which the world stops.
pub fn stack_of(goid: u64) -> Option<String> {
    let mut text = vec![0; ROOM[0]];
    loop {
        let len = live::stack_of(&mut text, goid)?;
        if len < text.len() {
            text.truncate(len);
            break;
        }
        text = vec![0; 2 * text.len()];
    }
    // It was not cut, so that it is whole characters.
    Some(String::from_utf8(text).unwrap_or_default())
}

/// One frame of a goroutine.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Frame {
    /// Program counter.
    pub pc: usize,
    /// Demangled name.
    pub function: String,
    /// Source file, where the image has line tables.
    pub file: Option<String>,
    /// Line, or 0.
    pub line: u32,
}

/// The frames of this goroutine, innermost first, without the first `skip`; 0 begins with the
/// caller. As in tracebacks, those of the runtime are left out. Go: `Callers` and `CallersFrames`.
#[inline(never)]
pub fn callers(skip: usize) -> Vec<Frame> {
    let none = unwind::Frame { pc: 0, kind: unwind::Pc::Return, sp: 0 };
    let mut frames = vec![none; FRAMES];
    loop {
        let count = live::callers(&mut frames);
        if count <= frames.len() {
            frames.truncate(count);
            break;
        }
        frames.resize(count, none);
    }
    let (mut named, mut left) = (Vec::new(), skip);
    live::name(&frames, &mut |caller| {
        if left > 0 {
            left -= 1;
            return;
        }
        named.push(Frame {
            pc: caller.pc,
            function: caller.function.to_owned(),
            file: caller.file.map(ToOwned::to_owned),
            line: caller.line,
        });
    });
    named
}
