//! A core's own frames: allocation without a lock.
//!
//! Touched by its core alone, interrupts masked (the fault handler allocates too). The fields are
//! atomics so that statistics may read them from elsewhere; relaxed accesses cost what plain ones
//! do.

use core::sync::atomic::{AtomicU32, Ordering};

/// Frames that a core keeps at most.
const CAPACITY: usize = 64;
/// Frames moved between the core and the shared pool at once.
pub const BATCH: usize = 32;

/// Frames kept by one core.
pub struct CoreCache {
    count: AtomicU32,
    frames: [AtomicU32; CAPACITY],
}

impl CoreCache {
    /// A cache without frames.
    pub const fn new() -> Self {
        Self { count: AtomicU32::new(0), frames: [const { AtomicU32::new(0) }; CAPACITY] }
    }

    /// How many frames it holds.
    pub fn count(&self) -> u32 {
        self.count.load(Ordering::Relaxed)
    }

    /// Takes the frame put last, which is the likeliest to be in the CPU's cache.
    #[inline(always)]
    pub fn take(&self) -> Option<u32> {
        let left = self.count.load(Ordering::Relaxed).checked_sub(1)?;
        let frame = self.frames.get(left as usize)?.load(Ordering::Relaxed);
        self.count.store(left, Ordering::Relaxed);
        Some(frame)
    }

    /// Keeps a frame; `false` if there is no room.
    #[inline(always)]
    pub fn put(&self, frame: u32) -> bool {
        let count = self.count.load(Ordering::Relaxed);
        let Some(slot) = self.frames.get(count as usize) else { return false };
        slot.store(frame, Ordering::Relaxed);
        self.count.store(count + 1, Ordering::Relaxed);
        true
    }
}

impl Default for CoreCache {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_in_first_out_up_to_its_capacity() {
        let cache = CoreCache::new();
        assert_eq!(cache.take(), None);
        for frame in 0..CAPACITY as u32 {
            assert!(cache.put(frame));
        }
        assert!(!cache.put(99));
        assert_eq!(cache.count(), CAPACITY as u32);
        for frame in (0..CAPACITY as u32).rev() {
            assert_eq!(cache.take(), Some(frame));
        }
        assert_eq!(cache.take(), None);
    }
}
