//! Files over any block device: a disk in memory, whole, full, read-only, dying and damaged.
#![no_std]
#![no_main]

extern crate alloc;

use burrow::fs::{self, File, OpenOptions};
use burrow::io::{ErrorKind, Seek, SeekFrom};
use burrow::prelude::*;
use burrow_tests::ram::{Fault, RamDisk};

burrow::test_main!();

/// The smallest that a FAT fits on well.
const SMALL: usize = 256 << 10;

fn mounted(size: usize) -> RamDisk {
    let disk = RamDisk::new(size);
    fs::mount(disk.clone(), "/").unwrap();
    disk
}

fn text<T: core::fmt::Debug>(result: burrow::io::Result<T>) -> String {
    result.unwrap_err().to_string()
}

#[burrow::test]
fn a_blank_device_gets_a_file_system_that_stays() {
    let disk = RamDisk::new(1 << 20);
    fs::mount(disk.clone(), "/ram").unwrap();
    let mut file = File::create("/ram/A long name, with spaces.text").unwrap();
    writeln!(file, "one {}", 1).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    let mut start = [0; 3];
    file.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"one");
    file.sync_all().unwrap();
    fs::create_dir("/ram/folder").unwrap();
    fs::write("/ram/folder/x", [7; 5000]).unwrap();
    // While the file is still open.
    fs::unmount("/ram").unwrap();
    assert_eq!(
        text(file.read(&mut start)),
        "read /ram/A long name, with spaces.text: file already closed"
    );
    assert_eq!(text(fs::read("/ram/folder/x")), "open /ram/folder/x: no such file or directory");

    fs::mount(disk, "/").unwrap();
    assert_eq!(fs::read_to_string("/a LONG name, with spaces.TEXT").unwrap(), "one 1\n");
    assert_eq!(fs::read("/folder/x").unwrap(), [7; 5000]);
    let names: Vec<_> = fs::read_dir("/").unwrap();
    let names: Vec<_> =
        names.iter().map(|e| (&*e.name, e.metadata.len, e.metadata.is_dir)).collect();
    assert_eq!(names, [("A long name, with spaces.text", 6, false), ("folder", 0, true)]);
    fs::unmount("/").unwrap();
}

#[burrow::test]
fn a_path_belongs_to_the_nearest_mount() {
    let (outer, inner) = (RamDisk::new(SMALL), RamDisk::new(SMALL));
    fs::mount(outer, "/a").unwrap();
    fs::mount(inner, "/a/b/").unwrap();
    fs::write("/a/x", "outer").unwrap();
    fs::write("/a/b/x", "inner").unwrap();
    assert_eq!(fs::read("//a/./b/../x").unwrap(), b"outer");
    assert_eq!(fs::read("/a/b/x").unwrap(), b"inner");
    fs::write("/a/bc", "not in b").unwrap();
    assert_eq!(text(fs::rename("/a/x", "/a/b/y")), "rename /a/x /a/b/y: invalid cross-device link");
    assert_eq!(text(fs::read("x")), "open x: invalid argument");
    assert_eq!(text(fs::read("/x")), "open /x: no such file or directory");
    assert_eq!(text(fs::mount(RamDisk::new(SMALL), "/a")), "mount /a: file exists");
    assert_eq!(text(fs::unmount("/b")), "unmount /b: no such file or directory");
    fs::unmount("/a/b").unwrap();
    assert_eq!(text(fs::read("/a/b/x")), "open /a/b/x: no such file or directory");
    fs::unmount("/a").unwrap();
}

#[burrow::test]
fn errors_say_what_was_done_to_what() {
    mounted(SMALL);
    fs::create_dir("/d").unwrap();
    fs::write("/d/f", "x").unwrap();
    let none = fs::read("/d/g").unwrap_err();
    assert_eq!(
        (none.kind(), none.to_string().as_str()),
        (ErrorKind::NotFound, "open /d/g: no such file or directory")
    );
    assert_eq!(text(fs::write("/no/f", "")), "open /no/f: no such file or directory");
    assert_eq!(text(fs::read("/d/f/g")), "open /d/f/g: not a directory");
    assert_eq!(text(fs::read("/d")), "open /d: is a directory");
    assert_eq!(text(fs::write("/d", "")), "open /d: is a directory");
    assert_eq!(text(fs::read_dir("/d/f")), "open /d/f: not a directory");
    assert_eq!(fs::create_dir("/D").unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(text(fs::create_dir("/D")), "mkdir /D: file exists");
    assert_eq!(text(fs::remove_file("/d")), "remove /d: is a directory");
    assert_eq!(text(fs::remove_dir("/d")), "remove /d: directory not empty");
    assert_eq!(text(fs::remove_dir("/d/f")), "remove /d/f: not a directory");
    assert_eq!(text(fs::metadata("/q")), "stat /q: no such file or directory");
    assert_eq!(text(fs::write("/a:b", "")), "open /a:b: invalid argument");
    assert_eq!(
        text(OpenOptions::new().write(true).create_new(true).open("/d/f")),
        "open /d/f: file exists"
    );
    assert_eq!(
        text(OpenOptions::new().truncate(true).read(true).open("/d/f")),
        "open /d/f: invalid argument"
    );
    let file = File::open("/d/f").unwrap();
    assert_eq!(text(file.write_at(b"y", 0)), "write /d/f: bad file descriptor");
    assert_eq!(text(file.set_len(0)), "truncate /d/f: bad file descriptor");
    assert_eq!(text(fs::remove_file("/d/f")), "remove /d/f: device or resource busy");
    drop(file);
    fs::write("/d/f", [0xff]).unwrap();
    assert_eq!(fs::read_to_string("/d/f").unwrap_err().kind(), ErrorKind::InvalidData);
    fs::remove_file("/d/f").unwrap();
    fs::remove_dir("/d").unwrap();
    assert_eq!(fs::read_dir("/").unwrap(), []);
    fs::unmount("/").unwrap();
}

#[burrow::test]
fn a_file_is_written_and_read_anywhere() {
    mounted(1 << 20);
    let file = File::create("/f").unwrap();
    let mut model = vec![0_u8; 0];
    let mut seed = 1_u32;
    for round in 0..200 {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (offset, len) = ((seed >> 8) as usize % 60_000, (seed >> 20) as usize);
        if round % 10 == 9 {
            file.set_len(offset as u64).unwrap();
            model.resize(offset, 0);
        } else {
            let data = vec![round as u8; len];
            assert_eq!(file.write_at(&data, offset as u64).unwrap(), len);
            if len > 0 {
                model.resize(model.len().max(offset + len), 0);
                model[offset..offset + len].fill(round as u8);
            }
        }
        assert_eq!(file.metadata().unwrap().len, model.len() as u64);
        let mut found = vec![1; 3000];
        let count = file.read_at(&mut found, offset as u64 / 2).unwrap();
        let wanted = model.get(offset / 2..).unwrap_or_default();
        assert_eq!(found[..count], wanted[..wanted.len().min(3000)]);
    }
    assert_eq!(fs::read("/f").unwrap(), model);
    let mut log = OpenOptions::new().append(true).open("/f").unwrap();
    writeln!(log, "end").unwrap();
    log.close().unwrap();
    model.extend(b"end\n");
    assert_eq!(fs::read("/f").unwrap(), model);
    fs::rename("/f", "/g").unwrap();
    assert_eq!(fs::read("/g").unwrap(), model);
    drop(file);
    fs::unmount("/").unwrap();
}

#[burrow::test]
fn a_full_disk_says_so_and_keeps_what_it_has() {
    mounted(SMALL);
    fs::write("/kept", [1; 30_000]).unwrap();
    let file = File::create("/grows").unwrap();
    let mut len = 0;
    let full = loop {
        match file.write_at(&[2; 10_000], len) {
            Ok(count) => len += count as u64,
            Err(error) => break error,
        }
    };
    assert_eq!(full.kind(), ErrorKind::WriteZero);
    assert_eq!(full.to_string(), "write /grows: no space left on device");
    assert!(len > 150_000, "{len} bytes of {SMALL}");
    // What did not fit has left nothing behind.
    assert_eq!(file.metadata().unwrap().len, len);
    file.close().unwrap();
    assert_eq!(fs::read("/kept").unwrap(), [1; 30_000]);
    assert!(fs::read("/grows").unwrap().iter().all(|byte| *byte == 2));
    fs::remove_file("/grows").unwrap();
    fs::write("/again", vec![3; len as usize]).unwrap();
    fs::unmount("/").unwrap();
}

#[burrow::test]
fn a_read_only_disk_is_read() {
    let disk = mounted(SMALL);
    fs::write("/f", "text").unwrap();
    fs::unmount("/").unwrap();
    let before = disk.bytes();
    disk.set(Fault::ReadOnly);
    fs::mount(disk.clone(), "/").unwrap();
    assert_eq!(fs::read("/f").unwrap(), b"text");
    let refused = fs::write("/f", "other").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::PermissionDenied);
    assert_eq!(refused.to_string(), "open /f: read-only file system");
    assert_eq!(text(fs::write("/g", "")), "open /g: read-only file system");
    assert_eq!(text(fs::create_dir("/d")), "mkdir /d: read-only file system");
    assert_eq!(text(fs::remove_file("/f")), "remove /f: read-only file system");
    assert_eq!(fs::read("/f").unwrap(), b"text");
    fs::unmount("/").unwrap();
    assert!(disk.bytes() == before);
    disk.set(Fault::None);
}

#[burrow::test]
fn a_dead_disk_says_it_in_its_own_words() {
    let disk = mounted(SMALL);
    fs::write("/f", "text").unwrap();
    let file = File::open("/f").unwrap();
    disk.set(Fault::Dead);
    assert_eq!(text(file.read_at(&mut [0; 4], 0)), "read /f: the disk is dead");
    disk.set(Fault::None);
    let mut found = [0; 4];
    assert_eq!(file.read_at(&mut found, 0).unwrap(), 4);
    assert_eq!(&found, b"text");
    fs::write("/g", "more").unwrap();
    disk.set(Fault::Dead);
    assert_eq!(text(fs::unmount("/")), "unmount /: the disk is dead");
    assert_eq!(text(file.read_at(&mut found, 0)), "read /f: file already closed");
    assert_eq!(
        text(fs::mount(RamDisk::with(vec![1; SMALL]), "/")),
        "mount /: no known file system on the device"
    );
}

/// Whenever the disk dies: what was synced is there, and the rest can be read or says why not.
#[burrow::test]
fn what_was_synced_survives() {
    for writes in 0..60 {
        let disk = mounted(SMALL);
        fs::write("/old", [1; 3000]).unwrap();
        File::open("/old").unwrap().sync_all().unwrap();
        disk.set(Fault::DiesAfter(writes));
        let mut synced = 0;
        for number in 0..10 {
            let name = format!("/new file {number}");
            let Ok(file) = File::create(&name) else { break };
            if file.write_at(&[number; 2000], 0).is_err() || file.sync_all().is_err() {
                break;
            }
            synced = number + 1;
            if number % 3 == 2 && fs::remove_file("/new file 1").is_err() {
                break;
            }
        }
        let left = disk.bytes();
        let _ = fs::unmount("/");
        fs::mount(RamDisk::with(left), "/").unwrap();
        assert_eq!(fs::read("/old").unwrap(), [1; 3000]);
        for number in (0..synced).filter(|number| *number != 1) {
            assert_eq!(
                fs::read(&format!("/new file {number}")).unwrap(),
                [number; 2000],
                "{writes}"
            );
        }
        fs::unmount("/").unwrap();
    }
}

#[burrow::test]
fn many_goroutines_share_a_volume_and_a_file() {
    mounted(1 << 20);
    let shared = File::create("/shared").unwrap();
    scope(|s| {
        for worker in 0..8_u8 {
            let shared = &shared;
            s.go(move || {
                let name = format!("/own {worker}");
                for round in 0..20_u8 {
                    fs::write(&name, vec![round; 1 + 700 * usize::from(worker)]).unwrap();
                    shared
                        .write_at(&[worker; 100], u64::from(round) * 800 + u64::from(worker) * 100)
                        .unwrap();
                    let own = fs::read(&name).unwrap();
                    assert!(
                        own.len() == 1 + 700 * usize::from(worker)
                            && own.iter().all(|b| *b == round)
                    );
                    runtime::gosched();
                }
            });
        }
    });
    let all = fs::read("/shared").unwrap();
    assert_eq!(all.len(), 16_000);
    assert!(all.iter().enumerate().all(|(at, byte)| usize::from(*byte) == at / 100 % 8));
    let mut names: Vec<_> =
        fs::read_dir("/").unwrap().into_iter().map(|entry| entry.name).collect();
    names.sort();
    assert_eq!(names.len(), 9);
    drop(shared);
    fs::unmount("/").unwrap();
}

/// Nothing on a disk may end the program, or keep it busy for ever.
#[burrow::test]
fn damaged_disks_give_errors() {
    let disk = mounted(SMALL);
    fs::create_dir("/d").unwrap();
    fs::write("/d/a long name.txt", [1; 20_000]).unwrap();
    fs::write("/f", [2; 9000]).unwrap();
    fs::unmount("/").unwrap();
    let whole = disk.bytes();
    let mut seed = 7_u32;
    for _ in 0..100 {
        let mut bytes = whole.clone();
        for _ in 0..8 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Tables and folders lie in the first part.
            bytes[(seed >> 8) as usize % 20_000] = (seed >> 24) as u8;
        }
        if fs::mount(RamDisk::with(bytes), "/").is_err() {
            continue;
        }
        for entry in fs::read_dir("/").unwrap_or_default() {
            let _ = fs::read(&format!("/{}", entry.name));
            let _ = fs::read_dir(&format!("/{}", entry.name));
        }
        let _ = fs::read("/d/a long name.txt");
        let _ = fs::write("/new", [3; 5000]);
        let _ = fs::remove_file("/f");
        // The damage may be in what it would write back.
        let _ = fs::unmount("/");
    }
}
