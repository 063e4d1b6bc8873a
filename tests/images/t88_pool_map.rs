//! Pool, Map, AtomicValue.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::collections::BTreeMap;
use burrow::kernel::sync::pin;
use burrow::kernel::sync::pool::{PoolChain, PoolDequeue};
use burrow::prelude::*;
use burrow::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use burrow::sync::{AtomicValue, Map, Pool, WaitGroup};

burrow::test_main!();

/// Runs `f` in so many goroutines and waits for all.
fn crowd(goroutines: usize, f: impl Fn(usize) + Send + Sync + 'static) {
    let (group, f) = (WaitGroup::new(), Arc::new(f));
    for id in 0..goroutines {
        let f = f.clone();
        group.go(move || f(id));
    }
    group.wait();
}

/// The same numbers every time.
struct Numbers(u32);

impl Numbers {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) % limit
    }
}

#[burrow::test]
fn a_pool_gives_the_newest_of_its_p_first() {
    // covers: X26
    static MADE: AtomicU32 = AtomicU32::new(0);
    let pool = Pool::new(|| MADE.fetch_add(1, Ordering::Relaxed) + 1_000);
    assert_eq!((pool.try_get(), pool.get()), (None, 1_000));
    // On one P throughout: it is what the values belong to.
    let pinned = pin();
    (0..100).for_each(|n| pool.put(n));
    let newest_first = (0..100).rev().all(|n| pool.get() == n);
    let rest = (pool.try_get(), pool.get());
    pool.put(7);
    let again = (pool.get(), pool.try_get());
    drop(pinned);
    assert!(newest_first);
    assert_eq!((rest, again), ((None, 1_001), (7, None)));
}

#[burrow::test]
fn a_pool_drops_what_it_keeps() {
    let value = Arc::new(());
    let pool = Pool::new(Arc::<()>::default);
    (0..1_000).for_each(|_| pool.put(value.clone()));
    drop(pool.try_get());
    assert_eq!(Arc::strong_count(&value), 1_000);
    drop(pool);
    assert_eq!(Arc::strong_count(&value), 1);
}

#[burrow::test]
fn a_pool_serves_all_cores() {
    // A static keeps what it was given.
    burrow::test::keeps();
    // covers: X26
    static POOL: Pool<Box<usize>> = Pool::new(|| Box::new(usize::MAX));
    crowd(10, |id| {
        for n in 0..2_000 {
            POOL.put(Box::new(id * 10_000 + n));
            let got = POOL.get();
            assert!(*got == usize::MAX || *got < 100_000);
            if n.is_multiple_of(50) {
                runtime::gosched();
            }
        }
    });
    // What is left is found from any core.
    let mut left = 0;
    while POOL.try_get().is_some() {
        left += 1;
    }
    assert!(left <= 20_000);
}

/// A producer that also pops, and nine consumers: each value once.
fn each_once(
    values: usize,
    push: impl Fn(usize) -> bool + Send + 'static,
    pop_head: impl Fn() -> Option<usize> + Send + 'static,
    pop_tail: impl Fn() -> Option<usize> + Send + Sync + 'static,
) {
    let seen: Arc<Vec<AtomicU32>> = Arc::new((0..values).map(|_| AtomicU32::new(0)).collect());
    let (done, pop_tail) = (Arc::new(AtomicBool::new(false)), Arc::new(pop_tail));
    let all = WaitGroup::new();
    for _ in 0..9 {
        let (seen, done, pop_tail) = (seen.clone(), done.clone(), pop_tail.clone());
        all.go(move || {
            loop {
                // Before the look: what is there then is all there is.
                let last = done.load(Ordering::Acquire);
                match pop_tail() {
                    Some(value) => {
                        seen[value].fetch_add(1, Ordering::Relaxed);
                    }
                    None if last => return,
                    None => runtime::gosched(),
                }
            }
        });
    }
    let (log, end) = (seen.clone(), done.clone());
    all.go(move || {
        for value in 0..values {
            while !push(value) {
                runtime::gosched();
            }
            if value.is_multiple_of(10)
                && let Some(value) = pop_head()
            {
                log[value].fetch_add(1, Ordering::Relaxed);
            }
        }
        end.store(true, Ordering::Release);
    });
    all.wait();
    assert!(seen.iter().all(|times| times.load(Ordering::Relaxed) == 1));
}

#[burrow::test]
fn a_ring_gives_each_value_once() {
    // covers: X28
    let ring = Arc::new(PoolDequeue::new(16));
    let (head, tail) = (ring.clone(), ring.clone());
    each_once(
        20_000,
        // SAFETY: one goroutine is the producer.
        move |value| unsafe { ring.push_head(value) }.is_ok(),
        // SAFETY: the same goroutine.
        move || unsafe { head.pop_head() },
        move || tail.pop_tail(),
    );
}

#[burrow::test]
fn a_chain_gives_each_value_once() {
    // covers: X28
    let chain = Arc::new(PoolChain::new());
    let (head, tail) = (chain.clone(), chain.clone());
    each_once(
        20_000,
        move |value| {
            // SAFETY: one goroutine is the producer.
            unsafe { chain.push_head(value) };
            true
        },
        // SAFETY: the same goroutine.
        move || unsafe { head.pop_head() },
        move || tail.pop_tail(),
    );
}

#[burrow::test]
fn a_map_does_what_a_plain_one_does() {
    // covers: X30
    for seed in 0..20 {
        let mut numbers = Numbers(seed);
        let (map, mut plain) = (Map::<u32, u32>::new(), BTreeMap::new());
        for _ in 0..500 {
            let (key, value, old) = (numbers.below(16), numbers.below(4), numbers.below(4));
            match numbers.below(40) {
                0..8 => assert_eq!(map.load(&key), plain.get(&key).copied()),
                8..14 => {
                    map.store(key, value);
                    plain.insert(key, value);
                }
                14..18 => {
                    let there = plain.get(&key).copied();
                    let expected = (*plain.entry(key).or_insert(value), there.is_some());
                    assert_eq!(map.load_or_store(key, value), expected);
                }
                18..22 => assert_eq!(map.load_and_delete(&key), plain.remove(&key)),
                22..26 => assert_eq!(map.swap(key, value), plain.insert(key, value)),
                26..32 => {
                    let same = plain.get(&key) == Some(&old);
                    if same {
                        plain.insert(key, value);
                    }
                    assert_eq!(map.compare_and_swap(&key, &old, value), same);
                }
                32..36 => {
                    let same = plain.get(&key) == Some(&old);
                    if same {
                        plain.remove(&key);
                    }
                    assert_eq!(map.compare_and_delete(&key, &old), same);
                }
                36 => {
                    map.delete(&key);
                    plain.remove(&key);
                }
                37 if value == 0 => {
                    map.clear();
                    plain.clear();
                }
                _ => {
                    let mut found = BTreeMap::new();
                    map.range(|key, value| found.insert(*key, *value).is_none());
                    assert_eq!(found, plain);
                }
            }
        }
    }
}

#[burrow::test]
fn a_range_may_use_its_map() {
    let map = Map::<u32, u32>::default();
    map.range(|_, _| unreachable!("empty"));
    (0..100).for_each(|n| map.store(n, n));
    let mut seen = Vec::new();
    map.range(|key, value| {
        // What was added meanwhile may be met or not.
        if *key >= 1_000 {
            return true;
        }
        assert_eq!(key, value);
        map.store(key + 1_000, 0);
        map.delete(key);
        map.range(|_, _| false);
        assert_eq!(map.load(key), None);
        seen.push(*key);
        true
    });
    seen.sort_unstable();
    assert!(seen.iter().copied().eq(0..100));
    map.clear();
    map.range(|_, _| unreachable!("cleared"));
    let mut calls = 0;
    (0..100).for_each(|n| map.store(n, n));
    map.range(|_, _| {
        calls += 1;
        calls < 10
    });
    assert_eq!(calls, 10);
}

#[burrow::test]
fn a_map_takes_borrowed_keys_and_owns_its_values() {
    let (map, value) = (Map::<String, Arc<()>>::new(), Arc::new(()));
    for word in ["one", "two", "three"] {
        map.store(word.to_owned(), value.clone());
        map.store(word.to_owned(), value.clone());
    }
    assert!(map.load("one").is_some() && map.load("four").is_none());
    assert_eq!(Arc::strong_count(&value), 4);
    map.delete("one");
    assert!(map.load_or_store("one".into(), value.clone()) == (value.clone(), false));
    assert!(map.compare_and_delete("two", &value) && !map.compare_and_delete("two", &value));
    assert_eq!(Arc::strong_count(&value), 3);
    drop(map);
    assert_eq!(Arc::strong_count(&value), 1);
}

#[burrow::test]
fn a_missing_key_is_not_swapped() {
    // covers: X33
    let map = Map::<u32, u32>::new();
    assert!(!map.compare_and_swap(&1, &0, 2) && !map.compare_and_delete(&1, &0));
    map.store(1, 5);
    assert!(!map.compare_and_swap(&1, &0, 2) && map.compare_and_swap(&1, &5, 2));
    assert!(!map.compare_and_swap(&2, &5, 2));
    assert_eq!((map.load(&1), map.load(&2)), (Some(2), None));
}

#[burrow::test]
fn clearing_beside_stores_leaves_nothing() {
    // A static keeps what it was given.
    burrow::test::keeps();
    // covers: X33
    static MAP: Map<usize, usize> = Map::new();
    for _ in 0..20 {
        crowd(8, |id| {
            for n in 0..100 {
                match id {
                    0..3 => MAP.store(n, id),
                    3..6 => assert!(MAP.load(&n).is_none_or(|value| value < 3)),
                    _ => MAP.clear(),
                }
            }
        });
        MAP.clear();
        MAP.range(|_, _| unreachable!("cleared"));
    }
}

#[burrow::test]
fn a_map_counts_beside_others() {
    // A static keeps what it was given.
    burrow::test::keeps();
    // covers: X30
    static MAP: Map<u32, usize> = Map::new();
    crowd(8, |id| {
        for n in 0..500 {
            let key = (n + id as u32) % 7;
            loop {
                let (old, loaded) = MAP.load_or_store(key, 1);
                if !loaded || MAP.compare_and_swap(&key, &old, old + 1) {
                    break;
                }
            }
        }
    });
    let mut sum = 0;
    MAP.range(|_, value| {
        sum += value;
        true
    });
    assert_eq!(sum, 4_000);
}

/// Torn if the two differ.
#[derive(Clone)]
struct Pair(usize, usize);

#[burrow::test]
fn an_atomic_value_is_never_torn() {
    // A static keeps what it was given.
    burrow::test::keeps();
    // covers: X34
    static VALUE: AtomicValue<Pair> = AtomicValue::new();
    static SWAPPED: AtomicUsize = AtomicUsize::new(0);
    static STORED: AtomicUsize = AtomicUsize::new(0);
    assert!(VALUE.load().is_none());
    assert!(VALUE.compare_and_swap(None, Pair(0, 0)) && !VALUE.compare_and_swap(None, Pair(1, 1)));
    crowd(8, |id| {
        for n in 0..1_000 {
            let new = id * 1_000 + n;
            let now = VALUE.load().expect("set");
            assert_eq!(now.0, now.1);
            // Every value that was put in comes out once by a swap, or is the last one.
            if id.is_multiple_of(2) {
                STORED.fetch_add(new, Ordering::Relaxed);
                let old = VALUE.swap(Pair(new, new)).expect("set");
                SWAPPED.fetch_add(old.0, Ordering::Relaxed);
            } else if VALUE.compare_and_swap(Some(&now), Pair(new, new)) {
                STORED.fetch_add(new, Ordering::Relaxed);
                SWAPPED.fetch_add(now.0, Ordering::Relaxed);
            }
        }
    });
    let last = VALUE.load().expect("set").0;
    assert_eq!(STORED.load(Ordering::Relaxed), SWAPPED.load(Ordering::Relaxed) + last);
}

#[burrow::test]
fn an_atomic_value_drops_what_it_replaces() {
    let (first, value) = (Arc::new(1), AtomicValue::default());
    value.store(first.clone());
    assert_eq!(Arc::strong_count(&first), 2);
    value.store(2);
    assert_eq!(Arc::strong_count(&first), 1);
    assert!(!value.compare_and_swap(Some(&first), first.clone()));
    assert_eq!((Arc::strong_count(&first), value.load().as_deref()), (1, Some(&2)));
}
