//! From reset to the kernel, for every core but the first.
//!
//! A start-up interrupt lets a core begin in real mode at a page below 1 MiB. The code there goes
//! straight to long mode on tables that show that page at its own address and, above, the kernel's
//! own mappings, then jumps to [`arrive`] on the stack meant for the core. Cores are started one by
//! one, since all use that page.

use core::arch::global_asm;
use core::cell::UnsafeCell;
use core::ptr;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::cpu::{self, CoreBlock};
use super::paging::{self, Pte};
use super::{clock, ipi, lapic};
use crate::layout::PhysAddr;
use crate::paging::Access;
use crate::table::{ENTRIES, Table};

/// How long a core may take to answer. Emulated cores share the host's with much else.
const PATIENCE: u64 = 5_000_000_000;
/// After this the start-up interrupt is sent once more, as the protocol wants.
const AGAIN: u64 = 200_000;

unsafe extern "C" {
    static burrow_start_code: u8;
    static burrow_start_parameters: u8;
}

/// What the code in the page is told, at its end.
#[repr(C)]
struct Parameters {
    /// Physical address of [`TABLES`], below 4 GiB.
    root: u64,
    /// Target of the jump to long mode: address, selector.
    long_mode: u32,
    selector: u32,
    stack_top: usize,
    arrive: usize,
    /// Descriptor table: null, code, data, and the pointer to it.
    gdt: [u64; 3],
    gdt_limit: u16,
    gdt_base: [u16; 2],
}

// Position-independent within its page: real mode addresses it through CS, long mode through RIP.
// Everything is set at once: PAE, tables, EFER, then protection and paging together.
global_asm!(
    r#"
    .pushsection .rodata.burrow_start, "a", @progbits
    .balign 16
    .global burrow_start_code
burrow_start_code:
    .code16
    cli
    cld
    movw %cs, %ax
    movw %ax, %ds
    lgdtl (gdt_pointer - burrow_start_code)
    // PAE, FXSAVE and SSE exceptions.
    movl $0x620, %eax
    movl %eax, %cr4
    movl (burrow_start_parameters - burrow_start_code), %eax
    movl %eax, %cr3
    // EFER: long mode, no-execute.
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x900, %eax
    wrmsr
    // Paging, write protection, FPU errors and monitoring, protection; no emulation.
    movl $0x80010023, %eax
    movl %eax, %cr0
    ljmpl *(burrow_start_parameters - burrow_start_code + 8)
    .code64
    .global burrow_start_long
burrow_start_long:
    movw $16, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    xorl %ebp, %ebp
    movq burrow_start_parameters + 16(%rip), %rsp
    callq *burrow_start_parameters + 24(%rip)
    ud2
    .balign 8
    .global burrow_start_parameters
burrow_start_parameters:
    .skip 56
gdt_pointer:
    .skip {size} - 56
    .popsection
    "#,
    size = const size_of::<Parameters>(),
    options(att_syntax),
);

unsafe extern "C" {
    static burrow_start_long: u8;
}

#[repr(C, align(4096))]
struct Tables(UnsafeCell<[[u64; ENTRIES]; 3]>);

// SAFETY: written by `prepare` and `start_core` only, which run one at a time (see `WAITING`), while
// no core walks them.
unsafe impl Sync for Tables {}

/// Root, and the two tables that lead to a 2 MiB page at 0.
static TABLES: Tables = Tables(UnsafeCell::new([[0; ENTRIES]; 3]));

/// The page below 1 MiB.
static START_PAGE: AtomicU64 = AtomicU64::new(0);

/// What the core that is being started will take.
struct Order {
    block: &'static CoreBlock,
    root: PhysAddr,
    index: usize,
    entry: extern "C" fn(usize) -> !,
}

struct OrderCell(UnsafeCell<Option<Order>>);

// SAFETY: handed from `start_core` to `arrive` and back by `WAITING`.
unsafe impl Sync for OrderCell {}

static ORDER: OrderCell = OrderCell(UnsafeCell::new(None));

/// 0: no core is being started. 1: an order is being written or taken.
static WAITING: AtomicUsize = AtomicUsize::new(0);

/// Remembers the page to start cores from.
pub fn prepare(start_page: PhysAddr) {
    START_PAGE.store(start_page.0, Ordering::Relaxed);
}

/// Starts the core with that index.
///
/// # Safety
/// The index is below the number of cores found and that core was not started yet; `block` and the
/// stack are its alone; `root` maps them as well as the image.
pub unsafe fn start_core(
    index: usize,
    block: &'static CoreBlock,
    root: PhysAddr,
    stack_top: usize,
    entry: extern "C" fn(usize) -> !,
) -> Result<(), &'static str> {
    // Acquire pairs with the release in `arrive` or in an earlier caller: its use is over.
    if WAITING.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_err() {
        return Err("another core is being started or did not answer");
    }
    let Some(tables) = Table(root).translate(TABLES.0.get() as usize).filter(|pa| pa.0 < 1 << 32)
    else {
        WAITING.store(0, Ordering::Release);
        return Err("the image is not below 4 GiB");
    };
    // SAFETY: `WAITING` is ours, so no core walks the tables, runs in the page or reads the order.
    unsafe {
        build_tables(tables, root);
        write_page(tables, stack_top);
        *ORDER.0.get() = Some(Order { block, root, index, entry });
    }
    call(index)
}

/// Shows a starting core the first 2 MiB and the kernel's half.
///
/// # Safety
/// No core walks the tables.
unsafe fn build_tables(tables: PhysAddr, root: PhysAddr) {
    let below = |n: u64| Pte::table(PhysAddr(tables.0 + n * 4096)).0;
    let kernel = root.virt() as *const u64;
    // SAFETY: the caller's promise; the root is a table, seen through PHYS_MAP.
    unsafe {
        let [top, directories, pages] = &mut *TABLES.0.get();
        top[0] = below(1);
        directories[0] = below(2);
        pages[0] = Pte::leaf(PhysAddr(0), Access::Execute, 1).0;
        for (slot, entry) in top.iter_mut().enumerate().skip(ENTRIES / 2) {
            *entry = kernel.add(slot).read_volatile();
        }
    }
}

/// Copies the code to its page and fills in the parameters behind it.
///
/// # Safety
/// No core runs there.
unsafe fn write_page(tables: PhysAddr, stack_top: usize) {
    let page = PhysAddr(START_PAGE.load(Ordering::Relaxed));
    let code = &raw const burrow_start_code;
    let offset = |symbol: *const u8| symbol as usize - code as usize;
    let at = offset(&raw const burrow_start_parameters);
    let gdt = page.0 as usize + at + core::mem::offset_of!(Parameters, gdt);
    let parameters = Parameters {
        root: tables.0,
        long_mode: page.0 as u32 + offset(&raw const burrow_start_long) as u32,
        selector: 8,
        stack_top: stack_top & !15,
        arrive: arrive as *const () as usize,
        // The first descriptor is never read; then flat 64-bit code and data, already accessed.
        gdt: [0, 0x00af_9b00_0000_ffff, 0x00cf_9300_0000_ffff],
        gdt_limit: 23,
        gdt_base: [gdt as u16, (gdt >> 16) as u16],
    };
    // SAFETY: the caller's promise; the page is RAM below 1 MiB that boot has kept for this, and
    // code and parameters fill a small part of it.
    unsafe {
        ptr::copy_nonoverlapping(code, page.virt() as *mut u8, at);
        ((page.virt() + at) as *mut Parameters).write_unaligned(parameters);
    }
}

/// Wakes the core and waits until it has taken its order.
fn call(index: usize) -> Result<(), &'static str> {
    let page = lapic::Command::StartUp((START_PAGE.load(Ordering::Relaxed) >> 12) as u8);
    // No pause between them: only CPUs older than long mode wanted 10 ms.
    ipi::command(index, lapic::Command::Init);
    ipi::command(index, page);
    let start = clock::nanotime();
    let mut repeat = true;
    // Acquire pairs with the release in `arrive`.
    while WAITING.load(Ordering::Acquire) != 0 {
        let waited = clock::nanotime() - start;
        if repeat && waited > AGAIN {
            repeat = false;
            ipi::command(index, page);
        }
        if waited > PATIENCE {
            // `WAITING` stays: the core may still come, and would find another's order.
            return Err("the core does not answer");
        }
        core::hint::spin_loop();
    }
    Ok(())
}

/// The new core's first Rust code: on its own stack, but with the tables and descriptors of the
/// start page.
extern "C" fn arrive() -> ! {
    // SAFETY: `start_core` wrote the order before it sent the interrupt that brought us here, and
    // touches it no more until `WAITING` is 0.
    let order = unsafe { (*ORDER.0.get()).take() };
    let Some(Order { block, root, index, entry }) = order else { unreachable!("no order") };
    // SAFETY: interrupts are masked since reset; what `start_core` was promised.
    unsafe {
        paging::activate(root);
        cpu::init_core(block);
    }
    // Release pairs with the acquire in `call`: the page and the tables are free again.
    WAITING.store(0, Ordering::Release);
    entry(index)
}
