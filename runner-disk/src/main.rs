//! Makes disks that start an image from BIOS or UEFI.
//!
//! `burrow-disk ELF --bios|--uefi DISK [--append COMMAND-LINE]`
//!
//! The command line lies on the disk as the loader's "ramdisk", where `boot` looks for it.

mod repack;

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use bootloader::DiskImageBuilder;
use bootloader_boot_config::{BootConfig, LevelFilter};

/// Names by which the loader knows its files.
const IMAGE: &str = "kernel-x86_64";
const COMMAND_LINE: &str = "ramdisk";

const USAGE: &str = "usage: burrow-disk ELF --bios|--uefi DISK [--append COMMAND-LINE]";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let made = match args[..] {
        [elf, firmware, disk] => make(firmware, elf.as_ref(), disk.as_ref(), ""),
        [elf, firmware, disk, "--append", line] => {
            make(firmware, elf.as_ref(), disk.as_ref(), line)
        }
        _ => Err(USAGE.into()),
    };
    match made {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Writes the disk for one kind of firmware.
fn make(firmware: &str, elf: &Path, disk: &Path, command_line: &str) -> Result<(), String> {
    let bytes = fs::read(elf).map_err(|error| format!("{}: {error}", elf.display()))?;
    let Some(image) = repack::repack(&bytes) else {
        return Err(format!("{}: not an x86_64 image with its sections", elf.display()));
    };
    let mut config = BootConfig::default();
    // The serial port is the image's console.
    config.serial_logging = false;
    config.log_level = LevelFilter::Error;
    let mut builder = DiskImageBuilder::empty();
    builder.set_boot_config(&config);
    builder.set_file_contents(IMAGE.into(), image);
    if !command_line.is_empty() {
        builder.set_file_contents(COMMAND_LINE.into(), command_line.as_bytes().to_vec());
    }
    let made = match firmware {
        "--bios" => builder.create_bios_image(disk),
        "--uefi" => builder.create_uefi_image(disk),
        _ => return Err(USAGE.into()),
    };
    made.map_err(|error| format!("{}: {error}", disk.display()))
}
