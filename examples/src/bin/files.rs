//! Disks, files, the console, the command line: a file system on a disk that is a `Vec`.
//!
//! `echo typed | ./qemu-run.sh files --disk my.img -- some words`
#![no_std]
#![no_main]
use burrow::block::{self, BlockDevice};
use burrow::io::{self, ErrorKind, Seek, SeekFrom};
use burrow::prelude::*;
use burrow::{env, fs};
use sync::Mutex;

struct RamDisk(Mutex<Vec<u8>>);

impl BlockDevice for RamDisk {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let data = self.0.lock();
        let rest = data.get(offset as usize..).unwrap_or_default();
        let beyond = || io::Error::new(ErrorKind::InvalidInput, "beyond the end");
        buf.copy_from_slice(rest.get(..buf.len()).ok_or_else(beyond)?);
        Ok(())
    }
    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        self.0.lock()[offset as usize..][..buf.len()].copy_from_slice(buf);
        Ok(())
    }
    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
    fn len(&self) -> u64 {
        self.0.lock().len() as u64
    }
}

#[burrow::main]
fn main() -> io::Result<()> {
    for disk in block::devices() {
        println!(
            "{}: {} blocks of {}",
            disk.name(),
            disk.len() / disk.block_size() as u64,
            disk.block_size()
        );
    }
    fs::mount(RamDisk(Mutex::new(vec![0; 1 << 20])), "/ram")?;
    let mut file = fs::File::create("/ram/notes")?;
    writeln!(file, "args {:?}", env::args().skip(1).collect::<Vec<_>>())?;
    file.seek(SeekFrom::Start(0))?;
    let mut start = [0; 4];
    file.read_exact(&mut start)?;
    file.sync_all()?;
    let mut line = String::new();
    while io::stdin().read_line(&mut line)? > 0 {
        print!("{}", core::mem::take(&mut line));
    }
    for entry in fs::read_dir("/ram")? {
        println!("{} {}", entry.name, entry.metadata.len);
    }
    println!("{}", fs::read_to_string("/ram/notes")?);
    fs::unmount("/ram")
}
