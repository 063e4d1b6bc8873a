//! Where the machine's entropy comes from: the CPU's generator, what the firmware left for us, and
//! the jitter of the machine itself. A device comes later, by
//! [`set_device`](super::set_device).

use burrow_arch::{clock, entropy};

use super::pool::Pool;

/// Words that are asked of the CPU at start: as many bits as the key has, twice.
const WORDS_AT_START: usize = 8;
/// Intervals that are measured where nothing else is known.
const INTERVALS: u32 = 256;

/// Fills the pool for the first time. Whether a source that deserves the name was among them.
pub fn collect(pool: &mut Pool) -> bool {
    let mut good = cpu(pool, WORDS_AT_START);
    entropy::firmware(&mut |left| {
        pool.mix(left);
        good = true;
    });
    jitter(pool);
    good
}

/// Adds words of the CPU's generator; whether it has one and it answered.
pub fn cpu(pool: &mut Pool, words: usize) -> bool {
    let mut got = false;
    for _ in 0..words {
        if let Some(word) = entropy::random() {
            pool.mix(&word.to_le_bytes());
            got = true;
        }
    }
    got
}

/// Adds the time, to the last digit: never enough for secrets, but two boots differ.
fn jitter(pool: &mut Pool) {
    let mut words = [clock::wall_at_reset().unwrap_or(0), clock::ticks(), 0, 0];
    for round in 0..INTERVALS {
        let word = &mut words[2 + (round & 1) as usize];
        *word = word.rotate_left(7) ^ clock::ticks();
        // Memory and the branch predictor answer at their own speed.
        core::hint::black_box(&mut *word);
    }
    for word in words {
        pool.mix(&word.to_le_bytes());
    }
}
