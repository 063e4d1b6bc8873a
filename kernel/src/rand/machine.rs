//! The one pool of the machine, its lock, and the generators that each P has of it.

use core::cell::RefCell;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use burrow_arch::clock;
use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng as _, SeedableRng};

use super::pool::{self, KEY, Pool};
use super::sources;
use crate::config::CONFIG;
use crate::queue::order::Rng;
use crate::sync::{Rank, SpinLock, pin};

/// Bytes that a device gives at once.
pub const DEVICE_BYTES: usize = 64;
/// How long the first secret waits for a device where there is nothing else.
const PATIENCE_NS: u64 = 1_000_000_000;
/// Every so many draws the machine's sources are asked again.
const DRAWS_BETWEEN: u64 = 256;

static POOL: SpinLock<Pool> = SpinLock::new(Rank::Random, Pool::new());
/// Gives what a device has.
static DEVICE: SpinLock<Option<fn(&mut [u8; DEVICE_BYTES]) -> usize>> =
    SpinLock::new(Rank::Random, None);
static FROM_DEVICE: AtomicU64 = AtomicU64::new(0);
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

/// Whether entropy makes a difference: not where the run is to be repeatable.
pub fn takes_entropy() -> bool {
    !POOL.lock().is_fixed()
}

/// Asks a device from now on, whenever the CPU is asked. `poll` gives what the device has and never
/// waits for it; no lock is held.
pub fn set_device(poll: fn(&mut [u8; DEVICE_BYTES]) -> usize) {
    *DEVICE.lock() = Some(poll);
}

/// Bytes that a device has given so far.
pub fn from_device() -> u64 {
    FROM_DEVICE.load(Ordering::Relaxed)
}

/// Mixes in what the device has, if anything.
fn ask_device() {
    let Some(poll) = *DEVICE.lock() else { return };
    let mut bytes = [0; DEVICE_BYTES];
    let count = poll(&mut bytes);
    if count > 0 {
        POOL.lock().mix(&bytes[..count]);
        FROM_DEVICE.fetch_add(count as u64, Ordering::Relaxed);
        GUESSABLE.store(false, Ordering::Relaxed);
    }
}

/// Nothing but jitter yet: waits a moment for the device, or says that there is nothing.
#[cold]
fn wait_for_device() {
    let begun = clock::nanotime();
    while DEVICE.lock().is_some() && GUESSABLE.load(Ordering::Relaxed) {
        ask_device();
        if clock::nanotime() - begun > PATIENCE_NS {
            break;
        }
        core::hint::spin_loop();
    }
    if GUESSABLE.swap(false, Ordering::Relaxed) {
        crate::console::print(format_args!(
            "burrow: no source of entropy: random bytes can be guessed\n"
        ));
    }
}

/// Random bytes, fit for secrets unless the command line has a `seed`. Never waits.
pub fn fill(out: &mut [u8]) {
    if GUESSABLE.load(Ordering::Relaxed) {
        wait_for_device();
    }
    // Long outputs are made without the lock.
    let key = draw();
    pool::expand(key, out);
}

fn draw() -> [u8; KEY] {
    let mut pool = POOL.lock();
    let is_due = pool.draws().is_multiple_of(DRAWS_BETWEEN) && !pool.is_fixed();
    if is_due {
        sources::cpu(&mut pool, 1);
    }
    let key = pool.draw();
    drop(pool);
    if is_due {
        ask_device();
    }
    key
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
