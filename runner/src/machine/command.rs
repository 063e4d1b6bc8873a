//! QEMU's command line: pure, so that `--dry-run` and the tests see what a run gets.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::accel::Accel;
use super::disks::Bus;
use super::{Arch, Boot, Machine};

/// What is put into the machine.
#[derive(Clone, Debug)]
pub enum Media {
    /// An ELF (x86_64) or a raw Image (aarch64) for QEMU to load.
    Kernel(PathBuf),
    /// A disk with a boot loader, and UEFI firmware unless it is for the BIOS.
    Disk { disk: PathBuf, firmware: Option<PathBuf> },
}

/// Files and sockets of one run.
#[derive(Clone, Debug)]
pub struct Channels {
    /// Receives the image's `burrow exit CODE`.
    pub exit: PathBuf,
    /// QEMU's control socket.
    pub qmp: PathBuf,
}

impl Channels {
    pub fn inside(dir: &Path) -> Self {
        Self { exit: dir.join("exit"), qmp: dir.join("qmp") }
    }
}

/// The arguments after `qemu-system-ARCH`.
pub fn arguments(
    machine: &Machine,
    media: &Media,
    line: &str,
    channels: &Channels,
) -> Vec<OsString> {
    let mut args = Arguments(Vec::new());
    args.board(machine);
    args.option("-smp", machine.smp.to_string());
    args.option("-m", &machine.mem);
    args.words("-display none -no-reboot -nic none");
    args.option("-chardev", format!("file,id=exit,path={}", escaped(&channels.exit)));
    args.exit_channel(machine.arch);
    // The emulator has pipes for its standard input and output: the terminal stays as it is.
    args.words("-chardev stdio,id=console,signal=off -serial chardev:console");
    args.option("-qmp", format!("unix:{},server=on,wait=off", escaped(&channels.qmp)));
    if let Some(port) = machine.gdb {
        args.option("-gdb", format!("tcp:127.0.0.1:{port}"));
        args.words("-S");
    }
    args.media(media, line);
    args.disks(machine);
    if machine.rng {
        args.virtio(machine, "virtio-rng", "");
    }
    args.0
}

struct Arguments(Vec<OsString>);

impl Arguments {
    fn words(&mut self, words: &str) {
        self.0.extend(words.split(' ').map(OsString::from));
    }

    fn option(&mut self, name: &str, value: impl Into<OsString>) {
        self.0.extend([name.into(), value.into()]);
    }

    fn board(&mut self, machine: &Machine) {
        let board = match machine.arch {
            Arch::X86_64 => "q35".to_string(),
            Arch::Aarch64 => format!("virt,gic-version={}", machine.gic),
        };
        self.option("-machine", board);
        // With counted instructions one tick of the counter is one instruction.
        let counted = machine.icount && machine.arch == Arch::Aarch64;
        self.option("-cpu", if counted { "max,cntfrq=1000000000" } else { "max" });
        match machine.accel {
            Accel::Tcg if machine.icount => {
                self.words("-accel tcg,thread=single -icount shift=0,sleep=off");
                // The wall clock is read until it stands still: it must not be the host's.
                self.words("-rtc base=2026-01-01T00:00:00,clock=vm");
            }
            Accel::Tcg => self.words("-accel tcg,thread=multi"),
            other => self.option("-accel", other.name()),
        }
    }

    fn exit_channel(&mut self, arch: Arch) {
        match arch {
            Arch::X86_64 => self.words(
                "-device isa-debugcon,iobase=0xe9,chardev=exit \
                 -device isa-debug-exit,iobase=0xf4,iosize=4",
            ),
            Arch::Aarch64 => self.words("-semihosting-config enable=on,target=native,chardev=exit"),
        }
    }

    fn media(&mut self, media: &Media, line: &str) {
        match media {
            Media::Kernel(kernel) => {
                self.option("-kernel", kernel);
                if !line.is_empty() {
                    self.option("-append", line);
                }
            }
            Media::Disk { disk, firmware } => {
                if let Some(firmware) = firmware {
                    let firmware = escaped(firmware);
                    self.option(
                        "-drive",
                        format!("if=pflash,format=raw,readonly=on,file={firmware}"),
                    );
                }
                // Several machines may run from one disk: nothing they write is kept.
                let disk = escaped(disk);
                self.option("-drive", format!("format=raw,snapshot=on,file={disk}"));
            }
        }
    }

    fn disks(&mut self, machine: &Machine) {
        if machine.disk_bus == Bus::Mmio && (machine.rng || !machine.disks.is_empty()) {
            // Otherwise these devices speak an older protocol.
            self.option("-global", "virtio-mmio.force-legacy=false");
        }
        for (number, disk) in machine.disks.iter().enumerate() {
            let file = escaped(&disk.file);
            let mut drive = format!("if=none,id=disk{number},format=raw,file={file}");
            if disk.read_only {
                drive.push_str(",readonly=on");
            }
            self.option("-drive", drive);
            self.virtio(machine, "virtio-blk", &format!(",drive=disk{number}"));
        }
    }

    fn virtio(&mut self, machine: &Machine, device: &str, more: &str) {
        let bus = match machine.disk_bus {
            Bus::Pci => "pci,disable-legacy=on",
            Bus::Mmio => "device",
        };
        self.option("-device", format!("{device}-{bus}{more}"));
    }
}

/// A comma separates QEMU's suboptions; two stand for one.
fn escaped(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}

/// How a boot method names itself in a message.
pub fn boot_name(boot: Boot) -> &'static str {
    match boot {
        Boot::Direct => "pvh",
        Boot::Bios => "bios",
        Boot::Uefi => "uefi",
    }
}

#[cfg(test)]
mod tests {
    use super::super::disks::Disk;
    use super::*;

    fn machine(arch: Arch) -> Machine {
        Machine {
            arch,
            smp: 2,
            mem: "512M".into(),
            boot: Boot::Direct,
            accel: Accel::Tcg,
            icount: false,
            gic: 2,
            gdb: None,
            disks: Vec::new(),
            disk_bus: Bus::Pci,
            rng: false,
        }
    }

    fn line(machine: &Machine, append: &str) -> String {
        let media = Media::Kernel("/t/hello".into());
        let args = arguments(machine, &media, append, &Channels::inside(Path::new("/tmp/a,b")));
        args.iter().map(|arg| arg.to_str().expect("text")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn x86_64_boots_by_pvh_and_ends_through_ports() {
        let line = line(&machine(Arch::X86_64), "seed=1");
        assert!(line.starts_with("-machine q35 -cpu max -accel tcg,thread=multi -smp 2 -m 512M"));
        assert!(line.contains("-chardev file,id=exit,path=/tmp/a,,b/exit -device isa-debugcon"));
        assert!(line.ends_with("-kernel /t/hello -append seed=1"));
    }

    #[test]
    fn aarch64_ends_through_semihosting() {
        let line = line(&machine(Arch::Aarch64), "");
        assert!(line.starts_with("-machine virt,gic-version=2 -cpu max "));
        assert!(line.contains("-semihosting-config enable=on,target=native,chardev=exit"));
        assert!(line.ends_with("-kernel /t/hello"));
    }

    #[test]
    fn counting_takes_one_thread_and_gdb_holds_the_start() {
        let machine = Machine { icount: true, gdb: Some(1234), ..machine(Arch::Aarch64) };
        let line = line(&machine, "");
        assert!(
            line.contains("-cpu max,cntfrq=1000000000 -accel tcg,thread=single -icount shift=0")
        );
        assert!(line.contains("-gdb tcp:127.0.0.1:1234 -S"));
    }

    #[test]
    fn disks_are_virtio_devices() {
        let disks = vec![Disk::parse("/t/a,b.img"), Disk::parse("c.img,ro")];
        let mut machine = Machine { disks, ..machine(Arch::Aarch64) };
        let pci = line(&machine, "");
        assert!(
            pci.contains("file=/t/a,,b.img -device virtio-blk-pci,disable-legacy=on,drive=disk0")
        );
        assert!(pci.ends_with(
            "file=c.img,readonly=on -device virtio-blk-pci,disable-legacy=on,drive=disk1"
        ));
        machine.rng = true;
        machine.disk_bus = Bus::Mmio;
        let mmio = line(&machine, "");
        assert!(mmio.contains("-global virtio-mmio.force-legacy=false -drive"));
        assert!(mmio.contains("-device virtio-blk-device,drive=disk0"));
        assert!(mmio.ends_with("-device virtio-rng-device"));
    }
}
