//! When frames of unmapped pages may be used again (law 12): once every core has flushed its TLB,
//! which each does when it suits it. Nobody is interrupted, nobody waits.
//!
//! 1. Who unmaps clears the entry, then puts the page into the batch of the current epoch.
//! 2. [`advance`] begins the next epoch.
//! 3. At its tick, each core that has not seen the new epoch reads it, then flushes, then notes
//!    what it read ([`flush_epoch`]).
//! 4. A batch of epoch e is through once every core has noted more than e ([`all_saw`]): each
//!    read the epoch after step 2 and flushed after that, so after step 1.
//!
//! A halted core touches no stack, so it counts as having seen everything ([`idle_enter`]); before
//! it touches one it flushes ([`idle_exit`]).

use core::sync::atomic::{AtomicU64, Ordering, fence};

use burrow_arch::paging;
use burrow_arch::platform::MAX_CORES;

use crate::percpu;

/// What a core notes while it uses no stacks.
const AWAY: u64 = u64::MAX;

static EPOCH: AtomicU64 = AtomicU64::new(1);

/// What each core has seen.
static SEEN: [Seen; MAX_CORES] =
    [const { Seen { claim: AtomicU64::new(AWAY), flushed: AtomicU64::new(0) } }; MAX_CORES];

/// A cache line each: written by its core alone.
#[repr(align(64))]
struct Seen {
    /// The epoch that others may count on, or [`AWAY`].
    claim: AtomicU64,
    /// The epoch read before the last flush. Kept while away.
    flushed: AtomicU64,
}

fn seen() -> &'static Seen {
    &SEEN[percpu::local().index % MAX_CORES]
}

/// The epoch that batches are filed under now.
pub fn current() -> u64 {
    EPOCH.load(Ordering::Relaxed)
}

/// Ends the current epoch; which it was. Called under the lock of the batches.
pub fn advance() -> u64 {
    // Entries cleared before are seen by the flush of whoever reads the new epoch.
    fence(Ordering::SeqCst);
    EPOCH.fetch_add(1, Ordering::SeqCst)
}

/// Whether every core has flushed since that epoch ended.
pub fn all_saw(epoch: u64) -> bool {
    // Pairs with the fence of `idle_exit`: if a core is seen away here, it flushes after this.
    fence(Ordering::SeqCst);
    // Acquire: pairs with the release of `flush`; the flush came before.
    SEEN.iter().all(|seen| seen.claim.load(Ordering::Acquire) > epoch)
}

/// At a tick or a stop of the world: flushes if pages were
/// unmapped since the last time. Two loads if not. Interrupts masked or preemption held off;
/// handlers may call it.
#[inline]
pub fn flush_epoch() {
    let seen = seen();
    if seen.claim.load(Ordering::Relaxed) != EPOCH.load(Ordering::Relaxed) {
        seen.flush();
    }
}

/// Flushes unless this core has done so since that epoch ended. Pinned.
pub fn flush_since(epoch: u64) {
    let seen = seen();
    if seen.claim.load(Ordering::Relaxed) <= epoch {
        seen.flush();
    }
}

/// Before the core halts: it keeps nobody waiting. Interrupts masked.
#[inline]
pub fn idle_enter() {
    seen().claim.store(AWAY, Ordering::Release);
}

/// After the core halted, or as it starts: before it touches any goroutine's stack. Interrupts
/// masked.
#[inline]
pub fn idle_exit() {
    let seen = seen();
    let flushed = seen.flushed.load(Ordering::Relaxed);
    seen.claim.store(flushed, Ordering::Relaxed);
    // Pairs with the fence of `all_saw`: either it sees that we are back, or we see the epoch that
    // it asks for and flush what it unmapped. If no epoch began meanwhile, the claim still holds.
    fence(Ordering::SeqCst);
    if EPOCH.load(Ordering::Relaxed) != flushed {
        seen.flush();
    }
}

impl Seen {
    fn flush(&self) {
        // Acquire: pairs with `advance`; its unmapping comes before our flush.
        let epoch = EPOCH.load(Ordering::Acquire);
        paging::flush_all();
        self.flushed.store(epoch, Ordering::Relaxed);
        self.claim.store(epoch, Ordering::Release);
    }
}
