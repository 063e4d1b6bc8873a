//! Damaged disks: whatever lies on one, every call comes back, and none of them panics.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::string::String;
use std::vec::Vec;
use std::{format, vec};

use fatfs::FatType;

use super::disk::{Numbers, Ram, read, write};
use super::ext::ext_disk;
use crate::{Blank, Volume};

/// More calls than any of these small disks should need: a loop that never ends gets there.
const CALLS: usize = 200_000;

fn fat_disk(kind: FatType, size: usize) -> Ram {
    let disk = Ram::formatted(kind, size);
    disk.put("A long folder name/inner/file.bin", &vec![3; 30_000]);
    disk.put("A long folder name/other file.text", b"text");
    disk.put("SHORT.TXT", &vec![4; 5000]);
    for number in 0..20 {
        disk.put(&format!("many/file number {number}.txt"), &vec![number; 700]);
    }
    disk
}

/// Everything that can be done to a volume, whatever comes of it.
fn use_it(disk: &Ram) {
    let Ok(mut volume) = Volume::mount(disk.clone(), Blank::Refuse) else { return };
    let mut folders = vec![String::from("/")];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in volume.read_dir(&folder).unwrap_or_default() {
            let path = format!("{}/{}", folder.trim_end_matches('/'), entry.name);
            seen += 1;
            // A folder in itself goes on for ever.
            if seen < 60 {
                if entry.meta.is_dir {
                    folders.push(path);
                } else if entry.meta.len < 1 << 20 {
                    let _ = read(&mut volume, &path);
                }
            }
        }
    }
    let _ = write(&mut volume, "/many/file number 3.txt", &[1; 4000]);
    let _ = write(&mut volume, "/a new file", &[2; 4000]);
    let _ = volume.create_dir("/many/new");
    let _ = volume.rename("/SHORT.TXT", "/many/new/long name of it");
    let _ = volume.remove_file("/A long folder name/inner/file.bin");
    let _ = volume.remove_dir("/A long folder name/inner");
    if let Ok(node) = volume.open_write("/A long folder name/other file.text") {
        let _ = volume.write(node, 9000, b"far");
        let _ = volume.set_len(node, 3);
        let _ = volume.close(node);
    }
    let _ = volume.sync();
}

/// How many times as many rounds as usual: `FUZZ=100` for a long run.
fn times() -> u64 {
    std::env::var("FUZZ").ok().and_then(|times| times.parse().ok()).unwrap_or(1)
}

fn damaged(name: &str, whole: &[u8], rounds: u64, damage: impl Fn(&mut Vec<u8>, &mut Numbers)) {
    for seed in 1..=rounds * times() {
        let mut bytes = whole.to_vec();
        damage(&mut bytes, &mut Numbers(seed * 0x9e37_79b9));
        let disk = Ram::new(bytes).tires_after(CALLS);
        let used = catch_unwind(AssertUnwindSafe(|| use_it(&disk)));
        assert!(used.is_ok(), "{name}, seed {seed}: it panicked");
        assert!(!disk.is_tired(), "{name}, seed {seed}: it went on and on");
    }
}

/// Bytes of the tables and folders, which lie in the first part of these disks.
fn some_bytes(first: usize) -> impl Fn(&mut Vec<u8>, &mut Numbers) {
    move |bytes, numbers| {
        for _ in 0..1 + numbers.below(12) {
            let at = numbers.below(first);
            bytes[at] = match numbers.below(4) {
                0 => 0,
                1 => 0xff,
                2 => bytes[at] ^ (1 << numbers.below(8)),
                _ => numbers.next() as u8,
            };
        }
    }
}

#[test]
fn fat_with_some_bytes_changed() {
    for (kind, size, first) in [
        (FatType::Fat12, 400 << 10, 60 << 10),
        (FatType::Fat16, 5 << 20, 100 << 10),
        (FatType::Fat32, 34 << 20, 600 << 10),
    ] {
        let whole = fat_disk(kind, size).bytes();
        let rounds = if kind == FatType::Fat32 { 30 } else { 150 };
        damaged(&format!("{kind:?}"), &whole, rounds, some_bytes(first));
    }
}

#[test]
fn fat_with_a_changed_first_sector() {
    let whole = fat_disk(FatType::Fat12, 400 << 10).bytes();
    damaged("the first sector", &whole, 400, some_bytes(90));
}

#[test]
fn fat_with_scrambled_folders() {
    let whole = fat_disk(FatType::Fat12, 400 << 10).bytes();
    damaged("scrambled", &whole, 150, |bytes, numbers| {
        for _ in 0..4 {
            let (from, to) = (numbers.below(60 << 10) & !31, numbers.below(60 << 10) & !31);
            let piece: [u8; 32] = bytes[from..from + 32].try_into().unwrap();
            bytes[to..to + 32].copy_from_slice(&piece);
        }
    });
}

#[test]
fn disks_that_end_early() {
    let whole = fat_disk(FatType::Fat16, 5 << 20).bytes();
    damaged("short", &whole, 40, |bytes, numbers| {
        let len = numbers.below(bytes.len()) & !511;
        bytes.truncate(len);
    });
}

#[test]
fn ext_with_some_bytes_changed() {
    let Some(whole) = ext_disk() else { return };
    damaged("ext", &whole, 300, some_bytes(64 << 10));
    damaged("ext's first block", &whole, 300, |bytes, numbers| {
        let at = 1024 + numbers.below(1024);
        bytes[at] = numbers.next() as u8;
    });
}
