//! A disk's queue: requests on their way to the device and back.
//!
//! Who wants something gives its request to the queue; the handler takes back what is done and
//! wakes who waits. What does not fit waits in line here, for the handler to send on, so that
//! everybody waits for one thing only: its own request.
//!
//! The lock masks interrupts, because the handler takes it (rank `Device`). Buffers stay where they
//! are and were looked up before: under the lock there is neither copying nor walking of tables.

use core::pin::Pin;
use core::ptr::NonNull;
use core::sync::atomic::{Ordering, fence};

use burrow_kernel::netpoll::Readied;
use burrow_kernel::queue::list::List;
use burrow_kernel::sync::{IrqLock, Rank};
use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::{SomeTransport, Transport};

use super::request::Request;
use crate::dma::Memory;
use crate::virtio::{Doorbell, Quieten};

/// Descriptors of a queue.
pub const SIZE: usize = 128;

/// See the module's text.
pub struct Queue {
    inner: IrqLock<Inner>,
    doorbell: Doorbell,
}

struct Inner {
    transport: SomeTransport<'static>,
    ring: VirtQueue<Memory, SIZE>,
    /// Whose the chain is that begins with that descriptor.
    owners: [Option<NonNull<Request>>; SIZE],
    /// Those that wait for room.
    waiting: List<Request>,
    /// Whether the device asks by a level.
    quieten: Quieten,
}

// SAFETY: requests outlive their stay in the queue (`Queue::run`), and the lock guards the rest.
unsafe impl Send for Inner {}

impl Queue {
    /// A queue over a ring that is set up.
    pub fn new(
        transport: SomeTransport<'static>,
        ring: VirtQueue<Memory, SIZE>,
        doorbell: Doorbell,
    ) -> Self {
        let inner = Inner {
            transport,
            ring,
            owners: [None; SIZE],
            waiting: List::new(),
            quieten: Quieten::Yes,
        };
        Self { inner: IrqLock::new(Rank::Device, inner), doorbell }
    }

    /// Says whether the handler must acknowledge interrupts to the device.
    pub fn set_quieten(&self, quieten: Quieten) {
        self.inner.lock().quieten = quieten;
    }

    /// Has the device do what the request says; returns when it is done.
    pub fn run(&self, request: Pin<&Request>) -> Result<(), super::Error> {
        request.settle();
        let item = NonNull::from(request.get_ref());
        let mut inner = self.inner.lock();
        // Nobody overtakes those that wait for room.
        let ring = match inner.waiting.is_empty() && inner.has_room(item) {
            // SAFETY: pinned, and not left before `wait` has returned.
            true => unsafe { inner.start(item) },
            false => {
                // SAFETY: as above, and on no list.
                unsafe { inner.waiting.push_back(item) };
                false
            }
        };
        drop(inner);
        if ring {
            self.doorbell.ring();
        }
        request.wait()
    }

    /// The device has done something: for its handler.
    pub fn take_back(&self, readied: &mut Readied) {
        let mut inner = self.inner.lock();
        if inner.quieten == Quieten::Yes {
            inner.transport.ack_interrupt();
        }
        inner.take_done(readied);
        if inner.send_on() {
            self.doorbell.ring();
        }
    }
}

impl Inner {
    fn has_room(&self, request: NonNull<Request>) -> bool {
        // SAFETY: requests in or before the queue are alive.
        self.ring.available_desc() >= unsafe { request.as_ref() }.descriptors()
    }

    /// Gives a request to the device. Says whether to ring.
    ///
    /// # Safety
    /// The request stays until it is done, and there is room.
    unsafe fn start(&mut self, item: NonNull<Request>) -> bool {
        // SAFETY: alive, says the caller.
        let request = unsafe { item.as_ref() };
        // SAFETY: the buffers stay until `take_done` has given them back to the ring.
        let token = unsafe { request.with_buffers(|reads, writes| self.ring.add(reads, writes)) };
        let Ok(token) = token else {
            burrow_kernel::panic::throw("virtio-blk: no room in the ring")
        };
        self.owners[usize::from(token)] = Some(item);
        // The device looks for more, then says that it wants a ring; we do it the other way round.
        fence(Ordering::SeqCst);
        self.ring.should_notify()
    }

    /// Takes back what is done.
    fn take_done(&mut self, readied: &mut Readied) {
        loop {
            while let Some(token) = self.ring.peek_used() {
                let owner = self.owners.get_mut(usize::from(token)).and_then(Option::take);
                let Some(item) = owner else {
                    burrow_kernel::panic::throw(
                        "virtio-blk: answer to a question that nobody asked",
                    )
                };
                // SAFETY: it waits for this.
                let request = unsafe { item.as_ref() };
                // SAFETY: the same buffers as were given with that token.
                let popped = unsafe {
                    request.with_buffers(|reads, writes| self.ring.pop_used(token, reads, writes))
                };
                if popped.is_err() {
                    burrow_kernel::panic::throw("virtio-blk: the ring is damaged");
                }
                // SAFETY: the ring has forgotten it.
                unsafe { Request::done(item, readied) };
            }
            // The place up to which answers were taken is what the device looks at before it
            // interrupts again; what it did before it saw that is here to be seen now.
            fence(Ordering::SeqCst);
            if !self.ring.can_pop() {
                return;
            }
        }
    }

    /// Starts those that waited for room. Says whether to ring.
    fn send_on(&mut self) -> bool {
        let mut ring = false;
        while let Some(item) = self.waiting.iter().next() {
            if !self.has_room(item) {
                break;
            }
            self.waiting.pop_front();
            // SAFETY: it waits for this.
            ring |= unsafe { self.start(item) };
        }
        ring
    }
}
