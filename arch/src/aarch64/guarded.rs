//! Copying bytes that may not be there: the one place where a fault is not the end.

use core::arch::naked_asm;

/// Bytes of text in which a fault is an access's.
const ACCESS: usize = 5 * 4;

/// See [`crate::trap::guarded_copy`].
///
/// # Safety
/// What is mapped of both sides may be read and written.
#[unsafe(naked)]
pub unsafe extern "C" fn guarded_copy(
    to: *mut u8,
    from: *const u8,
    len: usize,
    note: *mut (),
) -> bool {
    // The handler looks for the note in x3.
    naked_asm!(
        ".cfi_startproc",
        "cbz x2, 3f",
        "2:",
        "ldrb w4, [x1], #1",
        "strb w4, [x0], #1",
        "subs x2, x2, #1",
        "b.ne 2b",
        "3:",
        "mov w0, #1",
        "ret",
        ".cfi_endproc",
    )
}

/// Where a copy goes on that faulted: nothing was pushed.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn failed() -> bool {
    naked_asm!(".cfi_startproc", "mov w0, wzr", "ret", ".cfi_endproc")
}

/// Whether the instruction is one of the copy's accesses.
pub(super) fn is_access(pc: usize) -> bool {
    let start = guarded_copy as *const () as usize;
    (start..start + ACCESS).contains(&pc)
}
