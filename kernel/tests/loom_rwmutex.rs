//! Models of the read-write lock: writers exclude all, readers do not exclude each other, nobody is
//! left behind.
#![cfg(loom)]

use std::sync::Arc;

use burrow_kernel::sync::rwmutex::RawRwMutex;
use loom::cell::UnsafeCell;
use loom::thread;

mod model;
#[path = "model/parking.rs"]
mod parking;
use model::check;

type Sema = parking::Sema<0, 0>;

struct World {
    lock: RawRwMutex<Sema>,
    value: UnsafeCell<usize>,
}

// SAFETY: the cell is what loom checks.
unsafe impl Send for World {}
// SAFETY: as above.
unsafe impl Sync for World {}

impl World {
    fn new() -> Arc<Self> {
        let lock = RawRwMutex::new(Sema::new(), Sema::new(), Sema::new());
        Arc::new(Self { lock, value: UnsafeCell::new(0) })
    }

    fn look(&self) -> usize {
        // SAFETY: under the lock, which is what loom checks.
        self.value.with(|value| unsafe { *value })
    }

    fn read(&self) -> usize {
        self.lock.read();
        let value = self.look();
        self.lock.unlock_read();
        value
    }

    fn write(&self) {
        self.lock.write();
        // SAFETY: as above.
        self.value.with_mut(|value| unsafe { *value += 1 });
        self.lock.unlock_write();
    }

    /// Runs the jobs beside each other; afterwards the lock is free and was written so often.
    fn run(jobs: &[fn(&World)], writes: usize) {
        let world = World::new();
        let (mine, others) = jobs.split_first().unwrap();
        let others: Vec<_> = others
            .iter()
            .map(|job| {
                let (world, job) = (world.clone(), *job);
                thread::spawn(move || job(&world))
            })
            .collect();
        mine(&world);
        others.into_iter().for_each(|other| other.join().unwrap());
        assert!(world.lock.try_write());
        assert_eq!(world.look(), writes);
    }
}

fn reads(world: &World) {
    let first = world.read();
    assert!(world.read() >= first);
}

fn reads_once(world: &World) {
    world.read();
}

fn writes(world: &World) {
    world.write();
}

fn tries(world: &World) {
    if world.lock.try_read() {
        world.look();
        world.lock.unlock_read();
    }
    if world.lock.try_write() {
        world.look();
        world.lock.unlock_write();
    }
}

#[test]
fn a_reader_and_a_writer() {
    check(5, || World::run(&[reads, writes], 1));
}

#[test]
fn two_readers_and_a_writer() {
    check(3, || World::run(&[reads_once, writes, reads_once], 1));
}

#[test]
fn a_reader_and_two_writers() {
    check(3, || World::run(&[writes, reads_once, writes], 2));
}

#[test]
fn who_only_tries_harms_nobody() {
    check(3, || World::run(&[tries, writes, reads_once], 1));
}

#[test]
fn a_reader_holds_a_writer_back() {
    check(3, || {
        let world = World::new();
        world.lock.read();
        let writer = {
            let world = world.clone();
            thread::spawn(move || world.write())
        };
        assert_eq!(world.look(), 0);
        world.lock.unlock_read();
        writer.join().unwrap();
        assert_eq!(world.read(), 1);
    });
}
