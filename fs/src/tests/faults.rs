//! Disks that refuse, die or are full.

use std::vec;

use fatfs::FatType;

use super::disk::{Fault, Ram, read, write};
use crate::{Error, Kind};

#[test]
fn a_read_only_disk_is_read_and_nothing_else() {
    let disk = Ram::formatted(FatType::Fat16, 8 << 20);
    disk.put("f", b"text");
    let before = disk.bytes();
    let disk = disk.read_only();
    let mut volume = disk.mount();
    assert_eq!(read(&mut volume, "/f").unwrap(), b"text");
    let refused = |result| matches!(result, Err(Error::Fs(Kind::ReadOnly)));
    assert!(refused(write(&mut volume, "/f", b"x")));
    assert!(refused(write(&mut volume, "/g", b"x")));
    assert!(refused(volume.create_dir("/d")));
    assert!(refused(volume.remove_file("/f")));
    assert!(refused(volume.rename("/f", "/g")));
    assert_eq!(read(&mut volume, "/f").unwrap(), b"text");
    volume.sync().unwrap();
    assert!(disk.bytes() == before);
}

#[test]
fn a_full_disk_keeps_what_it_has() {
    let disk = Ram::formatted(FatType::Fat12, 512 << 10);
    let mut volume = disk.mount();
    write(&mut volume, "/kept", &[1; 50_000]).unwrap();
    let node = volume.create_new("/grows").unwrap();
    let mut len = 0;
    let error = loop {
        match volume.write(node, len, &[2; 7000]) {
            Ok(count) => len += count as u64,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Fs(Kind::NoSpace)));
    assert_eq!(volume.stat(node).unwrap().len, len);
    volume.close(node).unwrap();
    volume.sync().unwrap();
    assert_eq!(disk.get("kept").unwrap(), [1; 50_000]);
    assert_eq!(disk.get("grows").unwrap(), vec![2; len as usize]);
    volume.remove_file("/grows").unwrap();
    write(&mut volume, "/again", &vec![3; len as usize]).unwrap();
}

/// The disk dies after each number of writes: what was synced before is there for anybody.
#[test]
fn what_was_synced_survives() {
    for writes in 1..150 {
        let disk = Ram::formatted(FatType::Fat12, 512 << 10);
        let mut volume = disk.mount();
        disk.dies_after_writes(writes);
        let mut synced = 0;
        for number in 0..20_u8 {
            let name = std::format!("/file number {number}");
            let write = |volume: &mut crate::Volume<Ram>| {
                let node = volume.create_new(&name)?;
                volume.write(node, 0, &[number; 1500])?;
                volume.sync_node(node)?;
                volume.close(node)
            };
            match write(&mut volume) {
                Ok(()) => synced = number + 1,
                Err(Error::Device(Fault::Dead)) => break,
                Err(error) => panic!("{error}"),
            }
            if number % 4 == 3
                && volume.remove_file(&std::format!("/file number {}", number - 1)).is_err()
            {
                break;
            }
        }
        drop(volume);
        let left = Ram::new(disk.bytes());
        for number in (0..synced).filter(|number| number % 4 != 2) {
            let name = std::format!("file number {number}");
            assert_eq!(left.get(&name).unwrap(), [number; 1500], "{name} after {writes} writes");
            let mut volume = left.mount();
            assert_eq!(read(&mut volume, &std::format!("/{name}")).unwrap(), [number; 1500]);
        }
    }
}
