//! Copying bytes that may not be there: the one place where a fault is not the end.

use core::arch::naked_asm;

/// Bytes of text in which a fault is an access's.
const ACCESS: usize = 8;

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
    naked_asm!(
        ".cfi_startproc",
        // The handler looks for the note in r8.
        "mov r8, rcx",
        "mov rcx, rdx",
        "rep movsb",
        "mov eax, 1",
        "ret",
        ".cfi_endproc",
    )
}

/// Where a copy goes on that faulted: nothing was pushed.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn failed() -> bool {
    naked_asm!(".cfi_startproc", "xor eax, eax", "ret", ".cfi_endproc")
}

/// Whether the instruction is the copy's access.
pub(super) fn is_access(pc: usize) -> bool {
    let start = guarded_copy as *const () as usize;
    (start..start + ACCESS).contains(&pc)
}
