//! [`File`] and [`OpenOptions`].

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::sync::Arc;

use burrow_fs::{Error as Cause, Kind, Node};

use super::Metadata;
use super::fault::{Naming, bad_descriptor, refused};
use super::mounts::{self, Mounted};
use crate::io::{Error, ErrorType, Read, Result, Seek, SeekFrom, Write};
use crate::sync::Mutex;

/// An open file; usable through `&self`. Dropping it closes it.
#[derive(Debug)]
pub struct File {
    volume: Arc<Mounted>,
    node: Node,
    /// As it was opened, for errors.
    path: String,
    options: OpenOptions,
    position: Mutex<u64>,
    /// Not yet closed.
    open: bool,
}

/// How a file is opened; methods are those of `std::fs::OpenOptions`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenOptions {
    read: bool,
    write: bool,
    append: bool,
    truncate: bool,
    create: bool,
    create_new: bool,
}

impl OpenOptions {
    /// Nothing is allowed yet.
    pub const fn new() -> Self {
        Self {
            read: false,
            write: false,
            append: false,
            truncate: false,
            create: false,
            create_new: false,
        }
    }

    /// May be read.
    pub fn read(&mut self, yes: bool) -> &mut Self {
        self.read = yes;
        self
    }

    /// May be written.
    pub fn write(&mut self, yes: bool) -> &mut Self {
        self.write = yes;
        self
    }

    /// May be written, and what goes through [`Write`] goes to the end.
    pub fn append(&mut self, yes: bool) -> &mut Self {
        self.append = yes;
        self
    }

    /// Becomes empty.
    pub fn truncate(&mut self, yes: bool) -> &mut Self {
        self.truncate = yes;
        self
    }

    /// Is made if need be.
    pub fn create(&mut self, yes: bool) -> &mut Self {
        self.create = yes;
        self
    }

    /// Is made; one that is there is an error.
    pub fn create_new(&mut self, yes: bool) -> &mut Self {
        self.create_new = yes;
        self
    }

    fn writes(&self) -> bool {
        self.write || self.append
    }

    /// Opens the file.
    pub fn open(&self, path: &str) -> Result<File> {
        let makes = self.create || self.create_new || self.truncate;
        if !(self.read || self.writes()) || (makes && !self.writes()) {
            return Err(refused("open", path, Kind::InvalidInput));
        }
        let found = mounts::find(path, "open")?;
        let node = found.with(|volume, inside| {
            if self.create_new {
                return volume.create_new(inside);
            }
            let there = if self.writes() { volume.open_write(inside) } else { volume.open(inside) };
            match there {
                Err(Cause::Fs(Kind::NotFound)) if self.create => volume.create_new(inside),
                Ok(node) if self.truncate => match volume.set_len(node, 0) {
                    Ok(()) => Ok(node),
                    Err(error) => {
                        // The first error is the one to tell.
                        let _ = volume.close(node);
                        Err(error)
                    }
                },
                there => there,
            }
        });
        Ok(File {
            node: node.named("open", path)?,
            volume: found.volume(),
            path: path.to_owned(),
            options: *self,
            position: Mutex::new(0),
            open: true,
        })
    }
}

impl File {
    /// Opens for reading.
    pub fn open(path: &str) -> Result<File> {
        OpenOptions::new().read(true).open(path)
    }

    /// Opens for writing, empty; made if need be. It may be read too.
    pub fn create(path: &str) -> Result<File> {
        OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)
    }

    /// Reads at an offset, without moving the position; 0 at the end.
    pub fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        if !self.options.read {
            return Err(bad_descriptor("read", &self.path));
        }
        self.volume.with(|volume| volume.read(self.node, offset, buf)).named("read", &self.path)
    }

    /// Writes at an offset, without moving the position: all, or as much as the largest file has
    /// room for. A gap before it reads as zeros.
    pub fn write_at(&self, buf: &[u8], offset: u64) -> Result<usize> {
        if !self.options.writes() {
            return Err(bad_descriptor("write", &self.path));
        }
        self.volume.with(|volume| volume.write(self.node, offset, buf)).named("write", &self.path)
    }

    /// Returns once everything written is durable.
    pub fn sync_all(&self) -> Result<()> {
        self.volume.with(|volume| volume.sync_node(self.node)).named("sync", &self.path)
    }

    /// Cuts or extends with zeros.
    pub fn set_len(&self, len: u64) -> Result<()> {
        if !self.options.writes() {
            return Err(bad_descriptor("truncate", &self.path));
        }
        self.volume.with(|volume| volume.set_len(self.node, len)).named("truncate", &self.path)
    }

    /// Size and kind.
    pub fn metadata(&self) -> Result<Metadata> {
        let meta = self.volume.with(|volume| volume.stat(self.node)).named("stat", &self.path)?;
        Ok(meta.into())
    }

    /// Closes it, and says what dropping it could not: whether its size was written.
    pub fn close(mut self) -> Result<()> {
        self.open = false;
        self.end().named("close", &self.path)
    }

    fn end(&self) -> burrow_fs::Result<(), Error> {
        self.volume.with(|volume| volume.close(self.node))
    }

    /// Reads at the position, which moves behind what was read.
    fn read_on(&self, buf: &mut [u8]) -> Result<usize> {
        let mut position = self.position.lock();
        let count = self.read_at(buf, *position)?;
        *position += count as u64;
        Ok(count)
    }

    /// Writes at the position, or at the end; the position moves behind what was written.
    fn write_on(&self, buf: &[u8]) -> Result<usize> {
        let mut position = self.position.lock();
        let (start, count) = if self.options.append {
            let written = self.volume.with(|volume| {
                let end = volume.stat(self.node)?.len;
                volume.write(self.node, end, buf).map(|count| (end, count))
            });
            written.named("write", &self.path)?
        } else {
            (*position, self.write_at(buf, *position)?)
        };
        *position = start + count as u64;
        Ok(count)
    }

    fn seek_to(&self, target: SeekFrom) -> Result<u64> {
        let mut position = self.position.lock();
        let (base, by) = match target {
            SeekFrom::Start(offset) => (offset, 0),
            SeekFrom::End(by) => (self.metadata()?.len, by),
            SeekFrom::Current(by) => (*position, by),
        };
        let moved = base.checked_add_signed(by);
        *position = moved.ok_or_else(|| refused("seek", &self.path, Kind::InvalidInput))?;
        Ok(*position)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        if self.open {
            // As in std: who wants to know closes or syncs it.
            let _ = self.end();
        }
    }
}

impl ErrorType for File {
    type Error = Error;
}

impl Read for File {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        self.read_on(buf)
    }
}

impl Write for File {
    fn write(&mut self, buf: &[u8]) -> Result<usize> {
        self.write_on(buf)
    }

    /// Nothing is held back from other readers; [`File::sync_all`] makes it durable.
    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Seek for File {
    fn seek(&mut self, target: SeekFrom) -> Result<u64> {
        self.seek_to(target)
    }
}

impl ErrorType for &File {
    type Error = Error;
}

impl Read for &File {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        self.read_on(buf)
    }
}

impl Write for &File {
    fn write(&mut self, buf: &[u8]) -> Result<usize> {
        self.write_on(buf)
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Seek for &File {
    fn seek(&mut self, target: SeekFrom) -> Result<u64> {
        self.seek_to(target)
    }
}
