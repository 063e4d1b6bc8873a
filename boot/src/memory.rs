//! Building the memory map: RAM as the loader reports it, minus what is in use.

use burrow_arch::layout::{PAGE, PhysAddr};
use burrow_kernel::{MemoryKind, MemoryRegion};

/// Most stretches of RAM that are told apart. UEFI reports over a hundred; what does not fit is
/// not used.
const CAPACITY: usize = 256;

const NOTHING: MemoryRegion =
    MemoryRegion { start: PhysAddr(0), end: PhysAddr(0), kind: MemoryKind::Reserved };

/// RAM in ascending order, whole pages, without overlap.
pub struct MemoryMap {
    regions: [MemoryRegion; CAPACITY],
    len: usize,
}

impl MemoryMap {
    /// No RAM.
    pub const fn new() -> Self {
        Self { regions: [NOTHING; CAPACITY], len: 0 }
    }

    /// Adds usable RAM: the whole pages in it. Loaders report in ascending order or not; nothing
    /// may overlap.
    pub fn add(&mut self, start: u64, end: u64) {
        let (start, end) = (start.next_multiple_of(PAGE as u64), end & !(PAGE as u64 - 1));
        if start >= end {
            return;
        }
        let regions = &self.regions[..self.len];
        let at = regions.iter().position(|region| region.start.0 > start).unwrap_or(self.len);
        let before = at.checked_sub(1).map(|before| &mut self.regions[before]);
        match before {
            // Loaders split by their own purposes; so long a map is of no use to us.
            Some(before) if before.end.0 == start && before.kind == MemoryKind::Usable => {
                before.end = PhysAddr(end);
            }
            _ => self.insert(at, start, end, MemoryKind::Usable),
        }
    }

    /// Takes every page that the range touches out of use, where it is RAM.
    pub fn reserve(&mut self, start: u64, end: u64) {
        let (start, end) = (start & !(PAGE as u64 - 1), end.next_multiple_of(PAGE as u64));
        let mut at = 0;
        while at < self.len {
            let region = self.regions[at];
            let (from, to) = (start.max(region.start.0), end.min(region.end.0));
            if from < to && region.kind == MemoryKind::Usable {
                at = self.split(at, from, to);
            }
            at += 1;
        }
    }

    /// Reserves `from..to` inside the usable region `at`; the index of the reserved part.
    fn split(&mut self, mut at: usize, from: u64, to: u64) -> usize {
        let region = self.regions[at];
        self.regions[at].kind = MemoryKind::Reserved;
        if region.start.0 < from {
            self.regions[at] = MemoryRegion { end: PhysAddr(from), ..region };
            at += 1;
            self.insert(at, from, region.end.0, MemoryKind::Reserved);
        }
        if to < region.end.0 {
            self.regions[at].end = PhysAddr(to);
            self.insert(at + 1, to, region.end.0, MemoryKind::Usable);
        }
        at
    }

    /// Puts a region at that index. Of a map that is full, the last and highest RAM goes.
    fn insert(&mut self, at: usize, start: u64, end: u64, kind: MemoryKind) {
        if at >= CAPACITY {
            return;
        }
        self.len = CAPACITY.min(self.len + 1);
        self.regions.copy_within(at..self.len - 1, at + 1);
        self.regions[at] = MemoryRegion { start: PhysAddr(start), end: PhysAddr(end), kind };
    }

    /// The map as it is.
    pub fn regions(&self) -> &[MemoryRegion] {
        &self.regions[..self.len]
    }
}

impl Default for MemoryMap {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// Start, end, and whether it is usable.
    fn listed(map: &MemoryMap) -> Vec<(u64, u64, bool)> {
        let usable = |region: &MemoryRegion| region.kind == MemoryKind::Usable;
        map.regions().iter().map(|r| (r.start.0, r.end.0, usable(r))).collect()
    }

    #[test]
    fn only_whole_pages_are_added() {
        let mut map = MemoryMap::new();
        map.add(0, 0x9fc00);
        map.add(0xa0001, 0xa1fff);
        assert_eq!(listed(&map), [(0, 0x9f000, true)]);
    }

    #[test]
    fn stretches_are_sorted_and_joined() {
        let mut map = MemoryMap::new();
        map.add(4 * MIB, 5 * MIB);
        map.add(MIB, 2 * MIB);
        map.add(2 * MIB, 3 * MIB);
        assert_eq!(listed(&map), [(MIB, 3 * MIB, true), (4 * MIB, 5 * MIB, true)]);
    }

    #[test]
    fn reserving_splits_and_takes_touched_pages() {
        let mut map = MemoryMap::new();
        map.add(MIB, 3 * MIB);
        map.reserve(2 * MIB + 1, 2 * MIB + 0x1001);
        let (from, to) = (2 * MIB, 2 * MIB + 0x2000);
        assert_eq!(listed(&map), [(MIB, from, true), (from, to, false), (to, 3 * MIB, true)]);
    }

    #[test]
    fn reserving_spans_stretches_and_what_is_reserved_already() {
        let mut map = MemoryMap::new();
        map.add(MIB, 2 * MIB);
        map.add(3 * MIB, 4 * MIB);
        map.reserve(0, MIB + 0x1000);
        map.reserve(0, 5 * MIB);
        let wanted =
            [(MIB, MIB + 0x1000, false), (MIB + 0x1000, 2 * MIB, false), (3 * MIB, 4 * MIB, false)];
        assert_eq!(listed(&map), wanted);
    }

    #[test]
    fn added_memory_does_not_join_reserved_memory() {
        let mut map = MemoryMap::new();
        map.add(MIB, 2 * MIB);
        map.reserve(MIB, 2 * MIB);
        map.add(2 * MIB, 3 * MIB);
        assert_eq!(listed(&map), [(MIB, 2 * MIB, false), (2 * MIB, 3 * MIB, true)]);
    }

    #[test]
    fn what_does_not_fit_is_left_out_at_the_top() {
        let mut map = MemoryMap::new();
        for n in 0..CAPACITY as u64 + 10 {
            map.add(2 * n * MIB, (2 * n + 1) * MIB);
        }
        assert_eq!(map.regions().len(), CAPACITY);
        map.reserve(MIB / 2, MIB);
        assert_eq!(listed(&map)[..2], [(0, MIB / 2, true), (MIB / 2, MIB, false)]);
        assert_eq!(map.regions().len(), CAPACITY);
    }
}
