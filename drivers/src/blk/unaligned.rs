//! Offsets and lengths that are no multiples of the disk's block: they cost a copy.
//!
//! A block of which only a part is written must be read first and written back whole. Meanwhile
//! nobody else may write it, or that would be undone: those writes exclude all others.

use alloc::vec;
use core::ops::Range;
use core::sync::atomic::{AtomicUsize, Ordering};

use burrow_kernel::g::{self, Status};
use burrow_kernel::kthread;
use burrow_kernel::sched::run::gosched;
use burrow_kernel::time::nanotime;

use super::request::Operation;
use super::{Disk, Error};

/// Who writes blocks whole, and who writes a part of one.
///
/// Goroutines and threads inside `runtime::blocking` meet here, and the latter can make no goroutine
/// runnable. So nobody is woken: who has to wait lets others run and looks again. That is seldom, and
/// for as long as a disk takes.
pub struct Sectors(AtomicUsize);

/// Somebody writes a part of a block. Beside it and [`WANTED`]: how many write whole ones.
const PART: usize = 1 << 63;
/// Somebody wants to: no more writers of whole blocks, or it might wait for ever. Whoever sets it
/// gets in later, and clears it then.
const WANTED: usize = 1 << 62;

impl Sectors {
    /// Nobody.
    pub const fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// Runs `f` while nobody writes a part of a block.
    fn whole<R>(&self, f: impl FnOnce() -> R) -> R {
        while !self.enter(PART | WANTED, |writers| writers + 1) {
            let_others_run();
        }
        let result = f();
        // Release: partner is the acquire in `enter`.
        self.0.fetch_sub(1, Ordering::Release);
        result
    }

    /// Runs `f` while nobody else writes.
    fn part<R>(&self, f: impl FnOnce() -> R) -> R {
        while !self.enter(!WANTED, |_| PART) {
            self.0.fetch_or(WANTED, Ordering::Relaxed);
            let_others_run();
        }
        let result = f();
        // Release: as above.
        self.0.fetch_and(!PART, Ordering::Release);
        result
    }

    /// Enters unless something of `unless` is there.
    fn enter(&self, unless: usize, entered: impl Fn(usize) -> usize) -> bool {
        let enter = |state| (state & unless == 0).then(|| entered(state));
        // Acquire: partners are the releases in `whole` and `part`.
        self.0.try_update(Ordering::Acquire, Ordering::Relaxed, enter).is_ok()
    }
}

/// For a moment, in nanoseconds: a disk takes longer.
const MOMENT: u64 = 20_000;

/// Goroutines; where a goroutine may not give its core up, its thread sleeps for a moment.
fn let_others_run() {
    match g::current().status() {
        Status::Syscall => kthread::sleep_until(nanotime() + MOMENT),
        _ => gosched(),
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
