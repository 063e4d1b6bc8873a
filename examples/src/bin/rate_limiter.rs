//! Rate limiting: a ticker lets one request through at a time; a bucket of tokens, filled by the
//! ticker, lets a burst through first.
#![no_std]
#![no_main]

use burrow::prelude::*;

const INTERVAL: Duration = Duration::from_millis(10);
const BURST: usize = 3;

/// Says how often something may happen.
struct Limiter {
    tokens: RecvChan<()>,
}

impl Limiter {
    /// One at each interval, and as many as `burst` that were not used before.
    fn new(interval: Duration, burst: usize) -> Self {
        let (bucket, tokens) = Chan::new(burst).split();
        (0..burst).for_each(|_| bucket.send(()));
        go(move || {
            for _ in tick(interval) {
                // A full bucket holds no more.
                let _ = bucket.try_send(());
            }
        });
        Self { tokens }
    }

    /// Waits until it may happen again.
    fn wait(&self) {
        self.tokens.recv();
    }
}

/// Serves so many requests, and says in which interval each was served.
fn serve(limiter: &Limiter, requests: usize) -> Vec<u128> {
    let start = Instant::now();
    let serve_one = |_| {
        limiter.wait();
        start.elapsed().as_millis() / INTERVAL.as_millis()
    };
    (0..requests).map(serve_one).collect()
}

#[burrow::main]
fn main() {
    let start = Instant::now();
    let limiter = Limiter::new(INTERVAL, BURST);
    let served = serve(&limiter, 10);
    // Ten requests, of which three need not wait: at least seven intervals.
    println!("never too fast: {}", start.elapsed() >= 7 * INTERVAL);
    println!("served in intervals {served:?}");

    // The bucket fills while nobody asks.
    sleep(20 * INTERVAL);
    let polls = (0..10).filter(|_| limiter.tokens.try_recv().is_ok()).count();
    println!("after a pause {} go at once", polls.min(BURST));
}
