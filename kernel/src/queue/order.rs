//! Random choices: [`Rng`], the cheap generator that each core has, and [`RandomOrder`], a random
//! order of cores that visits each once.
//!
//! A thief must not begin with the same victim every time, and must not miss one; shuffling a list
//! for each attempt would cost more than the theft. Steps of a length coprime to the number of
//! cores, taken round the circle, meet every core once whatever the start.

use core::cell::Cell;

use super::mask::MAX_CORES;

/// Cheap random numbers, not for secrets: each core has its own, so the state is a plain cell.
///
/// The generator is wyrand, as for Go's `cheaprand`: add, multiply to twice the width, fold.
pub struct Rng(Cell<u64>);

impl Rng {
    /// A generator that repeats itself exactly from the same `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(Cell::new(seed))
    }

    /// Starts again from `seed`.
    pub fn reseed(&self, seed: u64) {
        self.0.set(seed);
    }

    /// The next 64 bits.
    pub fn next_u64(&self) -> u64 {
        let state = self.0.get().wrapping_add(0xa076_1d64_78bd_642f);
        self.0.set(state);
        let wide = u128::from(state) * u128::from(state ^ 0xe703_7ed1_a0b4_28db);
        (wide >> 64) as u64 ^ wide as u64
    }

    /// The next 32 bits.
    pub fn next_u32(&self) -> u32 {
        self.next_u64() as u32
    }

    /// A number below `bound`, or 0 if that is 0. Multiplied, not divided: the bias is below
    /// `bound` in 2³².
    pub fn below(&self, bound: u32) -> u32 {
        ((u64::from(self.next_u32()) * u64::from(bound)) >> 32) as u32
    }
}

/// Ways round a circle of `count` cores (Go: `randomOrder`).
#[derive(Clone, Copy)]
pub struct RandomOrder {
    count: u32,
    /// Numbers from 1 to `count` that share no factor with it; the first `steps` are filled.
    coprimes: [u8; MAX_CORES],
    steps: u32,
}

impl RandomOrder {
    /// Orders of the cores `0..count`.
    pub const fn new(count: usize) -> Self {
        assert!(count <= MAX_CORES, "more cores than a mask can hold");
        let mut order = Self { count: count as u32, coprimes: [1; MAX_CORES], steps: 0 };
        let mut step = 1;
        while step <= order.count {
            if gcd(step, order.count) == 1 {
                order.coprimes[order.steps as usize] = step as u8;
                order.steps += 1;
            }
            step += 1;
        }
        order
    }

    /// The order that `seed` chooses: where to begin, and how far to step.
    pub fn start(&self, seed: u32) -> Visit {
        if self.count == 0 {
            return Visit { count: 0, left: 0, at: 0, step: 0 };
        }
        let step = self.coprimes[(seed / self.count % self.steps) as usize];
        Visit { count: self.count, left: self.count, at: seed % self.count, step: step.into() }
    }
}

/// One order of the cores, each once (Go: `randomEnum`).
pub struct Visit {
    count: u32,
    left: u32,
    at: u32,
    step: u32,
}

impl Iterator for Visit {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let core = self.at as usize;
        self.at = (self.at + self.step) % self.count;
        Some(core)
    }
}

const fn gcd(mut a: u32, mut b: u32) -> u32 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    // covers: S21
    #[test]
    fn every_order_visits_each_core_once() {
        let rng = Rng::new(21);
        for count in 0..=MAX_CORES {
            let order = RandomOrder::new(count);
            let seeds = (0..200).chain((0..200).map(|_| rng.next_u32())).chain([u32::MAX]);
            for seed in seeds {
                let mut seen: Vec<usize> = order.start(seed).collect();
                seen.sort_unstable();
                assert!(seen.into_iter().eq(0..count), "{count} cores, seed {seed}");
            }
        }
    }

    #[test]
    fn orders_differ() {
        let order = RandomOrder::new(8);
        let orders: std::collections::HashSet<Vec<usize>> =
            (0..1000).map(|seed| order.start(seed).collect()).collect();
        assert_eq!(orders.len(), 8 * 4); // 1, 3, 5 and 7 have no factor in common with 8
    }

    #[test]
    fn numbers_repeat_from_a_seed_and_stay_below_their_bound() {
        let (a, b) = (Rng::new(1), Rng::new(2));
        let first = a.next_u64();
        assert_ne!(first, b.next_u64());
        a.reseed(1);
        assert_eq!(a.next_u64(), first);
        let mut seen = [0; 10];
        for _ in 0..10_000 {
            seen[a.below(10) as usize] += 1;
        }
        assert!(seen.iter().all(|&n| (800..1200).contains(&n)), "{seen:?}");
        assert_eq!((a.below(1), a.below(0)), (0, 0));
    }
}
