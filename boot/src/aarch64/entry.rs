//! The first instructions: from the Linux Image protocol, or from PSCI on the other cores, to the
//! linked address with the MMU on.
//!
//! Entered at whatever physical address the image was loaded, MMU and data cache off, so all
//! addresses are relative to the PC until [`enable_mmu`'s](enable_mmu) last branch. The tables
//! built here map one GiB around the image twice (identity, for the branch, and in `PHYS_MAP`)
//! and the image itself; [`super::tables`] adds the rest.
//!
//! An AP arrives with the physical address of a block whose first two words are the root of
//! page tables to use and the block's own virtual address; it continues at
//! `burrow_core_start(block)` (in `arch::power`).

use core::arch::global_asm;

/// Normal memory, inner shareable, accessed, global; block or (with bit 1) page.
const NORMAL: u64 = 1 << 10 | 3 << 8;
/// A block that is never executed.
const NORMAL_NX: u64 = NORMAL | 3 << 53 | 1;
/// A block of the image: anything goes until the kernel's own tables.
const NORMAL_RWX: u64 = NORMAL | 1 << 54 | 1;

/// Attribute 0: normal write-back memory, 1: device nGnRE (`arch::paging` uses these numbers).
const MAIR: u64 = 0x04ff;

/// 48-bit addresses and 4 KiB granules in both halves, walks through the caches. The physical
/// size is added at run time.
const TCR: u64 = {
    let half = 16 | 1 << 8 | 1 << 10 | 3 << 12;
    half | half << 16 | 2 << 30
};
/// No walks by TTBR0: the lower half is empty.
const TCR_EPD0: u64 = 1 << 7;

/// MMU, caches, stack alignment checks, and the bits that are one on a plain ARMv8.0.
const SCTLR: u64 = 0x30d0_0800 | 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 12;

/// Bytes of the boot core's first stack.
const STACK: usize = 64 << 10;

global_asm!(
    r#"
.macro table_entry table, index, value
    orr     x9, \value, #3
    str     x9, [\table, \index, lsl #3]
.endm

    .section .head, "ax"
    .globl  _start
    .type   _start, %function
_start:
    // The header of Linux's Image: 4 KiB pages, anywhere in memory.
    b       primary
    .long   0
    .quad   0                           // text_offset
    .quad   __image_size
    .quad   0xa
    .quad   0, 0, 0
    .ascii  "ARM\x64"
    .long   0
    .size   _start, . - _start

    // x0: device tree. Keeps it in x20; x21 = 0 says that this is the boot core; x23 is where the
    // image lies.
    .type   primary, %function
primary:
    .cfi_startproc
    .cfi_undefined x30
    mov     x20, x0
    mov     x21, xzr
    bl      leave_el2

    adrp    x0, __boot_tables_start
    adrp    x1, __boot_tables_end
1:  stp     xzr, xzr, [x0], #16
    cmp     x0, x1
    b.lo    1b

    adrp    x1, _start                  // the image's physical address
    mov     x23, x1
    lsr     x2, x1, #30                 // its GiB
    lsl     x6, x2, #30
    and     x2, x2, #511
    ubfx    x4, x1, #39, #9

    // Identity, for the instructions around the switch.
    adrp    x7, boot_identity
    adrp    x8, boot_identity_1
    table_entry x7, x4, x8
    ldr     x9, ={rwx}
    orr     x9, x9, x6
    str     x9, [x8, x2, lsl #3]

    // The same GiB in the physical map.
    adrp    x22, boot_root
    adrp    x8, boot_physical_1
    add     x4, x4, #{physical}
    table_entry x22, x4, x8
    ldr     x9, ={nx}
    orr     x9, x9, x6
    str     x9, [x8, x2, lsl #3]

    // The image at its linked address.
    adrp    x7, boot_image_1
    adrp    x8, boot_image_2
    mov     x4, #511
    table_entry x22, x4, x7
    mov     x4, #{image}
    table_entry x7, x4, x8
    adrp    x2, __end
    ldr     x9, ={rwx}
    orr     x9, x9, x1
1:  str     x9, [x8], #8
    add     x9, x9, #0x200000
    add     x1, x1, #0x200000
    cmp     x1, x2
    b.lo    1b

    // The stores went past the cache: drop what it may hold of these lines.
    dmb     sy
    adrp    x0, __boot_tables_start
    adrp    x1, __boot_tables_end
    mrs     x3, ctr_el0
    ubfx    x3, x3, #16, #4
    mov     x2, #4
    lsl     x2, x2, x3
1:  dc      ivac, x0
    add     x0, x0, x2
    cmp     x0, x1
    b.lo    1b
    b       enable_mmu
    .cfi_endproc
    .size   primary, . - primary

    // x0: block of a core to be started. Keeps its virtual address in x21.
    .globl  burrow_core_entry
    .type   burrow_core_entry, %function
burrow_core_entry:
    .cfi_startproc
    .cfi_undefined x30
    mov     x20, x0
    bl      leave_el2
    ldp     x22, x21, [x20]
    b       enable_mmu
    .cfi_endproc
    .size   burrow_core_entry, . - burrow_core_entry

    // Started at EL2: hand EL1 the counter, the vectors and the interrupt controller, go there.
    .type   leave_el2, %function
leave_el2:
    .cfi_startproc
    mrs     x0, CurrentEL
    cmp     x0, #2 << 2
    b.ne    1f
    mov     x0, #1 << 31                // RW: EL1 is AArch64
    msr     hcr_el2, x0
    mov     x0, #3                      // no traps of the counter
    msr     cnthctl_el2, x0
    msr     cntvoff_el2, xzr
    mov     x0, #0x33ff                 // no traps of floating point
    msr     cptr_el2, x0
    msr     hstr_el2, xzr
    msr     vttbr_el2, xzr
    mrs     x0, midr_el1
    msr     vpidr_el2, x0
    mrs     x0, mpidr_el1
    msr     vmpidr_el2, x0
    mrs     x0, id_aa64pfr0_el1
    ubfx    x0, x0, #24, #4
    cbz     x0, 2f
    mrs     x0, S3_4_C12_C9_5           // ICC_SRE_EL2: system registers, for EL1 too
    mov     x1, #9
    orr     x0, x0, x1
    msr     S3_4_C12_C9_5, x0
2:  mov     x0, #0x3c5                  // EL1 on its own stack pointer, all masked
    msr     spsr_el2, x0
    msr     elr_el2, x30
    eret
1:  ret
    .cfi_endproc
    .size   leave_el2, . - leave_el2

    // x22: root for TTBR1. Keeps x20, x21 and x23.
    .type   enable_mmu, %function
enable_mmu:
    .cfi_startproc
    .cfi_undefined x30
    msr     daifset, #15
    ldr     x0, ={mair}
    msr     mair_el1, x0
    ldr     x0, ={tcr}
    mrs     x1, id_aa64mmfr0_el1
    and     x1, x1, #15
    mov     x2, #5                      // our tables hold 48 bits of address
    cmp     x1, x2
    csel    x1, x1, x2, lo
    orr     x0, x0, x1, lsl #32
    msr     tcr_el1, x0
    adrp    x1, boot_identity
    msr     ttbr0_el1, x1
    msr     ttbr1_el1, x22
    mov     x1, #3 << 20                // floating point and SIMD
    msr     cpacr_el1, x1
    isb
    tlbi    vmalle1
    ic      iallu
    dsb     nsh
    isb
    ldr     x1, ={sctlr}
    msr     sctlr_el1, x1
    isb
    ldr     x1, =linked
    br      x1
linked:
    // At the linked address: the lower half goes.
    mov     x1, #{epd0}
    orr     x0, x0, x1
    msr     tcr_el1, x0
    isb
    tlbi    vmalle1
    dsb     nsh
    isb
    mov     x29, xzr
    mov     x30, xzr
    cbnz    x21, other

    adrp    x0, __boot_tables_end
    adrp    x1, __bss_end
    add     x1, x1, :lo12:__bss_end
1:  stp     xzr, xzr, [x0], #16
    cmp     x0, x1
    b.lo    1b
    // Rust runs on SP_EL0 from the first call; SP_EL1 is for exceptions.
    msr     spsel, #0
    ldr     x0, =boot_stack + {stack}
    mov     sp, x0
    mov     x0, x20
    mov     x1, x23
    bl      {enter}
    brk     #1

other:
    mov     x0, x21
    b       burrow_core_start
    .cfi_endproc
    .size   enable_mmu, . - enable_mmu
    .ltorg

    .section .bss.boot_tables, "aw", %nobits
    .balign 4096
boot_identity:      .skip 4096
boot_identity_1:    .skip 4096
    .globl  boot_root
boot_root:          .skip 4096
boot_physical_1:    .skip 4096
boot_image_1:       .skip 4096
boot_image_2:       .skip 4096

    .section .bss.boot_stacks, "aw", %nobits
    .balign 16
boot_stack:         .skip {stack}
"#,
    rwx = const NORMAL_RWX,
    nx = const NORMAL_NX,
    physical = const burrow_arch::layout::PHYS_MAP >> 39 & 511,
    image = const burrow_arch::layout::IMAGE >> 30 & 511,
    mair = const MAIR,
    tcr = const TCR,
    epd0 = const TCR_EPD0,
    sctlr = const SCTLR,
    stack = const STACK,
    enter = sym super::enter,
);
