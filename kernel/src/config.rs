//! Every tunable, with Go's name beside it, and the kernel command line.
//!
//! The command line is a list of words: `name=value` words before `--` are settings for the kernel
//! and variables for the program; what follows `--` are the program's arguments.

use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};

/// Every so many schedules the global queue is looked at first. Go: `schedtick%61`.
pub const GLOBAL_QUEUE_TICK: u32 = 61;
/// Rounds over all Ps before stealing gives up. Go: `stealTries`.
pub const STEAL_TRIES: usize = 4;
/// A goroutine's slice in nanoseconds. Go: `forcePreemptNS`.
pub const SLICE_NS: u64 = 10_000_000;
/// The scheduling tick of a core that has waiters, in nanoseconds.
pub const TICK_NS: u64 = 1_000_000;
/// Every so many scheduling ticks a core drops its whole TLB: see `sched::tick`.
pub const TLB_FLUSH_TICKS: u32 = 10;
/// A refused preemption is tried again after so many nanoseconds.
pub const RETRY_NS: u64 = 100_000;
/// A preemption for a timer that came at a bad moment is tried again after so many nanoseconds.
pub const TIMER_RETRY_NS: u64 = 5_000;
/// An idle core whose next timer is due within so many nanoseconds spins until then.
pub const IDLE_SPIN_NS: u64 = 100_000;
/// A halted core wakes so many nanoseconds before its next timer is due.
pub const IDLE_LEAD_NS: u64 = 60_000;
/// Goroutines that devices made ready run before what waits for its slice, so many in a row at
/// most.
pub const IN_A_ROW: u32 = 16;
/// An idle M beside another one of its core ends after so many nanoseconds.
pub const IDLE_M_NS: u64 = 5_000_000_000;
/// Goroutine ids that a P takes at once. Go: `_GoidCacheBatch`.
pub const GOID_BATCH: u64 = 16;
/// Free Gs that a P keeps; above it half go to the global list. Go: 64 in `gfput`.
pub const GFREE_MAX: usize = 64;
/// Bytes of an M's system stack.
pub const G0_STACK: usize = 64 << 10;
/// Kernel threads that there may be, unless chosen. Go: `maxmcount`.
pub const MAX_THREADS: usize = 10_000;
/// Stack limit of main, in bytes.
pub const MAIN_STACK: usize = 64 << 20;
/// Stack limit of other goroutines, in bytes, unless chosen.
pub const DEFAULT_STACK: usize = 1 << 20;
/// Smallest and largest stack limit that may be chosen.
pub const STACK_RANGE: core::ops::RangeInclusive<usize> = 64 << 10..=1 << 30;

/// Settings from the command line.
pub struct Config {
    /// Go: `GOMAXPROCS`; 0 where not given.
    gomaxprocs: AtomicUsize,
    /// Go: `GODEBUG=asyncpreemptoff=1`.
    async_preempt_off: AtomicBool,
    /// Seed of all randomness, for runs that can be repeated.
    seed: AtomicU64,
    /// Whether there is one.
    seeded: AtomicBool,
    /// Go: `GOTRACEBACK`.
    traceback: AtomicU8,
    /// Whether the invariant checker runs on the tick.
    check: AtomicBool,
    /// Whether fatal dumps end with the flight rings.
    flight: AtomicBool,
}

/// How much a traceback shows. Go: `GOTRACEBACK`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Traceback {
    /// The message only.
    None = 0,
    /// The goroutine that failed.
    Single = 1,
    /// All goroutines of the program.
    All = 2,
    /// Those of the runtime and its frames too.
    System = 3,
    /// As `System`, with every M and P and the flight rings.
    Crash = 4,
}

/// The settings in force.
pub static CONFIG: Config = Config {
    gomaxprocs: AtomicUsize::new(0),
    async_preempt_off: AtomicBool::new(false),
    seed: AtomicU64::new(0),
    seeded: AtomicBool::new(false),
    traceback: AtomicU8::new(Traceback::All as u8),
    check: AtomicBool::new(false),
    flight: AtomicBool::new(false),
};

impl Config {
    /// Reads the command line; words it does not know are the program's.
    pub fn parse(&self, line: &str) {
        for word in line.split_ascii_whitespace().take_while(|word| *word != "--") {
            if let Some((name, value)) = word.split_once('=') {
                self.set(name, value);
            }
        }
    }

    fn set(&self, name: &str, value: &str) {
        let number = value.parse::<u64>().ok();
        match (name, number) {
            ("gomaxprocs" | "GOMAXPROCS", Some(n)) => {
                self.gomaxprocs.store(n as usize, Ordering::Relaxed);
            }
            ("asyncpreemptoff", Some(n)) => self.async_preempt_off.store(n != 0, Ordering::Relaxed),
            ("seed", Some(n)) => {
                self.seed.store(n, Ordering::Relaxed);
                self.seeded.store(true, Ordering::Relaxed);
            }
            ("schedcheck", Some(n)) => self.check.store(n != 0, Ordering::Relaxed),
            ("flight", Some(n)) => self.flight.store(n != 0, Ordering::Relaxed),
            ("traceback", _) => self.traceback.store(traceback(value) as u8, Ordering::Relaxed),
            _ => {}
        }
    }

    /// Go: `GOMAXPROCS`, where given and above 0.
    pub fn gomaxprocs(&self) -> Option<usize> {
        Some(self.gomaxprocs.load(Ordering::Relaxed)).filter(|n| *n > 0)
    }

    /// Whether goroutines are preempted only where they call the runtime.
    pub fn async_preempt_off(&self) -> bool {
        self.async_preempt_off.load(Ordering::Relaxed)
    }

    /// The seed, where given.
    pub fn seed(&self) -> Option<u64> {
        self.seeded.load(Ordering::Relaxed).then(|| self.seed.load(Ordering::Relaxed))
    }

    /// Whether the invariant checker runs on the tick.
    pub fn check(&self) -> bool {
        self.check.load(Ordering::Relaxed)
    }

    /// Whether fatal dumps end with the flight rings.
    pub fn flight(&self) -> bool {
        self.flight.load(Ordering::Relaxed)
    }

    /// How much a traceback shows.
    pub fn traceback(&self) -> Traceback {
        match self.traceback.load(Ordering::Relaxed) {
            0 => Traceback::None,
            1 => Traceback::Single,
            2 => Traceback::All,
            3 => Traceback::System,
            _ => Traceback::Crash,
        }
    }
}

/// Go: `setTraceback`; a number shows all goroutines at that level.
fn traceback(value: &str) -> Traceback {
    match (value, value.parse::<u32>()) {
        ("none", _) | (_, Ok(0)) => Traceback::None,
        ("single", _) => Traceback::Single,
        ("crash", _) => Traceback::Crash,
        ("system", _) | (_, Ok(2..)) => Traceback::System,
        _ => Traceback::All,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tracebacks_by_name_and_by_number() {
        for (value, setting) in [
            ("none", Traceback::None),
            ("0", Traceback::None),
            ("single", Traceback::Single),
            ("all", Traceback::All),
            ("1", Traceback::All),
            ("system", Traceback::System),
            ("2", Traceback::System),
            ("3", Traceback::System),
            ("crash", Traceback::Crash),
        ] {
            assert_eq!(traceback(value), setting, "{value}");
        }
    }
}
