//! Models of the mailbox and the decision to halt: no item lost, none waits for an interrupt that
//! does not come (H24, H27).
//!
//! A parked thread stands for a halted core, `unpark` for the interrupt: it stays pending until
//! the halt, as when unmasking and halting are one step. Loom reports a core that never wakes as
//! a dead-lock. `unpark` orders like a release, as sending an interrupt must.
#![cfg(loom)]

use std::sync::Arc;

use burrow_kernel::kthread::mailbox::{Mailbox, Was};
use loom::thread;

mod model;
use model::{Item, Items, assert_each_once, check, ids};

type World = Arc<(Mailbox<Item>, Items)>;

fn deliver(world: &World, id: usize, to: &thread::Thread) {
    // SAFETY: the model's items live until its end; each is pushed once.
    if unsafe { world.0.push(world.1.make(id)) } == Was::Empty {
        to.unpark();
    }
}

fn deliveries(preemptions: usize, pushers: usize, each: usize) {
    check(preemptions, move || {
        let world: World = Arc::new((Mailbox::new(), Items::new(pushers * each)));
        let core = thread::current();
        let threads: Vec<_> = (0..pushers)
            .map(|pusher| {
                let (world, core) = (world.clone(), core.clone());
                thread::spawn(move || {
                    for id in pusher * each..(pusher + 1) * each {
                        deliver(&world, id, &core);
                    }
                })
            })
            .collect();
        let mut found = Vec::new();
        while found.len() < pushers * each {
            found.extend(ids(world.0.take_all()));
            // From here on interrupts are masked.
            if found.len() < pushers * each && world.0.is_empty() {
                thread::park();
            }
        }
        for thread in threads {
            thread.join().unwrap();
        }
        for pusher in 0..pushers {
            assert!(found.iter().filter(|&&id| id / each == pusher).is_sorted());
        }
        assert_each_once(found, pushers * each);
    });
}

// covers: H24, H27, H26
#[test]
fn one_pusher_fills_the_mailbox_again_and_again() {
    deliveries(6, 1, 3);
}

// covers: H24, H27, H28
#[test]
fn of_two_pushers_one_interrupts() {
    deliveries(6, 2, 1);
}
