//! Files on the machine's disks: `tests/disks/t131_disk_files.txt` says what the host puts on them
//! and what it finds there afterwards.
#![no_std]
#![no_main]

extern crate alloc;

use burrow::block::{self, BlockDevice, Disk};
use burrow::fs::{self, File};
use burrow::io::{ErrorKind, Seek, SeekFrom};
use burrow::prelude::*;
use burrow::test::keeps;

burrow::test_main!();

/// The disks differ in size.
fn disk(size: u64) -> Disk {
    block::devices().into_iter().find(|disk| disk.len() == size).expect("see tests/disks")
}

/// The bytes that the host fills files with.
fn pattern(len: u32) -> Vec<u8> {
    (0..len).map(|at| (at ^ (at >> 8) ^ (at >> 16).wrapping_mul(29)) as u8).collect()
}

/// The first disk of the machine is there without being asked for.
#[burrow::test]
fn files_go_both_ways() {
    keeps();
    assert_eq!(disk(16 << 20).name(), "vda");
    assert_eq!(
        fs::read_to_string("/from the host/Some text.txt").unwrap(),
        "Hello from the host\n"
    );
    fs::write("/A file of the image.txt", "Hello from the image\n").unwrap();
    fs::create_dir("/from the image").unwrap();
    fs::create_dir("/from the image/deep").unwrap();
    let mut file = File::create("/from the image/deep/down.txt").unwrap();
    writeln!(file, "dxxp").unwrap();
    file.seek(SeekFrom::Start(1)).unwrap();
    file.write_all(b"ee").unwrap();
    drop(file);
    let big = fs::read("/big.bin").unwrap();
    assert!(big == pattern(1_000_000));
    fs::write("/copy.bin", &big).unwrap();
    fs::remove_file("/old.txt").unwrap();
    let mut names: Vec<String> = fs::read_dir("/").unwrap().into_iter().map(|e| e.name).collect();
    names.sort();
    let wanted =
        ["A file of the image.txt", "big.bin", "copy.bin", "from the host", "from the image"];
    assert_eq!(names, wanted);
    // What stays in memory until now, the end of the program writes.
    core::mem::forget(File::open("/big.bin").unwrap());
}

#[burrow::test]
fn a_read_only_disk_takes_nothing() {
    fs::mount(disk(1 << 20), "/ro").unwrap();
    assert_eq!(fs::read("/ro/f.txt").unwrap(), b"read only");
    let refused = fs::write("/ro/f.txt", "x").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::PermissionDenied);
    assert_eq!(refused.to_string(), "open /ro/f.txt: read-only file system");
    assert_eq!(fs::remove_file("/ro/f.txt").unwrap_err().kind(), ErrorKind::PermissionDenied);
    fs::unmount("/ro").unwrap();
}

#[burrow::test]
fn a_blank_disk_becomes_a_volume() {
    fs::mount(disk(48 << 20), "/new").unwrap();
    fs::create_dir("/new/made").unwrap();
    fs::write("/new/made/by the image.txt", "made\n").unwrap();
    fs::write("/new/made/much.bin", pattern(700_000)).unwrap();
    fs::unmount("/new").unwrap();
    fs::mount(disk(48 << 20), "/new").unwrap();
    assert!(fs::read("/new/made/much.bin").unwrap() == pattern(700_000));
    fs::unmount("/new").unwrap();
}

#[burrow::test]
fn a_disk_of_something_else_is_left_alone() {
    let unknown = fs::mount(disk(256 << 10), "/x").unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::InvalidData);
    assert_eq!(unknown.to_string(), "mount /x: no known file system on the device");
}

/// Each on its own volume, at the same time.
#[burrow::test]
fn volumes_work_beside_each_other() {
    keeps();
    fs::mount(disk(1 << 20), "/ro").unwrap();
    scope(|s| {
        for number in 0..4 {
            s.go(move || {
                for _ in 0..10 {
                    assert_eq!(fs::read("/ro/f.txt").unwrap(), b"read only");
                    let name = format!("/temporary {number}");
                    fs::write(&name, vec![number; 9000]).unwrap();
                    assert!(fs::read(&name).unwrap() == vec![number; 9000]);
                    fs::remove_file(&name).unwrap();
                }
            });
        }
    });
    fs::unmount("/ro").unwrap();
}
