//! Counters and gauges: [`metrics`] for the whole, [`p_stats`] for each P.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use burrow_kernel::mem::heap;
use burrow_kernel::p::{P, allp};
use burrow_kernel::sched::{SCHED, table};
use burrow_kernel::{kthread, percpu, stack};

/// See [`metrics`]. Sizes in bytes.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Metrics {
    /// Goroutines, as [`num_goroutine`](super::num_goroutine).
    pub goroutines: usize,
    /// Goroutines ever started.
    pub goroutines_created: u64,
    /// Ms.
    pub threads: usize,
    /// Heap handed out.
    pub heap_in_use: usize,
    /// Heap taken from the frame allocator.
    pub heap_mapped: usize,
    /// Mapped pages of goroutine stacks.
    pub stack_in_use: usize,
    /// Switches to a goroutine.
    pub switches: u64,
    /// Asynchronous preemptions.
    pub preemptions: u64,
    /// Goroutines stolen from another P.
    pub steals: u64,
    /// Wake-ups of idle cores.
    pub wakeups: u64,
    /// Interrupts.
    pub interrupts: u64,
}

/// Counters and gauges, read without stopping the world. Go: `runtime/metrics`.
pub fn metrics() -> Metrics {
    let ps = p_stats();
    let sum = |of: fn(&PStats) -> u64| ps.iter().map(of).sum();
    let heap = heap::stats();
    let created = (0..SCHED.cores()).map(|id| read(&allp(id).counts.created)).sum();
    let cores = (0..SCHED.cores()).filter_map(percpu::core);
    Metrics {
        goroutines: table::num_goroutine(),
        goroutines_created: created,
        threads: kthread::threads(),
        heap_in_use: heap.in_use,
        heap_mapped: heap.mapped,
        stack_in_use: stack::mapped_bytes(),
        switches: sum(|p| p.switches),
        preemptions: sum(|p| p.preemptions),
        steals: sum(|p| p.steals),
        wakeups: sum(|p| p.wakeups),
        interrupts: cores.map(|core| read(&core.interrupts)).sum(),
    }
}

/// What happened on one P, which is one core. Burrow's own addition: Go shows it only in traces.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct PStats {
    /// The P's number, which is its core's.
    pub id: usize,
    /// Slices begun: a goroutine that was readied by another may go on in that one's slice.
    pub runs: u64,
    /// Goroutines stolen from other Ps.
    pub steals: u64,
    /// Asynchronous preemptions.
    pub preemptions: u64,
    /// Switches to a goroutine.
    pub switches: u64,
    /// Times that the idle core was woken.
    pub wakeups: u64,
}

/// The counters of every P in use, by number; read one after the other, while they run.
pub fn p_stats() -> Vec<PStats> {
    (0..SCHED.procs()).map(|id| of_p(allp(id))).collect()
}

fn of_p(p: &P) -> PStats {
    PStats {
        id: p.id,
        runs: read(&p.counts.runs),
        steals: read(&p.counts.steals),
        preemptions: read(&p.counts.preemptions),
        switches: read(&p.counts.switches),
        wakeups: read(&p.counts.wakeups),
    }
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
