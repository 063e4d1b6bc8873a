//! A hang seen from outside: where every core is, by frame pointers through its stack.
//!
//! Nothing of the image has to work for this. The addresses come from QEMU, the names from the
//! symbols inside the file that was booted. Then the image has its say: on x86_64 a non-maskable
//! interrupt, which it takes for fatal, makes it print all its goroutines.

use std::fmt::Write;
use std::io;
use std::path::Path;

use crate::machine::Arch;
use crate::qmp::Qmp;
use crate::symbols::blob::Blob;

/// Frames shown of one core.
const DEPTH: usize = 32;

/// One core as `info registers -a` shows it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Core {
    number: u32,
    pc: u64,
    frame: u64,
    /// Its caller, while the frame is not set up yet (aarch64's x30).
    link: Option<u64>,
    halted: bool,
}

/// Describes the machine behind `socket`; `booted` is the file it was started from.
pub fn describe(socket: &Path, booted: &Path, arch: Arch) -> String {
    let bytes = std::fs::read(booted).unwrap_or_default();
    let blob = find_blob(&bytes);
    inspect(socket, blob.as_ref(), arch)
        .unwrap_or_else(|e| format!("QEMU's monitor did not answer: {e}\n"))
}

fn inspect(socket: &Path, blob: Option<&Blob<'_>>, arch: Arch) -> io::Result<String> {
    let mut qmp = Qmp::connect(socket)?;
    qmp.stop()?;
    let cores = parse(&qmp.monitor("info registers -a")?);
    let mut text = String::new();
    for core in &cores {
        // Nothing is at address 0: nobody has started this core.
        let state = if core.pc == 0 {
            "never started"
        } else if core.halted {
            "halted"
        } else {
            "running"
        };
        let _ = writeln!(text, "core {}, {state}:", core.number);
        if core.pc == 0 {
            continue;
        }
        show(&mut text, core.pc, blob);
        // The monitor reads memory as the core that it is set to sees it.
        qmp.monitor(&format!("cpu {}", core.number))?;
        for caller in callers(&mut qmp, core)? {
            // A return address is behind its call: one less is inside it.
            show(&mut text, caller - 1, blob);
        }
    }
    if arch == Arch::X86_64 {
        qmp.prod()?;
    }
    Ok(text)
}

/// Return addresses up the chain of frame pointers.
fn callers(qmp: &mut Qmp, core: &Core) -> io::Result<Vec<u64>> {
    let mut callers: Vec<u64> = Vec::new();
    let mut frame = core.frame;
    while callers.len() < DEPTH && frame != 0 && frame.is_multiple_of(8) {
        let [next, address] = match words(&qmp.monitor(&format!("x/2gx {frame:#x}"))?)[..] {
            [next, address, ..] => [next, address],
            _ => break,
        };
        if address == 0 {
            break;
        }
        callers.push(address);
        // Stacks grow down: a chain that does not climb is no chain.
        if next <= frame {
            break;
        }
        frame = next;
    }
    // Functions have frames throughout; only hand-written entry code may have nothing but the link.
    if callers.is_empty() {
        callers.extend(core.link.filter(|&link| link != 0));
    }
    Ok(callers)
}

fn show(text: &mut String, address: u64, blob: Option<&Blob<'_>>) {
    let frames = blob.map(|blob| blob.frames(address)).unwrap_or_default();
    if frames.is_empty() {
        let _ = writeln!(text, "  {address:#018x}");
    }
    for frame in frames {
        let place =
            if frame.line == 0 { String::new() } else { format!(" {}:{}", frame.file, frame.line) };
        let _ = writeln!(text, "  {address:#018x} {}{place}", frame.func);
    }
}

/// The blob starts on a page of its own, in the ELF as in the raw Image.
fn find_blob(bytes: &[u8]) -> Option<Blob<'_>> {
    (0..bytes.len()).step_by(4096).rev().find_map(|at| Blob::new(&bytes[at..]))
}

fn parse(registers: &str) -> Vec<Core> {
    let mut cores: Vec<Core> = Vec::new();
    for line in registers.lines() {
        if let Some(number) = line.trim().strip_prefix("CPU#") {
            let number = number.parse().unwrap_or(cores.len() as u32);
            cores.push(Core { number, ..Core::default() });
        }
        let Some(core) = cores.last_mut() else { continue };
        if let Some(pc) = hex(line, "RIP=").or_else(|| hex(line, " PC=")) {
            core.pc = pc;
        }
        if let Some(frame) = hex(line, "RBP=").or_else(|| hex(line, "X29=")) {
            core.frame = frame;
        }
        core.link = core.link.or_else(|| hex(line, "X30="));
        core.halted |= line.contains("HLT=1");
    }
    cores
}

/// The hexadecimal number behind `name` in `line`.
fn hex(line: &str, name: &str) -> Option<u64> {
    let (_, rest) = line.split_once(name)?;
    let digits = rest.split(|c: char| !c.is_ascii_hexdigit()).next()?;
    u64::from_str_radix(digits, 16).ok()
}

/// The words of a line such as `ffff800000001000: 0x0000000000000001 0x0000000000000002`.
fn words(text: &str) -> Vec<u64> {
    let words = text.split_whitespace().filter_map(|word| word.strip_prefix("0x"));
    words.filter_map(|digits| u64::from_str_radix(digits, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_of_x86_64() {
        let text = "\nCPU#0\nRAX=0 RBX=1\nRSI=0 RDI=0 RBP=ffffa00000000f80 RSP=ffffa00000000f00\n\
                    R12=0\nRIP=ffffffff80101234 RFL=00000046 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1\n\
                    \nCPU#1\nRIP=000000000000fff0 RFL=2 HLT=0\n";
        let cores = parse(text);
        assert_eq!(cores.len(), 2);
        assert_eq!((cores[0].pc, cores[0].frame), (0xffff_ffff_8010_1234, 0xffff_a000_0000_0f80));
        assert!(cores[0].halted && !cores[1].halted);
        assert_eq!((cores[1].number, cores[1].pc), (1, 0xfff0));
    }

    #[test]
    fn registers_of_aarch64() {
        let text = "\nCPU#0\n PC=ffffffff80001000 X00=0000000000000001 X01=2\n\
                    X28=0 X29=ffffa00000000f80 X30=ffffffff80002000  SP=ffffa00000000f80\n";
        let core = &parse(text)[0];
        assert_eq!((core.pc, core.frame), (0xffff_ffff_8000_1000, 0xffff_a000_0000_0f80));
        assert_eq!(core.link, Some(0xffff_ffff_8000_2000));
    }

    #[test]
    fn memory_words() {
        assert_eq!(
            words("ffff8000: 0x0000000000000001 0xffffffff80000000\n"),
            [1, 0xffff_ffff_8000_0000]
        );
        assert!(words("Cannot access memory\n").is_empty());
    }
}
