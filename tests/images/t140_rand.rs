//! Randomness: secrets, the program's numbers, and runs that repeat themselves; the crates' back
//! ends for sections and logging.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::Cell;

use burrow::collections::{HashMap, HashSet};
use burrow::prelude::*;
use burrow::rand;
use burrow::runtime::{gomaxprocs, gosched};
use critical_section::Mutex as Section;

burrow::test_main!();

/// How many of the bits are set, in thousandths.
fn ones(bytes: &[u8]) -> u32 {
    let ones: u32 = bytes.iter().map(|byte| byte.count_ones()).sum();
    (u64::from(ones) * 1000 / (bytes.len() as u64 * 8)) as u32
}

#[burrow::test]
fn bytes_fill_whatever_length() {
    for len in [0, 1, 7, 31, 32, 33, 63, 64, 65, 255, 256, 257, 4096] {
        // Where every byte was changed at some time, none is left out.
        let mut changed = vec![false; len];
        for _ in 0..8 {
            let mut bytes = vec![0; len + 2];
            rand::fill(&mut bytes[1..=len]);
            assert_eq!((bytes[0], bytes[len + 1]), (0, 0), "{len}: beyond its bounds");
            changed.iter_mut().zip(&bytes[1..]).for_each(|(changed, byte)| *changed |= *byte != 0);
        }
        assert!(changed.iter().all(|changed| *changed), "{len}");
    }
    let mut bytes = vec![0; 100_000];
    rand::fill(&mut bytes);
    // Half of 800,000 bits, within six standard deviations.
    assert!((496..=503).contains(&ones(&bytes)), "{}", ones(&bytes));
}

#[burrow::test]
fn no_two_goroutines_get_the_same() {
    const EACH: usize = 1000;
    let drawn = Chan::new(0);
    for _ in 0..4 {
        let drawn = drawn.clone();
        go(move || {
            let mut mine = Vec::new();
            for round in 0..EACH {
                let mut bytes = [0; 16];
                rand::fill(&mut bytes);
                mine.push((u128::from_le_bytes(bytes), rand::u64()));
                if round % 64 == 0 {
                    gosched();
                }
            }
            drawn.send(mine);
        });
    }
    let (mut secrets, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..4 {
        for (secret, number) in drawn.recv().unwrap_or_default() {
            secrets.insert(secret);
            numbers.insert(number);
        }
    }
    assert_eq!((secrets.len(), numbers.len()), (4 * EACH, 4 * EACH));
}

#[burrow::test]
fn numbers_are_spread_evenly() {
    const BOUND: u64 = 13;
    const EACH: u64 = 1000;
    let mut seen = [0u64; BOUND as usize];
    for _ in 0..BOUND * EACH {
        seen[rand::below(BOUND) as usize] += 1;
    }
    // Chi-square with 12 degrees of freedom: above 50 once in a million runs or so.
    let square: u64 = seen.iter().map(|n| n.abs_diff(EACH).pow(2)).sum();
    assert!(square / EACH < 50, "{seen:?}");
    assert_eq!(rand::below(1), 0);
    // A bound that does not divide 2^64, and more than half of it: one throw in two is repeated.
    let large = (1 << 63) + 1;
    assert!((0..100).all(|_| rand::below(large) < large));
    assert!((0..1000).map(|_| rand::f64()).all(|x| (0.0..1.0).contains(&x)));
    let halves = (0..1000).filter(|_| rand::u32() < 1 << 31).count();
    assert!((400..600).contains(&halves), "{halves}");
}

#[burrow::test]
fn shuffling_reaches_every_order() {
    let orders: HashSet<Vec<usize>> = (0..1000).map(|_| rand::perm(4)).collect();
    assert_eq!(orders.len(), 24);
    assert!(orders.iter().all(|order| order.iter().sum::<usize>() == 6));
    rand::shuffle::<u8>(&mut []);
    assert_eq!(rand::perm(1), [0]);
}

#[burrow::test(should_panic = "panic: invalid argument to rand::below")]
fn nothing_is_below_zero() {
    rand::below(0);
}

#[burrow::test]
fn tables_have_seeds_of_their_own() {
    let order = || (0..64).collect::<HashSet<u32>>().into_iter().collect::<Vec<_>>();
    let orders: BTreeSet<Vec<u32>> = (0..8).map(|_| order()).collect();
    assert_eq!(orders.len(), 8);
}

/// All that is drawn by chance, in one text.
fn by_chance() -> String {
    let mut bytes = [0; 40];
    rand::fill(&mut bytes);
    let table: HashMap<u32, ()> = (0..20).map(|key| (key, ())).collect();
    let keys: Vec<u32> = table.keys().copied().collect();
    let channels: Vec<Chan<u32>> = (0..4).map(|_| Chan::new(1)).collect();
    let mut chosen = Vec::new();
    for _ in 0..20 {
        for c in channels.iter().filter(|c| c.is_empty()) {
            c.send(0);
        }
        chosen.push(select! {
            channels[0].recv() => 0,
            channels[1].recv() => 1,
            channels[2].recv() => 2,
            channels[3].recv() => 3,
        });
    }
    format!("{bytes:x?} {} {:?} {keys:?} {chosen:?}", rand::u64(), rand::perm(10))
}

/// How goroutines that are preempted now and then take turns.
fn turns() -> Vec<u32> {
    let turns = Chan::new(64);
    for n in 0..4 {
        let turns = turns.clone();
        go(move || {
            for _ in 0..8 {
                let rounds = 100_000 + rand::below(1_000_000);
                for n in 0..rounds {
                    core::hint::black_box(n);
                }
                turns.send(n);
            }
        });
    }
    (0..32).filter_map(|_| turns.recv()).collect()
}

// The runner compares the consoles of two boots.
#[burrow::test(line = "seed=7", repeatable)]
fn a_seed_makes_a_run_repeatable() {
    println!("{}", by_chance());
    println!("{:?}", turns());
}

// Whatever the machine has for sources. Each P has taken keys before, hence the one core.
#[burrow::test(smp = 1, line = "seed=0", console = "5ffc353f3b73d94b")]
fn zero_is_a_seed() {
    let mut bytes = [0; 8];
    rand::fill(&mut bytes);
    println!("{:016x}", u64::from_be_bytes(bytes));
}

// The runner gives every test image such a device.
#[burrow::test]
fn a_device_adds_to_the_pool() {
    let before = burrow::kernel::rand::from_device();
    let mut bytes = [0; 1];
    while burrow::kernel::rand::from_device() == before {
        rand::fill(&mut bytes);
        gosched();
    }
    // And is asked again.
    let once = burrow::kernel::rand::from_device();
    while burrow::kernel::rand::from_device() == once {
        rand::fill(&mut bytes);
        gosched();
    }
}

#[burrow::test]
fn a_section_holds_off_all_cores() {
    static COUNT: Section<Cell<u64>> = Section::new(Cell::new(0));
    const EACH: u64 = 2000;
    let before = critical_section::with(|cs| COUNT.borrow(cs).get());
    scope(|s| {
        for _ in 0..4 {
            s.go(|| {
                for n in 0..EACH {
                    critical_section::with(|cs| {
                        let count = COUNT.borrow(cs).get();
                        // Sections nest.
                        critical_section::with(|_| core::hint::black_box(n));
                        COUNT.borrow(cs).set(count + 1);
                    });
                    if n % 256 == 0 {
                        gosched();
                    }
                }
            });
        }
    });
    let count = critical_section::with(|cs| COUNT.borrow(cs).get());
    assert_eq!(count - before, 4 * EACH, "with {} Ps", gomaxprocs(0));
}

#[burrow::test(exit = 2, console = "panic: in a section\nfatal error: panic holding locks\n")]
fn nobody_panics_in_a_section() {
    critical_section::with(|_| panic!("in a section"));
}

#[burrow::test(exit = 2, console = "fatal error: critical section: park inside\n")]
fn nobody_parks_in_a_section() {
    critical_section::with(|_| sleep(Duration::from_millis(1)));
}

#[burrow::test(line = "log=debug", console = "] DEBUG t140_rand: one 1\n…] WARN  other: two\n")]
fn records_go_to_the_console() {
    log::trace!("not shown");
    log::debug!("one {}", 1);
    log::warn!(target: "other", "two");
}

#[burrow::test(console = "] INFO  t140_rand: shown\nend\n")]
fn debug_records_are_not_shown_unless_asked_for() {
    log::info!("shown");
    log::debug!("not shown");
    println!("end");
}
