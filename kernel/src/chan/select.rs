//! Waiting for one of several channel operations. Go: `select.go`, `selectgo`.
//!
//! 1. Look at the cases in random order ([`order`]), with all channels locked: the first that can
//!    proceed does. All of them are locked at once, so that a `default` is taken only if there was a
//!    moment at which nothing was ready.
//! 2. Else leave a sudog on every channel and park; the locks open once the goroutine is off its
//!    stack, as for any other wait.
//! 3. Whoever won the goroutine ([`crate::queue::select_done`]) has named the sudog by which it did;
//!    the others are taken off their queues, each under its channel's lock.
//!
//! Locks are taken in order of their addresses, each once however many cases are on its channel.
//! Nothing here allocates: a case ([`Scase`]) holds its sudog, and lies in its caller's frame.
//!
//! Differs from Go: pass 3 takes one lock after the other. Nothing is left to choose then; all it
//! has to see to is that no sudog is left on a queue, and that no waker is in the middle of
//! dequeuing one.

pub mod case;
mod dynamic;
mod order;

pub use dynamic::{Receiver, Select, Selected, Sender};

use core::mem::MaybeUninit;
use core::ptr::{NonNull, null_mut};

use crate::g::{self, G};
use crate::panic::runtime_error;
use crate::sched::WaitReason;
use crate::sched::park::{gopark, gopark_forever, goready_pinned};
use crate::sync::{Pinned, pin};
use crate::time::timer::Timer;

use super::Mode;
use super::hchan::{Core, Locked, locked};
use super::waiter::{By, Outcome, Sudog, WaitQ, Waiter};
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
    /// The value to send, or room for the one to receive.
    elem: *mut (),
    /// On the channel's queue while the goroutine waits.
    sudog: MaybeUninit<Sudog>,
    /// Which of the caller's cases it is.
    index: u16,
    dir: Dir,
    /// How it ended, for the case that was chosen.
    outcome: Option<Outcome>,
}

impl Scase {
    #[inline(always)]
    fn new(c: Option<&Core>, dir: Dir) -> Self {
        let c = c.map_or(core::ptr::null(), |c| &raw const *c);
        let sudog = MaybeUninit::uninit();
        Self { c, elem: null_mut(), sudog, index: 0, dir, outcome: None }
    }

    /// Where it would wait.
    #[inline(always)]
    fn queue<'c>(&self, c: &'c Core) -> &'c WaitQ {
        match self.dir {
            Dir::Send => &c.sendq,
            Dir::Recv => &c.recvq,
        }
    }
}

/// A case that is chosen among, in its caller's frame.
pub(super) type Case = NonNull<Scase>;

/// Its channel.
///
/// # Safety
/// The case is valid and its channel is not nil.
#[inline(always)]
unsafe fn chan<'a>(case: Case) -> &'a Core {
    // SAFETY: valid, says the caller; who made it keeps the channel alive as long as it.
    unsafe { &*(*case.as_ptr()).c }
}

/// Whether a lone case with a `default` would find nothing; a guess without the lock, as in
/// `chanrecv` and `chansend`, and right at some moment during it. With more cases there may be no
/// such moment for all of them. Go: `selectnbrecv`, `selectnbsend`.
///
/// # Safety
/// The case is valid.
#[inline(always)]
unsafe fn lone_miss(case: Case) -> bool {
    // SAFETY: valid, says the caller.
    let scase = unsafe { case.as_ref() };
    // SAFETY: who made the case keeps its channel alive as long as it.
    let Some(c) = (unsafe { scase.c.as_ref() }) else { return true };
    match scase.dir {
        Dir::Recv => c.timer().is_none() && c.empty() && !c.is_closed(),
        Dir::Send => !c.is_closed() && c.full(),
    }
}

/// Performs one case and tells which; with [`Mode::Poll`] none if none is ready. Panics with
/// `send on closed channel`, with all values where they were. Go: `selectgo`.
///
/// `poll` and `lock` are room for an order of the cases each. On a goroutine's stack, no lock held.
///
/// # Safety
/// The cases are valid, different, nobody else uses them during the call, and the `elem` of each is
/// what its direction says, of its channel's type.
pub(super) unsafe fn selectgo(
    cases: &[Case],
    poll: &mut [Case],
    lock: &mut [Case],
    mode: Mode,
) -> Option<usize> {
    let pinned = pin();
    // SAFETY: as the caller says; this M holds its P.
    let orders = unsafe { Orders::new(cases, poll, lock, pinned.core().own_p()) };
    if orders.is_empty() {
        drop(pinned);
        match mode {
            Mode::Poll => return None,
            Mode::Block => gopark_forever(WaitReason::Select),
        }
    }
    if orders.timed {
        // SAFETY: the caller's cases.
        unsafe { timers(&orders, Timer::poll) };
    }
    sellock(&orders, &pinned);
    // Pass 1.
    for &case in orders.poll {
        // SAFETY: the caller's case, whose channel is locked.
        if let Some(found) = unsafe { look(case) } {
            // SAFETY: locked, under this pin.
            unsafe { unlock_all(orders.lock) };
            // SAFETY: as above; what was found is this case's to finish.
            return Some(unsafe { finish(case, found, pinned) });
        }
    }
    if mode == Mode::Poll {
        selunlock(&orders, pinned);
        return None;
    }
    // SAFETY: the caller's cases, whose channels are locked.
    let case = unsafe { wait(&orders, pinned) };
    // SAFETY: the caller's case.
    let case = unsafe { case.as_ref() };
    if case.dir == Dir::Send && case.outcome == Some(Outcome::Closed) {
        runtime_error("send on closed channel");
    }
    Some(usize::from(case.index))
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
#[inline(always)]
unsafe fn look(case: Case) -> Option<Found> {
    // SAFETY: in an order, so that it is valid and not nil.
    let c = unsafe { chan(case) };
    // SAFETY: locked, says the caller.
    let locked = unsafe { c.locked() };
    // SAFETY: valid, says the caller.
    let case = unsafe { case.as_ref() };
    match case.dir {
        Dir::Recv => look_recv(c, case.elem, locked),
        Dir::Send => look_send(c, case.elem, locked),
    }
}

#[inline(always)]
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

#[inline(always)]
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

/// Does the rest of what was found, without locks; the case's number.
///
/// # Safety
/// The case is valid, its `elem` is what it should be, and `found` was found for it.
unsafe fn finish(mut case: Case, found: Found, pinned: Pinned) -> usize {
    // SAFETY: in an order, so that it is valid and not nil.
    let c = unsafe { chan(case) };
    // SAFETY: the caller's own.
    let case = unsafe { case.as_mut() };
    case.outcome = Some(Outcome::Moved);
    match found {
        Found::Moved => {}
        Found::Served(waiter) => goready_pinned(waiter.finish(Outcome::Moved), pinned),
        Found::Partner(waiter) => {
            let size = c.ring.elem_size();
            match case.dir {
                // SAFETY: a sender off the queue, parked until it is readied; `elem` is room.
                Dir::Recv => unsafe { waiter.take_to(case.elem, size) },
                // SAFETY: a receiver off the queue, parked until it is readied; `elem` moves.
                Dir::Send => unsafe { waiter.give_from(case.elem, size) },
            }
            goready_pinned(waiter.finish(Outcome::Moved), pinned);
        }
        Found::Closed => {
            drop(pinned);
            case.outcome = Some(Outcome::Closed);
            if case.dir == Dir::Send {
                runtime_error("send on closed channel");
            }
        }
    }
    usize::from(case.index)
}

/// Passes 2 and 3: waits until somebody performs one of the cases or closes its channel, and tells
/// which.
///
/// # Safety
/// The cases are valid and all their channels locked, under this pin.
#[inline(always)]
unsafe fn wait(orders: &Orders<'_>, pinned: Pinned) -> Case {
    let g = pinned.g();
    g.set_param(null_mut());
    for &(mut case) in orders.lock {
        // SAFETY: in an order, so that it is valid and not nil.
        let c = unsafe { chan(case) };
        // SAFETY: the caller's own.
        let case = unsafe { case.as_mut() };
        let sudog = NonNull::from(case.sudog.write(Sudog::new(g, case.elem, By::Select)));
        // SAFETY: locked, says the caller.
        let locked = unsafe { c.locked() };
        // SAFETY: it lies in its case, which stays where it is until pass 3 took it off.
        unsafe { case.queue(c).enqueue(locked, sudog) };
    }
    if orders.timed {
        // SAFETY: the caller's cases.
        unsafe { timers(orders, Timer::block) };
    }
    // The one pin goes over to g0 with the locks; `selparkcommit` ends it.
    core::mem::forget(pinned);
    let arg = (&raw const *orders).cast_mut().cast();
    // SAFETY: made for these orders, which stay until the goroutine is readied.
    unsafe { gopark(Some((selparkcommit, arg)), WaitReason::Select) };

    if orders.timed {
        // SAFETY: as above.
        unsafe { timers(orders, Timer::unblock) };
    }
    let won: *mut Sudog = g.param().cast();
    let mut chosen = None;
    for &(mut case) in orders.lock {
        // SAFETY: as above.
        let c = unsafe { chan(case) };
        let this = case;
        // SAFETY: the caller's own.
        let case = unsafe { case.as_mut() };
        let sudog = NonNull::from(&mut case.sudog).cast::<Sudog>();
        if sudog.as_ptr() == won {
            // SAFETY: written in pass 2; its winner is through with it.
            let success = unsafe { sudog.as_ref() }.success();
            case.outcome = Some(if success { Outcome::Moved } else { Outcome::Closed });
            chosen = Some(this);
            continue;
        }
        let held = c.lock();
        // SAFETY: enqueued there in pass 2.
        unsafe { case.queue(c).remove(locked(&held), sudog) };
    }
    // No sudog of ours is on a queue, and whoever dequeued one has tried to win before.
    g.select_done().reset();
    match chosen {
        Some(case) => case,
        None => crate::panic::throw("selectgo: bad wakeup"),
    }
}

/// Tells the timers of those channels that have one.
///
/// # Safety
/// The cases are valid.
#[cold]
unsafe fn timers(orders: &Orders<'_>, tell: fn(&Timer)) {
    for &case in orders.lock {
        // SAFETY: in an order, so that it is valid and not nil.
        unsafe { chan(case) }.timer().into_iter().for_each(tell);
    }
}

/// Locks every channel once, lowest address first.
#[inline(always)]
fn sellock(orders: &Orders<'_>, pinned: &Pinned) {
    let mut last = core::ptr::null();
    for case in orders.lock {
        // SAFETY: in an order, so that it is valid and not nil.
        let c = unsafe { chan(*case) };
        if !core::ptr::eq(c, last) {
            last = c;
            c.lock_among(pinned);
        }
    }
}

/// Unlocks every channel, and only then allows preemption again.
#[inline(always)]
fn selunlock(orders: &Orders<'_>, pinned: Pinned) {
    // SAFETY: `sellock` locked them, under this pin.
    unsafe { unlock_all(orders.lock) };
    drop(pinned);
}

/// Highest address first. Once the last lock is open, nothing of the cases, the order or the
/// goroutine's stack is touched: who was woken may be through with them. Not earlier, because it
/// was won under that lock, or takes it to leave its queue.
///
/// # Safety
/// `sellock` locked them for this order, which is not empty, and preemption is held off.
#[inline(always)]
unsafe fn unlock_all(order: *const [Case]) {
    let (first, mut left) = (order.cast::<Case>(), order.len() - 1);
    // SAFETY: valid as long as one of the locks is held; `at` is in the order.
    let channel = |at: usize| unsafe { (*(*first.add(at)).as_ptr()).c };
    let mut c = channel(left);
    while left > 0 {
        left -= 1;
        let next = channel(left);
        if next != c {
            // SAFETY: locked once for all cases on this channel, of which this is the last; alive,
            // because its goroutine gets on only with the locks that follow.
            unsafe { (*c).unlock_among() };
        }
        c = next;
    }
    // SAFETY: as above; the last one.
    unsafe { (*c).unlock_among() };
}

/// Opens the locks when the goroutine is off its stack. On g0. Go: `selparkcommit`.
unsafe fn selparkcommit(_: &'static G, orders: *mut ()) -> bool {
    // SAFETY: `wait` passed its orders, which are there until the locks are open.
    let order: *const [Case] = unsafe { &*orders.cast::<Orders<'_>>() }.lock;
    // SAFETY: with the orders came the locks.
    unsafe { unlock_all(order) };
    // A g0 holds off preemption anyway, so that none is due here.
    let _ = g::current().lower();
    true
}

/// `select! {}`. Go: `block`.
pub fn forever() -> ! {
    gopark_forever(WaitReason::SelectNoCases)
}
