//! Offsets and lengths that are no multiples of the disk's block: they cost a copy.
//!
//! A block of which only a part is written must be read first and written back whole. Meanwhile
//! nobody else may write it, or that would be undone: those writes exclude all others.

use alloc::vec;
use core::ops::Range;

use burrow_kernel::g::{self, Status};
use burrow_kernel::sync::rwmutex::RawRwMutex;
use burrow_kernel::sync::sema::Sema;

use super::request::Operation;
use super::{Disk, Error};

/// Who writes blocks whole, and who writes a part of one.
pub struct Sectors(RawRwMutex<Sema>);

impl Sectors {
    /// Nobody.
    pub const fn new() -> Self {
        Self(RawRwMutex::new(Sema::new(), Sema::new(), Sema::new()))
    }

    /// Runs `f` while nobody writes a part of a block.
    fn whole<R>(&self, f: impl FnOnce() -> R) -> R {
        match in_thread() {
            true => retry(|| self.0.try_read()),
            false => self.0.read(),
        }
        let result = f();
        self.0.unlock_read();
        result
    }

    /// Runs `f` while nobody else writes.
    fn part<R>(&self, f: impl FnOnce() -> R) -> R {
        match in_thread() {
            true => retry(|| self.0.try_write()),
            false => self.0.write(),
        }
        let result = f();
        self.0.unlock_write();
        result
    }
}

/// Whether this is a kernel thread inside `runtime::blocking`, which may not park.
fn in_thread() -> bool {
    g::current().status() == Status::Syscall
}

/// A thread that may not park lets the other threads of its core run until it succeeds.
fn retry(mut attempt: impl FnMut() -> bool) {
    while !attempt() {
        let pinned = burrow_kernel::sync::pin();
        burrow_kernel::kthread::yield_now(pinned.m());
    }
}

/// A transfer cut at blocks: a part of one, whole ones, a part of one.
struct Cut {
    head: Range<usize>,
    whole: Range<usize>,
    tail: Range<usize>,
}

/// Where a buffer of that length is cut.
fn cut(block: usize, len: usize, offset: u64) -> Cut {
    let into = (offset % block as u64) as usize;
    let head = if into == 0 { 0 } else { (block - into).min(len) };
    let whole = head + (len - head) / block * block;
    Cut { head: 0..head, whole: head..whole, tail: whole..len }
}

/// Reads all of `buf`, which lies on the disk.
pub fn read(disk: &Disk, buf: &mut [u8], offset: u64) -> Result<(), Error> {
    let Cut { head, whole, tail } = cut(disk.block, buf.len(), offset);
    for part in [head, tail] {
        if !part.is_empty() {
            let (block, from) = around(disk, part.clone(), offset);
            let mut copy = vec![0; disk.block];
            disk.transfer(Operation::Read, copy.as_mut_ptr() as usize, copy.len(), block)?;
            buf[part.clone()].copy_from_slice(&copy[from..from + part.len()]);
        }
    }
    if whole.is_empty() {
        return Ok(());
    }
    let at = offset + whole.start as u64;
    disk.transfer(Operation::Read, buf[whole.clone()].as_mut_ptr() as usize, whole.len(), at)
}

/// Writes all of `buf`, for which there is room on the disk.
pub fn write(disk: &Disk, buf: &[u8], offset: u64) -> Result<(), Error> {
    let Cut { head, whole, tail } = cut(disk.block, buf.len(), offset);
    for part in [head, tail] {
        if !part.is_empty() {
            disk.partial.part(|| write_part(disk, &buf[part.clone()], part, offset))?;
        }
    }
    if whole.is_empty() {
        return Ok(());
    }
    let at = offset + whole.start as u64;
    let addr = buf[whole.clone()].as_ptr() as usize;
    disk.partial.whole(|| disk.transfer(Operation::Write, addr, whole.len(), at))
}

/// Reads a block, changes a part of it, writes it back.
fn write_part(disk: &Disk, bytes: &[u8], part: Range<usize>, offset: u64) -> Result<(), Error> {
    let (block, from) = around(disk, part, offset);
    let mut copy = vec![0; disk.block];
    let addr = copy.as_mut_ptr() as usize;
    disk.transfer(Operation::Read, addr, copy.len(), block)?;
    copy[from..from + bytes.len()].copy_from_slice(bytes);
    disk.transfer(Operation::Write, addr, copy.len(), block)
}

/// The block that a part lies in, and where in it the part begins.
fn around(disk: &Disk, part: Range<usize>, offset: u64) -> (u64, usize) {
    let at = offset + part.start as u64;
    let from = at % disk.block as u64;
    (at - from, from as usize)
}
