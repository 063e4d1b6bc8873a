//! `select!` under load: many partners, wakers that race, memory.
#![no_std]
#![no_main]

use burrow::prelude::*;
use burrow::runtime::metrics;
use burrow::sync::WaitGroup;

burrow::test_main!();

/// Something is ready at every moment, though never the same channel all the time.
#[burrow::test]
fn a_default_needs_a_moment_with_nothing_ready() {
    // covers: C09
    let done = Chan::new(1);
    for _ in 0..10_000 {
        let (c1, c2) = (Chan::new(1), Chan::new(1));
        c1.send(1);
        let (d1, d2, out) = (c1.clone(), c2.clone(), done.clone());
        go(move || {
            let found = select! {
                d1.recv() => true,
                d2.recv() => true,
                default => false,
            };
            out.send(found);
        });
        c2.send(1);
        select! { c1.recv() => {}, default => {} }
        assert_eq!(done.recv(), Some(true));
    }
}

/// Two that each offer their own number and take another's.
#[burrow::test]
fn two_selects_on_one_channel_serve_each_other() {
    // covers: C11
    for cap in [0, 10] {
        let chan = Chan::<usize>::new(cap);
        let both = WaitGroup::new();
        for me in 0..2 {
            let c = chan.clone();
            both.go(move || {
                for round in 0..1_000 {
                    let got = if (me + round) % 2 == 0 {
                        select! { c.send(me) => None, v = c.recv() => v }
                    } else {
                        select! { v = c.recv() => v, c.send(me) => None }
                    };
                    assert!(cap > 0 || got != Some(me), "it received its own value");
                }
            });
        }
        both.wait();
    }
}

const VALUES: usize = 10_000;

/// Plain and selecting partners on the same four channels, each taking out what is finished.
#[burrow::test]
fn plain_and_selecting_partners_finish() {
    // covers: C12
    let chans = [0, 0, 2, 3].map(Chan::<usize>::new);
    let all = WaitGroup::new();
    for chan in &chans {
        let (out, values) = (chan.clone(), chan.clone());
        all.go(move || (0..VALUES).for_each(|n| out.send(n)));
        all.go(move || assert_eq!(values.iter().take(VALUES).count(), VALUES));
    }
    let mut to = chans.clone();
    all.go(move || {
        let mut sent = [0; 4];
        for _ in 0..4 * VALUES {
            let [a, b, c, d] = &to;
            let one = select! {
                d.send(0) => 3,
                c.send(0) => 2,
                a.send(0) => 0,
                b.send(0) => 1,
            };
            sent[one] += 1;
            if sent[one] == VALUES {
                to[one] = Chan::nil();
            }
        }
        assert_eq!(sent, [VALUES; 4]);
    });
    let mut from = chans.clone();
    all.go(move || {
        let mut received = [0; 4];
        for _ in 0..4 * VALUES {
            let [a, b, c, d] = &from;
            let one = select! {
                a.recv() => 0,
                b.recv() => 1,
                c.recv() => 2,
                d.recv() => 3,
            };
            received[one] += 1;
            if received[one] == VALUES {
                from[one] = Chan::nil();
            }
        }
        assert_eq!(received, [VALUES; 4]);
    });
    all.wait();
    assert!(chans.iter().all(Chan::is_empty));
}

/// Four lanes into one: no value takes two of them.
#[burrow::test]
fn a_value_is_sent_once() {
    // covers: C24
    const COUNT: usize = 100_000;
    let lanes: [Chan<usize>; 4] = core::array::from_fn(|_| Chan::new(0));
    let merged = Chan::new(0);
    let out = lanes.clone();
    go(move || {
        for n in 0..COUNT {
            select! {
                out[0].send(n) => {}
                out[1].send(n) => {}
                out[2].send(n) => {}
                out[3].send(n) => {}
            }
        }
        out.iter().for_each(Chan::close);
    });
    let muxes = WaitGroup::new();
    for lane in lanes {
        let merged = merged.clone();
        muxes.go(move || lane.iter().for_each(|n| merged.send(n)));
    }
    let close = merged.clone();
    go(move || {
        muxes.wait();
        close.close();
    });
    let mut seen = vec![false; COUNT];
    let received = merged.iter().inspect(|n| assert!(!core::mem::replace(&mut seen[*n], true)));
    assert_eq!(received.count(), COUNT);
}

#[burrow::test]
fn selects_leave_no_memory_behind() {
    // covers: C26
    let (values, stops) = (Chan::<u32>::new(0), Chan::<u32>::new(0));
    let (out, stop) = (values.clone(), stops.clone());
    let sender = spawn(move || {
        (0..).take_while(|n| select! { out.send(*n) => true, stop.recv() => false }).count()
    });
    let take = |times: usize| {
        for _ in 0..times {
            select! { values.recv() => {}, stops.recv() => panic!("nothing is sent there") }
        }
    };
    take(10_000);
    let before = metrics();
    take(100_000);
    let after = metrics();
    let grown = (after.heap_mapped + after.stack_in_use)
        .saturating_sub(before.heap_mapped + before.stack_in_use);
    assert!(grown < 110_000 && after.heap_in_use < before.heap_in_use + 110_000, "{grown} bytes");
    stops.close();
    assert_eq!(sender.join().unwrap(), 110_000);
}

const STREAM: usize = 228;

/// Streams merged by one select, and dealt out by one; each arrives in sequence.
#[burrow::test]
fn streams_through_one_select() {
    // covers: C42
    let mut total = 0;
    for cap in [0, 1, 10, 100] {
        let all = WaitGroup::new();
        let chans: [Chan<usize>; 4] = core::array::from_fn(|_| Chan::new(cap));
        for (stream, chan) in chans.iter().cloned().enumerate() {
            all.go(move || {
                for n in 0..STREAM {
                    if (n * 7 + stream).is_multiple_of(5) {
                        runtime::gosched();
                    }
                    chan.send(n);
                }
            });
        }
        let mut next = [0; 4];
        let mut take = |lane: usize, value: Option<usize>| {
            assert_eq!(value, Some(next[lane]));
            next[lane] += 1;
        };
        let [a, b, c, d] = &chans;
        for _ in 0..4 * STREAM {
            select! {
                v = a.recv() => take(0, v),
                v = b.recv() => take(1, v),
                v = c.recv() => take(2, v),
                v = d.recv() => take(3, v),
            }
        }
        assert_eq!(next, [STREAM; 4]);
        total += next.iter().sum::<usize>();
        for chan in chans.clone() {
            all.go(move || (0..STREAM).for_each(|n| assert_eq!(chan.recv(), Some(n))));
        }
        let mut out = chans.clone();
        let mut sent = [0; 4];
        for _ in 0..4 * STREAM {
            let [a, b, c, d] = &out;
            let lane = select! {
                a.send(sent[0]) => 0,
                b.send(sent[1]) => 1,
                c.send(sent[2]) => 2,
                d.send(sent[3]) => 3,
            };
            sent[lane] += 1;
            if sent[lane] == STREAM {
                out[lane] = Chan::nil();
            }
        }
        all.wait();
    }
    assert_eq!(total, 3_648);
}

/// Both channels become ready in the same moment, on two cores, again and again; neither value is
/// lost, and none is received twice.
#[burrow::test]
fn wakers_race_for_a_select() {
    let (a, b) = (Chan::<u32>::new(0), Chan::<u32>::new(0));
    let senders = WaitGroup::new();
    for chan in [a.clone(), b.clone()] {
        senders.go(move || (0..5_000).for_each(|n| chan.send(n)));
    }
    let mut next = [0; 2];
    for _ in 0..10_000 {
        select! {
            v = a.recv() => {
                assert_eq!(v, Some(next[0]));
                next[0] += 1;
            }
            v = b.recv() => {
                assert_eq!(v, Some(next[1]));
                next[1] += 1;
            }
        }
    }
    senders.wait();
    assert_eq!(next, [5_000; 2]);
}

/// Closing against waiting, sending and receiving, from all sides.
#[burrow::test]
fn closing_races_with_selects() {
    for _ in 0..500 {
        let (a, b) = (Chan::<u32>::new(0), Chan::<u32>::new(1));
        let (a2, b2) = (a.clone(), b.clone());
        let waits = spawn(move || {
            let mut open = [a2, b2];
            let mut got = 0;
            while open.iter().any(|c| !c.is_nil()) {
                let [a, b] = &open;
                let (lane, value) = select! { v = a.recv() => (0, v), v = b.recv() => (1, v) };
                match value {
                    Some(_) => got += 1,
                    None => open[lane] = Chan::nil(),
                }
            }
            got
        });
        let closes = a.clone();
        go(move || closes.close());
        b.send(1);
        b.send(2);
        b.close();
        assert_eq!(waits.join().unwrap(), 2);
        assert!(a.is_closed());
    }
}
