//! [`Pool`].

use alloc::boxed::Box;
use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};

use burrow_kernel::sched::SCHED;
use burrow_kernel::sync::pin;
use burrow_kernel::sync::pool::PoolChain;

/// Values kept for reuse, per P, newest first; any of them may be dropped at any time. `f` makes
/// one when there is none: `static BUFS: Pool<Vec<u8>> = Pool::new(Vec::new);`. Go: `sync.Pool`.
///
/// Differs from Go: no collector empties it. What is kept stays until the pool is dropped.
pub struct Pool<T, F = fn() -> T> {
    make: F,
    /// One for each P, made at the first `put`.
    locals: AtomicPtr<Local<T>>,
    _values: PhantomData<T>,
}

/// What one P keeps. Go: `poolLocal`.
#[repr(align(128))]
struct Local<T> {
    /// The value put last: touched by who is pinned to the P.
    private: UnsafeCell<Option<T>>,
    /// Filled by who is pinned to the P, emptied by anybody.
    shared: PoolChain<T>,
}

// SAFETY: values move between goroutines, the function is shared.
unsafe impl<T: Send, F: Sync> Sync for Pool<T, F> {}
// SAFETY: the values go along.
unsafe impl<T: Send, F: Send> Send for Pool<T, F> {}

impl<T: Send, F: Fn() -> T> Pool<T, F> {
    /// Empty. Go: the field `New`.
    pub const fn new(make: F) -> Self {
        Self { make, locals: AtomicPtr::new(null_mut()), _values: PhantomData }
    }

    /// A kept value, else a new one. Go: `Get`.
    pub fn get(&self) -> T {
        self.try_get().unwrap_or_else(&self.make)
    }

    /// A kept value. Go: `Get` of a pool without `New`.
    pub fn try_get(&self) -> Option<T> {
        let locals = self.locals()?;
        let pinned = pin();
        let id = pinned.core().index;
        let local = &locals[id];
        // SAFETY: pinned to that P, so that nobody else is at its private place.
        if let Some(value) = unsafe { &mut *local.private.get() }.take() {
            return Some(value);
        }
        // SAFETY: as above: the producer is who is pinned to the P.
        if let Some(value) = unsafe { local.shared.pop_head() } {
            return Some(value);
        }
        // From the others, beginning with the neighbour. Go: `getSlow`.
        let (before, after) = locals.split_at(id);
        after.iter().skip(1).chain(before).find_map(|other| other.shared.pop_tail())
    }

    /// Keeps the value. Go: `Put`.
    pub fn put(&self, value: T) {
        let locals = self.locals().unwrap_or_else(|| self.make_locals());
        let pinned = pin();
        let local = &locals[pinned.core().index];
        // SAFETY: pinned to that P, so that nobody else is at its private place.
        let older = unsafe { &mut *local.private.get() }.replace(value);
        if let Some(older) = older {
            // SAFETY: as above: the producer is who is pinned to the P.
            unsafe { local.shared.push_head(older) };
        }
    }
}

impl<T, F> Pool<T, F> {
    fn locals(&self) -> Option<&[Local<T>]> {
        // Acquire: pairs with the release in `make_locals`.
        let first = self.locals.load(Ordering::Acquire);
        // SAFETY: made by `make_locals`, with that length, and freed only with the pool.
        (!first.is_null()).then(|| unsafe { core::slice::from_raw_parts(first, SCHED.cores()) })
    }

    #[cold]
    fn make_locals(&self) -> &[Local<T>] {
        let local = || Local { private: UnsafeCell::new(None), shared: PoolChain::new() };
        let made: Box<[Local<T>]> = (0..SCHED.cores()).map(|_| local()).collect();
        let first = Box::into_raw(made).cast::<Local<T>>();
        // Release: pairs with the acquire in `locals`.
        let change =
            self.locals.compare_exchange(null_mut(), first, Ordering::AcqRel, Ordering::Acquire);
        if change.is_err() {
            // SAFETY: ours still; somebody else's are in place.
            drop(unsafe { whole(first) });
        }
        match self.locals() {
            Some(locals) => locals,
            None => unreachable!("made a moment ago"),
        }
    }
}

/// The slice that begins there.
///
/// # Safety
/// Made by `make_locals`, and nobody uses it any more.
unsafe fn whole<T>(first: *mut Local<T>) -> Box<[Local<T>]> {
    let slice = core::ptr::slice_from_raw_parts_mut(first, SCHED.cores());
    // SAFETY: the caller's promise.
    unsafe { Box::from_raw(slice) }
}

impl<T, F> Drop for Pool<T, F> {
    fn drop(&mut self) {
        let first = *self.locals.get_mut();
        if !first.is_null() {
            // SAFETY: nobody else has the pool any more.
            drop(unsafe { whole(first) });
        }
    }
}
