//! Starting cores by PSCI; ending the machine by semihosting.

use core::arch::{asm, naked_asm};
use core::cell::UnsafeCell;
use core::mem::offset_of;
use core::sync::atomic::{AtomicBool, Ordering};

use aarch64_cpu::asm::{barrier, wfi};

use crate::layout::PhysAddr;
use crate::platform::MAX_CORES;

use super::cpu::{self, CoreBlock};
use super::{paging, platform, psci};

/// Set by the first [`exit`].
static EXITING: AtomicBool = AtomicBool::new(false);

/// Tells the runner the exit code and ends the machine.
pub fn exit(code: i32) -> ! {
    if_exiting();
    // Relaxed: one core's exit in a fault of its own is what it is for.
    EXITING.store(true, Ordering::Relaxed);
    let mut line = [0; 32];
    semihost(SYS_WRITE0, format(code, &mut line).as_ptr() as usize);
    let application_exit = [0x2_0026, code as usize];
    semihost(SYS_EXIT_EXTENDED, application_exit.as_ptr() as usize);
    off()
}

/// If the machine is being ended and that raised an exception, there is no semihosting: ends it
/// by switching off.
pub(super) fn if_exiting() {
    if EXITING.load(Ordering::Relaxed) {
        off();
    }
}

fn off() -> ! {
    psci::system_off();
    loop {
        wfi();
    }
}

/// `burrow exit CODE`, a line end and a zero byte.
fn format(code: i32, line: &mut [u8; 32]) -> &[u8] {
    let mut at = line.len() - 2;
    line[at] = b'\n';
    let mut rest = code.unsigned_abs();
    loop {
        at -= 1;
        line[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    let sign: &[u8] = if code < 0 { b"-" } else { b"" };
    for part in [sign, b"burrow exit "] {
        at -= part.len();
        line[at..at + part.len()].copy_from_slice(part);
    }
    &line[at..]
}

const SYS_WRITE0: usize = 0x04;
const SYS_EXIT_EXTENDED: usize = 0x20;

fn semihost(operation: usize, argument: usize) {
    // SAFETY: the emulator reads what the argument points to and changes x0 alone; without an
    // emulator the exception ends in `if_exiting`.
    unsafe {
        asm!("hlt #0xf000", inout("x0") operation => _, in("x1") argument, options(nostack));
    }
}

/// What a core that starts is told. The first two words are `boot`'s: see its `entry.rs`.
#[repr(C, align(64))]
struct CoreStart {
    root: u64,
    this: usize,
    stack_top: usize,
    block: *const CoreBlock,
    entry: Option<extern "C" fn(usize) -> !>,
    index: usize,
}

/// One for each core, since nobody waits for it to be read.
struct CoreStarts([UnsafeCell<CoreStart>; MAX_CORES]);

// SAFETY: an element is written by the one call of `start_core` for it, before that core runs.
unsafe impl Sync for CoreStarts {}

static STARTS: CoreStarts = CoreStarts(
    [const {
        UnsafeCell::new(CoreStart {
            root: 0,
            this: 0,
            stack_top: 0,
            block: core::ptr::null(),
            entry: None,
            index: 0,
        })
    }; MAX_CORES],
);

unsafe extern "C" {
    /// Where cores start, in `boot`.
    static burrow_core_entry: u8;
}

/// Starts the core with that index: it loads `block` and `root`, then enters `entry(index)` on
/// that stack, interrupts masked. Returns once the core was told.
///
/// # Safety
/// Called once for a core. `root` maps the image as it is mapped here, the stack and what `block`
/// names; the stack is the core's alone.
pub unsafe fn start_core(
    index: usize,
    block: &'static CoreBlock,
    root: PhysAddr,
    stack_top: usize,
    entry: extern "C" fn(usize) -> !,
) -> Result<(), &'static str> {
    let start = STARTS.0[index].get();
    let this = start as usize;
    let (Some(context), Some(physical_entry)) =
        (paging::translate(this), paging::translate(&raw const burrow_core_entry as usize))
    else {
        return Err("the image is not mapped");
    };
    // SAFETY: written once, before the core runs.
    unsafe {
        start.write(CoreStart { root: root.0, this, stack_top, block, entry: Some(entry), index });
        // The core reads it with its cache off. One line holds it.
        asm!("dc cvac, {}", in(reg) this, options(nostack, preserves_flags));
    }
    barrier::dsb(barrier::SY);
    psci::cpu_on(platform::affinity(index), physical_entry.0, context.0)
}

/// From `boot`, in a started core: MMU on, at the linked address, on no stack yet.
#[unsafe(naked)]
#[unsafe(no_mangle)]
extern "C" fn burrow_core_start(start: *const CoreStart) -> ! {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_undefined x30",
        "msr spsel, #0",
        "ldr x1, [x0, #{stack}]",
        "mov sp, x1",
        "mov x29, xzr",
        "bl {started}",
        "brk #1",
        ".cfi_endproc",
        stack = const offset_of!(CoreStart, stack_top),
        started = sym started,
    )
}

/// The first Rust of a started core.
extern "C" fn started(start: &CoreStart) -> ! {
    // SAFETY: `start_core` was given a block that lives for ever.
    let block = unsafe { &*start.block };
    // SAFETY: as `start_core`'s caller promised.
    unsafe { cpu::init_core(block) };
    match start.entry {
        Some(entry) => entry(start.index),
        None => exit(2),
    }
}
