//! How channels end: closing, what becomes of values, what panics.
#![no_std]
#![no_main]

use burrow::kernel::sched::WaitReason;
use burrow::prelude::*;
use burrow::sync::atomic::{AtomicU32, Ordering};
use burrow_tests::live::Live;
use burrow_tests::wait::go_and_park;

burrow::test_main!();

#[burrow::test]
fn a_closed_channel_gives_its_buffer_then_nothing_for_ever() {
    // covers: C03
    for cap in [0, 1, 2, 7, 100] {
        let chan = Chan::new(cap);
        (0..cap).for_each(|n| chan.send(n));
        chan.close();
        assert!((0..cap).all(|n| chan.recv() == Some(n)));
        for _ in 0..3 {
            assert_eq!(chan.recv(), None);
            assert_eq!(chan.try_recv(), Err(TryRecvError::Closed));
        }
    }
}

#[burrow::test]
fn closing_wakes_a_waiting_receiver() {
    // covers: C04
    for cap in [0, 1, 7] {
        let chan = Chan::<u32>::new(cap);
        let waits = chan.clone();
        let woken = Chan::new(1);
        let says = woken.clone();
        go_and_park(WaitReason::ChanReceive, move || says.send(waits.recv()));
        chan.close();
        assert_eq!(woken.recv(), Some(None));
    }
}

#[burrow::test]
fn closed_and_full_channels() {
    // covers: C40
    let chan = Chan::new(1);
    chan.send(1);
    chan.close();
    assert!(matches!(chan.try_send(2), Err(TrySendError::Closed(2))));
    assert_eq!(chan.recv(), Some(1));
    assert_eq!(chan.recv(), None);
    let nil = Chan::<u32>::nil();
    assert!(matches!(nil.try_send(1), Err(TrySendError::Full(1))));
    assert_eq!(nil.try_recv(), Err(TryRecvError::Empty));
}

#[burrow::test]
fn a_loop_sees_all_until_the_close() {
    // covers: C44
    let chan = Chan::new(10);
    (0..10).for_each(|n| chan.send(n));
    chan.close();
    let mut next = 0;
    for value in &chan {
        assert_eq!(value, next);
        next += 1;
    }
    assert_eq!(next, 10);
}

#[burrow::test]
fn every_value_is_dropped_once() {
    let live = Arc::new(AtomicU32::new(0));
    let chan = Chan::new(5);
    for _ in 0..3 {
        (0..5).for_each(|_| chan.send(Live::new(&live)));
        (0..3).for_each(|_| drop(chan.recv()));
        (0..2).for_each(|_| drop(chan.recv()));
    }
    assert_eq!(live.load(Ordering::Relaxed), 0);
    (0..5).for_each(|_| chan.send(Live::new(&live)));
    assert!(chan.try_send(Live::new(&live)).is_err());
    drop(chan.recv());
    assert_eq!(live.load(Ordering::Relaxed), 4);
    chan.close();
    drop(chan);
    assert_eq!(live.load(Ordering::Relaxed), 0);
}

/// A value's drop may use the very channel that it was sent on.
#[burrow::test]
fn a_drop_may_use_the_channel() {
    struct Returns(SendChan<u32>);
    impl Drop for Returns {
        fn drop(&mut self) {
            self.0.send(1);
        }
    }
    let (chan, back) = (Chan::new(2), Chan::new(4));
    chan.send(Returns((&back).into()));
    chan.send(Returns((&back).into()));
    drop(chan.try_send(Returns((&back).into())));
    chan.close();
    drop(chan);
    assert_eq!(back.len(), 3);
}

#[burrow::test]
fn sending_from_a_slot() {
    let chan = Chan::new(1);
    let mut slot = Some(3);
    chan.send_from(&mut slot);
    assert_eq!((slot, chan.recv()), (None, Some(3)));
}

/// What a panic says, and that it is one of the runtime's.
#[track_caller]
fn says<T>(text: &str, f: impl FnOnce() -> T) {
    match recover(f) {
        Ok(_) => panic!("no panic: {text}"),
        Err(panic) => {
            assert_eq!((panic.to_string(), panic.is_runtime_error()), (text.into(), true))
        }
    }
}

const SEND: &str = "send on closed channel";

#[burrow::test]
fn misuse_panics_and_can_be_recovered() {
    // covers: C40, C47
    let live = Arc::new(AtomicU32::new(0));
    let chan = Chan::new(1);
    chan.send(Live::new(&live));
    chan.close();
    for _ in 0..3 {
        says(SEND, || chan.send(Live::new(&live)));
        says("close of closed channel", || chan.close());
    }
    // No lock is left behind, and nothing else.
    assert_eq!((chan.len(), live.load(Ordering::Relaxed)), (1, 1));
    assert!(chan.recv().is_some() && chan.recv().is_none());
    assert_eq!(live.load(Ordering::Relaxed), 0);
    says("close of nil channel", || Chan::<u32>::nil().close());
    says("makechan: size out of range", || Chan::<u64>::new(usize::MAX / 4));
    says("makechan: size out of range", || Chan::<u64>::new(1 << 58));
    let mut slot = Some(Live::new(&live));
    says(SEND, || chan.send_from(&mut slot));
    assert!(slot.is_some() && live.load(Ordering::Relaxed) == 1);
    assert!(recover(|| Chan::<u32>::new(1).send_from(&mut None)).is_err());
}

#[burrow::test]
fn closing_panics_waiting_senders() {
    // covers: C40
    let live = Arc::new(AtomicU32::new(0));
    let (chan, done) = (Chan::new(0), Chan::new(3));
    for _ in 0..3 {
        let (out, done, live) = (chan.clone(), done.clone(), live.clone());
        go_and_park(WaitReason::ChanSend, move || {
            says(SEND, || out.send(Live::new(&live)));
            done.send(());
        });
    }
    assert_eq!(live.load(Ordering::Relaxed), 3);
    chan.close();
    assert_eq!(done.iter().take(3).count(), 3);
    assert_eq!(live.load(Ordering::Relaxed), 0);
}

/// A way to receive from a channel, and one to send a value on it.
type Receive = fn(&Chan<u32>) -> Option<u32>;
type Send = fn(&Chan<u32>, u32);

/// Directly, by a select of one and by a select of two.
#[burrow::test]
fn closed_channels_behave_alike_by_all_ways() {
    // covers: C40
    let receive: [Receive; 5] = [
        |c| c.recv(),
        |c| c.iter().next(),
        |c| select! { v = c.recv() => v },
        |c| select! { v = c.recv() => v, v = Chan::nil().recv() => v },
        |c| select! { v = c.recv() => v, default => panic!("a closed channel is ready") },
    ];
    let send: [Send; 5] = [
        |c, v| c.send(v),
        |c, v| c.send_from(&mut Some(v)),
        |c, v| select! { c.send(v) => {} },
        |c, v| select! { c.send(v) => {}, v = Chan::<u32>::nil().recv() => drop(v.map(Box::new)) },
        |c, v| select! { c.send(v) => {}, default => panic!("a closed channel is ready") },
    ];
    for cap in [0, 2] {
        for receive in receive {
            let chan = Chan::new(cap);
            if cap > 0 {
                chan.send(7);
            }
            chan.close();
            assert!(cap == 0 || receive(&chan) == Some(7));
            assert!((0..3).all(|_| receive(&chan).is_none()));
            for send in send {
                says(SEND, || send(&chan, 1));
            }
            assert!(matches!(chan.try_send(1), Err(TrySendError::Closed(1))));
            says("close of closed channel", || chan.close());
            assert_eq!((chan.len(), receive(&chan)), (0, None));
        }
    }
}
