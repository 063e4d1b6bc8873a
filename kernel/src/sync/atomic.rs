//! The atomics façade: the code that ships is the code that loom checks.
//!
//! Lock-free code of the kernel takes its atomics, fences and spin hint from here and from
//! nowhere else. Under `--cfg loom` they are loom's, which explores every outcome that the memory
//! model allows; otherwise they are `core`'s. Law 9: Dekker-type protocols use `fence(SeqCst)` on
//! both sides, never `SeqCst` accesses, because loom models only the fences.

#[cfg(not(loom))]
pub use core::sync::atomic::{
    AtomicBool, AtomicI32, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};
#[cfg(loom)]
pub use loom::sync::atomic::{
    AtomicBool, AtomicI32, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};

/// Tells the CPU, or the model, that the caller waits for another core.
///
/// The model needs it too: a loop without it would be explored for ever.
#[inline]
pub fn spin_hint() {
    #[cfg(not(loom))]
    core::hint::spin_loop();
    #[cfg(loom)]
    loom::thread::yield_now();
}

/// An array of null pointers.
#[cfg(not(loom))]
pub(crate) const fn null_slots<T, const N: usize>() -> [AtomicPtr<T>; N] {
    [const { AtomicPtr::new(core::ptr::null_mut()) }; N]
}

/// An array of null pointers.
#[cfg(loom)]
pub(crate) fn null_slots<T, const N: usize>() -> [AtomicPtr<T>; N] {
    core::array::from_fn(|_| AtomicPtr::new(core::ptr::null_mut()))
}

/// Declares constructors that are `const` except under loom, whose atomics register themselves
/// with the running model and so cannot be made at compile time.
macro_rules! const_unless_loom {
    ($($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty $body:block)*) => {
        $(
            #[cfg(not(loom))]
            $(#[$meta])*
            $vis const fn $name($($arg: $ty),*) -> $ret $body

            #[cfg(loom)]
            $(#[$meta])*
            $vis fn $name($($arg: $ty),*) -> $ret $body
        )*
    };
}
pub(crate) use const_unless_loom;
