//! Models of the P-local ring: nothing lost, nothing doubled, contents handed over, never seen
//! empty while it is not. The ring has four slots here.
#![cfg(loom)]

use std::sync::Arc;

use burrow_kernel::queue::runq::Place::{Next, Tail};
use burrow_kernel::queue::runq::{RING, RunNext, RunQueue};
use loom::thread;

mod model;
use model::{Item, Items, assert_each_once, check, id, owner, put, rest};

/// A thief with a queue of its own: one theft, then all that it got.
fn rob(victim: &RunQueue<Item>, next: RunNext) -> Vec<usize> {
    let own = RunQueue::new();
    let own = owner(&own);
    let mut got: Vec<_> =
        victim.thief().steal_into(&own, next, || ()).map(id).into_iter().collect();
    got.extend(rest(&own));
    got
}

/// Runs `thieves` thefts against what the owner does; each item must turn up once.
fn against_thieves(
    preemptions: usize,
    items: usize,
    thieves: usize,
    next: RunNext,
    act: fn(&RunQueue<Item>, &Items) -> Vec<usize>,
) {
    check(preemptions, move || {
        let world = Arc::new((RunQueue::new(), Items::new(items)));
        let thieves: Vec<_> = (0..thieves)
            .map(|_| {
                let world = world.clone();
                thread::spawn(move || rob(&world.0, next))
            })
            .collect();
        let mut found = act(&world.0, &world.1);
        for thief in thieves {
            found.extend(thief.join().unwrap());
        }
        found.extend(rest(&owner(&world.0)));
        assert_each_once(found, items);
    });
}

// covers: S18, S19, H26
#[test]
fn owner_and_thief_share_the_ring() {
    against_thieves(6, 3, 1, RunNext::Leave, |queue, items| {
        let owner = owner(queue);
        let mut found = put(&owner, items, 0, Tail);
        found.extend(put(&owner, items, 1, Tail));
        found.extend(owner.get().map(|(item, _)| id(item)));
        found.extend(put(&owner, items, 2, Tail));
        found.extend(owner.get().map(|(item, _)| id(item)));
        found
    });
}

// covers: S19, H26
#[test]
fn owner_and_thief_race_for_the_next_item() {
    against_thieves(6, 3, 1, RunNext::Take, |queue, items| {
        let owner = owner(queue);
        let mut found = put(&owner, items, 0, Next);
        found.extend(put(&owner, items, 1, Next));
        found.extend(owner.get().map(|(item, _)| id(item)));
        found.extend(put(&owner, items, 2, Next));
        found
    });
}

// covers: S19
#[test]
fn two_thieves_share_with_the_owner() {
    against_thieves(4, 3, 2, RunNext::Take, |queue, items| {
        let owner = owner(queue);
        let mut found = put(&owner, items, 0, Next);
        found.extend(put(&owner, items, 1, Tail));
        found.extend(put(&owner, items, 2, Tail));
        found.extend(owner.get().map(|(item, _)| id(item)));
        found
    });
}

// covers: S18, S19
#[test]
fn overflow_races_with_a_thief_and_slots_are_used_again() {
    const ITEMS: usize = RING as usize + 2;
    against_thieves(6, ITEMS, 1, RunNext::Leave, |queue, items| {
        let owner = owner(queue);
        (0..ITEMS).flat_map(|id| put(&owner, items, id, Tail)).collect()
    });
}

// covers: S19
#[test]
fn draining_races_with_a_thief() {
    against_thieves(6, 3, 1, RunNext::Take, |queue, items| {
        let owner = owner(queue);
        let mut found = put(&owner, items, 0, Tail);
        found.extend(put(&owner, items, 1, Tail));
        found.extend(put(&owner, items, 2, Next));
        found.extend(model::ids(owner.drain()));
        found
    });
}

// covers: S19
#[test]
fn stolen_items_can_be_stolen_on() {
    check(6, || {
        let world = Arc::new((RunQueue::new(), RunQueue::new(), Items::new(4)));
        for id in 0..4 {
            put(&owner(&world.0), &world.2, id, Tail);
        }
        let second = {
            let world = world.clone();
            thread::spawn(move || rob(&world.1, RunNext::Leave))
        };
        let own = owner(&world.1);
        let stolen = world.0.thief().steal_into(&own, RunNext::Leave, || ());
        let mut found: Vec<_> = stolen.map(id).into_iter().collect();
        found.extend(rest(&own));
        found.extend(second.join().unwrap());
        found.extend(rest(&owner(&world.0)));
        assert_each_once(found, 4);
    });
}

// covers: S20
#[test]
fn a_queue_whose_items_move_is_never_seen_empty() {
    for (first, second) in [(Next, Next), (Next, Tail), (Tail, Next), (Tail, Tail)] {
        check(6, move || {
            let world = Arc::new((RunQueue::new(), Items::new(2)));
            put(&owner(&world.0), &world.1, 0, first);
            let observer = {
                let world = world.clone();
                thread::spawn(move || assert!(!world.0.is_empty(), "{first:?}, {second:?}"))
            };
            let owner = owner(&world.0);
            put(&owner, &world.1, 1, second);
            assert!(owner.get().is_some());
            observer.join().unwrap();
            assert_eq!(rest(&owner).len(), 1);
        });
    }
}
