//! Disks: many requests at once, any offset and length, clear errors.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::vec;
use alloc::vec::Vec;
use burrow::block::{self, BlockDevice, Disk};
use burrow::io::ErrorKind;
use burrow::prelude::*;
use burrow::sync::WaitGroup;
use burrow::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use burrow_tests::hogs::{STOP, arithmetic_loop};
use burrow_tests::wait::until;
use core::hint::black_box;

burrow::test_main!();

/// The disk of raw zeros, one filled with the host's pattern that is read-only, and a small one.
fn disk(name: &str) -> Disk {
    block::open(name).expect(name)
}

/// What the host writes on a `numbered` disk.
fn pattern(offset: usize, len: usize) -> Vec<u8> {
    let byte = |at: u32| (at ^ (at >> 8) ^ (at >> 16).wrapping_mul(29)) as u8;
    (offset as u32..(offset + len) as u32).map(byte).collect()
}

#[burrow::test]
fn disks_have_names_sizes_and_blocks() {
    let names: Vec<_> = block::devices().iter().map(Disk::name).collect();
    assert_eq!(names, ["vda", "vdb", "vdc"]);
    assert_eq!(disk("vda").len(), 4 << 20);
    assert_eq!(disk("vdb").len(), 1 << 20);
    assert_eq!(disk("vdc").len(), 64 << 10);
    assert_eq!(disk("vda").block_size(), 512);
    let missing = block::open("vdz").expect_err("there are three");
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    assert_eq!(format!("{missing}"), "open vdz: there is no such disk");
}

#[burrow::test]
fn what_the_host_wrote_is_read() {
    let disk = disk("vdb");
    let whole = [(0, 512), (512, 4096), (4096, 65536), (0, 1 << 20)];
    let ragged = [(0, 0), (100, 1), (511, 2), (777, 100_000), ((1 << 20) - 1, 1)];
    for (offset, len) in whole.into_iter().chain(ragged) {
        let mut buf = vec![0; len];
        disk.read_at(&mut buf, offset as u64).expect("read");
        assert!(buf == pattern(offset, len), "{len} bytes at {offset}");
    }
}

/// Looked at by the host afterwards.
#[burrow::test]
fn what_is_written_is_there_for_the_host() {
    let disk = disk("vda");
    disk.write_at(b"from the image", (4 << 20) - 600).expect("write");
    disk.flush().expect("flush");
}

/// Buffers on a stack, in the image itself, and in the heap, at odd addresses.
#[burrow::test]
fn memory_of_every_kind_serves() {
    static TEXT: [u8; 1024] = [b'x'; 1024];
    let disk = disk("vdc");
    disk.write_at(&TEXT, 0).expect("from the image");
    let mut stack = [0_u8; 20_000];
    disk.read_at(&mut stack[3..1027], 0).expect("to a stack");
    assert_eq!(stack[3..1027], TEXT);
    assert_eq!((stack[2], stack[1027]), (0, 0));
    let mut heap = vec![1_u8; 30_001];
    disk.write_at(&stack[5..], 512).expect("from a stack");
    disk.read_at(&mut heap[1..19_996], 512).expect("to the heap");
    assert!(heap[1..19_996] == stack[5..]);
    assert_eq!((heap[0], heap[19_996]), (1, 1));
}

/// One goroutine, any offset and length, against a copy in memory.
#[burrow::test]
fn any_offset_and_length_match_a_model() {
    const START: u64 = 1 << 20;
    let disk = disk("vda");
    let mut model = vec![0; 256 << 10];
    disk.write_at(&model, START).expect("clear");
    let mut random = 88_172_645_463_325_252_u64;
    let mut below = |limit: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % limit as u64) as usize
    };
    for round in 0..200 {
        let start = below(model.len());
        let len = below((model.len() - start).min(if round % 8 == 0 { 70_000 } else { 3000 })) + 1;
        let at = START + start as u64;
        if round % 2 == 0 {
            let bytes: Vec<u8> = (0..len).map(|i| (i * 7 + round) as u8).collect();
            disk.write_at(&bytes, at).expect("write");
            model[start..start + len].copy_from_slice(&bytes);
        } else {
            let mut bytes = vec![0; len];
            disk.read_at(&mut bytes, at).expect("read");
            assert!(bytes == model[start..start + len], "round {round}: {len} bytes at {start}");
        }
    }
    let mut all = vec![0; model.len()];
    disk.read_at(&mut all, START).expect("read");
    assert!(all == model);
}

/// More requests at once than the queue has room for, each of many pieces.
#[burrow::test]
fn requests_beyond_the_queue_wait_in_line() {
    const EACH: usize = 8 << 10;
    let (disk, group) = (disk("vda"), WaitGroup::new());
    for index in 0..96_usize {
        let disk = disk.clone();
        group.go(move || {
            // Not aligned to pages: three pieces or so.
            let mut bytes = vec![index as u8; EACH + 100];
            let at = (index * EACH) as u64;
            for round in 0..3 {
                bytes[50..50 + EACH].fill((index + round) as u8);
                disk.write_at(&bytes[50..50 + EACH], at).expect("write");
                bytes.fill(0xff);
                disk.read_at(&mut bytes[50..50 + EACH], at).expect("read");
                let same = bytes[50..50 + EACH].iter().all(|byte| *byte == (index + round) as u8);
                assert!(same, "{index}");
                assert_eq!((bytes[49], bytes[50 + EACH]), (0xff, 0xff));
            }
        });
    }
    group.wait();
}

/// Writers of parts of the same blocks do not undo each other.
#[burrow::test]
fn neighbours_within_a_block_keep_their_bytes() {
    const WRITERS: usize = 16;
    const START: u64 = 2 << 20;
    let (disk, group) = (disk("vda"), WaitGroup::new());
    for index in 0..WRITERS {
        let disk = disk.clone();
        group.go(move || {
            for round in 1..=10_u8 {
                // 100 bytes each: blocks have several owners, and some owners two blocks.
                disk.write_at(&[round + index as u8; 100], START + 100 * index as u64)
                    .expect("write");
            }
        });
    }
    group.wait();
    let mut bytes = vec![0; WRITERS * 100];
    disk.read_at(&mut bytes, START).expect("read");
    for (index, part) in bytes.chunks(100).enumerate() {
        assert!(part.iter().all(|byte| *byte == 10 + index as u8), "{index}: {part:?}");
    }
}

#[burrow::test]
fn errors_are_clear_and_change_nothing() {
    let (rw, ro) = (disk("vdc"), disk("vdb"));
    let cases = [
        (
            rw.read_at(&mut [0; 512], 64 << 10),
            "read vdc: 512 bytes at 65536 reach beyond the end of the disk at 65536",
        ),
        (
            rw.write_at(&[0; 2], (64 << 10) - 1),
            "write vdc: 2 bytes at 65535 reach beyond the end of the disk at 65536",
        ),
        (
            rw.read_at(&mut [0; 2], u64::MAX),
            "read vdc: 2 bytes at 18446744073709551615 reach beyond the end of the disk at 65536",
        ),
    ];
    for (result, text) in cases {
        let error = result.expect_err(text);
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(format!("{error}"), text);
    }
    assert!(ro.is_read_only() && !rw.is_read_only());
    let error = ro.write_at(&[0; 512], 0).expect_err("read-only");
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert_eq!(format!("{error}"), "write vdb: the disk is read-only");
    ro.flush().expect("nothing to flush");
}

/// Reads for as long as it is asked to.
fn keep_reading(disk: &Disk, stop: &AtomicBool, count: &AtomicU32) {
    let mut bytes = vec![0; 4096];
    while !stop.load(Ordering::Relaxed) {
        disk.read_at(&mut bytes, 8192).expect("read");
        assert!(bytes == pattern(8192, 4096));
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// A goroutine at a disk is shown as Go shows one at the network.
#[burrow::test]
fn who_waits_for_a_disk_is_shown_so() {
    let (disk, stop, count) = (disk("vdb"), AtomicBool::new(false), AtomicU32::new(0));
    burrow::scope(|s| {
        s.go(|| keep_reading(&disk, &stop, &count));
        until(|| runtime::stack(true).contains(" [IO wait]:"));
        stop.store(true, Ordering::Relaxed);
    });
}

/// The world stops and goes on around requests that are under way.
#[burrow::test]
fn the_world_stops_while_requests_are_under_way() {
    let (disk, stop, count) = (disk("vdb"), AtomicBool::new(false), AtomicU32::new(0));
    burrow::scope(|s| {
        for _ in 0..4 {
            s.go(|| keep_reading(&disk, &stop, &count));
        }
        for _ in 0..30 {
            let before = count.load(Ordering::Relaxed);
            until(|| count.load(Ordering::Relaxed) > before);
            let (then, later) = runtime::stop_the_world(|| {
                let then = count.load(Ordering::Relaxed);
                let start = Instant::now();
                while start.elapsed() < Duration::from_millis(1) {
                    core::hint::spin_loop();
                }
                (then, count.load(Ordering::Relaxed))
            });
            assert_eq!(then, later);
        }
        stop.store(true, Ordering::Relaxed);
    });
}

/// What the quicker reads take. The emulator answers late now and then, the more so if the machine's
/// cores compute.
fn quick_read(disk: &Disk) -> Duration {
    let mut bytes = [0; 512];
    let mut times: Vec<Duration> = (0..101)
        .map(|_| {
            let start = Instant::now();
            disk.read_at(&mut bytes, 0).expect("read");
            start.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 10]
}

/// All cores compute, yet whoever waits for the disk goes on when its interrupt comes, not when
/// the others' slices of 10 ms are over. Each read would take one: they begin when it begins.
#[burrow::test]
fn hogs_do_not_keep_a_reader_from_its_answer() {
    // covers: H13
    let disk = disk("vdb");
    let alone = quick_read(&disk);
    STOP.store(false, Ordering::Relaxed);
    let hogs = WaitGroup::new();
    for _ in 0..2 * runtime::num_cpu() {
        hogs.go(arithmetic_loop);
    }
    let among_hogs = quick_read(&disk);
    STOP.store(true, Ordering::Relaxed);
    hogs.wait();
    assert!(among_hogs < 4 * alone + Duration::from_millis(5), "{alone:?} alone, {among_hogs:?}");
}

/// Readers that never stop keep no goroutine from computing.
#[burrow::test]
fn readers_do_not_keep_others_from_the_core() {
    // covers: H13
    let (disk, stop, count) = (disk("vdb"), AtomicBool::new(false), AtomicU32::new(0));
    burrow::scope(|s| {
        for _ in 0..32 {
            s.go(|| keep_reading(&disk, &stop, &count));
        }
        for _ in 0..4 {
            s.go(|| {
                let mut sum = 0_u64;
                for value in 0..2_000_000_u64 {
                    sum = black_box(sum.wrapping_add(value));
                }
                black_box(sum);
            });
        }
        s.go(|| {
            let before = count.load(Ordering::Relaxed);
            until(|| count.load(Ordering::Relaxed) > before + 200);
            stop.store(true, Ordering::Relaxed);
        });
    });
}
