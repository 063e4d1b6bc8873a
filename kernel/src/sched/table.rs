//! All Gs and Ms that ever were: for dumps, counts and checks. Go: `allgs`, `allm`.
//!
//! Both are lists that only grow: readers need no lock.

use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use crate::g::{G, Kind, Status};
use crate::m::M;

/// Intrusive, push-only list: each entry knows the one before.
pub struct Table<T: 'static> {
    newest: AtomicPtr<T>,
    len: AtomicUsize,
}

/// An entry's place in its [`Table`].
pub trait Entry: Sized + 'static {
    /// The entry made before.
    fn older(&self) -> &AtomicPtr<Self>;
}

impl<T: Entry> Table<T> {
    const fn new() -> Self {
        Self { newest: AtomicPtr::new(null_mut()), len: AtomicUsize::new(0) }
    }

    /// Adds an entry for ever.
    pub fn push(&self, entry: &'static T) {
        let this = (&raw const *entry).cast_mut();
        let mut newest = self.newest.load(Ordering::Relaxed);
        loop {
            entry.older().store(newest, Ordering::Relaxed);
            // Release: pairs with `iter`'s Acquire, so that the entry is complete.
            match self.newest.compare_exchange_weak(
                newest,
                this,
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => break,
                Err(now) => newest = now,
            }
        }
        self.len.fetch_add(1, Ordering::Relaxed);
    }

    /// From the newest to the oldest.
    pub fn iter(&self) -> impl Iterator<Item = &'static T> {
        self.iter_from(None)
    }

    /// From that entry to the oldest, or from the newest.
    pub fn iter_from(&self, entry: Option<&'static T>) -> impl Iterator<Item = &'static T> {
        let newest = || self.newest.load(Ordering::Acquire);
        let mut next = entry.map_or_else(newest, |entry| (&raw const *entry).cast_mut());
        core::iter::from_fn(move || {
            // SAFETY: entries are `'static` and complete before they are found.
            let entry = unsafe { next.as_ref() }?;
            next = entry.older().load(Ordering::Relaxed);
            Some(entry)
        })
    }

    /// How many.
    #[allow(clippy::len_without_is_empty)] // never empty once the machine runs
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }
}

/// Go: `allgs`. Without the g0s.
pub static ALLGS: Table<G> = Table::new();
/// Go: `allm`.
pub static ALLMS: Table<M> = Table::new();

/// The program's goroutines that are alive, newest first.
pub fn user_goroutines() -> impl Iterator<Item = &'static G> {
    ALLGS
        .iter()
        .filter(|g| g.kind() == Kind::User && !matches!(g.status(), Status::Dead | Status::Idle))
}

/// Goroutines that exist, those of the runtime not counted. Go: `gcount`.
pub fn num_goroutine() -> usize {
    let sum = |count: fn(&crate::p::P) -> u64| -> u64 {
        (0..super::SCHED.cores()).map(|id| count(crate::p::allp(id))).sum()
    };
    // Ended first: a goroutine that starts between the two sums is counted, not one below zero.
    let ended = sum(|p| p.counts.ended.load(Ordering::Relaxed));
    let created = sum(|p| p.counts.created.load(Ordering::Relaxed));
    (created - ended.min(created)) as usize
}
