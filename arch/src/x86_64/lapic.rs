//! The local interrupt controller, through memory (xAPIC) or registers of the CPU (x2APIC).

use core::arch::asm;
use core::arch::x86_64::__cpuid;
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};

use x86_64::instructions::port::Port;
use x86_64::registers::model_specific::{ApicBase, Msr};

use crate::layout::PhysAddr;

/// Vectors that are ours; all other vectors from 32 up are devices'.
pub const TIMER_VECTOR: u8 = 0xf0;
pub const IPI_VECTOR: u8 = 0xf1;
/// Interrupts of the old controllers, masked, which may still come once.
pub const LEGACY_VECTORS: core::ops::Range<u8> = 0x20..0x30;
pub const SPURIOUS_VECTOR: u8 = 0xff;

const ID: u32 = 0x20;
const TASK_PRIORITY: u32 = 0x80;
const END_OF_INTERRUPT: u32 = 0xb0;
const SPURIOUS: u32 = 0xf0;
const COMMAND: u32 = 0x300;
const COMMAND_TARGET: u32 = 0x310;
const LVT_TIMER: u32 = 0x320;
const LVT_LINT0: u32 = 0x350;
const LVT_LINT1: u32 = 0x360;
const LVT_ERROR: u32 = 0x370;
const INITIAL_COUNT: u32 = 0x380;
const CURRENT_COUNT: u32 = 0x390;
const DIVIDE: u32 = 0x3e0;

const MASKED: u32 = 1 << 16;
const DEADLINE_MODE: u32 = 0b10 << 17;
const COMMAND_PENDING: u32 = 1 << 12;
const NMI: u32 = 0b100 << 8;
const INIT: u32 = 0b101 << 8 | ASSERT;
const START_UP: u32 = 0b110 << 8 | ASSERT;
const ASSERT: u32 = 1 << 14;
/// Divide by 16: the longest one-shot is over a minute at the usual speeds.
const DIVIDE_BY_16: u32 = 0b0011;

const TSC_DEADLINE: Msr = Msr::new(0x6e0);

/// Where the registers are mapped; 0 with x2APIC.
static REGISTERS: AtomicUsize = AtomicUsize::new(0);
static HAS_DEADLINE: AtomicBool = AtomicBool::new(false);
/// Timer counts per nanosecond, times 2^32.
static COUNTS_PER_NANO: AtomicU64 = AtomicU64::new(0);

/// What another core is told.
#[derive(Clone, Copy)]
pub enum Command {
    /// Take the interrupt with that vector.
    Interrupt(u8),
    /// Take a non-maskable interrupt.
    Nmi,
    /// Reset and wait.
    Init,
    /// Start in real mode at that page.
    StartUp(u8),
}

/// Finds out how the controller is reached. Before any other function here.
pub fn find(base: u64, map: &mut dyn FnMut(PhysAddr, usize) -> usize) {
    let features = __cpuid(1).ecx;
    HAS_DEADLINE.store(features & 1 << 24 != 0, Ordering::Relaxed);
    if features & 1 << 21 == 0 {
        REGISTERS.store(map(PhysAddr(base), 4096), Ordering::Relaxed);
    }
    // SAFETY: masks every line of the two old controllers, whose interrupts nobody takes.
    unsafe {
        Port::<u8>::new(0x21).write(0xff);
        Port::<u8>::new(0xa1).write(0xff);
    }
}

/// Whether the registers are the CPU's own.
pub fn is_x2() -> bool {
    REGISTERS.load(Ordering::Relaxed) == 0
}

/// Whether the timer compares with the time-stamp counter.
pub fn has_deadline() -> bool {
    HAS_DEADLINE.load(Ordering::Relaxed)
}

/// Switches this core's controller on: everything masked but NMIs from outside.
pub fn init_core() {
    let (frame, flags) = ApicBase::read();
    let mode = if is_x2() { 3 << 10 } else { 1 << 11 };
    let kept = flags.bits() & !(3 << 10);
    // SAFETY: switches the controller on where it is, in the mode all accesses below use.
    unsafe { Msr::new(0x1b).write(frame.start_address().as_u64() | kept | mode) };
    write(SPURIOUS, 1 << 8 | u32::from(SPURIOUS_VECTOR));
    write(TASK_PRIORITY, 0);
    write(LVT_LINT0, MASKED);
    write(LVT_LINT1, NMI);
    write(LVT_ERROR, MASKED);
    write(DIVIDE, DIVIDE_BY_16);
    ready_timer();
}

/// The timer stands still and interrupts when armed.
pub fn ready_timer() {
    let mode = if has_deadline() { DEADLINE_MODE } else { 0 };
    write(LVT_TIMER, mode | u32::from(TIMER_VECTOR));
    // A deadline written before the mode has changed would be lost, and nothing else orders the
    // two where the registers are memory.
    fence(Ordering::SeqCst);
    stop();
}

/// This core's number on the interrupt bus.
pub fn id() -> u32 {
    let id = read(ID);
    if is_x2() { id } else { id >> 24 }
}

/// The interrupt being handled is done with.
pub fn end_of_interrupt() {
    write(END_OF_INTERRUPT, 0);
}

/// Tells a core, by its bus number. Everything written before is visible to the receiver.
/// Interrupts must be masked: a command takes two writes.
pub fn send(target: u32, command: Command) {
    let low = match command {
        Command::Interrupt(vector) => u32::from(vector) | ASSERT,
        Command::Nmi => NMI | ASSERT,
        Command::Init => INIT,
        Command::StartUp(page) => START_UP | u32::from(page),
    };
    // The receiver sees what was written before: a full fence, because the compiler may move plain
    // stores past a volatile one, and writes of x2APIC registers are not ordered by themselves.
    fence(Ordering::SeqCst);
    if is_x2() {
        // SAFETY: a fence touches nothing. It completes the one above for register writes.
        unsafe { asm!("lfence", options(nostack, preserves_flags)) };
        // SAFETY: the command register; both halves in one write.
        unsafe { Msr::new(0x830).write(u64::from(target) << 32 | u64::from(low)) };
        return;
    }
    // Bounded, because the fatal path must get through a controller that hangs.
    for _ in 0..1_000_000 {
        if read(COMMAND) & COMMAND_PENDING == 0 {
            break;
        }
        core::hint::spin_loop();
    }
    write(COMMAND_TARGET, target << 24);
    write(COMMAND, low);
}

/// How fast the timer counts, after its divider.
pub fn set_timer_hertz(hertz: u64) {
    COUNTS_PER_NANO.store(((u128::from(hertz) << 32) / 1_000_000_000) as u64, Ordering::Relaxed);
}

/// Fires when the time-stamp counter has reached that value.
pub fn arm_deadline(ticks: u64) {
    write_deadline(ticks.max(1));
}

/// Fires once after about that many nanoseconds, earlier if that is more than the timer holds.
pub fn arm_after(nanos: u64) {
    let counts = (u128::from(nanos) * u128::from(COUNTS_PER_NANO.load(Ordering::Relaxed))) >> 32;
    write(INITIAL_COUNT, u32::try_from(counts + 1).unwrap_or(u32::MAX));
}

/// No timer interrupt from now on, but for one that is on its way already.
pub fn stop() {
    if has_deadline() {
        write_deadline(0);
    } else {
        write(INITIAL_COUNT, 0);
    }
}

fn write_deadline(ticks: u64) {
    let mut deadline = TSC_DEADLINE;
    // SAFETY: the CPU has the register; its only effect is our timer interrupt.
    unsafe { deadline.write(ticks) };
}

/// Starts the longest countdown, without an interrupt.
pub fn count_down_from_top() {
    write(LVT_TIMER, MASKED | u32::from(TIMER_VECTOR));
    write(INITIAL_COUNT, u32::MAX);
}

/// The countdown's present value.
pub fn count() -> u64 {
    u64::from(read(CURRENT_COUNT))
}

fn read(register: u32) -> u32 {
    match REGISTERS.load(Ordering::Relaxed) {
        // SAFETY: each register used here can be read without effect; x2APIC is on.
        0 => unsafe { Msr::new(0x800 + (register >> 4)).read() as u32 },
        // SAFETY: `find` mapped the page of registers; all offsets lie within it.
        base => unsafe { ((base + register as usize) as *const u32).read_volatile() },
    }
}

fn write(register: u32, value: u32) {
    match REGISTERS.load(Ordering::Relaxed) {
        // SAFETY: a register of the controller, with a value that it defines; it takes no
        // address, so memory is not affected.
        0 => unsafe { Msr::new(0x800 + (register >> 4)).write(value.into()) },
        // SAFETY: as above, through the page that `find` mapped.
        base => unsafe { ((base + register as usize) as *mut u32).write_volatile(value) },
    }
}
