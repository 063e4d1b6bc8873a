//! The machine that an image is to run on: what can be chosen about it.
//!
//! `accel` decides between emulating and using the host's CPU, `disks` are what it may read and
//! write, `command` turns a [`Machine`] into QEMU's arguments.

pub mod accel;
pub mod command;
pub mod disks;

use crate::failure::{Failure, Result};

/// A CPU that images are built for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arch {
    X86_64,
    Aarch64,
}

impl Arch {
    pub const ALL: [Self; 2] = [Self::X86_64, Self::Aarch64];

    pub fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// The target's name: its specification is `targets/NAME.json`, its artefacts are in NAME.
    pub fn target(self) -> String {
        format!("{}-burrow", self.name())
    }

    pub fn qemu(self) -> String {
        format!("qemu-system-{}", self.name())
    }

    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "x86_64" | "x86-64" | "amd64" => Ok(Self::X86_64),
            "aarch64" | "arm64" => Ok(Self::Aarch64),
            _ => Err(Failure::usage(format!("no CPU {text}: --arch takes x86_64 or aarch64"))),
        }
    }
}

/// How an image gets into memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Boot {
    /// By QEMU itself: PVH on x86_64, Linux Image on aarch64.
    Direct,
    /// From a disk by the BIOS.
    Bios,
    /// From a disk by UEFI firmware.
    Uefi,
}

impl Boot {
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "pvh" => Ok(Self::Direct),
            "bios" => Ok(Self::Bios),
            "uefi" => Ok(Self::Uefi),
            _ => Err(Failure::usage(format!(
                "no way to boot {text}: --boot takes pvh, bios or uefi"
            ))),
        }
    }
}

/// Everything about a machine but the image on it.
#[derive(Clone, Debug)]
pub struct Machine {
    pub arch: Arch,
    pub smp: u32,
    /// In QEMU's notation.
    pub mem: String,
    pub boot: Boot,
    pub accel: accel::Accel,
    /// Count instructions as time, on one host thread.
    pub icount: bool,
    /// Version of the aarch64 interrupt controller.
    pub gic: u8,
    /// Wait for gdb on this port.
    pub gdb: Option<u16>,
    /// In the order in which the image sees them.
    pub disks: Vec<disks::Disk>,
    pub disk_bus: disks::Bus,
    /// A source of entropy, on the disks' bus.
    pub rng: bool,
}

impl Machine {
    /// The version 2 controller is the plainer one, and stops at 8 cores.
    pub fn usual_gic(smp: u32) -> u8 {
        if smp <= 8 { 2 } else { 3 }
    }
}
