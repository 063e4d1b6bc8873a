//! The timers of a P: [`Timers`], a heap that follows its timers lazily. Go: `timers`.
//!
//! Timers that are stopped or reset are only marked. The heap takes the marks to heart where it
//! matters: for its first entry always, for the last one when another is added, and for all of them
//! when a modified one may be the earliest or too many are zombies.
//!
//! What others may ask without the lock: how many timers there are, and when the first is due
//! ([`Timers::wake_time`]), which is never too late, sometimes too early.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicI32, AtomicU8, AtomicU32, Ordering};

use super::NEVER;
use super::timer::{Arm, HEAPED, MODIFIED, Timer, ZOMBIE};
use crate::queue::timerq::{TimerHeap, Update};
use crate::queue::wake::WakeTime;
use crate::sync::lock::SpinGuard;
use crate::sync::{Pinned, Rank, SpinLock};

/// A timer of this P is due: set by the core's timer interrupt or by the idle core.
pub const DUE: u8 = 1;
/// Before the next goroutine runs, the core's one-shot timer has to be looked at.
pub const ARM: u8 = 2;
/// This P's M runs timers: what they ready is this M's to run, so that nobody is woken for it.
pub const RUNNING: u8 = 4;
/// Somebody would have been woken.
pub const OWED: u8 = 8;
/// The goroutine before had its slice: those in the queue come before what is due.
pub const SKIP: u8 = 16;

/// See the module's text. One in each P.
pub struct Timers {
    heap: SpinLock<TimerHeap<NonNull<Timer>>>,
    /// Entries in the heap. Go: `len`.
    len: AtomicU32,
    /// Zombies among them. Go: `zombies`.
    zombies: AtomicI32,
    /// The runtime's own among those that are no zombies: see [`Timer::made_by`].
    services: AtomicI32,
    /// When the first may be due.
    wake: WakeTime,
    /// What the P's core has to do: see the constants.
    flags: AtomicU8,
    /// Whose they are.
    p: usize,
}

pub(super) type HeapGuard<'a> = SpinGuard<'a, TimerHeap<NonNull<Timer>>>;

// SAFETY: the heap holds pointers to timers that are kept alive by their class until released, and
// whose state is under their own lock.
unsafe impl Sync for Timers {}

impl Timers {
    /// No timers, of that P.
    pub fn new(p: usize) -> Self {
        Self {
            heap: SpinLock::new(Rank::Timers, TimerHeap::new()),
            len: AtomicU32::new(0),
            zombies: AtomicI32::new(0),
            services: AtomicI32::new(0),
            wake: WakeTime::new(),
            flags: AtomicU8::new(0),
            p,
        }
    }

    /// What there is to do.
    #[inline(always)]
    pub fn flags(&self) -> u8 {
        self.flags.load(Ordering::Relaxed)
    }

    /// Sets flags. Relaxed, because they are of one core: its handlers and the P's holder.
    pub fn raise(&self, flags: u8) {
        self.flags.fetch_or(flags, Ordering::Relaxed);
    }

    /// Clears flags; which of them were set.
    pub fn take(&self, flags: u8) -> u8 {
        self.flags.fetch_and(!flags, Ordering::Relaxed) & flags
    }

    /// When a timer here may be due; [`NEVER`] if none is waited for. Go: `wakeTime`.
    #[inline(always)]
    pub fn wake_time(&self) -> u64 {
        self.wake.get()
    }

    /// Timers that will fire, as far as anybody knows.
    pub fn live(&self) -> usize {
        let zombies = self.zombies.load(Ordering::Relaxed).max(0) as usize;
        (self.len.load(Ordering::Relaxed) as usize).saturating_sub(zombies)
    }

    /// Those of them that the program waits for: not the runtime's own.
    pub fn live_for_program(&self) -> usize {
        let services = self.services.load(Ordering::Relaxed).max(0) as usize;
        self.live().saturating_sub(services)
    }

    /// Entries in the heap, those that will be removed included.
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed) as usize
    }

    /// Whether the heap is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether more than a quarter of the heap is dead.
    pub fn wants_cleaning(&self) -> bool {
        let zombies = self.zombies.load(Ordering::Relaxed);
        zombies > 0 && zombies as u32 > self.len.load(Ordering::Relaxed) / 4
    }

    pub(super) fn lock(&self) -> HeapGuard<'_> {
        self.heap.lock()
    }

    /// The earliest deadline has become `when`: this core's one-shot timer is set, or the core of
    /// this P is told. Go: `wakeNetPoller`.
    pub(super) fn first_changed(&self, pinned: &Pinned, when: u64, arm: Arm) {
        if pinned.core().index != self.p {
            burrow_arch::ipi::send(self.p);
        } else if arm == Arm::Now {
            super::deadline::arm(pinned.core(), when);
        } else {
            self.raise(ARM);
        }
    }

    /// A timer in the heap was given another time; whether that is the earliest. Its bits have
    /// been published. Go: `updateMinWhenModified`.
    pub(super) fn modified(&self, when: u64) -> bool {
        self.wake.lower(when)
    }

    pub(super) fn zombie_added(&self, service: bool) {
        self.zombies.fetch_add(1, Ordering::Relaxed);
        self.service_gone(service);
    }

    pub(super) fn zombie_revived(&self, service: bool) {
        self.zombies.fetch_sub(1, Ordering::Relaxed);
        self.service_added(service);
    }

    fn service_added(&self, service: bool) {
        if service {
            self.services.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// One of the heap's timers, no zombie, leaves it or becomes one.
    pub(super) fn service_gone(&self, service: bool) {
        if service {
            self.services.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn changed(&self, heap: &HeapGuard<'_>) {
        self.len.store(heap.len() as u32, Ordering::Relaxed);
        let first = heap.first().map_or(NEVER, |entry| entry.when);
        self.wake.set_heap(first);
    }

    /// Go: `addHeap`.
    pub(super) fn add(&self, heap: &mut HeapGuard<'_>, when: u64, timer: &Timer) {
        heap.push(when, NonNull::from(timer));
        self.service_added(timer.is_service());
        self.changed(heap);
    }

    pub(super) fn pop_first(&self, heap: &mut HeapGuard<'_>) {
        heap.pop_first();
        self.changed(heap);
    }

    pub(super) fn move_first(&self, heap: &mut HeapGuard<'_>, when: u64) {
        heap.move_first(when);
        self.changed(heap);
    }

    /// Takes one zombie from the end of the heap, where a timer that was started last and stopped
    /// most often is; to be released when the locks are open. Go: `cleanHead`.
    pub(super) fn clean_last(&self, heap: &mut HeapGuard<'_>) -> Option<*const Timer> {
        let last = heap.last()?.item;
        // SAFETY: timers in the heap are kept alive.
        let timer = unsafe { last.as_ref() };
        if timer.astate() & ZOMBIE == 0 {
            return None;
        }
        let mut state = timer.lock();
        if state.bits & ZOMBIE == 0 {
            return None;
        }
        state.bits = 0;
        state.ts = None;
        timer.publish(&state);
        drop(state);
        self.zombies.fetch_sub(1, Ordering::Relaxed);
        heap.pop_last();
        self.changed(heap);
        Some(last.as_ptr())
    }

    /// Makes the heap follow all marks, if a modified timer is due. Go: `adjust`.
    fn adjust(&self, heap: &mut HeapGuard<'_>, now: u64) {
        if self.wake.is_modified_by(now) {
            self.follow(heap);
        }
    }

    /// Makes the heap follow all marks.
    fn follow(&self, heap: &mut HeapGuard<'_>) {
        self.wake.take();
        let mut dead = 0;
        heap.update_all(|item| {
            // SAFETY: timers in the heap are kept alive.
            let timer = unsafe { item.as_ref() };
            if timer.astate() & (MODIFIED | ZOMBIE) == 0 {
                return Update::Same;
            }
            let mut state = timer.lock();
            debug_assert!(state.bits & HEAPED != 0, "a timer in the heap knows it");
            if state.bits & ZOMBIE == 0 {
                state.bits = HEAPED;
                timer.publish(&state);
                return Update::At(state.when);
            }
            state.bits = 0;
            state.ts = None;
            timer.publish(&state);
            drop(state);
            dead += 1;
            // SAFETY: it leaves the heap. Only memory is given back here: what programs put in a
            // timer is dropped by goroutines (`func`).
            unsafe { Timer::release(timer) };
            Update::Remove
        });
        self.zombies.fetch_sub(dead, Ordering::Relaxed);
        self.changed(heap);
    }

    /// Removes zombies, if there are many.
    pub fn clean(&self) {
        if self.wants_cleaning() {
            self.follow(&mut self.lock());
        }
    }

    /// Removes all zombies and gives back the room of entries that left, so that what is here can be
    /// counted. No lock held.
    pub fn settle(&self) {
        let mut heap = self.lock();
        if self.zombies.load(Ordering::Relaxed) > 0 {
            self.follow(&mut heap);
        }
        heap.shrink_to_fit();
    }

    /// Takes over all timers of a P that is out of use. Goroutines stand still; threads without a P
    /// may still stop or reset a timer. Go: `take`.
    pub fn take_over(&'static self, from: &'static Timers) {
        from.settle();
        let entries = {
            let mut heap = from.lock();
            let entries = core::mem::take(&mut *heap);
            from.wake.take();
            from.changed(&heap);
            entries
        };
        let mut heap = self.lock();
        entries.for_each(|entry| {
            // SAFETY: what was in a heap is kept alive, by this one from now on.
            let timer = unsafe { entry.item.as_ref() };
            let mut state = timer.lock();
            state.ts = Some(self);
            // Whoever changed it since `settle` told the old heap.
            if state.bits & ZOMBIE != 0 {
                from.zombies.fetch_sub(1, Ordering::Relaxed);
                self.zombies.fetch_add(1, Ordering::Relaxed);
            } else {
                from.service_gone(timer.is_service());
                self.service_added(timer.is_service());
                if state.bits & MODIFIED != 0 {
                    self.wake.lower(state.when);
                }
            }
            drop(state);
            heap.push(entry.when, entry.item);
        });
        self.changed(&heap);
    }

    /// Runs what is due, in order, until one has made a goroutine runnable; whether one has. What
    /// else is due comes after that goroutine: nobody who waits for a time queues behind others.
    /// Go: `check`, which runs all.
    ///
    /// On g0 with a P, not necessarily this one; no lock held.
    pub fn run_due(&self, now: u64) -> bool {
        loop {
            let mut heap = self.lock();
            self.adjust(&mut heap, now);
            let Some(first) = heap.first() else { return false };
            // SAFETY: timers in the heap are kept alive while its lock is held.
            let timer = unsafe { first.item.as_ref() };
            if first.when > now && timer.astate() & MODIFIED == 0 {
                return false;
            }
            let mut state = timer.lock();
            if state.bits & ZOMBIE != 0 {
                state.bits = 0;
                state.ts = None;
                timer.publish(&state);
                drop(state);
                self.zombies.fetch_sub(1, Ordering::Relaxed);
                self.pop_first(&mut heap);
                drop(heap);
                // SAFETY: it came off the heap.
                unsafe { Timer::release(first.item.as_ptr()) };
            } else if state.bits & MODIFIED != 0 {
                state.bits = HEAPED;
                timer.publish(&state);
                self.move_first(&mut heap, state.when);
            } else if timer.fire(state, Some(heap), now) {
                return true;
            }
        }
    }
}
