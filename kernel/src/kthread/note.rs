//! A note: one thread sleeps until another gives one signal (Go: `note`; there on a futex).
//!
//! The note holds nothing, the sleeper, or the fact that the signal was given. It says who must
//! sleep and who must be made runnable; the kernel-thread layer does both. Between
//! [`Note::prepare_sleep`] and the moment the sleeper is off its stack a waker may already have
//! made it runnable: the layer must cope, and does, by running an M only on its home core.
//!
//! What the waker did before [`Note::wakeup`] happens before what the sleeper does after
//! [`Note::finish_sleep`]: by the note itself if the signal came first, else by the queue that the
//! woken M goes through (model: `tests/loom_note.rs`; Go went without for years, go#63384).

use core::ptr::{self, NonNull};

use crate::sync::atomic::{AtomicPtr, Ordering, const_unless_loom};

/// A one-shot signal to one kernel thread `M`.
pub struct Note<M> {
    /// Null, the sleeping M, or [`signalled`].
    key: AtomicPtr<M>,
}

/// What a would-be sleeper has to do.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sleep {
    /// Switch away; the waker makes the M runnable.
    Must,
    /// Go on: the signal has been given.
    AlreadySignalled,
}

/// Whether a sleeper that ran out of time got away without the signal.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withdraw {
    /// The note is as if the M had never slept: nobody will make it runnable.
    Withdrawn,
    /// The signal came first: the waker has made the M runnable, or will.
    AlreadySignalled,
}

impl<M> Note<M> {
    const_unless_loom! {
        /// A note without a signal.
        pub fn new() -> Self {
            const { assert!(align_of::<M>() > 1, "address 1 must not be an M's") };
            Self { key: AtomicPtr::new(ptr::null_mut()) }
        }
    }

    /// Makes the note ready for another signal (Go: `noteclear`). Nobody may sleep on it or be
    /// about to signal it; what makes it known to the next waker orders this before the signal.
    pub fn clear(&self) {
        let old = self.key.swap(ptr::null_mut(), Ordering::Relaxed);
        assert!(old.is_null() || old == signalled(), "noteclear with a sleeper");
    }

    /// Registers `m` as the sleeper (Go: the first half of `notesleep`).
    pub fn prepare_sleep(&self, m: NonNull<M>) -> Sleep {
        // Release: partner is the acquire in wakeup, so that the waker sees M as it went to sleep.
        // Acquire on failure: partner is the release in wakeup.
        let result = self.key.compare_exchange(
            ptr::null_mut(),
            m.as_ptr(),
            Ordering::Release,
            Ordering::Acquire,
        );
        match result {
            Ok(_) => Sleep::Must,
            Err(old) => {
                assert!(old == signalled(), "notesleep: two sleepers");
                Sleep::AlreadySignalled
            }
        }
    }

    /// The sleeper runs again: checks that it was the signal that made it. Needed after
    /// [`Sleep::Must`], harmless after the other outcome.
    pub fn finish_sleep(&self) {
        assert!(self.is_signalled(), "notesleep: woken without a signal");
    }

    /// The sleeper `m` gives up waiting (Go: the end of `notetsleep`).
    pub fn withdraw(&self, m: NonNull<M>) -> Withdraw {
        // Acquire on failure: partner is the release in wakeup.
        let result = self.key.compare_exchange(
            m.as_ptr(),
            ptr::null_mut(),
            Ordering::Relaxed,
            Ordering::Acquire,
        );
        match result {
            Ok(_) => Withdraw::Withdrawn,
            Err(old) => {
                assert!(old == signalled(), "notetsleep: not the sleeper");
                Withdraw::AlreadySignalled
            }
        }
    }

    /// Gives the signal (Go: `notewakeup`). Says whom to make runnable, if anyone sleeps.
    #[must_use = "the sleeper must be made runnable"]
    pub fn wakeup(&self) -> Option<NonNull<M>> {
        // Release: partners are finish_sleep and the acquires on failure. Acquire: prepare_sleep.
        let old = self.key.swap(signalled(), Ordering::AcqRel);
        assert!(old != signalled(), "notewakeup: double wakeup");
        NonNull::new(old)
    }

    /// Has the signal been given?
    pub fn is_signalled(&self) -> bool {
        self.key.load(Ordering::Acquire) == signalled() // partner: the release in wakeup
    }
}

impl<M> Default for Note<M> {
    fn default() -> Self {
        Self::new()
    }
}

/// An address that is no M's: Ms are aligned.
const fn signalled<M>() -> *mut M {
    ptr::without_provenance_mut(1)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn m(word: &mut u64) -> NonNull<u64> {
        NonNull::from(word)
    }

    // covers: H26
    #[test]
    fn a_signal_given_before_the_sleep_is_kept() {
        let (note, mut word) = (Note::new(), 0);
        assert_eq!(note.wakeup(), None);
        assert!(note.is_signalled());
        assert_eq!(note.prepare_sleep(m(&mut word)), Sleep::AlreadySignalled);
        note.finish_sleep();
    }

    #[test]
    fn a_sleeper_is_named_to_the_waker_once() {
        let (note, mut word) = (Note::new(), 0);
        let sleeper = m(&mut word);
        for _ in 0..2 {
            assert_eq!(note.prepare_sleep(sleeper), Sleep::Must);
            assert!(!note.is_signalled());
            assert_eq!(note.wakeup(), Some(sleeper));
            note.finish_sleep();
            note.clear();
        }
    }

    #[test]
    fn a_sleeper_may_give_up_unless_the_signal_was_first() {
        let (note, mut word) = (Note::new(), 0);
        let sleeper = m(&mut word);
        assert_eq!(note.prepare_sleep(sleeper), Sleep::Must);
        assert_eq!(note.withdraw(sleeper), Withdraw::Withdrawn);
        assert_eq!(note.prepare_sleep(sleeper), Sleep::Must);
        assert_eq!(note.wakeup(), Some(sleeper));
        assert_eq!(note.withdraw(sleeper), Withdraw::AlreadySignalled);
    }

    #[test]
    #[should_panic(expected = "double wakeup")]
    fn a_second_signal_is_our_bug() {
        let note = Note::<u64>::new();
        let _ = note.wakeup();
        let _ = note.wakeup();
    }
}
