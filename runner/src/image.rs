//! From what cargo linked to what boots: the symbols go in, and aarch64 gets its raw Image.
//!
//! The result lies beside cargo's ELF and is made again when that, or the runner itself, is newer.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use object::{Object, ObjectSymbol};

use crate::elf::{self, Sections};
use crate::failure::{Failure, Result};
use crate::machine::Arch;
use crate::symbols;
use crate::workspace::Workspace;

/// Makes (or finds) the file that QEMU loads for `elf`.
pub fn bootable(workspace: &Workspace, arch: Arch, elf: &Path) -> Result<PathBuf> {
    let suffix = match arch {
        Arch::X86_64 => "boot",
        Arch::Aarch64 => "img",
    };
    let out = elf.with_extension(suffix);
    if up_to_date(&out, elf) {
        return Ok(out);
    }
    let whole = with_symbols(workspace, elf, Sections::Drop)?;
    let bytes = match arch {
        Arch::X86_64 => whole,
        Arch::Aarch64 => elf::flatten(&whole)?,
    };
    store(&out, &bytes)?;
    Ok(out)
}

/// The ELF at `path` with its symbols as one more segment, where it says where it ends.
pub fn with_symbols(workspace: &Workspace, path: &Path, sections: Sections) -> Result<Vec<u8>> {
    let bytes = fs::read(path).map_err(|e| Failure::file("read", path, &e))?;
    let wrong = |what: &str| Failure::missing(format!("{}: {what}", path.display()));
    let file = object::File::parse(&*bytes).map_err(|e| wrong(&e.to_string()))?;
    let address = |name| file.symbol_by_name(name).map(|symbol| symbol.address());
    let (Some(base), Some(end)) = (address("__executable_start"), address("__end")) else {
        return Err(wrong("no Burrow image (it has no __executable_start and __end)"));
    };
    let roots = workspace.roots();
    let symbols = symbols::gather(&file, base, &roots).map_err(|e| wrong(&e.to_string()))?;
    let blob = symbols::blob::encode(&symbols);
    elf::with_segment(&bytes, &blob, end.next_multiple_of(4096), sections)
}

/// The CPU that the ELF at `path` is for.
pub fn arch_of(path: &Path) -> Result<Arch> {
    let bytes = fs::read(path).map_err(|e| Failure::file("read", path, &e))?;
    elf::segments(&bytes)
        .map_err(|e| Failure::usage(format!("{}: {}", path.display(), e.message)))?;
    match bytes[18] {
        62 => Ok(Arch::X86_64),
        183 => Ok(Arch::Aarch64),
        _ => {
            Err(Failure::usage(format!("{}: for a CPU that is not emulated here", path.display())))
        }
    }
}

/// Writes a file so that nobody ever sees half of it.
pub fn store(path: &Path, bytes: &[u8]) -> Result<()> {
    let partial = path.with_extension(format!("{}.partial", std::process::id()));
    fs::write(&partial, bytes)
        .and_then(|()| fs::rename(&partial, path))
        .map_err(|e| Failure::file("write", path, &e))
}

fn up_to_date(out: &Path, elf: &Path) -> bool {
    let runner = std::env::current_exe().ok().and_then(|path| modified(&path));
    match (modified(out), modified(elf), runner) {
        (Some(out), Some(elf), Some(runner)) => out > elf && out > runner,
        _ => false,
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|meta| meta.modified()).ok()
}
