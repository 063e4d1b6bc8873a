//! A worker pool: a few goroutines share one queue of jobs. Closing the queue ends them, and when
//! the last has ended the results close too.
#![no_std]
#![no_main]

use burrow::prelude::*;
use burrow::sync::WaitGroup;

const WORKERS: usize = 4;
const JOBS: u64 = 40;

struct Job {
    number: u64,
}

struct Done {
    number: u64,
    steps: u32,
    worker: usize,
}

/// How many steps a number takes to reach 1: halved when even, else trebled and one more.
fn steps(mut n: u64) -> u32 {
    let mut steps = 0;
    while n != 1 {
        n = if n.is_multiple_of(2) { n / 2 } else { 3 * n + 1 };
        steps += 1;
    }
    steps
}

fn work(worker: usize, jobs: RecvChan<Job>, results: SendChan<Done>) {
    for Job { number } in jobs {
        results.send(Done { number, steps: steps(number), worker });
    }
}

#[burrow::main]
fn main() {
    let (queue, jobs) = Chan::new(8).split();
    let (results, done) = Chan::new(0).split();
    let workers = WaitGroup::new();
    for worker in 0..WORKERS {
        let (jobs, results) = (jobs.clone(), results.clone());
        workers.go(move || work(worker, jobs, results));
    }
    go(move || {
        (1..=JOBS).for_each(|number| queue.send(Job { number }));
        queue.close();
    });
    go(move || {
        workers.wait();
        results.close();
    });

    let mut by_worker = [0; WORKERS];
    let mut all: Vec<(u32, u64)> = Vec::new();
    for Done { number, steps, worker } in done {
        by_worker[worker] += 1;
        all.push((steps, number));
    }
    all.sort();
    for (steps, number) in all.iter().rev().take(3) {
        println!("{number} takes {steps} steps");
    }
    println!("{JOBS} jobs, done by {WORKERS} workers: {by_worker:?}");
    println!("none was lost: {}", by_worker.iter().sum::<u64>() == JOBS);
}
