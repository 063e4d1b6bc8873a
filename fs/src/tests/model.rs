//! Random work on a volume beside a map of what should be in it.

use std::collections::BTreeMap;
use std::string::String;
use std::vec::Vec;
use std::{format, vec};

use fatfs::FatType;

use super::disk::{Numbers, Ram, read, write};
use crate::{Error, Kind};

#[test]
fn random_work_leaves_what_a_map_has() {
    for seed in 1..9 {
        let mut numbers = Numbers(seed * 7919);
        let (kind, size) =
            if seed % 2 == 0 { (FatType::Fat12, 400 << 10) } else { (FatType::Fat16, 5 << 20) };
        let disk = Ram::formatted(kind, size);
        let mut volume = disk.mount();
        volume.create_dir("/dir").unwrap();
        let mut model: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for round in 0..400_u32 {
            let folder = ["", "/dir"][numbers.below(2)];
            let path = format!("{folder}/File number {}.txt", numbers.below(12));
            match numbers.below(7) {
                0 => {
                    let contents = vec![round as u8; numbers.below(40_000)];
                    match write(&mut volume, &path, &contents) {
                        Ok(()) => drop(model.insert(path, contents)),
                        // It was made empty before it turned out that there is no room.
                        Err(Error::Fs(Kind::NoSpace)) => drop(model.insert(path, Vec::new())),
                        Err(error) => panic!("{path}: {error}"),
                    }
                }
                1 | 2 => {
                    let Some(old) = model.get_mut(&path) else { continue };
                    let node = volume.open_write(&path).unwrap();
                    let (at, len) = (numbers.below(30_000), 1 + numbers.below(3000));
                    match volume.write(node, at as u64, &vec![round as u8; len]) {
                        Ok(_) => {
                            let end = old.len().max(at + len);
                            old.resize(end, 0);
                            old[at..at + len].fill(round as u8);
                        }
                        Err(Error::Fs(Kind::NoSpace)) => {}
                        Err(error) => panic!("{path}: {error}"),
                    }
                    volume.close(node).unwrap();
                }
                3 => {
                    let Some(old) = model.get_mut(&path) else { continue };
                    let node = volume.open_write(&path).unwrap();
                    let len = numbers.below(30_000);
                    if volume.set_len(node, len as u64).is_ok() {
                        old.resize(len, 0);
                    }
                    volume.close(node).unwrap();
                }
                4 => match (volume.remove_file(&path), model.remove(&path)) {
                    (Ok(()), Some(_)) | (Err(Error::Fs(Kind::NotFound)), None) => {}
                    (done, was) => panic!("{path}: {done:?}, {}", was.is_some()),
                },
                5 => {
                    let to = format!("/dir/Renamed {}", numbers.below(5));
                    let Some(contents) = model.remove(&path) else { continue };
                    volume.rename(&path, &to).unwrap();
                    model.insert(to, contents);
                }
                _ => match (read(&mut volume, &path), model.get(&path)) {
                    (Ok(found), Some(wanted)) => assert_eq!(found, *wanted, "{path}"),
                    (Err(Error::Fs(Kind::NotFound)), None) => {}
                    (found, wanted) => panic!("{path}: {found:?}, {}", wanted.is_some()),
                },
            }
            if round % 100 == 99 {
                volume.sync().unwrap();
                volume = disk.mount();
            }
        }
        volume.sync().unwrap();
        for (path, contents) in &model {
            assert_eq!(disk.get(&path[1..]).unwrap(), *contents, "{path}, seed {seed}");
        }
        assert_eq!(disk.names("").len() - 1 + disk.names("dir").len(), model.len());
    }
}
