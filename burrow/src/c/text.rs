//! Texts that end with a zero byte, and bytes in memory.

use core::ffi::{c_char, c_int};
use core::ptr;

/// Compares two texts, or as many bytes of them. C: `strncmp`.
///
/// # Safety
/// Both texts end with a zero byte, or have `most` bytes.
unsafe fn differ(a: *const u8, b: *const u8, most: usize) -> c_int {
    for at in 0..most {
        // SAFETY: neither text ended before.
        let (a, b) = unsafe { (*a.add(at), *b.add(at)) };
        if a != b || a == 0 {
            return c_int::from(a) - c_int::from(b);
        }
    }
    0
}

/// # Safety
/// Both texts end with a zero byte.
#[unsafe(no_mangle)]
unsafe extern "C" fn strcmp(a: *const u8, b: *const u8) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { differ(a, b, usize::MAX) }
}

/// # Safety
/// Both texts end with a zero byte, or have `most` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn strncmp(a: *const u8, b: *const u8, most: usize) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { differ(a, b, most) }
}

/// # Safety
/// There are `bytes` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn memchr(at: *const u8, byte: c_int, bytes: usize) -> *const u8 {
    // SAFETY: the caller's promise.
    let found = (0..bytes).find(|place| unsafe { *at.add(*place) } == byte as u8);
    found.map_or(ptr::null(), |found| at.wrapping_add(found))
}

/// # Safety
/// The text ends with a zero byte.
unsafe fn bytes<'a>(text: *const c_char) -> &'a [u8] {
    // SAFETY: the caller's promise.
    unsafe { core::ffi::CStr::from_ptr(text) }.to_bytes_with_nul()
}

/// # Safety
/// The text ends with a zero byte.
#[unsafe(no_mangle)]
unsafe extern "C" fn strchr(text: *const c_char, byte: c_int) -> *const c_char {
    // SAFETY: the caller's promise.
    let found = unsafe { bytes(text) }.iter().position(|one| *one == byte as u8);
    found.map_or(ptr::null(), |found| text.wrapping_add(found))
}

/// # Safety
/// The text ends with a zero byte.
#[unsafe(no_mangle)]
unsafe extern "C" fn strrchr(text: *const c_char, byte: c_int) -> *const c_char {
    // SAFETY: the caller's promise.
    let found = unsafe { bytes(text) }.iter().rposition(|one| *one == byte as u8);
    found.map_or(ptr::null(), |found| text.wrapping_add(found))
}
