//! x86_64: YMM where the CPU has AVX and it is switched on, else XMM; x87, MXCSR, carry flag.

use core::arch::x86_64::__cpuid;
use core::arch::{asm, naked_asm};

use burrow_arch::context::Registers;

use super::{Flow, differences, pattern};

/// 16 vector registers of 4 words, 8 general ones, x87's top, carry, MXCSR.
const WORDS: usize = 64 + 8 + 3;
const GENERAL: usize = 64 * 8;
const X87: usize = 72 * 8;
const CARRY: usize = 73 * 8;
const MXCSR: usize = 74 * 8;
/// All exceptions masked, as always, and rounding towards zero, as never.
const ROUND_TO_ZERO: u64 = 0x7f80;
const USUAL_MXCSR: u32 = 0x1f80;

#[repr(C, align(32))]
struct Bank([u64; WORDS]);

/// Whether there is AVX and the kernel keeps its state (the CPU shows that it was switched on).
fn has_avx() -> bool {
    const OSXSAVE_AND_AVX: u32 = 1 << 27 | 1 << 28;
    __cpuid(1).ecx & OSXSAVE_AND_AVX == OSXSAVE_AND_AVX
}

/// See [`super::hold_registers`].
pub fn hold_registers(seed: u64, rounds: u64) -> u32 {
    let mut want = Bank(core::array::from_fn(|place| pattern(seed, place as u64)));
    want.0[72] = core::f64::consts::PI.to_bits();
    want.0[73] = 1;
    want.0[74] = ROUND_TO_ZERO;
    let avx = has_avx();
    if !avx {
        // The upper halves cannot be held.
        want.0[..64].chunks_exact_mut(4).for_each(|vector| vector[2..].fill(0));
    }
    let mut found = Bank([0; WORDS]);
    // SAFETY: reads `want` and writes `found`, both long enough; every register it changes is
    // named, and MXCSR and the x87 stack are as before at the end.
    unsafe {
        asm!(
            "test {avx:l}, 1",
            "jz 20f",
            "vmovups ymm0, [{p}]", "vmovups ymm1, [{p} + 32]",
            "vmovups ymm2, [{p} + 64]", "vmovups ymm3, [{p} + 96]",
            "vmovups ymm4, [{p} + 128]", "vmovups ymm5, [{p} + 160]",
            "vmovups ymm6, [{p} + 192]", "vmovups ymm7, [{p} + 224]",
            "vmovups ymm8, [{p} + 256]", "vmovups ymm9, [{p} + 288]",
            "vmovups ymm10, [{p} + 320]", "vmovups ymm11, [{p} + 352]",
            "vmovups ymm12, [{p} + 384]", "vmovups ymm13, [{p} + 416]",
            "vmovups ymm14, [{p} + 448]", "vmovups ymm15, [{p} + 480]",
            "jmp 21f",
            "20:",
            "movups xmm0, [{p}]", "movups xmm1, [{p} + 32]",
            "movups xmm2, [{p} + 64]", "movups xmm3, [{p} + 96]",
            "movups xmm4, [{p} + 128]", "movups xmm5, [{p} + 160]",
            "movups xmm6, [{p} + 192]", "movups xmm7, [{p} + 224]",
            "movups xmm8, [{p} + 256]", "movups xmm9, [{p} + 288]",
            "movups xmm10, [{p} + 320]", "movups xmm11, [{p} + 352]",
            "movups xmm12, [{p} + 384]", "movups xmm13, [{p} + 416]",
            "movups xmm14, [{p} + 448]", "movups xmm15, [{p} + 480]",
            "21:",
            "mov r8, [{p} + {general}]", "mov r9, [{p} + {general} + 8]",
            "mov r10, [{p} + {general} + 16]", "mov r11, [{p} + {general} + 24]",
            "mov r12, [{p} + {general} + 32]", "mov r13, [{p} + {general} + 40]",
            "mov r14, [{p} + {general} + 48]", "mov r15, [{p} + {general} + 56]",
            "ldmxcsr [{p} + {mxcsr}]",
            "fldpi",
            "stc",
            // `dec` leaves the carry flag alone.
            "22:",
            "dec {rounds}",
            "jnz 22b",
            "setc byte ptr [{q} + {carry}]",
            "fstp qword ptr [{q} + {x87}]",
            "stmxcsr [{q} + {mxcsr}]",
            "ldmxcsr [{usual}]",
            "mov [{q} + {general}], r8", "mov [{q} + {general} + 8], r9",
            "mov [{q} + {general} + 16], r10", "mov [{q} + {general} + 24], r11",
            "mov [{q} + {general} + 32], r12", "mov [{q} + {general} + 40], r13",
            "mov [{q} + {general} + 48], r14", "mov [{q} + {general} + 56], r15",
            "test {avx:l}, 1",
            "jz 23f",
            "vmovups [{q}], ymm0", "vmovups [{q} + 32], ymm1",
            "vmovups [{q} + 64], ymm2", "vmovups [{q} + 96], ymm3",
            "vmovups [{q} + 128], ymm4", "vmovups [{q} + 160], ymm5",
            "vmovups [{q} + 192], ymm6", "vmovups [{q} + 224], ymm7",
            "vmovups [{q} + 256], ymm8", "vmovups [{q} + 288], ymm9",
            "vmovups [{q} + 320], ymm10", "vmovups [{q} + 352], ymm11",
            "vmovups [{q} + 384], ymm12", "vmovups [{q} + 416], ymm13",
            "vmovups [{q} + 448], ymm14", "vmovups [{q} + 480], ymm15",
            "vzeroupper",
            "jmp 24f",
            "23:",
            "movups [{q}], xmm0", "movups [{q} + 32], xmm1",
            "movups [{q} + 64], xmm2", "movups [{q} + 96], xmm3",
            "movups [{q} + 128], xmm4", "movups [{q} + 160], xmm5",
            "movups [{q} + 192], xmm6", "movups [{q} + 224], xmm7",
            "movups [{q} + 256], xmm8", "movups [{q} + 288], xmm9",
            "movups [{q} + 320], xmm10", "movups [{q} + 352], xmm11",
            "movups [{q} + 384], xmm12", "movups [{q} + 416], xmm13",
            "movups [{q} + 448], xmm14", "movups [{q} + 480], xmm15",
            "24:",
            p = in(reg) &raw const want,
            q = in(reg) &raw mut found,
            rounds = inout(reg) rounds => _,
            avx = in(reg) u64::from(avx),
            usual = in(reg) &raw const USUAL,
            general = const GENERAL,
            x87 = const X87,
            carry = const CARRY,
            mxcsr = const MXCSR,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
            out("r12") _, out("r13") _, out("r14") _, out("r15") _,
            out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _,
            out("xmm4") _, out("xmm5") _, out("xmm6") _, out("xmm7") _,
            out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
            out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _,
            options(nostack),
        );
    }
    differences(&want.0, &found.0)
}

static USUAL: u32 = USUAL_MXCSR;

/// rbx, r12 to r15, then MXCSR and the x87 control word.
const KEPT: usize = 6;

/// See [`super::hold_over_calls`].
pub fn hold_over_calls(seed: u64, f: extern "C" fn(), times: u64) -> u32 {
    let mut want: [u64; KEPT] = core::array::from_fn(|place| pattern(seed, place as u64));
    // Rounding towards zero; x87 with double precision instead of extended.
    want[5] = ROUND_TO_ZERO | 0x027f << 32;
    let mut found = [0; KEPT];
    // SAFETY: both arrays are long enough, and `f` is an ordinary function.
    unsafe { call_holding(&raw const want, &raw mut found, f, times) };
    differences(&want, &found)
}

/// # Safety
/// `want` can be read and `found` written.
#[unsafe(naked)]
unsafe extern "C" fn call_holding(
    want: *const [u64; KEPT],
    found: *mut [u64; KEPT],
    f: extern "C" fn(),
    times: u64,
) {
    naked_asm!(
        ".cfi_startproc",
        "push rbp",
        ".cfi_def_cfa_offset 16",
        ".cfi_offset rbp, -16",
        "mov rbp, rsp",
        ".cfi_def_cfa_register rbp",
        "push rbx",
        ".cfi_offset rbx, -24",
        "push r12",
        ".cfi_offset r12, -32",
        "push r13",
        ".cfi_offset r13, -40",
        "push r14",
        ".cfi_offset r14, -48",
        "push r15",
        ".cfi_offset r15, -56",
        "sub rsp, 40",
        "mov [rsp], rsi",
        "mov [rsp + 8], rdx",
        "mov [rsp + 16], rcx",
        "stmxcsr [rsp + 24]",
        "fnstcw [rsp + 28]",
        "mov rbx, [rdi]",
        "mov r12, [rdi + 8]",
        "mov r13, [rdi + 16]",
        "mov r14, [rdi + 24]",
        "mov r15, [rdi + 32]",
        "ldmxcsr [rdi + 40]",
        "fldcw [rdi + 44]",
        "2:",
        "call qword ptr [rsp + 8]",
        "dec qword ptr [rsp + 16]",
        "jnz 2b",
        "mov rsi, [rsp]",
        "mov [rsi], rbx",
        "mov [rsi + 8], r12",
        "mov [rsi + 16], r13",
        "mov [rsi + 24], r14",
        "mov [rsi + 32], r15",
        "stmxcsr [rsi + 40]",
        "fnstcw [rsi + 44]",
        "ldmxcsr [rsp + 24]",
        "fldcw [rsp + 28]",
        "add rsp, 40",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        ".cfi_def_cfa rsp, 8",
        "ret",
        ".cfi_endproc",
    )
}

/// See [`super::kept_core_bases`]: by `rdgsbase`; accesses through GS leave no base behind.
pub fn kept_core_bases(text: &[u8]) -> alloc::vec::Vec<usize> {
    let is_rdgsbase = |bytes: &[u8]| matches!(bytes, [0xf3, 0x48 | 0x49, 0x0f, 0xae, 0xc8..=0xcf]);
    let found = text.windows(5).enumerate().filter(|(_, bytes)| is_rdgsbase(bytes));
    found.map(|(at, _)| at).collect()
}

/// See [`super::flow`].
pub fn flow(pc: usize) -> Flow {
    // SAFETY: text, which can be read; an instruction that was just executed is all there.
    let byte = |at: usize| unsafe { ((pc + at) as *const u8).read() };
    let is_prefix = |byte| matches!(byte, 0x2e | 0x3e | 0x40..=0x4f | 0x66 | 0x67 | 0xf2 | 0xf3);
    let at = (0..8).find(|&at| !is_prefix(byte(at))).unwrap_or(0);
    match byte(at) {
        0xe8 => Flow::Call,
        0xff if byte(at + 1) >> 3 & 7 == 2 => Flow::Call,
        0xc2 | 0xc3 => Flow::Return,
        _ => Flow::Other,
    }
}

/// See [`super::return_address`].
pub fn return_address(registers: &Registers) -> usize {
    // SAFETY: a call has just pushed it.
    unsafe { (registers.r[Registers::SP] as *const usize).read() }
}
