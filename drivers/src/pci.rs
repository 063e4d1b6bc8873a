//! PCI: what is on the host bridge's buses, addresses for their registers, message interrupts.
//!
//! Configuration space is reached by the enhanced mechanism. Where firmware has given devices no
//! addresses they get them here, in the order in which they are found.

use alloc::vec::Vec;

use burrow_arch::device::{self, PciHost};
use burrow_kernel::mem::space;
use virtio_drivers::transport::pci::bus::{
    BarInfo, Cam, Command, ConfigurationAccess, DeviceFunction, DeviceFunctionInfo, HeaderType,
    MemoryBarType, MmioCam, PciRoot,
};

/// Register of a bridge: its bus numbers.
const BRIDGE_BUSES: u8 = 0x18;
/// Register with the interrupt pin.
const INTERRUPT: u8 = 0x3c;
/// Capability: message interrupts by a table.
const MSI_X: u8 = 0x11;

/// The host bridge.
pub struct Host {
    /// For the transport that reads it.
    pub root: PciRoot<MmioCam<'static>>,
    cam: MmioCam<'static>,
    first_bus: u8,
    /// The next free address and the end of those for registers.
    free: core::ops::Range<u64>,
}

/// A function that was found.
pub struct Function {
    /// Where it is.
    pub at: DeviceFunction,
    /// What it says of itself.
    pub info: DeviceFunctionInfo,
}

/// The host bridge, if there is one.
pub fn host() -> Option<Host> {
    let PciHost { config, first_bus, registers, .. } = device::pci()?;
    let base = space::map_mmio(config, Cam::Ecam.size() as usize);
    // SAFETY: the whole configuration space has just been mapped, for ever.
    let cam = unsafe { MmioCam::new(base, Cam::Ecam) };
    // SAFETY: both are used by one goroutine, one after the other.
    let root = PciRoot::new(unsafe { cam.unsafe_clone() });
    let (start, len) = registers.unwrap_or((0, 0));
    Some(Host { root, cam, first_bus, free: start..start + len })
}

impl Host {
    /// All functions, bus by bus.
    pub fn functions(&self) -> Vec<Function> {
        let (mut found, mut buses) = (Vec::new(), alloc::vec![self.first_bus]);
        while let Some(bus) = buses.pop() {
            for (at, info) in self.root.enumerate_bus(bus) {
                let behind = (self.cam.read_word(at, BRIDGE_BUSES) >> 8) as u8;
                if info.header_type == HeaderType::PciPciBridge && behind > bus {
                    buses.push(behind);
                }
                found.push(Function { at, info });
            }
        }
        found
    }

    /// Lets a function answer at its addresses, given here if nobody has, and reach memory.
    pub fn enable(&mut self, at: DeviceFunction) {
        if let Ok(bars) = self.root.bars(at) {
            for (index, bar) in bars.into_iter().enumerate() {
                if let Some(BarInfo::Memory { address_type, address: 0, size, .. }) = bar {
                    self.assign(at, index as u8, address_type, size);
                }
            }
        }
        self.root.set_command(at, Command::MEMORY_SPACE | Command::BUS_MASTER);
    }

    fn assign(&mut self, at: DeviceFunction, index: u8, kind: MemoryBarType, size: u64) {
        let start = self.free.start.next_multiple_of(size.max(4096));
        if start + size > self.free.end {
            return;
        }
        self.free.start = start + size;
        match kind {
            MemoryBarType::Width64 => self.root.set_bar_64(at, index, start),
            _ => self.root.set_bar_32(at, index, start as u32),
        }
    }

    /// The interrupt pin that the function uses, from 1; 0 if none.
    pub fn pin(&self, at: DeviceFunction) -> u8 {
        (self.cam.read_word(at, INTERRUPT) >> 8) as u8
    }

    /// The physical address of a memory BAR.
    pub fn bar(&mut self, at: DeviceFunction, index: u8) -> Option<u64> {
        let info = self.root.bar_info(at, index).ok()??;
        info.memory_address_size().map(|(address, _)| address).filter(|address| *address != 0)
    }

    /// Switches message interrupts on, with one for everything: entry 0 of the function's table.
    /// `None` if the function or the machine has none.
    pub fn message(&mut self, at: DeviceFunction, core: usize) -> Option<device::Message> {
        const ENABLE: u32 = 1 << 31;
        const MASK_ALL: u32 = 1 << 30;
        let offset = self.root.capabilities(at).find(|capability| capability.id == MSI_X)?.offset;
        let table = self.cam.read_word(at, offset + 4);
        let bar = self.bar(at, (table & 7) as u8)?;
        let message = device::message(core)?;
        let start = burrow_arch::layout::PhysAddr(bar + u64::from(table & !7));
        let entry = space::map_mmio(start, 16).cast::<u32>();
        let control = self.cam.read_word(at, offset);
        self.cam.write_word(at, offset, control | ENABLE | MASK_ALL);
        for (index, word) in [message.addr as u32, (message.addr >> 32) as u32, message.data, 0]
            .into_iter()
            .enumerate()
        {
            // SAFETY: the first entry of the table, four words, mapped a moment ago.
            unsafe { entry.add(index).write_volatile(word) };
        }
        self.cam.write_word(at, offset, (control | ENABLE) & !MASK_ALL);
        Some(message)
    }

    /// A vendor's capability of that kind (the byte after its length), read as words.
    pub fn vendor_capability(&self, at: DeviceFunction, kind: u8) -> Option<[u32; 5]> {
        const VENDOR: u8 = 9;
        let is_wanted = |private: u16| (private >> 8) as u8 == kind;
        let capability = self
            .root
            .capabilities(at)
            .find(|capability| capability.id == VENDOR && is_wanted(capability.private_header))?;
        Some([0, 4, 8, 12, 16].map(|word| self.cam.read_word(at, capability.offset + word)))
    }
}
