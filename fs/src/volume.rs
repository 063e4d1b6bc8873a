//! [`Volume`]: one mounted file system, whatever its format. Paths are relative to its root.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::device::{Device, Window};
use crate::error::{Kind, Result};
use crate::ext::Ext;
use crate::fat::Fat;
use crate::partition;

/// A mounted file system. One call at a time: callers bring the lock.
pub struct Volume<D: Device>(Format<D>);

enum Format<D: Device> {
    Fat(Box<Fat<D>>),
    Ext(Ext<D>),
}

/// An open file of one volume; good until it is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node(pub(crate) u64);

/// What is known of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Bytes.
    pub len: u64,
    /// Whether it is a folder.
    pub is_dir: bool,
}

/// One entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Without the path.
    pub name: String,
    /// Size and kind.
    pub meta: Meta,
}

/// What to do with a device that has nothing on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blank {
    /// Make an empty FAT volume of it: there is nothing to lose.
    Format,
    /// Say that there is nothing that is known.
    Refuse,
}

impl<D: Device> Volume<D> {
    /// Finds the file system: on the whole device, or on the first partition that has one.
    pub fn mount(device: D, blank: Blank) -> Result<Self, D::Error> {
        let whole = Window::whole(device);
        match Self::at(&whole) {
            Err(crate::Error::Fs(Kind::NotRecognised)) => {}
            found => return found,
        }
        for window in partition::windows(&whole)? {
            match Self::at(&window) {
                Err(crate::Error::Fs(Kind::NotRecognised)) => {}
                found => return found,
            }
        }
        if blank == Blank::Format && is_blank(&whole)? {
            return Fat::format(whole).map(Self::fat);
        }
        Err(Kind::NotRecognised.into())
    }

    fn at(window: &Window<D>) -> Result<Self, D::Error> {
        match Fat::mount(window.clone()) {
            Err(crate::Error::Fs(Kind::NotRecognised)) => {
                Ext::mount(window.clone()).map(Format::Ext).map(Self)
            }
            fat => fat.map(Self::fat),
        }
    }

    fn fat(fat: Fat<D>) -> Self {
        Self(Format::Fat(Box::new(fat)))
    }

    /// Opens a file that is there, for reading.
    pub fn open(&mut self, path: &str) -> Result<Node, D::Error> {
        match &mut self.0 {
            Format::Fat(fat) => fat.open(path),
            Format::Ext(ext) => ext.open(path),
        }
    }

    /// Opens a file that is there, for reading and writing.
    pub fn open_write(&mut self, path: &str) -> Result<Node, D::Error> {
        match &mut self.0 {
            Format::Fat(fat) => fat.open_write(path),
            Format::Ext(ext) => Err(ext.no_writes(path)),
        }
    }

    /// Makes a new, empty file and opens it for reading and writing.
    pub fn create_new(&mut self, path: &str) -> Result<Node, D::Error> {
        match &mut self.0 {
            Format::Fat(fat) => fat.create_new(path),
            Format::Ext(_) => Err(Kind::ReadOnly.into()),
        }
    }

    /// Ends the use of a node; what was held back of it is written.
    pub fn close(&mut self, node: Node) -> Result<(), D::Error> {
        match &mut self.0 {
            Format::Fat(fat) => fat.close(node),
            Format::Ext(ext) => {
                ext.close(node);
                Ok(())
            }
        }
    }

    /// Up to `buf.len()` bytes from `offset`: fewer only at the end, 0 behind it.
    pub fn read(&mut self, node: Node, offset: u64, buf: &mut [u8]) -> Result<usize, D::Error> {
        match &mut self.0 {
            Format::Fat(fat) => fat.read(node, offset, buf),
            Format::Ext(ext) => ext.read(node, offset, buf),
        }
    }

    /// All of `buf`, or the part that the format's largest file has room for. A gap reads as zeros.
    pub fn write(&mut self, node: Node, offset: u64, buf: &[u8]) -> Result<usize, D::Error> {
        match &mut self.0 {
            Format::Fat(fat) => fat.write(node, offset, buf),
            Format::Ext(_) => Err(Kind::ReadOnly.into()),
        }
    }

    /// Cuts or extends with zeros.
    pub fn set_len(&mut self, node: Node, len: u64) -> Result<(), D::Error> {
        match &mut self.0 {
            Format::Fat(fat) => fat.set_len(node, len),
            Format::Ext(_) => Err(Kind::ReadOnly.into()),
        }
    }

    /// Returns once the file is durable.
    pub fn sync_node(&mut self, node: Node) -> Result<(), D::Error> {
        match &mut self.0 {
            Format::Fat(fat) => fat.sync_node(node),
            Format::Ext(_) => Ok(()),
        }
    }

    /// Returns once everything is durable and the volume says of itself that it is whole.
    pub fn sync(&mut self) -> Result<(), D::Error> {
        match &mut self.0 {
            Format::Fat(fat) => fat.sync(),
            Format::Ext(_) => Ok(()),
        }
    }

    /// Size and kind of an open file.
    pub fn stat(&mut self, node: Node) -> Result<Meta, D::Error> {
        match &mut self.0 {
            Format::Fat(fat) => fat.stat(node),
            Format::Ext(ext) => ext.stat(node),
        }
    }

    /// Size and kind.
    pub fn metadata(&mut self, path: &str) -> Result<Meta, D::Error> {
        match &mut self.0 {
            Format::Fat(fat) => fat.metadata(path),
            Format::Ext(ext) => ext.metadata(path),
        }
    }

    /// The entries of a folder, in the order in which they lie.
    pub fn read_dir(&mut self, path: &str) -> Result<Vec<Entry>, D::Error> {
        match &mut self.0 {
            Format::Fat(fat) => fat.read_dir(path),
            Format::Ext(ext) => ext.read_dir(path),
        }
    }

    /// Makes a folder.
    pub fn create_dir(&mut self, path: &str) -> Result<(), D::Error> {
        match &mut self.0 {
            Format::Fat(fat) => fat.create_dir(path),
            Format::Ext(_) => Err(Kind::ReadOnly.into()),
        }
    }

    /// Removes a file that nobody has open.
    pub fn remove_file(&mut self, path: &str) -> Result<(), D::Error> {
        match &mut self.0 {
            Format::Fat(fat) => fat.remove_file(path),
            Format::Ext(_) => Err(Kind::ReadOnly.into()),
        }
    }

    /// Removes an empty folder.
    pub fn remove_dir(&mut self, path: &str) -> Result<(), D::Error> {
        match &mut self.0 {
            Format::Fat(fat) => fat.remove_dir(path),
            Format::Ext(_) => Err(Kind::ReadOnly.into()),
        }
    }

    /// Gives a file or a folder another name or place; a file at the new place is replaced.
    pub fn rename(&mut self, from: &str, to: &str) -> Result<(), D::Error> {
        match &mut self.0 {
            Format::Fat(fat) => fat.rename(from, to),
            Format::Ext(_) => Err(Kind::ReadOnly.into()),
        }
    }
}

/// As much as any format has its first words in.
const HEAD: u64 = 1 << 20;

fn is_blank<D: Device>(whole: &Window<D>) -> Result<bool, D::Error> {
    let mut chunk = alloc::vec![0; 16 << 10];
    let mut at = 0;
    while at < whole.len.min(HEAD) {
        let count = (whole.len - at).min(chunk.len() as u64) as usize;
        whole.device.read_at(&mut chunk[..count], at).map_err(crate::Error::Device)?;
        if chunk[..count].iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        at += count as u64;
    }
    Ok(true)
}
