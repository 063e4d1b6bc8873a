//! The shared pool against a plain set.

use std::collections::BTreeSet;

use super::*;
use crate::mem::testing::Rng;

/// Frames `first..first + len` of a pretended machine, with memory behind them.
struct Fake {
    first: u32,
    bytes: Vec<u64>,
}

impl Fake {
    fn new(first: u32, frames: u32) -> Self {
        Self { first, bytes: vec![u64::MAX; frames as usize * PAGE / 8] }
    }
}

impl Ram for Fake {
    fn frame(&self, frame: u32) -> *mut u8 {
        let at = (frame - self.first) as usize * PAGE;
        assert!(at < self.bytes.len() * 8);
        self.bytes.as_ptr().cast::<u8>().cast_mut().wrapping_add(at)
    }
}

#[test]
fn every_frame_comes_once() {
    let mut pool = Pool::new(Fake::new(300, 5000));
    pool.add(300, 700);
    pool.add(800, 3000);
    pool.add(3001, 5300);
    let mut seen = BTreeSet::new();
    while let Some(frame) = pool.take_one() {
        assert!((300..700).contains(&frame) || (800..3000).contains(&frame) || frame > 3000);
        assert!(seen.insert(frame));
    }
    assert_eq!(pool.free(), 0);
    assert_eq!(seen.len() as u64, pool.total());
    assert_eq!(pool.total(), 400 + 2200 + 2299 - u64::from(TABLE_FRAMES));
}

#[test]
fn boot_writes_nothing() {
    let mut pool = Pool::new(Fake::new(256, 4096));
    pool.add(256, 4352);
    assert!(pool.ram.bytes.iter().all(|word| *word == u64::MAX));
    // Not even a GiB's worth: just the one table.
    pool.take_one().unwrap();
    let written = pool.ram.bytes.iter().filter(|word| **word != u64::MAX).count();
    assert!(written <= TABLE_FRAMES as usize * PAGE / 8);
}

#[test]
fn a_chunk_whose_frames_are_back_is_whole_again() {
    let mut pool = Pool::new(Fake::new(512, 1536));
    pool.add(512, 2048);
    // One chunk lost the frames of its table.
    let large: Vec<u32> = std::iter::from_fn(|| pool.take_large()).collect();
    assert_eq!(large, [1024, 1536]);
    assert_eq!(pool.take_large(), None);
    for frame in large {
        pool.put_large(frame).unwrap();
    }
    let all: Vec<u32> = std::iter::from_fn(|| pool.take_one()).collect();
    assert_eq!(pool.take_large(), None);
    for frame in all {
        pool.put(frame).unwrap();
    }
    assert!(pool.take_large().is_some());
    assert!(pool.take_large().is_some());
}

#[test]
fn regions_may_share_a_chunk() {
    let mut pool = Pool::new(Fake::new(512, 1024));
    pool.add(512, 600);
    pool.add(600, 1024);
    pool.add(1024, 1100);
    pool.add(1101, 1536);
    let all: Vec<u32> = std::iter::from_fn(|| pool.take_one()).collect();
    assert_eq!(all.len(), 1023 - TABLE_FRAMES as usize);
    assert!(!all.contains(&1100));
    assert_eq!(pool.put(all[0]), Ok(()));
    assert_eq!(pool.put(all[0]), Err(DoubleFree));
}

#[test]
fn a_region_too_small_for_a_table_is_left_alone() {
    let mut pool = Pool::new(Fake::new(1, 64));
    pool.add(1, 1 + TABLE_FRAMES - 1);
    assert_eq!(pool.take_one(), None);
    assert_eq!(pool.total(), 0);
    assert_eq!(pool.free(), 0);
}

#[test]
fn random_use_matches_a_set() {
    for seed in 0..4 {
        let mut rng = Rng::new(seed);
        let mut pool = Pool::new(Fake::new(1000, 8192));
        pool.add(1000, 5000);
        pool.add(5003, 9192);
        let mut held: Vec<u32> = Vec::new();
        let mut large: Vec<u32> = Vec::new();
        let mut set = BTreeSet::new();
        for _ in 0..20_000 {
            match rng.below(100) {
                0..30 => {
                    if let Some(frame) = pool.take_one() {
                        assert!(set.insert(frame));
                        held.push(frame);
                    }
                }
                30..45 => {
                    let most = rng.below(3) as u32;
                    let taken = pool.take(most, |frame| {
                        assert!(set.insert(frame));
                        held.push(frame);
                    });
                    assert!(taken <= most);
                }
                45..90 => {
                    if !held.is_empty() {
                        let frame = held.swap_remove(rng.below(held.len()));
                        assert!(set.remove(&frame));
                        pool.put(frame).unwrap();
                    }
                }
                90..96 => {
                    if let Some(first) = pool.take_large() {
                        assert_eq!(first % FRAMES, 0);
                        large.push(first);
                        assert!((first..first + FRAMES).all(|frame| set.insert(frame)));
                    }
                }
                _ => {
                    if !large.is_empty() {
                        let first = large.swap_remove(rng.below(large.len()));
                        assert!((first..first + FRAMES).all(|frame| set.remove(&frame)));
                        pool.put_large(first).unwrap();
                    }
                }
            }
            // The first table is cut from the first region at the first need.
            assert_eq!(pool.free(), pool.total() - set.len() as u64);
        }
    }
}
