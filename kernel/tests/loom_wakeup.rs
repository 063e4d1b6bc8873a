//! Models of the wake-up protocol (H05): when all is quiet, no work waits beside an idle core
//! that nobody has woken.
//!
//! Submitters stay busy for ever with what they run; other cores go idle through the same steps
//! as the scheduler does, with the real functions and the real ring. What a woken core would do is
//! counted as done: its P is not idle any more and its mark stays.
#![cfg(loom)]

use std::sync::Arc;

use burrow_kernel::queue::runq::{Place, RunNext, RunQueue};
use burrow_kernel::queue::spin::{GoIdle, Spinners, Wake};
use loom::sync::Mutex;
use loom::thread;

mod model;
use model::{Item, Items, check, owner, put};

const CORES: usize = 4;

struct World {
    spinners: Spinners,
    queues: [RunQueue<Item>; CORES],
    /// The scheduler's lock: which cores' Ps are idle.
    idle: Mutex<[bool; CORES]>,
    items: Items,
}

#[derive(Clone, Copy, PartialEq)]
enum M {
    Spins,
    DoesNotSpin,
}

impl World {
    fn new(queues: usize) -> Arc<Self> {
        Arc::new(Self {
            spinners: Spinners::new(),
            queues: Default::default(),
            idle: Mutex::new([false; CORES]),
            items: Items::new(queues),
        })
    }

    /// Core `core` readies item `core` and goes on with what it was doing.
    fn submit(&self, core: usize) {
        put(&owner(&self.queues[core]), &self.items, core, Place::Tail);
        self.act(self.spinners.after_submit());
    }

    /// Core `core` sleeps when the model begins.
    fn asleep(&self, core: usize) {
        self.idle.lock().unwrap()[core] = true;
        self.spinners.p_idle();
    }

    fn act(&self, mut wake: Wake) {
        while wake == Wake::One {
            if self.take_idle(|_| true) {
                return;
            }
            wake = self.spinners.wake_failed();
        }
    }

    /// Takes an idle P that suits, under the lock.
    fn take_idle(&self, suits: impl Fn(usize) -> bool) -> bool {
        let mut idle = self.idle.lock().unwrap();
        let found = (0..CORES).find(|&core| idle[core] && suits(core));
        if let Some(core) = found {
            idle[core] = false;
            self.spinners.p_busy();
        }
        found.is_some()
    }

    /// Core `core` has nothing to run of its own: looks for work, and goes idle without.
    fn find_work(&self, core: usize, mut m: M) {
        loop {
            if self.steal(core) {
                if m == M::Spins {
                    self.act(self.spinners.found_work());
                }
                return;
            }
            {
                let mut idle = self.idle.lock().unwrap();
                idle[core] = true;
                self.spinners.p_idle();
            }
            let again = match m {
                M::Spins => {
                    self.spinners.stop_then_recheck(|| self.any_work().then_some(())).is_some()
                }
                M::DoesNotSpin => self.spinners.idle_then_check() == GoIdle::SpinFirst,
            };
            if !again || !self.take_idle(|idle| idle == core) {
                return;
            }
            self.spinners.start();
            m = M::Spins;
        }
    }

    fn steal(&self, core: usize) -> bool {
        let own = owner(&self.queues[core]);
        self.queues
            .iter()
            .enumerate()
            .filter(|&(victim, _)| victim != core)
            .any(|(_, queue)| queue.thief().steal_into(&own, RunNext::Leave, || ()).is_some())
    }

    fn any_work(&self) -> bool {
        self.queues.iter().any(|queue| !queue.is_empty())
    }

    /// All is quiet.
    fn assert_nothing_forgotten(&self) {
        let idle = *self.idle.lock().unwrap();
        let forgotten = self.any_work() && idle.contains(&true) && self.spinners.spinning() == 0;
        assert!(!forgotten, "work waits, {idle:?} sleep, nobody will look");
    }
}

fn run(preemptions: usize, submitters: usize, seekers: &'static [M], prepare: fn(&World)) {
    check(preemptions, move || {
        let world = World::new(submitters);
        for m in seekers {
            if *m == M::Spins {
                world.spinners.start();
            }
        }
        prepare(&world);
        let mut others = Vec::new();
        for core in 1..submitters {
            let world = world.clone();
            others.push(thread::spawn(move || world.submit(core)));
        }
        for (i, &m) in seekers.iter().enumerate() {
            let world = world.clone();
            others.push(thread::spawn(move || world.find_work(submitters + i, m)));
        }
        world.submit(0);
        for other in others {
            other.join().unwrap();
        }
        world.assert_nothing_forgotten();
    });
}

// covers: H05
#[test]
fn a_spinner_gives_up_while_work_arrives() {
    run(5, 1, &[M::Spins], |_| ());
}

// covers: H05
#[test]
fn a_core_goes_idle_without_spinning_while_work_arrives() {
    run(5, 1, &[M::DoesNotSpin], |_| ());
}

// covers: H05
#[test]
fn two_submitters_rely_on_one_spinner() {
    run(3, 2, &[M::Spins], |_| ());
}

// covers: H05
#[test]
fn a_spinner_that_finds_one_work_wakes_a_core_for_the_other() {
    run(3, 2, &[M::Spins], |world| world.asleep(3));
}

// covers: H05
#[test]
fn two_submitters_rely_on_one_needspinning() {
    run(3, 2, &[M::DoesNotSpin], |_| ());
}

// covers: H05
#[test]
fn a_submitter_relies_on_needspinning_set_long_ago() {
    run(5, 1, &[M::DoesNotSpin], |world| {
        assert_eq!(world.spinners.after_submit(), Wake::Nobody);
        assert!(world.spinners.needspinning());
    });
}

// covers: H05
#[test]
fn a_spinner_and_another_go_idle_while_work_arrives() {
    run(3, 1, &[M::Spins, M::DoesNotSpin], |_| ());
}

// covers: H05
#[test]
fn two_cores_answer_needspinning_set_long_ago() {
    run(2, 1, &[M::DoesNotSpin, M::DoesNotSpin], |world| {
        assert_eq!(world.spinners.after_submit(), Wake::Nobody);
    });
}

// covers: H05
#[test]
fn a_wake_fails_because_the_idle_core_was_taken() {
    // Core 2's P was idle when the others started; a device's work takes it meanwhile.
    check(4, || {
        let world = World::new(1);
        world.asleep(2);
        let device = {
            let world = world.clone();
            thread::spawn(move || world.take_idle(|core| core == 2))
        };
        let seeker = {
            let world = world.clone();
            thread::spawn(move || world.find_work(1, M::DoesNotSpin))
        };
        world.submit(0);
        device.join().unwrap();
        seeker.join().unwrap();
        world.assert_nothing_forgotten();
    });
}
