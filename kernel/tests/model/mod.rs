//! What the loom models share: items with contents, and the explorer's limits.
#![allow(dead_code)] // each model uses a part

use std::ptr::{self, NonNull};

use burrow_kernel::queue::link::Linked;
use burrow_kernel::queue::list::List;
use burrow_kernel::queue::runq::{Owner, Place, RunQueue};
use burrow_kernel::sync::atomic::AtomicPtr;
use loom::cell::UnsafeCell;

/// Explores `model` with at most `preemptions` involuntary switches in one execution.
///
/// Bugs of protocols show with few; each one more multiplies the time. `LOOM_MAX_PREEMPTIONS`
/// overrides it.
pub fn check(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(preemptions));
    builder.check(model);
}

/// An item with contents: written before it is queued, read by who takes it. Loom reports a race
/// if the queue does not order the two.
pub struct Item {
    link: AtomicPtr<Item>,
    contents: UnsafeCell<usize>,
}

// SAFETY: one field, always the same, written by lists alone.
unsafe impl Linked for Item {
    fn link(&self) -> &AtomicPtr<Self> {
        &self.link
    }
}

/// Items 0, 1, 2, … of one execution of a model.
pub struct Items(Vec<Item>);

// SAFETY: an item's contents are accessed by one thread at a time, which is what loom checks.
unsafe impl Send for Items {}
// SAFETY: as above.
unsafe impl Sync for Items {}

impl Items {
    pub fn new(count: usize) -> Self {
        let item = || Item {
            link: AtomicPtr::new(ptr::null_mut()),
            contents: UnsafeCell::new(usize::MAX),
        };
        Self((0..count).map(|_| item()).collect())
    }

    /// Item `id`, its contents written.
    pub fn make(&self, id: usize) -> NonNull<Item> {
        // SAFETY: nobody else has this item: it is made, or taken, before it is queued.
        self.0[id].contents.with_mut(|contents| unsafe { *contents = id });
        NonNull::from(&self.0[id])
    }
}

/// The number of a taken item, read from its contents.
pub fn id(item: NonNull<Item>) -> usize {
    // SAFETY: models keep their items until the end.
    let item = unsafe { item.as_ref() };
    // Writing proves more than reading: nobody else may even look.
    item.contents.with_mut(|contents| {
        // SAFETY: whoever takes an item has it alone, which is what loom checks here.
        unsafe { *contents }
    })
}

/// Empties a list into the numbers of its items.
pub fn ids(mut list: List<Item>) -> Vec<usize> {
    std::iter::from_fn(|| list.pop_front()).map(id).collect()
}

/// The owner's handle.
pub fn owner(queue: &RunQueue<Item>) -> Owner<'_, Item> {
    // SAFETY: in each model one thread acts as owner, or several that are joined in turn.
    unsafe { queue.owner() }
}

/// Makes item `id` and puts it into a ring; what overflows is returned.
pub fn put(owner: &Owner<'_, Item>, items: &Items, id: usize, place: Place) -> Vec<usize> {
    let mut over = Vec::new();
    // SAFETY: the model's items live until its end; each is put once.
    unsafe { owner.put(items.make(id), place, |batch| over = ids(batch)) };
    over
}

/// Takes everything that is left.
pub fn rest(owner: &Owner<'_, Item>) -> Vec<usize> {
    std::iter::from_fn(|| owner.get()).map(|(item, _)| id(item)).collect()
}

/// Each of the items `0..count` was found once.
pub fn assert_each_once(mut found: Vec<usize>, count: usize) {
    found.sort_unstable();
    assert!(found.iter().copied().eq(0..count), "lost or doubled: {found:?}");
}
