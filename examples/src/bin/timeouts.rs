//! Timeouts with select: a request that takes too long is given up, a replica is asked as well when
//! the first is slow, and a deadline covers several requests.
#![no_std]
#![no_main]

use burrow::prelude::*;

const MS: Duration = Duration::from_millis(1);

/// Asks a server that needs `delay` to answer. Its goroutine never waits for a reader: the channel
/// has room for the answer.
fn ask(server: &'static str, delay: Duration) -> RecvChan<&'static str> {
    let (reply, answer) = Chan::new(1).split();
    go(move || {
        sleep(delay);
        reply.send(server);
    });
    answer
}

/// The answer, or none if it takes longer than `limit`.
fn within(limit: Duration, answer: &RecvChan<&'static str>) -> Option<&'static str> {
    select! {
        server = answer.recv() => server,
        after(limit).recv() => None,
    }
}

/// Asks the second server too if the first is slow; the first answer counts.
fn hedged(first: Duration, second: Duration) -> Option<&'static str> {
    let one = ask("the first", first);
    if let Some(server) = within(20 * MS, &one) {
        return Some(server);
    }
    let two = ask("the second", second);
    select! {
        server = one.recv() => server,
        server = two.recv() => server,
    }
}

#[burrow::main]
fn main() {
    println!("quick: {:?}", within(5_000 * MS, &ask("server", MS)));
    println!("slow: {:?}", within(20 * MS, &ask("server", 60_000 * MS)));
    println!("hedged: {:?} answers", hedged(60_000 * MS, MS).unwrap_or("nobody"));

    // One timer for all requests together: each of them is quick, all of them are not.
    let start = Instant::now();
    let deadline = after(100 * MS);
    let mut answers = 0;
    let late = loop {
        select! {
            ask("server", 3 * MS).recv() => answers += 1,
            deadline.recv() => break start.elapsed(),
        }
    };
    println!("{answers} answers before the deadline, which was never early: {}", late >= 100 * MS);

    // With `default` nothing waits.
    let silent = Chan::<u32>::new(0);
    let polled = select! {
        v = silent.recv() => v,
        default => None,
    };
    println!("polled: {polled:?}");
}
