//! A value that counts how many of its kind live.

use burrow::prelude::*;
use core::sync::atomic::{AtomicU32, Ordering};

/// Counts in what it was made with.
pub struct Live(Arc<AtomicU32>);

impl Live {
    /// One more.
    pub fn new(count: &Arc<AtomicU32>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
