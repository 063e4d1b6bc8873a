//! One timer: [`Timer`], its state and its life. Go: `timer`.
//!
//! A timer is in the heap of the P where it was started, or in none. Changing one that is in a heap
//! does not touch the heap: it only marks the timer as modified, or as a zombie if it was stopped,
//! and the heap follows when it next matters ([`super::timers`]). So `stop` and `reset` take one
//! lock, of the timer alone, whatever core the heap belongs to.
//!
//! | state bits | in a heap? | `when` |
//! | --- | --- | --- |
//! | none | no | anything |
//! | `HEAPED` | yes, at `when` | a time |
//! | `HEAPED`, `MODIFIED` | yes, at an older time | a time |
//! | `HEAPED`, `MODIFIED`, `ZOMBIE` | yes, to be removed | any; a channel's timer may keep its own |
//!
//! A timer of a channel is in a heap only while a goroutine is blocked on the channel. Otherwise
//! nobody would notice that it fires: who looks at the channel looks at the clock first. So a timer
//! that was forgotten costs nothing, and its memory goes when its handles do.
//!
//! Lock order: send lock, channel, heap, timer.

use core::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use super::timers::{HeapGuard, Timers};
use super::{NEVER, nanotime};
use crate::g::Kind;
use crate::p::{P, allp};
use crate::sync::lock::SpinGuard;
use crate::sync::{Pinned, Rank, SpinLock, pin};

/// In a heap. Go: `timerHeaped`.
pub(super) const HEAPED: u8 = 1;
/// The heap's time for it is not `when`. Go: `timerModified`.
pub(super) const MODIFIED: u8 = 2;
/// To be removed from the heap. Go: `timerZombie`.
pub(super) const ZOMBIE: u8 = 4;

/// What a timer does, and how its memory is kept. Each function gets the timer's owner.
pub struct Class {
    /// Fires; says whether that made a goroutine runnable. For one-shot timers nothing of the timer
    /// is touched afterwards but by `release`. Go: `f`.
    pub fire: unsafe fn(owner: *const (), when: u64) -> bool,
    /// The heap knows the timer from now on: its memory has to stay.
    pub retain: unsafe fn(owner: *const ()),
    /// The heap has forgotten it.
    pub release: unsafe fn(owner: *const ()),
    /// For a channel's timer: takes back a value that nobody has received. Go: `timerchandrain`.
    pub drain: Option<unsafe fn(owner: *const ()) -> bool>,
}

/// When a core's one-shot timer has to know of a new deadline.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Arm {
    /// At once: the goroutine runs on.
    Now,
    /// Before another goroutine runs here: this one is about to park, and an idle core looks by
    /// itself.
    AtSwitch,
}

/// See the module's text. Go: `timer`.
pub struct Timer {
    /// The state bits, for looking without the lock. Go: `astate`.
    astate: AtomicU8,
    /// Goes up with every change of a channel's timer, under both its locks. Go: `seq`.
    seq: AtomicU32,
    /// A value is on its way into the channel. Go: `isSending`.
    sending: AtomicU32,
    state: SpinLock<State>,
    /// Held while the channel gets its value. Go: `sendLock`.
    send: SpinLock<()>,
    /// Of the runtime's: it keeps no program alive. Fixed before the timer is started.
    service: bool,
    class: &'static Class,
    owner: *const (),
}

/// What the timer's lock protects.
pub(super) struct State {
    pub(super) bits: u8,
    /// Goroutines that wait on the channel. Go: `blocked`.
    blocked: u32,
    /// When it fires; [`NEVER`]: not at all.
    pub(super) when: u64,
    /// Every so often; 0: once.
    period: u64,
    /// The heap that it is in. Go: `ts`.
    pub(super) ts: Option<&'static Timers>,
}

pub(super) type StateGuard<'a> = SpinGuard<'a, State>;

// SAFETY: the owner pointer is only passed on to the class's functions, which are made for it.
unsafe impl Sync for Timer {}
// SAFETY: as above.
unsafe impl Send for Timer {}

impl Timer {
    /// A timer that fires at `when`, and then every `period` if that is not 0, once it is started.
    /// `owner` is what the class's functions get.
    pub const fn new(class: &'static Class, owner: *const (), when: u64, period: u64) -> Self {
        let state = State { bits: 0, blocked: 0, when, period, ts: None };
        Self {
            astate: AtomicU8::new(0),
            seq: AtomicU32::new(0),
            sending: AtomicU32::new(0),
            state: SpinLock::new(Rank::Timer, state),
            send: SpinLock::new(Rank::TimerSend, ()),
            service: false,
            class,
            owner,
        }
    }

    /// The timer is the runtime's if that kind of goroutine makes it: a program that waits for
    /// nothing else is dead. Before anybody else knows it.
    pub fn made_by(mut self, kind: Kind) -> Self {
        self.service = kind == Kind::System;
        self
    }

    /// Whether it is the runtime's.
    pub(super) fn is_service(&self) -> bool {
        self.service
    }

    /// For an owner that contains its timer. Before anybody else knows it.
    pub fn set_owner(&mut self, owner: *const ()) {
        self.owner = owner;
    }

    fn is_chan(&self) -> bool {
        self.class.drain.is_some()
    }

    /// The bits, without the lock.
    pub(super) fn astate(&self) -> u8 {
        // Acquire: pairs with `publish`; see `queue::wake`.
        self.astate.load(Ordering::Acquire)
    }

    pub(super) fn lock(&self) -> StateGuard<'_> {
        self.state.lock()
    }

    /// The lock is about to open, or somebody is to see the bits.
    pub(super) fn publish(&self, state: &State) {
        // Release: pairs with `astate`.
        self.astate.store(state.bits, Ordering::Release);
    }

    /// The heap has forgotten it.
    ///
    /// # Safety
    /// Once for each time that it was put in a heap; the timer may be gone afterwards.
    pub(super) unsafe fn release(this: *const Timer) {
        // SAFETY: alive until its class is told.
        let (class, owner) = unsafe { ((*this).class, (*this).owner) };
        // SAFETY: the class's own owner.
        unsafe { (class.release)(owner) };
    }

    /// Puts a new timer in this P's heap, without asking anybody: nobody else knows it, it has
    /// a time and no channel, and its class counts the heap in already.
    ///
    /// No lock held.
    ///
    /// # Safety
    /// As said; it stays where it is until its class is told to release it.
    pub unsafe fn start_new(this: *mut Timer, arm: Arm) {
        let pinned = pin();
        let ts = &heap_p(&pinned).timers;
        let when = {
            // SAFETY: the caller's alone until it is in the heap.
            let timer = unsafe { &mut *this };
            debug_assert!(timer.class.drain.is_none());
            *timer.astate.get_mut() = HEAPED;
            let state = timer.state.get_mut();
            debug_assert!(state.when != NEVER);
            state.bits = HEAPED;
            state.ts = Some(ts);
            state.when
        };
        let mut heap = ts.lock();
        let dead = ts.clean_last(&mut heap);
        let earliest = when < ts.wake_time();
        // SAFETY: the caller's, not null; from here on the heap's too.
        ts.add(&mut heap, when, unsafe { &*this });
        drop(heap);
        if let Some(dead) = dead {
            // SAFETY: it came off the heap.
            unsafe { Self::release(dead) };
        }
        if earliest {
            ts.first_changed(&pinned, when, arm);
        }
    }

    /// Puts it in this P's heap if it belongs there. Go: `maybeAdd`.
    ///
    /// With or without the channel's lock, no other.
    pub fn start(&self, arm: Arm) {
        let pinned = pin();
        let p = heap_p(&pinned);
        let mut heap = p.timers.lock();
        let dead = p.timers.clean_last(&mut heap);
        let mut state = self.lock();
        let mut earliest = false;
        if self.needs_add(&state) {
            earliest = state.when < p.timers.wake_time();
            state.bits |= HEAPED;
            state.ts = Some(&p.timers);
            self.publish(&state);
            // SAFETY: the class's own owner.
            unsafe { (self.class.retain)(self.owner) };
            p.timers.add(&mut heap, state.when, self);
        }
        let when = state.when;
        drop(state);
        drop(heap);
        if let Some(dead) = dead {
            // SAFETY: it came off the heap.
            unsafe { Self::release(dead) };
        }
        if earliest {
            p.timers.first_changed(&pinned, when, arm);
        }
    }

    /// Go: `needsAdd`.
    fn needs_add(&self, state: &State) -> bool {
        state.bits & HEAPED == 0 && state.when != NEVER && (!self.is_chan() || state.blocked > 0)
    }

    /// Cancels. Whether it was still to fire, a value that nobody has received included.
    /// Go: `stop`.
    pub fn stop(&self) -> bool {
        self.change(NEVER, None)
    }

    /// Gives it another time, and every `period` from then on if that is not 0; whether it was
    /// still to fire, as [`stop`](Self::stop) says it. Go: `modify`, `reset`.
    pub fn reset(&self, when: u64, period: u64) -> bool {
        debug_assert!(when != NEVER);
        self.change(when, Some(period))
    }

    fn change(&self, when: u64, period: Option<u64>) -> bool {
        let pinned = pin();
        let send = self.is_chan().then(|| self.send.lock());
        let mut state = self.lock();
        let mut pending = state.when != NEVER;
        state.when = when;
        if let Some(period) = period {
            state.period = period;
        }
        let mut earlier = None;
        if state.bits & HEAPED != 0 {
            earlier = self.change_in_heap(&mut state);
        }
        let add = self.needs_add(&state);
        if send.is_some() {
            self.seq.fetch_add(1, Ordering::Relaxed);
            // A value on its way will not get there, because of the new number.
            pending |= self.sending.load(Ordering::Relaxed) > 0;
        }
        drop(state);
        if let Some(drain) = self.class.drain {
            // SAFETY: the class's own owner.
            pending |= unsafe { drain(self.owner) };
        }
        drop(send);
        if add {
            self.start(Arm::Now);
        }
        if let Some(ts) = earlier {
            ts.first_changed(&pinned, when, Arm::Now);
        }
        pending
    }

    /// The heap follows later; its owner is told if that may be too late.
    fn change_in_heap(&self, state: &mut State) -> Option<&'static Timers> {
        let ts = state.ts?;
        state.bits |= MODIFIED;
        if state.when == NEVER {
            self.bury(state, ts);
            return None;
        }
        if state.bits & ZOMBIE != 0 && (!self.is_chan() || state.blocked > 0) {
            state.bits &= !ZOMBIE;
            ts.zombie_revived(self.service);
        }
        // Before the time: whoever clears that looks at the bits afterwards.
        self.publish(state);
        (state.bits & ZOMBIE == 0 && ts.modified(state.when)).then_some(ts)
    }

    /// It is to leave the heap.
    fn bury(&self, state: &mut State, ts: &'static Timers) {
        if state.bits & ZOMBIE == 0 {
            state.bits |= ZOMBIE | MODIFIED;
            ts.zombie_added(self.service);
        }
        self.publish(state);
    }

    /// A goroutine is about to wait on the channel. Under the channel's lock. Go: `blockTimerChan`.
    pub fn block(&self) {
        let pinned = pin();
        let mut state = self.lock();
        state.blocked += 1;
        let mut earlier = None;
        if state.bits & ZOMBIE != 0 && state.when != NEVER {
            earlier = self.change_in_heap(&mut state);
        }
        let (add, when) = (self.needs_add(&state), state.when);
        drop(state);
        if add {
            self.start(Arm::AtSwitch);
        }
        if let Some(ts) = earlier {
            ts.first_changed(&pinned, when, Arm::AtSwitch);
        }
    }

    /// It waits no more. Under the channel's lock. Go: `unblockTimerChan`.
    pub fn unblock(&self) {
        let mut state = self.lock();
        state.blocked -= 1;
        if state.blocked == 0
            && let Some(ts) = state.ts
        {
            self.bury(&mut state, ts);
        }
    }

    /// Somebody looks at the channel: if the timer is in no heap and its time has come, it fires
    /// now. No lock held. Go: `maybeRunChan`.
    pub fn poll(&self) {
        // The heap's core keeps the time, unless the heap is about to forget the timer.
        let kept = |bits| bits & HEAPED != 0 && bits & ZOMBIE == 0;
        if kept(self.astate()) {
            return;
        }
        let state = self.lock();
        if kept(state.bits) || state.when == NEVER {
            return;
        }
        let now = nanotime();
        if state.when > now {
            return;
        }
        self.fire(state, None, now);
    }

    /// Fires, and says whether that made a goroutine runnable. All locks are open afterwards.
    /// Go: `unlockAndRun`.
    ///
    /// With the heap's lock if it is the first in its heap, else in none.
    pub(super) fn fire(
        &self,
        mut state: StateGuard<'_>,
        heap: Option<HeapGuard<'_>>,
        now: u64,
    ) -> bool {
        let (class, owner, when) = (self.class, self.owner, state.when);
        let periodic = state.period > 0;
        state.when = match periodic {
            true => next(when, state.period, now),
            false => NEVER,
        };
        let seq = self.seq.load(Ordering::Relaxed);
        let in_heap = match (heap, state.ts) {
            (Some(mut heap), Some(ts)) => {
                if periodic {
                    ts.move_first(&mut heap, state.when);
                    // It stays in the heap, which may forget it while it fires.
                    // SAFETY: the class's own owner.
                    unsafe { (class.retain)(owner) };
                } else {
                    state.bits = 0;
                    state.ts = None;
                    self.publish(&state);
                    ts.pop_first(&mut heap);
                    ts.service_gone(self.service);
                }
                true
            }
            _ => false,
        };
        let chan = self.is_chan();
        if chan && !periodic {
            // `stop` and `reset` learn that a value is on its way.
            self.sending.fetch_add(1, Ordering::Relaxed);
        }
        // The heap's lock was opened above.
        drop(state);
        crate::sched::sched_point();
        if !chan {
            // SAFETY: the class's own owner.
            let readied = unsafe { (class.fire)(owner, when) };
            if in_heap {
                // SAFETY: what the heap knew, or was retained above.
                unsafe { (class.release)(owner) };
            }
            return readied;
        }
        // It may have been stopped or reset in the meantime, which must keep the value from getting
        // into the channel: they change the number under this lock.
        let send = self.send.lock();
        if !periodic {
            self.sending.fetch_sub(1, Ordering::Relaxed);
        }
        // SAFETY: the class's own owner.
        let readied =
            self.seq.load(Ordering::Relaxed) == seq && unsafe { (class.fire)(owner, when) };
        drop(send);
        if in_heap {
            // SAFETY: as above.
            unsafe { (class.release)(owner) };
        }
        readied
    }
}

/// The first time after now at which a periodic timer is due.
fn next(when: u64, period: u64, now: u64) -> u64 {
    let missed = now.saturating_sub(when) / period;
    when.saturating_add(period.saturating_mul(missed.saturating_add(1))).min(NEVER - 1)
}

/// Whose heap gets a timer that is started here: this M's P's; in a call that keeps the M, that of
/// a P that is always in use.
fn heap_p(pinned: &Pinned) -> &'static P {
    pinned.m().try_p().unwrap_or_else(|| allp(0))
}
