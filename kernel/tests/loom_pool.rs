//! Models of a pool's rings: each value is popped once, whole, by the producer or by a consumer, also
//! when slots are used again and when the chain grows.
#![cfg(loom)]

use std::sync::Arc;

use burrow_kernel::sync::pool::{PoolChain, PoolDequeue};
use loom::cell::UnsafeCell;
use loom::thread;

mod model;
use model::{assert_each_once, check};

/// A value with contents that loom watches.
struct Value(UnsafeCell<usize>);

impl Value {
    fn new(id: usize) -> Box<Self> {
        Box::new(Self(UnsafeCell::new(id)))
    }

    fn id(&self) -> usize {
        // SAFETY: whoever popped the value has it alone, which is what loom checks: writing proves
        // more than reading.
        self.0.with_mut(|id| unsafe { *id })
    }
}

fn pops(mut pop: impl FnMut() -> Option<Box<Value>>, times: usize) -> Vec<usize> {
    (0..times).filter_map(|_| pop()).map(|value| value.id()).collect()
}

// covers: X28
#[test]
fn a_ring_gives_each_value_once() {
    check(3, || {
        let ring = Arc::new(PoolDequeue::new(2));
        let consumers: Vec<_> = (0..2)
            .map(|_| {
                let ring = ring.clone();
                thread::spawn(move || pops(|| ring.pop_tail(), 2))
            })
            .collect();
        let (mut found, mut made) = (Vec::new(), 0);
        for round in 0..3 {
            // SAFETY: this thread is the producer.
            if unsafe { ring.push_head(Value::new(made)) }.is_ok() {
                made += 1;
            }
            if round == 1 {
                // SAFETY: as above.
                found.extend(pops(|| unsafe { ring.pop_head() }, 1));
            }
        }
        for consumer in consumers {
            found.extend(consumer.join().unwrap());
        }
        found.extend(pops(|| ring.pop_tail(), 3));
        assert_each_once(found, made);
    });
}

// covers: X28
#[test]
fn the_last_value_goes_to_one_side() {
    check(5, || {
        let ring = Arc::new(PoolDequeue::new(2));
        // SAFETY: this thread is the producer.
        assert!(unsafe { ring.push_head(Value::new(0)) }.is_ok());
        let consumer = {
            let ring = ring.clone();
            thread::spawn(move || pops(|| ring.pop_tail(), 1))
        };
        // SAFETY: as above.
        let mut found = pops(|| unsafe { ring.pop_head() }, 1);
        found.extend(consumer.join().unwrap());
        assert_each_once(found, 1);
    });
}

// covers: X28
#[test]
fn a_slot_is_used_again_when_its_reader_has_left() {
    check(3, || {
        let ring = Arc::new(PoolDequeue::new(1));
        let consumer = {
            let ring = ring.clone();
            thread::spawn(move || pops(|| ring.pop_tail(), 2))
        };
        let mut made = 0;
        for _ in 0..3 {
            // SAFETY: this thread is the producer.
            if unsafe { ring.push_head(Value::new(made)) }.is_ok() {
                made += 1;
            }
        }
        let mut found = consumer.join().unwrap();
        found.extend(pops(|| ring.pop_tail(), 2));
        assert_each_once(found, made);
    });
}

// covers: X28
#[test]
fn a_chain_grows_and_loses_nothing() {
    check(2, || {
        // The first ring of a chain has eight slots.
        const VALUES: usize = 10;
        let chain = Arc::new(PoolChain::new());
        for id in 0..7 {
            // SAFETY: this thread is the producer.
            unsafe { chain.push_head(Value::new(id)) };
        }
        let consumer = {
            let chain = chain.clone();
            thread::spawn(move || pops(|| chain.pop_tail(), 3))
        };
        for id in 7..VALUES {
            // SAFETY: as above.
            unsafe { chain.push_head(Value::new(id)) };
        }
        // SAFETY: as above.
        let mut found = pops(|| unsafe { chain.pop_head() }, 4);
        found.extend(consumer.join().unwrap());
        found.extend(pops(|| chain.pop_tail(), VALUES));
        assert_each_once(found, VALUES);
    });
}
