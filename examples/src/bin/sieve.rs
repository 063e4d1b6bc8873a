//! Primes from a chain of goroutines: each filters out the multiples of one prime and passes the
//! rest to the next.
#![no_std]
#![no_main]

use burrow::prelude::*;

const PRIMES: usize = 50;

/// 2, 3, 4, .. for ever; ends with the program.
fn generate() -> RecvChan<u32> {
    let numbers = Chan::new(0);
    let out = numbers.clone();
    go(move || {
        for n in 2.. {
            out.send(n);
        }
    });
    numbers.into()
}

/// Passes on what `prime` does not divide.
fn filter(numbers: RecvChan<u32>, prime: u32) -> RecvChan<u32> {
    let rest = Chan::new(0);
    let out = rest.clone();
    go(move || numbers.iter().filter(|n| n % prime != 0).for_each(|n| out.send(n)));
    rest.into()
}

#[burrow::main]
fn main() {
    let start = Instant::now();
    let mut numbers = generate();
    for count in 1..=PRIMES {
        let Some(prime) = numbers.recv() else { return };
        print!("{prime:>5}{}", if count.is_multiple_of(10) { "\n" } else { "" });
        numbers = filter(numbers, prime);
    }
    let goroutines = runtime::num_goroutine();
    println!("{PRIMES} primes, {goroutines} goroutines, {} ms", start.elapsed().as_millis());
}
