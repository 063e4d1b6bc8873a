//! The flight ring: each core's last events, always on.
//!
//! A core writes its own ring and nobody else's, from any context, handlers included, with plain
//! loads and stores: nothing waits. Rings are read when their cores stand still (fatal dump); a
//! reader at any other time may meet an unfinished entry, which its number gives away.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, compiler_fence};

/// Events that a ring keeps; a power of two.
pub const EVENTS: usize = 128;

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Event {
    /// A goroutine begins or goes on. Word: its P.
    Run = 1,
    /// It parked. Word: why.
    Park = 2,
    /// It was made ready. Word: the goroutine that was.
    Ready = 3,
    /// It was started. Word: the new one.
    Create = 4,
    /// It ended.
    Exit = 5,
    /// It yielded.
    Yield = 6,
    /// It was preempted. Word: the address.
    Preempt = 7,
    /// Work was stolen. Word: from which P.
    Steal = 8,
    /// The core has nothing to do.
    Idle = 9,
    /// Another core was woken. Word: which.
    Wake = 10,
    /// Kernel threads were switched. Word: the new M.
    Thread = 11,
    /// An interrupt. Word: its number.
    Interrupt = 12,
    /// A stack grew. Word: the address.
    Grow = 13,
    /// Out of the scheduler's care (system call, foreign code), and back.
    Syscall = 14,
    /// See [`Event::Syscall`].
    SyscallEnd = 15,
    /// The world stops. Word: who stops it.
    Stop = 16,
    /// A word of whoever looks for a bug.
    Mark = 17,
}

impl Event {
    const ALL: [Event; 17] = [
        Event::Run,
        Event::Park,
        Event::Ready,
        Event::Create,
        Event::Exit,
        Event::Yield,
        Event::Preempt,
        Event::Steal,
        Event::Idle,
        Event::Wake,
        Event::Thread,
        Event::Interrupt,
        Event::Grow,
        Event::Syscall,
        Event::SyscallEnd,
        Event::Stop,
        Event::Mark,
    ];

    fn from_word(word: u8) -> Option<Self> {
        Self::ALL.get(usize::from(word).checked_sub(1)?).copied()
    }

    /// Its word in a dump.
    pub fn text(self) -> &'static str {
        match self {
            Event::Run => "run",
            Event::Park => "park",
            Event::Ready => "ready",
            Event::Create => "create",
            Event::Exit => "exit",
            Event::Yield => "yield",
            Event::Preempt => "preempt",
            Event::Steal => "steal",
            Event::Idle => "idle",
            Event::Wake => "wake",
            Event::Thread => "thread",
            Event::Interrupt => "interrupt",
            Event::Grow => "grow",
            Event::Syscall => "syscall",
            Event::SyscallEnd => "syscall-end",
            Event::Stop => "stop",
            Event::Mark => "mark",
        }
    }
}

/// One entry of a ring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// `nanotime` at the core's last tick.
    pub time: u64,
    /// What.
    pub event: Event,
    /// The goroutine that ran, 0 for a g0.
    pub goid: u64,
    /// What the event says.
    pub word: u64,
}

/// A place in the ring. Words of their own: a reader on another core tears between them, never in
/// them.
struct Place {
    time: AtomicU64,
    /// Low 8 bits the event, above them the entry's number, to notice unfinished ones.
    tag: AtomicU64,
    goid: AtomicU64,
    word: AtomicU64,
}

impl Place {
    const fn empty() -> Self {
        Self {
            time: AtomicU64::new(0),
            tag: AtomicU64::new(0),
            goid: AtomicU64::new(0),
            word: AtomicU64::new(0),
        }
    }
}

/// One core's last [`EVENTS`] events.
pub struct Ring {
    /// Events written ever, modulo 2³².
    next: AtomicU32,
    /// See [`set_time`](Self::set_time).
    now: AtomicU64,
    places: [Place; EVENTS],
}

impl Default for Ring {
    fn default() -> Self {
        Self::new()
    }
}

impl Ring {
    /// An empty ring.
    pub const fn new() -> Self {
        Self {
            next: AtomicU32::new(0),
            now: AtomicU64::new(0),
            places: [const { Place::empty() }; EVENTS],
        }
    }

    /// The time that events bear from now on: the tick says it, because the paths that record
    /// read no clock.
    pub fn set_time(&self, now: u64) {
        self.now.store(now, Ordering::Relaxed);
    }

    /// Writes an event. Only on the ring's own core.
    #[inline]
    pub fn record(&self, event: Event, goid: u64, word: u64) {
        // Relaxed throughout: the writer is alone, and readers come when it stands still. Not a
        // read-modify-write: a handler that comes between load and store loses its events, which
        // ours then overwrite; after the store it takes the next places. None is ever torn.
        let number = self.next.load(Ordering::Relaxed);
        self.next.store(number.wrapping_add(1), Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        let place = &self.places[number as usize % EVENTS];
        place.tag.store(0, Ordering::Relaxed);
        place.time.store(self.now.load(Ordering::Relaxed), Ordering::Relaxed);
        place.goid.store(goid, Ordering::Relaxed);
        place.word.store(word, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        place.tag.store(u64::from(number) << 8 | event as u64, Ordering::Relaxed);
    }

    /// The events still there, oldest first; unfinished ones are left out.
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        let next = self.next.load(Ordering::Relaxed);
        (0..EVENTS as u32).rev().filter_map(move |back| {
            let number = next.wrapping_sub(back + 1);
            let place = &self.places[number as usize % EVENTS];
            let tag = place.tag.load(Ordering::Relaxed);
            if tag >> 8 != u64::from(number) {
                return None;
            }
            Some(Entry {
                time: place.time.load(Ordering::Relaxed),
                event: Event::from_word(tag as u8)?,
                goid: place.goid.load(Ordering::Relaxed),
                word: place.word.load(Ordering::Relaxed),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(ring: &Ring, words: core::ops::Range<u64>) {
        words.for_each(|word| ring.record(Event::Mark, 7, word));
    }

    fn words(ring: &Ring) -> Vec<u64> {
        ring.entries().map(|entry| entry.word).collect()
    }

    #[test]
    fn empty() {
        assert_eq!(Ring::new().entries().count(), 0);
    }

    #[test]
    fn keeps_the_last_in_order() {
        let ring = Ring::new();
        ring.set_time(5);
        put(&ring, 0..3);
        let first = Entry { time: 5, event: Event::Mark, goid: 7, word: 0 };
        assert_eq!(ring.entries().next(), Some(first));
        assert_eq!(words(&ring), [0, 1, 2]);
        put(&ring, 3..EVENTS as u64 + 5);
        assert_eq!(words(&ring), (5..EVENTS as u64 + 5).collect::<Vec<_>>());
    }

    #[test]
    fn numbers_wrap() {
        let ring = Ring::new();
        ring.next.store(u32::MAX - 1, Ordering::Relaxed);
        put(&ring, 0..4);
        assert_eq!(words(&ring), [0, 1, 2, 3]);
    }

    #[test]
    fn unfinished_entries_are_left_out() {
        let ring = Ring::new();
        put(&ring, 1..2);
        // A write that took its place and was stopped there.
        ring.next.fetch_add(1, Ordering::Relaxed);
        put(&ring, 3..4);
        assert_eq!(words(&ring), [1, 3]);
    }

    #[test]
    fn events_survive() {
        for event in Event::ALL {
            assert_eq!(Event::from_word(event as u8), Some(event));
        }
        assert_eq!(Event::from_word(0), None);
        assert_eq!(Event::from_word(200), None);
    }
}
