//! The smallest program that shows what Burrow is: two goroutines and a channel.
#![no_std]
#![no_main]

use burrow::prelude::*;

#[burrow::main]
fn main() {
    let greetings = Chan::new(0);
    for name in ["x86_64", "aarch64"] {
        let greetings = greetings.clone();
        go(move || greetings.send(format!("hello from goroutine {} to {name}", runtime::goid())));
    }
    for _ in 0..2 {
        if let Some(greeting) = greetings.recv() {
            println!("{greeting}");
        }
    }
}
