//! Foreign code: C functions that are linked into the image.

use core::ffi::c_void;
use core::mem::{ManuallyDrop, MaybeUninit};

use burrow_kernel::foreign;

/// Calls foreign code on a C stack of its own (256 KiB, guarded) with the P released, so that other
/// goroutines run meanwhile however long it takes. Go: `cgocall`.
///
/// A panic does not cross foreign frames: one that leaves a [`cgocallback`] is the end of the
/// program, and so is one raised by Rust code that C calls without it. Such code may allocate and
/// print, but neither park nor start goroutines.
///
/// # Safety
/// `f` takes `arg`, does not unwind, and gets by with the stack.
pub unsafe fn cgocall(f: unsafe extern "C" fn(*mut c_void) -> i32, arg: *mut c_void) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { foreign::cgocall(f, arg) }
}

/// Runs `f` as a goroutine again, from code called by [`cgocall`]: takes a P, may park; wired to
/// its M. A panic in `f` that nothing recovers is fatal. Go: `cgocallback`.
///
/// # Safety
/// The caller must run inside [`cgocall`].
pub unsafe fn cgocallback<T>(f: impl FnOnce() -> T) -> T {
    // SAFETY: the caller's promise.
    unsafe { foreign::cgocallback(f) }
}

/// Runs `f` as [`cgocall`] runs foreign code: for calls of functions of any shape, with what they
/// return. A panic in `f` is the end of the program. Burrow's own addition.
///
/// ```ignore
/// let size = unsafe { runtime::call_c(|| LZ4_compressBound(1000)) };
/// ```
///
/// # Safety
/// As for [`cgocall`]: what `f` calls does not unwind, and gets by with the stack.
pub unsafe fn call_c<T>(f: impl FnOnce() -> T) -> T {
    let mut call = Call { f: ManuallyDrop::new(f), result: MaybeUninit::uninit() };
    // SAFETY: the caller's promise; `call` is what `enter` takes, with its types.
    unsafe { foreign::cgocall(enter_of(&call), (&raw mut call).cast()) };
    // SAFETY: `enter` returned, so that it has written the result.
    unsafe { call.result.assume_init() }
}

/// A closure on its way to the C stack, and its result on the way back.
struct Call<F, T> {
    f: ManuallyDrop<F>,
    result: MaybeUninit<T>,
}

/// [`enter`] for that call's types, which have no names.
fn enter_of<F: FnOnce() -> T, T>(_: &Call<F, T>) -> unsafe extern "C" fn(*mut c_void) -> i32 {
    enter::<F, T>
}

unsafe extern "C" fn enter<F: FnOnce() -> T, T>(call: *mut c_void) -> i32 {
    // SAFETY: `call_c` passed its own, which lives until this returns.
    let call = unsafe { &mut *call.cast::<Call<F, T>>() };
    // SAFETY: taken once, here.
    let f = unsafe { ManuallyDrop::take(&mut call.f) };
    call.result.write(f());
    0
}
