//! The wall clock: the battery-backed one of every PC, in whole seconds.

use core::sync::atomic::{AtomicU64, Ordering};

use x86_64::instructions::port::Port;

use super::clock;
use crate::calendar::Date;

/// Nanoseconds from 1970 to the machine's reset; 0 if unknown. Written once, by the boot core.
static AT_RESET: AtomicU64 = AtomicU64::new(0);

/// What the wall clock showed when `nanotime` was 0, in nanoseconds since 1970.
pub fn at_reset() -> Option<u64> {
    Some(AT_RESET.load(Ordering::Relaxed)).filter(|nanos| *nanos > 0)
}

/// Asks the device, once `nanotime` counts.
pub(super) fn init() {
    let seconds = read().and_then(|date| date.seconds()).unwrap_or(0);
    let nanos = (seconds * 1_000_000_000).saturating_sub(clock::nanotime());
    AT_RESET.store(nanos, Ordering::Relaxed);
}

const SECOND: u8 = 0x00;
const MINUTE: u8 = 0x02;
const HOUR: u8 = 0x04;
const DAY: u8 = 0x07;
const MONTH: u8 = 0x08;
const YEAR: u8 = 0x09;
const STATUS_A: u8 = 0x0a;
const STATUS_B: u8 = 0x0b;
/// In `STATUS_A`: the registers are about to change.
const UPDATING: u8 = 0x80;
/// In `STATUS_B`: numbers are binary, not decimal digits.
const BINARY: u8 = 0x04;
/// In `STATUS_B`: hours go to 24.
const HOURS_24: u8 = 0x02;
/// In an hour of 12: afternoon.
const PM: u8 = 0x80;

/// The same twice in a row, so that no update came between; gives up on a device that never rests.
fn read() -> Option<Date> {
    let mut last = None;
    for _ in 0..10_000 {
        if register(STATUS_A) & UPDATING != 0 {
            core::hint::spin_loop();
            continue;
        }
        let now = [SECOND, MINUTE, HOUR, DAY, MONTH, YEAR].map(register);
        if last == Some(now) {
            return Some(date(now, register(STATUS_B)));
        }
        last = Some(now);
    }
    None
}

fn register(index: u8) -> u8 {
    // SAFETY: the clock's two ports; choosing a register and reading it changes nothing.
    unsafe {
        Port::<u8>::new(0x70).write(index);
        Port::<u8>::new(0x71).read()
    }
}

fn date([second, minute, hour, day, month, year]: [u8; 6], format: u8) -> Date {
    let number = |byte: u8| {
        let byte = u32::from(byte);
        if format & BINARY != 0 { byte } else { (byte >> 4) * 10 + (byte & 0xf) }
    };
    let year = number(year);
    let hour = match format & HOURS_24 != 0 {
        true => number(hour),
        false => number(hour & !PM) % 12 + if hour & PM != 0 { 12 } else { 0 },
    };
    Date {
        year: if year < 70 { 2000 + year } else { 1900 + year },
        month: number(month),
        day: number(day),
        hour,
        minute: number(minute),
        second: number(second),
    }
}
