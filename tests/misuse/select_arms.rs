//! Arms that `select!` refuses, and why it says it does. Each line with a `//~` must be an error
//! with those words; see `tests/host/misuse.rs`.
#![no_std]
#![no_main]

use burrow::prelude::*;

#[burrow::main]
fn main() {
    let (c, d) = (Chan::<u32>::new(1), Chan::<u32>::new(1));
    let mut slot = Some(1);
    select! {
        Some(v) = c.recv() => drop(v), //~ the pattern of a select! arm must match every value: `recv()` gives an `Option`
    }
    select! {
        v @ Some(3) = c.recv() => drop(v), //~ the pattern of a select! arm must match every value
    }
    select! {
        let v = c.recv() => drop(v), //~ select! arms bind without `let`: `v = chan.recv() => ..`
    }
    select! {
        v = c.try_recv() => drop(v), //~ select! polls when it has a `default` arm: use `recv`
    }
    select! {
        c.try_send(1) => {} //~ select! polls when it has a `default` arm: use `send`
    }
    select! {
        recv(c) -> v => drop(v), //~ a select! arm is `v = chan.recv() => ..`, `chan.recv() => ..`
    }
    select! {
        v = c => drop(v), //~ a select! arm is `v = chan.recv() => ..`
    }
    select! {
        v = c.len() => drop(v), //~ a select! arm is `v = chan.recv() => ..`
    }
    select! {
        v = c.send(1) => drop(v), //~ a send arm has no value to bind: drop the pattern
    }
    select! {
        c.send() => {} //~ `send` takes one value: `chan.send(value) => ..`
    }
    select! {
        v = c.recv(1) => drop(v), //~ `recv` takes no argument: `v = chan.recv() => ..`
    }
    select! {
        c.send_from(&mut slot, 1) => {} //~ `send_from` takes one slot: `chan.send_from(&mut slot) => ..`
    }
    select! {
        v = c.recv() if v.is_some() => {} //~ select! arms take no guards: a channel that must not be chosen is `Chan::nil()`
    }
    select! {
        c.recv() => {}
        default => {}
        default => {} //~ a select! has at most one `default` arm
    }
    select! {
        c.recv() => {}
        _ => {} //~ the arm for `nothing is ready` is `default => ..`
    }
    select! {
        c.recv() => {}
        else => {} //~ the arm for `nothing is ready` is `default => ..`
    }
    select! {
        c.recv() => 1
        d.recv() => 2, //~ expected `,` between select! arms
    };
    select! {
        c.recv() {} //~ expected `=>`
    }
}
