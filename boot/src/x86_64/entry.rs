//! The first instructions: from 32-bit protected mode to Rust.
//!
//! The tables built here are temporary. They map, with pages of 2 MiB, all writable and executable:
//! memory below 4 GiB at its own address and at `PHYS_MAP`, and the gigabyte behind the image's
//! base. The kernel makes its own.

use core::arch::global_asm;

use burrow_arch::layout::{IMAGE, PHYS_MAP};

/// Bytes of the first stack. The kernel leaves it for ever once it has its own; a panic on the way
/// there needs room to unwind.
const STACK_SIZE: usize = 128 << 10;

// Before paging, every address of ours is physical: the link address minus IMAGE.
global_asm!(
    r#"
    .pushsection .note.pvh, "a", @note
    .balign 4
    .long 4, 8, 18
    .asciz "Xen"
    .quad burrow_pvh_entry - {image}
    .popsection

    .pushsection .bss.burrow_boot, "aw", @nobits
    .balign 4096
    .global burrow_boot_root
burrow_boot_root:
    .skip 4096
// Directories for memory below 4 GiB, and for the image.
boot_low:
    .skip 4096
boot_high:
    .skip 4096
// Pages: four tables for memory, one for the image.
    .global burrow_boot_pages
burrow_boot_pages:
    .skip 5 * 4096
    .balign 16
boot_stack:
    .skip {stack_size}
    .global burrow_boot_stack_top
burrow_boot_stack_top:
    .popsection

    .pushsection .rodata.burrow_boot, "a", @progbits
    .balign 8
// Null, 64-bit code, data, each already accessed.
boot_gdt:
    .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
boot_gdt_end:
boot_gdt_physical:
    .word boot_gdt_end - boot_gdt - 1
    .long boot_gdt - {image}
    .balign 8
boot_gdt_virtual:
    .word boot_gdt_end - boot_gdt - 1
    .quad boot_gdt
lacks: .asciz "burrow: this CPU lacks "
tsc: .asciz "a time-stamp counter"
msr: .asciz "model-specific registers"
pae: .asciz "physical address extension"
apic: .asciz "a local APIC"
fxsr: .asciz "FXSAVE"
sse2: .asciz "SSE2"
nx: .asciz "no-execute pages"
lm: .asciz "64-bit mode"
exit_line: .asciz "burrow exit 2\n"
    .popsection

    .pushsection .boot, "ax", @progbits
    .code32
    .type burrow_pvh_entry, @function
    .global burrow_pvh_entry
burrow_pvh_entry:
    cli
    cld
    movl $(burrow_boot_stack_top - {image}), %esp
    movl %ebx, %ebp

    // Rust code is compiled for these features: ask before the first of it runs.
    .macro need bit, name
    movl $(\name - {image}), %esi
    btl $\bit, %edx
    jnc missing
    .endm
    movl $1, %eax
    cpuid
    need 4, tsc
    need 5, msr
    need 6, pae
    need 9, apic
    need 24, fxsr
    need 26, sse2
    movl $0x80000000, %eax
    cpuid
    xorl %edx, %edx
    cmpl $0x80000001, %eax
    jb 1f
    movl $0x80000001, %eax
    cpuid
1:
    need 29, lm
    need 20, nx

    // Tables. The memory's directories serve both views of it.
    movl $(boot_low - {image} + 3), %eax
    movl %eax, burrow_boot_root - {image}
    movl %eax, burrow_boot_root - {image} + {phys_map_slot} * 8
    movl $(boot_high - {image} + 3), %eax
    movl %eax, burrow_boot_root - {image} + 511 * 8
    movl $(burrow_boot_pages - {image} + 3), %eax
    movl $(boot_low - {image}), %edi
    movl $4, %ecx
2:
    movl %eax, (%edi)
    addl $4096, %eax
    addl $8, %edi
    decl %ecx
    jnz 2b
    // EAX is at the fifth table now, the image's: it is 1 GiB from address 0.
    movl %eax, boot_high - {image} + 510 * 8
    movl $(burrow_boot_pages - {image}), %edi
    movl $0x83, %eax
    movl $(4 * 512), %ecx
3:
    movl %eax, (%edi)
    addl $0x200000, %eax
    addl $8, %edi
    decl %ecx
    jnz 3b
    movl $0x83, %eax
    movl $512, %ecx
4:
    movl %eax, (%edi)
    addl $0x200000, %eax
    addl $8, %edi
    decl %ecx
    jnz 4b

    // Long mode: PAE and SSE; tables; EFER with no-execute; paging with write protection.
    movl %cr4, %eax
    orl $0x620, %eax
    movl %eax, %cr4
    movl $(burrow_boot_root - {image}), %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x900, %eax
    wrmsr
    movl %cr0, %eax
    andl $~0xc, %eax
    orl $0x80010023, %eax
    movl %eax, %cr0
    lgdtl boot_gdt_physical - {image}
    ljmpl $8, $(boot_long - {image})

// ESI: what is missing.
missing:
    movl %esi, %edi
    movl $(lacks - {image}), %esi
    call print
    movl %edi, %esi
    call print
    movb $10, %al
    call put
    movl $(exit_line - {image}), %esi
    movw $0xe9, %dx
5:
    lodsb
    testb %al, %al
    jz 6f
    outb %al, %dx
    jmp 5b
6:
    movw $0xf4, %dx
    outl %eax, %dx
    cli
7:
    hlt
    jmp 7b

print:
    lodsb
    testb %al, %al
    jz 8f
    call put
    jmp print
put:
    movb %al, %ah
    movw $0x3fd, %dx
9:
    inb %dx, %al
    testb $0x20, %al
    jz 9b
    movw $0x3f8, %dx
    movb %ah, %al
    outb %al, %dx
8:
    ret
    .size burrow_pvh_entry, . - burrow_pvh_entry

    .code64
boot_long:
    movabsq $boot_upper, %rax
    jmpq *%rax
boot_upper:
    lgdt boot_gdt_virtual(%rip)
    movw $16, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    xorl %eax, %eax
    movw %ax, %fs
    movw %ax, %gs
    movl %ebp, %edi
    xorl %ebp, %ebp
    leaq burrow_boot_stack_top(%rip), %rsp
    call burrow_pvh
    ud2
    .popsection
    "#,
    image = const IMAGE,
    phys_map_slot = const PHYS_MAP >> 39 & 511,
    stack_size = const STACK_SIZE,
    options(att_syntax),
);
