//! Model of the idle mask: a core that goes to sleep and a handler elsewhere that readies
//! something for whoever is idle (law 6). As in `loom_mailbox.rs` a parked thread is a halted core.
#![cfg(loom)]

use std::sync::Arc;

use burrow_kernel::kthread::mailbox::Mailbox;
use burrow_kernel::queue::mask::CoreMask;
use loom::thread;

mod model;
use model::{Items, assert_each_once, check, ids};

// covers: H05, H24
#[test]
fn a_core_that_goes_to_sleep_is_poked_or_finds_the_work() {
    check(6, || {
        let world = Arc::new((CoreMask::new(), Mailbox::new(), Items::new(1)));
        let core = {
            let world = world.clone();
            thread::spawn(move || {
                world.0.announce(0);
                // From here on interrupts are masked.
                if world.1.is_empty() {
                    thread::park();
                }
                world.0.clear(0);
                ids(world.1.take_all())
            })
        };
        // SAFETY: the model's items live until its end; it is pushed once.
        let _ = unsafe { world.1.push(world.2.make(0)) };
        if world.0.take_after_submit(0).is_some() {
            core.thread().unpark();
        }
        assert_each_once(core.join().unwrap(), 1);
        assert!(world.0.snapshot().is_empty());
    });
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
