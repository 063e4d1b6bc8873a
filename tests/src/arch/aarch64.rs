//! aarch64: q0 to q31, general registers, condition flags, FPCR.

use core::arch::{asm, naked_asm};

use burrow_arch::context::Registers;

use super::{Flow, differences, pattern};

/// 32 vector registers of 2 words, 8 general ones, NZCV, FPCR.
const WORDS: usize = 64 + 8 + 2;
const GENERAL: usize = 64 * 8;
const NZCV: usize = 72 * 8;
const FPCR: usize = 73 * 8;
/// Negative and carry: no comparison of equal numbers leaves that.
const FLAGS: u64 = 0xa000_0000;
/// Rounding towards zero, as never.
const ROUND_TO_ZERO: u64 = 3 << 22;

#[repr(C, align(16))]
struct Bank([u64; WORDS]);

/// See [`super::hold_registers`].
pub fn hold_registers(seed: u64, rounds: u64) -> u32 {
    let mut want = Bank(core::array::from_fn(|place| pattern(seed, place as u64)));
    want.0[72] = FLAGS;
    want.0[73] = ROUND_TO_ZERO;
    let mut found = Bank([0; WORDS]);
    // SAFETY: reads `want` and writes `found`, both long enough; every register it changes is
    // named, and FPCR is as before at the end.
    unsafe {
        asm!(
            "ldp q0, q1, [{p}]", "ldp q2, q3, [{p}, #32]",
            "ldp q4, q5, [{p}, #64]", "ldp q6, q7, [{p}, #96]",
            "ldp q8, q9, [{p}, #128]", "ldp q10, q11, [{p}, #160]",
            "ldp q12, q13, [{p}, #192]", "ldp q14, q15, [{p}, #224]",
            "ldp q16, q17, [{p}, #256]", "ldp q18, q19, [{p}, #288]",
            "ldp q20, q21, [{p}, #320]", "ldp q22, q23, [{p}, #352]",
            "ldp q24, q25, [{p}, #384]", "ldp q26, q27, [{p}, #416]",
            "ldp q28, q29, [{p}, #448]", "ldp q30, q31, [{p}, #480]",
            "add {t}, {p}, #{general}",
            "ldp x8, x9, [{t}]", "ldp x10, x11, [{t}, #16]",
            "ldp x12, x13, [{t}, #32]", "ldp x14, x15, [{t}, #48]",
            "ldr {t}, [{p}, #{fpcr}]",
            "msr fpcr, {t}",
            "ldr {t}, [{p}, #{nzcv}]",
            "msr nzcv, {t}",
            "2:",
            "sub {rounds}, {rounds}, #1",
            "cbnz {rounds}, 2b",
            "mrs {t}, nzcv",
            "str {t}, [{q}, #{nzcv}]",
            "mrs {t}, fpcr",
            "str {t}, [{q}, #{fpcr}]",
            "msr fpcr, xzr",
            "add {t}, {q}, #{general}",
            "stp x8, x9, [{t}]", "stp x10, x11, [{t}, #16]",
            "stp x12, x13, [{t}, #32]", "stp x14, x15, [{t}, #48]",
            "stp q0, q1, [{q}]", "stp q2, q3, [{q}, #32]",
            "stp q4, q5, [{q}, #64]", "stp q6, q7, [{q}, #96]",
            "stp q8, q9, [{q}, #128]", "stp q10, q11, [{q}, #160]",
            "stp q12, q13, [{q}, #192]", "stp q14, q15, [{q}, #224]",
            "stp q16, q17, [{q}, #256]", "stp q18, q19, [{q}, #288]",
            "stp q20, q21, [{q}, #320]", "stp q22, q23, [{q}, #352]",
            "stp q24, q25, [{q}, #384]", "stp q26, q27, [{q}, #416]",
            "stp q28, q29, [{q}, #448]", "stp q30, q31, [{q}, #480]",
            p = in(reg) &raw const want,
            q = in(reg) &raw mut found,
            t = out(reg) _,
            rounds = inout(reg) rounds => _,
            general = const GENERAL,
            nzcv = const NZCV,
            fpcr = const FPCR,
            out("x8") _, out("x9") _, out("x10") _, out("x11") _,
            out("x12") _, out("x13") _, out("x14") _, out("x15") _,
            out("v0") _, out("v1") _, out("v2") _, out("v3") _,
            out("v4") _, out("v5") _, out("v6") _, out("v7") _,
            out("v8") _, out("v9") _, out("v10") _, out("v11") _,
            out("v12") _, out("v13") _, out("v14") _, out("v15") _,
            out("v16") _, out("v17") _, out("v18") _, out("v19") _,
            out("v20") _, out("v21") _, out("v22") _, out("v23") _,
            out("v24") _, out("v25") _, out("v26") _, out("v27") _,
            out("v28") _, out("v29") _, out("v30") _, out("v31") _,
            options(nostack),
        );
    }
    differences(&want.0, &found.0)
}

/// x19 to x28, d8 to d15, FPCR.
const KEPT: usize = 19;

/// See [`super::hold_over_calls`].
pub fn hold_over_calls(seed: u64, f: extern "C" fn(), times: u64) -> u32 {
    let mut want: [u64; KEPT] = core::array::from_fn(|place| pattern(seed, place as u64));
    want[18] = ROUND_TO_ZERO;
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
        "stp x29, x30, [sp, #-192]!",
        ".cfi_def_cfa_offset 192",
        ".cfi_offset x29, -192",
        ".cfi_offset x30, -184",
        "mov x29, sp",
        "stp x19, x20, [sp, #16]",
        "stp x21, x22, [sp, #32]",
        "stp x23, x24, [sp, #48]",
        "stp x25, x26, [sp, #64]",
        "stp x27, x28, [sp, #80]",
        "stp d8, d9, [sp, #96]",
        "stp d10, d11, [sp, #112]",
        "stp d12, d13, [sp, #128]",
        "stp d14, d15, [sp, #144]",
        ".irp n, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28",
        ".cfi_offset \\n, (\\n - 17) * 8 - 192",
        ".endr",
        ".irp n, 8, 9, 10, 11, 12, 13, 14, 15",
        ".cfi_offset 64 + \\n, 96 + (\\n - 8) * 8 - 192",
        ".endr",
        "stp x1, x2, [sp, #160]",
        "str x3, [sp, #176]",
        "ldp x19, x20, [x0]",
        "ldp x21, x22, [x0, #16]",
        "ldp x23, x24, [x0, #32]",
        "ldp x25, x26, [x0, #48]",
        "ldp x27, x28, [x0, #64]",
        "ldp d8, d9, [x0, #80]",
        "ldp d10, d11, [x0, #96]",
        "ldp d12, d13, [x0, #112]",
        "ldp d14, d15, [x0, #128]",
        "ldr x9, [x0, #144]",
        "msr fpcr, x9",
        "2:",
        "ldr x9, [sp, #168]",
        "blr x9",
        "ldr x9, [sp, #176]",
        "sub x9, x9, #1",
        "str x9, [sp, #176]",
        "cbnz x9, 2b",
        "ldr x0, [sp, #160]",
        "stp x19, x20, [x0]",
        "stp x21, x22, [x0, #16]",
        "stp x23, x24, [x0, #32]",
        "stp x25, x26, [x0, #48]",
        "stp x27, x28, [x0, #64]",
        "stp d8, d9, [x0, #80]",
        "stp d10, d11, [x0, #96]",
        "stp d12, d13, [x0, #112]",
        "stp d14, d15, [x0, #128]",
        "mrs x9, fpcr",
        "str x9, [x0, #144]",
        "msr fpcr, xzr",
        "ldp x19, x20, [sp, #16]",
        "ldp x21, x22, [sp, #32]",
        "ldp x23, x24, [sp, #48]",
        "ldp x25, x26, [sp, #64]",
        "ldp x27, x28, [sp, #80]",
        "ldp d8, d9, [sp, #96]",
        "ldp d10, d11, [sp, #112]",
        "ldp d12, d13, [sp, #128]",
        "ldp d14, d15, [sp, #144]",
        "ldp x29, x30, [sp], #192",
        ".cfi_def_cfa_offset 0",
        ".cfi_restore x29",
        ".cfi_restore x30",
        "ret",
        ".cfi_endproc",
    )
}

/// See [`super::kept_core_bases`]: `mrs x, tpidr_el0` without `ldr x, [x, ..]` right behind it.
pub fn kept_core_bases(text: &[u8]) -> alloc::vec::Vec<usize> {
    const MRS_TPIDR_EL0: u32 = 0xd53b_d040;
    const LDR: u32 = 0xf940_0000;
    let word = |bytes: &[u8]| bytes.try_into().map_or(0, u32::from_le_bytes);
    let is_kept = |pair: &[u8]| {
        let (first, second) = (word(&pair[..4]), word(&pair[4..]));
        let register = first & 31;
        // The offset is the load's own business.
        let used_up = LDR | register << 5 | register;
        first & !31 == MRS_TPIDR_EL0 && second & !(0xfff << 10) != used_up
    };
    let pairs = text.windows(8).step_by(4).enumerate();
    pairs.filter(|(_, pair)| is_kept(pair)).map(|(index, _)| index * 4).collect()
}

/// See [`super::flow`].
pub fn flow(pc: usize) -> Flow {
    // SAFETY: text, which can be read.
    let word = unsafe { (pc as *const u32).read() };
    match word {
        // `bl` and `blr`.
        _ if word >> 26 == 0b100101 => Flow::Call,
        _ if word & 0xffff_fc1f == 0xd63f_0000 => Flow::Call,
        _ if word & 0xffff_fc1f == 0xd65f_0000 => Flow::Return,
        _ => Flow::Other,
    }
}

/// See [`super::return_address`].
pub fn return_address(registers: &Registers) -> usize {
    registers.r[Registers::RA]
}
