//! [`Ram`], the disk under test, and what another implementation makes and reads of it.

use std::boxed::Box;
use std::io::{Cursor, Read, Write};
use std::string::String;
use std::sync::{Arc, Mutex};
use std::vec::Vec;
use std::{fmt, vec};

use fatfs::{FatType, FileSystem, FormatVolumeOptions, FsOptions};

use crate::{Blank, Device, Volume};

/// Clones are the same disk.
#[derive(Clone)]
pub struct Ram(Arc<Mutex<State>>);

struct State {
    bytes: Vec<u8>,
    /// Unit of transfers.
    block: usize,
    /// What is left of calls before the disk fails.
    calls: usize,
    /// What is left of writes before the disk fails.
    writes: usize,
    read_only: bool,
}

/// What this disk says.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    ReadOnly,
    Dead,
    /// A test that gives the disk a number of calls finds that they were not enough.
    Tired,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl core::error::Error for Fault {}

impl Ram {
    pub fn new(bytes: Vec<u8>) -> Self {
        let state =
            State { bytes, block: 512, calls: usize::MAX, writes: usize::MAX, read_only: false };
        Self(Arc::new(Mutex::new(state)))
    }

    pub fn blank(size: usize) -> Self {
        Self::new(vec![0; size])
    }

    /// A volume by the other implementation.
    pub fn formatted(kind: FatType, size: usize) -> Self {
        let mut bytes = vec![0; size];
        let options = FormatVolumeOptions::new().fat_type(kind);
        let options = if kind == FatType::Fat32 { options.bytes_per_cluster(512) } else { options };
        fatfs::format_volume(Cursor::new(&mut bytes[..]), options).unwrap();
        Self::new(bytes)
    }

    pub fn with_block(self, size: usize) -> Self {
        self.0.lock().unwrap().block = size;
        self
    }

    pub fn read_only(self) -> Self {
        self.0.lock().unwrap().read_only = true;
        self
    }

    pub fn dies_after_writes(&self, writes: usize) {
        self.0.lock().unwrap().writes = writes;
    }

    pub fn tires_after(self, calls: usize) -> Self {
        self.0.lock().unwrap().calls = calls;
        self
    }

    pub fn is_tired(&self) -> bool {
        self.0.lock().unwrap().calls == 0
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().bytes.clone()
    }

    pub fn mount(&self) -> Volume<Ram> {
        Volume::mount(self.clone(), Blank::Format).unwrap()
    }

    /// Writes a file by the other implementation.
    pub fn put(&self, path: &str, contents: &[u8]) {
        let mut state = self.0.lock().unwrap();
        let volume = FileSystem::new(Cursor::new(&mut state.bytes[..]), FsOptions::new()).unwrap();
        for (end, _) in path.match_indices('/') {
            volume.root_dir().create_dir(&path[..end]).unwrap();
        }
        let mut file = volume.root_dir().create_file(path).unwrap();
        file.truncate().unwrap();
        file.write_all(contents).unwrap();
    }

    /// Reads a file by the other implementation.
    pub fn get(&self, path: &str) -> Option<Vec<u8>> {
        let mut bytes = self.bytes();
        let volume = FileSystem::new(Cursor::new(&mut bytes[..]), FsOptions::new()).unwrap();
        let mut contents = Vec::new();
        volume.root_dir().open_file(path).ok()?.read_to_end(&mut contents).unwrap();
        Some(contents)
    }

    /// All names of a folder by the other implementation.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let mut bytes = self.bytes();
        let volume = FileSystem::new(Cursor::new(&mut bytes[..]), FsOptions::new()).unwrap();
        let root = volume.root_dir();
        let folder = if folder.is_empty() { root } else { root.open_dir(folder).unwrap() };
        let names = folder.iter().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name != "." && name != "..").collect()
    }
}

impl State {
    fn range(&self, offset: u64, len: usize) -> std::ops::Range<usize> {
        let start = usize::try_from(offset).unwrap();
        assert!(start + len <= self.bytes.len(), "beyond the end: {offset} + {len}");
        assert!(start.is_multiple_of(512) || len == 2, "an odd place: {offset}");
        start..start + len
    }

    fn called(&mut self) -> Result<(), Fault> {
        self.calls = self.calls.saturating_sub(1);
        if self.calls == 0 { Err(Fault::Tired) } else { Ok(()) }
    }
}

impl Device for Ram {
    type Error = Fault;

    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<(), Fault> {
        let mut state = self.0.lock().unwrap();
        state.called()?;
        if state.writes == 0 {
            return Err(Fault::Dead);
        }
        let end = usize::try_from(offset).unwrap() + buf.len();
        assert!(end <= state.bytes.len(), "beyond the end: {end}");
        buf.copy_from_slice(&state.bytes[end - buf.len()..end]);
        Ok(())
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> Result<(), Fault> {
        let mut state = self.0.lock().unwrap();
        state.called()?;
        if state.read_only {
            return Err(Fault::ReadOnly);
        }
        state.writes = state.writes.saturating_sub(1);
        if state.writes == 0 {
            return Err(Fault::Dead);
        }
        let range = state.range(offset, buf.len());
        state.bytes[range].copy_from_slice(buf);
        Ok(())
    }

    fn flush(&self) -> Result<(), Fault> {
        let state = self.0.lock().unwrap();
        if state.writes == 0 { Err(Fault::Dead) } else { Ok(()) }
    }

    fn size(&self) -> u64 {
        self.0.lock().unwrap().bytes.len() as u64
    }

    fn block_size(&self) -> usize {
        self.0.lock().unwrap().block
    }

    fn is_read_only(error: &Fault) -> bool {
        *error == Fault::ReadOnly
    }

    /// Some day of 2026.
    fn now() -> u64 {
        1_790_000_000
    }
}

/// The whole file.
pub fn read(volume: &mut Volume<Ram>, path: &str) -> crate::Result<Vec<u8>, Fault> {
    let node = volume.open(path)?;
    let mut contents = Vec::new();
    let mut chunk = Box::new([0; 4096]);
    let read = loop {
        match volume.read(node, contents.len() as u64, &mut chunk[..]) {
            Ok(0) => break Ok(contents),
            Ok(count) => contents.extend(&chunk[..count]),
            Err(error) => break Err(error),
        }
    };
    volume.close(node)?;
    read
}

/// Makes or replaces the file.
pub fn write(volume: &mut Volume<Ram>, path: &str, contents: &[u8]) -> crate::Result<(), Fault> {
    let node = match volume.open_write(path) {
        Err(crate::Error::Fs(crate::Kind::NotFound)) => volume.create_new(path)?,
        node => node?,
    };
    let written = volume.set_len(node, 0).and_then(|()| volume.write(node, 0, contents));
    let closed = volume.close(node);
    written?;
    closed
}

/// Numbers without end from one.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 16) as usize % bound
    }
}
