//! The one pool of the machine, its lock, and the generators that each P has of it.

use core::cell::RefCell;
use core::sync::atomic::{AtomicBool, Ordering};

use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng as _, SeedableRng};

use super::pool::{self, KEY, Pool};
use super::sources;
use crate::config::CONFIG;
use crate::queue::order::Rng;
use crate::sync::{Rank, SpinLock, pin};

/// Every so many draws the CPU's generator is asked again.
const DRAWS_BETWEEN: u64 = 256;

static POOL: SpinLock<Pool> = SpinLock::new(Rank::Random, Pool::new());
/// Only jitter so far, and nobody was told yet.
static GUESSABLE: AtomicBool = AtomicBool::new(false);

/// Fills the pool from the command line's number or from the machine, before the first draw.
pub fn init() {
    let mut pool = POOL.lock();
    if let Some(number) = CONFIG.seed() {
        pool.set_number(number);
    } else if !sources::collect(&mut pool) {
        GUESSABLE.store(true, Ordering::Relaxed);
    }
}

/// Adds entropy that a device gave.
pub fn mix(entropy: &[u8]) {
    POOL.lock().mix(entropy);
    GUESSABLE.store(false, Ordering::Relaxed);
}

/// Random bytes, fit for secrets unless the command line has a `seed`. Never waits.
pub fn fill(out: &mut [u8]) {
    if GUESSABLE.swap(false, Ordering::Relaxed) {
        crate::console::print(format_args!(
            "burrow: no source of entropy: random bytes can be guessed\n"
        ));
    }
    // Long outputs are made without the lock.
    let key = draw();
    pool::expand(key, out);
}

fn draw() -> [u8; KEY] {
    let mut pool = POOL.lock();
    if pool.draws().is_multiple_of(DRAWS_BETWEEN) {
        sources::cpu(&mut pool, 1);
    }
    pool.draw()
}

/// A random number, from this P's generator. On a goroutine or g0, with a P. Go: `rand`.
pub fn u64() -> u64 {
    pin().p().seeds().strong.borrow_mut().next_u64()
}

/// The generators of a P, used by its holder alone.
pub struct Seeds {
    /// For scheduling.
    pub cheap: Rng,
    strong: RefCell<ChaCha8Rng>,
}

impl Seeds {
    /// New ones, unrelated to those of other Ps.
    pub fn draw() -> Self {
        let key = draw();
        let mut cheap = [0; 8];
        pool::expand(key, &mut cheap);
        Self {
            cheap: Rng::new(u64::from_le_bytes(cheap)),
            strong: RefCell::new(ChaCha8Rng::from_seed(draw())),
        }
    }
}
