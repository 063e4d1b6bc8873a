//! Model of the idle mask: a core that goes to sleep and a handler elsewhere that readies
//! something for whoever is idle (law 6). As in `loom_mailbox.rs` a parked thread is a halted core.
#![cfg(loom)]

use std::sync::Arc;

use burrow_kernel::kthread::mailbox::Mailbox;
use burrow_kernel::queue::mask::CoreMask;
use loom::thread;

mod model;
use model::{Items, assert_each_once, check, ids};

/// `busy`: another core will take the work sooner or later if nobody is idle.
fn submit_while_going_idle(sleepers: usize) {
    check(6, move || {
        let world = Arc::new((CoreMask::new(), Mailbox::new(), Items::new(1)));
        let cores: Vec<_> = (0..sleepers)
            .map(|core| {
                let world = world.clone();
                thread::spawn(move || {
                    world.0.announce(core);
                    if world.1.is_empty() {
                        thread::park();
                    }
                    world.0.clear(core);
                    ids(world.1.take_all())
                })
            })
            .collect();
        // SAFETY: the model's items live until its end; it is pushed once.
        let _ = unsafe { world.1.push(world.2.make(0)) };
        // Nobody idle yet: the others find the work themselves, which is what is claimed.
        let poked = world.0.take_after_submit(0);
        if let Some(core) = poked {
            cores[core].thread().unpark();
        }
        let mut found = Vec::new();
        for (core, handle) in cores.into_iter().enumerate() {
            // Those that were not needed sleep on; end the model for them.
            if sleepers > 1 && poked != Some(core) {
                handle.thread().unpark();
            }
            found.extend(handle.join().unwrap());
        }
        assert_each_once(found, 1);
        assert!(world.0.snapshot().is_empty());
    });
}

// covers: H05, H24
#[test]
fn a_core_that_goes_to_sleep_is_poked_or_finds_the_work() {
    submit_while_going_idle(1);
}

// covers: H05
#[test]
fn a_core_is_taken_from_the_mask_once() {
    check(6, || {
        let mask = Arc::new(CoreMask::new());
        mask.set(1);
        mask.set(2);
        let other = {
            let mask = mask.clone();
            thread::spawn(move || mask.take_any(0))
        };
        let mine = mask.take_any(0);
        let other = other.join().unwrap();
        assert!(mine.is_some() && other.is_some() && mine != other);
        assert!(mask.snapshot().is_empty());
    });
}
