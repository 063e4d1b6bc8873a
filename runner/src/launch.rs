//! `qemu-run.sh [IMAGE]`: from the options to a running image and its exit code.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::args::Options;
use crate::failure::{Failure, Result};
use crate::machine::command::{Channels, Media, arguments};
use crate::machine::disks::{Bus, Disk};
use crate::machine::{Arch, Boot, Machine};
use crate::vm::{self, Console, End};
use crate::workspace::{Workspace, find};
use crate::{cargo, disk, image, interrupt};

/// Builds and boots the image called `name`, or the default one.
pub fn named(workspace: &Workspace, name: Option<&str>, options: &Options) -> Result<u8> {
    let images = workspace.images()?;
    let image = find(&images, name)?;
    let machine = machine(options, options.arch.unwrap_or(Arch::X86_64))?;
    let elf = cargo::build_image(workspace, machine.arch, image)?;
    boot(workspace, &machine, &elf, options)
}

/// Boots what cargo built. For `cargo run`, which says where the package is.
pub fn file(workspace: &Workspace, path: &Path, options: &Options) -> Result<u8> {
    let arch = image::arch_of(path)?;
    if options.arch.is_some_and(|wanted| wanted != arch) {
        return Err(Failure::usage(format!("{} is for {}", path.display(), arch.name())));
    }
    boot(workspace, &machine(options, arch)?, path, options)
}

/// The machine that the options describe.
pub fn machine(options: &Options, arch: Arch) -> Result<Machine> {
    let smp = options.smp.unwrap_or(2);
    let gic = options.gic.unwrap_or(Machine::usual_gic(smp));
    if arch == Arch::Aarch64 && gic == 2 && smp > 8 {
        return Err(Failure::usage(format!("--gic 2 has at most 8 cores, not {smp}: use --gic 3")));
    }
    let boot = options.boot.unwrap_or(Boot::Direct);
    if arch == Arch::Aarch64 && options.boot.is_some() {
        return Err(Failure::usage("--boot is for x86_64: aarch64 images have one way to boot"));
    }
    let accel = options.accel.settle(arch)?;
    let mem = options.mem.clone().unwrap_or_else(|| "512M".into());
    let disk_bus = options.disk_bus.unwrap_or(Bus::Pci);
    if arch == Arch::X86_64 && disk_bus == Bus::Mmio {
        return Err(Failure::usage(
            "--disk-bus mmio is for aarch64: x86_64's machine has its devices on PCI",
        ));
    }
    options.disks.iter().try_for_each(Disk::check)?;
    let (disks, icount, gdb) = (options.disks.clone(), options.icount, options.gdb);
    let rng = options.rng;
    Ok(Machine { arch, smp, mem, boot, accel, icount, gic, gdb, disks, disk_bus, rng })
}

/// What goes into the machine for the image in `elf`.
fn media(workspace: &Workspace, machine: &Machine, elf: &Path, line: &str) -> Result<Media> {
    match machine.boot {
        Boot::Direct => image::bootable(workspace, machine.arch, elf).map(Media::Kernel),
        Boot::Bios | Boot::Uefi => disk::media(workspace, machine.boot, elf, line),
    }
}

/// The kernel command line: settings, then the image's arguments behind two dashes.
pub fn command_line(settings: &[String], args: &[String]) -> String {
    let mut words: Vec<String> = settings.to_vec();
    if !args.is_empty() {
        words.push("--".into());
        words.extend(args.iter().map(|arg| quoted(arg)));
    }
    words.join(" ")
}

fn quoted(arg: &str) -> String {
    if arg.is_empty() || arg.contains(char::is_whitespace) {
        format!("\"{arg}\"")
    } else {
        arg.into()
    }
}

fn boot(workspace: &Workspace, machine: &Machine, elf: &Path, options: &Options) -> Result<u8> {
    let line = command_line(&options.append, &options.image_args);
    let media = media(workspace, machine, elf, &line)?;
    if options.dry_run {
        println!("{}", dry_run(machine, &media, &line));
        return Ok(0);
    }
    if let Some(port) = machine.gdb {
        await_gdb(port, elf)?;
    }
    let outcome = vm::run(machine, &media, &line, Console::Relay, options.timeout)?;
    leave(&outcome.end, options.timeout)
}

/// The runner's exit code for a run.
fn leave(end: &End, limit: Option<Duration>) -> Result<u8> {
    if let Some(code) = interrupt::caught() {
        return Ok(code);
    }
    if let End::TimedOut(dump) = end {
        eprint!("{dump}");
    }
    match end {
        // What a shell would see of a process that ended with this code.
        End::Exit(code) => Ok(*code as u8),
        other => Err(vm::failure(other, limit).expect("not an exit")),
    }
}

/// The command that a run would give, for a terminal: the exit channel shows there too.
fn dry_run(machine: &Machine, media: &Media, line: &str) -> String {
    let qmp = std::env::temp_dir().join("burrow-qmp");
    let channels = Channels { exit: "/dev/stderr".into(), qmp };
    let mut words = vec![machine.arch.qemu()];
    words.extend(
        arguments(machine, media, line, &channels).iter().map(|a| shell(&a.to_string_lossy())),
    );
    words.join(" ")
}

/// A word as a shell takes it.
fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=,./:+%@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn await_gdb(port: u16, elf: &Path) -> Result<()> {
    TcpListener::bind(("127.0.0.1", port)).map_err(|_| {
        Failure::emulator(format!("port {port} is in use: choose another with --gdb=PORT"))
    })?;
    let elf = std::path::absolute(elf).unwrap_or_else(|_| PathBuf::from(elf));
    eprintln!("qemu-run: waiting for gdb: gdb {} -ex 'target remote :{port}'", elf.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_follow_two_dashes() {
        let words = |list: &[&str]| -> Vec<String> { list.iter().map(|w| (*w).into()).collect() };
        assert_eq!(command_line(&words(&["seed=1", "gomaxprocs=2"]), &[]), "seed=1 gomaxprocs=2");
        assert_eq!(command_line(&[], &words(&["a", "b c", ""])), "-- a \"b c\" \"\"");
        assert_eq!(command_line(&words(&["x=1"]), &words(&["--smp"])), "x=1 -- --smp");
    }

    #[test]
    fn the_interrupt_controller_fits_the_cores() {
        let options = Options { smp: Some(16), ..Options::default() };
        assert_eq!(machine(&options, Arch::Aarch64).unwrap().gic, 3);
        let options = Options { smp: Some(16), gic: Some(2), ..Options::default() };
        assert!(machine(&options, Arch::Aarch64).is_err());
        assert!(machine(&options, Arch::X86_64).is_ok());
    }

    #[test]
    fn devices_outside_pci_are_aarch64s() {
        let options = Options { disk_bus: Some(Bus::Mmio), ..Options::default() };
        assert_eq!(machine(&options, Arch::Aarch64).unwrap().disk_bus, Bus::Mmio);
        assert!(machine(&options, Arch::X86_64).unwrap_err().message.contains("on PCI"));
    }

    #[test]
    fn a_disk_has_to_be_there() {
        let options = Options { disks: vec![Disk::parse("/no/such.img")], ..Options::default() };
        let failure = machine(&options, Arch::X86_64).unwrap_err();
        assert_eq!(failure.code, 64);
        assert!(failure.message.starts_with("no disk /no/such.img"), "{}", failure.message);
    }

    #[test]
    fn words_for_a_shell() {
        assert_eq!(shell("tcg,thread=multi"), "tcg,thread=multi");
        assert_eq!(shell("a b's"), r"'a b'\''s'");
    }
}
