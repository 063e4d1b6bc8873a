//! The cases of a `select!`: what its arms evaluate to. Each holds its value, or room for one, and
//! its sudog, in the frame of the `select!`.

use core::marker::PhantomData;
use core::ptr::NonNull;

use super::{Dir, Scase, lone_miss, selectgo};
use crate::chan::Mode;
use crate::chan::hchan::Core;
use crate::chan::waiter::{Outcome, Slot};

/// One arm with its type erased: what the kernel's select works on.
pub trait Case {
    /// The case, ready to be chosen; valid until this is moved.
    #[doc(hidden)]
    fn scase(&mut self) -> NonNull<Scase>;
}

/// `chan.recv()`.
pub struct RecvCase<'c, T> {
    scase: Scase,
    slot: Slot<T>,
    _chan: PhantomData<&'c Core>,
}

impl<'c, T> RecvCase<'c, T> {
    #[inline(always)]
    pub(in crate::chan) fn new(c: Option<&'c Core>) -> Self {
        let scase = Scase::new(c, Dir::Recv);
        Self { scase, slot: Slot::new(), _chan: PhantomData }
    }

    /// What it received, if this case was chosen: nothing from a closed channel.
    #[inline(always)]
    pub fn into_received(mut self) -> Option<T> {
        self.take_received()
    }

    #[inline(always)]
    pub(super) fn take_received(&mut self) -> Option<T> {
        match self.scase.outcome.take() {
            // SAFETY: a value was moved in; with the outcome gone it is not taken again.
            Some(Outcome::Moved) => Some(unsafe { self.slot.take() }),
            _ => None,
        }
    }
}

impl<T> Case for RecvCase<'_, T> {
    #[inline(always)]
    fn scase(&mut self) -> NonNull<Scase> {
        self.scase.elem = self.slot.get();
        NonNull::from(&mut self.scase)
    }
}

/// Received, but not wanted.
impl<T> Drop for RecvCase<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        drop(self.take_received());
    }
}

/// `chan.send(value)`.
pub struct SendCase<'c, T> {
    scase: Scase,
    /// Holds the value until it was sent.
    slot: Slot<T>,
    _chan: PhantomData<&'c Core>,
}

impl<'c, T> SendCase<'c, T> {
    #[inline(always)]
    pub(in crate::chan) fn new(c: Option<&'c Core>, value: T) -> Self {
        let scase = Scase::new(c, Dir::Send);
        Self { scase, slot: Slot::with(value), _chan: PhantomData }
    }

    pub(super) fn is_spent(&self) -> bool {
        self.scase.outcome == Some(Outcome::Moved)
    }

    /// The value, unless it was sent.
    #[inline(always)]
    pub(super) fn take_unsent(&mut self) -> Option<T> {
        if self.is_spent() {
            return None;
        }
        self.scase.outcome = Some(Outcome::Moved);
        // SAFETY: it was not moved out, and will not be again.
        Some(unsafe { self.slot.take() })
    }

    /// The next value of a case that is spent.
    pub(super) fn refill(&mut self, value: T) {
        drop(self.take_unsent());
        self.slot = Slot::with(value);
        self.scase.outcome = None;
    }
}

impl<T> Case for SendCase<'_, T> {
    #[inline(always)]
    fn scase(&mut self) -> NonNull<Scase> {
        self.scase.elem = self.slot.get();
        NonNull::from(&mut self.scase)
    }
}

/// Not sent.
impl<T> Drop for SendCase<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        drop(self.take_unsent());
    }
}

/// `chan.send_from(&mut slot)`.
pub struct SendFromCase<'c, T> {
    /// None on nil, which leaves the slot alone.
    case: Option<SendCase<'c, T>>,
    nil: Scase,
    slot: &'c mut Option<T>,
}

impl<'c, T> SendFromCase<'c, T> {
    #[inline(always)]
    pub(in crate::chan) fn new(c: Option<&'c Core>, slot: &'c mut Option<T>) -> Self {
        // The arm of a nil channel is switched off: its slot may be empty.
        let case = c.map(|c| match slot.take() {
            Some(value) => SendCase::new(Some(c), value),
            None => panic!("send_from an empty slot"),
        });
        Self { case, nil: Scase::new(None, Dir::Send), slot }
    }
}

impl<T> Case for SendFromCase<'_, T> {
    #[inline(always)]
    fn scase(&mut self) -> NonNull<Scase> {
        match &mut self.case {
            Some(case) => case.scase(),
            None => NonNull::from(&mut self.nil),
        }
    }
}

/// What was not sent goes back.
impl<T> Drop for SendFromCase<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some(value) = self.case.as_mut().and_then(SendCase::take_unsent) {
            *self.slot = Some(value);
        }
    }
}

/// Parks until a case can proceed; its index.
#[inline(always)]
pub fn wait<const N: usize>(cases: &mut [&mut dyn Case; N]) -> usize {
    match choose(cases, Mode::Block) {
        Some(index) => index,
        None => unreachable!("it waits until there is one"),
    }
}

/// The index of the case that proceeded, if one could.
#[inline(always)]
pub fn poll<const N: usize>(cases: &mut [&mut dyn Case; N]) -> Option<usize> {
    choose(cases, Mode::Poll)
}

#[inline(always)]
fn choose<const N: usize>(cases: &mut [&mut dyn Case; N], mode: Mode) -> Option<usize> {
    let cases = cases.each_mut().map(|case| case.scase());
    // SAFETY: the arm's own case, borrowed for this call.
    if N == 1 && mode == Mode::Poll && unsafe { lone_miss(cases[0]) } {
        return None;
    }
    let (mut poll, mut lock) = (cases, cases);
    // SAFETY: the arms' own cases, borrowed for this call and ready to be chosen.
    unsafe { selectgo(&cases, &mut poll, &mut lock, mode) }
}
