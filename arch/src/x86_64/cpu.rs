//! The core: descriptor tables, control registers, and the block that GS points to.

use core::arch::asm;
use core::arch::x86_64::{__cpuid, __cpuid_count};
use core::cell::UnsafeCell;
use core::fmt;
use core::mem::offset_of;
use core::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering, compiler_fence};

use x86_64::VirtAddr;
use x86_64::instructions::segmentation::{CS, DS, ES, FS, GS, SS, Segment};
use x86_64::instructions::tables::load_tss;
use x86_64::registers::control::{Cr0, Cr0Flags, Cr4, Cr4Flags, Efer, EferFlags};
use x86_64::registers::model_specific::GsBase;
use x86_64::registers::segmentation::SegmentSelector;
use x86_64::registers::xcontrol::{XCr0, XCr0Flags};
use x86_64::structures::gdt::{Descriptor, GlobalDescriptorTable};
use x86_64::structures::tss::TaskStateSegment;

use super::{timer, vectors};

/// Exception stacks of a core: every interrupt and exception changes stacks, because it may come
/// while RSP points at a page of a goroutine's stack that is not there yet, and a fault while the
/// CPU stores the frame of an interrupt loses that interrupt (law 11).
pub const EXCEPTION_STACKS: usize = 6;
/// Bytes of each.
pub const EXCEPTION_STACK_SIZE: usize = 16 << 10;

/// Which of them serves what.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum ExceptionStack {
    PageFault,
    Interrupt,
    NonMaskable,
    DoubleFault,
    MachineCheck,
    /// Debugging, and all other exceptions: none of them interrupts another that can be survived.
    Exception,
}

const NO_STACKS: [usize; EXCEPTION_STACKS] = [0; EXCEPTION_STACKS];

/// What the CPU keeps per core. GS points here.
#[repr(C)]
pub struct CoreBlock {
    current: AtomicUsize,
    local: AtomicUsize,
    /// Its own address, for code that reaches it through GS.
    this: AtomicUsize,
    index: usize,
    /// What `timer::set` asked for last; only this core touches it.
    pub(super) deadline: AtomicU64,
    tops: UnsafeCell<[usize; EXCEPTION_STACKS]>,
    tss: UnsafeCell<TaskStateSegment>,
    gdt: UnsafeCell<GlobalDescriptorTable>,
}

// SAFETY: the cells are written only by `init_core` and `boot`, before the core that owns the block
// runs on it; afterwards they are the CPU's, but for reads of `tops`.
unsafe impl Sync for CoreBlock {}

// SAFETY: as above: nothing in it belongs to the core that made it.
unsafe impl Send for CoreBlock {}

#[repr(C, align(16))]
struct BootStacks(UnsafeCell<[[u8; EXCEPTION_STACK_SIZE]; EXCEPTION_STACKS]>);

// SAFETY: only the CPU uses them, as stacks of the boot core.
unsafe impl Sync for BootStacks {}

static BOOT_STACKS: BootStacks =
    BootStacks(UnsafeCell::new([[0; EXCEPTION_STACK_SIZE]; EXCEPTION_STACKS]));
static BOOT_BLOCK: CoreBlock = CoreBlock::with(0, 0, NO_STACKS);

impl CoreBlock {
    /// The block of core `index`. `local` is what [`local`] will say; the stacks' tops are
    /// exclusive ends.
    pub fn new(index: usize, local: usize, tops: [usize; EXCEPTION_STACKS]) -> Self {
        Self::with(index, local, tops)
    }

    const fn with(index: usize, local: usize, tops: [usize; EXCEPTION_STACKS]) -> Self {
        Self {
            current: AtomicUsize::new(0),
            local: AtomicUsize::new(local),
            this: AtomicUsize::new(0),
            index,
            deadline: AtomicU64::new(timer::NEVER),
            tops: UnsafeCell::new(tops),
            tss: UnsafeCell::new(TaskStateSegment::new()),
            gdt: UnsafeCell::new(GlobalDescriptorTable::new()),
        }
    }

    /// The boot core's first block, with static stacks.
    pub fn boot(local: usize) -> &'static Self {
        BOOT_BLOCK.local.store(local, Ordering::Relaxed);
        let stacks = BOOT_STACKS.0.get() as usize;
        let tops = core::array::from_fn(|i| stacks + (i + 1) * EXCEPTION_STACK_SIZE);
        // SAFETY: called by the boot core alone, before any other core runs.
        unsafe { *BOOT_BLOCK.tops.get() = tops };
        &BOOT_BLOCK
    }

    pub(super) fn index(&self) -> usize {
        self.index
    }

    /// Lets page faults take another of the core's stacks from now on.
    pub(super) fn page_faults_on(&self, stack: ExceptionStack) {
        let slot = ExceptionStack::PageFault as usize;
        // SAFETY: the block is loaded, so its tops do not change; the slot is aligned to 4 as TSS
        // fields are, and only this core writes and reads it.
        unsafe {
            let top = (*self.tops.get())[stack as usize];
            let field = &raw mut (*self.tss.get()).interrupt_stack_table[slot];
            field.write_unaligned(VirtAddr::new_truncate(top as u64));
        }
        // The CPU reads it when it faults, of which the compiler knows nothing.
        compiler_fence(Ordering::SeqCst);
    }

    /// Whether an address lies on one of this core's exception stacks.
    pub(super) fn on_exception_stack(&self, addr: usize) -> bool {
        // SAFETY: nobody writes the tops once the block is loaded, and it is.
        let tops = unsafe { &*self.tops.get() };
        tops.iter().any(|&top| (top.wrapping_sub(EXCEPTION_STACK_SIZE)..top).contains(&addr))
    }
}

const CODE: SegmentSelector = SegmentSelector(8);
const DATA: SegmentSelector = SegmentSelector(16);
const TSS: SegmentSelector = SegmentSelector(24);
/// Selector of the code segment, for gates.
pub(super) const CODE_SELECTOR: u16 = CODE.0;

/// 1 if XSAVE is there and switched on. Read by the preemption stub.
pub(super) static HAS_XSAVE: AtomicU8 = AtomicU8::new(0);

/// Loads a core's block on the running core. Interrupts stay masked.
///
/// # Safety
/// Interrupts are masked, the block belongs to this core alone and its stacks are mapped.
pub unsafe fn init_core(block: &'static CoreBlock) {
    control_registers();
    // SAFETY: the caller's promise.
    unsafe { descriptor_tables(block) };
    block.this.store(core::ptr::from_ref(block) as usize, Ordering::Relaxed);
    GsBase::write(VirtAddr::from_ptr(block));
    vectors::load();
}

/// Paging with NX and write protection, SSE, XSAVE where there is any.
fn control_registers() {
    let has_xsave = __cpuid(1).ecx & 1 << 26 != 0;
    // SAFETY: long mode stays as it is. Write protection and NX only forbid what the image's
    // mappings forbid; the other bits switch on SSE and error reports of the FPU.
    unsafe {
        Cr0::update(|flags| {
            flags.remove(Cr0Flags::EMULATE_COPROCESSOR | Cr0Flags::TASK_SWITCHED);
            flags.insert(
                Cr0Flags::MONITOR_COPROCESSOR | Cr0Flags::NUMERIC_ERROR | Cr0Flags::WRITE_PROTECT,
            );
        });
        Cr4::update(|flags| {
            flags.insert(Cr4Flags::OSFXSR | Cr4Flags::OSXMMEXCPT_ENABLE);
            flags.set(Cr4Flags::OSXSAVE, has_xsave);
        });
        Efer::update(|flags| flags.insert(EferFlags::NO_EXECUTE_ENABLE));
    }
    if has_xsave {
        let possible = XCr0Flags::from_bits_truncate(__cpuid_count(0xd, 0).eax.into());
        let wanted = XCr0Flags::X87 | XCr0Flags::SSE | XCr0Flags::AVX;
        // SAFETY: OSXSAVE is on, and the CPU says that it has these components.
        unsafe { XCr0::write(wanted & possible) };
        HAS_XSAVE.store(1, Ordering::Relaxed);
    }
}

/// A flat code and a data segment, and the task segment with the exception stacks.
///
/// # Safety
/// As for [`init_core`].
unsafe fn descriptor_tables(block: &'static CoreBlock) {
    // SAFETY: nobody else uses the cells of a block that is not loaded yet.
    let (tss, gdt, tops) =
        unsafe { (&mut *block.tss.get(), &mut *block.gdt.get(), &*block.tops.get()) };
    *tss = TaskStateSegment::new();
    for (slot, &top) in tops.iter().enumerate() {
        tss.interrupt_stack_table[slot] = VirtAddr::new_truncate(top as u64);
    }
    *gdt = GlobalDescriptorTable::new();
    gdt.append(Descriptor::kernel_code_segment());
    gdt.append(Descriptor::kernel_data_segment());
    // SAFETY: the block never moves or goes away, and with it the segment.
    gdt.append(unsafe { Descriptor::tss_segment_unchecked(block.tss.get()) });
    // SAFETY: the table stays where it is for ever, and its selectors are those loaded here, in
    // the order of the calls above. A null FS and GS are legal; GS gets its base from `init_core`.
    unsafe {
        (*block.gdt.get()).load_unsafe();
        CS::set_reg(CODE);
        for load in [SS::set_reg, DS::set_reg, ES::set_reg] {
            load(DATA);
        }
        FS::set_reg(SegmentSelector::NULL);
        GS::set_reg(SegmentSelector::NULL);
        load_tss(TSS);
    }
}

/// The word "what runs here": one load, exact at every instruction.
#[inline(always)]
pub fn current() -> usize {
    let word;
    // SAFETY: GS points to this core's block. Without `pure`, so that the compiler neither keeps
    // nor repeats it: the word changes at each switch (law 15).
    unsafe {
        asm!("mov {}, gs:[{at}]", out(reg) word, at = const offset_of!(CoreBlock, current),
            options(nostack, preserves_flags, readonly));
    }
    word
}

/// Replaces [`current`].
///
/// # Safety
/// The word becomes what the kernel takes for what runs here.
#[inline(always)]
pub unsafe fn set_current(word: usize) {
    // SAFETY: GS points to this core's block.
    unsafe {
        asm!("mov gs:[{at}], {}", in(reg) word, at = const offset_of!(CoreBlock, current),
            options(nostack, preserves_flags));
    }
}

/// The per-core word given to [`CoreBlock::new`]. Valid only while preemption is held off.
#[inline(always)]
pub fn local() -> usize {
    let word;
    // SAFETY: as in `current`: after a switch the code may be on another core.
    unsafe {
        asm!("mov {}, gs:[{at}]", out(reg) word, at = const offset_of!(CoreBlock, local),
            options(nostack, preserves_flags, readonly));
    }
    word
}

/// Offset of the current word from GS, for the switch.
pub(super) const CURRENT: usize = offset_of!(CoreBlock, current);

/// This core's block. The caller stays on the core while it uses it.
#[inline(always)]
pub(super) fn block() -> &'static CoreBlock {
    let this: *const CoreBlock;
    // SAFETY: as in `current`; `init_core` stored the block's own address, and blocks live for
    // ever.
    unsafe {
        asm!("mov {}, gs:[{at}]", out(reg) this, at = const offset_of!(CoreBlock, this),
            options(nostack, preserves_flags, readonly));
        &*this
    }
}

/// Whether the CPU has what Burrow needs. The entry code has asked for the most part already,
/// where it could: before the first instruction that would fail.
pub fn check_features() -> Result<(), &'static str> {
    let (basic, extended) = (__cpuid(1).edx, __cpuid(0x8000_0001).edx);
    for (register, bit, name) in [
        (basic, 4, "a time-stamp counter"),
        (basic, 5, "model-specific registers"),
        (basic, 9, "a local APIC"),
        (basic, 24, "FXSAVE"),
        (basic, 25, "SSE"),
        (basic, 26, "SSE2"),
        (extended, 20, "no-execute pages"),
    ] {
        if register & 1 << bit == 0 {
            return Err(name);
        }
    }
    Ok(())
}

/// The CPU's name, for the banner.
pub fn describe(out: &mut dyn fmt::Write) -> fmt::Result {
    if __cpuid(0x8000_0000).eax < 0x8000_0004 {
        return out.write_str("x86_64");
    }
    let mut name = [0; 48];
    for (leaf, part) in (0x8000_0002..).zip(name.chunks_exact_mut(16)) {
        let words = __cpuid(leaf);
        for (bytes, word) in
            part.chunks_exact_mut(4).zip([words.eax, words.ebx, words.ecx, words.edx])
        {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
    }
    let end = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
    out.write_str(str::from_utf8(&name[..end]).unwrap_or("x86_64").trim())
}
