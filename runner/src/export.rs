//! `qemu-run.sh build IMAGE --out DIR`: the files to boot an image elsewhere.

use std::fs;
use std::path::Path;

use crate::args::Options;
use crate::cargo::Profile;
use crate::elf::Sections;
use crate::failure::{Failure, Result};
use crate::launch::command_line;
use crate::machine::{Arch, Boot};
use crate::workspace::{Workspace, find};
use crate::{cargo, disk, elf, image};

/// Writes `NAME-ARCH.elf` (with names and lines for a debugger), for aarch64 also the raw
/// `NAME-aarch64.img`, and with `--boot` a disk.
pub fn export(workspace: &Workspace, name: &str, options: &Options) -> Result<u8> {
    let out = options.out.as_deref().expect("asked for when the line was read");
    let images = workspace.images()?;
    let image = find(&images, Some(name))?;
    let arches = options.arch.map_or(Arch::ALL.to_vec(), |arch| vec![arch]);
    fs::create_dir_all(out).map_err(|e| Failure::file("make", out, &e))?;
    let line = command_line(&options.append, &options.image_args);
    for arch in arches {
        cargo::build_images(
            workspace,
            arch,
            Profile::Release,
            &["-p", &image.package, "--bin", &image.name],
        )?;
        let built = workspace.elf(arch, Profile::Release, &image.name);
        let stem = out.join(format!("{}-{}", image.name, arch.name()));
        let whole = image::with_symbols(workspace, &built, Sections::Keep)?;
        write(&stem.with_extension("elf"), &whole)?;
        match (arch, options.boot) {
            (Arch::Aarch64, _) => write(&stem.with_extension("img"), &elf::flatten(&whole)?)?,
            (Arch::X86_64, Some(boot @ (Boot::Bios | Boot::Uefi))) => {
                disk::export(workspace, boot, &built, &stem, &line)?;
            }
            (Arch::X86_64, _) => {}
        }
    }
    Ok(0)
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    image::store(path, bytes)?;
    println!("{}", path.display());
    Ok(())
}
