//! [`Fat`]: FAT12, FAT16 and FAT32 with long names, by `hadris-fat`.
//!
//! That driver knows nodes and blocks; here are paths, the device, and errors by our names. It
//! keeps the size of an open file to itself until the file is closed or synced, and orders what it
//! writes so that the disk can be read whenever the power goes.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::marker::PhantomData;
use core::sync::atomic::{AtomicBool, Ordering};

use hadris_fat::sync::{FatFs, format};
use hadris_fat::{CacheOptions, FatOptions};
use hadris_fs::{
    Clock, DateTime, DirCursor, ErrorKind, MountOptions, Name, NodeId, OpenMode, RenameMode,
    Resolve, SetAttr,
};
use hadris_io::ErrorType;
use hadris_storage::sync::BlockDevice;
use hadris_storage::{BlockIndex, BlockSize};

use crate::device::{Device, Window};
use crate::error::{Error, Kind, Result};
use crate::volume::{Entry, Meta, Node};

/// Blocks of tables and folders kept in memory.
const CACHED_BLOCKS: usize = 32;
/// Places in long files kept in memory, so that reading backwards is not quadratic.
const CACHED_PLACES: usize = 64;
/// Names of the folder used last kept in memory.
const CACHED_NAMES: usize = 64;
/// Entries of one folder: the format's limit is 65,536, and a damaged one may go on for ever.
const MOST_ENTRIES: usize = 1 << 16;

/// A mounted volume.
pub(crate) struct Fat<D: Device> {
    fs: FatFs<Blocks<D>>,
    /// Whether the device has taken a write.
    written: Arc<AtomicBool>,
}

type Theirs<E> = hadris_fs::Error<E>;

impl<D: Device> Fat<D> {
    pub fn mount(window: Window<D>) -> Result<Self, D::Error> {
        let options = MountOptions::new().with_clock(const { &Now::<D>(PhantomData) });
        let written = Arc::new(AtomicBool::new(false));
        let blocks = Blocks { window, written: written.clone() };
        let fs = FatFs::mount(blocks, options).map_err(|e| ours::<D>(e.into_error()))?;
        let cache = CacheOptions::new()
            .with_blocks(CACHED_BLOCKS)
            .with_chain_positions(CACHED_PLACES)
            .with_directory_entries(CACHED_NAMES);
        Ok(Self { fs: fs.with_cache(cache), written })
    }

    /// Makes an empty volume and mounts it.
    pub fn format(window: Window<D>) -> Result<Self, D::Error> {
        let now = Now::<D>(PhantomData).now();
        let options = FatOptions::new().with_time(now).with_seed(D::now());
        let mut blocks = Blocks { window: window.clone(), written: Arc::default() };
        format(&mut blocks, &options).map_err(ours::<D>)?;
        Self::mount(window)
    }

    pub fn open(&mut self, path: &str) -> Result<Node, D::Error> {
        let node = self.resolve(path)?;
        self.opened(node, OpenMode::Read)
    }

    pub fn open_write(&mut self, path: &str) -> Result<Node, D::Error> {
        let node = self.resolve(path)?;
        self.opened(node, OpenMode::Write)
    }

    pub fn create_new(&mut self, path: &str) -> Result<Node, D::Error> {
        let made =
            self.in_folder(path, |fs, folder, name| fs.create(folder, name, &SetAttr::new()))?;
        self.opened(made, OpenMode::Write)
    }

    fn opened(&mut self, node: NodeId, mode: OpenMode) -> Result<Node, D::Error> {
        match self.fs.open(node, mode) {
            Ok(()) => Ok(Node(node.get())),
            Err(error) => {
                self.fs.forget(node, 1);
                Err(ours::<D>(error))
            }
        }
    }

    pub fn close(&mut self, node: Node) -> Result<(), D::Error> {
        let node = theirs(node)?;
        let closed = self.fs.close(node).map_err(ours::<D>);
        self.fs.forget(node, 1);
        closed
    }

    pub fn read(&mut self, node: Node, offset: u64, buf: &mut [u8]) -> Result<usize, D::Error> {
        self.fs.read(theirs(node)?, offset, buf).map_err(ours::<D>)
    }

    pub fn write(&mut self, node: Node, offset: u64, buf: &[u8]) -> Result<usize, D::Error> {
        self.fs.write(theirs(node)?, offset, buf).map_err(ours::<D>)
    }

    pub fn set_len(&mut self, node: Node, len: u64) -> Result<(), D::Error> {
        self.fs.truncate(theirs(node)?, len).map_err(ours::<D>)
    }

    pub fn sync_node(&mut self, node: Node) -> Result<(), D::Error> {
        self.fs.fsync(theirs(node)?).map_err(ours::<D>)
    }

    pub fn sync(&mut self) -> Result<(), D::Error> {
        match self.fs.sync().map_err(ours::<D>) {
            // A disk that has refused every write has lost nothing.
            Err(Error::Fs(Kind::ReadOnly)) if !self.written.load(Ordering::Relaxed) => Ok(()),
            synced => synced,
        }
    }

    pub fn stat(&mut self, node: Node) -> Result<Meta, D::Error> {
        self.fs.stat(theirs(node)?).map(|meta| known(&meta)).map_err(ours::<D>)
    }

    pub fn metadata(&mut self, path: &str) -> Result<Meta, D::Error> {
        let node = self.resolve(path)?;
        let meta = self.fs.stat(node).map(|meta| known(&meta)).map_err(ours::<D>);
        self.fs.forget(node, 1);
        meta
    }

    pub fn read_dir(&mut self, path: &str) -> Result<Vec<Entry>, D::Error> {
        let folder = self.resolve(path)?;
        let listed = self.list(folder).map_err(ours::<D>);
        self.fs.forget(folder, 1);
        listed
    }

    fn list(&mut self, folder: NodeId) -> core::result::Result<Vec<Entry>, Theirs<D::Error>> {
        let mut entries = Vec::new();
        let mut cursor = DirCursor::START;
        while let Some(entry) = self.fs.readdir(folder, cursor)? {
            if entries.len() == MOST_ENTRIES {
                return Err(ErrorKind::Corrupt.into());
            }
            let name = String::from_utf8_lossy(entry.name().as_bytes()).into_owned();
            entries.push(Entry { name, meta: known(entry.metadata()) });
            cursor = entry.next_cursor();
        }
        Ok(entries)
    }

    pub fn create_dir(&mut self, path: &str) -> Result<(), D::Error> {
        let made =
            self.in_folder(path, |fs, folder, name| fs.mkdir(folder, name, &SetAttr::new()))?;
        self.fs.forget(made, 1);
        Ok(())
    }

    pub fn remove_file(&mut self, path: &str) -> Result<(), D::Error> {
        self.in_folder(path, |fs, folder, name| fs.unlink(folder, name))
    }

    pub fn remove_dir(&mut self, path: &str) -> Result<(), D::Error> {
        self.in_folder(path, |fs, folder, name| fs.rmdir(folder, name))
    }

    pub fn rename(&mut self, from: &str, to: &str) -> Result<(), D::Error> {
        let (to_folder, to_name) = split(to)?;
        let to_folder = self.resolve(to_folder)?;
        let to_name = Name::new(to_name);
        let renamed = self.in_folder(from, |fs, folder, name| {
            fs.rename(folder, name, to_folder, to_name, RenameMode::Replace)
        });
        self.fs.forget(to_folder, 1);
        renamed
    }

    /// The node of a path, pinned.
    fn resolve(&mut self, path: &str) -> Result<NodeId, D::Error> {
        self.fs.resolve(path.as_bytes(), Resolve::Lexical).map_err(ours::<D>)
    }

    /// Calls `act` with the folder that `path` is in, and the last name of it.
    fn in_folder<T>(
        &mut self,
        path: &str,
        act: impl FnOnce(
            &mut FatFs<Blocks<D>>,
            NodeId,
            &Name,
        ) -> core::result::Result<T, Theirs<D::Error>>,
    ) -> Result<T, D::Error> {
        let (folder, name) = split(path)?;
        let folder = self.resolve(folder)?;
        let done = act(&mut self.fs, folder, Name::new(name)).map_err(ours::<D>);
        self.fs.forget(folder, 1);
        done
    }
}

/// `/a/b` is `b` in `/a`. The root is in no folder.
fn split<E>(path: &str) -> Result<(&str, &str), E> {
    match path.trim_end_matches('/').rsplit_once('/') {
        Some((folder, name)) => Ok((if folder.is_empty() { "/" } else { folder }, name)),
        None => Err(Kind::IsADirectory.into()),
    }
}

fn known(meta: &hadris_fs::Metadata) -> Meta {
    Meta { len: meta.len(), is_dir: meta.file_type().is_dir() }
}

fn theirs<E>(node: Node) -> Result<NodeId, E> {
    NodeId::new(node.0).ok_or(Error::Fs(Kind::Closed))
}

fn ours<D: Device>(error: Theirs<D::Error>) -> Error<D::Error> {
    let kind = match error.kind() {
        ErrorKind::NotRecognized => Kind::NotRecognised,
        ErrorKind::NotFound => Kind::NotFound,
        ErrorKind::AlreadyExists => Kind::AlreadyExists,
        ErrorKind::NotADirectory => Kind::NotADirectory,
        ErrorKind::IsADirectory => Kind::IsADirectory,
        ErrorKind::DirectoryNotEmpty => Kind::NotEmpty,
        ErrorKind::NoSpace => Kind::NoSpace,
        ErrorKind::ReadOnly => Kind::ReadOnly,
        ErrorKind::InvalidInput | ErrorKind::LimitExceeded => Kind::InvalidInput,
        ErrorKind::Unsupported => Kind::Unsupported,
        ErrorKind::NameTooLong => Kind::NameTooLong,
        ErrorKind::FileTooLarge => Kind::FileTooLarge,
        ErrorKind::Symlink => Kind::Links,
        ErrorKind::InvalidHandle => Kind::Closed,
        ErrorKind::Busy => Kind::Busy,
        _ => Kind::Corrupt,
    };
    match error.into_device_error() {
        Some(error) if !D::is_read_only(&error) => Error::Device(error),
        Some(_) => Error::Fs(Kind::ReadOnly),
        None => Error::Fs(kind),
    }
}

/// The device's clock, to the driver.
struct Now<D>(PhantomData<fn() -> D>);

impl<D: Device> Clock for Now<D> {
    fn now(&self) -> DateTime {
        let seconds = i64::try_from(D::now()).unwrap_or(i64::MAX);
        DateTime::from_unix_seconds(seconds).unwrap_or(hadris_fs::NoClock::TIME)
    }
}

/// The device, to the driver.
struct Blocks<D> {
    window: Window<D>,
    written: Arc<AtomicBool>,
}

/// The largest unit that the driver takes.
const MAX_BLOCK: usize = 4096;

impl<D: Device> Blocks<D> {
    fn offset(&self, first: BlockIndex, len: usize) -> core::result::Result<u64, Theirs<D::Error>> {
        let offset = first.get().checked_mul(self.block_size().get().into());
        let offset = offset.filter(|&offset| self.window.has(offset, len));
        let outside = || Theirs::new(ErrorKind::Corrupt, "a block behind the end of the device");
        offset.map(|offset| self.window.start + offset).ok_or_else(outside)
    }
}

impl<D: Device> ErrorType for Blocks<D> {
    type Error = D::Error;
}

impl<D: Device> BlockDevice for Blocks<D> {
    /// A device with other units takes ours too, at the price of a copy.
    fn block_size(&self) -> BlockSize {
        let size = self.window.device.block_size();
        let fits = size.is_power_of_two()
            && (512..=MAX_BLOCK).contains(&size)
            && self.window.start.is_multiple_of(size as u64);
        BlockSize::new(if fits { size as u32 } else { 512 }).expect("not zero")
    }

    fn block_count(&self) -> u64 {
        self.window.len / u64::from(self.block_size().get())
    }

    /// What is written to a device that takes nothing says so when it is.
    fn writable(&self) -> bool {
        true
    }

    fn read_blocks(
        &mut self,
        first: BlockIndex,
        buf: &mut [u8],
    ) -> core::result::Result<(), Theirs<D::Error>> {
        let offset = self.offset(first, buf.len())?;
        self.window.device.read_at(buf, offset).map_err(failed::<D>)
    }

    fn write_blocks(
        &mut self,
        first: BlockIndex,
        buf: &[u8],
    ) -> core::result::Result<(), Theirs<D::Error>> {
        let offset = self.offset(first, buf.len())?;
        self.window.device.write_at(buf, offset).map_err(failed::<D>)?;
        self.written.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn flush(&mut self) -> core::result::Result<(), Theirs<D::Error>> {
        self.window.device.flush().map_err(failed::<D>)
    }
}

/// A device that takes no writes makes the volume read-only; any other failure is its own.
fn failed<D: Device>(error: D::Error) -> Theirs<D::Error> {
    let read_only = D::is_read_only(&error);
    let error = Theirs::device(error, "the device failed");
    if read_only { error.with_kind(ErrorKind::ReadOnly) } else { error }
}
