//! What the types of channels refuse. Each line with a `//~` must be an error with those words; see
//! `tests/host/misuse.rs`.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::rc::Rc;
use burrow::prelude::*;

#[burrow::main]
fn main() {
    let chan = Chan::<u32>::new(1);
    let (to, from) = chan.split();
    from.send(1); //~ no method named `send` found for struct
    from.close(); //~ no method named `close` found for struct
    let _ = from.try_send(1); //~ no method named `try_send` found for struct
    to.recv(); //~ no method named `recv` found for struct
    for _ in &to {} //~ `&SendChan<u32>` is not an iterator
    select! {
        from.send(1) => {} //~ RecvChan<u32>` is not a channel to send on
        from.send_from(&mut None) => {} //~ RecvChan<u32>` is not a channel to send on
        to.recv() => {} //~ `SendChan<u32>` is not a channel to receive from
    }
    let _: Chan<u32> = to.clone().into(); //~ Chan<u32>: From<SendChan<u32>>` is not satisfied
    let _: RecvChan<u32> = to.clone().into(); //~ RecvChan<u32>: From<SendChan<u32>>` is not satisfied
    let mut select = Select::new();
    select.recv(&to); //~ `SendChan<u32>` is not a channel to receive from
    select.send(&from, 1); //~ RecvChan<u32>` is not a channel to send on
    select.send(&to, "text"); //~ mismatched types
    select! {
        chan.send("text") => {} //~ mismatched types
        v = chan.recv() => v, //~ `match` arms have incompatible types
    }
}

/// A channel goes where its values may go.
fn stays(local: Chan<Rc<u32>>) {
    go(move || drop(local.recv())); //~ `Rc<u32>` cannot be sent between threads safely
}
