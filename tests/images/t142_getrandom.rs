//! `getrandom`, in the two ways in which its versions ask the platform.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::vec;

burrow::test_main!();

/// Fills whatever length, and not twice the same.
fn fills(fill: impl Fn(&mut [u8])) {
    fill(&mut []);
    for len in [1, 16, 1000] {
        let mut changed = vec![false; len];
        for _ in 0..8 {
            let mut bytes = vec![0; len];
            fill(&mut bytes);
            changed.iter_mut().zip(&bytes).for_each(|(changed, byte)| *changed |= *byte != 0);
        }
        assert!(changed.iter().all(|changed| *changed), "{len}");
    }
    let (mut a, mut b) = ([0; 32], [0; 32]);
    fill(&mut a);
    fill(&mut b);
    assert_ne!(a, b);
}

#[burrow::test]
fn this_version_is_answered() {
    fills(|bytes| getrandom::fill(bytes).unwrap());
    assert_ne!(getrandom::u64().unwrap(), getrandom::u64().unwrap());
}

#[burrow::test]
fn older_versions_are_answered() {
    fills(|bytes| getrandom_0_2::getrandom(bytes).unwrap());
}
