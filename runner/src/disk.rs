//! Disk images with a boot loader, for `--boot bios` and `--boot uefi`.
//!
//! They are made by the package `runner-disk`, a program apart: the boot loader takes minutes to
//! build, and only those who ask for a disk should wait for it.

use std::path::{Path, PathBuf};

use crate::cargo::Cargo;
use crate::failure::{Failure, Result};
use crate::image;
use crate::machine::command::{Media, boot_name};
use crate::machine::{Arch, Boot};
use crate::workspace::Workspace;

/// Where distributions keep UEFI firmware for x86_64.
const FIRMWARE: [&str; 5] = [
    "/usr/share/ovmf/OVMF.fd",
    "/usr/share/qemu/OVMF.fd",
    "/usr/share/edk2/x64/OVMF.4m.fd",
    "/opt/homebrew/share/qemu/edk2-x86_64-code.fd",
    "/usr/local/share/qemu/edk2-x86_64-code.fd",
];

/// The disk that boots the image in `elf`.
pub fn media(workspace: &Workspace, boot: Boot, elf: &Path) -> Result<Media> {
    let disk = elf.with_extension(boot_name(boot));
    make(workspace, boot, elf, &disk)?;
    let firmware = if boot == Boot::Uefi { Some(firmware()?) } else { None };
    Ok(Media::Disk { disk, firmware })
}

/// Writes that disk next to the other files of `build`.
pub fn export(workspace: &Workspace, boot: Boot, elf: &Path, stem: &Path) -> Result<()> {
    let disk = stem.with_extension(boot_name(boot));
    make(workspace, boot, elf, &disk)?;
    println!("{}", disk.display());
    Ok(())
}

fn make(workspace: &Workspace, boot: Boot, elf: &Path, disk: &Path) -> Result<()> {
    let package = workspace.root.join("runner-disk/Cargo.toml");
    if !package.exists() {
        let name = boot_name(boot);
        return Err(Failure::usage(format!("--boot {name} is not there yet: use --boot pvh")));
    }
    let kernel = image::bootable(workspace, Arch::X86_64, elf)?;
    let manifest = package.as_os_str();
    let cargo = Cargo::new(workspace)
        .args([
            "run".as_ref(),
            "--release".as_ref(),
            "--manifest-path".as_ref(),
            manifest,
            "--".as_ref(),
        ])
        .args([boot_name(boot).as_ref(), kernel.as_os_str(), disk.as_os_str()]);
    let (status, _) = cargo.run()?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::missing("the disk image could not be made"))
    }
}

fn firmware() -> Result<PathBuf> {
    let known = FIRMWARE.map(PathBuf::from);
    known
        .into_iter()
        .find(|path| path.exists())
        .ok_or_else(|| Failure::missing("no UEFI firmware: install ovmf"))
}
