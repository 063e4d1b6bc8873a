//! What we want of the firmware's tables: the cores, the local controllers' address, a timer.

use core::cell::RefCell;
use core::ptr::NonNull;

use acpi::address::AddressSpace;
use acpi::sdt::fadt::Fadt;
use acpi::sdt::madt::{Madt, MadtEntry};
use acpi::sdt::mcfg::{Mcfg, McfgEntry};
use acpi::{AcpiTables, Handler, PciAddress, PhysicalMapping};

use crate::device::PciHost;
use crate::layout::PhysAddr;

/// A core can be used at once; it was not merely announced for hot-plugging.
const ENABLED: u32 = 1;

type Map<'a> = &'a mut dyn FnMut(PhysAddr, usize) -> usize;

/// The tables' contents that matter.
pub struct Tables {
    /// Physical address of the local controllers' registers.
    pub local_apic: u64,
    /// Port of the power-management timer.
    pub pm_timer: Option<u16>,
    /// The old interrupt lines, by number: where each ends, if anywhere.
    pub isa: IsaLines,
    /// The first PCI host bridge.
    pub pci: Option<PciHost>,
}

/// Interrupt lines of the ISA bus: which input of which controller each of them is.
#[derive(Clone, Copy)]
pub struct IsaLines {
    /// The controller of the inputs from 0 on: physical address of its registers.
    pub controller: Option<u64>,
    /// The input of each line.
    pub inputs: [u32; 16],
}

/// Reads the tables behind a root pointer; calls `core` with the bus number of each usable core.
pub fn read(
    rsdp: PhysAddr,
    map: Map<'_>,
    core: &mut dyn FnMut(u32),
) -> Result<Tables, &'static str> {
    let map = RefCell::new(map);
    // SAFETY: the boot protocol says that the root pointer is there; tables lie in memory that
    // firmware keeps.
    let tables = unsafe { AcpiTables::from_rsdp(Mapper(&map), rsdp.0 as usize) }
        .map_err(|_| "the ACPI root table is damaged")?;
    let madt = tables.find_table::<Madt>().ok_or("ACPI describes no interrupt controllers")?;
    let mut local_apic = u64::from(madt.get().local_apic_address);
    let mut isa = IsaLines { controller: None, inputs: core::array::from_fn(|line| line as u32) };
    for entry in madt.get().entries() {
        match entry {
            MadtEntry::IoApic(entry) if entry.global_system_interrupt_base == 0 => {
                isa.controller = Some(entry.io_apic_address.into());
            }
            MadtEntry::InterruptSourceOverride(entry) if entry.irq < 16 => {
                isa.inputs[usize::from(entry.irq)] = entry.global_system_interrupt;
            }
            MadtEntry::LocalApic(entry) if entry.flags & ENABLED != 0 => core(entry.apic_id.into()),
            MadtEntry::LocalX2Apic(entry) if entry.flags & ENABLED != 0 => core(entry.x2apic_id),
            MadtEntry::LocalApicAddressOverride(entry) => local_apic = entry.local_apic_address,
            _ => (),
        }
    }
    let block = tables.find_table::<Fadt>().and_then(|fadt| fadt.pm_timer_block().ok().flatten());
    let pm_timer = block
        .filter(|block| block.address_space == AddressSpace::SystemIo)
        .and_then(|block| u16::try_from(block.address).ok());
    let pci = tables.find_table::<Mcfg>().and_then(|mcfg| first_segment(mcfg.get().entries()));
    Ok(Tables { local_apic, pm_timer, isa, pci })
}

/// The host bridge of segment 0. Firmware has given all its devices their addresses.
fn first_segment(entries: &[McfgEntry]) -> Option<PciHost> {
    let entry = entries.iter().find(|entry| entry.pci_segment_group == 0)?;
    Some(PciHost {
        config: PhysAddr(entry.base_address),
        first_bus: entry.bus_number_start,
        last_bus: entry.bus_number_end,
        registers: None,
    })
}

/// Makes tables accessible for the `acpi` crate. Mappings stay: there are a few dozen of them.
#[derive(Clone)]
struct Mapper<'a, 'b>(&'a RefCell<Map<'b>>);

/// Only AML code wants these, which is not built.
macro_rules! not_without_aml {
    ($(fn $name:ident(&self $(, $arg:ident: $type:ty)*) $(-> $result:ty)?;)*) => {
        $(fn $name(&self $(, $arg: $type)*) $(-> $result)? {
            unreachable!("tables are only read")
        })*
    };
}

impl Handler for Mapper<'_, '_> {
    unsafe fn map_physical_region<T>(&self, at: usize, size: usize) -> PhysicalMapping<Self, T> {
        let addr = (self.0.borrow_mut())(PhysAddr(at as u64), size);
        PhysicalMapping {
            physical_start: at,
            virtual_start: NonNull::new(addr as *mut T).expect("mapped at null"),
            region_length: size,
            mapped_length: size,
            handler: self.clone(),
        }
    }

    fn unmap_physical_region<T>(_: &PhysicalMapping<Self, T>) {}

    not_without_aml! {
        fn read_u8(&self, _address: usize) -> u8;
        fn read_u16(&self, _address: usize) -> u16;
        fn read_u32(&self, _address: usize) -> u32;
        fn read_u64(&self, _address: usize) -> u64;
        fn write_u8(&self, _address: usize, _value: u8);
        fn write_u16(&self, _address: usize, _value: u16);
        fn write_u32(&self, _address: usize, _value: u32);
        fn write_u64(&self, _address: usize, _value: u64);
        fn read_io_u8(&self, _port: u16) -> u8;
        fn read_io_u16(&self, _port: u16) -> u16;
        fn read_io_u32(&self, _port: u16) -> u32;
        fn write_io_u8(&self, _port: u16, _value: u8);
        fn write_io_u16(&self, _port: u16, _value: u16);
        fn write_io_u32(&self, _port: u16, _value: u32);
        fn read_pci_u8(&self, _address: PciAddress, _offset: u16) -> u8;
        fn read_pci_u16(&self, _address: PciAddress, _offset: u16) -> u16;
        fn read_pci_u32(&self, _address: PciAddress, _offset: u16) -> u32;
        fn write_pci_u8(&self, _address: PciAddress, _offset: u16, _value: u8);
        fn write_pci_u16(&self, _address: PciAddress, _offset: u16, _value: u16);
        fn write_pci_u32(&self, _address: PciAddress, _offset: u16, _value: u32);
        fn nanos_since_boot(&self) -> u64;
        fn stall(&self, _microseconds: u64);
        fn sleep(&self, _milliseconds: u64);
    }
}
