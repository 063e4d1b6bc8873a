//! [`AtomicValue`].

use alloc::sync::Arc;

use burrow_kernel::sync::{Rank, SpinLock};

/// A shared value that is replaced as a whole, never seen half. Go: `atomic.Value`,
/// `atomic.Pointer`.
///
/// Differs from Go: a spin lock is held for as long as a count takes to change, since what is replaced
/// is dropped and not collected.
pub struct AtomicValue<T> {
    value: SpinLock<Option<Arc<T>>>,
}

impl<T> AtomicValue<T> {
    /// Unset.
    pub const fn new() -> Self {
        Self { value: SpinLock::new(Rank::Channel, None) }
    }

    /// What is there.
    pub fn load(&self) -> Option<Arc<T>> {
        self.value.lock().clone()
    }

    /// Replaces it.
    pub fn store(&self, value: impl Into<Arc<T>>) {
        // The old one is dropped when the lock is free again.
        drop(self.swap(value));
    }

    /// Replaces it; what was there.
    pub fn swap(&self, value: impl Into<Arc<T>>) -> Option<Arc<T>> {
        let value = value.into();
        self.value.lock().replace(value)
    }

    /// Replaces it if it is `old`, the same allocation (`None`: unset).
    pub fn compare_and_swap(&self, old: Option<&Arc<T>>, new: impl Into<Arc<T>>) -> bool {
        let new = new.into();
        let mut held = self.value.lock();
        let same = match (&*held, old) {
            (Some(now), Some(old)) => Arc::ptr_eq(now, old),
            (None, None) => true,
            _ => false,
        };
        // Either way what goes is dropped after the lock.
        let gone = if same { held.replace(new) } else { Some(new) };
        drop(held);
        drop(gone);
        same
    }
}

impl<T> Default for AtomicValue<T> {
    fn default() -> Self {
        Self::new()
    }
}
