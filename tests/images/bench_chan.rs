//! Channels in figures: handing over, buffering, many on one channel, select, and a tree of a
//! million goroutines that talk by channels.
//!
//! The same work as `chan_pingpong_unbuf`, `chan_buf`, `chan_mpmc`, `select4` and `skynet_1M` of the
//! Go side, one JSON line each.
#![no_std]
#![no_main]

use burrow::prelude::*;
use burrow::sync::WaitGroup;
use burrow_tests::bench::{Bench, ping_pong, report};

/// One producer, one consumer, 128 places.
fn buffered(times: u64) {
    let chan = Chan::new(128);
    let out = chan.clone();
    go(move || {
        (0..times).for_each(|n| out.send(n));
        out.close();
    });
    chan.iter().for_each(drop);
}

/// Eight producers with so many values each, eight consumers.
fn many_to_many(cap: usize) -> impl Fn(u64) {
    move |times| {
        let chan = Chan::new(cap);
        let (producers, consumers) = (WaitGroup::new(), WaitGroup::new());
        for _ in 0..8 {
            let (out, values) = (chan.clone(), chan.clone());
            producers.go(move || (0..times).for_each(|n| out.send(n)));
            consumers.go(move || values.iter().for_each(drop));
        }
        producers.wait();
        chan.close();
        consumers.wait();
    }
}

fn four(cap: usize) -> [Chan<u64>; 4] {
    core::array::from_fn(|_| Chan::new(cap))
}

fn select_from(c: &[Chan<u64>; 4]) {
    select! {
        c[0].recv() => {}
        c[1].recv() => {}
        c[2].recv() => {}
        c[3].recv() => {}
    }
}

fn select_closed(times: u64) {
    let chans = four(0);
    chans.iter().for_each(Chan::close);
    (0..times).for_each(|_| select_from(&chans));
}

fn send_then_select(times: u64) {
    let chans = four(1);
    for n in 0..times {
        chans[n as usize & 3].send(n);
        select_from(&chans);
    }
}

fn select_blocking(times: u64) {
    let chans = four(0);
    let out = chans.clone();
    go(move || (0..times).for_each(|n| out[n as usize & 3].send(n)));
    (0..times).for_each(|_| select_from(&chans));
}

/// A tree of goroutines, ten children each; the sum of its leaves.
fn skynet(out: &Chan<u64>, first: u64, size: u64) {
    if size == 1 {
        return out.send(first);
    }
    let sums = Chan::new(0);
    for child in 0..10 {
        let sums = sums.clone();
        go(move || skynet(&sums, first + child * (size / 10), size / 10));
    }
    out.send(sums.iter().take(10).sum());
}

/// A million leaves.
fn million(_: u64) {
    let root = Chan::new(0);
    let out = root.clone();
    go(move || skynet(&out, 0, 1_000_000));
    assert_eq!(root.recv(), Some(499_999_500_000));
}

#[burrow::main]
fn main() {
    let bench = Bench::from_env();
    bench.per_op("chan_pingpong_unbuf", "", 1, ping_pong);
    bench.per_op("chan_buf", "", 1, buffered);
    bench.per_op("chan_mpmc", "_cap0", 8, many_to_many(0));
    bench.per_op("chan_mpmc", "_cap128", 8, many_to_many(128));
    bench.per_op("select4", "_ready_closed", 1, select_closed);
    bench.per_op("select4", "_send_then_select", 1, send_then_select);
    bench.per_op("select4", "_blocking", 1, select_blocking);
    if bench.wants("skynet_1M") {
        let mut times: Vec<f64> = (0..4)
            .map(|_| {
                let start = Instant::now();
                million(1);
                start.elapsed().as_secs_f64() * 1e3
            })
            .skip(1)
            .collect();
        report("skynet_1M", &Bench::variant(""), "ms", &mut times, 1_000_000);
    }
}
