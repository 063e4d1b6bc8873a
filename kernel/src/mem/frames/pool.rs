//! The frames that all cores share: chunks with free frames, and ranges never touched yet.
//!
//! Boot writes nothing that is proportional to RAM: a region is two numbers, from whose start
//! ("virgin" frames) whole chunks are cut when nothing else is free. Metadata of the 512 chunks of
//! a GiB comes from the first virgin frames cut in that GiB; a chunk all of whose frames came back
//! is whole again and can serve as a large page.
//!
//! Pure data over a [`Ram`], so that the host can test it. Locking is the caller's.

use super::chunk::{Chunk, DoubleFree, FRAMES, NONE};

/// Bytes of a frame.
const PAGE: usize = 4096;
/// Chunks described by one table: one GiB.
const CHUNKS: usize = 512;
/// Frames of such a table.
const TABLE_FRAMES: u32 = (CHUNKS * size_of::<Chunk>()).div_ceil(PAGE) as u32;
/// Physical memory above this many GiB is left alone.
const MAX_GIB: usize = 1024;
/// Regions kept apart; further ones are left alone.
const MAX_REGIONS: usize = 96;

/// Where the pool sees a frame's bytes.
pub trait Ram {
    /// The frame's first byte, readable and writable.
    fn frame(&self, frame: u32) -> *mut u8;
}

/// Virgin frames `next..end` of a region.
#[derive(Clone, Copy)]
struct Region {
    next: u32,
    end: u32,
}

/// A list of chunks, linked by their numbers.
struct List {
    head: u32,
}

/// See the module's text.
pub struct Pool<R> {
    ram: R,
    regions: [Region; MAX_REGIONS],
    region_count: usize,
    /// Regions before this one have no virgin frame left.
    first: usize,
    /// First frame of the chunk table of each GiB, 0 while there is none (frame 0 is never ours).
    tables: [u32; MAX_GIB],
    /// Chunks with some free frames.
    partial: List,
    /// Chunks with all frames free.
    whole: List,
    /// Frames that can be had, virgin ones included.
    free: u64,
    /// Frames that there are.
    total: u64,
}

impl<R: Ram> Pool<R> {
    /// A pool without memory.
    pub const fn new(ram: R) -> Self {
        Self {
            ram,
            regions: [Region { next: 0, end: 0 }; MAX_REGIONS],
            region_count: 0,
            first: 0,
            tables: [0; MAX_GIB],
            partial: List { head: NONE },
            whole: List { head: NONE },
            free: 0,
            total: 0,
        }
    }

    /// Adds frames `start..end`; regions come in ascending order, without overlap.
    pub fn add(&mut self, start: u32, end: u32) {
        let start = start.max(1);
        let end = end.min((MAX_GIB * CHUNKS) as u32 * FRAMES);
        if start >= end || self.region_count == MAX_REGIONS {
            return;
        }
        self.regions[self.region_count] = Region { next: start, end };
        self.region_count += 1;
        self.free += u64::from(end - start);
        self.total += u64::from(end - start);
    }

    /// Frames that can be had.
    pub fn free(&self) -> u64 {
        self.free
    }

    /// Frames that there are.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Takes up to `most` frames and hands them to `each`; how many.
    pub fn take(&mut self, most: u32, mut each: impl FnMut(u32)) -> u32 {
        let mut taken = 0;
        while taken < most {
            let Some(number) = self.usable_chunk() else { break };
            let chunk = self.chunk(number);
            let was_whole = chunk.is_whole();
            taken += chunk.take(most - taken, |frame| each(number * FRAMES + frame));
            let left = chunk.count();
            if was_whole {
                self.remove(number, Kind::Whole);
            } else if left == 0 {
                self.remove(number, Kind::Partial);
            }
            if was_whole && left > 0 {
                self.push(number, Kind::Partial);
            }
        }
        self.free -= u64::from(taken);
        taken
    }

    /// Takes one frame.
    pub fn take_one(&mut self) -> Option<u32> {
        let mut one = None;
        self.take(1, |frame| one = Some(frame));
        one
    }

    /// Gives one frame back.
    pub fn put(&mut self, frame: u32) -> Result<(), DoubleFree> {
        let number = frame / FRAMES;
        let chunk = self.chunk(number);
        chunk.put(frame % FRAMES)?;
        let before = chunk.count() - 1;
        self.relist(number, before);
        self.free += 1;
        Ok(())
    }

    /// Takes a whole chunk; its first frame.
    pub fn take_large(&mut self) -> Option<u32> {
        let mut number = self.whole.head;
        while number == NONE {
            let cut = self.cut()?;
            if self.chunk(cut).is_whole() {
                number = cut;
            }
        }
        self.remove(number, Kind::Whole);
        self.chunk(number).take_whole();
        self.free -= u64::from(FRAMES);
        Some(number * FRAMES)
    }

    /// Gives a whole chunk back, by its first frame.
    pub fn put_large(&mut self, frame: u32) -> Result<(), DoubleFree> {
        let number = frame / FRAMES;
        let chunk = self.chunk(number);
        if chunk.count() != 0 {
            return Err(DoubleFree);
        }
        chunk.put_range(0, FRAMES)?;
        self.push(number, Kind::Whole);
        self.free += u64::from(FRAMES);
        Ok(())
    }
}

/// The two lists.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Partial,
    Whole,
}

/// Chunks and lists.
impl<R: Ram> Pool<R> {
    /// A chunk with free frames: used ones before whole ones before virgin ones, so that memory in
    /// use stays together.
    fn usable_chunk(&mut self) -> Option<u32> {
        match (self.partial.head, self.whole.head) {
            (NONE, NONE) => self.cut(),
            (NONE, whole) => Some(whole),
            (partial, _) => Some(partial),
        }
    }

    /// Cuts the next chunk, or the part of one that a region has, from the virgin frames and lists
    /// it.
    fn cut(&mut self) -> Option<u32> {
        loop {
            let region = self.regions[..self.region_count].get_mut(self.first)?;
            if region.next == region.end {
                self.first += 1;
                continue;
            }
            let number = region.next / FRAMES;
            if self.tables[number as usize / CHUNKS] == 0 {
                self.cut_table(number as usize / CHUNKS);
                continue;
            }
            let start = region.next;
            let end = region.end.min((number + 1) * FRAMES);
            region.next = end;
            let chunk = self.chunk(number);
            let before = chunk.count();
            // Virgin frames cannot be free already.
            let _ = chunk.put_range(start % FRAMES, end - start);
            self.relist(number, before);
            return Some(number);
        }
    }

    /// Makes the chunk table of a GiB out of the next virgin frames, which are in that GiB.
    fn cut_table(&mut self, gib: usize) {
        let region = &mut self.regions[self.first];
        let start = region.next;
        let frames = TABLE_FRAMES.min(region.end - start);
        region.next += frames;
        self.free -= u64::from(frames);
        self.total -= u64::from(frames);
        if frames < TABLE_FRAMES {
            // A region smaller than a table, alone in its GiB: not worth having.
            return;
        }
        let table = self.ram.frame(start);
        // SAFETY: the frames are adjacent, ours and used by nobody; a `Ram` gives their bytes.
        unsafe { table.write_bytes(0, frames as usize * PAGE) };
        self.tables[gib] = start;
    }

    /// The metadata of a chunk in a GiB that has a table.
    fn chunk(&mut self, number: u32) -> &mut Chunk {
        let table = self.tables[number as usize / CHUNKS];
        assert!(table != 0, "no such frame");
        let chunks: *mut Chunk = self.ram.frame(table).cast();
        // SAFETY: `cut_table` zeroed memory for 512 chunks there, for ever; it is reached through
        // this pool alone, which is borrowed for as long as the reference.
        unsafe { &mut *chunks.add(number as usize % CHUNKS) }
    }

    fn list(&mut self, kind: Kind) -> &mut List {
        match kind {
            Kind::Partial => &mut self.partial,
            Kind::Whole => &mut self.whole,
        }
    }

    /// After frames came to a chunk that had `before`: puts it where it belongs.
    fn relist(&mut self, number: u32, before: u32) {
        let whole = self.chunk(number).is_whole();
        if before > 0 && whole {
            self.remove(number, Kind::Partial);
        }
        if whole {
            self.push(number, Kind::Whole);
        } else if before == 0 {
            self.push(number, Kind::Partial);
        }
    }

    fn push(&mut self, number: u32, kind: Kind) {
        let list = self.list(kind);
        let next = core::mem::replace(&mut list.head, number);
        let chunk = self.chunk(number);
        (chunk.prev, chunk.next) = (NONE, next);
        if next != NONE {
            self.chunk(next).prev = number;
        }
    }

    fn remove(&mut self, number: u32, kind: Kind) {
        let Chunk { prev, next, .. } = *self.chunk(number);
        if prev == NONE {
            self.list(kind).head = next;
        } else {
            self.chunk(prev).next = next;
        }
        if next != NONE {
            self.chunk(next).prev = prev;
        }
    }
}

#[cfg(test)]
mod tests;
