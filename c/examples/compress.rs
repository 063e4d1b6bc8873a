//! A C library at work: Zstandard, compiled from its C by `zstd-sys`, called by many goroutines at
//! once.
//!
//! Each call runs on a C stack and is preempted there, so that the ticker below has its turns.
#![no_std]
#![no_main]

use burrow::prelude::*;
use burrow::sync::atomic::{AtomicU32, Ordering};
use burrow::time::tick;
use zstd_sys::{ZSTD_compress, ZSTD_compressBound, ZSTD_decompress, ZSTD_isError};

/// Texts to compress, and how long each is.
const BLOCKS: usize = 16;
const LEN: usize = 256 << 10;

/// Words in an order that only the number decides.
fn text(number: usize) -> Vec<u8> {
    const WORDS: [&str; 8] =
        ["go ", "run ", "channel ", "select ", "park ", "ready ", "steal ", "\n"];
    let mut state = number as u32 + 1;
    let mut text = Vec::with_capacity(LEN + 8);
    while text.len() < LEN {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text.extend(WORDS[(state >> 24) as usize % WORDS.len()].bytes());
    }
    text.truncate(LEN);
    text
}

fn compress(plain: &[u8]) -> Vec<u8> {
    // SAFETY: Zstandard reads the text, writes no more than it says, and calls nobody back.
    unsafe {
        let bound = ZSTD_compressBound(plain.len());
        let mut packed = vec![0_u8; bound];
        let to = packed.as_mut_ptr().cast();
        let from = plain.as_ptr().cast();
        let len = runtime::call_c(|| ZSTD_compress(to, bound, from, plain.len(), 3));
        assert_eq!(ZSTD_isError(len), 0);
        packed.truncate(len);
        packed
    }
}

fn decompress(packed: &[u8]) -> Option<Vec<u8>> {
    let mut plain = vec![0_u8; LEN];
    let (from, to) = (packed.as_ptr().cast(), plain.as_mut_ptr().cast());
    // SAFETY: Zstandard checks what it reads, and writes no more than `LEN` bytes.
    let len = unsafe { runtime::call_c(|| ZSTD_decompress(to, LEN, from, packed.len())) };
    // SAFETY: it only looks at the number.
    let whole = unsafe { ZSTD_isError(len) } == 0;
    whole.then(|| {
        plain.truncate(len);
        plain
    })
}

#[burrow::main]
fn main() {
    static TICKS: AtomicU32 = AtomicU32::new(0);
    let ticks = tick(Duration::from_millis(1));
    go(move || ticks.iter().for_each(|_| _ = TICKS.fetch_add(1, Ordering::Relaxed)));

    let packed = Chan::new(BLOCKS);
    for number in 0..BLOCKS {
        let packed = packed.clone();
        go(move || packed.send((number, compress(&text(number)))));
    }
    let mut blocks: Vec<_> = packed.iter().take(BLOCKS).collect();
    blocks.sort();
    for (number, packed) in &blocks {
        let whole = decompress(packed).is_some_and(|plain| plain == text(*number));
        let verdict = if whole { "the same again" } else { "DIFFERENT" };
        println!("block {number:2}: {LEN} bytes, {} packed, {verdict}", packed.len());
    }
    let broken: Vec<u8> = blocks[0].1.iter().map(|byte| !byte).collect();
    println!("broken block: {}", if decompress(&broken).is_none() { "refused" } else { "taken" });
    println!(
        "the ticker {}",
        if TICKS.load(Ordering::Relaxed) > 0 { "ticked" } else { "STOOD STILL" }
    );
}
