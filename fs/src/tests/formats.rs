//! Each kind of FAT, both ways: what another implementation writes is read, and the reverse.

use std::string::String;
use std::vec;
use std::vec::Vec;

use fatfs::FatType;

use super::disk::{Ram, read, write};
use crate::{Blank, Error, Kind, Volume};

const KINDS: [(FatType, usize); 3] =
    [(FatType::Fat12, 2 << 20), (FatType::Fat16, 8 << 20), (FatType::Fat32, 40 << 20)];

fn names(volume: &mut Volume<Ram>, path: &str) -> Vec<String> {
    volume.read_dir(path).unwrap().into_iter().map(|entry| entry.name).collect()
}

#[test]
fn files_of_another_implementation_are_read() {
    for (kind, size) in KINDS {
        let disk = Ram::formatted(kind, size);
        let big: Vec<u8> = (0..300_000_u32).map(|at| (at % 251) as u8).collect();
        disk.put("Folder with a long name/The File.text", b"hello");
        disk.put("BIG.BIN", &big);
        disk.put("Ünïcödé.txt", b"u");
        let mut volume = disk.mount();
        assert_eq!(names(&mut volume, "/"), ["Folder with a long name", "BIG.BIN", "Ünïcödé.txt"]);
        let path = "/folder WITH a long name/the file.TEXT";
        assert_eq!(read(&mut volume, path).unwrap(), b"hello");
        assert_eq!(read(&mut volume, "/big.bin").unwrap(), big);
        assert_eq!(volume.metadata("/BIG.BIN").unwrap().len, 300_000);
        assert_eq!(read(&mut volume, "/Ünïcödé.txt").unwrap(), b"u");
    }
}

#[test]
fn files_are_read_by_another_implementation() {
    for (kind, size) in KINDS {
        for block in [512, 4096, 1 << 16] {
            let disk = Ram::formatted(kind, size).with_block(block);
            let mut volume = disk.mount();
            let big: Vec<u8> = (0..200_000_u32).map(|at| (at % 241) as u8).collect();
            volume.create_dir("/A folder").unwrap();
            write(&mut volume, "/A folder/some file.txt", b"text").unwrap();
            write(&mut volume, "/big", &big).unwrap();
            write(&mut volume, "/gone", &big).unwrap();
            volume.remove_file("/gone").unwrap();
            volume.rename("/big", "/A folder/moved").unwrap();
            volume.sync().unwrap();
            assert_eq!(disk.names(""), ["A folder"]);
            assert_eq!(disk.get("A folder/some file.txt").unwrap(), b"text");
            assert_eq!(disk.get("A folder/moved").unwrap(), big);
        }
    }
}

#[test]
fn a_blank_device_is_formatted_only_if_asked() {
    for size in [64 << 10, 1 << 20, 16 << 20, 80 << 20] {
        let disk = Ram::blank(size);
        let refused = Volume::mount(disk.clone(), Blank::Refuse);
        assert!(matches!(refused, Err(Error::Fs(Kind::NotRecognised))));
        let mut volume = disk.mount();
        write(&mut volume, "/f", b"x").unwrap();
        volume.sync().unwrap();
        assert_eq!(disk.get("f").unwrap(), b"x");
    }
    let other = Ram::new(vec![7; 1 << 20]);
    let refused = Volume::mount(other, Blank::Format);
    assert!(matches!(refused, Err(Error::Fs(Kind::NotRecognised))));
    assert!(Volume::mount(Ram::blank(0), Blank::Format).is_err());
    assert!(Volume::mount(Ram::blank(4096), Blank::Format).is_err());
}

/// One partition at 1 MiB, in either table.
#[test]
fn partitions_are_found() {
    let inner = Ram::formatted(FatType::Fat16, 8 << 20);
    inner.put("in.txt", b"inside");
    let inner = inner.bytes();
    let mut disk = vec![0; 10 << 20];
    disk[1 << 20..9 << 20].copy_from_slice(&inner);
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    let mut mbr = disk.clone();
    mbr[450] = 0x0e;
    mbr[454..458].copy_from_slice(&2048_u32.to_le_bytes());
    mbr[458..462].copy_from_slice(&(8_u32 << 11).to_le_bytes());
    let mut gpt = disk;
    gpt[450] = 0xee;
    gpt[512..520].copy_from_slice(b"EFI PART");
    gpt[512 + 72..512 + 80].copy_from_slice(&2_u64.to_le_bytes());
    gpt[512 + 80..512 + 84].copy_from_slice(&128_u32.to_le_bytes());
    gpt[512 + 84..512 + 88].copy_from_slice(&128_u32.to_le_bytes());
    // The first entry is empty.
    let entry = 1024 + 128;
    gpt[entry] = 1;
    gpt[entry + 32..entry + 40].copy_from_slice(&2048_u64.to_le_bytes());
    gpt[entry + 40..entry + 48].copy_from_slice(&(2048_u64 + (8 << 11) - 1).to_le_bytes());
    for bytes in [mbr, gpt] {
        let disk = Ram::new(bytes);
        let mut volume = disk.mount();
        assert_eq!(read(&mut volume, "/in.txt").unwrap(), b"inside");
        write(&mut volume, "/out.txt", b"more").unwrap();
        volume.sync().unwrap();
        let part = Ram::new(disk.bytes()[1 << 20..9 << 20].to_vec());
        assert_eq!(part.get("out.txt").unwrap(), b"more");
        assert!(disk.bytes()[9 << 20..].iter().all(|byte| *byte == 0));
    }
}

#[test]
fn files_have_times() {
    let disk = Ram::blank(1 << 20);
    let mut volume = disk.mount();
    write(&mut volume, "/f", b"x").unwrap();
    volume.sync().unwrap();
    let bytes = disk.bytes();
    let entry = bytes.windows(11).position(|name| name == b"F          ").unwrap();
    let date = u16::from_le_bytes(bytes[entry + 24..entry + 26].try_into().unwrap());
    assert_eq!(1980 + (date >> 9), 2026);
}
