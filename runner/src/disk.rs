//! Disk images with a boot loader, for `--boot bios` and `--boot uefi`.

use std::path::Path;

use crate::failure::{Failure, Result};
use crate::machine::Boot;
use crate::machine::command::{Media, boot_name};
use crate::workspace::Workspace;

/// The disk that boots the image in `elf`.
pub fn media(_workspace: &Workspace, boot: Boot, _elf: &Path) -> Result<Media> {
    Err(Failure::usage(format!("--boot {} is not there yet: use --boot pvh", boot_name(boot))))
}

/// Writes that disk next to `stem`.
pub fn export(workspace: &Workspace, boot: Boot, elf: &Path, _stem: &Path) -> Result<()> {
    media(workspace, boot, elf).map(drop)
}
