//! Disks: many requests at once, any offset and length, clear errors.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::vec;
use alloc::vec::Vec;
use burrow::block::{self, BlockDevice, Disk};
use burrow::io::ErrorKind;
use burrow::prelude::*;

burrow::test_main!();

/// The disk of raw zeros, one filled with the host's pattern that is read-only, and a small one.
fn disk(name: &str) -> Disk {
    block::open(name).expect(name)
}

/// What the host writes on a `numbered` disk.
fn pattern(offset: usize, len: usize) -> Vec<u8> {
    let byte = |at: u32| (at ^ (at >> 8) ^ (at >> 16).wrapping_mul(29)) as u8;
    (offset as u32..(offset + len) as u32).map(byte).collect()
}

#[burrow::test]
fn disks_have_names_sizes_and_blocks() {
    let names: Vec<_> = block::devices().iter().map(Disk::name).collect();
    assert_eq!(names, ["vda", "vdb", "vdc"]);
    assert_eq!(disk("vda").len(), 4 << 20);
    assert_eq!(disk("vdb").len(), 1 << 20);
    assert_eq!(disk("vdc").len(), 64 << 10);
    assert_eq!(disk("vda").block_size(), 512);
    let missing = block::open("vdz").expect_err("there are three");
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    assert_eq!(format!("{missing}"), "open vdz: there is no such disk");
}

#[burrow::test]
fn what_the_host_wrote_is_read() {
    let disk = disk("vdb");
    for (offset, len) in
        [(0, 512), (512, 4096), (4096, 65536), (0, 1 << 20), (100, 1), (511, 2), (777, 100_000)]
    {
        let mut buf = vec![0; len];
        disk.read_at(&mut buf, offset as u64).expect("read");
        assert!(buf == pattern(offset, len), "{len} bytes at {offset}");
    }
}
