//! Where a G is in its life, and the one way to move it on. Go: `casgstatus`.
//!
//! | status | on a queue? | runs? | who owns stack and context | has an M? |
//! | --- | --- | --- | --- | --- |
//! | `Idle` | no | no | the allocator | no |
//! | `Runnable` | exactly one | no | the queue's owner | no |
//! | `Running` | no | on its M | itself | yes |
//! | `Syscall` | no | outside the scheduler | itself | yes |
//! | `Waiting` | perhaps on a wait queue | no | who will ready it | no |
//! | `Dead` | a free list, or exiting | no | the list's owner | no |
//! | `Preempted` | no | no | who stopped it | no |

use core::sync::atomic::Ordering;

use super::G;

/// Where a G is in its life. Go: `_Gidle` and its kin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Status {
    /// Just made, not ready for use.
    Idle = 0,
    /// On a run queue.
    Runnable = 1,
    /// On an M, running goroutine code.
    Running = 2,
    /// On an M, outside the scheduler's care.
    Syscall = 3,
    /// Parked.
    Waiting = 4,
    /// Not in use.
    Dead = 6,
    /// Stopped by a preemption that keeps it off the queues.
    Preempted = 9,
}

impl Status {
    pub(super) fn from_word(word: u32) -> Self {
        match word & !SCAN {
            0 => Self::Idle,
            1 => Self::Runnable,
            2 => Self::Running,
            3 => Self::Syscall,
            4 => Self::Waiting,
            6 => Self::Dead,
            _ => Self::Preempted,
        }
    }

    /// The word in a goroutine's traceback header.
    pub fn text(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Runnable => "runnable",
            Self::Running => "running",
            Self::Syscall => "syscall",
            Self::Waiting => "waiting",
            Self::Dead => "dead",
            Self::Preempted => "preempted",
        }
    }
}

/// Set beside a status while somebody walks the G's stack. Go: `_Gscan`.
const SCAN: u32 = 0x1000;

/// Status.
impl G {
    /// The status, without the scan bit. Go: `readgstatus`.
    #[inline(always)]
    pub fn status(&self) -> Status {
        // Acquire: pairs with `casgstatus` of the owner before.
        Status::from_word(self.status.load(Ordering::Acquire))
    }

    /// Moves between statuses; spins while somebody holds the scan bit. Throws if the status is
    /// neither. Go: `casgstatus`.
    #[inline(always)]
    pub fn casgstatus(&self, old: Status, new: Status) {
        // AcqRel: what the old owner wrote is seen by the new one.
        let result = self.status.compare_exchange(
            old as u32,
            new as u32,
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        if result.is_err() {
            self.casgstatus_slow(old, new);
        }
    }

    /// Keeps a G that waits, is runnable or in a call as it is, so that its stack can be looked at;
    /// `false` if it is none of them, or claimed already. Pinned until [`release`](Self::release): who readies or
    /// runs it spins. Go: `castogscanstatus`.
    pub fn claim(&self) -> bool {
        [Status::Waiting, Status::Runnable, Status::Syscall].into_iter().any(|s| self.claim_from(s))
    }

    /// [`claim`](Self::claim), of a waiting G alone.
    pub fn claim_waiting(&self) -> bool {
        self.claim_from(Status::Waiting)
    }

    /// [`claim`](Self::claim), of a G that was stopped while it ran: it waits from here on.
    pub fn claim_preempted(&self) -> bool {
        let (preempted, claimed) = (Status::Preempted as u32, Status::Waiting as u32 | SCAN);
        // Acquire: as in `claim_from`.
        self.status
            .compare_exchange(preempted, claimed, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    fn claim_from(&self, status: Status) -> bool {
        let (free, claimed) = (status as u32, status as u32 | SCAN);
        // Acquire: pairs with `casgstatus` of who parked or queued it; the context and the cells
        // are ours now.
        self.status.load(Ordering::Relaxed) == free
            && self
                .status
                .compare_exchange(free, claimed, Ordering::Acquire, Ordering::Relaxed)
                .is_ok()
    }

    /// Ends what [`claim`](Self::claim) began. Go: `casfrom_Gscanstatus`.
    pub fn release(&self) {
        // Release: pairs with `casgstatus` of who readies or runs it. Nobody else changes it.
        self.status.fetch_and(!SCAN, Ordering::Release);
    }

    /// This running goroutine's M is about to sleep until the world has stopped: it shows as
    /// waiting, with the scan bit, so that nobody takes its saved context for where it is.
    pub fn begin_stopping(&self, reason: crate::sched::WaitReason) {
        self.set_wait_reason(reason);
        self.status.store(Status::Waiting as u32 | SCAN, Ordering::Release);
    }

    /// Ends what [`begin_stopping`](Self::begin_stopping) began.
    pub fn end_stopping(&self) {
        self.status.store(Status::Running as u32, Ordering::Release);
    }

    #[cold]
    #[inline(never)]
    fn casgstatus_slow(&self, old: Status, new: Status) {
        loop {
            let result = self.status.compare_exchange(
                old as u32,
                new as u32,
                Ordering::AcqRel,
                Ordering::Acquire,
            );
            match result {
                Ok(_) => return,
                Err(word) if word == old as u32 | SCAN => core::hint::spin_loop(),
                Err(word) if word == Status::Syscall as u32 && old == Status::Running => {
                    crate::panic::throw("goroutine in a blocking call must not give its core up");
                }
                Err(word) => {
                    crate::console::print(format_args!(
                        "runtime: casgstatus: goroutine {} is {:#x}, expected {old:?} for {new:?}\n",
                        self.goid(),
                        word
                    ));
                    crate::panic::throw("casgstatus: bad incoming values");
                }
            }
        }
    }
}
