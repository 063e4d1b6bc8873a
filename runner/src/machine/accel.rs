//! Emulate the CPU, or let the host's run the image.

use std::fs::{self, OpenOptions};

use super::Arch;
use crate::failure::{Failure, Result};

/// What executes the guest's instructions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Accel {
    /// QEMU's emulation.
    Tcg,
    /// Linux.
    Kvm,
    /// macOS.
    Hvf,
}

impl Accel {
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcg => "tcg",
            Self::Kvm => "kvm",
            Self::Hvf => "hvf",
        }
    }
}

/// What `--accel` says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Choice {
    #[default]
    Auto,
    Given(Accel),
}

impl Choice {
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "auto" => Ok(Self::Auto),
            "tcg" => Ok(Self::Given(Accel::Tcg)),
            "kvm" => Ok(Self::Given(Accel::Kvm)),
            "hvf" => Ok(Self::Given(Accel::Hvf)),
            _ => Err(Failure::usage(format!(
                "no accelerator {text}: --accel takes auto, tcg, kvm or hvf"
            ))),
        }
    }

    /// Settles on one for a guest of `arch` on this host.
    pub fn settle(self, arch: Arch) -> Result<Accel> {
        match self {
            // The exit channel of aarch64 is semihosting, which only the emulator carries out.
            Self::Given(accel) if accel != Accel::Tcg && arch == Arch::Aarch64 => {
                Err(Failure::usage(
                    "an aarch64 image ends through semihosting, which needs --accel tcg",
                ))
            }
            Self::Given(Accel::Kvm) if !kvm() => Err(Failure::missing(
                "no KVM here (/dev/kvm, and a CPU of the same kind with vmx or svm): use --accel tcg",
            )),
            Self::Given(Accel::Hvf) if !cfg!(target_os = "macos") => {
                Err(Failure::missing("hvf is on macOS only: use --accel tcg"))
            }
            Self::Given(accel) => Ok(accel),
            Self::Auto if arch == Arch::X86_64 && kvm() => Ok(Accel::Kvm),
            Self::Auto
                if arch == Arch::X86_64
                    && cfg!(all(target_os = "macos", target_arch = "x86_64")) =>
            {
                Ok(Accel::Hvf)
            }
            Self::Auto => Ok(Accel::Tcg),
        }
    }
}

/// Some machines have a /dev/kvm that cannot work: the CPU's word is asked for too.
fn kvm() -> bool {
    cfg!(all(target_os = "linux", target_arch = "x86_64"))
        && fs::read_to_string("/proc/cpuinfo").is_ok_and(|text| has_virtualisation(&text))
        && OpenOptions::new().read(true).write(true).open("/dev/kvm").is_ok()
}

fn has_virtualisation(cpuinfo: &str) -> bool {
    cpuinfo
        .lines()
        .filter(|line| line.starts_with("flags"))
        .any(|line| line.split_whitespace().any(|flag| flag == "vmx" || flag == "svm"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn virtualisation_is_a_whole_word_among_the_flags() {
        assert!(has_virtualisation("processor : 0\nflags\t\t: fpu vmx sse\n"));
        assert!(!has_virtualisation("vendor : svm\nflags : fpu svmx sse\n"));
    }

    #[test]
    fn aarch64_is_always_emulated() {
        assert_eq!(Choice::Auto.settle(Arch::Aarch64), Ok(Accel::Tcg));
        assert!(Choice::Given(Accel::Kvm).settle(Arch::Aarch64).is_err());
    }
}
