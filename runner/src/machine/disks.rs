//! Disks of a machine: files of the host that the image sees as block devices.

use std::path::PathBuf;

use crate::failure::{Failure, Result};

/// One disk. The file is the disk, byte for byte: what the image writes is in it afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    pub file: PathBuf,
    pub read_only: bool,
}

impl Disk {
    /// `FILE` or `FILE,ro`.
    pub fn parse(text: &str) -> Self {
        match text.strip_suffix(",ro") {
            Some(file) => Self { file: file.into(), read_only: true },
            None => Self { file: text.into(), read_only: false },
        }
    }

    /// Says so in one line if the file cannot be a disk; QEMU's own words come late and are many.
    pub fn check(&self) -> Result<()> {
        if self.file.exists() {
            return Ok(());
        }
        let file = self.file.display();
        Err(Failure::usage(format!("no disk {file}: make one with truncate -s 64M {file}")))
    }
}

/// How the image reaches its disks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bus {
    Pci,
    /// virtio's own registers, named by the device tree.
    Mmio,
}

impl Bus {
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "pci" => Ok(Self::Pci),
            "mmio" => Ok(Self::Mmio),
            _ => Err(Failure::usage(format!("no bus {text}: --disk-bus takes pci or mmio"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_and_whether_it_may_be_written() {
        assert_eq!(Disk::parse("a"), Disk { file: "a".into(), read_only: false });
        assert_eq!(Disk::parse("a,b,ro"), Disk { file: "a,b".into(), read_only: true });
        assert!(Disk::parse("/").check().is_ok());
    }
}
