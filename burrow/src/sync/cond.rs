//! [`Cond`].

use core::fmt;

use burrow_kernel::sync::notify::NotifyList;

use super::MutexGuard;

/// A place to wait for a change of what a [`super::Mutex`] guards. Waiters are woken in order of
/// arrival, never without reason. Go: `sync.Cond`.
#[derive(Default)]
pub struct Cond {
    waiters: NotifyList,
}

impl Cond {
    /// Nobody waits.
    pub const fn new() -> Self {
        Self { waiters: NotifyList::new() }
    }

    /// Unlocks, parks until woken, locks again. Wait reason `sync.Cond.Wait`.
    pub fn wait<'a, T: ?Sized>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        // A place in the order before the lock is free: whoever changes the condition after that
        // wakes this one, though it does not park yet.
        let ticket = self.waiters.add();
        let mutex = guard.mutex();
        drop(guard);
        self.waiters.wait(ticket);
        mutex.lock()
    }

    /// Waits until `condition` gives false; asked first without waiting.
    pub fn wait_while<'a, T: ?Sized>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'a, T> {
        while condition(&mut guard) {
            guard = self.wait(guard);
        }
        guard
    }

    /// Wakes the one that has waited longest.
    pub fn signal(&self) {
        self.waiters.notify_one();
    }

    /// Wakes all that wait now.
    pub fn broadcast(&self) {
        self.waiters.notify_all();
    }
}

impl fmt::Debug for Cond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cond")
    }
}
