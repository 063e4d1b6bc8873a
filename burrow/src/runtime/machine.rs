//! The machine that the image runs on. Burrow's own addition: there is no OS to ask.

use core::fmt;
use core::sync::atomic::Ordering;
use core::time::Duration;

use burrow_kernel::mem::frames;

/// The machine, as its firmware and its CPU describe it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Machine {
    /// Platform and interrupt controller.
    pub platform: &'static str,
    /// How the image was started: `PVH`, `BIOS`, `UEFI` or `Linux Image`.
    pub boot_protocol: &'static str,
    /// Cores in use.
    pub cores: usize,
    /// Bytes of RAM that were free when the kernel started.
    pub memory: usize,
    /// From the machine's reset to the first line of main.
    pub time_to_main: Duration,
}

impl Machine {
    /// The CPU's name.
    pub fn cpu(&self) -> impl fmt::Display {
        fmt::from_fn(|f| burrow_kernel::describe_cpu(f))
    }

    /// Since the machine's reset.
    pub fn uptime(&self) -> Duration {
        Duration::from_nanos(burrow_kernel::time::nanotime())
    }
}

/// What is known of the machine.
pub fn machine() -> Machine {
    let info = info();
    Machine {
        platform: info.platform,
        boot_protocol: info.protocol,
        cores: super::num_cpu(),
        memory: frames::stats().total,
        time_to_main: Duration::from_nanos(info.main_at.load(Ordering::Relaxed)),
    }
}

/// The command line as given.
pub(crate) fn command_line() -> &'static str {
    info().command_line
}

fn info() -> &'static burrow_kernel::MachineInfo {
    match burrow_kernel::machine() {
        Some(info) => info,
        None => unreachable!("goroutines run only once the kernel is up"),
    }
}
