//! `select!`: what it chooses, what it evaluates, what becomes of values.
#![no_std]
#![no_main]

use burrow::kernel::sched::WaitReason;
use burrow::prelude::*;
use burrow::sync::atomic::{AtomicU32, Ordering};
use burrow_tests::wait::go_and_park;

burrow::test_main!();

#[burrow::test]
fn a_spinning_select_notices_a_send() {
    // covers: S02
    let (chan, acks) = (Chan::<u32>::new(0), Chan::<u32>::new(0));
    let (values, out) = (chan.clone(), acks.clone());
    go(move || {
        loop {
            select! {
                v = values.recv() => {
                    out.send(v.unwrap());
                    return;
                }
                default => runtime::gosched(),
            }
        }
    });
    (0..10).for_each(|_| runtime::gosched());
    chan.send(5);
    assert_eq!(acks.recv(), Some(5));
}

#[burrow::test]
fn ready_channels_are_chosen_alike() {
    // covers: C13
    const TRIALS: i64 = 10_000;
    let full: Vec<Chan<()>> = (0..2).map(|_| Chan::new(1)).collect();
    let empty = Chan::<()>::new(1);
    let mut chosen = [0i64; 2];
    for _ in 0..TRIALS {
        for chan in &full {
            let _ = chan.try_send(());
        }
        select! {
            empty.recv() => panic!("nothing is sent there"),
            full[0].recv() => chosen[0] += 1,
            empty.recv() => panic!("nothing is sent there"),
            full[1].recv() => chosen[1] += 1,
        }
    }
    // Ten sigma of a fair coin: 10 * sqrt(n) / 2.
    let [a, b] = chosen;
    assert!(a + b == TRIALS && (a - b).pow(2) < (10 * 10) * TRIALS, "{chosen:?}");
}

#[burrow::test]
fn two_sends_on_one_channel_are_chosen_alike() {
    // covers: C15
    for cap in [0, 100] {
        let chan = Chan::<usize>::new(cap);
        let out = chan.clone();
        let sender = spawn(move || {
            for _ in 0..100 {
                select! {
                    out.send(1) => {}
                    out.send(0) => {}
                }
            }
        });
        let mut seen = [0; 2];
        chan.iter().take(100).for_each(|v| seen[v] += 1);
        sender.join().unwrap();
        assert!(seen.iter().all(|n| *n > 10), "cap {cap}: {seen:?}");
    }
}

#[burrow::test]
fn sends_are_evaluated_once_each_also_for_nil() {
    // covers: C25
    let evaluated = AtomicU32::new(0);
    let count = |v: u32| {
        evaluated.fetch_add(1, Ordering::Relaxed);
        v
    };
    // Two values fit, then both channels are taken out one after the other.
    let mut chans = [Chan::<u32>::new(2), Chan::<u32>::new(1)];
    let mut sent = [0; 2];
    loop {
        let [a, b] = chans.clone();
        select! {
            a.send(count(1)) => {
                sent[0] += 1;
                if sent[0] == 2 {
                    chans[0] = Chan::nil();
                }
            }
            b.send(count(2)) => {
                sent[1] += 1;
                chans[1] = Chan::nil();
            }
            default => break,
        }
    }
    assert_eq!((sent, evaluated.into_inner()), ([2, 1], 8));
}

#[burrow::test]
fn operands_are_evaluated_in_order() {
    let log = core::cell::RefCell::new(Vec::new());
    let note = |n: u32, c: &Chan<u32>| {
        log.borrow_mut().push(n);
        c.clone()
    };
    let (a, b) = (Chan::new(1), Chan::nil());
    a.send(7);
    let got = select! {
        b_value = note(1, &b).recv() => b_value,
        note(2, &b).send({ log.borrow_mut().push(3); 0 }) => None,
        v = note(4, &a).recv() => v,
    };
    assert_eq!((got, log.into_inner()), (Some(7), vec![1, 2, 3, 4]));
}

#[burrow::test]
fn what_blocks_and_what_proceeds() {
    // Some of its goroutines wait for ever.
    burrow::test::keeps();
    // covers: C27
    let nil = Chan::<u32>::nil();
    let empty = Chan::<u32>::new(0);
    let room = Chan::<u32>::new(1);
    let full = Chan::<u32>::new(1);
    full.send(1);
    let closed = Chan::<u32>::new(0);
    closed.close();
    // With a default nothing blocks.
    let ready = |c: &Chan<u32>| {
        let recv = select! { c.recv() => true, default => false };
        let send = !c.is_closed() && select! { c.send(2) => true, default => false };
        (recv, send)
    };
    assert_eq!(ready(&nil), (false, false));
    assert_eq!(ready(&empty), (false, false));
    assert_eq!(ready(&room), (false, true));
    assert_eq!(ready(&full), (true, true));
    assert_eq!(ready(&closed), (true, false));
    // What is ready does not block, and a closed channel gives nothing.
    assert_eq!(select! { v = closed.recv() => v, v = nil.recv() => v }, None);
    assert_eq!(select! { v = room.recv() => v, nil.send(1) => None }, Some(2));
    select! { room.send(3) => {}, nil.send(1) => {} }
    // What is not does, for ever: nil channels, an empty select, a select that would have to
    // serve itself.
    let (n, e) = (nil.clone(), empty.clone());
    go_and_park(WaitReason::Select, move || select! { n.send(1) => {}, n.recv() => {} });
    go_and_park(WaitReason::Select, move || select! { e.send(1) => {}, e.recv() => {} });
    go_and_park(WaitReason::SelectNoCases, || select! {});
    let n = nil.clone();
    go_and_park(WaitReason::ChanReceiveNil, move || {
        let _ = n.recv();
    });
    go_and_park(WaitReason::ChanSendNil, move || nil.send(1));
    // The one that waits for others is a partner to them; this ends it.
    assert_eq!(empty.recv(), Some(1));
}

/// The ways to send one value and to receive one.
#[burrow::test]
fn all_kinds_of_partners_meet() {
    // covers: C31
    let send: [fn(Chan<u32>); 3] = [
        |c| c.send(1),
        |c| select! { c.send(1) => {} },
        |c| select! { c.send(1) => {}, Chan::<u32>::new(0).recv() => {} },
    ];
    let recv: [fn(Chan<u32>); 3] = [
        |c| assert_eq!(c.recv(), Some(1)),
        |c| select! { c.recv() => {} },
        |c| select! { c.recv() => {}, Chan::<u32>::new(0).recv() => {} },
    ];
    for send in send {
        for recv in recv {
            // Either may come first.
            let chan = Chan::new(0);
            let c = chan.clone();
            let receiver = spawn(move || recv(c));
            send(chan.clone());
            receiver.join().unwrap();
            let c = chan.clone();
            let sender = spawn(move || send(c));
            recv(chan);
            sender.join().unwrap();
        }
    }
}

#[burrow::test]
fn waiting_cases_are_woken_by_each_kind_of_end() {
    for by in 0..6 {
        let (a, b, full) = (Chan::<u32>::new(0), Chan::<u32>::new(3), Chan::<u32>::new(1));
        full.send(9);
        let result = Chan::new(1);
        let (a2, b2, f2, out) = (a.clone(), b.clone(), full.clone(), result.clone());
        go_and_park(WaitReason::Select, move || {
            let text = select! {
                v = a2.recv() => format!("a {v:?}"),
                v = b2.recv() => format!("b {v:?}"),
                f2.send(10) => "sent".to_string(),
            };
            out.send(text);
        });
        let wanted = match by {
            0 => {
                a.send(1);
                "a Some(1)"
            }
            1 => {
                a.close();
                "a None"
            }
            2 => {
                b.send(2);
                "b Some(2)"
            }
            3 => {
                b.close();
                "b None"
            }
            4 => {
                assert_eq!(full.recv(), Some(9));
                "sent"
            }
            _ => {
                a.try_send(5).unwrap();
                "a Some(5)"
            }
        };
        assert_eq!(result.recv().as_deref(), Some(wanted));
        // It has left all queues: nobody is there to take these.
        assert!(by == 1 || a.try_send(1).is_err());
        assert_eq!(full.len(), 1);
        assert!(by == 3 || b.is_empty());
    }
}

#[burrow::test]
fn one_channel_in_many_arms() {
    // As often as it likes, in both directions.
    for times in 0..50 {
        let chan = Chan::<u32>::new(0);
        let (c, result) = (chan.clone(), Chan::new(1));
        let out = result.clone();
        go_and_park(WaitReason::Select, move || {
            let got = select! {
                v = c.recv() => v,
                v = c.recv() => v,
                c.send(1) => Some(100),
                v = c.recv() => v,
                c.send(2) => Some(200),
            };
            out.send(got);
        });
        if times % 2 == 0 {
            chan.send(times);
            assert_eq!(result.recv(), Some(Some(times)));
        } else {
            let got = chan.recv().unwrap();
            assert_eq!(result.recv(), Some(Some(got * 100)));
        }
        assert!(chan.try_send(1).is_err() && chan.try_recv().is_err());
    }
}

#[burrow::test]
fn arms_are_plain_match_arms() {
    let chan = Chan::<Result<u32, String>>::new(4);
    let read = || -> Result<u32, String> {
        let mut sum = 0;
        loop {
            select! {
                v = chan.recv() => match v {
                    Some(n) => sum += n?,
                    None => break,
                },
                default => return Ok(sum + 1000),
            }
        }
        Ok(sum)
    };
    chan.send(Ok(1));
    assert_eq!(read(), Ok(1001));
    chan.send(Ok(2));
    chan.send(Err("three".into()));
    assert_eq!(read(), Err("three".into()));
    chan.send(Ok(4));
    chan.close();
    assert_eq!(read(), Ok(4));
    // What the operands borrowed is free again in the arm.
    let (mut lane, mut n) = (Chan::<u32>::new(1), 5);
    select! {
        lane.send({ n += 1; n }) => {
            assert_eq!(lane.recv(), Some(6));
            lane = Chan::nil();
            n += 1;
        }
    }
    assert!(lane.is_nil() && n == 7);
    // Only a default.
    assert_eq!(select! { default => 3 }, 3);
}

#[burrow::test]
fn a_slot_keeps_what_was_not_sent() {
    let (full, room) = (Chan::new(0), Chan::new(1));
    let mut parcel = Some(Box::new(1));
    let chosen = select! {
        full.send_from(&mut parcel) => 0,
        default => 1,
    };
    assert!(chosen == 1 && parcel.is_some());
    let mut other = Some(Box::new(2));
    let chosen = select! {
        full.send_from(&mut parcel) => 0,
        room.send_from(&mut other) => 1,
    };
    assert!(chosen == 1 && parcel.is_some() && other.is_none());
    // The slot of an arm that is switched off may be empty.
    let off = Chan::<Box<i32>>::nil();
    let chosen = select! {
        off.send_from(&mut other) => 0,
        v = room.recv() => v.map_or(3, |v| *v),
    };
    assert_eq!((chosen, other), (2, None));
    let waits = full.clone();
    let receiver = spawn(move || waits.recv());
    select! { full.send_from(&mut parcel) => {} }
    assert_eq!((parcel, receiver.join().unwrap()), (None, Some(Box::new(1))));
}

#[burrow::test]
fn large_and_sizeless_values() {
    const LARGE: usize = 40 << 10;
    let (large, none) = (Chan::<[u8; LARGE]>::new(0), Chan::<()>::new(0));
    let (l, n) = (large.clone(), none.clone());
    let other = spawn(move || {
        let mut sum = 0;
        for _ in 0..20 {
            select! {
                v = l.recv() => sum += v.unwrap()[LARGE - 1] as usize,
                n.send(()) => sum += 1000,
            }
        }
        sum
    });
    for n in 0..10 {
        large.send([n; LARGE]);
        select! { none.recv() => {} }
    }
    assert_eq!(other.join().unwrap(), 45 + 10_000);
}
