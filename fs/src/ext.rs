//! [`Ext`]: ext2, ext3 and ext4, read only, by `ext4-view`.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use ext4_view::{Ext4, Ext4Error, Ext4Read, File, Metadata, Path};

use crate::device::{Device, Window};
use crate::error::{Error, Kind, Result};
use crate::volume::{Entry, Meta, Node};

/// A mounted volume and its open files.
pub(crate) struct Ext<D> {
    fs: Ext4,
    /// By node.
    open: BTreeMap<u64, File>,
    next: u64,
    _device: core::marker::PhantomData<fn() -> D>,
}

// SAFETY: (1) the library shares the volume's state between its own values by counts that are not
// atomic; all of them are in here and never handed out, so they go to another thread together;
// (2) the reader inside is a `Window<D>`, and a `Device` is `Send`.
unsafe impl<D: Device> Send for Ext<D> {}

impl<D: Device> Ext<D> {
    pub fn mount(window: Window<D>) -> Result<Self, D::Error> {
        // The library's error for a device that is no such volume is the one for a damaged volume.
        if !has_magic(&window)? {
            return Err(Kind::NotRecognised.into());
        }
        let fs = Ext4::load(Box::new(Reader(window))).map_err(ours::<D>)?;
        Ok(Self { fs, open: BTreeMap::new(), next: 1, _device: core::marker::PhantomData })
    }

    pub fn open(&mut self, path: &str) -> Result<Node, D::Error> {
        let file = self.fs.open(place(path)?).map_err(ours::<D>)?;
        let node = self.next;
        self.next += 1;
        self.open.insert(node, file);
        Ok(Node(node))
    }

    pub fn close(&mut self, node: Node) {
        self.open.remove(&node.0);
    }

    pub fn read(&mut self, node: Node, offset: u64, buf: &mut [u8]) -> Result<usize, D::Error> {
        let file = self.open.get_mut(&node.0).ok_or(Error::Fs(Kind::Closed))?;
        if offset >= file.metadata().len() {
            return Ok(0);
        }
        file.seek_to(offset).map_err(ours::<D>)?;
        let mut done = 0;
        while done < buf.len() {
            match file.read_bytes(&mut buf[done..]).map_err(ours::<D>)? {
                0 => break,
                count => done += count,
            }
        }
        Ok(done)
    }

    pub fn stat(&mut self, node: Node) -> Result<Meta, D::Error> {
        let file = self.open.get(&node.0).ok_or(Error::Fs(Kind::Closed))?;
        Ok(known(file.metadata()))
    }

    pub fn metadata(&mut self, path: &str) -> Result<Meta, D::Error> {
        self.fs.metadata(place(path)?).map(|meta| known(&meta)).map_err(ours::<D>)
    }

    pub fn read_dir(&mut self, path: &str) -> Result<Vec<Entry>, D::Error> {
        let mut entries = Vec::new();
        for entry in self.fs.read_dir(place(path)?).map_err(ours::<D>)? {
            let entry = entry.map_err(ours::<D>)?;
            let name = String::from_utf8_lossy(entry.file_name().as_ref()).into_owned();
            if name != "." && name != ".." {
                let meta = known(&entry.metadata().map_err(ours::<D>)?);
                entries.push(Entry { name, meta });
            }
        }
        Ok(entries)
    }

    /// Why a file cannot be opened for writing: it is not there, or nothing here can be written.
    pub fn no_writes(&mut self, path: &str) -> Error<D::Error> {
        self.metadata(path).err().unwrap_or(Error::Fs(Kind::ReadOnly))
    }
}

/// The first block of the volume begins here, its magic is in the middle of it.
const MAGIC_AT: u64 = 1024 + 56;
const MAGIC: [u8; 2] = [0x53, 0xef];

fn has_magic<D: Device>(window: &Window<D>) -> Result<bool, D::Error> {
    let mut magic = [0; 2];
    if !window.has(MAGIC_AT, magic.len()) {
        return Ok(false);
    }
    window.device.read_at(&mut magic, window.start + MAGIC_AT).map_err(Error::Device)?;
    Ok(magic == MAGIC)
}

fn place<E>(path: &str) -> Result<Path<'_>, E> {
    Path::try_from(path).map_err(|_| Error::Fs(Kind::InvalidInput))
}

fn known(meta: &Metadata) -> Meta {
    Meta { len: if meta.is_dir() { 0 } else { meta.len() }, is_dir: meta.is_dir() }
}

fn ours<D: Device>(error: Ext4Error) -> Error<D::Error> {
    Error::Fs(match error {
        Ext4Error::Io(error) => match error.downcast::<D::Error>() {
            Ok(error) => return Error::Device(*error),
            Err(_) => Kind::Corrupt,
        },
        Ext4Error::NotFound => Kind::NotFound,
        Ext4Error::IsADirectory => Kind::IsADirectory,
        Ext4Error::NotADirectory => Kind::NotADirectory,
        Ext4Error::TooManySymlinks => Kind::Links,
        Ext4Error::PathTooLong => Kind::NameTooLong,
        Ext4Error::NotAbsolute | Ext4Error::MalformedPath => Kind::InvalidInput,
        Ext4Error::IsASpecialFile | Ext4Error::Encrypted | Ext4Error::Incompatible(_) => {
            Kind::Unsupported
        }
        _ => Kind::Corrupt,
    })
}

/// The device, to the library.
struct Reader<D>(Window<D>);

impl<D: Device> Ext4Read for Reader<D> {
    fn read(
        &mut self,
        start: u64,
        buf: &mut [u8],
    ) -> core::result::Result<(), Box<dyn core::error::Error + Send + Sync>> {
        if !self.0.has(start, buf.len()) {
            return Err("a block behind the end of the device".into());
        }
        Ok(self.0.device.read_at(buf, self.0.start + start)?)
    }
}
