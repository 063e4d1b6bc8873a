//! [`Select`]: the arms of a select as a value, for channels known only at run time.
//! Go: `reflect.Select`.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ptr::NonNull;

use super::case::{Case, RecvCase, SendCase};
use super::{Dir, Scase, selectgo};
use crate::chan::hchan::Core;
use crate::chan::{Chan, Mode, RecvChan, SendChan};

/// A select over a set of channels known only at run time. Arms have stable numbers 0, 1, 2, ..
/// in the order in which they were added. Go: `reflect.Select`.
///
/// It keeps handles of its channels and the values still to send; it can be used again and again.
#[derive(Default)]
pub struct Select<'a> {
    /// Removed ones are gone, their numbers stay.
    arms: Vec<Option<Box<dyn Arm + 'a>>>,
    scratch: Scratch,
}

/// What a choice needs, kept for the next.
#[derive(Default)]
struct Scratch {
    cases: Vec<NonNull<Scase>>,
    /// Numbers of the arms that the cases belong to.
    numbers: Vec<usize>,
    orders: Vec<NonNull<Scase>>,
}

/// One arm, whose type is known by its channel.
trait Arm {
    /// Ready to be chosen; nothing if it is spent.
    fn scase(&mut self) -> Option<NonNull<Scase>>;
    /// What it does, and the channel's address, or 0.
    fn identity(&self) -> (Dir, usize);
    /// Forgets a received value that nobody took.
    fn settle(&mut self);
    fn is_active(&self) -> bool;
    /// The arm itself, for who knows its type by its identity.
    fn as_ptr(&mut self) -> *mut ();
}

struct RecvArm<T> {
    case: RecvCase<'static, T>,
    /// Keeps the case's channel alive; dropped after it.
    chan: RecvChan<T>,
}

struct SendArm<T> {
    case: SendCase<'static, T>,
    /// As above.
    chan: SendChan<T>,
}

/// A channel for as long as its arm.
///
/// # Safety
/// A handle is kept at least as long as the result is used.
unsafe fn kept(c: Option<&Core>) -> Option<&'static Core> {
    // SAFETY: the caller's promise.
    c.map(|c| unsafe { NonNull::from(c).as_ref() })
}

impl<T> Arm for RecvArm<T> {
    fn scase(&mut self) -> Option<NonNull<Scase>> {
        self.settle();
        Some(self.case.scase())
    }
    fn identity(&self) -> (Dir, usize) {
        (Dir::Recv, self.chan.addr())
    }
    fn settle(&mut self) {
        drop(self.case.take_received());
    }
    fn is_active(&self) -> bool {
        true
    }
    fn as_ptr(&mut self) -> *mut () {
        (&raw mut *self).cast()
    }
}

impl<T> Arm for SendArm<T> {
    fn scase(&mut self) -> Option<NonNull<Scase>> {
        self.is_active().then(|| self.case.scase())
    }
    fn identity(&self) -> (Dir, usize) {
        (Dir::Send, self.chan.addr())
    }
    fn settle(&mut self) {}
    fn is_active(&self) -> bool {
        !self.case.is_spent()
    }
    fn as_ptr(&mut self) -> *mut () {
        (&raw mut *self).cast()
    }
}

impl<'a> Select<'a> {
    /// No arms.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a receive arm and returns its number.
    pub fn recv<C: Receiver>(&mut self, chan: &C) -> usize
    where
        C::Item: 'a,
    {
        let chan = chan.view();
        // SAFETY: the arm keeps the handle.
        let case = RecvCase::new(unsafe { kept(chan.core()) });
        self.add(Box::new(RecvArm { case, chan }))
    }

    /// Adds a send arm and returns its number. Once its value is sent the arm is spent: it is
    /// never chosen again until [`Select::refill`].
    pub fn send<C: Sender>(&mut self, chan: &C, value: C::Item) -> usize
    where
        C::Item: 'a,
    {
        let chan = chan.view();
        // SAFETY: the arm keeps the handle.
        let case = SendCase::new(unsafe { kept(chan.core()) }, value);
        self.add(Box::new(SendArm { case, chan }))
    }

    fn add(&mut self, arm: Box<dyn Arm + 'a>) -> usize {
        self.arms.push(Some(arm));
        self.arms.len() - 1
    }

    /// Gives a spent send arm its next value. Panics if `arm` is not a spent send arm of `chan`.
    pub fn refill<C: Sender>(&mut self, arm: usize, chan: &C, value: C::Item) {
        match self.send_case(arm, chan) {
            Some(case) if case.is_spent() => case.refill(value),
            _ => panic!("select: arm {arm} is not a spent send arm of this channel"),
        }
    }

    /// Takes the value of a send arm back, which spends the arm. `None` if it was sent. Panics
    /// if `arm` is not a send arm of `chan`; the nil channel is no witness of an arm's type.
    pub fn take_unsent<C: Sender>(&mut self, arm: usize, chan: &C) -> Option<C::Item> {
        match self.send_case(arm, chan) {
            Some(case) => case.take_unsent(),
            None => panic!("select: arm {arm} is not a send arm of this channel"),
        }
    }

    /// The case of a send arm, if the channel is its channel.
    fn send_case<C: Sender>(
        &mut self,
        arm: usize,
        chan: &C,
    ) -> Option<&mut SendCase<'static, C::Item>> {
        let arm = self.arms.get_mut(arm)?.as_mut()?;
        let ptr = arm_of(&mut **arm, Dir::Send, chan.view().addr())?;
        // SAFETY: a send arm of this very channel is one for its values.
        Some(unsafe { &mut (*ptr.cast::<SendArm<C::Item>>()).case })
    }

    /// Removes an arm; the others keep their numbers. Go: setting the case's channel to nil.
    pub fn remove(&mut self, arm: usize) {
        // Dropped when the select is whole again: the value's drop may do anything.
        let removed = self.arms.get_mut(arm).and_then(Option::take);
        drop(removed);
    }

    /// Arms that are neither removed nor spent.
    pub fn active(&self) -> usize {
        self.arms.iter().flatten().filter(|arm| arm.is_active()).count()
    }

    /// Parks until an arm can proceed, performs it and tells which. Blocks for ever without
    /// active arms. Panics with `send on closed channel`.
    pub fn wait(&mut self) -> Selected<'_> {
        match self.choose(Mode::Block) {
            Some(selected) => selected,
            None => unreachable!("it waits until there is one"),
        }
    }

    /// As `wait`, but `None` at once when no arm is ready. Go: a `default` case.
    pub fn try_wait(&mut self) -> Option<Selected<'_>> {
        self.choose(Mode::Poll)
    }

    fn choose(&mut self, mode: Mode) -> Option<Selected<'_>> {
        let Scratch { cases, numbers, orders } = &mut self.scratch;
        cases.clear();
        numbers.clear();
        for (number, arm) in self.arms.iter_mut().enumerate() {
            if let Some(case) = arm.as_mut().and_then(|arm| arm.scase()) {
                cases.push(case);
                numbers.push(number);
            }
        }
        if cases.len() > usize::from(u16::MAX) {
            panic!("select: too many cases (max {})", u16::MAX);
        }
        orders.clear();
        orders.extend_from_slice(cases);
        orders.extend_from_slice(cases);
        let (poll, lock) = orders.split_at_mut(cases.len());
        // SAFETY: the arms' own cases, borrowed for this call and ready to be chosen; arms are
        // boxed, and keep their channels.
        let index = unsafe { selectgo(cases, poll, lock, mode) }?;
        let number = numbers[index];
        match &mut self.arms[number] {
            Some(arm) => Some(Selected { number, arm: &mut **arm }),
            None => unreachable!("a removed arm has no case"),
        }
    }
}

/// The arm, if it does that on the channel of that address; nil is nobody's.
fn arm_of(arm: &mut dyn Arm, dir: Dir, addr: usize) -> Option<*mut ()> {
    (addr != 0 && arm.identity() == (dir, addr)).then(|| arm.as_ptr())
}

/// The arm that a [`Select`] performed. A received value not taken with [`Selected::recv`] is
/// dropped with it.
#[must_use = "the received value is dropped with it"]
pub struct Selected<'s> {
    number: usize,
    arm: &'s mut (dyn Arm + 's),
}

impl Selected<'_> {
    /// The number of the arm.
    pub fn index(&self) -> usize {
        self.number
    }

    /// What the arm received; `None` once the channel is closed and drained. Panics if the arm
    /// is not a receive arm of `chan`.
    pub fn recv<C: Receiver>(self, chan: &C) -> Option<C::Item> {
        let Some(ptr) = arm_of(self.arm, Dir::Recv, chan.view().addr()) else {
            panic!("select: arm {} is not a receive arm of this channel", self.number);
        };
        // SAFETY: a receive arm of this very channel is one for its values.
        unsafe { (*ptr.cast::<RecvArm<C::Item>>()).case.take_received() }
    }
}

impl Drop for Selected<'_> {
    fn drop(&mut self) {
        self.arm.settle();
    }
}

/// Handles that receive: [`Chan`] and [`RecvChan`]. Sealed.
#[diagnostic::on_unimplemented(message = "`{Self}` is not a channel to receive from")]
pub trait Receiver: sealed::Sealed {
    /// The type of its values.
    type Item;
    /// The handle that an arm keeps.
    #[doc(hidden)]
    fn view(&self) -> RecvChan<Self::Item>;
}

/// Handles that send: [`Chan`] and [`SendChan`]. Sealed.
#[diagnostic::on_unimplemented(message = "`{Self}` is not a channel to send on")]
pub trait Sender: sealed::Sealed {
    /// The type of its values.
    type Item;
    /// The handle that an arm keeps.
    #[doc(hidden)]
    fn view(&self) -> SendChan<Self::Item>;
}

impl<T> Receiver for Chan<T> {
    type Item = T;
    fn view(&self) -> RecvChan<T> {
        self.into()
    }
}
impl<T> Receiver for RecvChan<T> {
    type Item = T;
    fn view(&self) -> RecvChan<T> {
        self.clone()
    }
}
impl<T> Sender for Chan<T> {
    type Item = T;
    fn view(&self) -> SendChan<T> {
        self.into()
    }
}
impl<T> Sender for SendChan<T> {
    type Item = T;
    fn view(&self) -> SendChan<T> {
        self.clone()
    }
}

mod sealed {
    pub trait Sealed {}
    impl<T> Sealed for super::Chan<T> {}
    impl<T> Sealed for super::SendChan<T> {}
    impl<T> Sealed for super::RecvChan<T> {}
}
