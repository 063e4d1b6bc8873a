//! Queues, stealing, fairness, waking.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::boxed::Box;
use burrow::kernel::queue::lfstack::LfStack;
use burrow::kernel::queue::link::Linked;
use burrow::kernel::queue::runq::{Place, RunQueue};
use burrow::kernel::sched::SCHED;
use burrow::kernel::sync::pin;
use burrow::prelude::*;
use burrow::sync::WaitGroup;
use burrow::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use burrow_tests::wait::{hold_core_until, spin_until, until};
use core::ptr::{NonNull, null_mut};

burrow::test_main!();

/// Something to queue, aligned as a G is.
#[repr(align(64))]
struct Item {
    link: AtomicPtr<Item>,
    id: u64,
}

// SAFETY: one field, always the same, written by queues alone.
unsafe impl Linked for Item {
    fn link(&self) -> &AtomicPtr<Item> {
        &self.link
    }
}

fn item(id: u64) -> NonNull<Item> {
    NonNull::from(Box::leak(Box::new(Item { link: AtomicPtr::new(null_mut()), id })))
}

/// Nobody polls a channel so hard that its sender does not get through.
#[burrow::test]
fn a_spinner_that_yields_sees_a_later_send() {
    // covers: S02
    let (requests, replies) = (Chan::<u32>::new(0), Chan::<u32>::new(0));
    let (asked, answers) = (requests.clone(), replies.clone());
    go(move || {
        loop {
            match asked.try_recv() {
                Ok(n) => break answers.send(n + 1),
                Err(_) => runtime::gosched(),
            }
        }
    });
    (0..100).for_each(|_| runtime::gosched());
    requests.send(41);
    assert_eq!(replies.recv(), Some(42));
}

/// The owner moves an item between `runnext` and the ring while another core looks: never empty.
#[burrow::test(smp = 2)]
fn a_queue_with_an_item_never_looks_empty() {
    // Items of lock-free queues are never freed.
    burrow::test::keeps();
    // covers: S20
    const ROUNDS: u64 = 5_000;
    struct Shared {
        queue: RunQueue<Item>,
        round: AtomicU64,
        looked: AtomicU64,
    }
    let shared = Arc::new(Shared {
        queue: RunQueue::new(),
        round: AtomicU64::new(0),
        looked: AtomicU64::new(0),
    });
    let looker = shared.clone();
    let looks = spawn(move || {
        let mut empties = 0;
        for round in 1..=ROUNDS {
            spin_until(|| looker.round.load(Ordering::Acquire) == round);
            empties += u32::from(looker.queue.is_empty());
            looker.looked.store(round, Ordering::Release);
        }
        empties
    });
    let items = [item(0), item(1)];
    // SAFETY: this goroutine alone puts and gets.
    let owner = unsafe { shared.queue.owner() };
    for round in 1..=ROUNDS {
        // SAFETY: leaked, and off the queue at the end of each round.
        unsafe { owner.put(items[0], Place::Next, |_| unreachable!("two items fit")) };
        shared.round.store(round, Ordering::Release);
        // SAFETY: as above. This kicks the first one into the ring.
        unsafe { owner.put(items[1], Place::Next, |_| unreachable!("two items fit")) };
        assert!(owner.get().is_some());
        spin_until(|| shared.looked.load(Ordering::Acquire) == round);
        assert!(owner.get().is_some());
    }
    assert_eq!(looks.join().unwrap(), 0, "empty with an item in it");
}

/// Nodes move between two stacks on all cores; none is lost or doubled.
#[burrow::test]
fn lock_free_stacks_lose_nothing() {
    // Nodes of lock-free stacks are never freed.
    burrow::test::keeps();
    // covers: S38
    const NODES: u64 = 200;
    let stacks = Arc::new([LfStack::<Item>::new(), LfStack::new()]);
    for id in 1..=NODES {
        // SAFETY: leaked, and on no list.
        unsafe { stacks[0].push(item(id)) };
    }
    let movers: Vec<_> = (0..runtime::num_cpu() * 2)
        .map(|mover| {
            let stacks = stacks.clone();
            spawn(move || {
                for n in 0..5_000 {
                    let from = (mover + n) % 2;
                    if let Some(node) = stacks[from].pop() {
                        // SAFETY: popped a moment ago, so on no list; leaked.
                        unsafe { stacks[1 - from].push(node) };
                    }
                }
            })
        })
        .collect();
    movers.into_iter().for_each(|mover| mover.join().unwrap());
    let mut ids: Vec<u64> = stacks
        .iter()
        .flat_map(|stack| core::iter::from_fn(|| stack.pop()))
        // SAFETY: leaked.
        .map(|node| unsafe { node.as_ref() }.id)
        .collect();
    ids.sort_unstable();
    assert!(ids.into_iter().eq(1..=NODES));
}

/// One core starts them all and keeps itself busy: only stealing gets them done.
#[burrow::test(smp = 2)]
fn others_steal_from_a_busy_core() {
    let done = Arc::new(AtomicUsize::new(0));
    let steals = || -> u64 { runtime::p_stats().iter().map(|p| p.steals).sum() };
    let before = steals();
    let goroutines = 100;
    let pinned = pin();
    for _ in 0..goroutines {
        let done = done.clone();
        go(move || {
            done.fetch_add(1, Ordering::Relaxed);
        });
    }
    hold_core_until(burrow_tests::wait::LIMIT, || done.load(Ordering::Relaxed) == goroutines);
    assert_eq!(done.load(Ordering::Relaxed), goroutines);
    drop(pinned);
    assert!(steals() > before);
}

/// Loops that end only once every core has run one of them: no core may stay idle beside waiting
/// work, whatever storm of wake-ups came before.
#[burrow::test]
fn every_core_joins_in() {
    // covers: H05
    for round in 0..20u64 {
        let (first, mut last) = (Chan::new(0), None::<Chan<u64>>);
        for _ in 0..50 {
            let (from, to) = (last.unwrap_or_else(|| first.clone()), Chan::new(0));
            last = Some(to.clone());
            go(move || to.send(from.recv().unwrap() + 1));
        }
        first.send(round);
        assert_eq!(last.unwrap().recv(), Some(round + 50));
        let everybody = (1u64 << runtime::gomaxprocs(0)) - 1;
        let seen = Arc::new(AtomicU64::new(0));
        let loops = WaitGroup::new();
        for _ in 0..runtime::gomaxprocs(0) + 2 {
            let seen = seen.clone();
            loops.go(move || {
                spin_until(|| {
                    seen.fetch_or(1 << runtime::p_id(), Ordering::Relaxed);
                    seen.load(Ordering::Relaxed) == everybody
                });
            });
        }
        loops.wait();
    }
}

/// Two goroutines that ready each other for ever run in one slice; a third must not starve.
#[burrow::test]
fn a_ping_pong_does_not_starve_the_queue() {
    // covers: H08
    let stop = Arc::new(AtomicBool::new(false));
    let players = WaitGroup::new();
    // A pair for each core, so that the victim finds no free one.
    for _ in 0..runtime::num_cpu() {
        let (there, back) = (Chan::<()>::new(0), Chan::<()>::new(0));
        let (balls, returns, over) = (there.clone(), back.clone(), stop.clone());
        players.go(move || {
            while !over.load(Ordering::Relaxed) {
                there.send(());
                back.recv();
            }
            there.close();
        });
        players.go(move || balls.iter().for_each(|()| returns.send(())));
    }
    let mut waits: [Duration; 21] = core::array::from_fn(|_| {
        let asked = Instant::now();
        runtime::gosched();
        asked.elapsed()
    });
    stop.store(true, Ordering::Relaxed);
    players.wait();
    waits.sort_unstable();
    println!("median {} us, longest {} us", waits[10].as_micros(), waits[20].as_micros());
    // The median: an emulator on a busy host stops the machine for longer now and then.
    assert!(waits[10] < Duration::from_millis(500), "{waits:?}");
}

/// Yields of as many goroutines as there are cores, and of one alone, do not wake a core each time.
#[burrow::test]
fn yielding_does_not_wake_everybody() {
    // covers: H07, H28
    const YIELDS: u64 = 5_000;
    for goroutines in [1, runtime::gomaxprocs(0) as u64] {
        let wakeups = || -> u64 { runtime::p_stats().iter().map(|p| p.wakeups).sum() };
        let before = wakeups();
        let all = WaitGroup::new();
        for _ in 0..goroutines {
            all.go(|| (0..YIELDS).for_each(|_| runtime::gosched()));
        }
        all.wait();
        let woken = wakeups() - before;
        println!("{woken} wake-ups for {} yields", goroutines * YIELDS);
        // Cores that have just run out of work look on for a while and meet the yields of others.
        assert!(woken <= goroutines * YIELDS / 2, "wake-ups for most yields: {woken}");
    }
}

/// A goroutine that only yields does not keep others from their turns, nor they it.
#[burrow::test]
fn a_loop_of_yields_starves_nobody() {
    // covers: H07
    let stop = Arc::new(AtomicBool::new(false));
    let yields = Arc::new(AtomicUsize::new(0));
    let group = WaitGroup::new();
    for _ in 0..runtime::gomaxprocs(0) {
        let (stop, yields) = (stop.clone(), yields.clone());
        group.go(move || {
            while !stop.load(Ordering::Relaxed) {
                yields.fetch_add(1, Ordering::Relaxed);
                runtime::gosched();
            }
        });
    }
    // Each of these starts in a local queue, behind goroutines that come by the global one.
    for round in 0..200 {
        let (there, back) = (Chan::new(0), Chan::new(0));
        let (ping, pong) = (there.clone(), back.clone());
        go(move || pong.send(ping.recv()));
        there.send(round);
        assert_eq!(back.recv(), Some(Some(round)));
    }
    let seen = yields.load(Ordering::Relaxed);
    while yields.load(Ordering::Relaxed) < seen + 100 {
        runtime::gosched();
    }
    stop.store(true, Ordering::Relaxed);
    group.wait();
}

/// Handing values over within a core wakes nobody else for each of them.
#[burrow::test]
fn a_hand_over_does_not_wake_everybody() {
    // covers: H28
    const VALUES: u64 = 5_000;
    let wakeups = || -> u64 { runtime::p_stats().iter().map(|p| p.wakeups).sum() };
    let chan = Chan::<u64>::new(0);
    let out = chan.clone();
    let before = wakeups();
    let sum = spawn(move || chan.iter().sum::<u64>());
    (0..VALUES).for_each(|n| out.send(n));
    out.close();
    assert_eq!(sum.join().unwrap(), VALUES * (VALUES - 1) / 2);
    let woken = wakeups() - before;
    println!("{woken} wake-ups for {VALUES} values");
    assert!(woken <= 2 * VALUES, "{woken}");
}

/// Goroutines are readied while they are still on their way out on another core.
#[burrow::test]
fn wake_while_switching_out() {
    // covers: H23, H24, H26
    let pairs = runtime::num_cpu() * 2;
    let all = WaitGroup::new();
    for pair in 0..pairs {
        let (there, back) = (Chan::<usize>::new(pair % 2), Chan::<usize>::new(0));
        let (balls, returns) = (there.clone(), back.clone());
        all.go(move || balls.iter().for_each(|ball| returns.send(ball + 1)));
        all.go(move || {
            for n in 0..1_500 {
                there.send(n);
                assert_eq!(back.recv(), Some(n + 1));
            }
            there.close();
        });
    }
    all.wait();
}

/// As above, with a timer interrupt at another distance each time, so that it falls on every
/// stretch of parking and readying.
#[burrow::test]
fn interrupts_in_the_middle_of_parking() {
    // covers: H24, H27
    let (there, back) = (Chan::<u64>::new(0), Chan::<u64>::new(0));
    let (balls, returns) = (there.clone(), back.clone());
    let partner = spawn(move || balls.iter().for_each(|ball| returns.send(ball)));
    for n in 0..3_000 {
        burrow_arch::timer::set(burrow_arch::clock::nanotime() + n % 1_000 * 20);
        there.send(n);
        assert_eq!(back.recv(), Some(n));
    }
    there.close();
    partner.join().unwrap();
}

/// What a goroutine reads of its core is of the core where it is, however often it moves.
#[burrow::test]
fn nothing_is_kept_of_the_former_core() {
    // covers: H17
    let all = WaitGroup::new();
    for _ in 0..runtime::num_cpu() * 3 {
        all.go(|| {
            for _ in 0..2_000 {
                let pinned = pin();
                let (core, m, p) = (pinned.core().index, pinned.m(), pinned.p());
                assert_eq!((m.core(), p.id), (core, core));
                assert!(p.m().is_some_and(|holder| core::ptr::eq(holder, m)));
                drop(pinned);
                runtime::gosched();
                let pinned = pin();
                assert_eq!(pinned.p().id, pinned.core().index);
            }
        });
    }
    all.wait();
}

/// A tree of goroutines that wait for their children, from every core at once.
#[burrow::test]
fn a_tree_of_goroutines() {
    fn tree(depth: u32) -> u64 {
        if depth == 0 {
            return 1;
        }
        let left = spawn(move || tree(depth - 1));
        tree(depth - 1) + left.join().unwrap()
    }
    assert_eq!(tree(11), 1 << 11);
}

/// After everything, every counter is back where it should be.
#[burrow::test]
fn queues_are_empty_in_the_end() {
    until(|| runtime::num_goroutine() <= 2);
    until(|| SCHED.runqsize() == 0);
    let stats = runtime::p_stats();
    assert!(stats.iter().all(|p| p.switches >= p.runs), "{stats:?}");
    assert!(SCHED.spinners.spinning() <= runtime::num_cpu());
}
