//! Channels, without `select!`.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::collections::BTreeMap;
use burrow::kernel::sched::WaitReason;
use burrow::prelude::*;
use burrow::sync::WaitGroup;
use burrow::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use burrow_tests::wait::{go_and_park, until};
use core::fmt::Debug;

burrow::test_main!();

/// Capacities that behave differently: none, small, larger than what is sent.
const CAPS: [usize; 8] = [0, 1, 2, 3, 7, 10, 100, 200];

#[burrow::test]
fn receivers_of_an_empty_channel_wait() {
    // covers: C01
    for cap in CAPS {
        let chan = Chan::<u32>::new(cap);
        let received = Arc::new(AtomicU32::new(0));
        for _ in 0..2 {
            let (chan, received) = (chan.clone(), received.clone());
            go_and_park(WaitReason::ChanReceive, move || {
                assert_eq!(chan.recv(), Some(0));
                received.fetch_add(1, Ordering::Release);
            });
        }
        assert_eq!(received.load(Ordering::Acquire), 0);
        assert_eq!(chan.try_recv(), Err(TryRecvError::Empty));
        chan.send(0);
        chan.send(0);
        until(|| received.load(Ordering::Acquire) == 2);
    }
}

#[burrow::test]
fn a_sender_to_a_full_channel_waits() {
    // covers: C02
    for cap in CAPS {
        let chan = Chan::<usize>::new(cap);
        (0..cap).for_each(|n| chan.send(n));
        let sent = Arc::new(AtomicBool::new(false));
        let (out, done) = (chan.clone(), sent.clone());
        go_and_park(WaitReason::ChanSend, move || {
            out.send(cap);
            done.store(true, Ordering::Release);
        });
        assert!(!sent.load(Ordering::Acquire));
        if cap > 0 {
            assert_eq!(chan.try_send(9), Err(TrySendError::Full(9)));
        }
        assert_eq!(chan.recv(), Some(0));
        until(|| sent.load(Ordering::Acquire));
    }
}

#[burrow::test]
fn values_arrive_in_order() {
    // covers: C05, C22
    for cap in CAPS {
        let chan = Chan::new(cap);
        let out = chan.clone();
        let sender = spawn(move || (0..100u64).for_each(|n| out.send(n)));
        assert!((0..100).all(|n| chan.recv() == Some(n)));
        sender.join().unwrap();
    }
}

#[burrow::test]
fn many_senders_and_receivers_lose_nothing() {
    // covers: C06
    for cap in [0, 1, 10, 200] {
        let (chan, counted) = (Chan::<u32>::new(cap), Chan::new(4));
        for _ in 0..4 {
            let out = chan.clone();
            go(move || (0..1_000).for_each(|n| out.send(n)));
            let (values, counted) = (chan.clone(), counted.clone());
            go(move || {
                let mut seen = BTreeMap::new();
                values.iter().take(1_000).for_each(|n| *seen.entry(n).or_insert(0) += 1);
                counted.send(seen);
            });
        }
        let mut all = BTreeMap::new();
        for seen in counted.iter().take(4) {
            seen.into_iter().for_each(|(n, times)| *all.entry(n).or_insert(0) += times);
        }
        assert!(all.len() == 1_000 && all.values().all(|times| *times == 4), "cap {cap}");
    }
}

#[burrow::test]
fn length_and_capacity() {
    // covers: C07
    for cap in CAPS {
        let chan = Chan::new(cap);
        assert_eq!((chan.len(), chan.cap(), chan.is_empty()), (0, cap, true));
        for n in 1..=cap {
            chan.send(n);
            assert_eq!((chan.len(), chan.cap()), (n, cap));
        }
    }
    let nil = Chan::<u8>::nil();
    assert_eq!((nil.len(), nil.cap(), nil.is_nil()), (0, 0, true));
}

#[burrow::test]
fn workers_share_a_queue() {
    // covers: C16
    const PROBLEMS: u64 = 10_000;
    let (work, results) = (Chan::<u64>::new(69), Chan::new(0));
    let workers = WaitGroup::new();
    for id in 0..23u64 {
        let (work, results) = (work.clone(), results.clone());
        workers.go(move || {
            for n in &work {
                if (n + id).is_multiple_of(5) {
                    runtime::gosched();
                }
                results.send(n * n);
            }
        });
    }
    let feed = work.clone();
    go(move || {
        (0..PROBLEMS).for_each(|n| feed.send(n));
        feed.close();
    });
    let close = results.clone();
    go(move || {
        workers.wait();
        close.close();
    });
    let (count, sum) = results.iter().fold((0, 0), |(count, sum), n| (count + 1, sum + n));
    assert_eq!(count, PROBLEMS);
    assert_eq!(sum, (PROBLEMS - 1) * PROBLEMS * (2 * PROBLEMS - 1) / 6);
}

#[burrow::test]
fn receivers_are_served_in_order_of_arrival() {
    // covers: C22
    let (chan, results) = (Chan::<u32>::new(0), Chan::new(10));
    for n in 0..10 {
        let (values, results) = (chan.clone(), results.clone());
        go_and_park(WaitReason::ChanReceive, move || results.send((n, values.recv())));
    }
    (0..10).for_each(|n| chan.send(n));
    assert!(results.iter().take(10).all(|(n, got)| got == Some(n)));
}

fn without_waiting<T: Clone + PartialEq + Debug + Send + 'static>(value: T) {
    for cap in [0, 1] {
        let chan = Chan::<T>::new(cap);
        assert_eq!(chan.try_recv(), Err(TryRecvError::Empty));
        if cap == 0 {
            assert_eq!(chan.try_send(value.clone()), Err(TrySendError::Full(value.clone())));
        }
        let waits = chan.clone();
        let received = spawn(move || waits.recv());
        // Succeeds once the receiver waits.
        until(|| chan.try_send(value.clone()).is_ok());
        assert_eq!(received.join().unwrap().as_ref(), Some(&value));
        let (out, sent) = (chan.clone(), value.clone());
        let sender = spawn(move || out.send(sent));
        let mut got = None;
        until(|| {
            got = chan.try_recv().ok();
            got.is_some()
        });
        assert_eq!(got.as_ref(), Some(&value));
        sender.join().unwrap();
    }
}

#[burrow::test]
fn operations_without_waiting() {
    // covers: C23
    without_waiting(7i32);
    without_waiting(-7i64);
    without_waiting(true);
    without_waiting(String::from("text"));
    without_waiting(());
    without_waiting([9u64; 300]);
}

#[burrow::test]
fn a_prime_sieve() {
    // Its filters wait for ever.
    burrow::test::keeps();
    // covers: C33
    let first = Chan::new(0);
    let out = first.clone();
    go(move || (2..=u32::MAX).for_each(|n| out.send(n)));
    let mut numbers = first;
    let primes: Vec<u32> = (0..25)
        .map(|_| {
            let prime = numbers.recv().unwrap();
            let (from, to) = (numbers.clone(), Chan::new(0));
            numbers = to.clone();
            go(move || from.iter().filter(|n| n % prime != 0).for_each(|n| to.send(n)));
            prime
        })
        .collect();
    assert_eq!(primes.last(), Some(&97));
    assert_eq!(primes.iter().sum::<u32>(), 1_060);
}

#[burrow::test]
fn one_way_views_are_the_same_channel() {
    // covers: C37
    let chan = Chan::new(1);
    let (to, from) = chan.split();
    to.send(5);
    assert_eq!(from.recv(), Some(5));
    assert_eq!(to, SendChan::from(&chan));
    assert_eq!(from, RecvChan::from(chan.clone()));
    assert_ne!(chan, Chan::new(1));
    assert_eq!(Chan::<u32>::nil(), Chan::default());
    assert_eq!(to.cap(), 1);
    to.close();
    assert!(from.is_closed());
    assert_eq!(from.into_iter().count(), 0);
}

#[burrow::test]
fn values_without_size() {
    // covers: C38
    for cap in [0, 1, 5] {
        let chan = Chan::<()>::new(cap);
        let out = chan.clone();
        let sender = spawn(move || (0..20).for_each(|_| out.send(())));
        assert_eq!(chan.iter().take(20).count(), 20);
        sender.join().unwrap();
    }
    assert_eq!(Chan::<()>::new(usize::MAX).cap(), usize::MAX);
}

#[burrow::test]
fn one_sender_many_receivers() {
    // covers: C43
    let sent: Arc<Vec<AtomicBool>> = Arc::new((0..1_000).map(|_| AtomicBool::new(false)).collect());
    let chan = Chan::<usize>::new(2);
    let receivers: Vec<_> = (0..10)
        .map(|_| {
            let (values, sent) = (chan.clone(), sent.clone());
            spawn(move || {
                values.iter().inspect(|n| assert!(sent[*n].load(Ordering::Acquire))).count()
            })
        })
        .collect();
    for n in 0..1_000 {
        sent[n].store(true, Ordering::Release);
        chan.send(n);
    }
    chan.close();
    assert_eq!(receivers.into_iter().map(|r| r.join().unwrap()).sum::<usize>(), 1_000);
}

/// Random yields on both sides; each stream arrives in sequence.
#[burrow::test]
fn streams_with_yields() {
    // covers: C42
    for cap in [0, 1, 10, 100] {
        let all = WaitGroup::new();
        for stream in 0..4usize {
            let chan = Chan::<usize>::new(cap);
            let values = chan.clone();
            all.go(move || {
                for n in 0..228 {
                    if (n * 7 + stream).is_multiple_of(5) {
                        runtime::gosched();
                    }
                    chan.send(n);
                }
                chan.close();
            });
            all.go(move || {
                let mut next = 0;
                for value in &values {
                    assert_eq!(value, next);
                    next += 1;
                    if (next * 3 + stream).is_multiple_of(7) {
                        runtime::gosched();
                    }
                }
                assert_eq!(next, 228);
            });
        }
        all.wait();
    }
}
