//! The heap: sizes, alignments, exhaustion, many cores at once.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::alloc::{alloc, alloc_zeroed, dealloc};
use alloc::collections::{BTreeMap, VecDeque};
use burrow::prelude::*;
use core::alloc::Layout;

burrow::test_main!();

#[burrow::test]
fn blocks_of_every_size_are_aligned_and_apart() {
    for align in [1, 2, 8, 16, 64, 256, 4096, 65536] {
        let blocks: Vec<(*mut u8, Layout)> = [1, 7, 8, 24, 100, 512, 3000, 5000, 70_000]
            .iter()
            .map(|&size| {
                let layout = Layout::from_size_align(size, align).unwrap();
                // SAFETY: the layout has a size.
                (unsafe { alloc(layout) }, layout)
            })
            .collect();
        for (index, (block, layout)) in blocks.iter().enumerate() {
            assert!(!block.is_null() && block.addr().is_multiple_of(align));
            // SAFETY: our own block, whole.
            unsafe { block.write_bytes(index as u8 + 1, layout.size()) };
        }
        for (index, &(block, layout)) in blocks.iter().enumerate() {
            // SAFETY: our own block, written whole above.
            let bytes = unsafe { core::slice::from_raw_parts(block, layout.size()) };
            assert!(bytes.iter().all(|byte| *byte == index as u8 + 1));
            // SAFETY: allocated with that layout, freed once.
            unsafe { dealloc(block, layout) };
        }
    }
}

#[burrow::test]
fn zeroed_memory_is_zero_when_it_was_used_before() {
    for size in [16, 1000, 10_000, 1 << 20] {
        let layout = Layout::from_size_align(size, 8).unwrap();
        for _ in 0..3 {
            // SAFETY: the layout has a size.
            let block = unsafe { alloc_zeroed(layout) };
            assert!(!block.is_null());
            // SAFETY: our own block, zeroed says the allocator.
            let bytes = unsafe { core::slice::from_raw_parts_mut(block, size) };
            assert!(bytes.iter().all(|byte| *byte == 0));
            bytes.fill(0xa5);
            // SAFETY: allocated with that layout, freed once.
            unsafe { dealloc(block, layout) };
        }
    }
}

#[burrow::test]
fn too_much_is_refused_and_life_goes_on() {
    let mut vec: Vec<u8> = Vec::new();
    assert!(vec.try_reserve_exact(1 << 46).is_err());
    assert!(vec.try_reserve_exact(runtime::machine().memory * 2).is_err());
    assert!(vec.try_reserve_exact(1 << 20).is_ok());
    vec.resize(1 << 20, 7);
    assert_eq!(vec.iter().map(|byte| usize::from(*byte)).sum::<usize>(), 7 << 20);
}

/// In a boot of its own: the heap keeps what it once had, and other cases need memory too.
#[burrow::test(exit = 0, console = "taken twice")]
fn all_memory_can_be_taken_and_given_back() {
    for _ in 0..2 {
        let mut blocks: Vec<Vec<u8>> = Vec::with_capacity(1 << 12);
        while blocks.len() < blocks.capacity() {
            let mut block = Vec::new();
            if block.try_reserve_exact(1 << 20).is_err() {
                break;
            }
            block.push(1);
            blocks.push(block);
        }
        let mib = runtime::machine().memory >> 20;
        assert!(blocks.len() > mib / 2, "{} of {mib} MiB", blocks.len());
    }
    println!("taken twice");
}

#[burrow::test]
fn collections_work() {
    let mut map = BTreeMap::new();
    let mut queue = VecDeque::new();
    for n in 0..10_000u32 {
        map.insert(n.wrapping_mul(2_654_435_761), n.to_string());
        queue.push_back(n);
        if n % 3 == 0 {
            queue.pop_front();
        }
    }
    assert_eq!(map.len(), 10_000);
    assert_eq!(map[&0], "0");
    assert_eq!(queue.len(), 10_000 - 3_334);
}

#[burrow::test]
fn blocks_travel_between_cores() {
    let (full, empty) = (Chan::<Vec<u64>>::new(4), Chan::<Vec<u64>>::new(64));
    let makers: Vec<_> = (0..4u64)
        .map(|id| {
            let (full, empty) = (full.clone(), empty.clone());
            spawn(move || {
                for n in 0..500u64 {
                    // Freed on another core than it was allocated on, most likely.
                    drop(empty.try_recv());
                    full.send(vec![id; 1 + (n as usize * 7) % 600]);
                }
            })
        })
        .collect();
    let mut sum = 0;
    for block in full.iter().take(2_000) {
        assert!(block.iter().all(|word| *word == block[0]));
        sum += block[0];
        drop(empty.try_send(block));
    }
    makers.into_iter().for_each(|maker| maker.join().unwrap());
    assert_eq!(sum, 500 * (1 + 2 + 3));
}

#[burrow::test]
fn the_heap_does_not_leak() {
    let work = || {
        let boxes: Vec<Box<[u8; 100]>> = (0..1000).map(|n| Box::new([n as u8; 100])).collect();
        assert_eq!(boxes.iter().map(|b| usize::from(b[99])).sum::<usize>(), 124_716);
    };
    work();
    let before = runtime::metrics().heap_in_use;
    (0..50).for_each(|_| work());
    let after = runtime::metrics().heap_in_use;
    assert!(after <= before + (64 << 10), "{before} became {after} bytes");
}

/// Asks for one large block after another until there is no more.
#[burrow::test(exit = 2, console = "fatal error: out of memory")]
fn running_out_is_fatal() {
    let mut blocks = Vec::new();
    loop {
        blocks.push(vec![1u8; 4 << 20]);
    }
}
