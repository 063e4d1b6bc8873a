//! Everything at once: goroutines that start others, talk, compute without a call, recurse and end,
//! on all cores, until a given amount of work is done. Nothing may be lost.
#![no_std]
#![no_main]

use burrow::prelude::*;
use burrow::sync::WaitGroup;
use core::hint::black_box;
use core::sync::atomic::{AtomicU64, Ordering};

burrow::test_main!();

static STARTED: AtomicU64 = AtomicU64::new(0);
static ENDED: AtomicU64 = AtomicU64::new(0);
static SENT: AtomicU64 = AtomicU64::new(0);
static RECEIVED: AtomicU64 = AtomicU64::new(0);

/// A small generator, so that each goroutine's doings follow from its seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

fn recurse(levels: u64) -> u64 {
    let frame = black_box([levels; 64]);
    if levels == 0 { 0 } else { recurse(levels - 1) + frame[(levels % 64) as usize] / levels }
}

fn compute(turns: u64) -> u64 {
    (0..turns).fold(1, |sum: u64, i| black_box(sum.wrapping_mul(6364136223846793005) ^ i))
}

/// A goroutine of the storm: `depth` is how many generations may still follow.
fn life(seed: u64, depth: u64, chan: Chan<u64>, all: WaitGroup) {
    STARTED.fetch_add(1, Ordering::Relaxed);
    let mut dice = Dice(seed | 1);
    for _ in 0..8 {
        match dice.below(6) {
            0 => runtime::gosched(),
            1 => drop(black_box(compute(1 + dice.below(20_000)))),
            2 => {
                let levels = dice.below(400);
                assert_eq!(recurse(levels), levels);
            }
            3 if depth > 0 => {
                let (seed, chan, all) = (dice.below(u64::MAX), chan.clone(), all.clone());
                all.add(1);
                go(move || life(seed, depth - 1, chan, all));
            }
            4 => {
                if chan.try_send(seed).is_ok() {
                    SENT.fetch_add(seed, Ordering::Relaxed);
                }
            }
            _ => {
                if let Ok(value) = chan.try_recv() {
                    RECEIVED.fetch_add(value, Ordering::Relaxed);
                }
            }
        }
    }
    // A meeting that parks one of the two, whoever comes first.
    let meeting: Chan<u64> = Chan::new(0);
    let other = meeting.clone();
    go(move || other.send(seed));
    assert_eq!(meeting.recv(), Some(seed));
    ENDED.fetch_add(1, Ordering::Relaxed);
    all.done();
}

// covers: S30, H05, H06, H22, H23, H30
#[burrow::test(timeout = "120s")]
fn storm() {
    let chan: Chan<u64> = Chan::new(64);
    let before = runtime::num_goroutine();
    for round in 0..6u64 {
        let all = WaitGroup::new();
        all.add(150);
        for i in 0..150u64 {
            let (chan, all) = (chan.clone(), all.clone());
            go(move || life(0x9e37_79b9_7f4a_7c15 ^ (round << 32) ^ i, 3, chan, all));
        }
        all.wait();
    }
    while let Ok(value) = chan.try_recv() {
        RECEIVED.fetch_add(value, Ordering::Relaxed);
    }
    assert_eq!(STARTED.load(Ordering::Relaxed), ENDED.load(Ordering::Relaxed));
    assert_eq!(SENT.load(Ordering::Relaxed), RECEIVED.load(Ordering::Relaxed));
    // The last of the meetings' other halves may still be on their way out.
    while runtime::num_goroutine() > before {
        runtime::gosched();
    }
}
