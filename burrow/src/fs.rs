//! Files on a disk. Paths are absolute, separated by `/`; a file system is mounted at a folder.
//!
//! FAT12, FAT16 and FAT32 with long names are read and written, ext2 to ext4 are read; the work is
//! done by `burrow-fs`, one call at a time on each volume. Errors say what was being done, to what,
//! and why, as Go's `os` does: `open /a: no such file or directory`.
//!
//! When the program ends by main's return or by [`exit`](crate::runtime::exit), what is still held
//! back is written. Any other end may lose what was not synced, and nothing else.
//!
//! Differs from Go: a file that is open cannot be removed (`device or resource busy`); names keep
//! their case and are found whatever their case (FAT).

mod fault;
mod file;
mod media;
mod mounts;

use alloc::string::String;
use alloc::vec::Vec;

use burrow_fs::Meta;

use crate::io::Result;

use fault::Naming;
pub use file::{File, OpenOptions};
pub use mounts::{mount, unmount};

/// What is known of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    /// Size in bytes.
    pub len: u64,
    /// Whether it is a folder.
    pub is_dir: bool,
}

impl From<Meta> for Metadata {
    fn from(meta: Meta) -> Self {
        Self { len: meta.len, is_dir: meta.is_dir }
    }
}

/// One entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DirEntry {
    /// Its name, without the path.
    pub name: String,
    /// Size and kind.
    pub metadata: Metadata,
}

/// The whole file.
pub fn read(path: &str) -> Result<Vec<u8>> {
    let file = File::open(path)?;
    let len = usize::try_from(file.metadata()?.len).unwrap_or(usize::MAX);
    let mut contents = Vec::new();
    contents.try_reserve_exact(len).map_err(|_| fault::too_large("read", path))?;
    contents.resize(len, 0);
    let mut done = 0;
    while done < contents.len() {
        match file.read_at(&mut contents[done..], done as u64)? {
            0 => break,
            count => done += count,
        }
    }
    contents.truncate(done);
    Ok(contents)
}

/// The whole file; `InvalidData` if it is not UTF-8.
pub fn read_to_string(path: &str) -> Result<String> {
    String::from_utf8(read(path)?).map_err(|_| fault::not_utf8(path))
}

/// Makes or replaces the file.
pub fn write(path: &str, contents: impl AsRef<[u8]>) -> Result<()> {
    let file = File::create(path)?;
    let contents = contents.as_ref();
    match file.write_at(contents, 0)? {
        count if count < contents.len() => Err(fault::too_large("write", path)),
        _ => file.close(),
    }
}

/// The entries of a folder, in the order in which they lie on the disk.
pub fn read_dir(path: &str) -> Result<Vec<DirEntry>> {
    let entries = mounts::with(path, "open", |volume, inside| volume.read_dir(inside))?;
    let entry = |e: burrow_fs::Entry| DirEntry { name: e.name, metadata: e.meta.into() };
    Ok(entries.into_iter().map(entry).collect())
}

/// Size and kind.
pub fn metadata(path: &str) -> Result<Metadata> {
    mounts::with(path, "stat", |volume, inside| volume.metadata(inside)).map(Metadata::from)
}

/// Makes a folder.
pub fn create_dir(path: &str) -> Result<()> {
    mounts::with(path, "mkdir", |volume, inside| volume.create_dir(inside))
}

/// Removes a file.
pub fn remove_file(path: &str) -> Result<()> {
    mounts::with(path, "remove", |volume, inside| volume.remove_file(inside))
}

/// Removes an empty folder.
pub fn remove_dir(path: &str) -> Result<()> {
    mounts::with(path, "remove", |volume, inside| volume.remove_dir(inside))
}

/// Gives a file or a folder another name or place on the same disk; a file there is replaced.
pub fn rename(from: &str, to: &str) -> Result<()> {
    let target = mounts::find(to, "rename")?;
    let source = mounts::find(from, "rename")?;
    if !source.is_with(&target) {
        return Err(fault::cross_device(from, to));
    }
    source.with(|volume, inside| volume.rename(inside, target.inside())).named("rename", from)
}
