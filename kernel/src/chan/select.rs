//! Waiting for one of several channel operations. Go: `select.go`, `selectgo`.
//!
//! 1. Look at the cases in random order ([`order`]), with all channels locked: the first that can
//!    proceed does. All of them are locked at once, so that a `default` is taken only if there was a
//!    moment at which nothing was ready.
//! 2. Else leave a sudog on every channel and park; the locks open once the goroutine is off its
//!    stack, as for any other wait.
//! 3. Whoever won the goroutine ([`crate::queue::select_done`]) has named the sudog by which it did;
//!    the others are taken off their queues, under all the locks again.
//!
//! Locks are taken in order of their addresses, each once however many cases are on its channel.
//! Nothing here allocates: a case ([`Scase`]) holds its sudog, and lies in its caller's frame.

pub mod case;
mod dynamic;
mod order;

pub use dynamic::{Receiver, Select, Selected, Sender};

use core::mem::MaybeUninit;
use core::ptr::{NonNull, null_mut};

use crate::g::{self, G};
use crate::sched::WaitReason;
use crate::sched::park::{gopark, gopark_forever, goready};
use crate::sync::{Pinned, pin};

use super::Mode;
use super::hchan::{Core, Locked};
use super::waiter::{By, Outcome, Sudog, Waiter};
use order::Orders;

/// What a case does with its channel.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Dir {
    Send,
    Recv,
}

/// One case without the type of its values. Go: `scase`.
pub struct Scase {
    /// Null for the nil channel, which is never chosen.
    c: *const Core,
    dir: Dir,
    /// The value to send, or room for the one to receive.
    elem: *mut (),
    /// How it ended, for the case that was chosen.
    outcome: Option<Outcome>,
    /// On the channel's queue while the goroutine waits.
    sudog: MaybeUninit<Sudog>,
}

impl Scase {
    fn new(c: Option<&Core>, dir: Dir) -> Self {
        let c = c.map_or(core::ptr::null(), |c| &raw const *c);
        Self { c, dir, elem: null_mut(), outcome: None, sudog: MaybeUninit::uninit() }
    }

    /// Its channel; none for nil.
    fn chan(&self) -> Option<&Core> {
        // SAFETY: who made the case keeps the channel alive as long as it.
        unsafe { self.c.as_ref() }
    }
}

/// What is chosen among: the caller's, who keeps them where they are.
type Cases<'a> = &'a [NonNull<Scase>];

/// Performs one case and tells which; with [`Mode::Poll`] none if none is ready. Panics with
/// `send on closed channel`, with all values where they were. Go: `selectgo`.
///
/// `orders` is room for two orders of the cases. On a goroutine's stack, no lock held.
///
/// # Safety
/// The cases are valid, different, nobody else uses them during the call, and the `elem` of each is
/// what its direction says, of its channel's type.
pub(super) unsafe fn selectgo(
    cases: Cases<'_>,
    pollorder: &mut [u16],
    lockorder: &mut [u16],
    mode: Mode,
) -> Option<usize> {
    let pinned = pin();
    let orders = Orders::new(cases, pollorder, lockorder, pinned.p());
    if orders.is_empty() {
        drop(pinned);
        match mode {
            Mode::Poll => return None,
            Mode::Block => gopark_forever(WaitReason::Select),
        }
    }
    sellock(&orders, &pinned);
    // Pass 1.
    for index in orders.poll() {
        // SAFETY: the caller's case, whose channel is locked.
        if let Some(found) = unsafe { look(cases[index]) } {
            selunlock(&orders, pinned);
            // SAFETY: as above; what it found is this case's to finish.
            unsafe { finish(cases[index], found) };
            return Some(index);
        }
    }
    if mode == Mode::Poll {
        selunlock(&orders, pinned);
        return None;
    }
    // SAFETY: the caller's cases, whose channels are locked.
    let index = unsafe { wait(&orders, pinned) };
    // SAFETY: the caller's case.
    let case = unsafe { cases[index].as_ref() };
    if case.dir == Dir::Send && case.outcome == Some(Outcome::Closed) {
        panic!("send on closed channel");
    }
    Some(index)
}

/// A case that can proceed, as seen under its channel's lock.
enum Found {
    /// The value was moved from or to the ring.
    Moved,
    /// Somebody waits for its other half, and there is no ring between.
    Partner(Waiter),
    /// Somebody waits behind the ring, and was served from it or by it.
    Served(Waiter),
    /// The channel is closed, and drained for a receive.
    Closed,
}

/// Looks whether a case can proceed, in Go's order; what involves the ring is done at once.
///
/// # Safety
/// A valid case whose `elem` is what it should be, and whose channel is locked.
unsafe fn look(case: NonNull<Scase>) -> Option<Found> {
    // SAFETY: valid, says the caller.
    let case = unsafe { case.as_ref() };
    let c = case.chan()?;
    // SAFETY: locked, says the caller.
    let locked = unsafe { c.locked() };
    match case.dir {
        Dir::Recv => look_recv(c, case.elem, locked),
        Dir::Send => look_send(c, case.elem, locked),
    }
}

fn look_recv(c: &Core, elem: *mut (), locked: Locked<'_>) -> Option<Found> {
    if let Some(sender) = c.sendq.dequeue(locked) {
        if c.ring.cap() == 0 {
            return Some(Found::Partner(sender));
        }
        // SAFETY: locked; senders wait only while the ring is full; `elem` is room for a value.
        unsafe { c.ring.take_to(elem) };
        // SAFETY: locked; there is room for the one just taken, and the sender's value moves.
        unsafe { c.ring.put_from(sender.value()) };
        return Some(Found::Served(sender));
    }
    if c.ring.len() > 0 {
        // SAFETY: locked and not empty; `elem` is room for a value.
        unsafe { c.ring.take_to(elem) };
        return Some(Found::Moved);
    }
    c.is_closed().then_some(Found::Closed)
}

fn look_send(c: &Core, elem: *mut (), locked: Locked<'_>) -> Option<Found> {
    if c.is_closed() {
        return Some(Found::Closed);
    }
    if let Some(receiver) = c.recvq.dequeue(locked) {
        return Some(Found::Partner(receiver));
    }
    if c.ring.len() < c.ring.cap() {
        // SAFETY: locked, and there is room; `elem` holds a value, which moves.
        unsafe { c.ring.put_from(elem) };
        return Some(Found::Moved);
    }
    None
}

/// Does the rest of what was found, without locks.
///
/// # Safety
/// The case is valid, its `elem` is what it should be, and `found` was found for it.
unsafe fn finish(mut case: NonNull<Scase>, found: Found) {
    // SAFETY: the caller's own.
    let case = unsafe { case.as_mut() };
    case.outcome = Some(Outcome::Moved);
    match found {
        Found::Moved => {}
        Found::Served(waiter) => goready(waiter.finish(Outcome::Moved)),
        Found::Partner(waiter) => {
            let size = case.chan().map_or(0, |c| c.ring.elem_size());
            match case.dir {
                // SAFETY: a sender off the queue, parked until it is readied; `elem` is room.
                Dir::Recv => unsafe { waiter.take_to(case.elem, size) },
                // SAFETY: a receiver off the queue, parked until it is readied; `elem` moves.
                Dir::Send => unsafe { waiter.give_from(case.elem, size) },
            }
            goready(waiter.finish(Outcome::Moved));
        }
        Found::Closed => {
            case.outcome = Some(Outcome::Closed);
            if case.dir == Dir::Send {
                panic!("send on closed channel");
            }
        }
    }
}

/// Passes 2 and 3: waits until somebody performs one of the cases or closes its channel, and tells
/// which.
///
/// # Safety
/// The cases are valid and all their channels locked, under this pin.
unsafe fn wait(orders: &Orders<'_>, pinned: Pinned) -> usize {
    let g = pinned.g();
    g.set_param(null_mut());
    for index in orders.lock() {
        // SAFETY: the caller's own.
        let case = unsafe { orders.case(index).as_mut() };
        let sudog = NonNull::from(case.sudog.write(Sudog::new(g, case.elem, By::Select)));
        let Some(c) = case.chan() else { continue };
        let queue = match case.dir {
            Dir::Send => &c.sendq,
            Dir::Recv => &c.recvq,
        };
        // SAFETY: locked, says the caller.
        let locked = unsafe { c.locked() };
        // SAFETY: it lies in its case, which stays where it is until pass 3 took it off.
        unsafe { queue.enqueue(locked, sudog) };
    }
    // The one pin goes over to g0 with the locks; `selparkcommit` ends it.
    core::mem::forget(pinned);
    let arg = (&raw const *orders).cast_mut().cast();
    // SAFETY: made for these orders, which stay until the goroutine is readied.
    unsafe { gopark(Some((selparkcommit, arg)), WaitReason::Select) };

    let pinned = pin();
    sellock(orders, &pinned);
    g.select_done().reset();
    let won: *mut Sudog = g.param().cast();
    let mut chosen = None;
    for index in orders.lock() {
        // SAFETY: the caller's own.
        let case = unsafe { orders.case(index).as_mut() };
        let sudog = NonNull::from(&mut case.sudog).cast::<Sudog>();
        if sudog.as_ptr() == won {
            // SAFETY: written in pass 2; its winner is through with it.
            let success = unsafe { sudog.as_ref() }.success();
            case.outcome = Some(if success { Outcome::Moved } else { Outcome::Closed });
            chosen = Some(index);
            continue;
        }
        let Some(c) = case.chan() else { continue };
        let queue = match case.dir {
            Dir::Send => &c.sendq,
            Dir::Recv => &c.recvq,
        };
        // SAFETY: locked again, a moment ago.
        let locked = unsafe { c.locked() };
        // SAFETY: enqueued there in pass 2.
        unsafe { queue.remove(locked, sudog) };
    }
    selunlock(orders, pinned);
    match chosen {
        Some(index) => index,
        None => crate::panic::throw("selectgo: bad wakeup"),
    }
}

/// Locks every channel once, lowest address first.
fn sellock(orders: &Orders<'_>, pinned: &Pinned) {
    let mut last = core::ptr::null();
    for index in orders.lock() {
        // SAFETY: cases are valid while they are chosen among.
        let c = unsafe { orders.case(index).as_ref() }.c;
        if c != last {
            last = c;
            // SAFETY: as above, its channel too; nil ones are not in the order.
            unsafe { &*c }.lock_among(pinned);
        }
    }
}

/// Unlocks every channel, and only then allows preemption again.
fn selunlock(orders: &Orders<'_>, pinned: Pinned) {
    // SAFETY: `sellock` locked them, under this pin.
    unsafe { unlock_all(orders) };
    drop(pinned);
}

/// Highest address first. Once the last lock is open, nothing of the cases, the orders or the
/// goroutine's stack is touched: who waits for that lock to wake up may be through with them.
///
/// # Safety
/// `sellock` locked them for these orders, and preemption is held off.
unsafe fn unlock_all(orders: *const Orders<'_>) {
    // SAFETY: valid as long as one of the locks is held.
    let (mut left, order, cases) = unsafe { (*orders).raw() };
    let channel = |at: usize| {
        // SAFETY: as above; `at` is below the number of cases in the order.
        let case = unsafe { *cases.add(usize::from(*order.add(at))) };
        // SAFETY: as above.
        unsafe { (*case.as_ptr()).c }
    };
    let mut c = channel(left - 1);
    while left > 0 {
        left -= 1;
        let next = if left > 0 { channel(left - 1) } else { core::ptr::null() };
        if next != c {
            // SAFETY: locked once for all cases on this channel, of which this is the last; alive,
            // because its goroutine gets on only with all the locks.
            unsafe { (*c).unlock_among() };
        }
        c = next;
    }
}

/// Opens the locks when the goroutine is off its stack. On g0. Go: `selparkcommit`.
unsafe fn selparkcommit(_: &'static G, orders: *mut ()) -> bool {
    // SAFETY: `wait` passed its orders, with the locks.
    unsafe { unlock_all(orders.cast()) };
    // A g0 holds off preemption anyway, so that none is due here.
    let _ = g::current().lower();
    true
}

/// `select! {}`. Go: `block`.
pub fn forever() -> ! {
    gopark_forever(WaitReason::SelectNoCases)
}
