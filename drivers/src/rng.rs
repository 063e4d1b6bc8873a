//! virtio-rng: entropy of the host, for the kernel's pool.
//!
//! There is always one request with the device. The pool asks now and then whether it was answered,
//! takes the answer and leaves the next request: nobody waits, and the device never interrupts.

use alloc::boxed::Box;
use core::sync::atomic::{Ordering, fence};

use bitflags::bitflags;
use burrow_kernel::rand;
use burrow_kernel::sync::{Rank, SpinLock};
use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::{SomeTransport, Transport};

use crate::dma::{Memory, Piece};
use crate::virtio::{self, Device, DeviceType, Doorbell};

/// Descriptors of the queue, of which one is used.
const SIZE: usize = 2;

bitflags! {
    /// What the device offers and we know.
    #[derive(Clone, Copy, Debug)]
    struct Features: u64 {
        const VERSION_1 = 1 << 32;
    }
}

/// What the device fills; aligned, so that it lies in one page.
#[repr(align(64))]
struct Answer([u8; rand::DEVICE_BYTES]);

struct Rng {
    /// Dropping it would reset the device.
    _transport: SomeTransport<'static>,
    ring: VirtQueue<Memory, SIZE>,
    doorbell: Doorbell,
    /// In the map of all RAM.
    answer: *mut [u8],
    /// Of the request with the device.
    token: u16,
}

// SAFETY: the answer is this driver's alone, and the device's while it has the request.
unsafe impl Send for Rng {}

static RNG: SpinLock<Option<Rng>> = SpinLock::new(Rank::Drivers, None);

/// Starts the driver, if there is such a device.
pub(crate) fn init() {
    if !rand::takes_entropy() {
        // The run is to be repeatable.
        return;
    }
    let Some(device) = virtio::claim(DeviceType::EntropySource) else { return };
    match start(device) {
        Ok(rng) => {
            *RNG.lock() = Some(rng);
            rand::set_device(poll);
        }
        Err(why) => burrow_kernel::console::print(format_args!(
            "burrow: the source of entropy does not start: {why}\n"
        )),
    }
}

fn start(mut device: Device) -> Result<Rng, virtio_drivers::Error> {
    device.transport.begin_init(Features::all());
    let mut ring = VirtQueue::new(&mut device.transport, 0, false, false)?;
    ring.set_dev_notify(false);
    let doorbell = device.doorbell(0);
    device.transport.finish_init();
    let answer = &raw const Box::leak(Box::new(Answer([0; rand::DEVICE_BYTES]))).0;
    let answer = Piece::of(answer).bytes();
    let (transport, _) = device.split();
    let mut rng = Rng { _transport: transport, ring, doorbell, answer, token: 0 };
    rng.ask()?;
    Ok(rng)
}

impl Rng {
    /// Leaves a request with the device.
    fn ask(&mut self) -> Result<(), virtio_drivers::Error> {
        // SAFETY: leaked, and left alone until the answer is taken.
        let answer = unsafe { &mut *self.answer };
        // SAFETY: as above.
        self.token = unsafe { self.ring.add(&[], &mut [answer]) }?;
        // The device looks for more, then says that it wants a ring; we do it the other way round.
        fence(Ordering::SeqCst);
        if self.ring.should_notify() {
            self.doorbell.ring();
        }
        Ok(())
    }

    /// Takes the answer, if there is one, and asks again.
    fn take(&mut self, out: &mut [u8; rand::DEVICE_BYTES]) -> Option<usize> {
        if !self.ring.can_pop() {
            return None;
        }
        // SAFETY: the device has given it back.
        let answer = unsafe { &mut *self.answer };
        // SAFETY: the buffer that was given with that token.
        let len = unsafe { self.ring.pop_used(self.token, &[], &mut [&mut *answer]) }.ok()?;
        let len = (len as usize).min(out.len());
        out[..len].copy_from_slice(&answer[..len]);
        answer.fill(0);
        self.ask().ok()?;
        Some(len)
    }
}

/// What the device has given since, if anything: how many bytes.
fn poll(out: &mut [u8; rand::DEVICE_BYTES]) -> usize {
    // Who comes meanwhile does without.
    let Some(mut rng) = RNG.try_lock() else { return 0 };
    rng.as_mut().and_then(|rng| rng.take(out)).unwrap_or(0)
}
