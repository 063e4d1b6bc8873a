//! Two goroutines and two channels without buffers: every send hands its value straight to the
//! goroutine that waits for it, which runs next.
#![no_std]
#![no_main]

use burrow::prelude::*;

const ROUNDS: u32 = 20_000;

#[burrow::main]
fn main() {
    let (ping, pong) = (Chan::new(0), Chan::new(0));
    let (balls, back) = (RecvChan::from(&ping), SendChan::from(&pong));
    let player = spawn(move || {
        let mut hits = 0;
        for ball in balls {
            hits += 1;
            back.send(ball + 1);
        }
        hits
    });

    let start = Instant::now();
    let mut ball = 0;
    for _ in 0..ROUNDS {
        ping.send(ball);
        ball = pong.recv().unwrap_or_default();
    }
    let took = start.elapsed();
    ping.close();

    match player.join() {
        Ok(hits) => println!("{hits} times there and back, the ball counts {ball}"),
        Err(error) => println!("{error}"),
    }
    println!("{} ns for each round trip", took.as_nanos() / u128::from(ROUNDS));
}
