//! `select!`: what becomes of values however it ends, and of the stacks of those who wait in it.
#![no_std]
#![no_main]

use burrow::kernel::sched::WaitReason;
use burrow::prelude::*;
use burrow::sync::atomic::{AtomicU32, Ordering};
use burrow_tests::live::Live;
use burrow_tests::wait::{go_and_park, until};

burrow::test_main!();

#[burrow::test]
fn every_value_is_dropped_once() {
    let live = Arc::new(AtomicU32::new(0));
    let count = || live.load(Ordering::Relaxed);
    let (a, b) = (Chan::<Live>::new(1), Chan::<Live>::new(1));
    // One is sent, the other is dropped before the arm begins.
    select! {
        a.send(Live::new(&live)) => assert_eq!(count(), 1),
        b.send(Live::new(&live)) => assert_eq!(count(), 1),
    }
    let (full, room) = if a.is_empty() { (&b, &a) } else { (&a, &b) };
    select! {
        full.send(Live::new(&live)) => panic!("it is full"),
        default => assert_eq!(count(), 1),
    }
    // Received and not bound; received and bound.
    select! { full.recv() => assert_eq!(count(), 0) }
    full.send(Live::new(&live));
    let got = select! { v = full.recv() => v, room.recv() => None };
    assert!(got.is_some() && count() == 1);
    drop(got);
    // Waiting ones, ended by each side.
    let (c, d) = (Chan::<Live>::new(0), Chan::<Live>::new(0));
    for sends in [true, false] {
        let (c2, d2, count2) = (c.clone(), d.clone(), live.clone());
        go_and_park(WaitReason::Select, move || {
            select! {
                c2.send(Live::new(&count2)) => {}
                d2.recv() => {}
            }
        });
        assert_eq!(count(), 1);
        match sends {
            true => d.send(Live::new(&live)),
            false => drop(c.recv()),
        }
        until(|| count() == 0);
    }
}

#[burrow::test]
fn a_send_on_a_closed_channel_panics_and_keeps_its_values() {
    // covers: C27, C40
    let live = Arc::new(AtomicU32::new(0));
    let count = || live.load(Ordering::Relaxed);
    let (closed, full) = (Chan::new(1), Chan::new(1));
    closed.close();
    full.send(Live::new(&live));
    let text = |panic: Panic| panic.to_string();
    let waits = recover(|| {
        select! {
            closed.send(Live::new(&live)) => {}
            full.send(Live::new(&live)) => {}
        }
    });
    assert_eq!((waits.map_err(text), count()), (Err("send on closed channel".into()), 1));
    let polls = recover(|| select! { closed.send(Live::new(&live)) => {}, default => {} });
    assert_eq!((polls.map_err(text), count()), (Err("send on closed channel".into()), 1));
    let mut slot = Some(Live::new(&live));
    let slots = recover(|| {
        select! {
            closed.send_from(&mut slot) => {}
            full.send(Live::new(&live)) => {}
        }
    });
    assert!(slots.is_err() && slot.is_some() && count() == 2);
    let no_value = || -> Live { panic!("no value") };
    // An operand that panics leaves the operands before it to be dropped.
    let operand = recover(|| {
        select! {
            full.send(Live::new(&live)) => {}
            full.send(no_value()) => {}
        }
    });
    assert_eq!((operand.map_err(text), count()), (Err("no value".into()), 2));
}

#[burrow::test]
fn closing_panics_a_select_that_waits_to_send() {
    // covers: C40
    let live = Arc::new(AtomicU32::new(0));
    let (chan, nil, result) = (Chan::new(0), Chan::<u32>::nil(), Chan::new(1));
    let (out, says, count) = (chan.clone(), result.clone(), live.clone());
    go_and_park(WaitReason::Select, move || {
        let outcome = recover(|| {
            select! {
                out.send(Live::new(&count)) => {}
                nil.recv() => {}
            }
        });
        says.send(outcome.map_err(|panic| panic.to_string()));
    });
    assert_eq!(live.load(Ordering::Relaxed), 1);
    chan.close();
    assert_eq!(result.recv(), Some(Err("send on closed channel".into())));
    assert_eq!(live.load(Ordering::Relaxed), 0);
}

/// A goroutine that is parked gives back the pages below its stack pointer; what it receives is
/// written above it, also where the same channel waits many times, and where the values are large.
#[burrow::test]
fn parked_stacks_shrink_and_are_written_to() {
    // covers: H14
    const LARGE: usize = 24 << 10;
    #[inline(never)]
    fn use_stack(bytes: usize) -> u8 {
        let page = core::hint::black_box([1u8; 4096]);
        if bytes > 4096 { use_stack(bytes - 4096) + page[7] } else { page[0] }
    }
    let (large, small) = (Chan::<[u8; LARGE]>::new(0), Chan::<Box<u64>>::new(0));
    for round in 0..12u8 {
        let result = Chan::new(1);
        let (l, s, out) = (large.clone(), small.clone(), result.clone());
        let other = Chan::<[u8; LARGE]>::new(0);
        go_and_park(if round % 3 == 2 { WaitReason::ChanReceive } else { WaitReason::Select }, {
            move || {
                use_stack(300 << 10);
                let sum = |v: Option<[u8; LARGE]>| v.unwrap().iter().map(|b| *b as u64).sum();
                let got: u64 = match round % 3 {
                    0 => select! {
                        v = l.recv() => sum(v),
                        v = s.recv() => *v.unwrap(),
                        v = l.recv() => sum(v),
                        s.send(Box::new(5)) => 5,
                        other.send([3; LARGE]) => 0,
                        v = s.recv() => *v.unwrap(),
                    },
                    1 => {
                        select! { s.send(Box::new(round.into())) => 1, v = other.recv() => sum(v) }
                    }
                    _ => sum(l.recv()),
                };
                // The stack is whole.
                use_stack(300 << 10);
                out.send(got);
            }
        });
        let before = runtime::metrics().stack_in_use;
        runtime::free_os_memory();
        // Unmapped at once; counted as free when every core has heard of it.
        if round == 0 {
            until(|| {
                runtime::free_os_memory();
                runtime::metrics().stack_in_use + (200 << 10) < before
            });
        }
        let wanted = match (round % 3, round % 2) {
            (0, 0) => {
                large.send([round; LARGE]);
                u64::from(round) * LARGE as u64
            }
            (0, _) => {
                small.send(Box::new(77));
                77
            }
            (1, _) => {
                assert_eq!(small.recv(), Some(Box::new(round.into())));
                1
            }
            _ => {
                large.send([round; LARGE]);
                u64::from(round) * LARGE as u64
            }
        };
        assert_eq!(result.recv(), Some(wanted));
    }
}
