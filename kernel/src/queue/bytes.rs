//! A ring of bytes from one handler to one reader, and the gate that holds the device back while
//! the ring is full: nothing typed is lost, it stays in the device.
//!
//! Who fills the ring closes the gate, says so, and looks again; who makes room looks afterwards
//! whether that was said. Between the two steps stands a full fence on both sides (law 9), so that
//! one of them sees the other's; whoever takes the word back opens the gate. Model:
//! `tests/loom_bytes.rs`.

use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering, const_unless_loom, fence};
use crate::sync::cell::UnsafeCell;

/// See the module's text.
pub struct Bytes<const N: usize> {
    slots: [UnsafeCell<u8>; N],
    /// Bytes ever put in; the handler's.
    filled: AtomicUsize,
    /// Bytes ever taken out; the reader's.
    taken: AtomicUsize,
    /// The gate was closed.
    held: AtomicBool,
}

// SAFETY: handler and reader touch different slots, told apart by the two counts.
unsafe impl<const N: usize> Sync for Bytes<N> {}

impl<const N: usize> Bytes<N> {
    const_unless_loom! {
        /// An empty ring.
        pub fn new() -> Self {
            Self {
                slots: slots(),
                filled: AtomicUsize::new(0),
                taken: AtomicUsize::new(0),
                held: AtomicBool::new(false),
            }
        }
    }

    /// Takes what the device has. Whether there was anything. One caller at a time.
    pub fn fill(&self, mut device: impl FnMut() -> Option<u8>, gate: impl Fn(Gate)) -> bool {
        let mut filled = self.filled.load(Ordering::Relaxed);
        let before = filled;
        loop {
            if self.is_full(filled) {
                gate(Gate::Closed);
                // Release: partner is the exchange in `take`, which opens what was closed before.
                self.held.store(true, Ordering::Release);
                fence(Ordering::SeqCst);
                if self.is_full(filled) {
                    break;
                }
                self.open(&gate);
            }
            let Some(byte) = device() else { break };
            self.slots[filled % N].with_mut(|slot| {
                // SAFETY: the slot is free, and no one else's until the count says so.
                unsafe { slot.write(byte) }
            });
            filled = filled.wrapping_add(1);
            // Release: partner is the acquire in `take`.
            self.filled.store(filled, Ordering::Release);
        }
        filled != before
    }

    fn is_full(&self, filled: usize) -> bool {
        // Acquire: partner is the release in `take`; the slot has been read.
        filled.wrapping_sub(self.taken.load(Ordering::Acquire)) == N
    }

    /// Takes bytes out: how many. One caller at a time.
    pub fn take(&self, out: &mut [u8], gate: impl Fn(Gate)) -> usize {
        let taken = self.taken.load(Ordering::Relaxed);
        // Acquire: partner is the release in `fill`.
        let there = self.filled.load(Ordering::Acquire).wrapping_sub(taken);
        let count = there.min(out.len());
        for (at, byte) in out[..count].iter_mut().enumerate() {
            *byte = self.slots[taken.wrapping_add(at) % N].with_mut(|slot| {
                // SAFETY: filled, and not to be filled again until the count says so.
                unsafe { slot.read() }
            });
        }
        // Release: partner is the acquire in `is_full`.
        self.taken.store(taken.wrapping_add(count), Ordering::Release);
        fence(Ordering::SeqCst);
        if count > 0 {
            self.open(&gate);
        }
        count
    }

    fn open(&self, gate: &impl Fn(Gate)) {
        if self.held.load(Ordering::Relaxed) && self.held.swap(false, Ordering::AcqRel) {
            gate(Gate::Open);
        }
    }
}

#[cfg(not(loom))]
const fn slots<const N: usize>() -> [UnsafeCell<u8>; N] {
    [const { UnsafeCell::new(0) }; N]
}

#[cfg(loom)]
fn slots<const N: usize>() -> [UnsafeCell<u8>; N] {
    core::array::from_fn(|_| UnsafeCell::new(0))
}

impl<const N: usize> Default for Bytes<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether the device may interrupt for more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gate {
    /// It may.
    Open,
    /// It keeps what it has.
    Closed,
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use core::cell::Cell;

    #[test]
    fn bytes_come_in_order_and_the_gate_closes_while_it_is_full() {
        let ring = Bytes::<4>::new();
        let (mut device, gate) = (0..10_u8, Cell::new(Gate::Open));
        let mut seen: Vec<u8> = Vec::new();
        while seen.len() < 10 {
            if gate.get() == Gate::Open {
                ring.fill(|| device.next(), |now| gate.set(now));
            }
            let mut out = [0; 3];
            let count = ring.take(&mut out, |now| gate.set(now));
            assert!(count > 0, "stuck after {seen:?}");
            seen.extend(&out[..count]);
        }
        assert!(seen.into_iter().eq(0..10));
        assert!(!ring.fill(|| None, |_| {}));
        assert_eq!(ring.take(&mut [0; 3], |_| {}), 0);
    }
}
