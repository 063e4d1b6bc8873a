//! ext4, made by `mkfs.ext4` where there is one.

use std::path::Path;
use std::process::Command;
use std::vec::Vec;
use std::{env, fs, println, process, vec};

use super::disk::{Ram, read, write};
use crate::{Error, Kind};

/// The bytes of a small volume, or nothing where it cannot be made.
pub fn ext_disk() -> Option<Vec<u8>> {
    let dir = env::temp_dir().join(std::format!("burrow-ext-{}", process::id()));
    let unique = std::format!("{:?}", std::thread::current().id());
    let dir = dir.join(unique);
    let tree = dir.join("tree");
    fs::create_dir_all(tree.join("folder")).unwrap();
    fs::write(tree.join("hello.txt"), "hello").unwrap();
    fs::write(tree.join("folder/big"), vec![5; 100_000]).unwrap();
    std::os::unix::fs::symlink("folder/big", tree.join("link")).unwrap();
    std::os::unix::fs::symlink("loop", tree.join("loop")).unwrap();
    let bytes = make(&tree, &dir.join("disk"));
    let _ = fs::remove_dir_all(&dir);
    if bytes.is_none() {
        println!("skipped: no mkfs.ext4 here");
    }
    bytes
}

fn make(tree: &Path, disk: &Path) -> Option<Vec<u8>> {
    let places = ["/sbin/mkfs.ext4", "/usr/sbin/mkfs.ext4"];
    let tool = places.into_iter().find(|tool| Path::new(tool).exists())?;
    let made = Command::new(tool)
        .args(["-q", "-F", "-b", "1024", "-d"])
        .arg(tree)
        .arg(disk)
        .arg("2M")
        .output();
    made.ok().filter(|made| made.status.success())?;
    fs::read(disk).ok()
}

#[test]
fn ext_is_read_and_not_written() {
    let Some(bytes) = ext_disk() else { return };
    let disk = Ram::new(bytes.clone());
    let mut volume = disk.mount();
    assert_eq!(read(&mut volume, "/hello.txt").unwrap(), b"hello");
    assert_eq!(read(&mut volume, "/folder/big").unwrap(), [5; 100_000]);
    assert_eq!(read(&mut volume, "/link").unwrap(), [5; 100_000]);
    assert!(matches!(read(&mut volume, "/loop"), Err(Error::Fs(Kind::Links))));
    assert!(matches!(read(&mut volume, "/none"), Err(Error::Fs(Kind::NotFound))));
    assert!(matches!(read(&mut volume, "/folder"), Err(Error::Fs(Kind::IsADirectory))));
    let mut entries = volume.read_dir("/folder").unwrap();
    let entry = entries.pop().unwrap();
    assert_eq!((entry.name.as_str(), entry.meta.len, entries.len()), ("big", 100_000, 0));
    let node = volume.open("/folder/big").unwrap();
    let mut piece = [0; 10];
    assert_eq!(volume.read(node, 99_995, &mut piece).unwrap(), 5);
    assert_eq!(volume.read(node, 1 << 40, &mut piece).unwrap(), 0);
    volume.close(node).unwrap();
    assert!(matches!(volume.read(node, 0, &mut piece), Err(Error::Fs(Kind::Closed))));
    let refused = |result| matches!(result, Err(Error::Fs(Kind::ReadOnly)));
    assert!(refused(write(&mut volume, "/hello.txt", b"x")));
    assert!(refused(write(&mut volume, "/new", b"x")));
    assert!(refused(volume.create_dir("/d")));
    assert!(refused(volume.remove_file("/hello.txt")));
    volume.sync().unwrap();
    assert!(disk.bytes() == bytes);
}
