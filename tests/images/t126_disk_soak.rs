//! Random reads and writes against a model, for as long as the command line says (`seconds=N`), and
//! what is left when the machine is killed meanwhile.
//!
//! Each goroutine owns blocks, and keeps in mind the version of each that it wrote last. Every
//! sector says which block, sector and version it is. With `report=1` the console says which
//! versions a flush has confirmed, and at the next boot which are found: `.ci/disk-soak` kills the
//! machine in between and compares.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::vec;
use alloc::vec::Vec;
use burrow::block::{self, BlockDevice, Disk};
use burrow::env;
use burrow::prelude::*;
use burrow::sync::WaitGroup;
use core::fmt::Write;

burrow::test_main!();

const SECTOR: usize = 512;
const BLOCK: usize = 4096;
const OWNERS: usize = 8;
const EACH: usize = 16;

fn number(name: &str, usual: u64) -> u64 {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// The words of a sector: where it is and which version, and a tail that follows from them.
fn sector(block: usize, index: usize, version: u64) -> [u64; SECTOR / 8] {
    let mut word = (block as u64) << 32 | (index as u64) << 24 | version << 40 ^ version;
    let mut words = [0; SECTOR / 8];
    for place in &mut words {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *place = word;
    }
    words[0] = version;
    words
}

fn block_of(block: usize, version: u64) -> Vec<u8> {
    (0..BLOCK / SECTOR)
        .flat_map(|index| sector(block, index, version))
        .flat_map(u64::to_le_bytes)
        .collect()
}

/// The version of each sector of a block; 0 where nothing was ever written.
fn versions(block: usize, bytes: &[u8]) -> Vec<u64> {
    let of = |(index, found): (usize, &[u8])| {
        let version = u64::from_le_bytes(found[..8].try_into().expect("8 bytes"));
        let whole: Vec<u8> =
            sector(block, index, version).into_iter().flat_map(u64::to_le_bytes).collect();
        let is_whole =
            if version == 0 { found.iter().all(|byte| *byte == 0) } else { found == whole };
        assert!(is_whole, "block {block}, sector {index} is damaged: version {version}");
        version
    };
    bytes.chunks(SECTOR).enumerate().map(of).collect()
}

fn at(block: usize) -> u64 {
    (block * BLOCK) as u64
}

/// What is there when the image starts; the newest version of each block.
fn look(disk: &Disk, report: bool) -> Vec<u64> {
    let mut bytes = vec![0; BLOCK];
    (0..OWNERS * EACH)
        .map(|block| {
            disk.read_at(&mut bytes, at(block)).expect("read");
            let found = versions(block, &bytes);
            let (oldest, newest) = (found.iter().min(), found.iter().max());
            let (oldest, newest) = (*oldest.expect("sectors"), *newest.expect("sectors"));
            if report {
                println!("found {block} {oldest} {newest}");
            }
            newest
        })
        .collect()
}

/// Writes, reads and flushes until the time is up.
fn work(disk: &Disk, owner: usize, mut newest: Vec<u64>, until: Instant, report: bool) {
    let mut random = (owner as u64 + 88_172_645_463_325_252) ^ newest.iter().sum::<u64>();
    let mut below = |limit: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % limit as u64) as usize
    };
    let mut bytes = vec![0; BLOCK];
    // What a killed machine has left may be a mixture: whole again first.
    for (index, version) in newest.iter_mut().enumerate() {
        *version += 1;
        let block = owner * EACH + index;
        disk.write_at(&block_of(block, *version), at(block)).expect("write");
    }
    while Instant::now() < until {
        for _ in 0..4 {
            let index = below(EACH);
            let block = owner * EACH + index;
            if below(2) == 0 {
                newest[index] += 1;
                disk.write_at(&block_of(block, newest[index]), at(block)).expect("write");
            } else {
                // A piece of it, at any offset.
                let start = below(BLOCK);
                let len = below(BLOCK - start) + 1;
                disk.read_at(&mut bytes[..len], at(block) + start as u64).expect("read");
                let wanted = block_of(block, newest[index]);
                assert!(bytes[..len] == wanted[start..start + len], "block {block}");
            }
        }
        disk.flush().expect("flush");
        if report {
            let mut line = String::from("confirmed");
            for (index, version) in newest.iter().enumerate() {
                let _ = write!(line, " {}:{version}", owner * EACH + index);
            }
            println!("{line}");
        }
    }
    for (index, version) in newest.iter().enumerate() {
        let block = owner * EACH + index;
        disk.read_at(&mut bytes, at(block)).expect("read");
        assert!(versions(block, &bytes).iter().all(|found| found == version), "block {block}");
    }
}

#[burrow::test(timeout = "3600s")]
fn random_reads_and_writes_match_a_model() {
    let disk = block::open("vda").expect("a disk");
    let (report, seconds) = (number("report", 0) > 0, number("seconds", 1));
    let newest = look(&disk, report);
    let until = Instant::now() + Duration::from_secs(seconds);
    let group = WaitGroup::new();
    for (owner, own) in newest.chunks(EACH).enumerate() {
        let (disk, own) = (disk.clone(), own.to_vec());
        group.go(move || work(&disk, owner, own, until, report));
    }
    group.wait();
}
