//! `log`: records go to the console, with the time since the machine's clock began, level and
//! target. `log=LEVEL` on the command line says how much; `info` if it does not.

use core::time::Duration;

use log::{LevelFilter, Log, Metadata, Record};

use crate::env;

struct Console;

impl Log for Console {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let now = Duration::from_nanos(burrow_kernel::time::nanotime());
        crate::println!(
            "[{:5}.{:06}] {:5} {}: {}",
            now.as_secs(),
            now.subsec_micros(),
            record.level(),
            record.target(),
            record.args()
        );
    }

    /// Nothing is held back.
    fn flush(&self) {}
}

/// Before the program's first instruction. A program that wants a logger of its own cannot have
/// one besides: `log` takes the first.
pub fn init() {
    let level = env::var("log").ok().and_then(|level| level.parse().ok());
    if log::set_logger(&Console).is_ok() {
        log::set_max_level(level.unwrap_or(LevelFilter::Info));
    }
}
