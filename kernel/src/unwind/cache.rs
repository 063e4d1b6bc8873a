//! Rows of return addresses seen lately, for all cores, without a lock.
//!
//! Who finds a row being written goes and reads the tables, and who finds no place to write does
//! without: nobody ever waits, so that a goroutine may be preempted in the middle of a write and
//! stay away for as long as it likes.
//!
//! An entry is guarded by its version: odd while it is written. A reader takes the row between two
//! looks at the version and believes it only if both saw the same even one.

use super::row::Row;
use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering, const_unless_loom, fence};

/// Places that a return address can be in. Under loom one, so that writers meet.
const WAYS: usize = if cfg!(loom) { 1 } else { 4 };

/// One place. A cache line on the CPU with the longer rows.
#[repr(align(8))]
struct Entry {
    /// 0 in the beginning.
    version: AtomicU32,
    /// The row's `pc`, to look at first: of an entry that is not this one anyway.
    pc: AtomicU32,
    words: [AtomicU64; Row::WORDS],
}

impl Entry {
    const_unless_loom! {
        fn new() -> Self {
            Self { version: AtomicU32::new(0), pc: AtomicU32::new(0), words: empty_words() }
        }
    }

    #[inline(always)]
    fn read(&self, pc: u32) -> Option<Row> {
        if self.pc.load(Ordering::Relaxed) != pc {
            return None;
        }
        // Acquire: pairs with the release at the end of `write`.
        let version = self.version.load(Ordering::Acquire);
        if version % 2 == 1 || version == 0 {
            return None;
        }
        let words = core::array::from_fn(|i| self.words[i].load(Ordering::Relaxed));
        // Pairs with the fence in `write`: a word of a later row shows its odd version too.
        fence(Ordering::Acquire);
        if self.version.load(Ordering::Relaxed) != version {
            return None;
        }
        let row = Row::from_words(words);
        (row.pc == pc).then_some(row)
    }

    fn write(&self, row: Row) {
        let version = self.version.load(Ordering::Relaxed);
        if version % 2 == 1 {
            return;
        }
        // Acquire: the words are written after this one is known to be the only writer.
        let odd = self.version.compare_exchange(
            version,
            version.wrapping_add(1),
            Ordering::Acquire,
            Ordering::Relaxed,
        );
        if odd.is_err() {
            return;
        }
        fence(Ordering::Release);
        self.pc.store(row.pc, Ordering::Relaxed);
        for (word, value) in self.words.iter().zip(row.to_words()) {
            word.store(value, Ordering::Relaxed);
        }
        // 0 means never written, also after four billion of them.
        self.version.store(version.wrapping_add(2).max(2), Ordering::Release);
    }
}

/// `SETS` times four rows.
pub struct Cache<const SETS: usize> {
    sets: [[Entry; WAYS]; SETS],
}

impl<const SETS: usize> Cache<SETS> {
    const_unless_loom! {
        /// An empty one.
        pub fn new() -> Self {
            Self { sets: empty_sets() }
        }
    }

    #[inline(always)]
    fn set(&self, pc: u32) -> &[Entry; WAYS] {
        // Call sites are a few instructions apart: all bits have a say.
        &self.sets[(pc.wrapping_mul(0x9e37_79b9) >> 16) as usize % SETS]
    }

    /// The row for that return address, if it is here.
    #[inline(always)]
    pub fn find(&self, pc: u32) -> Option<Row> {
        self.set(pc).iter().find_map(|entry| entry.read(pc))
    }

    /// Keeps a row, in place of any other.
    pub fn keep(&self, row: Row) {
        let set = self.set(row.pc);
        let is_free = |entry: &&Entry| entry.version.load(Ordering::Relaxed) == 0;
        // Which one goes is as good as chance.
        let other = &set[(row.pc ^ row.pc >> 7) as usize % WAYS];
        set.iter().find(is_free).unwrap_or(other).write(row);
    }
}

#[cfg(not(loom))]
const fn empty_words() -> [AtomicU64; Row::WORDS] {
    [const { AtomicU64::new(0) }; Row::WORDS]
}

#[cfg(loom)]
fn empty_words() -> [AtomicU64; Row::WORDS] {
    core::array::from_fn(|_| AtomicU64::new(0))
}

#[cfg(not(loom))]
const fn empty_sets<const SETS: usize>() -> [[Entry; WAYS]; SETS] {
    [const { [const { Entry::new() }; WAYS] }; SETS]
}

#[cfg(loom)]
fn empty_sets<const SETS: usize>() -> [[Entry; WAYS]; SETS] {
    core::array::from_fn(|_| core::array::from_fn(|_| Entry::new()))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::row::Base;
    use super::*;

    fn row(pc: u32) -> Row {
        Row::new(pc, Base::Sp, i64::from(pc), -8).unwrap()
    }

    #[test]
    fn keeps_and_replaces() {
        let cache = Cache::<1>::new();
        assert_eq!(cache.find(0), None);
        for pc in 0..4 {
            cache.keep(row(pc));
        }
        for pc in 0..4 {
            assert_eq!(cache.find(pc), Some(row(pc)));
        }
        cache.keep(row(9));
        assert_eq!(cache.find(9), Some(row(9)));
        assert_eq!((0..4).filter(|&pc| cache.find(pc).is_some()).count(), 3);
    }

    #[test]
    fn what_is_being_written_is_not_there() {
        let cache = Cache::<1>::new();
        cache.keep(row(5));
        cache.sets[0][0].version.store(7, Ordering::Relaxed);
        assert_eq!(cache.find(5), None);
        cache.sets[0][0].write(row(6));
        assert_eq!(cache.find(6), None);
    }
}
