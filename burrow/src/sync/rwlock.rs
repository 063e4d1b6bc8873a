//! [`RwLock`].

use core::cell::UnsafeCell;
use core::fmt;
use core::ops::{Deref, DerefMut};

use burrow_kernel::sync::rwmutex::RawRwMutex;
use burrow_kernel::sync::sema::Sema;

/// Many readers or one writer; a waiting writer holds back new readers. Go: `sync.RWMutex`.
pub struct RwLock<T: ?Sized> {
    raw: RawRwMutex<Sema>,
    value: UnsafeCell<T>,
}

// SAFETY: the lock gives `&mut T` to one goroutine at a time.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: as above, and `&T` to several.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

impl<T> RwLock<T> {
    /// Unlocked.
    pub const fn new(value: T) -> Self {
        let raw = RawRwMutex::new(Sema::new(), Sema::new(), Sema::new());
        Self { raw, value: UnsafeCell::new(value) }
    }

    /// The value.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Parks until there is neither writer nor waiting writer. Wait reason `sync.RWMutex.RLock`.
    #[inline]
    pub fn read(&self) -> RwLockReadGuard<'_, T> {
        self.raw.read();
        RwLockReadGuard { lock: self }
    }

    /// Parks until the lock is free. Wait reason `sync.RWMutex.Lock`.
    #[inline]
    pub fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.raw.write();
        RwLockWriteGuard { lock: self }
    }

    /// `read`, if that is possible now.
    pub fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        self.raw.try_read().then(|| RwLockReadGuard { lock: self })
    }

    /// `write`, if that is possible now.
    pub fn try_write(&self) -> Option<RwLockWriteGuard<'_, T>> {
        self.raw.try_write().then(|| RwLockWriteGuard { lock: self })
    }

    /// Gives up a read lock without its guard. Without one: fatal
    /// `sync: RUnlock of unlocked RWMutex`.
    ///
    /// # Safety
    /// The guard must have been forgotten.
    pub unsafe fn force_unlock_read(&self) {
        self.raw.unlock_read();
    }

    /// Gives up the write lock without its guard. Without one: fatal
    /// `sync: Unlock of unlocked RWMutex`.
    ///
    /// # Safety
    /// The guard must have been forgotten.
    pub unsafe fn force_unlock_write(&self) {
        self.raw.unlock_write();
    }

    /// The value; nobody else can hold it.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("RwLock");
        match self.try_read() {
            Some(guard) => out.field("value", &&*guard),
            None => out.field("value", &format_args!("<locked>")),
        };
        out.finish()
    }
}

macro_rules! guard {
    ($(#[$doc:meta])* $guard:ident unlocks by $unlock:ident) => {
        $(#[$doc])*
        #[must_use = "dropping the guard unlocks"]
        pub struct $guard<'a, T: ?Sized> {
            lock: &'a RwLock<T>,
        }

        impl<T: ?Sized> Deref for $guard<'_, T> {
            type Target = T;
            #[inline]
            fn deref(&self) -> &T {
                // SAFETY: the guard holds the lock.
                unsafe { &*self.lock.value.get() }
            }
        }

        impl<T: ?Sized> Drop for $guard<'_, T> {
            #[inline]
            fn drop(&mut self) {
                self.lock.raw.$unlock();
            }
        }

        impl<T: ?Sized + fmt::Debug> fmt::Debug for $guard<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (**self).fmt(f)
            }
        }
    };
}

guard! {
    /// The right to read.
    RwLockReadGuard unlocks by unlock_read
}
guard! {
    /// The right to write.
    RwLockWriteGuard unlocks by unlock_write
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds the write lock.
        unsafe { &mut *self.lock.value.get() }
    }
}
