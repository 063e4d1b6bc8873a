//! One request to a disk, on the stack of who waits for it.
//!
//! The device reads the header and writes the status where they lie; the driver links the request
//! into its queue and reads it until the waiter is woken, and not afterwards. So a request neither
//! moves nor goes away before it is done: [`Request::wait`] has returned.

use core::cell::{Cell, UnsafeCell};
use core::pin::Pin;
use core::ptr::NonNull;
use core::sync::atomic::AtomicPtr;

use burrow_kernel::g::{self, G, Status};
use burrow_kernel::kthread::{self, note::Note};
use burrow_kernel::m::M;
use burrow_kernel::netpoll::ionote::IoNote;
use burrow_kernel::netpoll::{self, Readied};
use burrow_kernel::queue::link::Linked;
use burrow_kernel::sync::pin;

use super::Error;
use crate::dma::{self, Piece};

/// Most pieces of a request's data.
const MAX_PIECES: usize = 16;
/// Most bytes of it: others want the disk too.
const MAX_BYTES: usize = 1 << 20;

/// What the disk shall do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Operation {
    /// Write to memory what is on the disk.
    Read = 0,
    /// Write to the disk what is in memory.
    Write = 1,
    /// Make durable what was written.
    Flush = 4,
}

/// What the device reads first.
#[repr(C, align(16))]
struct Header {
    operation: u32,
    reserved: u32,
    sector: u64,
}

/// See the module's text.
pub struct Request {
    link: AtomicPtr<Request>,
    operation: Operation,
    header: UnsafeCell<Header>,
    /// Written by the device: 0 if it went well.
    status: UnsafeCell<u8>,
    /// Where header and status are, for the device.
    ends: Cell<(Piece, Piece)>,
    data: [Piece; MAX_PIECES],
    pieces: usize,
    waiter: Waiter,
}

/// Who waits.
enum Waiter {
    /// A goroutine, which parks.
    Goroutine(IoNote<G>),
    /// A kernel thread, inside `runtime::blocking`.
    Thread(Note<M>),
}

// SAFETY: the link is this field alone.
unsafe impl Linked for Request {
    fn link(&self) -> &AtomicPtr<Self> {
        &self.link
    }
}

impl Request {
    /// A request for as much of `len` bytes at `addr` as fit into one, and how many that are. The
    /// buffer is the device's until the request is done.
    pub fn new(operation: Operation, sector: u64, addr: usize, len: usize) -> (Self, usize) {
        // Inside `runtime::blocking` a goroutine may not park.
        let waiter = match g::current().status() {
            Status::Syscall => Waiter::Thread(Note::new()),
            _ => Waiter::Goroutine(IoNote::new()),
        };
        let mut data = [Piece::default(); MAX_PIECES];
        let (pieces, bytes) = dma::pieces(addr, len.min(MAX_BYTES), &mut data);
        let header = Header { operation: operation as u32, reserved: 0, sector };
        let request = Self {
            link: AtomicPtr::new(core::ptr::null_mut()),
            operation,
            header: UnsafeCell::new(header),
            status: UnsafeCell::new(0xff),
            ends: Cell::default(),
            data,
            pieces,
            waiter,
        };
        (request, bytes)
    }

    /// Looks up what the device will read and write of the request itself, which stays from now on.
    pub fn settle(self: Pin<&Self>) {
        self.ends.set((Piece::of(self.header.get()), Piece::of(self.status.get())));
    }

    /// Descriptors that it takes.
    pub fn descriptors(&self) -> usize {
        self.pieces + 2
    }

    /// Its buffers as the queue wants them: those that the device reads, those that it writes.
    ///
    /// # Safety
    /// The request is pinned, and the slices, whose contents may be the device's, are not read.
    pub unsafe fn with_buffers<R>(
        &self,
        f: impl for<'a> FnOnce(&'a [&'a [u8]], &'a mut [&'a mut [u8]]) -> R,
    ) -> R {
        const MOST: usize = MAX_PIECES + 1;
        let (header, status) = self.ends.get();
        let (header, status) = (header.bytes(), status.bytes());
        let data = self.data[..self.pieces].iter().map(|piece| piece.bytes());
        let mut reads: [&[u8]; MOST] = [&[]; MOST];
        let mut writes: [&mut [u8]; MOST] = [(); MOST].map(|()| &mut [][..]);
        // SAFETY: RAM in the physical map, and not read, as the caller promises.
        reads[0] = unsafe { &*header };
        let (mut nreads, mut nwrites) = (1, 0);
        for piece in data {
            if self.operation == Operation::Write {
                // SAFETY: as above.
                reads[nreads] = unsafe { &*piece };
                nreads += 1;
            } else {
                // SAFETY: as above; pieces do not overlap.
                writes[nwrites] = unsafe { &mut *piece };
                nwrites += 1;
            }
        }
        // SAFETY: as above.
        writes[nwrites] = unsafe { &mut *status };
        f(&reads[..nreads], &mut writes[..=nwrites])
    }

    /// Waits until it is done: parks the goroutine or, inside `runtime::blocking`, lets the kernel
    /// thread sleep. It was given to the disk.
    pub fn wait(self: Pin<&Self>) -> Result<(), Error> {
        match &self.waiter {
            Waiter::Goroutine(note) => netpoll::wait(note),
            Waiter::Thread(note) => {
                let pinned = pin();
                kthread::notesleep(pinned.m(), note);
            }
        }
        // SAFETY: the device is done with it, and the wake-up shows what it wrote.
        match unsafe { self.status.get().read_volatile() } {
            0 => Ok(()),
            2 => Err(Error::Unsupported),
            _ => Err(Error::Device),
        }
    }

    /// The device is done with it: wakes who waits. In the handler.
    ///
    /// # Safety
    /// It is not used any more: it may be gone when this returns.
    pub unsafe fn done(request: NonNull<Self>, readied: &mut Readied) {
        // SAFETY: alive until its waiter is woken, which is the last thing that happens to it here.
        match unsafe { &request.as_ref().waiter } {
            Waiter::Goroutine(note) => readied.signal(note),
            Waiter::Thread(note) => kthread::notewakeup(note),
        }
    }
}
