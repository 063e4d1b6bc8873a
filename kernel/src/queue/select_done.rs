//! Who readies a goroutine that waits on several channels: [`SelectDone`]. Go: `g.selectDone`.
//!
//! Wakers hold the locks of different channels, so that no lock says who came first; one exchange
//! does. All accesses are relaxed: that one waker wins is in the exchange alone, and everything else
//! is ordered by the channels' locks. The goroutine resets the word under all of its channels'
//! locks, before it leaves word of its next wait with anybody, and every waker that found a
//! goroutine's word on a channel tries to win under that channel's lock. What the winner leaves
//! for the goroutine is ordered by the wake-up. Model: `tests/loom_select.rs`.

use crate::sync::atomic::{AtomicU32, Ordering, const_unless_loom};

/// See the module's text.
pub struct SelectDone(AtomicU32);

impl SelectDone {
    const_unless_loom! {
        /// Nobody has won.
        pub fn new() -> Self {
            Self(AtomicU32::new(0))
        }
    }

    /// Claims the goroutine: true for the first only.
    #[inline(always)]
    pub fn win(&self) -> bool {
        self.0.compare_exchange(0, 1, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// By the goroutine itself, under the locks of all channels that it waited on.
    #[inline(always)]
    pub fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

impl Default for SelectDone {
    fn default() -> Self {
        Self::new()
    }
}
