//! Bring-up, as one straight list.

use crate::BootInfo;
use crate::console::print;

/// Where every boot protocol arrives, on the boot core's first stack with interrupts masked.
pub fn start(boot: BootInfo) -> ! {
    // SAFETY: first thing on this core; the static block lives for ever.
    unsafe { burrow_arch::cpu::init_core(burrow_arch::cpu::CoreBlock::boot()) };
    crate::panic::init(boot.image);
    print(format_args!("burrow: {} boot\n", boot.protocol));
    for region in boot.memory {
        print(format_args!("{:#x}..{:#x} {:?}\n", region.start.0, region.end.0, region.kind));
    }
    burrow_arch::power::exit(0)
}
