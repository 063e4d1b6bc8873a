//! A stack growing under a recursion, and going back.

use core::hint::black_box;

use burrow::prelude::*;

use crate::heading;

/// 512 bytes and a bit for each level.
fn descend(levels: usize) -> usize {
    let frame = black_box([levels as u8; 512]);
    let below = if levels == 0 { runtime::metrics().stack_in_use } else { descend(levels - 1) };
    black_box(&frame);
    below
}

/// A stack begins with one page and takes what it needs, where it is.
pub fn growing_stack() {
    heading("a goroutine that recurses deeper and deeper");
    for levels in [1, 10, 100, 1_000] {
        let before = runtime::metrics().stack_in_use;
        let deepest = spawn(move || descend(levels)).join().unwrap_or_default();
        let after = once_given_back(before);
        println!(
            "  {levels:>5} levels: {:>4} KiB more of stack, {:>4} KiB once it has ended",
            deepest.saturating_sub(before) >> 10,
            after.saturating_sub(before) >> 10
        );
    }
}

/// The goroutine's result may be here before it is off its stack, and the memory is used again
/// only when no core can still see it there.
fn once_given_back(before: usize) -> usize {
    let asked = Instant::now();
    loop {
        runtime::free_os_memory();
        let now = runtime::metrics().stack_in_use;
        if now <= before || asked.elapsed() > Duration::from_millis(200) {
            return now;
        }
        runtime::gosched();
    }
}
