//! Counts the words that are typed on the console: one goroutine reads, one for each core counts.
//!
//! `echo "a rose is a rose" | ./qemu-run.sh words`, or type, and end with Ctrl-D.
#![no_std]
#![no_main]

use burrow::collections::HashMap;
use burrow::io;
use burrow::prelude::*;
use burrow::sync::{Mutex, WaitGroup};

#[burrow::main]
fn main() -> io::Result<()> {
    let counts = Arc::new(Mutex::new(HashMap::<String, usize>::new()));
    let lines = Chan::<String>::new(16);
    let counters = WaitGroup::new();
    for _ in 0..runtime::num_cpu() {
        let (lines, counts) = (lines.clone(), counts.clone());
        counters.go(move || {
            for line in lines {
                for word in line.split_whitespace() {
                    *counts.lock().entry(word.to_lowercase()).or_default() += 1;
                }
            }
        });
    }
    let mut read = 0;
    for line in io::stdin().lines() {
        lines.send(line?);
        read += 1;
    }
    lines.close();
    counters.wait();

    let counts = counts.lock();
    println!("{read} lines, {} words", counts.values().sum::<usize>());
    let mut most: Vec<_> = counts.iter().collect();
    most.sort_by(|a, b| (b.1, a.0).cmp(&(a.1, b.0)));
    for (word, count) in most.iter().take(10) {
        println!("{word}: {count}");
    }
    Ok(())
}
