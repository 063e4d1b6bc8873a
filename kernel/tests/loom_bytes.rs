//! Model of the console's ring: every byte arrives in order, and the gate never stays closed while
//! there is room.
//!
//! The handler runs whenever the gate is open and the device has something, as an interrupt by
//! level would. A gate that stayed closed would leave bytes in the device for ever: loom reports
//! the loops that then never end.
#![cfg(loom)]

use std::sync::Arc;

use burrow_kernel::queue::bytes::{Bytes, Gate};
use burrow_kernel::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use loom::thread;

mod model;
use model::check;

#[test]
fn bytes_through_a_ring_of_one() {
    const COUNT: u32 = 2;
    check(2, || {
        let world = Arc::new((Bytes::<1>::new(), AtomicBool::new(true), AtomicU32::new(0)));
        let handler = {
            let world = world.clone();
            thread::spawn(move || {
                let (ring, gate, device) = &*world;
                let set = |now| gate.store(now == Gate::Open, Ordering::Relaxed);
                while device.load(Ordering::Relaxed) < COUNT {
                    if gate.load(Ordering::Relaxed) {
                        let next = || {
                            let next = device.load(Ordering::Relaxed);
                            (next < COUNT).then(|| {
                                device.store(next + 1, Ordering::Relaxed);
                                next as u8
                            })
                        };
                        ring.fill(next, set);
                    } else {
                        thread::yield_now();
                    }
                }
            })
        };
        let (ring, gate, _) = &*world;
        let mut seen = Vec::new();
        while seen.len() < COUNT as usize {
            let mut out = [0; 2];
            let set = |now| gate.store(now == Gate::Open, Ordering::Relaxed);
            let count = ring.take(&mut out, set);
            if count == 0 {
                thread::yield_now();
            }
            seen.extend_from_slice(&out[..count]);
        }
        handler.join().unwrap();
        assert_eq!(seen, [0, 1]);
    });
}
