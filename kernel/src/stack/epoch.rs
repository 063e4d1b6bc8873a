//! When frames of unmapped pages may be used again (law 12): once every core has flushed its TLB,
//! which each does when it suits it. Nobody is interrupted, nobody waits.
//!
//! 1. Who unmaps clears the entry, then files the page under the current epoch.
//! 2. [`Epochs::advance`] begins the next epoch.
//! 3. At its tick, each core that has not seen the new epoch reads it, then flushes, then claims
//!    what it read ([`Epochs::tick`]).
//! 4. Pages filed under e are through once every core claims more than e ([`Epochs::all_saw`]):
//!    each read the epoch after step 2 and flushed after that, so after step 1.
//!
//! A halted core touches no stack, so it claims everything ([`Epochs::idle_enter`]). When it goes
//! on, it takes that back, passes a fence, and flushes if an epoch began since its last flush
//! ([`Epochs::idle_exit`]); who asks passes a fence before it looks at the claims. One of the two
//! fences comes first: if the asker's, the core sees the new epoch and what was unmapped before
//! it; if the core's, the asker sees that it is back.
//!
//! `tests/loom_tlb.rs` runs the functions below.

use crate::sync::atomic::{AtomicU64, Ordering, const_unless_loom, fence};

/// What a core claims while it uses no stacks.
const AWAY: u64 = u64::MAX;

/// The epoch, and what each of `N` cores has seen of it.
pub struct Epochs<const N: usize> {
    epoch: AtomicU64,
    seen: [Seen; N],
}

/// A cache line each: written by its core alone.
#[repr(align(64))]
struct Seen {
    /// The epoch that others may count on, or [`AWAY`].
    claim: AtomicU64,
    /// The epoch read before the last flush. Kept while away.
    flushed: AtomicU64,
}

impl<const N: usize> Epochs<N> {
    const_unless_loom! {
        /// No core uses stacks yet.
        pub fn new() -> Self {
            Self { epoch: AtomicU64::new(1), seen: seen() }
        }
    }

    /// The epoch that pages are filed under now. Stable under the lock that [`advance`] needs.
    ///
    /// [`advance`]: Self::advance
    pub fn current(&self) -> u64 {
        self.epoch.load(Ordering::Relaxed)
    }

    /// Ends the current epoch, under a lock of the caller's.
    pub fn advance(&self) {
        // Release: pairs with `flush`; who reads the new epoch sees what was unmapped before.
        self.epoch.store(self.current() + 1, Ordering::Release);
    }

    /// Whether every core has flushed since that epoch ended.
    pub fn all_saw(&self, epoch: u64) -> bool {
        fence(Ordering::SeqCst); // partner: the fence in idle_exit
        // Acquire: pairs with the release of `flush` and `idle_enter`; what the core did through
        // its old TLB comes before what is done with the frames.
        self.seen.iter().all(|seen| seen.claim.load(Ordering::Acquire) > epoch)
    }

    /// Flushes if an epoch began since this core's last flush; two loads if not.
    #[inline(always)]
    pub fn tick(&self, core: usize, flush: impl FnOnce()) {
        let Some(seen) = self.seen.get(core) else { return };
        if seen.claim.load(Ordering::Relaxed) != self.epoch.load(Ordering::Relaxed) {
            self.flush(seen, flush);
        }
    }

    /// Flushes unless this core has done so since that epoch ended.
    pub fn flush_since(&self, core: usize, epoch: u64, flush: impl FnOnce()) {
        let Some(seen) = self.seen.get(core) else { return };
        if seen.claim.load(Ordering::Relaxed) <= epoch {
            self.flush(seen, flush);
        }
    }

    /// Before the core halts: it keeps nobody waiting.
    #[inline(always)]
    pub fn idle_enter(&self, core: usize) {
        if let Some(seen) = self.seen.get(core) {
            // Release: pairs with `all_saw`.
            seen.claim.store(AWAY, Ordering::Release);
        }
    }

    /// After the core halted, and as it starts: before it touches any stack.
    #[inline(always)]
    pub fn idle_exit(&self, core: usize, flush: impl FnOnce()) {
        let Some(seen) = self.seen.get(core) else { return };
        let flushed = seen.flushed.load(Ordering::Relaxed);
        seen.claim.store(flushed, Ordering::Relaxed);
        fence(Ordering::SeqCst); // partner: the fence in all_saw
        // If no epoch began meanwhile, the claim still holds.
        if self.epoch.load(Ordering::Relaxed) != flushed {
            self.flush(seen, flush);
        }
    }

    #[cold]
    fn flush(&self, seen: &Seen, flush: impl FnOnce()) {
        // Acquire: pairs with `advance`; its unmapping comes before our flush.
        let epoch = self.epoch.load(Ordering::Acquire);
        flush();
        seen.flushed.store(epoch, Ordering::Relaxed);
        // Release: pairs with `all_saw`; the flush comes first.
        seen.claim.store(epoch, Ordering::Release);
    }
}

impl<const N: usize> Default for Epochs<N> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(not(loom))]
const fn seen<const N: usize>() -> [Seen; N] {
    [const { Seen { claim: AtomicU64::new(AWAY), flushed: AtomicU64::new(0) } }; N]
}

#[cfg(loom)]
fn seen<const N: usize>() -> [Seen; N] {
    core::array::from_fn(|_| Seen { claim: AtomicU64::new(AWAY), flushed: AtomicU64::new(0) })
}

#[cfg(all(test, not(loom)))]
mod tests {
    use core::cell::Cell;

    use super::*;

    #[test]
    fn frames_wait_for_every_core_that_is_not_away() {
        let (epochs, flushes) = (Epochs::<3>::new(), Cell::new(0));
        let flush = || flushes.set(flushes.get() + 1);
        epochs.idle_exit(0, flush);
        epochs.idle_exit(1, flush);
        assert_eq!(flushes.get(), 2);
        let filed = epochs.current();
        epochs.advance();
        assert!(!epochs.all_saw(filed));
        epochs.tick(0, flush);
        assert!(!epochs.all_saw(filed));
        epochs.idle_enter(1);
        assert!(epochs.all_saw(filed));
        assert_eq!(flushes.get(), 3);
        epochs.idle_exit(1, flush);
        assert_eq!(flushes.get(), 4);
        assert!(epochs.all_saw(filed));
        assert!(!epochs.all_saw(epochs.current()));
    }

    #[test]
    fn nothing_is_flushed_without_a_new_epoch() {
        let epochs = Epochs::<1>::new();
        epochs.idle_exit(0, || {});
        for _ in 0..3 {
            epochs.tick(0, || panic!("tick"));
            epochs.idle_enter(0);
            epochs.idle_exit(0, || panic!("idle"));
            epochs.flush_since(0, epochs.current() - 1, || panic!("enter"));
        }
        let flushed = Cell::new(false);
        epochs.advance();
        epochs.flush_since(0, epochs.current() - 1, || flushed.set(true));
        assert!(flushed.get());
    }
}
