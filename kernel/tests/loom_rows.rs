//! Model of the unwinder's rows: cores that read and write the same place of the cache. Under loom
//! a set has one place.
#![cfg(loom)]

use std::sync::Arc;

use burrow_kernel::unwind::cache::Cache;
use burrow_kernel::unwind::row::{Base, Row};
use loom::thread;

mod model;
use model::check;

/// A row whose words all differ from those of other addresses.
fn row(pc: u32) -> Row {
    let mut row = Row::new(pc, Base::Sp, i64::from(pc) * 8, -8 * i64::from(pc)).unwrap();
    row.save(1, -8 * i64::from(pc)).unwrap();
    row
}

// covers: H17
#[test]
fn a_row_is_whole_or_not_there() {
    check(4, || {
        let cache = Arc::new(Cache::<1>::new());
        cache.keep(row(1));
        let writer = {
            let cache = cache.clone();
            thread::spawn(move || cache.keep(row(2)))
        };
        for pc in [1, 2] {
            let found = cache.find(pc);
            assert!(found.is_none() || found == Some(row(pc)));
        }
        writer.join().unwrap();
        assert_eq!(cache.find(2), Some(row(2)));
    });
}

// covers: H17
#[test]
fn of_two_writers_one_may_do_without() {
    check(4, || {
        let cache = Arc::new(Cache::<1>::new());
        let writers = [1, 2].map(|pc| {
            let cache = cache.clone();
            thread::spawn(move || cache.keep(row(pc)))
        });
        for writer in writers {
            writer.join().unwrap();
        }
        let found = [1, 2].map(|pc| cache.find(pc));
        assert!(found == [Some(row(1)), None] || found == [None, Some(row(2))]);
    });
}
