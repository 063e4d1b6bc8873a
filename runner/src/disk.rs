//! Disk images with a boot loader, for `--boot bios` and `--boot uefi`.
//!
//! They are made by the package `runner-disk`, a program apart: the boot loader takes minutes to
//! build, and only those who ask for a disk should wait for it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

use crate::cargo::Cargo;
use crate::elf::Sections;
use crate::failure::{Failure, Result};
use crate::image;
use crate::machine::Boot;
use crate::machine::command::{Media, boot_name};
use crate::workspace::Workspace;

/// Where distributions keep UEFI firmware for x86_64.
const FIRMWARE: [&str; 5] = [
    "/usr/share/ovmf/OVMF.fd",
    "/usr/share/qemu/OVMF.fd",
    "/usr/share/edk2/x64/OVMF.4m.fd",
    "/opt/homebrew/share/qemu/edk2-x86_64-code.fd",
    "/usr/local/share/qemu/edk2-x86_64-code.fd",
];

/// The disk that boots the image in `elf`, with a command line on it.
pub fn media(workspace: &Workspace, boot: Boot, elf: &Path, line: &str) -> Result<Media> {
    let disk = elf.with_extension(boot_name(boot));
    make(workspace, boot, elf, &disk, line)?;
    let firmware = if boot == Boot::Uefi { Some(firmware()?) } else { None };
    Ok(Media::Disk { disk, firmware })
}

/// Writes that disk next to the other files of `build`.
pub fn export(
    workspace: &Workspace,
    boot: Boot,
    elf: &Path,
    stem: &Path,
    line: &str,
) -> Result<()> {
    let disk = stem.with_extension(boot_name(boot));
    make(workspace, boot, elf, &disk, line)?;
    println!("{}", disk.display());
    Ok(())
}

fn make(workspace: &Workspace, boot: Boot, elf: &Path, disk: &Path, line: &str) -> Result<()> {
    let package = workspace.root.join("runner-disk");
    if !package.exists() {
        let name = boot_name(boot);
        return Err(Failure::usage(format!("--boot {name} is not there yet: use --boot pvh")));
    }
    let maker = maker(workspace, &package)?;
    let whole = elf.with_extension("whole");
    image::store(&whole, &image::with_symbols(workspace, elf, Sections::Keep)?)?;
    let mut command = Command::new(maker);
    command.arg(whole).arg(format!("--{}", boot_name(boot))).arg(disk);
    if !line.is_empty() {
        command.args(["--append", line]);
    }
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        _ => Err(Failure::missing("the disk image could not be made: see above")),
    }
}

/// Builds the program that makes disks.
fn maker(workspace: &Workspace, package: &Path) -> Result<PathBuf> {
    let target = workspace.tools.join("disk");
    let program = target.join("release/burrow-disk");
    if !program.exists() {
        eprintln!("qemu-run: building the boot loader: some minutes, once");
    }
    let mut path = tools(workspace)?.into_os_string();
    path.push(":");
    path.push(env::var_os("PATH").unwrap_or_default());
    // The loader's build calls cargo again, which must not wait for this one's directory.
    let cargo = Cargo::tool(workspace)
        .env("PATH", path)
        .args(["build", "--release", "--manifest-path"])
        .args([package.join("Cargo.toml")])
        .args(["--target-dir"])
        .args([target]);
    let (status, _) = cargo.run()?;
    if status.success() {
        Ok(program)
    } else {
        Err(Failure::missing("the boot loader does not build: see above"))
    }
}

/// A directory whose `rustc` names a sysroot of ours.
///
/// The loader's build looks for LLVM's tools in the sysroot that `rustc` names. Toolchains have the
/// one that is used, under another name.
fn tools(workspace: &Workspace) -> Result<PathBuf> {
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let real = sysroot(&rustc)?;
    let objcopy = objcopy(&real)
        .ok_or_else(|| Failure::missing("no rust-objcopy or llvm-objcopy: install llvm"))?;
    let ours = workspace.root.join(".burrow/loader");
    let bin = ours.join("lib/rustlib/host/bin");
    let (objcopy, lib) = (objcopy.display(), real.join("lib"));
    // The toolchain's own tool finds LLVM only where rustc says it is.
    let objcopy = format!(
        "export LD_LIBRARY_PATH='{lib}' DYLD_LIBRARY_PATH='{lib}'\nexec '{objcopy}' \"$@\"\n",
        lib = lib.display()
    );
    let shim = format!(
        "[ \"$*\" = '--print sysroot' ] && exec echo '{}'\nexec '{rustc}' \"$@\"\n",
        ours.display()
    );
    let failed = |e: io::Error| Failure::file("write", &ours, &e);
    fs::create_dir_all(&bin).map_err(failed)?;
    // Only its presence counts for the second name.
    for (path, text) in [
        (bin.join("llvm-objcopy"), &objcopy),
        (bin.join("llvm-objdump"), &objcopy),
        (ours.join("rustc"), &shim),
    ] {
        script(&path, text).map_err(failed)?;
    }
    Ok(ours)
}

fn script(path: &Path, text: &str) -> io::Result<()> {
    let _ = fs::remove_file(path);
    fs::write(path, format!("#!/bin/sh\n{text}"))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

fn sysroot(rustc: &str) -> Result<PathBuf> {
    let asked = Command::new(rustc).args(["--print", "sysroot"]).output();
    let asked = asked.map_err(|e| Failure::missing(format!("{rustc} does not run: {e}")))?;
    Ok(PathBuf::from(String::from_utf8_lossy(&asked.stdout).trim()))
}

fn objcopy(sysroot: &Path) -> Option<PathBuf> {
    let hosts = fs::read_dir(sysroot.join("lib/rustlib")).ok()?;
    let in_sysroot = hosts.flatten().flat_map(|host| {
        ["rust-objcopy", "llvm-objcopy"].map(|name| host.path().join("bin").join(name))
    });
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path: Vec<PathBuf> =
        env::split_paths(&path).map(|dir| dir.join("llvm-objcopy")).collect();
    in_sysroot.chain(on_path).find(|tool| tool.exists())
}

fn firmware() -> Result<PathBuf> {
    let known = FIRMWARE.map(PathBuf::from);
    known
        .into_iter()
        .find(|path| path.exists())
        .ok_or_else(|| Failure::missing("no UEFI firmware: install ovmf"))
}
