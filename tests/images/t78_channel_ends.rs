//! How channels end: closing, what becomes of values, what panics.
#![no_std]
#![no_main]

use burrow::kernel::sched::WaitReason;
use burrow::prelude::*;
use burrow::sync::atomic::{AtomicU32, Ordering};
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

/// Counts how many of them live.
struct Live(Arc<AtomicU32>);

impl Live {
    fn new(count: &Arc<AtomicU32>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
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

#[burrow::test(should_panic = "panic: send on closed channel")]
fn sending_on_a_closed_channel() {
    // covers: C40, C47
    let chan = Chan::new(1);
    chan.close();
    chan.send(1);
}

#[burrow::test(should_panic = "panic: send on closed channel")]
fn closing_panics_a_waiting_sender() {
    // covers: C40
    let chan = Chan::new(0);
    let closes = chan.clone();
    go(move || {
        (0..5).for_each(|_| runtime::gosched());
        closes.close();
    });
    chan.send(1);
}

#[burrow::test(should_panic = "panic: close of closed channel")]
fn closing_twice() {
    // covers: C40, C47
    let chan = Chan::<u32>::new(0);
    chan.close();
    chan.close();
}

#[burrow::test(should_panic = "panic: close of nil channel")]
fn closing_nil() {
    // covers: C40, C47
    Chan::<u32>::nil().close();
}

#[burrow::test(should_panic = "panic: makechan: size out of range")]
fn a_buffer_larger_than_memory() {
    // covers: C47
    drop(Chan::<u64>::new(usize::MAX / 4));
}
