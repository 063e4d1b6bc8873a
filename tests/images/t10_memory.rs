//! Memory: page frames, the address space (law 13), the heap, slabs.
//!
//! covers: H15
#![no_std]
#![no_main]
extern crate alloc;

use core::alloc::Layout;
use core::hint::black_box;

use burrow::kernel::mem::{FixAlloc, frames, heap, space};
use burrow::prelude::*;
use burrow::sync::WaitGroup;

burrow::test_main!();

const PAGE: usize = 4096;
const LARGE: usize = 2 << 20;

/// Reproducible randomness.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, bound: usize) -> usize {
        self.next() as usize % bound
    }
}

#[burrow::test]
fn frames_are_handed_out_once() {
    let count = frames::stats().free / PAGE / 4;
    let mut taken = Vec::with_capacity(count);
    for number in 0..count as u64 {
        let frame = frames::alloc().expect("frame");
        // SAFETY: a frame of ours, seen through the physical map.
        unsafe { (frame.virt() as *mut u64).write(number) };
        taken.push(frame);
    }
    for (number, frame) in (0..).zip(&taken) {
        // SAFETY: as above.
        assert_eq!(unsafe { (frame.virt() as *const u64).read() }, number);
    }
    let before = frames::stats().free;
    taken.iter().for_each(|frame| frames::free(*frame));
    assert_eq!(frames::stats().free, before + count * PAGE);
}

#[burrow::test]
fn large_frames_are_aligned_and_come_back() {
    let before = frames::stats().free;
    let large: Vec<_> = (0..8).map(|_| frames::alloc_large().expect("large frame")).collect();
    for frame in &large {
        assert!((frame.0 as usize).is_multiple_of(LARGE));
        // SAFETY: ours, all of it.
        unsafe { (frame.virt() as *mut u8).write_bytes(0x5a, LARGE) };
    }
    large.iter().for_each(|frame| frames::free_large(*frame));
    // Cutting virgin memory may have cost a table of metadata for another GiB.
    assert!(before - frames::stats().free <= 64 * PAGE);
}

#[burrow::test]
fn zeroed_frames_are_zero() {
    for _ in 0..100 {
        let frame = frames::alloc_zeroed().expect("frame");
        let words = frame.virt() as *mut u64;
        for at in 0..PAGE / 8 {
            // SAFETY: inside a frame of ours.
            unsafe {
                assert_eq!(words.add(at).read(), 0);
                words.add(at).write(u64::MAX);
            }
        }
        frames::free(frame);
    }
}

#[burrow::test(exit = 0, console = "64 frames")]
fn the_fatal_path_has_frames_of_its_own() {
    let count = core::iter::from_fn(frames::alloc_emergency).count();
    println!("{count} frames");
}

#[burrow::test]
fn null_and_guards_are_unmapped() {
    for addr in [0, 8, PAGE, 1 << 20, 1 << 32, 0x7fff_ffff_f000] {
        assert_eq!(space::translate(addr), None);
    }
    let bytes = 5 * PAGE;
    let top = space::alloc_kstack(bytes).expect("stack");
    assert!(space::is_mapped(top - bytes, bytes));
    assert!(!space::is_mapped(top - bytes - PAGE, PAGE));
    // SAFETY: a stack of ours, mapped.
    unsafe { ((top - bytes) as *mut u8).write_bytes(1, bytes) };
    space::free_kstack(top, bytes);
    assert_eq!(space::alloc_kstack(bytes), Some(top));
    space::free_kstack(top, bytes);
}

/// Where an object of the image lies in the physical map.
fn alias<T>(object: *const T) -> usize {
    space::translate(object.addr()).expect("mapped").virt()
}

fn overwrite(addr: usize) {
    // SAFETY: not sound at all, which the machine is expected to notice.
    unsafe {
        let byte = (addr as *const u8).read_volatile();
        (addr as *mut u8).write_volatile(byte);
    }
    println!("written");
}

#[burrow::test(exit = 2, console = "unexpected fault address 0xffffffff")]
fn text_cannot_be_written() {
    overwrite(main as *const () as usize);
}

#[burrow::test(exit = 2, console = "unexpected fault address 0xffff8000")]
fn text_has_no_writable_alias() {
    overwrite(alias(main as *const ()));
}

static CONSTANT: [u64; 512] = [7; 512];

#[burrow::test(exit = 2, console = "unexpected fault address 0xffffffff")]
fn read_only_data_cannot_be_written() {
    overwrite(black_box(&CONSTANT).as_ptr() as usize);
}

#[burrow::test(exit = 2, console = "unexpected fault address 0xffff8000")]
fn read_only_data_has_no_writable_alias() {
    overwrite(alias(black_box(&CONSTANT).as_ptr()));
}

/// Calls memory that holds no code.
fn execute(addr: usize) {
    // SAFETY: not sound at all, which the machine is expected to notice.
    let code: extern "C" fn() = unsafe { core::mem::transmute(addr) };
    black_box(code)();
    println!("executed");
}

#[burrow::test(exit = 2, console = "fatal error: fault")]
fn the_heap_is_not_executed() {
    execute(black_box(vec![0u8; 64]).leak().as_ptr() as usize);
}

#[burrow::test(exit = 2, console = "fatal error: fault")]
fn stacks_are_not_executed() {
    execute(black_box(&mut [0u64; 8]).as_ptr() as usize);
}

#[burrow::test(exit = 2, console = "fatal error: fault")]
fn the_physical_map_is_not_executed() {
    execute(alias(main as *const ()));
}

struct Block {
    start: *mut u8,
    layout: Layout,
    tag: u8,
}

impl Block {
    fn new(layout: Layout, tag: u8) -> Self {
        // SAFETY: the layout has a size.
        let start = unsafe { alloc::alloc::alloc(layout) };
        assert!(is_good(start, layout));
        // SAFETY: just allocated.
        unsafe { start.write_bytes(tag, layout.size()) };
        Self { start, layout, tag }
    }

    fn check(&self, len: usize) {
        for at in 0..len {
            // SAFETY: inside the block.
            assert_eq!(unsafe { self.start.add(at).read() }, self.tag);
        }
    }

    fn resize(&mut self, size: usize) {
        // SAFETY: ours, by its layout.
        self.start = unsafe { alloc::alloc::realloc(self.start, self.layout, size) };
        assert!(is_good(self.start, self.layout));
        self.check(size.min(self.layout.size()));
        self.layout = Layout::from_size_align(size, self.layout.align()).expect("layout");
        // SAFETY: inside the block.
        unsafe { self.start.write_bytes(self.tag, size) };
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.check(self.layout.size());
        // SAFETY: ours, by its layout.
        unsafe { alloc::alloc::dealloc(self.start, self.layout) };
    }
}

// SAFETY: a block belongs to whoever holds it.
unsafe impl Send for Block {}

fn is_good(block: *mut u8, layout: Layout) -> bool {
    !block.is_null() && block.addr().is_multiple_of(layout.align())
}

fn random_layout(rng: &mut Rng) -> Layout {
    let most = [16, 256, 4096, 40_000, 400_000][rng.below(5).min(rng.below(5))];
    let powers = if rng.below(20) == 0 { 14 } else { 5 };
    Layout::from_size_align(rng.below(most) + 1, 1 << rng.below(powers)).expect("layout")
}

fn use_heap(seed: u64, steps: usize) {
    let mut rng = Rng(seed);
    let mut held: Vec<Block> = Vec::new();
    for _ in 0..steps {
        match rng.below(10) {
            0..5 => held.push(Block::new(random_layout(&mut rng), seed as u8)),
            5..9 if !held.is_empty() => drop(held.swap_remove(rng.below(held.len()))),
            9 if !held.is_empty() => {
                let at = rng.below(held.len());
                held[at].resize(random_layout(&mut rng).size());
            }
            _ => {}
        }
    }
}

#[burrow::test]
fn blocks_keep_their_contents() {
    let before = heap::stats().in_use;
    use_heap(1, 5_000);
    // The runtime's own blocks come and go meanwhile.
    assert!(heap::stats().in_use.abs_diff(before) < 64 << 10);
}

#[burrow::test(smp = 2)]
fn blocks_keep_their_contents_on_all_cores() {
    let group = WaitGroup::new();
    for seed in 0..16 {
        group.go(move || {
            for round in 0..4 {
                use_heap(seed * 16 + round + 2, 200);
                runtime::gosched();
            }
        });
    }
    group.wait();
}

#[burrow::test]
fn blocks_are_freed_where_they_were_not_allocated() {
    let before = heap::stats().in_use;
    for round in 0..20 {
        let group = WaitGroup::new();
        for part in 0..8 {
            let layout = Layout::from_size_align(100 + 300 * part, 8).expect("layout");
            let blocks: Vec<Block> = (0..50).map(|tag| Block::new(layout, tag ^ round)).collect();
            group.go(move || drop(blocks));
        }
        group.wait();
    }
    assert!(heap::stats().in_use.abs_diff(before) < 64 << 10);
}

#[burrow::test]
fn the_heap_says_no_and_goes_on() {
    let mut bytes: Vec<u8> = Vec::new();
    assert!(bytes.try_reserve(1 << 40).is_err());
    assert!(bytes.try_reserve(isize::MAX as usize).is_err());
    let most = frames::stats().free / 4;
    bytes.try_reserve_exact(most).expect("a quarter of memory");
    bytes.resize(most, 3);
    let mapped = heap::stats().mapped;
    drop(bytes);
    // The same memory again.
    let mut bytes: Vec<u8> = Vec::new();
    bytes.try_reserve_exact(most).expect("a quarter of memory");
    assert_eq!(heap::stats().mapped, mapped);
}

#[burrow::test]
fn slabs_hand_out_places_for_ever() {
    #[repr(align(64))]
    struct Item(usize);
    static ITEMS: FixAlloc<Item> = FixAlloc::new();
    let items: Vec<&'static Item> =
        (0..1000).map(|number| ITEMS.alloc(Item(number)).expect("item")).collect();
    for (number, item) in items.iter().enumerate() {
        assert_eq!(item.0, number);
        assert!(core::ptr::from_ref(*item).addr().is_multiple_of(64));
    }
}
