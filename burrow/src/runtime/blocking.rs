//! Calls that keep their kernel thread. Go: system calls.

use burrow_kernel::sched::syscall::{InSyscall, Registers, is_in_syscall};

/// Runs `f` with the P released: it may block or keep its M for as long as it likes, and others run
/// meanwhile. Allocating, printing and dropping are fine, [`sleep`](crate::time::sleep) lets the
/// kernel thread sleep; parking or starting goroutines throws; a panic crosses over once the P is
/// back. Inside another such call it only calls `f`. Go: a system call.
#[inline(never)]
pub fn blocking<T>(f: impl FnOnce() -> T) -> T {
    if is_in_syscall() {
        return f();
    }
    let mut here = Registers::EMPTY;
    here.write_here();
    // SAFETY: `here` lies in this frame, which `call` is dropped before.
    let call = unsafe { InSyscall::enter(&raw const here) };
    let result = f();
    drop(call);
    result
}
