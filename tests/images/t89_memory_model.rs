//! What happens before what: a message goes by way of each thing that orders, `docs/memory-model.md`.
//!
//! The message itself is written and read with relaxed accesses, on cache lines of its own: only what
//! is passed beside it can order it.
#![no_std]
#![no_main]

use burrow::context::CancelFunc;
use burrow::prelude::*;
use burrow::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use burrow::sync::{
    AtomicValue, Cond, LazyLock, Map, Mutex, Once, OnceLock, Pool, RwLock, Semaphore, WaitGroup,
};
use burrow_tests::wait::until;

burrow::test_main!();

const ROUNDS: usize = 200;

#[repr(align(128))]
#[derive(Default)]
struct Line(AtomicU64);

/// What one goroutine leaves for another.
#[derive(Default)]
struct Message([Line; 4]);

impl Message {
    fn write(&self, n: u64) {
        self.0.iter().for_each(|line| line.0.store(n, Ordering::Relaxed));
    }

    #[track_caller]
    fn assert_is(&self, n: u64) {
        // The last one written first.
        self.0.iter().rev().for_each(|line| assert_eq!(line.0.load(Ordering::Relaxed), n));
    }
}

/// Round by round: a message is written, then `give`; `take`, then it has to be there. With the
/// number of the round, from 0.
fn message<P: Send + Sync + 'static>(
    place: P,
    give: impl Fn(&P, usize) + Send + 'static,
    take: impl Fn(&P, usize),
) {
    let shared = Arc::new((place, Message::default(), Line::default()));
    let giver = shared.clone();
    let giver = spawn(move || {
        let (place, message, taken) = &*giver;
        for n in 0..ROUNDS {
            message.write(n as u64 + 1);
            give(place, n);
            until(|| taken.0.load(Ordering::Acquire) == n as u64 + 1);
        }
    });
    let (place, message, taken) = &*shared;
    for n in 0..ROUNDS {
        take(place, n);
        message.assert_is(n as u64 + 1);
        taken.0.store(n as u64 + 1, Ordering::Release);
    }
    giver.join().unwrap();
}

fn many<T>(make: impl Fn() -> T) -> Vec<T> {
    (0..ROUNDS).map(|_| make()).collect()
}

#[burrow::test]
fn a_start_comes_before_the_goroutine() {
    let message = Arc::new(Message::default());
    for n in 0..ROUNDS as u64 {
        message.write(n);
        let (sent, seen) = (message.clone(), Chan::new(0));
        let says = seen.clone();
        go(move || {
            sent.assert_is(n);
            says.send(());
        });
        seen.recv();
    }
}

#[burrow::test]
fn the_end_comes_before_join() {
    let message = Arc::new(Message::default());
    for n in 0..ROUNDS as u64 {
        let sent = message.clone();
        spawn(move || sent.write(n)).join().unwrap();
        message.assert_is(n);
        scope(|s| s.go(|| message.write(n + 1)));
        message.assert_is(n + 1);
    }
}

#[burrow::test]
fn a_send_comes_before_its_receive() {
    for cap in [0, 1, 7] {
        message(Chan::new(cap), |c, n| c.send(n), |c, n| assert_eq!(c.recv(), Some(n)));
        message(
            Chan::new(cap.max(1)),
            |c, n| assert!(c.try_send(n).is_ok()),
            |c, n| until(|| c.try_recv() == Ok(n)),
        );
        message(
            Chan::new(cap),
            |c, n| select! { c.send(n) => () },
            |c, n| {
                let nil = Chan::<usize>::nil();
                select! {
                    got = c.recv() => assert_eq!(got, Some(n)),
                    _ = nil.recv() => unreachable!("nil"),
                }
            },
        );
    }
}

#[burrow::test]
fn a_receive_comes_before_the_end_of_a_send_without_room() {
    message(Chan::new(0), |c, _| assert!(c.recv().is_some()), |c, n| c.send(n));
    // With room for one, the receive comes before the end of the next send.
    let full = Chan::new(1);
    full.send(ROUNDS);
    message(full, |c, _| assert!(c.recv().is_some()), |c, n| c.send(n));
}

#[burrow::test]
fn a_close_comes_before_the_receive_that_finds_it() {
    let chans = || many(|| Chan::<()>::new(1));
    message(chans(), |c, n| c[n].close(), |c, n| assert_eq!(c[n].recv(), None));
    message(
        chans(),
        |c, n| c[n].close(),
        |c, n| until(|| c[n].try_recv() == Err(TryRecvError::Closed)),
    );
}

#[burrow::test]
fn an_unlock_comes_before_the_next_lock() {
    message(
        Mutex::new(usize::MAX),
        |mutex, n| *mutex.lock() = n,
        |mutex, n| until(|| *mutex.lock() == n),
    );
    message(
        Mutex::new(usize::MAX),
        |mutex, n| *mutex.lock() = n,
        |mutex, n| until(|| mutex.try_lock().is_some_and(|found| *found == n)),
    );
}

#[burrow::test]
fn readers_and_writers_are_ordered() {
    message(
        RwLock::new(usize::MAX),
        |lock, n| *lock.write() = n,
        |lock, n| until(|| *lock.read() == n),
    );
    // What a reader did comes before the next writer.
    message(
        (RwLock::new(()), AtomicU64::new(u64::MAX)),
        |(lock, at), n| {
            let _held = lock.read();
            at.store(n as u64, Ordering::Relaxed);
        },
        |(lock, at), n| {
            until(|| {
                let _held = lock.write();
                at.load(Ordering::Relaxed) == n as u64
            });
        },
    );
}

#[burrow::test]
fn a_wake_up_comes_before_the_return_of_the_wait() {
    message(
        (Mutex::new(usize::MAX), Cond::new()),
        |(mutex, cond), n| {
            *mutex.lock() = n;
            cond.signal();
        },
        |(mutex, cond), n| drop(cond.wait_while(mutex.lock(), |found| *found != n)),
    );
    message(Semaphore::new(0), |sema, _| sema.release(1), |sema, _| sema.acquire(1));
    message(
        Semaphore::new(0),
        |sema, _| sema.release_handoff(1),
        |sema, _| until(|| sema.try_acquire(1)),
    );
}

#[burrow::test]
fn done_comes_before_the_return_of_wait() {
    let groups = many(WaitGroup::new);
    groups.iter().for_each(|group| group.add(1));
    message(groups, |groups, n| groups[n].done(), |groups, n| groups[n].wait());
}

#[burrow::test]
fn what_is_done_once_comes_before_all_that_find_it_done() {
    message(
        many(Once::new),
        |once, n| once[n].call_once(|| ()),
        |once, n| {
            until(|| once[n].is_completed());
            once[n].call_once(|| unreachable!("completed"));
        },
    );
    message(
        many(OnceLock::new),
        |cells, n| assert!(cells[n].set(n).is_ok()),
        |cells, n| until(|| cells[n].get() == Some(&n)),
    );
    // Who comes second waits for the first, and sees what it did.
    let made = Arc::new(Message::default());
    for n in 1..=ROUNDS as u64 {
        let (inside, started) = (made.clone(), Arc::new(AtomicBool::new(false)));
        let says = started.clone();
        let lazy = Arc::new(LazyLock::new(move || {
            says.store(true, Ordering::Relaxed);
            inside.write(n);
            n
        }));
        let first = lazy.clone();
        let first = spawn(move || assert_eq!(**first, n));
        until(|| started.load(Ordering::Relaxed));
        assert_eq!(**lazy, n);
        made.assert_is(n);
        first.join().unwrap();
    }
}

#[burrow::test]
fn a_release_comes_before_the_acquire_that_reads_it() {
    message(
        AtomicU64::new(u64::MAX),
        |word, n| word.store(n as u64, Ordering::Release),
        |word, n| until(|| word.load(Ordering::Acquire) == n as u64),
    );
    message(
        AtomicU64::new(0),
        |word, _| {
            fence(Ordering::Release);
            word.fetch_add(1, Ordering::Relaxed);
        },
        |word, n| {
            until(|| word.load(Ordering::Relaxed) == n as u64 + 1);
            fence(Ordering::Acquire);
        },
    );
}

/// Two goroutines write a word each, as `write` does, and then look at the other's: one of the two has
/// to see the other. They meet before each round, so that the two sides really run together.
fn one_sees_the_other(write: fn(&AtomicU64)) {
    let rounds = Arc::new(many(|| [Line::default(), Line::default()]));
    let met = Arc::new([Line::default(), Line::default()]);
    let run = |side: usize| {
        let (rounds, met) = (rounds.clone(), met.clone());
        spawn(move || -> Vec<u64> {
            let look = |(n, words): (usize, &[Line; 2])| {
                let n = n as u64 + 1;
                met[side].0.store(n, Ordering::Release);
                let other = || met[1 - side].0.load(Ordering::Acquire) >= n;
                // Who yields comes too late.
                if !(0..10_000).any(|_| other()) {
                    until(other);
                }
                write(&words[side].0);
                words[1 - side].0.load(Ordering::SeqCst)
            };
            rounds.iter().enumerate().map(look).collect()
        })
    };
    let [left, right] = [run(0), run(1)].map(|side| side.join().unwrap());
    assert!(left.iter().zip(&right).all(|(left, right)| left + right > 0));
}

#[burrow::test]
fn sequentially_consistent_accesses_have_one_order() {
    // By `swap`, not `store`: see docs/memory-model.md on emulated aarch64.
    one_sees_the_other(|word| {
        word.swap(1, Ordering::SeqCst);
    });
    one_sees_the_other(|word| {
        word.store(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    });
}

#[burrow::test]
fn what_is_put_in_comes_before_what_finds_it() {
    message(Map::new(), |map, n| map.store(7, n), |map, n| until(|| map.load(&7) == Some(n)));
    message(
        AtomicValue::new(),
        |value, n| value.store(n),
        |value, n| until(|| value.load().as_deref() == Some(&n)),
    );
    message(
        Pool::new(|| usize::MAX),
        |pool, n| pool.put(n),
        |pool, n| until(|| pool.try_get() == Some(n)),
    );
}

#[burrow::test]
fn a_timers_start_comes_before_what_it_calls() {
    let message = Arc::new(Message::default());
    for n in 0..ROUNDS as u64 / 4 {
        message.write(n);
        let (sent, seen) = (message.clone(), Chan::new(1));
        let says = seen.clone();
        let timer = time::after_func(Duration::from_micros(50), move || {
            sent.assert_is(n);
            sent.write(n + 1);
            says.send(());
        });
        seen.recv();
        message.assert_is(n + 1);
        assert!(!timer.stop());
    }
}

#[burrow::test]
fn cancel_comes_before_what_finds_the_end() {
    let contexts = || many(|| Context::background().with_cancel());
    type Pairs = Vec<(Context, CancelFunc)>;
    let give = |pairs: &Pairs, n: usize| pairs[n].1.cancel();
    message(contexts(), give, |pairs, n| assert_eq!(pairs[n].0.done().recv(), None));
    message(contexts(), give, |pairs, n| until(|| pairs[n].0.err().is_some()));
    // And before the functions that it starts.
    let called = contexts().into_iter().map(|(context, cancel)| {
        let chan = Chan::new(1);
        let says = chan.clone();
        context.after_func(move || says.send(()));
        (cancel, chan)
    });
    message(
        called.collect::<Vec<_>>(),
        |called, n| called[n].0.cancel(),
        |called, n| assert_eq!(called[n].1.recv(), Some(())),
    );
}

#[burrow::test]
fn a_stopped_world_shows_what_was_done_before() {
    static FIRST: Line = Line(AtomicU64::new(0));
    static SECOND: Line = Line(AtomicU64::new(0));
    static STOP: AtomicBool = AtomicBool::new(false);
    let writer = spawn(|| {
        let mut n = 0;
        while !STOP.load(Ordering::Relaxed) {
            n += 1;
            FIRST.0.store(n, Ordering::Relaxed);
            SECOND.0.store(n, Ordering::Relaxed);
        }
    });
    until(|| FIRST.0.load(Ordering::Relaxed) > 0);
    for _ in 0..20 {
        let look = || (FIRST.0.load(Ordering::Relaxed), SECOND.0.load(Ordering::Relaxed));
        let (before, after) = runtime::stop_the_world(|| (look(), look()));
        assert_eq!(before, after);
        assert!(before.0 == before.1 || before.0 == before.1 + 1);
        runtime::gosched();
    }
    STOP.store(true, Ordering::Relaxed);
    writer.join().unwrap();
}
