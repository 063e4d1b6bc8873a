//! Slots: where stacks of each size class lie, and which addresses of one may be used.
//!
//! Pure arithmetic. One equal stretch of [`layout::STACKS`](burrow_arch::layout::STACKS) per
//! class; slot n of a class is its nth piece, aligned to its own size. So slots of 2 MiB and more
//! own whole leaf tables, and all slots below 1 GiB lie in one table of the level above.

use burrow_arch::layout::{PAGE, STACKS, STACKS_END};

/// Bytes of the smallest slot.
pub const MIN_SLOT: usize = 64 << 10;
/// Bytes of the largest slot.
pub const MAX_SLOT: usize = 1 << 30;
/// Size classes: powers of two from [`MIN_SLOT`] to [`MAX_SLOT`].
pub const CLASSES: usize = (MAX_SLOT / MIN_SLOT).ilog2() as usize + 1;
/// Bytes of address space per class.
const REGION: usize = (STACKS_END - STACKS) / CLASSES.next_power_of_two();

/// The last bytes below the limit, usable only while a panic unwinds.
const RESERVE: usize = 64 << 10;

/// A stack: addresses, nothing else. Go: `stack`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stack {
    /// Lowest address of the slot. Its first page is never mapped.
    pub lo: usize,
    /// One past the highest address: where the stack begins.
    pub hi: usize,
    /// The most bytes that it may have. Go's texts call it the limit.
    pub limit: usize,
    /// The epoch in which pages were last given back, or 0: a core must have flushed its TLB since
    /// before it runs on the stack (`stack::enter`).
    pub shrunk: u64,
}

/// How far down a stack may go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// Ordinary code.
    Normal,
    /// Unwinding: a panic that found the stack nearly full needs room to run.
    Panicking,
}

/// What a missing page in or near a stack means (law 11).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// The stack grows.
    Growth,
    /// The stack is used up.
    Overflow,
    /// Not the stack's doing.
    Wild,
}

impl Stack {
    /// No stack: contains no address.
    pub const NONE: Self = Self { lo: 0, hi: 0, limit: 0, shrunk: 0 };

    /// The stack of a kernel thread or of bring-up, mapped in full.
    pub const fn fixed(lo: usize, hi: usize) -> Self {
        Self { lo, hi, limit: hi - lo, shrunk: 0 }
    }

    /// Slot `index` of a class, for a stack of at most `max` bytes.
    pub const fn slot(class: usize, index: usize, max: usize) -> Self {
        let lo = STACKS + class * REGION + index * slot_size(class);
        let hi = lo + slot_size(class);
        Self { lo, hi, limit: max, shrunk: 0 }
    }

    /// Class and number of the slot, or `None` if it is no slot.
    pub const fn class(&self) -> Option<usize> {
        if self.lo < STACKS || self.lo >= STACKS_END {
            return None;
        }
        Some((self.lo - STACKS) / REGION)
    }

    /// Whether the address lies in the slot.
    #[inline(always)]
    pub const fn contains(&self, addr: usize) -> bool {
        self.lo <= addr && addr < self.hi
    }

    /// Whether a stack pointer may be this stack's: the top itself counts, an empty stack's.
    #[inline(always)]
    pub const fn holds_sp(&self, sp: usize) -> bool {
        self.lo < sp && sp <= self.hi
    }

    /// Whether this is [`NONE`](Self::NONE).
    #[inline(always)]
    pub const fn is_none(&self) -> bool {
        self.hi == 0
    }

    /// Lowest address that may be mapped.
    #[inline(always)]
    pub const fn floor(&self, reach: Reach) -> usize {
        let guard = self.lo + PAGE;
        let limit = self.hi - self.limit;
        let lowest = if limit > guard { limit } else { guard };
        match reach {
            Reach::Panicking => lowest,
            Reach::Normal => lowest + self.reserve(),
        }
    }

    /// Bytes above the limit that are kept for unwinding.
    const fn reserve(&self) -> usize {
        let quarter = self.limit / 4;
        if quarter < RESERVE { quarter } else { RESERVE }
    }

    /// What a missing page at `addr` means while the stack pointer is `sp`.
    #[inline(always)]
    pub const fn judge(&self, sp: usize, addr: usize, reach: Reach) -> Place {
        // Pushes and calls touch just below the stack pointer; nothing goes further, because
        // larger frames are probed page by page.
        if !self.contains(addr) || addr < sp.saturating_sub(PAGE) {
            return Place::Wild;
        }
        // The page that the floor lies in is mapped in full.
        if addr < self.floor(reach) & !(PAGE - 1) {
            return Place::Overflow;
        }
        Place::Growth
    }
}

/// Bytes of a slot of that class.
pub const fn slot_size(class: usize) -> usize {
    MIN_SLOT << class
}

/// How many slots a class has.
pub const fn slots(class: usize) -> usize {
    REGION / slot_size(class)
}

/// The class whose slots fit stacks of that many bytes; above the largest, the largest.
pub const fn class_for(max: usize) -> usize {
    let max = clamp(max);
    (max.next_power_of_two() / MIN_SLOT).ilog2() as usize
}

/// The limit that a stack gets when asked for that.
pub const fn clamp(max: usize) -> usize {
    if max < MIN_SLOT {
        MIN_SLOT
    } else if max > MAX_SLOT {
        MAX_SLOT
    } else {
        max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_aligned_to_their_size_and_do_not_overlap() {
        for class in 0..CLASSES {
            let size = slot_size(class);
            for index in [0, 1, slots(class) - 1] {
                let stack = Stack::slot(class, index, size);
                assert!(stack.lo.is_multiple_of(size));
                assert_eq!(stack.hi - stack.lo, size);
                assert_eq!(stack.class(), Some(class));
            }
            let last = Stack::slot(class, slots(class) - 1, size);
            assert!(last.hi <= STACKS_END);
            assert_eq!(last.hi, Stack::slot(class + 1, 0, 0).lo);
        }
        assert_eq!(slot_size(CLASSES - 1), MAX_SLOT);
        assert!(slots(class_for(1 << 20)) > 1_000_000);
    }

    #[test]
    fn a_limit_gets_the_next_slot_size() {
        assert_eq!(slot_size(class_for(1)), 64 << 10);
        assert_eq!(slot_size(class_for(64 << 10)), 64 << 10);
        assert_eq!(slot_size(class_for((64 << 10) + 1)), 128 << 10);
        assert_eq!(slot_size(class_for(1_474_560)), 2 << 20);
        assert_eq!(slot_size(class_for(1 << 30)), 1 << 30);
        assert_eq!(slot_size(class_for(usize::MAX)), 1 << 30);
        assert_eq!(clamp(5), 64 << 10);
        assert_eq!(Stack::NONE.class(), None);
        assert_eq!(Stack::fixed(0xffff_d000_0000_0000, 0xffff_d000_0000_4000).class(), None);
    }

    // covers: K18, H16
    #[test]
    fn a_stack_grows_near_its_pointer_down_to_its_limit() {
        let stack = Stack::slot(class_for(1_474_560), 3, 1_474_560);
        let floor = stack.hi - 1_474_560 + (64 << 10);
        for sp in [stack.hi, stack.hi - 100, floor + 8, floor + PAGE] {
            for addr in [sp - 1, sp - 8, sp - PAGE, stack.hi - 1] {
                let expected =
                    if addr >= floor & !(PAGE - 1) { Place::Growth } else { Place::Overflow };
                assert_eq!(stack.judge(sp, addr, Reach::Normal), expected);
            }
            assert_eq!(stack.judge(sp, sp - PAGE - 1, Reach::Normal), Place::Wild);
            assert_eq!(stack.judge(sp, stack.hi, Reach::Normal), Place::Wild);
            assert_eq!(stack.judge(sp, 0, Reach::Normal), Place::Wild);
        }
        assert_eq!(stack.judge(floor - 8, floor - 8, Reach::Panicking), Place::Growth);
        let lowest = stack.hi - stack.limit;
        assert_eq!(stack.judge(lowest, lowest, Reach::Panicking), Place::Growth);
        assert_eq!(stack.judge(lowest, lowest - 1, Reach::Panicking), Place::Overflow);
    }

    #[test]
    fn the_guard_page_is_never_mapped() {
        for class in 0..CLASSES {
            let stack = Stack::slot(class, 1, slot_size(class));
            for reach in [Reach::Normal, Reach::Panicking] {
                assert!(stack.floor(reach) >= stack.lo + PAGE);
                let guard = stack.lo + PAGE - 8;
                assert_eq!(stack.judge(guard, guard, reach), Place::Overflow);
            }
            assert!(stack.floor(Reach::Normal) - stack.floor(Reach::Panicking) >= 16 << 10);
        }
    }

    #[test]
    fn no_stack_contains_nothing() {
        assert!(!Stack::NONE.contains(0) && !Stack::NONE.holds_sp(0));
        assert_eq!(Stack::NONE.judge(0, 0, Reach::Panicking), Place::Wild);
    }
}
