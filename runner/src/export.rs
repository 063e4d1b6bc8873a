//! `qemu-run.sh build IMAGE --out DIR`: the files to boot an image elsewhere.

use std::fs;
use std::path::Path;

use crate::args::Options;
use crate::elf::Sections;
use crate::failure::{Failure, Result};
use crate::launch::command_line;
use crate::machine::{Arch, Boot};
use crate::workspace::{Workspace, find};
use crate::{cargo, disk, elf, image};

/// Writes `NAME-ARCH.elf` (with names and lines for a debugger), for aarch64 also the raw
/// `NAME-aarch64.img`, for x86_64 the disks `NAME-x86_64.bios` and `NAME-x86_64.uefi`. `--arch`
/// and `--boot` choose among them.
pub fn export(workspace: &Workspace, name: Option<&str>, options: &Options) -> Result<u8> {
    let out = options.out.as_deref().expect("asked for when the line was read");
    let images = workspace.images()?;
    let image = find(&images, name)?;
    let arches = options.arch.map_or(Arch::ALL.to_vec(), |arch| vec![arch]);
    fs::create_dir_all(out).map_err(|e| Failure::file("make", out, &e))?;
    let line = command_line(&options.append, &options.image_args);
    for arch in arches {
        let built = cargo::build_image(workspace, arch, image)?;
        let stem = out.join(format!("{}-{}", image.name, arch.name()));
        let whole = image::with_symbols(workspace, &built, Sections::Keep)?;
        write(&stem.with_extension("elf"), &whole)?;
        match arch {
            Arch::Aarch64 => write(&stem.with_extension("img"), &elf::flatten(&whole)?)?,
            Arch::X86_64 => {
                for &boot in disks(options.boot) {
                    disk::export(workspace, boot, &built, &stem, &line)?;
                }
            }
        }
    }
    Ok(0)
}

/// Which disks are wanted: all, unless one way to boot is asked for.
fn disks(boot: Option<Boot>) -> &'static [Boot] {
    match boot {
        None => &[Boot::Bios, Boot::Uefi],
        Some(Boot::Direct) => &[],
        Some(Boot::Bios) => &[Boot::Bios],
        Some(Boot::Uefi) => &[Boot::Uefi],
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    image::store(path, bytes)?;
    println!("{}", path.display());
    Ok(())
}
