//! Giving stack pages back (Go: `shrinkstack`, `stackfree`).
//!
//! A page given back is unmapped at once, but its frame stays noted in the entry ([`limbo`]) and
//! in the current batch until every core has flushed ([`super::epoch`]). Batches are frames themselves,
//! chained through their first words.
//!
//! While a core's TLB still knows a page that was given back, the goroutine must not run there: it
//! would use the page unnoticed. The stack carries the epoch, and [`enter`] sees to it.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use burrow_arch::layout::{PAGE, PhysAddr};
use burrow_arch::paging::Pte;
use burrow_arch::table::LEAF;

use super::flush::{EPOCHS, flush_since};
use super::geometry::Stack;
use super::{MAPPED, limbo};
use crate::mem::{frames, space};
use crate::sync::{Rank, SpinLock};

/// Bytes at a stack's top that stay mapped when its goroutine ends, so that short-lived goroutines
/// neither unmap nor fault (law 12).
const KEPT_AT_EXIT: usize = 4 * PAGE;
/// A stack that grew to no more than this keeps all of it, so that goroutines a little deeper than
/// what is kept do not unmap and fault for ever.
const SPARED_AT_EXIT: usize = 8 * PAGE;

/// Entries in a batch.
const ENTRIES: usize = PAGE / size_of::<usize>() - 3;

/// Pages given back in one epoch: lives in a frame of its own.
#[repr(C)]
struct Batch {
    /// The next younger one.
    next: *mut Batch,
    epoch: u64,
    count: usize,
    /// Addresses of the pages' entries.
    entries: [usize; ENTRIES],
}

/// Batches, oldest first; pages go into the youngest.
struct Pending {
    oldest: *mut Batch,
    youngest: *mut Batch,
}

// SAFETY: batches belong to the list, and go where it goes.
unsafe impl Send for Pending {}

/// Whether there are batches: so that looking for nothing costs one load.
static ANY: AtomicBool = AtomicBool::new(false);

static PENDING: SpinLock<Pending> = SpinLock::new(
    Rank::Stacks,
    Pending { oldest: core::ptr::null_mut(), youngest: core::ptr::null_mut() },
);

/// Gives back the pages of a slot that lie wholly below `sp`; the top page stays. The caller owns
/// the goroutine, which is not running, and keeps the result as its stack.
#[must_use = "cores must learn that they flush before they run on the stack"]
pub fn shrink(stack: Stack, sp: usize) -> Stack {
    let keep = sp.min(stack.hi - PAGE) & !(PAGE - 1);
    if stack.class().is_none() || !stack.contains(keep) {
        return stack;
    }
    give_back_below(stack, keep)
}

/// Gives back what a goroutine that has ended used far beyond its stack's first pages. Cheap if it
/// did not: one look at the tables. The caller owns the slot and keeps the result as its stack.
#[must_use = "cores must learn that they flush before they run on the stack"]
pub fn trim(stack: Stack) -> Stack {
    if stack.class().is_none() || entry_of(stack.hi - SPARED_AT_EXIT - PAGE).is_none() {
        return stack;
    }
    give_back_below(stack, stack.hi - KEPT_AT_EXIT)
}

/// Before a core runs on a stack that gave pages back: flushes its TLB unless it has done so since.
/// A stale entry would let the goroutine use a page without a fault, whose frame is then taken
/// away under it. On g0, pinned; the caller keeps the result as the goroutine's stack.
#[cold]
#[must_use = "the mark may be off"]
pub fn enter(stack: Stack) -> Stack {
    flush_since(stack.shrunk);
    let shrunk = if EPOCHS.all_saw(stack.shrunk) { 0 } else { stack.shrunk };
    Stack { shrunk, ..stack }
}

/// Gives back the mapped pages right below `keep`. Stacks grow without holes (probes and pushes
/// touch every page); behind a hole pages would stay with the slot for its next user.
fn give_back_below(stack: Stack, keep: usize) -> Stack {
    let mut shrunk = stack.shrunk;
    let mut page = keep - PAGE;
    if entry_of(page).is_none() {
        return stack;
    }
    let mut pending = PENDING.lock();
    while page > stack.lo {
        let Some(entry) = entry_of(page) else { break };
        let old = entry.load(Ordering::Relaxed);
        if Pte(old).is_present() {
            let Some(batch) = pending.open_batch() else { break };
            // Nobody else changes a present entry but the CPU, which may note an access late.
            entry.store(limbo::encode(Pte(old).addr().0, batch.epoch), Ordering::SeqCst);
            batch.entries[batch.count] = (&raw const *entry).addr();
            batch.count += 1;
            shrunk = batch.epoch;
        }
        page -= PAGE;
    }
    drop(pending);
    // Ends the epoch, so that a flush from now on counts. What others gave back earlier may be
    // through by now: memory comes back even where nobody asks for it.
    reclaim();
    Stack { shrunk, ..stack }
}

/// The leaf entry for a page of a slot, unless nothing was ever mapped there (since the last time
/// that its frame was taken away).
fn entry_of(page: usize) -> Option<&'static AtomicU64> {
    space::table().lookup(page, LEAF).filter(|entry| entry.load(Ordering::Relaxed) != 0)
}

/// Takes away the frames of pages given back long enough ago that no TLB knows them; how many.
/// Called from time to time by goroutine or kernel-thread code (not by handlers).
pub fn reclaim() -> usize {
    if !pending() {
        return 0;
    }
    PENDING.lock().close();
    let mut freed = 0;
    loop {
        // Not under the lock: which frames are taken away is settled entry by entry.
        let Some(batch) = PENDING.lock().take_through() else { return freed };
        // SAFETY: off the list, and the frame stays ours until it is freed below.
        let content = unsafe { &*batch };
        let entries = &content.entries[..content.count];
        let taken = entries.iter().filter(|entry| take_away(**entry, content.epoch)).count();
        MAPPED.fetch_sub(taken, Ordering::Relaxed);
        freed += taken;
        frames::free(PhysAddr::from_phys_map(batch.addr()));
    }
}

/// Ends the current epoch; which one that was. What was unmapped before is through when it
/// [`has_passed`](super::has_passed). No lock held.
pub fn end_epoch() -> u64 {
    let _pending = PENDING.lock();
    let ended = EPOCHS.current();
    EPOCHS.advance();
    ended
}

/// Whether pages given back wait for cores to flush.
pub fn pending() -> bool {
    // Relaxed: who gave pages back knows, others may be late.
    ANY.load(Ordering::Relaxed)
}

/// Frees the frame of one entry, unless its stack has grown into it again.
fn take_away(entry: usize, epoch: u64) -> bool {
    // SAFETY: entries of stacks' leaf tables, which stay for ever.
    let entry = unsafe { &*(entry as *const AtomicU64) };
    let old = entry.load(Ordering::Relaxed);
    if !limbo::is_of(old, epoch) {
        return false;
    }
    // AcqRel: pairs with the owner's compare-and-swap in `growth`; one of the two has the frame.
    if entry.compare_exchange(old, 0, Ordering::AcqRel, Ordering::Relaxed).is_err() {
        return false;
    }
    if let Some(frame) = limbo::frame(old) {
        frames::free(PhysAddr(frame));
    }
    true
}

impl Pending {
    /// The batch of the current epoch with room for one more, or nothing if memory is out.
    fn open_batch(&mut self) -> Option<&mut Batch> {
        let now = EPOCHS.current();
        // SAFETY: listed batches are live and ours.
        let fits = unsafe { self.youngest.as_ref() }
            .is_some_and(|batch| batch.epoch == now && batch.count < ENTRIES);
        if !fits {
            self.append(now)?;
        }
        // SAFETY: as above.
        unsafe { self.youngest.as_mut() }
    }

    fn append(&mut self, now: u64) -> Option<()> {
        let batch = frames::alloc_zeroed()?.virt() as *mut Batch;
        // SAFETY: a zeroed frame is an empty batch; it is ours.
        unsafe { (*batch).epoch = now };
        if self.youngest.is_null() {
            self.oldest = batch;
        } else {
            // SAFETY: listed batches are live and ours.
            unsafe { (*self.youngest).next = batch };
        }
        self.youngest = batch;
        ANY.store(true, Ordering::Relaxed);
        Some(())
    }

    /// Begins a new epoch if the current one has pages.
    fn close(&mut self) {
        // SAFETY: as above.
        let youngest = unsafe { self.youngest.as_ref() };
        if youngest.is_some_and(|batch| batch.epoch == EPOCHS.current()) {
            EPOCHS.advance();
        }
    }

    /// Takes the oldest batch off the list if every core has flushed since.
    fn take_through(&mut self) -> Option<*mut Batch> {
        // SAFETY: as above.
        let batch = unsafe { self.oldest.as_ref() }?;
        if !EPOCHS.all_saw(batch.epoch) {
            return None;
        }
        let taken = self.oldest;
        self.oldest = batch.next;
        if self.oldest.is_null() {
            self.youngest = core::ptr::null_mut();
            ANY.store(false, Ordering::Relaxed);
        }
        Some(taken)
    }
}
