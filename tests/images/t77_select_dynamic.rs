//! `Select`, for channels whose number is known only at run time.
#![no_std]
#![no_main]

use burrow::kernel::sched::WaitReason;
use burrow::prelude::*;
use burrow_tests::wait::{go_and_park, until};

burrow::test_main!();

#[burrow::test]
fn many_inputs_are_merged() {
    let inputs: Vec<Chan<u64>> = (0..40).map(|n| Chan::new(n % 4)).collect();
    for (n, input) in inputs.iter().cloned().enumerate() {
        go(move || {
            (0..25).for_each(|value| input.send(n as u64 * 1000 + value));
            input.close();
        });
    }
    let mut select = Select::new();
    let arms: Vec<usize> = inputs.iter().map(|input| select.recv(input)).collect();
    assert!(arms.iter().copied().eq(0..40));
    let mut next = [0; 40];
    while select.active() > 0 {
        let selected = select.wait();
        let arm = selected.index();
        match selected.recv(&inputs[arm]) {
            Some(value) => {
                assert_eq!(value, arm as u64 * 1000 + next[arm]);
                next[arm] += 1;
            }
            None => select.remove(arm),
        }
    }
    assert_eq!(next, [25; 40]);
}

#[burrow::test]
fn a_send_arm_is_spent_until_it_is_refilled() {
    let (a, b) = (Chan::<String>::new(1), Chan::<u32>::nil());
    let mut select = Select::new();
    let (send, nil) = (select.send(&a, "one".to_string()), select.recv(&b));
    assert_eq!((send, nil, select.active()), (0, 1, 2));
    assert_eq!(select.wait().index(), send);
    assert_eq!((select.active(), a.recv().as_deref()), (1, Some("one")));
    assert!(select.try_wait().is_none(), "spent arms and nil ones are not ready");
    assert_eq!(select.take_unsent(send, &a), None);
    select.refill(send, &SendChan::from(&a), "two".to_string());
    assert_eq!(select.take_unsent(send, &a).as_deref(), Some("two"));
    select.refill(send, &a, "three".to_string());
    assert!(select.try_wait().is_some());
    select.refill(send, &a, "four".to_string());
    drop(select);
    assert_eq!((a.len(), a.recv().as_deref()), (1, Some("three")));
}

#[burrow::test]
fn a_select_waits() {
    // One of its goroutines waits for ever.
    burrow::test::keeps();
    let (a, b) = (Chan::<u32>::new(0), Chan::<Box<u32>>::new(0));
    let result = Chan::new(0);
    let (a2, b2, out) = (a.clone(), b.clone(), result.clone());
    go_and_park(WaitReason::Select, move || {
        let mut select = Select::new();
        select.recv(&a2);
        select.send(&b2, Box::new(5));
        for _ in 0..2 {
            let selected = select.wait();
            match selected.index() {
                0 => out.send(selected.recv(&a2)),
                _ => out.send(None),
            }
        }
    });
    a.send(3);
    assert_eq!(result.recv(), Some(Some(3)));
    assert_eq!(b.recv(), Some(Box::new(5)));
    assert_eq!(result.recv(), Some(None));
    let empty = Arc::new(());
    let kept = empty.clone();
    go_and_park(WaitReason::Select, move || {
        let _kept = kept;
        drop(Select::new().wait());
    });
    assert_eq!(Arc::strong_count(&empty), 2);
}

#[burrow::test]
fn values_may_borrow() {
    let text = String::from("borrowed");
    let chan = Chan::<&str>::new(2);
    let mut select = Select::new();
    let arm = select.send(&chan, text.as_str());
    assert_eq!(select.wait().index(), arm);
    let arm = select.recv(&chan);
    assert_eq!(select.wait().recv(&chan), Some("borrowed"));
    assert_eq!(arm, 1);
}

#[burrow::test]
fn nothing_received_is_lost_or_kept() {
    let chan = Chan::<Arc<()>>::new(2);
    let value = Arc::new(());
    let mut select = Select::new();
    select.recv(&chan);
    chan.send(value.clone());
    drop(select.wait());
    assert_eq!(Arc::strong_count(&value), 1);
    chan.send(value.clone());
    core::mem::forget(select.wait());
    assert!(select.try_wait().is_none());
    assert_eq!(Arc::strong_count(&value), 1);
    let arm = select.send(&chan, value.clone());
    select.remove(0);
    select.remove(arm);
    assert_eq!((Arc::strong_count(&value), select.active()), (1, 0));
    until(|| select.try_wait().is_none());
}

#[burrow::test]
fn misuse_panics_and_loses_nothing() {
    let (a, b, nil) = (Chan::<Arc<()>>::new(1), Chan::<String>::new(1), Chan::<String>::nil());
    let value = Arc::new(());
    let text = |panic: Panic| panic.to_string();
    let mut select = Select::new();
    select.recv(&a);
    let send = select.send(&b, "one".to_string());
    let off = select.send(&nil, "two".to_string());
    a.send(value.clone());
    b.send("fills it".to_string());
    // Another channel is no witness of the type, nor is nil.
    let wrong = recover(|| drop(select.wait().recv(&b))).map_err(text);
    assert_eq!(wrong, Err("select: arm 0 is not a receive arm of this channel".into()));
    assert_eq!(Arc::strong_count(&value), 1);
    let early = recover(|| select.refill(send, &b, "two".to_string())).map_err(text);
    assert_eq!(early, Err("select: arm 1 is not a spent send arm of this channel".into()));
    assert!(recover(|| select.take_unsent(off, &nil)).is_err());
    assert!(recover(|| select.take_unsent(17, &b)).is_err());
    // A closed channel panics, and the value stays.
    b.close();
    let closed = recover(|| select.try_wait().map(|selected| selected.index())).map_err(text);
    assert_eq!(closed, Err("send on closed channel".into()));
    assert_eq!(select.take_unsent(send, &b).as_deref(), Some("one"));
    assert_eq!(select.active(), 2);
}
