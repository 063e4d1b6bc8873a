//! C's heap is the image's: a word before each block says how much it is.

use alloc::alloc::{Layout, alloc, alloc_zeroed, dealloc};
use core::ptr;

/// Alignment of every block, enough for any of C's types; the size lies in as many bytes before it.
const ALIGN: usize = 16;

/// What a block was made as.
#[derive(Clone, Copy)]
struct Header {
    /// Bytes that were asked for.
    size: usize,
    /// Alignment, which is also how far before the block its memory begins.
    align: usize,
}

/// The memory of a block with its header; nothing if there is no such size.
fn layout(header: Header) -> Option<Layout> {
    Layout::from_size_align(header.size.checked_add(header.align)?, header.align).ok()
}

/// A block from `take`, which gives memory or null.
fn block(size: usize, align: usize, take: unsafe fn(Layout) -> *mut u8) -> *mut u8 {
    let header = Header { size, align: align.max(ALIGN) };
    let Some(layout) = layout(header) else { return ptr::null_mut() };
    // SAFETY: not empty, because of the header.
    let memory = unsafe { take(layout) };
    if memory.is_null() {
        return memory;
    }
    // SAFETY: the memory begins with as many bytes for the header.
    let block = unsafe { memory.add(header.align) };
    // SAFETY: the header fits before the block, whose alignment is enough for it.
    unsafe { block.cast::<Header>().sub(1).write(header) };
    block
}

/// # Safety
/// `block` is one that [`block`] gave and nobody gave back.
unsafe fn header(block: *mut u8) -> Header {
    // SAFETY: written there when it was made.
    unsafe { block.cast::<Header>().sub(1).read() }
}

#[unsafe(no_mangle)]
extern "C" fn malloc(size: usize) -> *mut u8 {
    block(size, ALIGN, alloc)
}

#[unsafe(no_mangle)]
extern "C" fn calloc(count: usize, size: usize) -> *mut u8 {
    count.checked_mul(size).map_or(ptr::null_mut(), |size| block(size, ALIGN, alloc_zeroed))
}

#[unsafe(no_mangle)]
extern "C" fn aligned_alloc(align: usize, size: usize) -> *mut u8 {
    if align.is_power_of_two() { block(size, align, alloc) } else { ptr::null_mut() }
}

/// # Safety
/// `old` is null or a block that was not given back.
#[unsafe(no_mangle)]
unsafe extern "C" fn realloc(old: *mut u8, size: usize) -> *mut u8 {
    let new = malloc(size);
    if old.is_null() || new.is_null() {
        return new;
    }
    // SAFETY: the caller's promise.
    let kept = unsafe { header(old) }.size.min(size);
    // SAFETY: both blocks have that many bytes, and the new one is nobody else's.
    unsafe { ptr::copy_nonoverlapping(old, new, kept) };
    // SAFETY: the caller's promise.
    unsafe { free(old) };
    new
}

/// # Safety
/// `old` is null or a block that was not given back.
#[unsafe(no_mangle)]
unsafe extern "C" fn free(old: *mut u8) {
    if old.is_null() {
        return;
    }
    // SAFETY: the caller's promise.
    let header = unsafe { header(old) };
    let Some(layout) = layout(header) else {
        burrow_kernel::panic::fatal("free: not a block of the heap")
    };
    // SAFETY: the memory that `block` took, by the same layout.
    unsafe { dealloc(old.sub(header.align), layout) };
}
