//! A timer that calls a function in a goroutine of its own: [`FuncTimer`]. Go: `time.AfterFunc`,
//! `goFunc`.
//!
//! One block holds the timer and the function. Two counts keep it: *users* the function, *holders*
//! the memory. Users are handles, goroutines that run the function, and the timer itself while it
//! is still to fire. The last user drops the function, on a goroutine, because what a program put in
//! it may do anything when dropped, even park. Holders are all the users together, and a heap that
//! has the timer; a heap lets go on system stacks, where only memory may be given back.

use alloc::boxed::Box;
use core::cell::UnsafeCell;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering, fence};

use super::timer::{Arm, Class, Timer};
use crate::g::{self, Kind};
use crate::sched::spawn::{MAX_STACK, Spawn, newproc};

static FUNC: Class = Class { fire: go_func, retain, release, drain: None };

/// What does not depend on the function's type.
struct Header {
    timer: Timer,
    /// Whose timer it is: its maker's.
    kind: Kind,
    users: AtomicUsize,
    holders: AtomicUsize,
    call: unsafe fn(*const Header),
    drop_func: unsafe fn(*const Header),
    free: unsafe fn(*const Header),
}

#[repr(C)]
struct Block<F> {
    header: Header,
    func: UnsafeCell<ManuallyDrop<F>>,
}

/// A handle; clones are the same timer. Dropping it does not cancel.
pub struct FuncTimer(User);

/// One user of the function.
struct User(NonNull<Header>);

// SAFETY: the block is shared by counts, the function is `Send + Sync` and the timer has its lock.
unsafe impl Send for User {}
// SAFETY: as above.
unsafe impl Sync for User {}

impl FuncTimer {
    /// Calls `f` at `when`, in a goroutine, and again after each [`reset`](Self::reset).
    pub fn new(when: u64, f: impl Fn() + Send + Sync + 'static) -> Self {
        let block = block(f, when);
        // SAFETY: new, and nobody else's yet.
        unsafe { (*block).timer.set_owner(block.cast_const().cast()) };
        // SAFETY: as above; the heap is counted among the holders.
        unsafe { Timer::start_new(&raw mut (*block).timer, Arm::Now) };
        // SAFETY: from a box.
        Self(User(unsafe { NonNull::new_unchecked(block) }))
    }

    /// Cancels; whether that kept it from firing.
    pub fn stop(&self) -> bool {
        let pending = self.0.header().timer.stop();
        if pending {
            self.0.timer_done();
        }
        pending
    }

    /// Fires at `when` instead, or once more; whether it was still to fire.
    pub fn reset(&self, when: u64) -> bool {
        // The timer's, before it can fire.
        self.0.header().users.fetch_add(1, Ordering::Relaxed);
        let pending = self.0.header().timer.reset(when, 0);
        if pending {
            self.0.timer_done();
        }
        pending
    }

    /// The block's address: the timer's identity.
    pub fn addr(&self) -> usize {
        self.0.0.addr().get()
    }
}

impl Clone for FuncTimer {
    fn clone(&self) -> Self {
        self.0.header().users.fetch_add(1, Ordering::Relaxed);
        Self(User(self.0.0))
    }
}

/// A block that counts a handle and the timer as users, and the users and a heap as holders. Its
/// owner is still to be set, and its timer to be started.
fn block<F: Fn() + Send + Sync + 'static>(f: F, when: u64) -> *mut Header {
    let kind = g::current().kind();
    let header = Header {
        timer: Timer::new(&FUNC, core::ptr::null(), when, 0).made_by(kind),
        kind,
        users: AtomicUsize::new(2),
        holders: AtomicUsize::new(2),
        call: call::<F>,
        drop_func: drop_func::<F>,
        free: free::<F>,
    };
    let block = Box::new(Block { header, func: UnsafeCell::new(ManuallyDrop::new(f)) });
    // The header is the block's first field; `free` makes the block of it again.
    Box::into_raw(block).cast()
}

/// # Safety
/// The block's, whose function has not been dropped.
unsafe fn call<F: Fn()>(header: *const Header) {
    // SAFETY: a header is the first field of its block.
    let block = unsafe { &*header.cast::<Block<F>>() };
    // SAFETY: only shared from here on, until the last user drops it.
    let f = unsafe { &*block.func.get() };
    f();
}

/// # Safety
/// By the last user.
unsafe fn drop_func<F>(header: *const Header) {
    // SAFETY: a header is the first field of its block.
    let block = unsafe { &*header.cast::<Block<F>>() };
    // SAFETY: nobody uses the function any more.
    unsafe { ManuallyDrop::drop(&mut *block.func.get()) };
}

/// # Safety
/// By the last holder.
unsafe fn free<F>(header: *const Header) {
    // SAFETY: it was made as such a box; the function inside is not dropped again.
    drop(unsafe { Box::from_raw(header.cast_mut().cast::<Block<F>>()) });
}

impl User {
    fn header(&self) -> &Header {
        // SAFETY: alive while it has users.
        unsafe { self.0.as_ref() }
    }

    /// The timer is no user any more; this one still is.
    fn timer_done(&self) {
        self.header().users.fetch_sub(1, Ordering::Release);
    }
}

impl Drop for User {
    fn drop(&mut self) {
        // Release: what this user did with the function comes before its end.
        if self.header().users.fetch_sub(1, Ordering::Release) == 1 {
            fence(Ordering::Acquire); // pairs with the releases above
            let drop_func = self.header().drop_func;
            // SAFETY: the last user.
            unsafe { drop_func(self.0.as_ptr()) };
            // SAFETY: the users' share.
            unsafe { release(self.0.as_ptr().cast_const().cast()) };
        }
    }
}

/// The timer fires: its share of the function becomes the goroutine's. Go: `goFunc`.
unsafe fn go_func(owner: *const (), _: u64) -> bool {
    // SAFETY: `new` gave the block.
    let user = User(unsafe { NonNull::new_unchecked(owner.cast_mut().cast()) });
    let spawn = Spawn {
        // Its goroutine is whose the timer is.
        kind: user.header().kind,
        max_stack: MAX_STACK.load(Ordering::Relaxed),
        name: None,
        created_at: go_func as *const () as usize + 1,
    };
    let run = move || {
        let call = user.header().call;
        // SAFETY: one user is here.
        unsafe { call(user.0.as_ptr()) };
    };
    if newproc(run, &spawn).is_none() {
        crate::panic::fatal("runtime: out of memory");
    }
    true
}

unsafe fn retain(owner: *const ()) {
    // SAFETY: `new` gave the block, alive while anybody starts its timer.
    unsafe { &*owner.cast::<Header>() }.holders.fetch_add(1, Ordering::Relaxed);
}

unsafe fn release(owner: *const ()) {
    let header: *const Header = owner.cast();
    // SAFETY: this holder's share is still counted.
    let (holders, free) = unsafe { (&(*header).holders, (*header).free) };
    // Release: what this holder did comes before the end.
    if holders.fetch_sub(1, Ordering::Release) == 1 {
        fence(Ordering::Acquire); // pairs with the releases above
        // SAFETY: the last holder.
        unsafe { free(header) };
    }
}
