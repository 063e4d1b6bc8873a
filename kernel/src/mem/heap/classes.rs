//! Size classes of small blocks (Go: `sizeclasses.go`).
//!
//! Four classes to each doubling from 64 bytes to 32 KiB, so that at most a fifth of a block is
//! lost; below that 8, 16, 32, 48. Every class that a multiple of an alignment up to a page falls
//! into is a multiple of that alignment itself, so alignment needs no classes of its own.

use core::alloc::Layout;

/// How many classes there are.
pub const CLASSES: usize = 41;
/// Slots of a table indexed by class whose index can be masked instead of checked.
pub const SLOTS: usize = 64;
/// Largest block with a class; larger ones come from the source of spans.
pub const MAX_SMALL: usize = 32 << 10;
/// Largest alignment of a block with a class.
pub const MAX_ALIGN: usize = 4096;

/// Bytes of a block of each class; 0 beyond the last.
pub const SIZES: [u32; SLOTS] = sizes();
/// Class by eighths of the size, up to 1 KiB.
static BY_EIGHTH: [u8; 129] = by_eighth();

const fn sizes() -> [u32; SLOTS] {
    let mut sizes = [0; SLOTS];
    let (mut class, mut base) = (5, 64);
    (sizes[0], sizes[1], sizes[2], sizes[3], sizes[4]) = (8, 16, 32, 48, 64);
    while class < CLASSES {
        sizes[class] = base + base / 4;
        sizes[class + 1] = base + base / 2;
        sizes[class + 2] = base + base / 4 * 3;
        sizes[class + 3] = base * 2;
        base *= 2;
        class += 4;
    }
    sizes
}

const fn by_eighth() -> [u8; 129] {
    let sizes = sizes();
    let mut table = [0; 129];
    let (mut eighths, mut class) = (0, 0);
    while eighths < table.len() {
        if eighths * 8 > sizes[class] as usize {
            class += 1;
        }
        table[eighths] = class as u8;
        eighths += 1;
    }
    table
}

/// The class of a block of that layout, or `None` if it is a large one.
#[inline(always)]
pub fn class_of(layout: Layout) -> Option<usize> {
    // A layout's size rounded up to its alignment does not overflow.
    let size = (layout.size() + (layout.align() - 1)) & !(layout.align() - 1);
    if size <= 1024 {
        // The shift bounds the index.
        return Some(usize::from(BY_EIGHTH[(size + 7) >> 3]));
    }
    if size > MAX_SMALL || layout.align() > MAX_ALIGN {
        return None;
    }
    let log = (size - 1).ilog2() as usize;
    let quarter = (size - 1) >> (log - 2) & 3;
    Some(5 + (log - 6) * 4 + quarter)
}

/// Bytes of a span of that class: a power of two, which it is aligned to as well.
pub const fn span_size(class: usize) -> usize {
    match SIZES[class & (SLOTS - 1)] {
        0..=512 => 16 << 10,
        513..=4096 => 64 << 10,
        _ => 256 << 10,
    }
}

/// Where the first block of a span lies, behind the span's header: aligned as the blocks are.
pub const fn first_block(class: usize) -> usize {
    let size = SIZES[class & (SLOTS - 1)] as usize;
    let align = size & size.wrapping_neg();
    match align {
        0..=64 => 64,
        65..=MAX_ALIGN => align,
        _ => MAX_ALIGN,
    }
}

/// Blocks of each class that move between a core and the shared lists at once: 8 KiB of them, at
/// least one, at most 32. A core keeps up to twice as many.
pub const BATCHES: [u8; SLOTS] = batches();

const fn batches() -> [u8; SLOTS] {
    let mut batches = [1; SLOTS];
    let mut class = 0;
    while class < CLASSES {
        batches[class] = match 8192 / SIZES[class] {
            0 => 1,
            fits if fits > 32 => 32,
            fits => fits as u8,
        };
        class += 1;
    }
    batches
}

/// See [`BATCHES`].
#[inline(always)]
pub const fn batch(class: usize) -> u32 {
    BATCHES[class & (SLOTS - 1)] as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(size: usize, align: usize) -> Option<usize> {
        class_of(Layout::from_size_align(size, align).unwrap())
    }

    #[test]
    fn the_last_class_is_the_largest_small_size() {
        assert_eq!(SIZES[CLASSES - 1] as usize, MAX_SMALL);
        assert!(SIZES[..CLASSES].is_sorted());
        assert!(SIZES[CLASSES..].iter().all(|size| *size == 0));
    }

    #[test]
    fn each_size_gets_the_smallest_class_that_fits() {
        for size in 1..=MAX_SMALL {
            let class = class(size, 1).unwrap();
            assert!(SIZES[class] as usize >= size);
            assert!(class == 0 || (SIZES[class - 1] as usize) < size, "{size}");
        }
        assert_eq!(class(MAX_SMALL + 1, 1), None);
    }

    #[test]
    fn blocks_are_aligned_as_asked() {
        for power in 0..=12 {
            let align = 1 << power;
            for size in 1..=MAX_SMALL {
                let Some(class) = class(size, align) else {
                    assert!(size > MAX_SMALL - align);
                    continue;
                };
                let block = SIZES[class] as usize;
                assert!(block >= size && block.is_multiple_of(align), "{size} at {align}");
                assert!(first_block(class).is_multiple_of(align), "{size} at {align}");
            }
        }
        assert_eq!(class(8, 8192), None);
        assert_eq!(class(usize::MAX / 2 - 4096, 4096), None);
    }

    #[test]
    fn little_of_a_span_is_lost() {
        for (class, size) in SIZES[..CLASSES].iter().enumerate() {
            let (span, size) = (span_size(class), *size as usize);
            let used = (span - first_block(class)) / size * size;
            assert!(used * 100 >= span * 85, "class {class}: {used} of {span}");
            assert!((1..=32).contains(&batch(class)));
        }
    }
}
