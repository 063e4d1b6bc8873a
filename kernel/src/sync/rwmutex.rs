//! The state machine of a read-write lock. Go: `sync.RWMutex`.
//!
//! Readers count themselves. A writer takes the mutex that settles who writes, then makes the count
//! negative, which sends new readers to wait, and waits until the readers that were there have left.
//! Unlocking makes the count positive again and lets all readers in that came meanwhile, before the
//! next writer: neither kind can starve the other.
//!
//! `kernel/tests/loom_rwmutex.rs` runs this code. The typed shell is `burrow`'s `sync::RwLock`.

use super::atomic::{AtomicI32, Ordering, const_unless_loom};
use super::mutex::RawMutex;
use super::parking::{Handoff, Parking, Queue, Wait};

/// More readers than there can be. Go: `rwmutexMaxReaders`.
const MAX_READERS: i32 = 1 << 30;

/// See the module's text.
///
/// All changes of the two counts acquire and release: who comes in sees what was done before the
/// others left.
pub struct RawRwMutex<S> {
    /// Held by the writer, from before it waits for readers until it has let others in.
    writer: RawMutex<S>,
    /// Readers, less `MAX_READERS` while there is a writer.
    readers: AtomicI32,
    /// Readers that the writer has still to wait for.
    leaving: AtomicI32,
    writer_sema: S,
    reader_sema: S,
}

impl<S> RawRwMutex<S> {
    const_unless_loom! {
        /// Unlocked. The semaphores are for the mutex among writers, for the writer, for readers.
        pub fn new(mutex_sema: S, writer_sema: S, reader_sema: S) -> Self {
            Self {
                writer: RawMutex::new(mutex_sema),
                readers: AtomicI32::new(0),
                leaving: AtomicI32::new(0),
                writer_sema,
                reader_sema,
            }
        }
    }
}

impl<S: Parking> RawRwMutex<S> {
    /// Parks until there is neither writer nor waiting writer. Go: `RLock`.
    #[inline]
    pub fn read(&self) {
        if self.readers.fetch_add(1, Ordering::AcqRel) + 1 < 0 {
            self.reader_sema.acquire(Queue::Last, Wait::Read);
        }
    }

    /// [`read`](Self::read), if there is no writer. Go: `TryRLock`.
    pub fn try_read(&self) -> bool {
        let mut count = self.readers.load(Ordering::Relaxed);
        while count >= 0 {
            let change = self.readers.compare_exchange(
                count,
                count + 1,
                Ordering::AcqRel,
                Ordering::Relaxed,
            );
            match change {
                Ok(_) => return true,
                Err(now) => count = now,
            }
        }
        false
    }

    /// Go: `RUnlock`.
    #[inline]
    pub fn unlock_read(&self) {
        let readers = self.readers.fetch_sub(1, Ordering::AcqRel).wrapping_sub(1);
        if readers < 0 {
            self.unlock_read_slow(readers);
        }
    }

    /// There is a writer, or there was no reader. Go: `rUnlockSlow`.
    #[cold]
    #[inline(never)]
    fn unlock_read_slow(&self, readers: i32) {
        let before = readers.wrapping_add(1);
        if before == 0 || before == -MAX_READERS {
            S::fatal("sync: RUnlock of unlocked RWMutex");
        }
        // The last reader that the writer waits for lets it in.
        if self.leaving.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.writer_sema.release(Handoff::GoOn);
        }
    }

    /// Parks until the lock is free. Go: `Lock`.
    pub fn write(&self) {
        self.writer.lock_for(Wait::Write);
        let readers = self.readers.fetch_sub(MAX_READERS, Ordering::AcqRel);
        // Those that left since have been counted down already.
        if readers != 0 && self.leaving.fetch_add(readers, Ordering::AcqRel) + readers != 0 {
            self.writer_sema.acquire(Queue::Last, Wait::Write);
        }
    }

    /// [`write`](Self::write), if the lock is free now. Go: `TryLock`.
    pub fn try_write(&self) -> bool {
        if !self.writer.try_lock() {
            return false;
        }
        let free =
            self.readers.compare_exchange(0, -MAX_READERS, Ordering::AcqRel, Ordering::Relaxed);
        if free.is_err() {
            self.writer.unlock();
        }
        free.is_ok()
    }

    /// Go: `Unlock`.
    pub fn unlock_write(&self) {
        let readers =
            self.readers.fetch_add(MAX_READERS, Ordering::AcqRel).wrapping_add(MAX_READERS);
        if readers >= MAX_READERS {
            S::fatal("sync: Unlock of unlocked RWMutex");
        }
        for _ in 0..readers {
            self.reader_sema.release(Handoff::GoOn);
        }
        self.writer.unlock();
    }
}
