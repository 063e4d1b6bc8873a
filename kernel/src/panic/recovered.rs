//! Panics that a goroutine recovered and has not let go of: a report names them too.
//!
//! Whoever recovered a panic holds it; here is only a weak reference, so that it goes when its
//! holder lets it go.

use core::cell::UnsafeCell;

use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;

use super::record::Record;

/// Dead references are looked for when there are so many more than the last time.
const SLACK: usize = 8;

/// See the module's text. Touched by its goroutine alone.
pub struct Recovered {
    /// Nothing until it recovers for the first time: most never do, and there are many.
    list: UnsafeCell<Option<Box<List>>>,
}

#[derive(Default)]
struct List {
    records: Vec<Weak<Record>>,
    /// How many there were when dead ones were looked for last.
    looked: usize,
}

impl Recovered {
    pub(super) const fn new() -> Self {
        Self { list: UnsafeCell::new(None) }
    }

    /// One more.
    pub fn note(&self, record: &Arc<Record>) {
        // SAFETY: this goroutine's alone, and nothing called here comes back to it.
        let list = unsafe { &mut *self.list.get() }.get_or_insert_default();
        if list.records.len() >= 2 * list.looked + SLACK {
            list.records.retain(|record| record.strong_count() > 0);
            list.looked = list.records.len();
        }
        list.records.push(Arc::downgrade(record));
    }

    /// Those that are still held.
    pub(super) fn alive(&self) -> Vec<Arc<Record>> {
        // SAFETY: as in `note`.
        let list = unsafe { &*self.list.get() }.as_deref();
        let records = list.into_iter().flat_map(|list| &list.records);
        records.filter_map(Weak::upgrade).collect()
    }

    /// The goroutine has ended.
    #[inline(always)]
    pub(crate) fn clear(&self) {
        // SAFETY: as in `note`.
        let list = unsafe { &mut *self.list.get() };
        if list.is_some() {
            *list = None;
        }
    }
}
