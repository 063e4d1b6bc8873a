//! `getrandom` 0.3 and 0.4, whose users ask by this symbol when built with
//! `--cfg getrandom_backend="custom"`, as `.cargo/config.toml` does for images; and 0.2, with its
//! feature `custom`. So `rand`, `uuid` and their kin work.

use getrandom::Error;

/// # Safety
/// `out` points to `len` bytes that may be written.
#[unsafe(no_mangle)]
unsafe extern "Rust" fn __getrandom_v03_custom(out: *mut u8, len: usize) -> Result<(), Error> {
    // SAFETY: the caller's promise, passed on.
    unsafe { fill(out, len) };
    Ok(())
}

/// # Safety
/// `out` points to `len` bytes that may be written.
#[unsafe(no_mangle)]
unsafe extern "Rust" fn __getrandom_custom(out: *mut u8, len: usize) -> u32 {
    // SAFETY: the caller's promise, passed on.
    unsafe { fill(out, len) };
    0
}

/// # Safety
/// `out` points to `len` bytes that may be written.
unsafe fn fill(out: *mut u8, len: usize) {
    if len == 0 {
        return;
    }
    // SAFETY: the caller's promise. They may never have been written.
    unsafe { out.write_bytes(0, len) };
    // SAFETY: as above; written now.
    burrow_kernel::rand::fill(unsafe { core::slice::from_raw_parts_mut(out, len) });
}
