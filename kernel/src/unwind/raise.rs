//! Raising: from the frame that fails to the one that catches.
//!
//! Phase 1 looks for a frame that catches, and changes nothing if there is none. Phase 2 continues
//! the first frame on the way that has something to do; when it has cleaned up, it calls
//! `_Unwind_Resume`, and so on until the frame that catches.

use core::slice;

use burrow_arch::unwind::{Frame, capture, land};

use super::cache::Cache;
use super::cfi::{self, Sources};
use super::row::{Kind, Row};
use crate::panic::{image, throw};

/// Rows for all cores: 512, more than the frames that panics commonly pass.
static ROWS: Cache<128> = Cache::new();

/// The beginning of what is thrown; the rest is the business of who throws and catches.
///
/// Differs from the ABI: nothing else. Its exceptions tell how to free them, for code in other
/// languages that catches, and keep words for unwinders that do not find their way twice.
#[repr(C)]
pub struct Exception {
    /// Says what kind of exception it is.
    pub class: u64,
}

impl Exception {
    /// The beginning of an exception of that kind.
    pub const fn new(class: u64) -> Self {
        Self { class }
    }
}

/// Why nothing was raised.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// A frame on the way cannot be unwound.
    FatalPhase1,
    /// Nobody catches.
    EndOfStack,
}

/// Unwinds to the next frame that catches, which gets the exception. Comes back only if there is
/// none; then nothing has happened.
///
/// # Safety
/// `exception` stays valid until somebody has caught it.
#[inline(never)]
pub unsafe fn raise(exception: *mut Exception) -> Reason {
    let mut frame = Frame::EMPTY;
    capture(&mut frame);
    // SAFETY: our own frame, of a stack that only we are on.
    unsafe { row(frame.pc).step(&mut frame) };
    // SAFETY: the frame of who called us; the exception by the caller's promise.
    unsafe { from(frame, exception) }
}

/// The compiler's call at the end of every clean-up.
///
/// # Safety
/// `exception` is what the landing pad was given.
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn _Unwind_Resume(exception: *mut Exception) -> ! {
    let mut frame = Frame::EMPTY;
    capture(&mut frame);
    loop {
        let row = row(frame.pc);
        match row.kind() {
            // SAFETY: a frame of our own stack, further up: our own has nothing to do.
            Kind::Cleanup | Kind::Catch => unsafe { enter(&mut frame, &row, exception) },
            // SAFETY: a stack that only we are on, and the frame's own row.
            Kind::Pass => unsafe { row.step(&mut frame) },
            Kind::Terminate | Kind::End => throw("unwinding has lost the frame that catches"),
        }
    }
}

/// What functions with landing pads name. Nobody calls it: [`super::lsda`] reads the tables.
#[lang = "eh_personality"]
extern "C" fn rust_eh_personality() -> ! {
    throw("the personality routine was called")
}

/// Raises in the frame that is given.
///
/// # Safety
/// It is one of this stack, and so on up; the exception stays valid until somebody has caught it.
unsafe fn from(mut frame: Frame, exception: *mut Exception) -> Reason {
    // The first frame that has something to do.
    let mut first: Option<(Frame, Row)> = None;
    loop {
        let row = row(frame.pc);
        match row.kind() {
            Kind::Pass => {}
            Kind::Cleanup => {
                if first.is_none() {
                    first = Some((frame, row));
                }
            }
            Kind::Catch => {
                let (mut frame, row) = first.unwrap_or((frame, row));
                // SAFETY: a frame of this stack with a landing pad.
                unsafe { enter(&mut frame, &row, exception) }
            }
            Kind::Terminate => return Reason::FatalPhase1,
            Kind::End => return Reason::EndOfStack,
        }
        // SAFETY: a stack that only we are on, and the frame's own row.
        unsafe { row.step(&mut frame) };
    }
}

/// Continues a frame at its landing pad.
///
/// # Safety
/// The frame is one of this stack, further up, and that is its row.
unsafe fn enter(frame: &mut Frame, row: &Row, exception: *mut Exception) -> ! {
    frame.sp = row.landing_sp(frame);
    frame.pc = image::bounds().start + row.landing as usize;
    // SAFETY: the tables' landing pad for the frame's call; nobody needs what lies below.
    unsafe { land(frame, exception as usize) }
}

/// The row of a return address.
#[inline(always)]
fn row(pc: usize) -> Row {
    match u32::try_from(pc.wrapping_sub(image::bounds().start)) {
        Ok(pc) => ROWS.find(pc).unwrap_or_else(|| read(pc)),
        Err(_) => Row::end(0),
    }
}

/// Reads a row from the tables.
#[cold]
#[inline(never)]
fn read(pc: u32) -> Row {
    let tables = image::tables();
    // Read-only data lies between text and the unwind tables.
    let (from, to) = (tables.text.end, tables.header_addr);
    // SAFETY: part of the image, mapped for ever and never written.
    let landings = unsafe { slice::from_raw_parts(from as *const u8, to - from) };
    let row = cfi::read(&Sources { tables, landings, landings_addr: from }, pc);
    ROWS.keep(row);
    row
}
