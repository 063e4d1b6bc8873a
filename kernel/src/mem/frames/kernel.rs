//! The machine's frames: one pool, a cache per core, and some kept for the fatal path.

use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use burrow_arch::irq;
use burrow_arch::layout::{PAGE, PhysAddr};
use burrow_arch::platform::MAX_CORES;

use super::cache::BATCH;
use super::pool::{Pool, Ram};
use crate::boot_info::{MemoryKind, MemoryRegion};
use crate::percpu;
use crate::sync::lock::probe_stack;
use crate::sync::{IrqLock, Rank};

/// RAM as the kernel sees it.
struct PhysMap;

impl Ram for PhysMap {
    fn frame(&self, frame: u32) -> *mut u8 {
        addr(frame).virt() as *mut u8
    }
}

static POOL: IrqLock<Pool<PhysMap>> = IrqLock::new(Rank::Frames, Pool::new(PhysMap));

/// Frames kept for the fatal path, which can take no lock: its holder may stand still for ever.
const EMERGENCY: usize = 64;
static EMERGENCY_FRAMES: [AtomicU32; EMERGENCY] = [const { AtomicU32::new(0) }; EMERGENCY];
static EMERGENCY_LEFT: AtomicUsize = AtomicUsize::new(0);

/// Bytes of RAM under the allocator.
#[derive(Clone, Copy, Debug)]
pub struct Stats {
    /// All that it ever had to hand out.
    pub total: usize,
    /// What it could hand out now, cores' caches included.
    pub free: usize,
}

fn addr(frame: u32) -> PhysAddr {
    PhysAddr(u64::from(frame) * PAGE as u64)
}

fn number(pa: PhysAddr) -> u32 {
    (pa.0 / PAGE as u64) as u32
}

/// Takes over the usable regions. Costs the same for 64 MiB and for 64 GiB.
pub fn init(memory: &[MemoryRegion]) {
    let mut pool = POOL.lock();
    for region in memory.iter().filter(|region| region.kind == MemoryKind::Usable) {
        let start = region.start.0.div_ceil(PAGE as u64);
        let end = (region.end.0 / PAGE as u64).min(u64::from(u32::MAX));
        if start < end {
            pool.add(start as u32, end as u32);
        }
    }
    for slot in &EMERGENCY_FRAMES {
        let Some(frame) = pool.take_one() else { break };
        slot.store(frame, Ordering::Relaxed);
        EMERGENCY_LEFT.fetch_add(1, Ordering::Relaxed);
    }
}

/// A frame with whatever was in it. Any context but code under the pool's lock.
#[inline]
pub fn alloc() -> Option<PhysAddr> {
    let was_enabled = irq::disable();
    // A stack fault in the middle of the cache's update would enter it a second time; here, before
    // it has begun, one does no harm.
    probe_stack();
    let frame = alloc_masked();
    irq::restore(was_enabled);
    frame
}

/// As [`alloc`], for handlers: interrupts are masked and the stack is mapped.
#[inline]
pub fn alloc_masked() -> Option<PhysAddr> {
    match percpu::local().frames.take() {
        Some(frame) => Some(addr(frame)),
        None => refill(),
    }
}

/// A frame full of zeroes.
pub fn alloc_zeroed() -> Option<PhysAddr> {
    let frame = alloc()?;
    zero(frame);
    Some(frame)
}

/// Gives a frame back. Nobody may know it any more, no TLB either (law 12).
#[inline]
pub fn free(pa: PhysAddr) {
    let was_enabled = irq::disable();
    probe_stack();
    if !percpu::local().frames.put(number(pa)) {
        spill(number(pa));
    }
    irq::restore(was_enabled);
}

/// 2 MiB, aligned, with whatever was in them.
pub fn alloc_large() -> Option<PhysAddr> {
    POOL.lock().take_large().map(addr)
}

/// Gives back what [`alloc_large`] gave.
pub fn free_large(pa: PhysAddr) {
    if POOL.lock().put_large(number(pa)).is_err() {
        crate::panic::throw("large page freed twice");
    }
}

/// A frame for the fatal path: takes no lock.
pub fn alloc_emergency() -> Option<PhysAddr> {
    let taken =
        EMERGENCY_LEFT.try_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
    let slot = EMERGENCY_FRAMES.get(taken.ok()? - 1)?;
    Some(addr(slot.load(Ordering::Relaxed)))
}

/// How much there is.
pub fn stats() -> Stats {
    let (total, free) = {
        let pool = POOL.lock();
        (pool.total(), pool.free())
    };
    let cached: u64 =
        (0..MAX_CORES).filter_map(percpu::core).map(|core| u64::from(core.frames.count())).sum();
    Stats { total: total as usize * PAGE, free: (free + cached) as usize * PAGE }
}

/// Clears a frame.
///
/// Word by word: under emulation the string instruction that `memset` is costs many times more.
pub fn zero(pa: PhysAddr) {
    const UNROLLED: usize = 8;
    let words = pa.virt() as *mut u64;
    for first in (0..PAGE / size_of::<u64>()).step_by(UNROLLED) {
        for at in first..first + UNROLLED {
            // SAFETY: a frame of ours, seen through the physical map; `at` stays inside it.
            // Volatile only so that the loop is not turned back into `memset`.
            unsafe { words.add(at).write_volatile(0) };
        }
    }
}

/// The core's cache is empty: takes a batch from the pool. Interrupts are masked.
#[cold]
#[inline(never)]
fn refill() -> Option<PhysAddr> {
    let cache = &percpu::local().frames;
    POOL.lock().take(BATCH as u32, |frame| {
        // There is room: the cache was empty.
        cache.put(frame);
    });
    cache.take().map(addr)
}

/// The core's cache is full: gives a batch and `frame` to the pool. Interrupts are masked.
#[cold]
#[inline(never)]
fn spill(frame: u32) {
    let cache = &percpu::local().frames;
    let mut pool = POOL.lock();
    let batch = core::iter::from_fn(|| cache.take()).take(BATCH);
    for frame in batch.chain([frame]) {
        if pool.put(frame).is_err() {
            drop(pool);
            crate::panic::throw("page frame freed twice");
        }
    }
}
