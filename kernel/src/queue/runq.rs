//! A P's run queue: a ring of 256 items, and `runnext`, the one that goes before them all.
//!
//! One core owns the queue (the one whose P it is); every other core may steal from it. What a
//! thief may not do does not exist on its handle: [`Owner`] puts, gets and drains, [`Thief`] only
//! steals. Neither side takes a lock.
//!
//! The orders, which `tests/loom_runq.rs` checks (all but the first half of P2, because loom runs
//! no load later than the program says, as a CPU may). Slots are written and read relaxed; the indices
//! order them:
//!
//! - **P1** `tail`: the owner's release of a new tail pairs with a thief's acquire of it. It shows
//!   the slots below it, and what the items themselves hold.
//! - **P2** `head`: a consumer's release of a new head pairs with the acquire of it by whoever
//!   writes slots, the owner. What the consumer read from its slots it read before they change.
//!   It also pairs with other readers' acquire: who sees a head sees a tail at least as new.
//! - **P3** `runnext`: the owner's release of an item pairs with the acquire in a thief's exchange
//!   and shows what the item holds. The owner's release when it takes `runnext` away pairs with
//!   the acquire in [`RunQueue::is_empty`], which argues there.
//!
//! Indices only grow, and wrap: a head may be compared for equality because nobody sleeps between
//! reading it and exchanging it while 2³² items pass, the same bet that Go makes.

use core::marker::PhantomData;
use core::ptr::{self, NonNull};

use super::link::Linked;
use super::list::List;
use crate::sync::atomic::{
    AtomicPtr, AtomicU32, Ordering, const_unless_loom, null_slots, spin_hint,
};

/// Slots of the ring. Under loom so few that overflow comes within a model's reach.
#[cfg(not(loom))]
pub const RING: u32 = 256;
/// Slots of the ring. Under loom so few that overflow comes within a model's reach.
#[cfg(loom)]
pub const RING: u32 = 4;

/// Where a new item goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Before all others: what readied it is about to wait for it. Whoever was next goes to the
    /// tail.
    Next,
    /// Behind all others.
    Tail,
}

/// Whose time slice an item runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slice {
    /// It was next: it goes on with the slice of who readied it, so that two items that keep
    /// readying each other cannot starve the ring (Go: `inheritTime`).
    Inherit,
    /// It waited in the ring: a slice of its own.
    New,
}

/// May a thief take the item that is next?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunNext {
    /// No: its owner is likely to run it at once.
    Leave,
    /// If there is nothing else: after backing off.
    Take,
}

/// The shared part: the ring itself. [`RunQueue::owner`] and [`RunQueue::thief`] work on it.
pub struct RunQueue<T> {
    /// Next slot to consume. Advanced by whoever consumes.
    head: AtomicU32,
    /// Next slot to fill. Written by the owner alone.
    tail: AtomicU32,
    /// Set by the owner alone; taken by anyone.
    runnext: AtomicPtr<T>,
    slots: [AtomicPtr<T>; RING as usize],
}

impl<T> RunQueue<T> {
    const_unless_loom! {
        /// A queue of nothing.
        pub fn new() -> Self {
            Self {
                head: AtomicU32::new(0),
                tail: AtomicU32::new(0),
                runnext: AtomicPtr::new(ptr::null_mut()),
                slots: null_slots(),
            }
        }
    }

    /// Is there nothing in it? Any core may ask.
    ///
    /// Never true while the queue holds an item all the time, even if its owner moves items
    /// between `runnext` and the ring meanwhile (Go: `runqempty`). `tail` is read last, and that is
    /// what makes it so: if it equals the `head` read first, the ring was empty throughout. An item
    /// that was in `runnext` at first and had left it when `runnext` was read is then either gone,
    /// or was moved to the ring *before* the owner took `runnext` away, which the acquire shows
    /// (P3): `tail` would have grown.
    ///
    /// Differs from Go: there `tail` is read twice, and all is read again if it moved. The first
    /// reading adds nothing.
    ///
    /// It is as fresh as the caller's synchronisation with the owner: it sees an item put before
    /// the submitter's fence if the caller's fence came later, which is all that the wake-up
    /// protocol needs ([`super::spin`]).
    pub fn is_empty(&self) -> bool {
        let head = self.head.load(Ordering::Acquire); // P2
        let next = self.runnext.load(Ordering::Acquire); // P3
        let tail = self.tail.load(Ordering::Relaxed); // at least as new as the two above show
        head == tail && next.is_null()
    }

    /// How many items are in it: exact for the owner while nobody steals, else a recent number.
    pub fn len(&self) -> u32 {
        let head = self.head.load(Ordering::Acquire); // P2: so that `tail` is no older
        let next = u32::from(!self.runnext.load(Ordering::Relaxed).is_null());
        self.tail.load(Ordering::Relaxed).wrapping_sub(head).min(RING) + next
    }

    /// The item that goes before all others, if there is one and no thief takes it now: to look at
    /// before taking it, where items outlive the queue.
    pub fn next_in_line(&self) -> Option<NonNull<T>> {
        NonNull::new(self.runnext.load(Ordering::Acquire)) // P3
    }

    /// Names every item, the next one first, then the ring's in order.
    ///
    /// For tracebacks and checks of a stopped world. While cores run the answer is a guess: it may
    /// miss items and name some that have left.
    pub fn for_each(&self, mut visit: impl FnMut(NonNull<T>)) {
        NonNull::new(self.runnext.load(Ordering::Acquire)).map(&mut visit);
        let head = self.head.load(Ordering::Acquire);
        let count = self.tail.load(Ordering::Acquire).wrapping_sub(head).min(RING);
        for at in 0..count {
            NonNull::new(self.slot(head.wrapping_add(at)).load(Ordering::Relaxed)).map(&mut visit);
        }
    }

    /// Takes `item` away if it is still the next one; for thieves.
    fn take_exactly(&self, item: *mut T) -> bool {
        // P3. On failure all is read again: relaxed.
        self.runnext
            .compare_exchange(item, ptr::null_mut(), Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    fn slot(&self, at: u32) -> &AtomicPtr<T> {
        &self.slots[(at % RING) as usize]
    }

    /// The item in slot `at`, which the caller knows to have been filled.
    fn item(&self, at: u32) -> NonNull<T> {
        NonNull::new(self.slot(at).load(Ordering::Relaxed)).expect("runq: empty slot below tail")
    }
}

impl<T> Default for RunQueue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Linked> RunQueue<T> {
    /// The handle of the core whose P this is.
    ///
    /// # Safety
    ///
    /// 1. Only one core at a time acts as owner, and it is not preempted between reading the
    ///    queue and being done with it (the preemption count is raised, or it is on g0).
    /// 2. When the P changes hands, what the last owner did happens before what the next one
    ///    does (it is handed over under the scheduler's lock or through a mailbox).
    pub unsafe fn owner(&self) -> Owner<'_, T> {
        Owner { queue: self, not_send: PhantomData }
    }

    /// A handle for any other core.
    pub fn thief(&self) -> Thief<'_, T> {
        Thief { queue: self }
    }
}

/// What the owning core may do.
pub struct Owner<'a, T: Linked> {
    queue: &'a RunQueue<T>,
    not_send: PhantomData<*mut ()>,
}

impl<T: Linked> Owner<'_, T> {
    /// Puts `item` in (Go: `runqput`). If the ring is full, half of it and the item that found no
    /// room go to `overflow` as one batch, for the global queue (Go: `runqputslow`).
    ///
    /// # Safety
    ///
    /// The promises of [`Linked`]: alive until taken out, and on no other list.
    #[inline(always)]
    pub unsafe fn put(&self, item: NonNull<T>, place: Place, overflow: impl FnOnce(List<T>)) {
        let item = match place {
            Place::Tail => item,
            // P3. What comes back the owner itself put there: nothing to acquire.
            Place::Next => {
                match NonNull::new(self.queue.runnext.swap(item.as_ptr(), Ordering::Release)) {
                    None => return,
                    Some(kicked_out) => kicked_out,
                }
            }
        };
        // SAFETY: as the caller says; what was next is on no list now.
        unsafe { self.push(item, overflow) };
    }

    /// Puts an item behind all others.
    ///
    /// # Safety
    /// As [`put`](Self::put).
    #[inline(never)]
    unsafe fn push(&self, item: NonNull<T>, overflow: impl FnOnce(List<T>)) {
        loop {
            let head = self.queue.head.load(Ordering::Acquire); // P2: the slots are free
            let tail = self.tail();
            if tail.wrapping_sub(head) < RING {
                self.queue.slot(tail).store(item.as_ptr(), Ordering::Relaxed);
                self.queue.tail.store(tail.wrapping_add(1), Ordering::Release); // P1
                return;
            }
            // Otherwise thieves have just made room.
            if let Some(mut batch) = self.take(head, RING / 2) {
                // SAFETY: alive and on no list, says the caller or, for an item that was next,
                // whoever put that one in.
                unsafe { batch.push_back(item) };
                return overflow(batch);
            }
        }
    }

    /// Puts in as many of `list` as there is room for; gives back the rest (Go: `runqputbatch`).
    #[must_use = "what did not fit must go elsewhere"]
    pub fn put_batch(&self, mut list: List<T>) -> List<T> {
        let head = self.queue.head.load(Ordering::Acquire); // P2: the slots are free
        let mut tail = self.tail();
        while tail.wrapping_sub(head) < RING {
            let Some(item) = list.pop_front() else { break };
            self.queue.slot(tail).store(item.as_ptr(), Ordering::Relaxed);
            tail = tail.wrapping_add(1);
        }
        self.queue.tail.store(tail, Ordering::Release); // P1
        list
    }

    /// Takes the item to run now (Go: `runqget`).
    pub fn get(&self) -> Option<(NonNull<T>, Slice)> {
        if let Some(item) = self.take_next() {
            return Some((item, Slice::Inherit));
        }
        loop {
            // Acquire not for slots, which this core filled, but to keep `tail` in step (P2).
            let head = self.queue.head.load(Ordering::Acquire);
            if head == self.tail() {
                return None;
            }
            let item = self.queue.item(head);
            if self.advance_head(head, 1) {
                return Some((item, Slice::New));
            }
        }
    }

    /// Takes all items out, the next one first (Go: `runqdrain`).
    pub fn drain(&self) -> List<T> {
        let mut all = List::new();
        if let Some(item) = self.take_next() {
            // SAFETY: it was in the queue, so it is alive, and it is on no list now.
            unsafe { all.push_back(item) };
        }
        loop {
            let head = self.queue.head.load(Ordering::Acquire); // P2
            let count = self.tail().wrapping_sub(head);
            if let Some(ring) = self.take(head, count) {
                all.push_back_all(ring);
                return all;
            }
        }
    }

    /// How many items are in the queue.
    pub fn len(&self) -> u32 {
        self.queue.len()
    }

    /// Is there nothing in the queue?
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Only this core writes `tail`: it need not synchronise with itself.
    fn tail(&self) -> u32 {
        self.queue.tail.load(Ordering::Relaxed)
    }

    fn take_next(&self) -> Option<NonNull<T>> {
        // Looking first spares the empty case the exchange. Thieves only ever turn it to null.
        if self.queue.runnext.load(Ordering::Relaxed).is_null() {
            return None;
        }
        NonNull::new(self.queue.runnext.swap(ptr::null_mut(), Ordering::Release)) // P3
    }

    /// Takes `count` items from `head` on, unless a thief is faster.
    ///
    /// Head moves before the slots are read and the items linked: until then thieves may hold
    /// them as well. Afterwards only this core can overwrite the slots.
    fn take(&self, head: u32, count: u32) -> Option<List<T>> {
        self.advance_head(head, count).then(|| {
            let mut list = List::new();
            for at in 0..count {
                let item = self.queue.item(head.wrapping_add(at));
                // SAFETY: it was in the queue, so it is alive, and now it is ours alone.
                unsafe { list.push_back(item) };
            }
            list
        })
    }

    fn advance_head(&self, head: u32, count: u32) -> bool {
        let new = head.wrapping_add(count);
        // P2. On failure everything is read again: relaxed.
        self.queue.head.compare_exchange(head, new, Ordering::Release, Ordering::Relaxed).is_ok()
    }
}

/// What any other core may do.
#[derive(Clone, Copy)]
pub struct Thief<'a, T: Linked> {
    queue: &'a RunQueue<T>,
}

impl<T: Linked> Thief<'_, T> {
    /// Moves half of the items, rounded up, to the caller's own queue, and takes the last of them
    /// to run at once (Go: `runqsteal`).
    ///
    /// The item that is next goes last: only if there is no other, `next` says so, and it is still
    /// there after `back_off`. The closure should let a running victim get to it first (Go waits
    /// 3 µs), because what was readied last is usually about to run; and it should do nothing if
    /// the victim is not running.
    ///
    /// The caller's ring must be at most half full, which it is when a core has run out of work.
    pub fn steal_into(
        self,
        own: &Owner<'_, T>,
        next: RunNext,
        back_off: impl FnMut(),
    ) -> Option<NonNull<T>> {
        // P2: the slots to be written are free, their former contents read.
        let head = own.queue.head.load(Ordering::Acquire);
        let tail = own.tail();
        assert!(tail.wrapping_sub(head) <= RING / 2, "runqsteal: runq overflow");
        let taken = self.grab(own.queue, tail, next, back_off);
        let kept = taken.checked_sub(1)?;
        let new_tail = tail.wrapping_add(kept);
        let item = own.queue.item(new_tail);
        if kept > 0 {
            own.queue.tail.store(new_tail, Ordering::Release); // P1
        }
        Some(item)
    }

    /// Copies items to `to`'s slots from `at` on, where nobody sees them yet, and removes them
    /// here. Says how many (Go: `runqgrab`).
    fn grab(self, to: &RunQueue<T>, at: u32, next: RunNext, mut back_off: impl FnMut()) -> u32 {
        let from = self.queue;
        loop {
            let head = from.head.load(Ordering::Acquire); // P2: `tail` is no older, or this loops
            let tail = from.tail.load(Ordering::Acquire); // P1
            let count = tail.wrapping_sub(head).div_ceil(2);
            if count == 0 {
                if next == RunNext::Leave {
                    return 0;
                }
                let item = from.runnext.load(Ordering::Relaxed);
                if item.is_null() {
                    return 0;
                }
                back_off();
                if from.take_exactly(item) {
                    to.slot(at).store(item, Ordering::Relaxed);
                    return 1;
                }
            } else if count <= RING / 2 {
                for i in 0..count {
                    // If the owner reuses a slot meanwhile, head has moved and the exchange fails.
                    let item = from.slot(head.wrapping_add(i)).load(Ordering::Relaxed);
                    to.slot(at.wrapping_add(i)).store(item, Ordering::Relaxed);
                }
                let new = head.wrapping_add(count);
                // P2. On failure everything is read again: relaxed.
                let moved =
                    from.head.compare_exchange(head, new, Ordering::Release, Ordering::Relaxed);
                if moved.is_ok() {
                    return count;
                }
            } else {
                // `head` and `tail` are of different moments.
                spin_hint();
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
