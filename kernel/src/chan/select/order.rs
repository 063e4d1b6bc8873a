//! In which order cases are looked at, and in which their channels are locked. Go: `pollorder`,
//! `lockorder`.

use core::ptr::NonNull;

use crate::p::P;

use super::Scase;

/// Two orders of the cases whose channel is not nil.
pub(super) struct Orders<'a> {
    cases: &'a [NonNull<Scase>],
    /// Random.
    poll: &'a [u16],
    /// By address of the channel.
    lock: &'a [u16],
}

impl<'a> Orders<'a> {
    /// Fills the room for both orders. Holder of the P only; the cases are valid.
    pub(super) fn new(
        cases: &'a [NonNull<Scase>],
        poll: &'a mut [u16],
        lock: &'a mut [u16],
        p: &'static P,
    ) -> Self {
        let mut count = 0;
        for (index, case) in (0..).zip(cases) {
            // SAFETY: valid, says the caller of `selectgo`.
            if unsafe { case.as_ref() }.c.is_null() {
                continue;
            }
            // Each order of those before, with the new one at each place, is as likely as others.
            let at = p.random_below(count as u32 + 1) as usize;
            poll[count] = poll[at];
            poll[at] = index;
            lock[count] = index;
            count += 1;
        }
        let lock = &mut lock[..count];
        // SAFETY: as above.
        let addr = |index: u16| unsafe { cases[usize::from(index)].as_ref() }.c.addr();
        if count <= FEW {
            sort_few(lock, addr);
        } else {
            lock.sort_unstable_by_key(|index| addr(*index));
        }
        Self { cases, poll: &poll[..count], lock }
    }

    /// No case has a channel.
    pub(super) fn is_empty(&self) -> bool {
        self.lock.is_empty()
    }

    /// Numbers of cases, in random order.
    pub(super) fn poll(&self) -> impl Iterator<Item = usize> {
        self.poll.iter().map(|index| usize::from(*index))
    }

    /// Numbers of cases, those on one channel next to each other, channels by address.
    pub(super) fn lock(&self) -> impl Iterator<Item = usize> {
        self.lock.iter().map(|index| usize::from(*index))
    }

    pub(super) fn case(&self, index: usize) -> NonNull<Scase> {
        self.cases[index]
    }

    /// The order of locks for who may lose this value while it reads it: length, order, cases.
    pub(super) fn raw(&self) -> (usize, *const u16, *const NonNull<Scase>) {
        (self.lock.len(), self.lock.as_ptr(), self.cases.as_ptr())
    }
}

/// What is sorted by insertion.
const FEW: usize = 8;

fn sort_few(order: &mut [u16], addr: impl Fn(u16) -> usize) {
    for sorted in 1..order.len() {
        let index = order[sorted];
        let key = addr(index);
        let mut at = sorted;
        while at > 0 && addr(order[at - 1]) > key {
            order[at] = order[at - 1];
            at -= 1;
        }
        order[at] = index;
    }
}
