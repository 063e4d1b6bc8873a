//! Walking four-level page tables, the same on both CPUs but for the entries' encoding.
//!
//! Tables are reached through [`layout::PHYS_MAP`](crate::layout::PHYS_MAP), which is mapped from
//! the first instruction of the kernel. Locking is the caller's: two walkers must not create
//! tables under the same entry at once.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::layout::{LARGE_PAGE, PAGE, PhysAddr};
use crate::paging::{self, Access, Pte};

/// Entries of one table.
pub const ENTRIES: usize = 512;

/// Level of the leaf tables; the root is at level 3.
pub const LEAF: usize = 0;

/// Why a page could not be mapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MapError {
    /// No frame for a table.
    NoFrames,
    /// Something is mapped there already.
    Present,
}

/// A table, by its frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Table(pub PhysAddr);

impl Table {
    /// The entry for `addr` in this table of that level.
    fn entry(self, addr: usize, level: usize) -> &'static AtomicU64 {
        let index = addr >> (12 + 9 * level) & (ENTRIES - 1);
        let slot = self.0.virt() + index * size_of::<u64>();
        // SAFETY: a `Table` names a frame that holds a page table, RAM seen through PHYS_MAP; the
        // index stays inside it; the CPU and we only access entries as whole words.
        unsafe { &*(slot as *const AtomicU64) }
    }

    /// The entry of level `level` on the way to `addr`, creating tables above it with zeroed
    /// frames from `frame`. `self` is the root.
    pub fn walk(
        self,
        addr: usize,
        level: usize,
        frame: &mut dyn FnMut() -> Option<PhysAddr>,
    ) -> Result<&'static AtomicU64, MapError> {
        let mut table = self;
        for above in (level + 1..=3).rev() {
            let entry = table.entry(addr, above);
            let mut pte = Pte(entry.load(Ordering::Relaxed));
            if !pte.is_present() {
                pte = Pte::table(frame().ok_or(MapError::NoFrames)?);
                // Release: the zeroed frame is visible before the entry (pairs with the walker of
                // other cores, which the CPU orders by the address dependency).
                entry.store(pte.0, Ordering::Release);
            } else if pte.is_leaf(above) {
                return Err(MapError::Present);
            }
            table = Table(pte.addr());
        }
        Ok(table.entry(addr, level))
    }

    /// The entry of level `level` for `addr` if all tables above it exist.
    pub fn lookup(self, addr: usize, level: usize) -> Option<&'static AtomicU64> {
        let mut none = || None;
        self.walk(addr, level, &mut none).ok()
    }

    /// Maps one page of 4 KiB (level 0), 2 MiB (1) or 1 GiB (2).
    pub fn map(
        self,
        addr: usize,
        pa: PhysAddr,
        access: Access,
        level: usize,
        frame: &mut dyn FnMut() -> Option<PhysAddr>,
    ) -> Result<(), MapError> {
        let entry = self.walk(addr, level, frame)?;
        if Pte(entry.load(Ordering::Relaxed)).is_present() {
            return Err(MapError::Present);
        }
        entry.store(Pte::leaf(pa, access, level).0, Ordering::Release);
        paging::sync();
        Ok(())
    }

    /// Maps a run of pages with the largest leaves that fit.
    pub fn map_range(
        self,
        addr: usize,
        pa: PhysAddr,
        len: usize,
        access: Access,
        frame: &mut dyn FnMut() -> Option<PhysAddr>,
    ) -> Result<(), MapError> {
        let mut done = 0;
        while done < len {
            let (at, from) = (addr + done, pa.0 as usize + done);
            let fits = |size: usize| (at | from).is_multiple_of(size) && len - done >= size;
            let level = match () {
                () if fits(LARGE_PAGE * ENTRIES) && paging::has_huge_pages() => 2,
                () if fits(LARGE_PAGE) => 1,
                () => 0,
            };
            self.map(at, PhysAddr(from as u64), access, level, frame)?;
            done += PAGE << (9 * level);
        }
        Ok(())
    }

    /// The physical address behind `addr`, or nothing.
    pub fn translate(self, addr: usize) -> Option<PhysAddr> {
        let mut table = self;
        for level in (0..=3).rev() {
            let pte = Pte(table.entry(addr, level).load(Ordering::Relaxed));
            if !pte.is_present() {
                return None;
            }
            if level == 0 || pte.is_leaf(level) {
                let size = PAGE << (9 * level);
                return Some(PhysAddr(pte.addr().0 + (addr & (size - 1)) as u64));
            }
            table = Table(pte.addr());
        }
        None
    }
}
