//! What Burrow does, in a few seconds: the machine, goroutines on all cores, a pipeline, loops
//! being preempted, a stack growing, and what each P counted.
#![no_std]
#![no_main]

mod banner;
mod depth;
mod hogs;
mod scenes;

use burrow::prelude::*;

#[burrow::main]
fn main() {
    banner::print();
    scenes::every_core();
    scenes::pipeline();
    hogs::hogs();
    depth::growing_stack();
    table();
}

/// What happened on each core.
fn table() {
    heading("what each P did");
    println!("   P      runs  switches    steals  preempted   wake-ups");
    for p in runtime::p_stats() {
        let (id, runs, switches) = (p.id, p.runs, p.switches);
        let (steals, preempted, wakeups) = (p.steals, p.preemptions, p.wakeups);
        println!("  {id:>2}{runs:>10}{switches:>10}{steals:>10}{preempted:>11}{wakeups:>11}");
    }
    let all = runtime::metrics();
    println!(
        "\n  {} goroutines were started, on {} kernel threads; {} ms in all",
        all.goroutines_created,
        all.threads,
        runtime::machine().uptime().as_millis()
    );
}

fn heading(text: &str) {
    println!("\n  -- {text} {}", &RULE[..(70 - text.len()).min(RULE.len())]);
}

const RULE: &str = "----------------------------------------------------------------------";
