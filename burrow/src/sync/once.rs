//! [`Once`], [`OnceLock`], [`LazyLock`].

use alloc::string::{String, ToString};
use core::cell::UnsafeCell;
use core::fmt;
use core::mem::MaybeUninit;
use core::ops::Deref;
use core::sync::atomic::{AtomicBool, Ordering};

use burrow_kernel::panic::gopanic::panic_with;
use burrow_kernel::panic::record::Record;

use super::Mutex;
use crate::panic::{Panic, panic_any, recover, resume_panic};

/// Runs one function once. Go: `sync.Once`.
#[derive(Default)]
pub struct Once {
    done: AtomicBool,
    mutex: Mutex<()>,
}

impl Once {
    /// Not run.
    pub const fn new() -> Self {
        Self { done: AtomicBool::new(false), mutex: Mutex::new(()) }
    }

    /// Runs `f` unless one ran before; returns once that one has ended. A panic in it counts as
    /// having run. Go: `Do`.
    #[inline]
    pub fn call_once(&self, f: impl FnOnce()) {
        if !self.is_completed() {
            self.call_slow(f);
        }
    }

    /// Go: `doSlow`.
    #[cold]
    fn call_slow(&self, f: impl FnOnce()) {
        // Held while `f` runs: who comes meanwhile must not go on before it has ended.
        let _turn = self.mutex.lock();
        if !self.done.load(Ordering::Relaxed) {
            let _done = Done(&self.done);
            f();
        }
    }

    /// Whether a function has run.
    #[inline]
    pub fn is_completed(&self) -> bool {
        // Acquire: pairs with `Done`, so that what the function did is seen.
        self.done.load(Ordering::Acquire)
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").field("done", &self.is_completed()).finish()
    }
}

/// Says so when the function ends, also by a panic or `goexit`. Before the mutex is given back.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        // Release: pairs with `is_completed`.
        self.0.store(true, Ordering::Release);
    }
}

/// A value set once. If `get_or_init`'s function panics the value stays unset.
pub struct OnceLock<T> {
    is_set: AtomicBool,
    mutex: Mutex<()>,
    /// Written under the mutex while `is_set` is false; shared from then on.
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: the value is set by one goroutine and then only shared.
unsafe impl<T: Send + Sync> Sync for OnceLock<T> {}

impl<T> OnceLock<T> {
    /// Unset.
    pub const fn new() -> Self {
        Self {
            is_set: AtomicBool::new(false),
            mutex: Mutex::new(()),
            value: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// The value, if set.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        // Acquire: pairs with the release in `put`.
        if self.is_set.load(Ordering::Acquire) {
            // SAFETY: set, and never changed through `&self` from then on.
            Some(unsafe { (*self.value.get()).assume_init_ref() })
        } else {
            None
        }
    }

    /// The value, if set.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        if *self.is_set.get_mut() {
            // SAFETY: set, and borrowed exclusively.
            Some(unsafe { self.value.get_mut().assume_init_mut() })
        } else {
            None
        }
    }

    /// Sets the value, or gives it back if one is set.
    pub fn set(&self, value: T) -> Result<(), T> {
        let mut value = Some(value);
        self.get_or_init(|| match value.take() {
            Some(value) => value,
            None => unreachable!("called once"),
        });
        value.map_or(Ok(()), Err)
    }

    /// The value, which `f` makes if need be; others wait for it.
    #[inline]
    pub fn get_or_init(&self, f: impl FnOnce() -> T) -> &T {
        match self.get() {
            Some(value) => value,
            None => self.init(f),
        }
    }

    #[cold]
    fn init(&self, f: impl FnOnce() -> T) -> &T {
        let _turn = self.mutex.lock();
        match self.get() {
            Some(value) => value,
            None => {
                // If it panics the mutex is free again and the value unset.
                let value = f();
                // SAFETY: unset, so that nobody refers to it, and the mutex is held.
                let place = unsafe { &mut *self.value.get() };
                let value = place.write(value);
                // Release: pairs with the acquire in `get`.
                self.is_set.store(true, Ordering::Release);
                value
            }
        }
    }

    /// Unsets.
    pub fn take(&mut self) -> Option<T> {
        if !core::mem::replace(self.is_set.get_mut(), false) {
            return None;
        }
        // SAFETY: it was set, and is not any more.
        Some(unsafe { self.value.get_mut().assume_init_read() })
    }

    /// The value, if set.
    pub fn into_inner(mut self) -> Option<T> {
        self.take()
    }
}

impl<T> Drop for OnceLock<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_tuple("OnceLock");
        match self.get() {
            Some(value) => out.field(value),
            None => out.field(&format_args!("<unset>")),
        };
        out.finish()
    }
}

/// A value made at its first use. If that panics, every use panics again with the same value.
/// Go: `sync.OnceValue`.
///
/// Differs from Go: a value that is no text goes to the first use alone, the others panic with its text.
pub struct LazyLock<T, F = fn() -> T> {
    value: OnceLock<Result<T, Failure>>,
    /// Taken under the value's mutex.
    make: UnsafeCell<Option<F>>,
}

// SAFETY: the function runs on one goroutine, the value is then only shared.
unsafe impl<T: Send + Sync, F: Send> Sync for LazyLock<T, F> {}

impl<T, F: FnOnce() -> T> LazyLock<T, F> {
    /// Not made yet.
    pub const fn new(make: F) -> Self {
        Self { value: OnceLock::new(), make: UnsafeCell::new(Some(make)) }
    }

    /// Makes the value if need be.
    #[inline]
    pub fn force(this: &Self) -> &T {
        match this.value.get() {
            Some(Ok(value)) => value,
            _ => this.force_slow(),
        }
    }

    #[cold]
    fn force_slow(&self) -> &T {
        let mut first = None;
        let made = self.value.get_or_init(|| {
            // SAFETY: one goroutine at a time is in here, under the value's mutex.
            let make = unsafe { &mut *self.make.get() }.take();
            let Some(make) = make else { return Err(Failure::Left) };
            recover(make).map_err(|panic| {
                let failure = Failure::of(&panic);
                first = Some(panic);
                failure
            })
        });
        match (made, first) {
            (Ok(value), _) => value,
            (Err(_), Some(panic)) => resume_panic(panic),
            (Err(failure), None) => failure.raise(),
        }
    }
}

/// Why there is no value.
enum Failure {
    Text(&'static str),
    Owned(String),
    /// One of the runtime's.
    Runtime(String),
    /// The function ended its goroutine.
    Left,
}

impl Failure {
    fn of(panic: &Panic) -> Self {
        match panic.downcast_ref::<&'static str>() {
            Some(text) => Self::Text(text),
            None if panic.is_runtime_error() => Self::Runtime(panic.to_string()),
            None => Self::Owned(panic.to_string()),
        }
    }

    fn raise(&self) -> ! {
        match self {
            Self::Text(text) => panic_any(*text),
            Self::Owned(text) => panic_any(text.clone()),
            Self::Runtime(text) => panic_with(Record::runtime_error(text.clone(), None)),
            Self::Left => panic!("sync: the function of a LazyLock did not return"),
        }
    }
}

impl<T, F: FnOnce() -> T> Deref for LazyLock<T, F> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        Self::force(self)
    }
}
