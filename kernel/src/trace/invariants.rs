//! Is each goroutine in exactly one place? The scheduler's one law as a function over data.
//!
//! The scheduler takes a [`Snapshot`] while the world is stopped and has it checked; tests make
//! theirs by hand. Nothing is allocated: who takes the snapshot gives the room, the lists in it
//! are names of goroutines, Ps and Ms by index.

/// A goroutine's status, as far as its place depends on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// Runnable.
    Runnable,
    /// Running, or in a syscall.
    Running,
    /// Waiting, or stopped by a preemption.
    Waiting,
    /// Not in use.
    Dead,
}

/// A goroutine.
#[derive(Clone, Copy, Debug)]
pub struct Goroutine {
    /// Its status.
    pub status: Status,
    /// The M that it says it is on.
    pub m: Option<usize>,
}

/// An M.
#[derive(Clone, Copy, Debug)]
pub struct Thread {
    /// The goroutine that it says it runs.
    pub running: Option<usize>,
    /// The P that it says it holds.
    pub p: Option<usize>,
}

/// A P.
#[derive(Clone, Copy, Debug)]
pub struct Processor {
    /// The M that it says it belongs to.
    pub m: Option<usize>,
    /// Whether it is on the list of idle Ps.
    pub idle: bool,
    /// Whether its run queue is empty.
    pub empty: bool,
}

/// The whole scheduler at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a> {
    /// All goroutines.
    pub goroutines: &'a [Goroutine],
    /// All Ms.
    pub threads: &'a [Thread],
    /// All Ps.
    pub processors: &'a [Processor],
    /// Every entry of every run queue, local ones, `runnext` and the global one.
    pub queued: &'a [usize],
    /// Every entry of every list of free Gs.
    pub free: &'a [usize],
}

/// Checks a snapshot, in time of goroutines plus entries. `seen` has room for one mark per
/// goroutine.
pub fn check(snapshot: &Snapshot<'_>, seen: &mut [u8]) -> Result<(), &'static str> {
    let count = snapshot.goroutines.len();
    let seen = seen.get_mut(..count).ok_or("invariants: too little room for marks")?;
    seen.fill(0);
    queues(snapshot, seen)?;
    threads(snapshot, seen)?;
    processors(snapshot)?;
    for (goroutine, &places) in snapshot.goroutines.iter().zip(&*seen) {
        match (goroutine.status, places) {
            (Status::Runnable, 0) => return Err("a runnable goroutine is on no queue"),
            (Status::Running, 0) => return Err("a running goroutine is on no M"),
            (Status::Waiting, 0) if goroutine.m.is_some() => {
                return Err("a waiting goroutine thinks that it is on an M");
            }
            // A dead one without a place is on its way out, or belongs to a thread.
            _ => {}
        }
    }
    Ok(())
}

/// Marks what is on lists; nothing may be there twice or with the wrong status.
fn queues(snapshot: &Snapshot<'_>, seen: &mut [u8]) -> Result<(), &'static str> {
    for &index in snapshot.queued {
        let goroutine =
            snapshot.goroutines.get(index).ok_or("a queue holds an unknown goroutine")?;
        if goroutine.status != Status::Runnable {
            return Err("a goroutine on a run queue is not runnable");
        }
        mark(seen, index).ok_or("a goroutine is on run queues twice")?;
    }
    for &index in snapshot.free {
        let goroutine = snapshot.goroutines.get(index).ok_or("an unknown goroutine is free")?;
        if goroutine.status != Status::Dead {
            return Err("a goroutine on a free list is not dead");
        }
        mark(seen, index).ok_or("a goroutine is on free lists twice")?;
    }
    Ok(())
}

/// Marks what runs; G and M must agree.
fn threads(snapshot: &Snapshot<'_>, seen: &mut [u8]) -> Result<(), &'static str> {
    for (m, thread) in snapshot.threads.iter().enumerate() {
        if let Some(index) = thread.running {
            let goroutine =
                snapshot.goroutines.get(index).ok_or("an M runs an unknown goroutine")?;
            if goroutine.status != Status::Running {
                return Err("an M runs a goroutine that is not running");
            }
            if goroutine.m != Some(m) {
                return Err("an M runs a goroutine that thinks it is elsewhere");
            }
            mark(seen, index).ok_or("a goroutine runs on two Ms, or is queued besides")?;
        }
        if let Some(p) = thread.p {
            let processor = snapshot.processors.get(p).ok_or("an M holds an unknown P")?;
            if processor.m != Some(m) {
                return Err("an M holds a P that thinks it is elsewhere");
            }
        }
    }
    Ok(())
}

/// P and M must agree; an idle P has no M and no work.
fn processors(snapshot: &Snapshot<'_>) -> Result<(), &'static str> {
    for (p, processor) in snapshot.processors.iter().enumerate() {
        if let Some(m) = processor.m {
            let thread = snapshot.threads.get(m).ok_or("a P belongs to an unknown M")?;
            if thread.p != Some(p) {
                return Err("a P belongs to an M that does not hold it");
            }
            if processor.idle {
                return Err("an idle P belongs to an M");
            }
        }
        if processor.idle && !processor.empty {
            return Err("an idle P has work on its queue");
        }
    }
    Ok(())
}

/// Notes one more place; nothing if there was one.
fn mark(seen: &mut [u8], index: usize) -> Option<()> {
    let seen = seen.get_mut(index)?;
    *seen += 1;
    (*seen == 1).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn g(status: Status, m: Option<usize>) -> Goroutine {
        Goroutine { status, m }
    }

    const GOOD: Snapshot<'static> = Snapshot {
        goroutines: &[
            g(Status::Running, Some(0)),
            g(Status::Runnable, None),
            g(Status::Waiting, None),
            g(Status::Dead, None),
            g(Status::Runnable, None),
        ],
        threads: &[Thread { running: Some(0), p: Some(1) }, Thread { running: None, p: None }],
        processors: &[
            Processor { m: None, idle: true, empty: true },
            Processor { m: Some(0), idle: false, empty: false },
        ],
        queued: &[4, 1],
        free: &[3],
    };

    fn verdict(snapshot: Snapshot<'_>) -> Result<(), &'static str> {
        check(&snapshot, &mut [9; 5])
    }

    #[test]
    fn a_good_world_passes() {
        assert_eq!(verdict(GOOD), Ok(()));
    }

    #[test]
    fn a_goroutine_in_two_places_is_found() {
        let twice = verdict(Snapshot { queued: &[4, 1, 4], ..GOOD });
        assert_eq!(twice, Err("a goroutine is on run queues twice"));
        let freed_twice = verdict(Snapshot { free: &[3, 3], ..GOOD });
        assert_eq!(freed_twice, Err("a goroutine is on free lists twice"));
        let threads =
            &[Thread { running: Some(0), p: Some(1) }, Thread { running: Some(0), p: None }];
        let two_ms = verdict(Snapshot { threads, ..GOOD });
        assert_eq!(two_ms, Err("an M runs a goroutine that thinks it is elsewhere"));
    }

    #[test]
    fn a_goroutine_in_no_place_is_found() {
        let lost = verdict(Snapshot { queued: &[4], ..GOOD });
        assert_eq!(lost, Err("a runnable goroutine is on no queue"));
        let threads = &[Thread { running: None, p: Some(1) }];
        let stray = verdict(Snapshot { threads, ..GOOD });
        assert_eq!(stray, Err("a running goroutine is on no M"));
    }

    #[test]
    fn a_goroutine_with_the_wrong_status_is_found() {
        let queued = verdict(Snapshot { queued: &[4, 1, 2], ..GOOD });
        assert_eq!(queued, Err("a goroutine on a run queue is not runnable"));
        let free = verdict(Snapshot { free: &[2], ..GOOD });
        assert_eq!(free, Err("a goroutine on a free list is not dead"));
        let threads = &[Thread { running: Some(2), p: Some(1) }];
        let runs = verdict(Snapshot { threads, ..GOOD });
        assert_eq!(runs, Err("an M runs a goroutine that is not running"));
    }

    #[test]
    fn ps_and_ms_that_disagree_are_found() {
        let idle = &[Processor { m: None, idle: true, empty: false }, GOOD.processors[1]];
        let verdict_of =
            |processors: &[Processor]| check(&Snapshot { processors, ..GOOD }, &mut [0; 5]);
        assert_eq!(verdict_of(idle), Err("an idle P has work on its queue"));
        let orphan = &[GOOD.processors[0], Processor { m: None, ..GOOD.processors[1] }];
        assert_eq!(verdict_of(orphan), Err("an M holds a P that thinks it is elsewhere"));
        let stolen = &[Processor { m: Some(1), idle: false, empty: true }, GOOD.processors[1]];
        assert_eq!(verdict_of(stolen), Err("a P belongs to an M that does not hold it"));
    }

    #[test]
    fn unknown_names_are_found() {
        assert!(verdict(Snapshot { queued: &[99], ..GOOD }).is_err());
        assert!(verdict(Snapshot { free: &[99], ..GOOD }).is_err());
        assert!(check(&GOOD, &mut [0; 2]).is_err());
    }
}
