//! Bounded parallelism: a hundred files are to be digested, by at most four goroutines at a time.
//! Each has a goroutine of its own; a semaphore decides who may go on.
#![no_std]
#![no_main]

use burrow::prelude::*;
use burrow::sync::Semaphore;
use burrow::sync::atomic::{AtomicUsize, Ordering};

const FILES: u64 = 100;
const AT_ONCE: usize = 4;

static RUNNING: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

/// The bytes of a file, made up: there is no disk here.
fn contents(file: u64) -> impl Iterator<Item = u8> {
    (0..5_000).map(move |i| ((i * (file + 1)) >> 3) as u8)
}

/// FNV-1a.
fn digest(bytes: impl Iterator<Item = u8>) -> u32 {
    bytes.fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Digests a file, and keeps count of how many are at it.
fn digest_file(file: u64) -> u32 {
    let running = RUNNING.fetch_add(1, Ordering::Relaxed) + 1;
    MOST.fetch_max(running, Ordering::Relaxed);
    defer! { RUNNING.fetch_sub(1, Ordering::Relaxed); }
    let digest = digest(contents(file));
    // As if the disk let it wait.
    runtime::gosched();
    digest
}

#[burrow::main]
fn main() {
    let limit = Semaphore::new(AT_ONCE);
    let mut digests = vec![0; FILES as usize];
    scope(|s| {
        for (file, digest) in digests.iter_mut().enumerate() {
            let limit = &limit;
            s.go(move || {
                limit.acquire(1);
                defer! { limit.release(1) }
                *digest = digest_file(file as u64);
            });
        }
    });
    println!("file 0: {:08x}, file 99: {:08x}", digests[0], digests[99]);
    let all = digest(digests.iter().flat_map(|digest| digest.to_le_bytes()));
    println!("{} files: {all:08x}", digests.len());
    let most = MOST.load(Ordering::Relaxed);
    println!("at most {AT_ONCE} at once: {}", (1..=AT_ONCE).contains(&most));
}
