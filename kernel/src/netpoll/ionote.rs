//! The meeting of one waiter with the interrupts that it waits for. Go: `pollDesc.rg`, with
//! `pdReady` and `pdWait`.
//!
//! Empty, signalled, about to wait, or the waiter. A signal is kept until it is waited for, and two
//! of them are one. The waiter says that it will wait while it still runs, and leaves its name once
//! it is off its stack; a signal in between makes the leaving fail, and it runs on.
//!
//! The signal's exchange is the handler's last access: whoever waited may free the note as soon as
//! it is seen. Model: `tests/loom_ionote.rs`.

use core::ptr::{self, NonNull};

use crate::sync::atomic::{AtomicPtr, Ordering, const_unless_loom};

/// See the module's text. `T` is what waits, aligned to at least 4.
pub struct IoNote<T> {
    state: AtomicPtr<T>,
}

/// Whether to wait.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// The signal has been given, and is used up.
    Signalled,
    /// Leave the stack, then [`IoNote::commit`].
    Wait,
}

impl<T> IoNote<T> {
    const_unless_loom! {
        /// No signal, nobody waits.
        pub fn new() -> Self {
            const { assert!(align_of::<T>() > 2, "small addresses must not be a waiter's") };
            Self { state: AtomicPtr::new(ptr::null_mut()) }
        }
    }

    /// First step of a wait, by the one who will wait.
    pub fn begin(&self) -> Begin {
        // Acquire on failure: partner is the release in signal.
        let (empty, about) = (ptr::null_mut(), about_to_wait());
        match self.state.compare_exchange(empty, about, Ordering::Relaxed, Ordering::Acquire) {
            Ok(_) => Begin::Wait,
            Err(state) => {
                assert!(state == signalled(), "IoNote: two waiters");
                // By an exchange: what a second signal has shown meanwhile is used up with it.
                self.end();
                Begin::Signalled
            }
        }
    }

    /// Second step, when the waiter can be made runnable. `false`: signalled meanwhile, go on.
    pub fn commit(&self, waiter: NonNull<T>) -> bool {
        // Release: partner is the acquire in signal, so that the waiter is seen as it went to sleep.
        let about = about_to_wait();
        let result = self.state.compare_exchange(
            about,
            waiter.as_ptr(),
            Ordering::Release,
            Ordering::Relaxed,
        );
        result.is_ok()
    }

    /// Last step: the waiter runs again. Uses the signal up.
    pub fn end(&self) {
        // Acquire: partner is the release in signal.
        let old = self.state.swap(ptr::null_mut(), Ordering::Acquire);
        assert!(old == signalled(), "IoNote: woken without a signal");
    }

    /// Gives the signal; who must be made runnable. The note is not touched afterwards.
    #[must_use = "the waiter must be made runnable"]
    pub fn signal(&self) -> Option<NonNull<T>> {
        // Release: partners are begin and end. Acquire: commit.
        let old = self.state.swap(signalled(), Ordering::AcqRel);
        NonNull::new(old)
            .filter(|old| old.as_ptr() != signalled() && old.as_ptr() != about_to_wait())
    }
}

impl<T> Default for IoNote<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// Go: `pdReady`.
const fn signalled<T>() -> *mut T {
    ptr::without_provenance_mut(1)
}

/// Go: `pdWait`.
const fn about_to_wait<T>() -> *mut T {
    ptr::without_provenance_mut(2)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_kept_and_two_are_one() {
        let note = IoNote::<u64>::new();
        assert!(note.signal().is_none() && note.signal().is_none());
        assert_eq!(note.begin(), Begin::Signalled);
        assert_eq!(note.begin(), Begin::Wait, "used up");
    }

    #[test]
    fn a_waiter_is_named_once_and_the_note_serves_again() {
        let (note, mut word) = (IoNote::new(), 0_u64);
        let waiter = NonNull::from(&mut word);
        for _ in 0..2 {
            assert_eq!(note.begin(), Begin::Wait);
            assert!(note.commit(waiter));
            assert_eq!(note.signal(), Some(waiter));
            assert_eq!(note.signal(), None);
            note.end();
        }
    }

    #[test]
    fn a_signal_on_the_way_to_the_wait_ends_it() {
        let (note, mut word) = (IoNote::new(), 0_u64);
        assert_eq!(note.begin(), Begin::Wait);
        assert_eq!(note.signal(), None);
        assert!(!note.commit(NonNull::from(&mut word)));
        note.end();
    }
}
