//! Disks for images under test: made before each boot, looked at from the host afterwards.
//!
//! `tests/disks/IMAGE.txt` (`examples/disks` for examples) describes them, a line for each step:
//!
//! ```text
//! disk fat16 8M [ro]        a new disk: raw (zeros), numbered (the pattern), fat, fat12, fat16, fat32
//! put /a/b.txt "text\n"     a file on it, with the folders above; a path with spaces in quotes
//! fill /big.bin 300000      a file with the pattern
//! at 4096 "text"            bytes of the disk itself
//! after                     from here on: what has to hold when the image has ended well
//! put, fill, at             .. have that content
//! gone /a                   .. is not there
//! unchanged                 .. no byte of the disk differs
//! whole                     .. fsck.vfat has nothing to say, where there is one (it dislikes our folders)
//! ```
//!
//! The image and this program read FAT by different libraries, so that neither vouches for itself.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use fatfs::{FatType, FileSystem, FormatVolumeOptions, FsOptions};

use super::protocol::unescaped;
use crate::failure::{Failure, Result};
use crate::machine::disks::Disk;
use crate::scratch::Scratch;

/// What is known of the disks of one image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disks(Vec<Plan>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Plan {
    kind: Kind,
    size: u64,
    read_only: bool,
    before: Vec<Step>,
    after: Vec<Step>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Raw,
    Numbered,
    Fat(Option<FatType>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Put(String, Vec<u8>),
    At(u64, Vec<u8>),
    Gone(String),
    Unchanged,
    Whole,
}

/// The files of one boot, gone when it has been judged.
pub struct Made {
    scratch: Scratch,
    count: usize,
}

impl Disks {
    /// Those that `file` describes; none if there is no such file.
    pub fn described(file: &Path) -> Result<Self> {
        match fs::read_to_string(file) {
            Ok(text) => Self::parse(&text)
                .map_err(|what| Failure::usage(format!("{}: {what}", file.display()))),
            Err(_) => Ok(Self::default()),
        }
    }

    fn parse(text: &str) -> std::result::Result<Self, String> {
        let mut plans: Vec<Plan> = Vec::new();
        let mut after = false;
        for line in text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')) {
            let bad = || format!("not understood: {line}");
            if let Some(rest) = line.strip_prefix("disk ") {
                plans.push(plan(rest).ok_or_else(bad)?);
                after = false;
            } else if line == "after" {
                after = true;
            } else {
                let step = step(line).ok_or_else(bad)?;
                let plan = plans.last_mut().ok_or_else(|| format!("on which disk? {line}"))?;
                if after { plan.after.push(step) } else { plan.before.push(step) }
            }
        }
        Ok(Self(plans))
    }

    /// Makes the disks of one boot.
    pub fn make(&self) -> Result<Made> {
        let made = Made { scratch: Scratch::new()?, count: self.0.len() };
        for (number, plan) in self.0.iter().enumerate() {
            let path = made.path(number);
            plan.make(&path).map_err(|e| Failure::file("make", &path, &e))?;
            fs::copy(&path, path.with_extension("was"))
                .map_err(|e| Failure::file("copy", &path, &e))?;
        }
        Ok(made)
    }

    /// What does not hold of the disks after the boot.
    pub fn judge(&self, made: &Made) -> Option<String> {
        self.0.iter().enumerate().find_map(|(number, plan)| {
            let wrong = plan.judge(&made.path(number))?;
            Some(format!("disk {number}: {wrong}"))
        })
    }
}

impl Made {
    fn path(&self, number: usize) -> PathBuf {
        self.scratch.path().join(format!("disk{number}"))
    }

    /// For the machine, in the order of the description.
    pub fn disks<'a>(&'a self, of: &'a Disks) -> impl Iterator<Item = Disk> + 'a {
        debug_assert_eq!(self.count, of.0.len());
        let plans = of.0.iter().enumerate();
        plans.map(|(number, plan)| Disk { file: self.path(number), read_only: plan.read_only })
    }
}

fn plan(words: &str) -> Option<Plan> {
    let mut words = words.split_whitespace();
    let kind = match words.next()? {
        "raw" => Kind::Raw,
        "numbered" => Kind::Numbered,
        "fat" => Kind::Fat(None),
        "fat12" => Kind::Fat(Some(FatType::Fat12)),
        "fat16" => Kind::Fat(Some(FatType::Fat16)),
        "fat32" => Kind::Fat(Some(FatType::Fat32)),
        _ => return None,
    };
    let size = words.next()?;
    let size = match size.strip_suffix('M') {
        Some(megabytes) => megabytes.parse::<u64>().ok()? << 20,
        None => size.strip_suffix('K')?.parse::<u64>().ok()? << 10,
    };
    let read_only = match words.next() {
        None => false,
        Some("ro") => true,
        Some(_) => return None,
    };
    Some(Plan { kind, size, read_only, before: Vec::new(), after: Vec::new() })
}

fn step(line: &str) -> Option<Step> {
    let (what, rest) = line.split_once(' ').unwrap_or((line, ""));
    let (name, value) = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"').map(|(name, value)| (name, value.trim_start()))?,
        None => rest.split_once(' ').unwrap_or((rest, "")),
    };
    Some(match what {
        "put" => Step::Put(name.into(), unescaped(value)?.into_bytes()),
        "fill" => {
            let length = value.parse().ok()?;
            Step::Put(name.into(), pattern().take(length).collect())
        }
        "at" => Step::At(name.parse().ok()?, unescaped(value)?.into_bytes()),
        "gone" => Step::Gone(name.into()),
        "unchanged" => Step::Unchanged,
        "whole" => Step::Whole,
        _ => return None,
    })
}

/// Bytes that tell their place: no two sectors of the first 16 MiB are alike.
fn pattern() -> impl Iterator<Item = u8> {
    (0_u32..).map(|at| (at ^ (at >> 8) ^ (at >> 16).wrapping_mul(29)) as u8)
}

impl Plan {
    fn make(&self, path: &Path) -> io::Result<()> {
        let mut file = File::options().read(true).write(true).create_new(true).open(path)?;
        file.set_len(self.size)?;
        match self.kind {
            Kind::Raw => {}
            Kind::Numbered => {
                file.write_all(&pattern().take(self.size as usize).collect::<Vec<_>>())?;
            }
            Kind::Fat(kind) => {
                let options = match kind {
                    Some(kind) => FormatVolumeOptions::new().fat_type(kind),
                    None => FormatVolumeOptions::new(),
                };
                fatfs::format_volume(&mut file, options)?;
            }
        }
        for step in &self.before {
            match step {
                Step::At(offset, bytes) => {
                    file.seek(SeekFrom::Start(*offset))?;
                    file.write_all(bytes)?;
                }
                Step::Put(name, bytes) => put(&mut file, name, bytes)?,
                Step::Gone(_) | Step::Unchanged | Step::Whole => {
                    return Err(io::Error::other("only after the boot"));
                }
            }
        }
        file.sync_all()
    }

    fn judge(&self, path: &Path) -> Option<String> {
        let holds = |step| self.holds(path, step);
        self.after.iter().find_map(|step| match holds(step) {
            Ok(wrong) => wrong,
            Err(error) => Some(format!("{error} at {step:.60?}")),
        })
    }

    /// What is wrong with one of the expectations.
    fn holds(&self, path: &Path, step: &Step) -> io::Result<Option<String>> {
        let mut file = File::options().read(true).write(true).open(path)?;
        Ok(match step {
            Step::At(offset, bytes) => {
                let mut found = vec![0; bytes.len()];
                file.seek(SeekFrom::Start(*offset))?;
                file.read_exact(&mut found)?;
                differs(&format!("at {offset}"), bytes, &found)
            }
            Step::Put(name, bytes) => {
                let volume = FileSystem::new(file, FsOptions::new())?;
                let mut found = Vec::new();
                volume.root_dir().open_file(relative(name))?.read_to_end(&mut found)?;
                differs(name, bytes, &found)
            }
            Step::Gone(name) => {
                let volume = FileSystem::new(file, FsOptions::new())?;
                let there = volume.root_dir().open_file(relative(name)).is_ok()
                    || volume.root_dir().open_dir(relative(name)).is_ok();
                there.then(|| format!("{name} is still there"))
            }
            Step::Unchanged => {
                let same = fs::read(path)? == fs::read(path.with_extension("was"))?;
                (!same).then(|| "it was written".into())
            }
            Step::Whole => complaint(path),
        })
    }
}

/// What a third implementation finds wrong with the volume, read only.
fn complaint(path: &Path) -> Option<String> {
    let places = ["/usr/sbin/fsck.vfat", "/sbin/fsck.vfat"];
    let tool = places.into_iter().find(|tool| Path::new(tool).exists())?;
    let said = Command::new(tool).arg("-n").arg(path).output().ok()?;
    let text = String::from_utf8_lossy(&said.stdout);
    (!said.status.success()).then(|| format!("fsck.vfat: {}", text.trim()))
}

fn put(file: &mut File, name: &str, bytes: &[u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    let volume = FileSystem::new(file, FsOptions::new())?;
    let name = relative(name);
    for (end, _) in name.match_indices('/') {
        volume.root_dir().create_dir(&name[..end])?;
    }
    let mut made = volume.root_dir().create_file(name)?;
    made.truncate()?;
    made.write_all(bytes)?;
    made.flush()
}

/// The library counts paths from the root without a slash.
fn relative(name: &str) -> &str {
    name.trim_start_matches('/')
}

fn differs(name: &str, wanted: &[u8], found: &[u8]) -> Option<String> {
    if wanted == found {
        return None;
    }
    let at = wanted.iter().zip(found).take_while(|(a, b)| a == b).count();
    let (wanted_len, len) = (wanted.len(), found.len());
    Some(format!("{name}: {len} bytes, {wanted_len} wanted, different from byte {at} on"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_made_and_judged() {
        let text = "disk fat 2M\nput \"/the first one.txt\" \"hello\\n\"\nfill /big 70000\nafter\n\
                    put \"/the first one.txt\" \"hello\\n\"\nwhole\n";
        // Without quotes the path ends at the first space.
        assert!(Disks::parse(&text.replace("\"/the first one.txt\"", "/first one.txt")).is_err());
        let disks = Disks::parse(&format!("{text}fill /big 70000\ngone /x\nunchanged")).unwrap();
        let made = disks.make().unwrap();
        assert_eq!(disks.judge(&made), None);
        let (file, expected) = (made.path(0), "disk 0: it was written");
        let mut bytes = fs::read(&file).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&file, bytes).unwrap();
        assert_eq!(disks.judge(&made).as_deref(), Some(expected));
    }

    #[test]
    fn raw_disks_have_bytes_at_places() {
        let disks = Disks::parse(
            "disk numbered 64K ro\ndisk raw 64K\nat 512 \"x\"\nafter\nat 512 \"y\"\nat 513 \"\\0\"",
        )
        .unwrap();
        let made = disks.make().unwrap();
        assert_eq!(fs::read(made.path(0)).unwrap()[..4], [0, 1, 2, 3]);
        let wrong = "disk 1: at 512: 1 bytes, 1 wanted, different from byte 0 on";
        assert_eq!(disks.judge(&made).as_deref(), Some(wrong));
        assert!(made.disks(&disks).next().unwrap().read_only);
    }

    #[test]
    fn mistakes_are_named() {
        let failure = Disks::parse("disk fat 2M\nputt /a \"b\"").unwrap_err();
        assert_eq!(failure, "not understood: putt /a \"b\"");
        assert!(Disks::parse("put /a \"b\"").unwrap_err().starts_with("on which disk?"));
    }
}
