//! What conditions wait on: [`NotifyList`]. Go: `notifyList`.
//!
//! A waiter draws a ticket while it still holds the lock of the condition, and parks later. A
//! notification is for the lowest ticket that has had none, so that it cannot be taken by somebody
//! who came after it.

use core::sync::atomic::{AtomicU32, Ordering};

use crate::queue::list::List;
use crate::sched::WaitReason;
use crate::sched::park::{goparkunlock, goready};

use super::sudog::{self, Sudog};
use super::{Rank, SpinLock};

/// See the module's text.
pub struct NotifyList {
    /// The next waiter's ticket. Go: `wait`.
    wait: AtomicU32,
    /// The next ticket to be notified: written under the lock. Go: `notify`.
    notify: AtomicU32,
    waiters: SpinLock<List<Sudog>>,
}

/// A place in the order of arrival.
#[derive(Clone, Copy)]
#[must_use = "a notification would be lost on it"]
pub struct Ticket(u32);

/// Tickets wrap around. Go: `less`.
fn less(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

impl NotifyList {
    /// Nobody waits.
    pub const fn new() -> Self {
        Self {
            wait: AtomicU32::new(0),
            notify: AtomicU32::new(0),
            waiters: SpinLock::new(Rank::Channel, List::new()),
        }
    }

    /// Draws a ticket. With the condition's lock held, which orders it before the notifications
    /// that are meant for it. Go: `notifyListAdd`.
    pub fn add(&self) -> Ticket {
        Ticket(self.wait.fetch_add(1, Ordering::Relaxed))
    }

    /// Parks until that ticket is notified; returns at once if it was. Go: `notifyListWait`.
    pub fn wait(&self, ticket: Ticket) {
        let mut held = self.waiters.lock();
        if less(ticket.0, self.notify.load(Ordering::Relaxed)) {
            return;
        }
        let sudog = Sudog::new(held.pinned().g(), ticket.0 as usize);
        // SAFETY: the sudog stays in this frame until a notification has taken it off and readied us.
        unsafe { held.push_back(sudog.as_item()) };
        goparkunlock(held, WaitReason::CondWait);
    }

    /// Whether every ticket has been notified; a guess for who does not hold the condition's lock.
    fn all_notified(&self) -> bool {
        self.wait.load(Ordering::Relaxed) == self.notify.load(Ordering::Relaxed)
    }

    /// Notifies all that have a ticket now. Go: `notifyListNotifyAll`.
    pub fn notify_all(&self) {
        if self.all_notified() {
            return;
        }
        let mut held = self.waiters.lock();
        let waiters = core::mem::take(&mut *held);
        // Those that have a ticket and do not park yet find it notified.
        self.notify.store(self.wait.load(Ordering::Relaxed), Ordering::Relaxed);
        drop(held);
        sudog::ready_all(waiters);
    }

    /// Notifies the one that has waited longest. Go: `notifyListNotifyOne`.
    pub fn notify_one(&self) {
        if self.all_notified() {
            return;
        }
        let mut held = self.waiters.lock();
        let ticket = self.notify.load(Ordering::Relaxed);
        if ticket == self.wait.load(Ordering::Relaxed) {
            return;
        }
        self.notify.store(ticket.wrapping_add(1), Ordering::Relaxed);
        let found = take_ticket(&mut held, ticket);
        drop(held);
        if let Some(item) = found {
            // SAFETY: taken off a moment ago.
            let (g, _) = unsafe { sudog::taken(item) };
            goready(g);
        }
    }
}

/// The waiter with that ticket, if it has parked. Waiters queue nearly in the order of their tickets,
/// so that it is one of the first.
fn take_ticket(waiters: &mut List<Sudog>, ticket: u32) -> Option<core::ptr::NonNull<Sudog>> {
    let mut before = List::new();
    let mut found = None;
    while let Some(item) = waiters.pop_front() {
        // SAFETY: it is off the list and not ready: its goroutine is parked.
        let (_, word) = unsafe { sudog::taken(item) };
        if word == ticket as usize {
            found = Some(item);
            break;
        }
        // SAFETY: alive as before, and on no list now.
        unsafe { before.push_back(item) };
    }
    before.push_back_all(core::mem::take(waiters));
    *waiters = before;
    found
}

impl Default for NotifyList {
    fn default() -> Self {
        Self::new()
    }
}
