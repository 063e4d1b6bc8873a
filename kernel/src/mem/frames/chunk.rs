//! A chunk: the 512 frames of one large page, and which of them are free.
//!
//! Pure data. All zeroes is a chunk without a free frame, so that a table of chunks needs nothing
//! but zeroed memory (lazy metadata: see [`super::pool`]).

/// Frames of a chunk.
pub const FRAMES: u32 = 512;

/// No chunk.
pub const NONE: u32 = u32::MAX;

/// Free frames of one chunk, and its place in the pool's list while it has any.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Chunk {
    /// A bit per frame, set while it is free.
    free: [u64; 8],
    /// Set bits of `free`.
    count: u32,
    /// Neighbours in the pool's list; meaningless while no frame is free.
    pub prev: u32,
    /// See `prev`.
    pub next: u32,
    /// To a whole number of words.
    _pad: u32,
}

/// A frame was given back that was free already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DoubleFree;

impl Chunk {
    /// A chunk without a free frame.
    pub const EMPTY: Self = Self { free: [0; 8], count: 0, prev: NONE, next: NONE, _pad: 0 };

    /// How many frames are free.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Whether every frame is free, so that the chunk can be one large page.
    pub fn is_whole(&self) -> bool {
        self.count == FRAMES
    }

    /// Takes up to `most` frames, lowest first, and hands them to `each`; how many.
    pub fn take(&mut self, most: u32, mut each: impl FnMut(u32)) -> u32 {
        let mut taken = 0;
        for (first, word) in (0..).step_by(64).zip(&mut self.free) {
            while *word != 0 && taken < most {
                each(first + word.trailing_zeros());
                *word &= *word - 1;
                taken += 1;
            }
        }
        self.count -= taken;
        taken
    }

    /// Takes all frames of a whole chunk.
    pub fn take_whole(&mut self) -> bool {
        if !self.is_whole() {
            return false;
        }
        self.free = [0; 8];
        self.count = 0;
        true
    }

    /// Gives one frame back.
    pub fn put(&mut self, frame: u32) -> Result<(), DoubleFree> {
        let word = &mut self.free[(frame / 64) as usize & 7];
        let bit = 1 << (frame % 64);
        if *word & bit != 0 {
            return Err(DoubleFree);
        }
        *word |= bit;
        self.count += 1;
        Ok(())
    }

    /// Gives `frames` frames from `first` on back.
    pub fn put_range(&mut self, first: u32, frames: u32) -> Result<(), DoubleFree> {
        (first..first + frames).try_for_each(|frame| self.put(frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeroes_are_an_empty_chunk() {
        // SAFETY: a chunk is integers only.
        let mut chunk: Chunk = unsafe { core::mem::zeroed() };
        assert_eq!(chunk.count(), 0);
        assert_eq!(chunk.take(1, |_| ()), 0);
    }

    #[test]
    fn frames_come_lowest_first_and_once() {
        let mut chunk = Chunk::EMPTY;
        chunk.put_range(0, FRAMES).unwrap();
        assert!(chunk.is_whole());
        let mut taken = Vec::new();
        for most in [0, 1, 1, 100, 64, FRAMES] {
            let before = taken.len();
            let count = chunk.take(most, |frame| taken.push(frame));
            assert_eq!(count as usize, taken.len() - before);
            assert_eq!(chunk.count(), FRAMES - taken.len() as u32);
        }
        assert!(taken.into_iter().eq(0..FRAMES));
        assert_eq!(chunk.take(1, |_| ()), 0);
    }

    #[test]
    fn a_frame_cannot_come_back_twice() {
        let mut chunk = Chunk::EMPTY;
        chunk.put(511).unwrap();
        assert_eq!(chunk.put(511), Err(DoubleFree));
        assert_eq!(chunk.put_range(510, 2), Err(DoubleFree));
    }

    #[test]
    fn only_a_whole_chunk_is_taken_whole() {
        let mut chunk = Chunk::EMPTY;
        chunk.put_range(1, FRAMES - 1).unwrap();
        assert!(!chunk.take_whole());
        chunk.put(0).unwrap();
        assert!(chunk.take_whole());
        assert_eq!(chunk.count(), 0);
        assert_eq!(chunk.put(7), Ok(()));
    }
}
