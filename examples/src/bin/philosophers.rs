//! Five philosophers, five forks: each needs two to eat. All take the lower-numbered fork first, so
//! that no circle of waiting can close.
#![no_std]
#![no_main]

use burrow::prelude::*;
use burrow::sync::Mutex;

const NAMES: [&str; 5] = ["Baruch", "Hypatia", "Immanuel", "Simone", "Voltaire"];
const MEALS: usize = 200;

/// A fork knows how often it was used.
#[derive(Default)]
struct Fork(Mutex<usize>);

struct Philosopher<'a> {
    name: &'static str,
    first: &'a Fork,
    second: &'a Fork,
}

impl Philosopher<'_> {
    fn dine(&self, eaten: &Mutex<Vec<&'static str>>) {
        for _ in 0..MEALS {
            let mut first = self.first.0.lock();
            // Another may take a fork between: this is where a careless order dead-locks.
            runtime::gosched();
            let mut second = self.second.0.lock();
            *first += 1;
            *second += 1;
            drop((first, second));
            // Thinking.
            runtime::gosched();
        }
        eaten.lock().push(self.name);
    }
}

#[burrow::main]
fn main() {
    let forks: [Fork; 5] = Default::default();
    let full = Mutex::new(Vec::new());
    scope(|table| {
        for (seat, name) in NAMES.into_iter().enumerate() {
            let (left, right) = (seat, (seat + 1) % forks.len());
            let (first, second) = (&forks[left.min(right)], &forks[left.max(right)]);
            let philosopher = Philosopher { name, first, second };
            let full = &full;
            table.go(move || philosopher.dine(full));
        }
    });
    println!("first to be full: {}", full.lock()[0]);
    let mut names = full.into_inner();
    names.sort();
    println!("all ate {MEALS} times: {names:?}");
    let used: Vec<usize> = forks.iter().map(|fork| *fork.0.lock()).collect();
    println!("the forks were used {used:?} times");
}
