//! The time-stamp counter, which all cores share and which counts from reset.

use core::arch::asm;
use core::arch::x86_64::{__cpuid, _rdtsc};
use core::sync::atomic::{AtomicU64, Ordering};

use x86_64::instructions::port::Port;

use super::lapic;

/// Nanoseconds per tick and ticks per nanosecond, both times 2^32; 0 until calibrated. Written
/// once by the boot core before any other core runs.
static NANOS_PER_TICK: AtomicU64 = AtomicU64::new(0);
static TICKS_PER_NANO: AtomicU64 = AtomicU64::new(0);

const NANOS: u64 = 1_000_000_000;

/// How long the counters are compared with a clock of known speed.
const CALIBRATION: u64 = 20_000_000;

/// Nanoseconds since the machine's reset; never goes back, the same on every core.
#[inline]
pub fn nanotime() -> u64 {
    // The fence keeps the read from being done early, which could show another core's past.
    // SAFETY: a fence touches nothing.
    unsafe { asm!("lfence", options(nostack, preserves_flags)) };
    scale(ticks(), NANOS_PER_TICK.load(Ordering::Relaxed))
}

/// Raw cycle or counter ticks, the cheapest clock.
#[inline]
pub fn ticks() -> u64 {
    // SAFETY: every x86_64 CPU that passed `check_features` has the counter, open to this
    // privilege.
    unsafe { _rdtsc() }
}

/// The first tick count at which [`nanotime`] has reached that time, or a little later.
pub(super) fn ticks_at(nanos: u64) -> u64 {
    scale(nanos, TICKS_PER_NANO.load(Ordering::Relaxed)).saturating_add(2)
}

fn scale(value: u64, factor: u64) -> u64 {
    u64::try_from((u128::from(value) * u128::from(factor)) >> 32).unwrap_or(u64::MAX)
}

/// Finds the speeds of the counter and of the local timer. `pm_timer` is the port of the ACPI
/// timer, where there is one.
pub(super) fn calibrate(pm_timer: Option<u16>) {
    let reference = pm_timer.map_or_else(Reference::pit, Reference::PmTimer);
    let measured = measure(&reference);
    let hertz = known_hertz().filter(|&hertz| near(hertz, measured.tsc)).unwrap_or(measured.tsc);
    TICKS_PER_NANO
        .store((u128::from(hertz) << 32).div_ceil(NANOS.into()) as u64, Ordering::Relaxed);
    NANOS_PER_TICK.store(((u128::from(NANOS) << 32) / u128::from(hertz)) as u64, Ordering::Relaxed);
    lapic::set_timer_hertz(measured.lapic);
}

/// What the CPU or the hypervisor says of the counter's speed.
fn known_hertz() -> Option<u64> {
    let highest = __cpuid(0).eax;
    if highest >= 0x15 {
        let ratio = __cpuid(0x15);
        let (denominator, numerator, crystal) =
            (u64::from(ratio.eax), u64::from(ratio.ebx), u64::from(ratio.ecx));
        if denominator != 0 && numerator != 0 && crystal != 0 {
            return Some(crystal * numerator / denominator);
        }
    }
    let is_guest = __cpuid(1).ecx & 1 << 31 != 0;
    if is_guest && (0x4000_0010..0x4001_0000).contains(&__cpuid(0x4000_0000).eax) {
        let kilohertz = u64::from(__cpuid(0x4000_0010).eax);
        return (kilohertz != 0).then_some(kilohertz * 1000);
    }
    if highest >= 0x16 {
        let megahertz = u64::from(__cpuid(0x16).eax & 0xffff);
        return (megahertz != 0).then_some(megahertz * 1_000_000);
    }
    None
}

/// Whether a figure agrees with the measurement to one part in 500: more would be a figure about
/// another clock, such as a nominal speed that the counter does not run at.
fn near(hertz: u64, measured: u64) -> bool {
    hertz.abs_diff(measured) < measured / 500
}

struct Speeds {
    tsc: u64,
    lapic: u64,
}

/// All three clocks at one moment.
struct Sample {
    reference: u64,
    tsc: u64,
    lapic: u64,
}

fn measure(reference: &Reference) -> Speeds {
    reference.start();
    lapic::count_down_from_top();
    let first = sample(reference);
    let wanted = CALIBRATION as u128 * u128::from(reference.hertz()) / u128::from(NANOS);
    let mut elapsed: u64;
    let last = loop {
        let now = sample(reference);
        elapsed = reference.elapsed(first.reference, now.reference);
        if u128::from(elapsed) >= wanted {
            break now;
        }
        core::hint::spin_loop();
    };
    lapic::ready_timer();
    let per_second = |count: u64| {
        (u128::from(count) * u128::from(reference.hertz()) / u128::from(elapsed)) as u64
    };
    Speeds { tsc: per_second(last.tsc - first.tsc), lapic: per_second(first.lapic - last.lapic) }
}

/// Reads the clocks, again and again until hardly anything came between the readings.
fn sample(reference: &Reference) -> Sample {
    let mut best: Option<(u64, Sample)> = None;
    for _ in 0..5 {
        let before = ticks();
        let (known, lapic) = (reference.read(), lapic::count());
        let after = ticks();
        let gap = after - before;
        if best.as_ref().is_none_or(|(smallest, _)| gap < *smallest) {
            best = Some((gap, Sample { reference: known, tsc: before + gap / 2, lapic }));
        }
    }
    best.map_or(Sample { reference: 0, tsc: 0, lapic: 0 }, |(_, sample)| sample)
}

/// A clock of known speed.
enum Reference {
    /// The ACPI power-management timer: 24 bits, counting up.
    PmTimer(u16),
    /// Channel 2 of the interval timer: 16 bits, counting down, once.
    Pit,
}

impl Reference {
    fn pit() -> Self {
        Self::Pit
    }

    fn hertz(&self) -> u64 {
        match self {
            Self::PmTimer(_) => 3_579_545,
            Self::Pit => 1_193_182,
        }
    }

    fn start(&self) {
        if matches!(self, Self::PmTimer(_)) {
            return;
        }
        // SAFETY: the interval timer's ports: gate on and speaker off, then one-shot mode 0 from
        // the highest count. No memory is involved.
        unsafe {
            let mut gate = Port::<u8>::new(0x61);
            let kept = gate.read() & !2;
            gate.write(kept | 1);
            Port::<u8>::new(0x43).write(0b1011_0000);
            Port::<u8>::new(0x42).write(0xff);
            Port::<u8>::new(0x42).write(0xff);
        }
    }

    fn read(&self) -> u64 {
        match *self {
            // SAFETY: a read of the timer's port, which has no effect.
            Self::PmTimer(port) => u64::from(unsafe { Port::<u32>::new(port).read() } & 0xff_ffff),
            // SAFETY: latches the count, then reads its two halves.
            Self::Pit => unsafe {
                Port::<u8>::new(0x43).write(0b1000_0000);
                let mut channel = Port::<u8>::new(0x42);
                let low = channel.read();
                u64::from(u16::from_le_bytes([low, channel.read()]))
            },
        }
    }

    fn elapsed(&self, from: u64, to: u64) -> u64 {
        match self {
            Self::PmTimer(_) => to.wrapping_sub(from) & 0xff_ffff,
            Self::Pit => from.wrapping_sub(to) & 0xffff,
        }
    }
}
