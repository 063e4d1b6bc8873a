//! Panics that a goroutine recovered and has not let go of: a report names them too.
//!
//! Whoever recovered a panic holds it; here is only a weak reference, so that it goes when its
//! holder lets it go.

use core::cell::{Cell, UnsafeCell};

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;

use super::record::Record;

/// Dead references are looked for when there are so many more than the last time.
const SLACK: usize = 8;

/// See the module's text. Touched by its goroutine alone.
pub struct Recovered {
    records: UnsafeCell<Vec<Weak<Record>>>,
    /// When to look for dead ones again.
    full: Cell<usize>,
}

impl Recovered {
    pub(super) const fn new() -> Self {
        Self { records: UnsafeCell::new(Vec::new()), full: Cell::new(SLACK) }
    }

    /// One more.
    pub fn note(&self, record: &Arc<Record>) {
        // SAFETY: this goroutine's alone, and nothing called here comes back to it.
        let records = unsafe { &mut *self.records.get() };
        if records.len() >= self.full.get() {
            records.retain(|record| record.strong_count() > 0);
            self.full.set(2 * records.len() + SLACK);
        }
        records.push(Arc::downgrade(record));
    }

    /// Those that are still held.
    pub(super) fn alive(&self) -> Vec<Arc<Record>> {
        // SAFETY: as in `note`.
        unsafe { &*self.records.get() }.iter().filter_map(Weak::upgrade).collect()
    }

    /// The goroutine has ended.
    #[inline(always)]
    pub(crate) fn clear(&self) {
        // SAFETY: as in `note`.
        let records = unsafe { &mut *self.records.get() };
        if records.capacity() > 0 {
            *records = Vec::new();
            self.full.set(SLACK);
        }
    }
}
