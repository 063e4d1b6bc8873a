//! Giving the memory behind unused parts of the heap back to the frame allocator. Go: `mgcscavenge.go`.
//!
//! The heap is cut into pieces of 2 MiB. A piece that lies wholly in one hole is taken out of the
//! list of holes, as if somebody had allocated it, and then:
//!
//! 1. its entries are made not present, but keep the frames' addresses: it is *closing*;
//! 2. once every core has flushed its TLB (law 12, [`crate::stack::epoch`]) the frames go back: it is
//!    *released*, an address range without memory.
//!
//! An allocation for which there is no hole takes closing pieces back with the memory that they have,
//! then gets new memory for a run of released pieces, and only then has the heap grow at its end
//! ([`reuse`](Source::reuse)). Nothing outside the list of holes ever names such a piece, so that
//! nobody can touch it: no fault is involved, and every block handed out is wholly mapped, which
//! devices rely on.
//!
//! How much: what is above the most that was in use since the last time, and a reserve
//! ([`surplus`](Source::surplus)). Who asks: sysmon, once a second, and `runtime::free_os_memory`.

use core::alloc::Layout;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering};

use burrow_arch::layout::{HEAP, LARGE_PAGE, PAGE, PhysAddr};
use burrow_arch::paging::{self, Access, Pte};
use burrow_arch::table::{ENTRIES, LEAF, Table};

use super::runs::{Run, Runs};
use super::source::{SOURCE, Source, map_at};
use crate::mem::{frames, space};
use crate::stack::{self, limbo};

/// Kept above the most that was in use: an eighth of it, and at least so much.
const RESERVE: usize = 2 * LARGE_PAGE;
/// Pieces that are worked on without opening the lock in between.
const AT_ONCE: usize = 8;

/// How much of what is free may be kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keep {
    /// What will probably be used again soon.
    Reserve,
    /// Nothing.
    Nothing,
}

/// Parts of the heap without memory, or soon.
pub struct Scavenged {
    /// See the module's text.
    closing: Runs,
    /// The epoch that every core must have flushed after; none yet if 0.
    epoch: u64,
    /// How often pieces have been unmapped.
    unmappings: u64,
    released: Runs,
    /// The most bytes in use since the last scavenging.
    peak: usize,
}

impl Scavenged {
    /// All of the heap has its memory.
    pub const fn new() -> Self {
        Self { closing: Runs::new(), epoch: 0, unmappings: 0, released: Runs::new(), peak: 0 }
    }

    /// A run that was just unmapped.
    fn close(&mut self, run: Run) {
        self.closing.add(run);
        self.unmappings += 1;
        self.epoch = 0;
    }

    /// So much is in use.
    #[inline]
    pub fn note_use(&mut self, used: usize) {
        self.peak = self.peak.max(used);
    }

    /// Bytes that are neither in holes nor in use.
    pub fn out(&self) -> usize {
        (self.closing.pieces() + self.released.pieces()) * LARGE_PAGE
    }

    /// Bytes without memory.
    pub fn released(&self) -> usize {
        self.released.pieces() * LARGE_PAGE
    }
}

/// A piece as a block.
fn layout(pieces: usize) -> Layout {
    // SAFETY: a power of two as alignment; the heap's addresses end far below an overflow.
    unsafe { Layout::from_size_align_unchecked(pieces * LARGE_PAGE, LARGE_PAGE) }
}

fn addr_of(piece: usize) -> usize {
    HEAP + piece * LARGE_PAGE
}

/// A source that gives memory back and takes it again.
impl Source {
    /// For an allocation that no hole can serve: gives the list of holes what may make one. `false`
    /// if there is nothing of that size.
    pub(super) fn reuse(&mut self, bytes: usize) -> bool {
        if !self.scavenged.closing.is_empty() && self.reopen() {
            return true;
        }
        let Some(run) = self.scavenged.released.take(bytes.div_ceil(LARGE_PAGE)) else {
            return false;
        };
        let backed = match frames::stats().free > run.count * LARGE_PAGE + RESERVE {
            true => (0..run.count).take_while(|i| back(addr_of(run.first + i))).count(),
            false => 0,
        };
        if backed == run.count {
            self.give_holes(run);
            return true;
        }
        // Memory is out. What was mapped of the piece in the middle is unmapped as any other is.
        let rest = Run { first: run.first + backed, count: run.count - backed };
        if backed > 0 {
            self.give_holes(Run { count: backed, ..run });
        }
        (rest.first..rest.first + rest.count).for_each(|piece| unmap(addr_of(piece)));
        self.scavenged.close(rest);
        false
    }

    /// Takes closing pieces back, with the frames that they have; whether there were any.
    fn reopen(&mut self) -> bool {
        let mut kept = Runs::new();
        let mut reopened = false;
        while let Some(run) = self.scavenged.closing.pop() {
            for piece in run.first..run.first + run.count {
                let one = Run { first: piece, count: 1 };
                if remap(addr_of(piece)) {
                    self.give_holes(one);
                    reopened = true;
                } else {
                    kept.add(one);
                }
            }
        }
        self.scavenged.closing = kept;
        reopened
    }

    /// Pieces with memory go back to the list of holes.
    fn give_holes(&mut self, run: Run) {
        let Some(block) = NonNull::new(addr_of(run.first) as *mut u8) else { return };
        // SAFETY: each piece was allocated from the holes, and nobody uses it; a run of them is one
        // block to the list.
        unsafe { self.dealloc(block, layout(run.count)) };
    }

    /// Bytes free in holes beyond what is to be kept.
    fn surplus(&self, keep: Keep) -> usize {
        let free = self.free();
        match keep {
            Keep::Nothing => free,
            Keep::Reserve => {
                let peak = self.scavenged.peak.max(self.used());
                let kept = peak - self.used() + (peak / 8).max(RESERVE);
                free.saturating_sub(kept)
            }
        }
    }

    /// Takes some pieces out of the holes and unmaps them; whether there may be more.
    fn close_some(&mut self, keep: Keep) -> bool {
        for _ in 0..AT_ONCE {
            if self.surplus(keep) < LARGE_PAGE || !self.scavenged.closing.has_room() {
                return false;
            }
            // Not `alloc`: this is no use, and must not make the heap grow.
            let Some(block) = self.take_hole(layout(1)) else { return false };
            let addr = block.as_ptr().addr();
            unmap(addr);
            self.scavenged.close(Run { first: (addr - HEAP) / LARGE_PAGE, count: 1 });
        }
        true
    }

    /// Frees the frames of closing pieces if every core has flushed; bytes.
    fn release_closed(&mut self) -> usize {
        let scavenged = &mut self.scavenged;
        if scavenged.epoch == 0 || !stack::has_passed(scavenged.epoch) {
            return 0;
        }
        let mut bytes = 0;
        while scavenged.released.has_room()
            && let Some(run) = scavenged.closing.pop()
        {
            let pieces = run.first..run.first + run.count;
            bytes += pieces.map(|piece| free_frames(addr_of(piece))).sum::<usize>();
            scavenged.released.add(run);
        }
        bytes
    }
}

/// What a scavenging came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Bytes that the frame allocator has back.
    pub bytes: usize,
    /// More follows once all cores have flushed their TLBs.
    pub more: bool,
}

/// Gives memory back as far as nobody has to be waited for. On a goroutine or a kernel thread, no
/// lock held.
pub fn scavenge(keep: Keep) -> Progress {
    while SOURCE.lock().close_some(keep) {}
    {
        let mut source = SOURCE.lock();
        source.scavenged.peak = source.used();
    }
    finish()
}

/// Gives back what is closing, as far as all cores have flushed. As [`scavenge`].
pub fn finish() -> Progress {
    close_epoch();
    let mut source = SOURCE.lock();
    let bytes = source.release_closed();
    Progress { bytes, more: !source.scavenged.closing.is_empty() }
}

/// Ends the epoch in which pieces were unmapped, if there are any and none ended since.
fn close_epoch() {
    loop {
        let unmappings = {
            let source = SOURCE.lock();
            if source.scavenged.closing.is_empty() || source.scavenged.epoch != 0 {
                return;
            }
            source.scavenged.unmappings
        };
        // Not under the source's lock: the one that it takes comes before.
        let epoch = stack::end_epoch();
        let mut source = SOURCE.lock();
        if source.scavenged.unmappings == unmappings {
            source.scavenged.epoch = epoch;
            return;
        }
        // Another piece was unmapped meanwhile, perhaps after that epoch.
    }
}

/// What maps a piece: one entry for all of it, or one for each page.
fn entries(root: Table, addr: usize) -> impl Iterator<Item = (&'static AtomicU64, usize)> {
    let large = root.lookup(addr, 1);
    let small = large.is_some_and(|entry| {
        let pte = Pte(entry.load(Ordering::Relaxed));
        pte.is_present() && !pte.is_leaf(1)
    });
    let pages = (0..if small { ENTRIES } else { 0 })
        .filter_map(move |page| Some((root.lookup(addr + page * PAGE, LEAF)?, LEAF)));
    large.filter(|_| !small).map(|entry| (entry, 1)).into_iter().chain(pages)
}

/// Makes a piece inaccessible; its entries keep the frames.
fn unmap(addr: usize) {
    space::with_tables(|root| {
        for (entry, _) in entries(root, addr) {
            let old = Pte(entry.load(Ordering::Relaxed));
            if old.is_present() {
                entry.store(limbo::encode(old.addr().0, 0), Ordering::SeqCst);
            }
        }
    });
}

/// Makes a piece accessible again with the frames that its entries kept; `false` if they have not
/// got all of them.
fn remap(addr: usize) -> bool {
    space::with_tables(|root| {
        let kept = |(entry, level): (&AtomicU64, usize)| {
            Some((limbo::frame(entry.load(Ordering::Relaxed))?, level))
        };
        let bytes: usize = entries(root, addr).filter_map(kept).map(|(_, level)| size(level)).sum();
        if bytes != LARGE_PAGE {
            return false;
        }
        for (entry, level) in entries(root, addr) {
            if let Some((frame, _)) = kept((entry, level)) {
                let pte = Pte::leaf(PhysAddr(frame), Access::Write, level);
                // Release: as any mapping.
                entry.store(pte.0, Ordering::Release);
            }
        }
        paging::sync();
        true
    })
}

/// Frees the frames that a piece's entries kept; bytes. No TLB knows them.
fn free_frames(addr: usize) -> usize {
    space::with_tables(|root| {
        let mut bytes = 0;
        for (entry, level) in entries(root, addr) {
            let Some(frame) = limbo::frame(entry.load(Ordering::Relaxed)) else { continue };
            entry.store(0, Ordering::Relaxed);
            match level {
                LEAF => frames::free(PhysAddr(frame)),
                _ => frames::free_large(PhysAddr(frame)),
            }
            bytes += size(level);
        }
        bytes
    })
}

/// Maps new memory for a piece; `false` if it ran out on the way.
fn back(addr: usize) -> bool {
    let mut done = 0;
    while done < LARGE_PAGE {
        let Some(mapped) = map_at(addr + done) else { return false };
        done += mapped;
    }
    true
}

/// Bytes that an entry of that level maps.
fn size(level: usize) -> usize {
    if level == LEAF { PAGE } else { LARGE_PAGE }
}
