//! The console's input: what is typed arrives, whole and in order, whoever waits for it.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::string::String;
use alloc::vec::Vec;
use burrow::io::{self, BufRead, Read};
use burrow::prelude::*;
use burrow::runtime::gosched;

burrow::test_main!();

#[burrow::test(
    input = "first\nsecond\r\nthird\rlast without end",
    console = "[\"first\", \"second\", \"third\", \"last without end\"]\n"
)]
fn lines_end_as_terminals_end_them() {
    let lines: Result<Vec<String>, _> = io::stdin().lines().collect();
    println!("{:?}", lines.unwrap());
    // The end stays the end.
    assert_eq!(io::stdin().read_line(&mut String::new()).unwrap(), 0);
    assert_eq!(io::stdin().read(&mut [0; 8]).unwrap(), 0);
}

// More than the port, the emulator and one read hold at once.
#[burrow::test(
    input = "0123456789abcdefghijklmnopqrstuvwxyz\n0123456789abcdefghijklmnopqrstuvwxyz\n0123456789abcdefghijklmnopqrstuvwxyz\n0123456789abcdefghijklmnopqrstuvwxyz\n0123456789abcdefghijklmnopqrstuvwxyz\n0123456789abcdefghijklmnopqrstuvwxyz\n0123456789abcdefghijklmnopqrstuvwxyz\n0123456789abcdefghijklmnopqrstuvwxyz\n0123456789abcdefghijklmnopqrstuvwxyz\n0123456789abcdefghijklmnopqrstuvwxyz\n0123456789abcdefghijklmnopqrstuvwxyz\n0123456789abcdefghijklmnopqrstuvwxyz\n0123456789abcdefghijklmnopqrstuvwxyz\n0123456789abcdefghijklmnopqrstuvwxyz\n0123456789abcdefghijklmnopqrstuvwxyz\n0123456789abcdefghijklmnopqrstuvwxyz\n",
    console = "16 whole lines\n"
)]
fn nothing_typed_is_lost() {
    let lines = io::stdin().lines().map(|line| line.unwrap());
    let whole = lines.filter(|line| line == "0123456789abcdefghijklmnopqrstuvwxyz").count();
    println!("{whole} whole lines");
}

// Nothing but the console can ready anybody here, and it comes late: the program is not dead.
#[burrow::test(input = "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\n", console = "8 lines\n")]
fn who_waits_for_the_console_is_not_dead_locked() {
    let lines = Chan::new(0);
    let typed = lines.clone();
    go(move || {
        for line in io::stdin().lines() {
            typed.send(line.unwrap());
        }
        typed.close();
    });
    println!("{} lines", lines.iter().count());
}

// A reader waits while others compute on every core: the interrupt makes way for it.
#[burrow::test(input = "through the hogs\n", console = "through the hogs\n")]
fn a_reader_is_served_beside_hogs() {
    for _ in 0..2 * burrow::runtime::num_cpu() {
        go(|| {
            loop {
                core::hint::spin_loop();
            }
        });
    }
    let mut line = String::new();
    io::stdin().read_line(&mut line).unwrap();
    print!("{line}");
}

#[burrow::test(input = "a\nb\nc\nd\ne\nf\n", console = "abcdef\n")]
fn each_line_goes_to_one_reader() {
    let lines = Chan::new(6);
    scope(|s| {
        for _ in 0..3 {
            s.go(|| {
                let mut line = String::new();
                while io::stdin().read_line(&mut line).unwrap() > 0 {
                    lines.send(core::mem::take(&mut line));
                    gosched();
                }
            });
        }
    });
    lines.close();
    let mut all: Vec<String> = lines.iter().map(|line| line.trim_end().into()).collect();
    all.sort();
    println!("{}", all.concat());
}

#[burrow::test(input = "words and more\nrest", console = "ok\n")]
fn what_is_looked_at_is_not_lost() {
    let mut console = io::stdin();
    // However much of it has come: one byte is used, the others go back with the handle.
    assert_eq!(console.fill_buf().unwrap()[0], b'w');
    console.consume(1);
    drop(console);
    let mut bytes = [0; 8];
    io::stdin().read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"ords and");
    let mut rest = String::new();
    assert_eq!(io::stdin().read_line(&mut rest).unwrap(), 6);
    assert_eq!(io::stdin().read_line(&mut rest).unwrap(), 4);
    assert_eq!(rest, " more\nrest");
    println!("ok");
}

#[burrow::test(input = "caf\u{e9}\n", console = "café\n")]
fn text_is_utf8() {
    let mut line = String::new();
    io::stdin().read_line(&mut line).unwrap();
    print!("{line}");
}

// covers: T05
#[burrow::test(exit = 2, console = "panic: shown\n\n…[IO wait]:\n")]
fn a_dump_says_who_waits_for_the_console() {
    go(|| drop(io::stdin().read(&mut [0; 1])));
    for _ in 0..100 {
        gosched();
    }
    sleep(Duration::from_millis(20));
    panic!("shown");
}
