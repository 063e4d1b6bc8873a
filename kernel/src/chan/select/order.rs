//! In which order cases are looked at, and in which their channels are locked. Go: `pollorder`,
//! `lockorder`.

use super::{Case, chan};
use crate::p::P;

/// Two orders of the cases whose channel is not nil.
pub(super) struct Orders<'a> {
    /// Random.
    pub(super) poll: &'a [Case],
    /// By address of the channel, so that cases on one channel are next to each other.
    pub(super) lock: &'a [Case],
    /// Some of the channels have timers.
    pub(super) timed: bool,
}

/// As many cases as are sorted by insertion.
const FEW: usize = 12;

impl<'a> Orders<'a> {
    /// Fills the room for both orders, and numbers the cases.
    ///
    /// # Safety
    /// The cases are valid and the caller's; its M holds the P.
    #[inline(always)]
    pub(super) unsafe fn new(
        cases: &[Case],
        poll: &'a mut [Case],
        lock: &'a mut [Case],
        p: &'static P,
    ) -> Self {
        let mut count = 0;
        let mut timed = false;
        let mut dice = Dice::new(p);
        for (index, &case) in cases.iter().enumerate() {
            // SAFETY: the caller's.
            let scase = unsafe { &mut *case.as_ptr() };
            scase.index = index as u16;
            if scase.c.is_null() {
                continue;
            }
            // SAFETY: not nil, and kept alive by its case.
            timed |= unsafe { chan(case) }.timer().is_some();
            // Each order of those before, with the new one at each place, is as likely as others.
            let at = dice.below(count + 1);
            poll[count] = poll[at];
            poll[at] = case;
            let mut at = count;
            // SAFETY: the caller's.
            while at > 0 && at < FEW && unsafe { (*lock[at - 1].as_ptr()).c } > scase.c {
                lock[at] = lock[at - 1];
                at -= 1;
            }
            lock[at] = case;
            count += 1;
        }
        let lock = &mut lock[..count];
        if count > FEW {
            // SAFETY: the caller's.
            lock.sort_unstable_by_key(|case| unsafe { (*case.as_ptr()).c });
        }
        Self { poll: &poll[..count], lock, timed }
    }

    /// No case has a channel.
    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.lock.is_empty()
    }
}

/// Several small random numbers from one large one. Holder of the P only.
struct Dice {
    p: &'static P,
    word: u32,
    left: u32,
}

impl Dice {
    /// So many numbers, each below the one before's bound plus one, come from 32 random bits with a
    /// bias of less than one in a thousand.
    const THROWS: u32 = 8;

    #[inline(always)]
    fn new(p: &'static P) -> Self {
        Self { p, word: 0, left: 0 }
    }

    /// A number below `bound`. The bits that decide it are used up, those below them go on.
    #[inline(always)]
    fn below(&mut self, bound: usize) -> usize {
        if self.left == 0 {
            self.word = self.p.random();
            // Large bounds use up more.
            self.left = if bound > Self::THROWS as usize { 1 } else { Self::THROWS };
        }
        self.left -= 1;
        let wide = u64::from(self.word) * bound as u64;
        self.word = wide as u32;
        (wide >> 32) as usize
    }
}
