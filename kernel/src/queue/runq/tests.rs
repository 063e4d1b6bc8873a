//! Tests of the ring on real threads; `tests/loom_runq.rs` has the models.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::queue::item::{Item, Items, id, ids};
use crate::queue::order::Rng;

const CAPACITY: usize = RING as usize;

fn no_overflow(batch: List<Item>) {
    panic!("overflow of {}", batch.len());
}

/// Puts item `id`, which must fit.
fn put(owner: &Owner<'_, Item>, items: &Items, id: usize, place: Place) {
    // SAFETY: the tests' items outlive their queues, and each is queued once.
    unsafe { owner.put(items.get(id), place, no_overflow) };
}

fn owner(queue: &RunQueue<Item>) -> Owner<'_, Item> {
    // SAFETY: each test has one thread that acts as owner.
    unsafe { queue.owner() }
}

// covers: S18
#[test]
fn what_is_put_comes_out_in_order_at_every_fill() {
    let (items, queue) = (Items::new(CAPACITY), RunQueue::new());
    let owner = owner(&queue);
    for fill in 0..=CAPACITY {
        assert!(queue.is_empty() && owner.get().is_none());
        (0..fill).for_each(|id| put(&owner, &items, id, Place::Tail));
        assert_eq!((owner.len() as usize, queue.is_empty()), (fill, fill == 0));
        for expected in 0..fill {
            assert_eq!(owner.get().map(|(i, s)| (id(i), s)), Some((expected, Slice::New)));
        }
    }
}

// covers: S18
#[test]
fn the_next_item_goes_first_and_sends_its_predecessor_to_the_tail() {
    let (items, queue) = (Items::new(3), RunQueue::new());
    let owner = owner(&queue);
    put(&owner, &items, 0, Place::Tail);
    put(&owner, &items, 1, Place::Next);
    put(&owner, &items, 2, Place::Next);
    let mut named = Vec::new();
    queue.for_each(|item| named.push(id(item)));
    assert_eq!(named, [2, 0, 1]);
    assert_eq!(owner.get().map(|(i, s)| (id(i), s)), Some((2, Slice::Inherit)));
    assert_eq!(ids(owner.drain()), [0, 1]);
    put(&owner, &items, 0, Place::Tail);
    put(&owner, &items, 1, Place::Next);
    assert_eq!(ids(owner.drain()), [1, 0]);
}

#[test]
fn a_full_ring_gives_half_away_in_order() {
    let (items, queue) = (Items::new(CAPACITY + 1), RunQueue::new());
    let owner = owner(&queue);
    (0..CAPACITY).for_each(|id| put(&owner, &items, id, Place::Tail));
    let mut given = Vec::new();
    // SAFETY: as in `put`.
    unsafe { owner.put(items.get(CAPACITY), Place::Tail, |batch| given = ids(batch)) };
    assert!(given.into_iter().eq((0..CAPACITY / 2).chain([CAPACITY])));
    assert!(ids(owner.drain()).into_iter().eq(CAPACITY / 2..CAPACITY));
}

#[test]
fn a_batch_fills_the_ring_and_the_rest_comes_back() {
    let (items, queue) = (Items::new(CAPACITY + 10), RunQueue::new());
    let owner = owner(&queue);
    (0..4).for_each(|id| put(&owner, &items, id, Place::Tail));
    let mut batch = List::new();
    for id in 4..CAPACITY + 10 {
        // SAFETY: as in `put`.
        unsafe { batch.push_back(items.get(id)) };
    }
    assert!(ids(owner.put_batch(batch)).into_iter().eq(CAPACITY..CAPACITY + 10));
    assert!(ids(owner.drain()).into_iter().eq(0..CAPACITY));
}

// covers: S19
#[test]
fn stealing_takes_half_at_every_fill() {
    let (items, from, to) = (Items::new(CAPACITY), RunQueue::new(), RunQueue::new());
    let (victim, robber) = (owner(&from), owner(&to));
    for fill in 0..=CAPACITY {
        (0..fill).for_each(|id| put(&victim, &items, id, Place::Tail));
        let to_run = from.thief().steal_into(&robber, RunNext::Take, || ());
        let mut stolen = ids(robber.drain());
        stolen.extend(to_run.map(id));
        let kept = ids(victim.drain());
        assert!(stolen.len().abs_diff(kept.len()) <= 1);
        assert!(stolen.into_iter().chain(kept).eq(0..fill), "each in one place, in order");
    }
}

// covers: S19
#[test]
fn the_next_item_is_stolen_last_and_only_when_allowed() {
    let (items, from, to) = (Items::new(2), RunQueue::new(), RunQueue::new());
    let (victim, robber) = (owner(&from), owner(&to));
    let steal =
        |next, back_off: &mut dyn FnMut()| from.thief().steal_into(&robber, next, back_off).map(id);
    put(&victim, &items, 0, Place::Next);
    assert_eq!(steal(RunNext::Leave, &mut || ()), None);
    put(&victim, &items, 1, Place::Tail);
    assert_eq!(steal(RunNext::Take, &mut || panic!("no need to wait")), Some(1));
    // Its owner runs it while the thief backs off.
    assert_eq!(steal(RunNext::Take, &mut || assert!(victim.get().is_some())), None);
    put(&victim, &items, 0, Place::Next);
    assert_eq!(steal(RunNext::Take, &mut || ()), Some(0));
    assert!(from.is_empty() && to.is_empty());
}

// covers: S20
#[test]
fn a_queue_whose_items_move_is_never_seen_empty() {
    const ROUNDS: usize = 100_000;
    let (items, queue) = (Items::new(2), RunQueue::new());
    // Odd: the queue may be looked at; even: the answer is in.
    let turn = AtomicUsize::new(0);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let owner = owner(&queue);
            for round in 0..ROUNDS {
                let place = |bit| if round & bit == 0 { Place::Next } else { Place::Tail };
                put(&owner, &items, 0, place(1));
                turn.store(2 * round + 1, Ordering::Release);
                put(&owner, &items, 1, place(2));
                owner.get().expect("two were put");
                while turn.load(Ordering::Acquire) != 2 * round + 2 {
                    std::hint::spin_loop();
                }
                owner.get().expect("one was left");
            }
        });
        for round in 0..ROUNDS {
            while turn.load(Ordering::Acquire) != 2 * round + 1 {
                std::hint::spin_loop();
            }
            assert!(!queue.is_empty(), "round {round}");
            turn.store(2 * round + 2, Ordering::Release);
        }
    });
}

// covers: S18, S19
#[test]
fn random_steps_agree_with_a_model() {
    let mut overflows = 0;
    for seed in 0..20 {
        let rng = Rng::new(seed);
        let items = Items::new(2 * CAPACITY);
        let (queue, robbers) = (RunQueue::new(), RunQueue::new());
        let (owner, robber) = (owner(&queue), owner(&robbers));
        let mut idle: Vec<usize> = (0..2 * CAPACITY).collect();
        let (mut next, mut ring) = (None, VecDeque::new());
        // Mostly filling in some stretches, mostly emptying in others.
        for step in 0..5_000 {
            let filling = u32::from(step / 500 % 2 == 0);
            match (rng.below(8), idle.pop()) {
                (0..2, Some(new)) => {
                    let (place, to_tail) = match rng.below(2) {
                        0 => (Place::Tail, Some(new)),
                        _ => (Place::Next, next.replace(new)),
                    };
                    let mut gone = Vec::new();
                    // SAFETY: as in `put`; an idle item is on no queue.
                    unsafe { owner.put(items.get(new), place, |batch| gone = ids(batch)) };
                    let room = ring.len() < CAPACITY;
                    let expected: Vec<_> = match to_tail {
                        Some(last) if !room => ring.drain(..CAPACITY / 2).chain([last]).collect(),
                        last => {
                            ring.extend(last);
                            Vec::new()
                        }
                    };
                    assert_eq!(gone, expected);
                    overflows += usize::from(!gone.is_empty());
                    idle.extend(gone);
                }
                (2, Some(new)) if filling == 0 => {
                    idle.push(new);
                    let stolen = queue.thief().steal_into(&robber, RunNext::Take, || ());
                    let mut stolen: Vec<_> = stolen.into_iter().map(id).collect();
                    stolen.splice(0..0, ids(robber.drain()));
                    let half = ring.len().div_ceil(2);
                    let mut expected: Vec<_> = ring.drain(..half).collect();
                    if half == 0 {
                        expected.extend(next.take());
                    }
                    assert_eq!(stolen, expected);
                    idle.extend(stolen);
                }
                (pick, unused) => {
                    idle.extend(unused);
                    if pick <= 3 + 4 * (1 - filling) {
                        let got = owner.get().map(|(item, _)| id(item));
                        assert_eq!(got, next.take().or_else(|| ring.pop_front()));
                        idle.extend(got);
                    } else if let Some(new) = idle.pop() {
                        put_if_room(&owner, &items, new, &mut ring, &mut idle);
                    }
                }
            }
            assert_eq!(owner.len() as usize, ring.len() + usize::from(next.is_some()));
            assert_eq!(queue.is_empty(), ring.is_empty() && next.is_none());
        }
        drop(ids(owner.drain()));
    }
    assert!(overflows > 0, "the steps never filled the ring");
}

fn put_if_room(
    owner: &Owner<'_, Item>,
    items: &Items,
    new: usize,
    ring: &mut VecDeque<usize>,
    idle: &mut Vec<usize>,
) {
    let mut batch = List::new();
    // SAFETY: as in `put`; an idle item is on no queue.
    unsafe { batch.push_back(items.get(new)) };
    let rest = ids(owner.put_batch(batch));
    assert_eq!(rest.len(), usize::from(ring.len() == CAPACITY));
    if rest.is_empty() {
        ring.push_back(new);
    }
    idle.extend(rest);
}

// covers: S19, S38
#[test]
fn thieves_on_all_cores_lose_and_double_nothing() {
    const ITEMS: usize = 200_000;
    let (items, queue) = (Items::new(ITEMS), RunQueue::new());
    let seen: Vec<AtomicUsize> = (0..ITEMS).map(|_| AtomicUsize::new(0)).collect();
    let found = AtomicUsize::new(0);
    let take = |item| {
        seen[id(item)].fetch_add(1, Ordering::Relaxed);
        found.fetch_add(1, Ordering::Relaxed);
    };
    std::thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                let own_queue = RunQueue::new();
                let own = owner(&own_queue);
                while found.load(Ordering::Relaxed) < ITEMS {
                    let item =
                        queue.thief().steal_into(&own, RunNext::Take, std::thread::yield_now);
                    item.into_iter().for_each(take);
                    while let Some((item, _)) = own.get() {
                        take(item);
                    }
                }
            });
        }
        let owner = owner(&queue);
        for id in 0..ITEMS {
            let place = if id % 3 == 0 { Place::Next } else { Place::Tail };
            let spill = |mut batch: List<Item>| {
                while let Some(item) = batch.pop_front() {
                    take(item);
                }
            };
            // SAFETY: as in `put`.
            unsafe { owner.put(items.get(id), place, spill) };
            if id % 5 == 0 {
                owner.get().into_iter().for_each(|(item, _)| take(item));
            }
        }
        while let Some((item, _)) = owner.get() {
            take(item);
        }
    });
    assert!(seen.iter().all(|times| times.load(Ordering::Relaxed) == 1));
}
