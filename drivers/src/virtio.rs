//! Virtio devices, each with its transport, its interrupt, and a doorbell.
//!
//! The virtio crate knows transports and queues. Added here is what it leaves out: message
//! interrupts, and a doorbell whose address is looked up once, not at every ring.

use alloc::vec::Vec;
use core::ptr::NonNull;

use burrow_arch::device::{self, Line, Message, Window};
use burrow_kernel::interrupt::{self, Handler};
use burrow_kernel::mem::space;
use burrow_kernel::sync::{Rank, SpinLock};
use virtio_drivers::transport::mmio::{MmioTransport, VirtIOHeader};
use virtio_drivers::transport::pci::{PciTransport, virtio_device_type};
use virtio_drivers::transport::{SomeTransport, Transport};

use crate::dma::Memory;
use crate::pci::{self, Host};

pub use virtio_drivers::transport::DeviceType;

/// The core that device interrupts go to.
const CORE: usize = 0;

/// A device that was found and that no driver has yet.
pub struct Device {
    /// What it is.
    pub kind: DeviceType,
    /// How it is reached.
    pub transport: SomeTransport<'static>,
    bells: Bells,
    interrupt: Interrupt,
}

/// How a device asks for attention.
#[derive(Clone, Copy)]
enum Interrupt {
    /// By message; where the common registers are that choose it for each queue.
    Message(Message, *mut u8),
    /// By a line, which the handler must quieten.
    Line(Line),
    /// Not at all.
    None,
}

/// Where a device is told of new requests.
#[derive(Clone, Copy)]
enum Bells {
    /// Common registers, notification registers, and bytes between those of two queues.
    Pci { common: *mut u8, notify: *mut u8, step: usize },
    /// One register for all queues.
    Mmio(*mut u32),
}

// SAFETY: the pointers are to device registers, mapped for ever, used by the device's driver alone.
unsafe impl Send for Device {}

/// Devices without a driver yet, in bus order.
static FOUND: SpinLock<Vec<Device>> = SpinLock::new(Rank::Drivers, Vec::new());

/// Takes the first device of that kind. For drivers.
pub fn claim(kind: DeviceType) -> Option<Device> {
    let mut found = FOUND.lock();
    let index = found.iter().position(|device| device.kind == kind)?;
    Some(found.remove(index))
}

/// Looks for devices on PCI, then for those outside.
pub(crate) fn find() {
    let mut devices = Vec::new();
    if let Some(mut host) = pci::host() {
        for function in host.functions() {
            if virtio_device_type(&function.info).is_some() {
                devices.extend(on_pci(&mut host, &function));
            }
        }
    }
    let mut windows = Vec::new();
    device::virtio_windows(&mut |window| windows.push(window));
    // QEMU fills them from the last one down: so disks come in the order of its command line.
    windows.sort_by_key(|window| core::cmp::Reverse(window.start));
    devices.extend(windows.into_iter().filter_map(in_window));
    *FOUND.lock() = devices;
}

fn on_pci(host: &mut Host, function: &pci::Function) -> Option<Device> {
    const COMMON: u8 = 1;
    const NOTIFY: u8 = 2;
    let at = function.at;
    host.enable(at);
    let transport = PciTransport::new::<Memory, _>(&mut host.root, at).ok()?;
    let mut registers = |kind: u8| {
        let [_, bar, offset, len, step] = host.vendor_capability(at, kind)?;
        let start = host.bar(at, bar as u8)? + u64::from(offset);
        Some((space::map_mmio(burrow_arch::layout::PhysAddr(start), len as usize), step))
    };
    let (common, _) = registers(COMMON)?;
    let (notify, step) = registers(NOTIFY)?;
    let interrupt = match host.message(at, CORE) {
        Some(message) => Interrupt::Message(message, common),
        None => match device::pin(at.device, host.pin(at)) {
            Some(line) => Interrupt::Line(line),
            None => Interrupt::None,
        },
    };
    let bells = Bells::Pci { common, notify, step: step as usize };
    Some(Device { kind: transport.device_type(), transport: transport.into(), bells, interrupt })
}

fn in_window(window: Window) -> Option<Device> {
    const NOTIFY: usize = 0x50;
    let registers = space::map_mmio(window.start, window.len);
    let header = NonNull::new(registers.cast::<VirtIOHeader>())?;
    // SAFETY: the device tree says that a virtio device may be there; mapped for ever.
    let transport = unsafe { MmioTransport::new(header, window.len) }.ok()?;
    // SAFETY: inside the window.
    let bell = unsafe { registers.add(NOTIFY) }.cast();
    Some(Device {
        kind: transport.device_type(),
        transport: transport.into(),
        bells: Bells::Mmio(bell),
        interrupt: Interrupt::Line(window.line),
    })
}

impl Device {
    /// Lets a queue use the device's interrupt: after the features are settled, before the queue
    /// is made. `false`: the device has no interrupt.
    pub fn use_interrupt(&self, queue: u16) -> bool {
        const QUEUE_SELECT: usize = 22;
        const QUEUE_VECTOR: usize = 26;
        match self.interrupt {
            Interrupt::Message(_, common) => {
                // SAFETY: two registers of the common ones, aligned words.
                unsafe {
                    common.add(QUEUE_SELECT).cast::<u16>().write_volatile(queue);
                    let vector = common.add(QUEUE_VECTOR).cast::<u16>();
                    vector.write_volatile(0);
                    vector.read_volatile() == 0
                }
            }
            Interrupt::Line(_) => true,
            Interrupt::None => false,
        }
    }

    /// The transport, for the driver to keep, and the interrupt, to be connected last.
    pub fn split(self) -> (SomeTransport<'static>, Source) {
        (self.transport, Source(self.interrupt))
    }

    /// The doorbell of a queue, once that is made.
    pub fn doorbell(&self, queue: u16) -> Doorbell {
        const QUEUE_SELECT: usize = 22;
        const QUEUE_NOTIFY: usize = 30;
        match self.bells {
            Bells::Mmio(register) => Doorbell::Word(register, queue.into()),
            Bells::Pci { common, notify, step } => {
                // SAFETY: two registers of the common ones, aligned words; the doorbell they name
                // is inside the notification registers.
                let register = unsafe {
                    common.add(QUEUE_SELECT).cast::<u16>().write_volatile(queue);
                    let place = common.add(QUEUE_NOTIFY).cast::<u16>().read_volatile();
                    notify.add(usize::from(place) * step)
                };
                Doorbell::Half(register.cast(), queue)
            }
        }
    }
}

/// A device's interrupt.
pub struct Source(Interrupt);

impl Source {
    /// Calls `handler` at each interrupt from now on. Says whether the handler has to quieten the
    /// device, by `Transport::ack_interrupt`.
    pub fn connect(&self, handler: &'static dyn Handler) -> Quieten {
        match self.0 {
            Interrupt::Message(message, _) => {
                interrupt::register(message.number, handler);
                Quieten::No
            }
            Interrupt::Line(line) => {
                interrupt::register(line.number, handler);
                device::enable(line, CORE);
                Quieten::Yes
            }
            Interrupt::None => Quieten::No,
        }
    }
}

/// Whether a handler must acknowledge the interrupt to the device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quieten {
    /// It must.
    Yes,
    /// It came by message, and is over.
    No,
}

/// Where a device is told that a queue has new requests.
#[derive(Clone, Copy)]
pub enum Doorbell {
    /// A register of 16 bits.
    Half(*mut u16, u16),
    /// One of 32.
    Word(*mut u32, u32),
}

// SAFETY: a device register, mapped for ever; any core may write it.
unsafe impl Send for Doorbell {}
// SAFETY: as above.
unsafe impl Sync for Doorbell {}

impl Doorbell {
    /// Tells the device.
    #[inline]
    pub fn ring(self) {
        match self {
            // SAFETY: see the type.
            Self::Half(register, queue) => unsafe { register.write_volatile(queue) },
            // SAFETY: as above.
            Self::Word(register, queue) => unsafe { register.write_volatile(queue) },
        }
    }
}
