//! The machine's secret: a key from which all other randomness is drawn, and into which entropy is
//! mixed. Pure data; its lock and the machine's sources are next door.
//!
//! Each draw replaces the key by a part of its own key stream before anybody sees the rest, so that
//! who learns today's key learns nothing of what was drawn before. Entropy is added to the key
//! before such a step: a source that is known to an enemy takes nothing away from the others.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};

/// Bytes of a key.
pub const KEY: usize = 32;

/// A key that yields keys.
pub struct Pool {
    key: [u8; KEY],
    origin: Origin,
    draws: u64,
}

/// What the key was made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Origin {
    /// The machine's sources; more may follow.
    Machine,
    /// A number from the command line, so that a run can be repeated: entropy is refused.
    Number,
}

impl Pool {
    /// A pool that nobody has put anything into.
    pub const fn new() -> Self {
        Self { key: [0; KEY], origin: Origin::Machine, draws: 0 }
    }

    /// Starts again from a number, for runs that can be repeated.
    pub fn set_number(&mut self, number: u64) {
        *self = Self::new();
        self.mix(&number.to_le_bytes());
        self.origin = Origin::Number;
    }

    /// Adds what a source gave, unless the run is to be repeatable.
    pub fn mix(&mut self, entropy: &[u8]) {
        if self.origin == Origin::Number {
            return;
        }
        for part in entropy.chunks(KEY) {
            for (byte, more) in self.key.iter_mut().zip(part) {
                *byte ^= more;
            }
            self.draw();
        }
    }

    /// A key of one's own, unrelated to all others as far as anybody can tell.
    pub fn draw(&mut self) -> [u8; KEY] {
        let mut stream = ChaCha20Rng::from_seed(self.key);
        let mut given = [0; KEY];
        stream.fill_bytes(&mut self.key);
        stream.fill_bytes(&mut given);
        self.draws += 1;
        given
    }

    /// Whether it was made from a number, and takes no entropy.
    pub fn is_fixed(&self) -> bool {
        self.origin == Origin::Number
    }

    /// Draws so far, by which one sees that it is time to add entropy.
    pub fn draws(&self) -> u64 {
        self.draws
    }
}

/// Fills `out` from a key that was drawn for it.
pub fn expand(key: [u8; KEY], out: &mut [u8]) {
    ChaCha20Rng::from_seed(key).fill_bytes(out);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(pool: &mut Pool) -> Vec<[u8; KEY]> {
        (0..4).map(|_| pool.draw()).collect()
    }

    #[test]
    fn the_same_number_gives_the_same_keys_and_refuses_entropy() {
        let (mut a, mut b) = (Pool::new(), Pool::new());
        a.mix(b"what came before does not matter");
        a.set_number(7);
        b.set_number(7);
        b.mix(b"refused");
        assert_eq!(drawn(&mut a), drawn(&mut b));
        b.set_number(8);
        a.set_number(7);
        assert_ne!(drawn(&mut a), drawn(&mut b));
    }

    #[test]
    fn every_bit_of_entropy_changes_all_keys() {
        let mut plain = Pool::new();
        plain.mix(&[0; 40]);
        let plain = drawn(&mut plain);
        for bit in 0..320 {
            let mut entropy = [0; 40];
            entropy[bit / 8] ^= 1 << (bit % 8);
            let mut pool = Pool::new();
            pool.mix(&entropy);
            assert!(drawn(&mut pool).iter().zip(&plain).all(|(a, b)| a != b), "bit {bit}");
        }
    }

    #[test]
    fn a_draw_leaves_no_trace_in_the_pool() {
        let mut pool = Pool::new();
        pool.mix(b"secret");
        let before = pool.key;
        let given = pool.draw();
        assert!(pool.key != before && pool.key != given);
        // The key that is left yields neither the one before nor what was given.
        let later = drawn(&mut pool);
        assert!(!later.contains(&given) && !later.contains(&before));
    }

    /// RFC 8439's cipher: the first block of the all-zero key and nonce.
    #[test]
    fn the_cipher_is_chacha20() {
        let mut out = [0; 8];
        expand([0; KEY], &mut out);
        assert_eq!(out, [0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90]);
    }
}
