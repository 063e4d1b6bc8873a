//! Device interrupts: who handles which.
//!
//! Handlers run on the core's interrupt stack with interrupts masked, and keep to law 6: no lock of
//! the scheduler's, no allocation, no fault. What they make ready goes through
//! [`Readied`].

use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use burrow_arch::device::INTERRUPTS;
use burrow_arch::trap::TrapFrame;

use crate::mem::persistent::persistent;
use crate::netpoll::Readied;
use crate::p::bump;
use crate::percpu;

/// A device's driver, as its interrupt sees it.
pub trait Handler: Sync {
    /// The interrupt came, or that of another device on the same line. Quietens the device if it
    /// asks by a level.
    ///
    /// In a handler: see the module's text. Calls of one handler do not overlap.
    fn interrupt(&self, readied: &mut Readied);
}

/// One handler of an interrupt; never freed.
struct Entry {
    handler: &'static dyn Handler,
    next: AtomicPtr<Entry>,
}

/// The handlers of each interrupt, newest first.
static HANDLERS: [AtomicPtr<Entry>; INTERRUPTS] =
    [const { AtomicPtr::new(core::ptr::null_mut()) }; INTERRUPTS];

/// Interrupts that nobody wanted.
static UNEXPECTED: AtomicU64 = AtomicU64::new(0);

/// Calls `handler` at each interrupt of that number from now on, for ever.
pub fn register(number: u32, handler: &'static dyn Handler) {
    let head = &HANDLERS[number as usize];
    let next = AtomicPtr::new(core::ptr::null_mut());
    let Some(entry) = persistent(Entry { handler, next }) else {
        crate::panic::throw("out of memory");
    };
    let new = (&raw const *entry).cast_mut();
    let mut first = head.load(Ordering::Relaxed);
    loop {
        entry.next.store(first, Ordering::Relaxed);
        // Release: partner is the acquire in `on_device`.
        match head.compare_exchange(first, new, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => return,
            Err(now) => first = now,
        }
    }
}

/// Interrupts that no driver had asked for.
pub fn unexpected() -> u64 {
    UNEXPECTED.load(Ordering::Relaxed)
}

/// `Upcalls::device`.
pub fn on_device(number: u32, frame: &mut TrapFrame) {
    let core = percpu::local();
    bump(&core.interrupts, 1);
    // Acquire: partner is the release in `register`.
    let mut next = HANDLERS[number as usize].load(Ordering::Acquire);
    if next.is_null() {
        UNEXPECTED.fetch_add(1, Ordering::Relaxed);
        crate::console::print(format_args!("burrow: unexpected interrupt {number}\n"));
        return;
    }
    let mut readied = Readied::new();
    // SAFETY: entries are never freed, and complete for who finds them.
    while let Some(entry) = unsafe { next.as_ref() } {
        entry.handler.interrupt(&mut readied);
        next = entry.next.load(Ordering::Relaxed);
    }
    readied.announce(core, frame);
}
