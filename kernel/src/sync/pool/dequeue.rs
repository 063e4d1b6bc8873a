//! A ring of fixed size with one producer, which pushes and pops at the head, and any number of
//! consumers, which pop at the tail. Go: `poolDequeue`.

use alloc::boxed::Box;
use core::mem::MaybeUninit;

use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::cell::UnsafeCell;

/// See the module's text.
pub struct PoolDequeue<T> {
    /// Head in the upper half: the slot to fill next. Tail in the lower: the oldest value. In one
    /// word, so that the last value is taken by one side alone.
    head_tail: AtomicU64,
    slots: Box<[Slot<T>]>,
}

struct Slot<T> {
    /// From the push until the value has been moved out, which is later than the index says.
    full: AtomicBool,
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: a value is moved in by the producer and out by the one who changed the index past it.
unsafe impl<T: Send> Sync for PoolDequeue<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for PoolDequeue<T> {}

const HEAD: u64 = 1 << 32;

fn head(word: u64) -> u32 {
    (word >> 32) as u32
}

fn tail(word: u64) -> u32 {
    word as u32
}

impl<T> PoolDequeue<T> {
    /// An empty ring of so many slots, a power of two.
    pub fn new(size: usize) -> Self {
        assert!(size.is_power_of_two() && size <= 1 << 30, "size of a pool's ring");
        let slot =
            || Slot { full: AtomicBool::new(false), value: UnsafeCell::new(MaybeUninit::uninit()) };
        Self { head_tail: AtomicU64::new(0), slots: (0..size).map(|_| slot()).collect() }
    }

    /// How many slots.
    pub fn size(&self) -> usize {
        self.slots.len()
    }

    fn slot(&self, index: u32) -> &Slot<T> {
        &self.slots[index as usize & (self.slots.len() - 1)]
    }

    /// Adds a value at the head, or gives it back if the ring is full. Go: `pushHead`.
    ///
    /// # Safety
    /// There is one producer at a time, and what the one before did happened before.
    pub unsafe fn push_head(&self, value: T) -> Result<(), T> {
        // Relaxed: the head is our own; a tail that moved on meanwhile only makes room.
        let word = self.head_tail.load(Ordering::Relaxed);
        let slot = self.slot(head(word));
        // Acquire: pairs with the release in `pop_tail`, whose reader has left the slot then.
        let full = head(word).wrapping_sub(tail(word)) as usize == self.slots.len()
            || slot.full.load(Ordering::Acquire);
        if full {
            return Err(value);
        }
        // SAFETY: nobody refers to an empty slot beyond the head but the producer.
        slot.value.with_mut(|place| unsafe { (*place).write(value) });
        slot.full.store(true, Ordering::Relaxed);
        // Release: pairs with the acquire in `pop_tail`.
        self.head_tail.fetch_add(HEAD, Ordering::Release);
        Ok(())
    }

    /// Takes the newest value. Go: `popHead`.
    ///
    /// # Safety
    /// As [`push_head`](Self::push_head).
    pub unsafe fn pop_head(&self) -> Option<T> {
        let mut word = self.head_tail.load(Ordering::Relaxed);
        loop {
            if head(word) == tail(word) {
                return None;
            }
            let less = word.wrapping_sub(HEAD);
            // Relaxed: the value is the producer's own. As an exchange it carries the releases of
            // the pushes on to who pops at the tail.
            match self.head_tail.compare_exchange_weak(
                word,
                less,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    let slot = self.slot(head(less));
                    // SAFETY: it was pushed, and no index leads to it any more.
                    let value = slot.value.with_mut(|place| unsafe { (*place).assume_init_read() });
                    slot.full.store(false, Ordering::Relaxed);
                    return Some(value);
                }
                Err(now) => word = now,
            }
        }
    }

    /// Takes the oldest value. Anybody. Go: `popTail`.
    pub fn pop_tail(&self) -> Option<T> {
        let mut word = self.head_tail.load(Ordering::Relaxed);
        loop {
            if head(word) == tail(word) {
                return None;
            }
            let more = word & !(HEAD - 1) | u64::from(tail(word).wrapping_add(1));
            // Acquire: pairs with the release in `push_head`.
            match self.head_tail.compare_exchange_weak(
                word,
                more,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    let slot = self.slot(tail(word));
                    // SAFETY: it was pushed, and no index leads to it any more; the producer keeps
                    // away while it is full.
                    let value = slot.value.with_mut(|place| unsafe { (*place).assume_init_read() });
                    // Release: pairs with the acquire in `push_head`.
                    slot.full.store(false, Ordering::Release);
                    return Some(value);
                }
                Err(now) => word = now,
            }
        }
    }
}

impl<T> Drop for PoolDequeue<T> {
    fn drop(&mut self) {
        while let Some(value) = self.pop_tail() {
            drop(value);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[test]
    fn newest_at_the_head_oldest_at_the_tail_and_no_more_than_fits() {
        let ring = PoolDequeue::new(4);
        // Round the ring more than once, so that indices wrap over the slots.
        for round in 0..10 {
            for n in 0..4 {
                // SAFETY: one thread.
                assert_eq!(unsafe { ring.push_head(round * 10 + n) }, Ok(()));
            }
            // SAFETY: one thread.
            assert_eq!(unsafe { ring.push_head(99) }, Err(99));
            assert_eq!(ring.pop_tail(), Some(round * 10));
            // SAFETY: one thread.
            assert_eq!(unsafe { ring.pop_head() }, Some(round * 10 + 3));
            assert_eq!(
                (ring.pop_tail(), ring.pop_tail()),
                (Some(round * 10 + 1), Some(round * 10 + 2))
            );
            // SAFETY: one thread.
            assert_eq!((ring.pop_tail(), unsafe { ring.pop_head() }), (None, None));
        }
    }

    #[test]
    fn what_is_left_is_dropped_once() {
        let value = Rc::new(());
        let ring = PoolDequeue::new(8);
        for _ in 0..5 {
            // SAFETY: one thread.
            assert!(unsafe { ring.push_head(value.clone()) }.is_ok());
        }
        drop(ring.pop_tail());
        assert_eq!(Rc::strong_count(&value), 5);
        drop(ring);
        assert_eq!(Rc::strong_count(&value), 1);
    }
}
