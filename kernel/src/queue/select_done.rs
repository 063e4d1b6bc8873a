//! Who readies a goroutine that waits on several channels: [`SelectDone`]. Go: `g.selectDone`.
//!
//! Wakers hold the locks of different channels, so that no lock says who came first; one exchange
//! does. All accesses are relaxed: that one waker wins is in the exchange alone, and everything else
//! is ordered by the channels' locks. Every waker tries to win under the lock of the channel where
//! it found the goroutine's sudog; the goroutine resets the word after it has held each of those
//! locks and left the queue there, so that all who found it have tried, and nobody will again. What
//! the winner leaves for the goroutine is ordered by the wake-up. Model: `tests/loom_select.rs`.

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

    /// By the goroutine itself, off the queues of all channels that it waited on.
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
