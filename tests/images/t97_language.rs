//! The language as `docs/language.md` shows it, piece by piece, and what a program has besides.
#![no_std]
#![no_main]

use burrow::collections::{HashMap, HashSet};
use burrow::env;
use burrow::fs;
use burrow::io::{self, ErrorKind};
use burrow::prelude::*;
use burrow::rand;
use burrow::sync::{LazyLock, Mutex, WaitGroup};
use burrow::task::block_on;
use burrow::time::{Timer, after_func};
use core::pin::Pin;
use core::task::{Context as TaskContext, Poll, Waker};

burrow::test_main!();

#[burrow::test]
fn a_goroutine_and_its_result() {
    let answer = spawn(|| 6 * 7);
    go(|| println!("in passing"));
    assert_eq!(answer.join().unwrap(), 42);

    let mut rows = [[1, 2], [3, 4]];
    scope(|s| {
        for row in &mut rows {
            s.go(|| row.reverse());
        }
    });
    assert_eq!(rows, [[2, 1], [4, 3]]);
}

#[burrow::test]
fn a_call_that_keeps_its_thread() {
    let start = Instant::now();
    let sleeper = spawn(|| runtime::blocking(|| sleep(Duration::from_millis(20))));
    let mut turns = 0;
    while turns < 3 {
        runtime::gosched();
        turns += 1;
    }
    sleeper.join().unwrap();
    assert!(start.elapsed() >= Duration::from_millis(20));
    let crossed = recover(|| runtime::blocking(|| panic!("inside")));
    assert_eq!(crossed.unwrap_err().to_string(), "inside");
}

#[burrow::test]
fn a_channel_and_its_ends() {
    let (sender, receiver) = Chan::new(2).split();
    go(move || {
        (1..=3).for_each(|n| sender.send(n));
        sender.close();
    });
    assert_eq!(receiver.recv(), Some(1));
    assert_eq!(receiver.iter().collect::<Vec<i32>>(), [2, 3]);
    assert_eq!(receiver.recv(), None);
}

#[burrow::test]
fn several_channels_at_once() {
    let (words, quit) = (Chan::new(0), Chan::<()>::new(0));
    let (speaker, stop) = (words.clone(), quit.clone());
    go(move || {
        speaker.send("hello");
        stop.close();
    });
    let mut heard = Vec::new();
    loop {
        select! {
            word = words.recv() => heard.extend(word),
            quit.recv() => break,
            after(Duration::from_secs(60)).recv() => panic!("nobody speaks"),
        }
    }
    assert_eq!(heard, ["hello"]);

    let waiting = select! {
        words.recv() => true,
        default => false,
    };
    assert!(!waiting);
}

#[burrow::test]
fn sleeping_ticking_calling_later() {
    let start = Instant::now();
    sleep(Duration::from_millis(2));
    for _ in tick(Duration::from_millis(1)).iter().take(3) {}
    assert!(start.elapsed() >= Duration::from_millis(5));

    let timer = Timer::new(Duration::from_secs(60));
    assert!(timer.stop());

    let calls = Chan::new(1);
    let call = calls.clone();
    after_func(Duration::from_millis(1), move || call.send("called"));
    assert_eq!(calls.recv(), Some("called"));
}

#[burrow::test]
fn locks_groups_and_values_made_once() {
    burrow::test::keeps(); // the static's value
    static SQUARES: LazyLock<Vec<u32>> = LazyLock::new(|| (0..=10).map(|n| n * n).collect());

    let sum = Arc::new(Mutex::new(0));
    let group = WaitGroup::new();
    for n in 1..=10 {
        let sum = sum.clone();
        group.go(move || *sum.lock() += SQUARES[n]);
    }
    group.wait();
    assert_eq!(*sum.lock(), 385);
}

#[burrow::test]
fn a_context_is_cancelled() {
    let (ctx, cancel) = Context::background().with_timeout(Duration::from_secs(60));
    let inner = ctx.with_value("user", "gopher");
    let worker = spawn(move || {
        inner.done().recv();
        (inner.err(), inner.value::<&str>(&"user").copied())
    });
    cancel();
    assert_eq!(worker.join().unwrap(), (Some(context::Error::Canceled), Some("gopher")));
}

#[burrow::test]
fn a_panic_is_recovered() {
    let index = "7".parse::<usize>().unwrap();
    let result = recover(|| {
        defer! { println!("runs either way") }
        [1, 2, 3].iter().as_slice()[index]
    });
    let panic = result.unwrap_err();
    assert_eq!(panic.to_string(), "runtime error: index out of range [7] with length 3");

    let failed: Result<(), JoinError> = spawn(|| panic!("told to whoever joins")).join();
    assert!(matches!(failed, Err(JoinError::Panic(_))));
}

#[burrow::test]
fn tables_stacks_futures() {
    let ages = HashMap::from([("ada", 36), ("alan", 41)]);
    assert_eq!(ages["ada"] + ages["alan"], 77);
    assert!(runtime::gomaxprocs(0) <= runtime::num_cpu());
    assert!(runtime::stack(true).starts_with("goroutine "));
    assert!(env::args().len() >= 1 && env::var("no-such-word").is_err());
    assert_eq!(block_on(async { 1 + 1 }), 2);
}

#[burrow::test]
fn numbers_by_chance() {
    let mut key = [0; 32];
    rand::fill(&mut key);
    assert!((1..=6).contains(&(1 + rand::below(6))) && rand::f64() < 1.0);
    assert_ne!(key, [0; 32]);
}

/// The disk is described in `tests/disks/t97_language.txt`.
#[burrow::test]
fn files_on_a_disk() -> io::Result<()> {
    let mut notes = fs::File::create("/notes.txt")?;
    writeln!(notes, "from {}", 1 + 1)?;
    notes.sync_all()?;
    assert_eq!(fs::read_to_string("/notes.txt")?, "from 2\n");
    let missing = fs::read("/none.txt").unwrap_err();
    assert_eq!(missing.to_string(), "open /none.txt: no such file or directory");
    drop(notes);
    fs::unmount("/")
}

/// Rings from another goroutine, before or after somebody waits.
#[derive(Clone, Default)]
struct Flag(Arc<Mutex<(bool, Option<Waker>)>>);

impl Flag {
    fn raise(&self) {
        let mut state = self.0.lock();
        state.0 = true;
        if let Some(waker) = state.1.take() {
            waker.wake();
        }
    }
}

impl Future for Flag {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        let mut state = self.0.lock();
        state.1 = Some(cx.waker().clone());
        if state.0 { Poll::Ready(()) } else { Poll::Pending }
    }
}

#[burrow::test]
fn a_future_is_woken_from_another_goroutine() {
    for round in 0..200 {
        let flag = Flag::default();
        let raiser = flag.clone();
        go(move || {
            (0..round % 3).for_each(|_| runtime::gosched());
            raiser.raise();
        });
        block_on(async {
            flag.clone().await;
            flag.await;
        });
    }
}

/// A waker that outlives its future and rings for nobody does no harm.
#[burrow::test]
fn a_late_waker_wakes_nobody() {
    let flag = Flag::default();
    flag.raise();
    block_on(flag.clone());
    let waker = flag.0.lock().1.take().unwrap();
    waker.wake_by_ref();
    waker.wake();
    assert_eq!(block_on(async { 3 }), 3);
}

#[burrow::test]
fn tables_are_seeded_and_behave() {
    let mut squares: HashMap<u64, u64> = (0..1000).map(|n| (n, n * n)).collect();
    assert!((0..1000).all(|n| squares[&n] == n * n));
    squares.retain(|n, _| n % 2 == 0);
    *squares.entry(7).or_insert(0) += 1;
    assert_eq!(squares.remove(&8), Some(64));
    assert_eq!((squares.len(), squares[&7]), (500, 1));
    let set: HashSet<&str> = ["a", "b", "a"].into();
    assert_eq!((set.len(), set.contains("b"), set.clone() == set), (2, true, true));
    // Of the same 64 keys in ten tables not all ten come in the same order.
    let orders: HashSet<Vec<u32>> =
        (0..10).map(|_| (0..64).collect::<HashSet<u32>>().into_iter().collect()).collect();
    assert!(orders.len() > 1, "no seed");
    assert!(recover(|| squares[&1]).is_err());
}

#[burrow::test]
fn the_console_is_a_writer() {
    let mut out = io::stdout();
    out.write_all(b"bytes, ").unwrap();
    writeln!(out, "and {} words", 3).unwrap();
    out.flush().unwrap();
    let error = io::Error::new(ErrorKind::Other, "of one's own");
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Other, "of one's own"));
}
