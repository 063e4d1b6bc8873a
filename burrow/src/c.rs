//! The few functions of C's library that foreign code may call: `c/include` declares them.
//!
//! They run on the C stack, without a P, where memory may be taken and given back. The linker
//! leaves out what nobody calls. Copying and comparing memory is in `compiler_builtins`.

mod memory;
mod text;

use core::ffi::{CStr, c_char, c_int};

/// Ends the image. C: `abort`.
#[unsafe(no_mangle)]
extern "C" fn abort() -> ! {
    burrow_kernel::panic::fatal("abort called by foreign code")
}

/// A failed `assert`.
///
/// # Safety
/// Both texts end with a zero byte.
#[unsafe(no_mangle)]
unsafe extern "C" fn __burrow_assert(text: *const c_char, file: *const c_char, line: c_int) -> ! {
    // SAFETY: the caller's promise.
    let [text, file] = [text, file].map(|text| unsafe { CStr::from_ptr(text) }.to_string_lossy());
    burrow_kernel::panic::fatal(&alloc::format!("assertion failed: {text}, {file}:{line}"))
}
