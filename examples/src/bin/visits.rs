//! Remembers on a disk how often it was booted, and when.
//!
//! `truncate -s 16M my.img; ./qemu-run.sh visits --disk my.img`, twice; then on the host
//! `mtype -i my.img ::visits.txt`, or mount it.
#![no_std]
#![no_main]

use burrow::block::{self, BlockDevice};
use burrow::fs::{self, OpenOptions};
use burrow::io;
use burrow::prelude::*;
use time::SystemTime;

#[burrow::main]
fn main() -> io::Result<()> {
    let Some(disk) = block::devices().into_iter().next() else {
        println!("no disk: give me one with --disk FILE");
        return Ok(());
    };
    println!("{}: {} KiB", disk.name(), disk.len() >> 10);
    // A new disk has nothing on it: it gets a file system.
    fs::mount(disk, "/")?;

    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut log = OpenOptions::new().append(true).create(true).open("/visits.txt")?;
    writeln!(log, "booted at {}", now.as_secs())?;
    log.sync_all()?;

    let visits = fs::read_to_string("/visits.txt")?;
    println!("visit number {}", visits.lines().count());
    for entry in fs::read_dir("/")? {
        println!("{:>9}  {}", entry.metadata.len, entry.name);
    }
    fs::unmount("/")
}
