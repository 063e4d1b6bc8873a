//! Disks: virtio-blk, with many requests in flight.
//!
//! [`Disk::read`], [`Disk::write`] and [`Disk::flush`] take whole sectors; the unaligned rest is in
//! [`unaligned`]. Each parks the goroutine or, inside `runtime::blocking`, lets the kernel thread
//! sleep, whose P is then another's.

mod queue;
mod request;
mod unaligned;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::pin::pin;

use bitflags::bitflags;
use burrow_kernel::interrupt::Handler;
use burrow_kernel::netpoll::Readied;
use burrow_kernel::sync::{Rank, SpinLock};
use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::Transport;

use self::queue::Queue;
use self::request::{Operation, Request};
use self::unaligned::Sectors;
use crate::virtio::{self, Device, DeviceType};

/// Bytes of a sector, the unit in which disks count.
pub const SECTOR: usize = 512;

bitflags! {
    /// What a disk offers and we know.
    #[derive(Clone, Copy, Debug)]
    struct Features: u64 {
        const READ_ONLY = 1 << 5;
        const BLOCK_SIZE = 1 << 6;
        const FLUSH = 1 << 9;
        const EVENT_INDEX = 1 << 29;
        const VERSION_1 = 1 << 32;
    }
}

/// A disk of the machine; there for ever.
pub struct Disk {
    name: String,
    sectors: u64,
    block: usize,
    features: Features,
    queue: Queue,
    partial: Sectors,
}

/// Why a disk did not do what it was told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Error {
    /// Beyond the disk's end.
    OutOfRange {
        /// Where it would have begun.
        offset: u64,
        /// Its bytes.
        len: usize,
        /// The disk's.
        disk: u64,
    },
    /// The disk cannot be written.
    ReadOnly,
    /// The disk says that it failed.
    Device,
    /// The disk does not know how.
    Unsupported,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange { offset, len, disk } => {
                write!(f, "{len} bytes at {offset} reach beyond the end of the disk at {disk}")
            }
            Self::ReadOnly => f.write_str("the disk is read-only"),
            Self::Device => f.write_str("the disk reports an error"),
            Self::Unsupported => f.write_str("the disk does not support the operation"),
        }
    }
}

static DISKS: SpinLock<Vec<&'static Disk>> = SpinLock::new(Rank::Drivers, Vec::new());

/// All disks, in bus order.
pub fn disks() -> Vec<&'static Disk> {
    // Allocated before the lock is taken: disks are only added while the machine starts.
    let mut disks = Vec::with_capacity(DISKS.lock().len());
    disks.extend(DISKS.lock().iter().copied());
    disks
}

/// Starts the driver for each disk.
pub(crate) fn init() {
    let mut disks = Vec::new();
    while let Some(device) = virtio::claim(DeviceType::Block) {
        match start(device, name(disks.len())) {
            Ok(disk) => disks.push(disk),
            Err(why) => burrow_kernel::console::print(format_args!(
                "burrow: a disk does not start: {why}\n"
            )),
        }
    }
    *DISKS.lock() = disks;
}

/// `vda`, `vdb`, .., `vdz`, `vdaa`, ..
fn name(index: usize) -> String {
    let letter = char::from(b'a' + (index % 26) as u8);
    match index / 26 {
        0 => format!("vd{letter}"),
        more => format!("{}{letter}", name(more - 1)),
    }
}

fn start(mut device: Device, name: String) -> Result<&'static Disk, virtio_drivers::Error> {
    const CAPACITY: usize = 0;
    const BLOCK_SIZE: usize = 20;
    let features = device.transport.begin_init(Features::all());
    let word = |offset| device.transport.read_config_space::<u32>(offset);
    let sectors = device.transport.read_consistent(|| {
        Ok(u64::from(word(CAPACITY)?) | u64::from(word(CAPACITY + 4)?) << 32)
    })?;
    let block = match features.contains(Features::BLOCK_SIZE) {
        true => word(BLOCK_SIZE)? as usize,
        false => SECTOR,
    };
    if !device.use_interrupt(0) {
        return Err(virtio_drivers::Error::Unsupported);
    }
    let events = features.contains(Features::EVENT_INDEX);
    let ring = VirtQueue::new(&mut device.transport, 0, false, events)?;
    let doorbell = device.doorbell(0);
    device.transport.finish_init();
    let (transport, device) = device.split();
    let queue = Queue::new(transport, ring, doorbell);
    let partial = Sectors::new();
    let disk = Disk { name, sectors, block: block.max(SECTOR), features, queue, partial };
    let disk: &'static Disk = Box::leak(Box::new(disk));
    disk.queue.set_quieten(device.connect(disk));
    Ok(disk)
}

impl Handler for Disk {
    fn interrupt(&self, readied: &mut Readied) {
        self.queue.take_back(readied);
    }
}

impl Disk {
    /// `vda`, `vdb`, .. in bus order.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its bytes.
    pub fn len(&self) -> u64 {
        self.sectors * SECTOR as u64
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.sectors == 0
    }

    /// Unit of transfers.
    pub fn block(&self) -> usize {
        self.block
    }

    /// Whether it can only be read.
    pub fn is_read_only(&self) -> bool {
        self.features.contains(Features::READ_ONLY)
    }

    /// Reads all of `buf` from `offset`. Any offset and length will do.
    pub fn read(&self, buf: &mut [u8], offset: u64) -> Result<(), Error> {
        self.check(buf.len(), offset)?;
        unaligned::read(self, buf, offset)
    }

    /// Writes all of `buf` at `offset`. Any offset and length will do; bytes beside them stay, even
    /// if others write those at the same time.
    pub fn write(&self, buf: &[u8], offset: u64) -> Result<(), Error> {
        if self.is_read_only() {
            return Err(Error::ReadOnly);
        }
        self.check(buf.len(), offset)?;
        unaligned::write(self, buf, offset)
    }

    /// Returns when all that was written is durable.
    pub fn flush(&self) -> Result<(), Error> {
        if !self.features.contains(Features::FLUSH) || self.is_read_only() {
            return Ok(());
        }
        self.transfer(Operation::Flush, 0, 0, 0)
    }

    fn check(&self, len: usize, offset: u64) -> Result<(), Error> {
        let end = offset.checked_add(len as u64);
        if end.is_none_or(|end| end > self.len()) {
            return Err(Error::OutOfRange { offset, len, disk: self.len() });
        }
        Ok(())
    }

    /// Moves whole blocks between the disk and memory, in as many requests as that takes.
    fn transfer(&self, op: Operation, addr: usize, len: usize, offset: u64) -> Result<(), Error> {
        let mut done = 0;
        loop {
            let sector = (offset + done as u64) / SECTOR as u64;
            let (request, bytes) = Request::new(op, sector, addr + done, len - done);
            self.queue.run(pin!(request).as_ref())?;
            done += bytes;
            if done == len {
                return Ok(());
            }
        }
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").field("name", &self.name).field("len", &self.len()).finish()
    }
}
