//! Models of the lock-free stack (S38): nothing lost or doubled, and a top that was popped and
//! pushed again deceives nobody.
#![cfg(loom)]

use std::sync::Arc;

use burrow_kernel::queue::lfstack::LfStack;
use loom::thread;

mod model;
use model::{Item, Items, assert_each_once, check, id};

fn pop(stack: &LfStack<Item>) -> Option<usize> {
    stack.pop().map(id)
}

fn push(stack: &LfStack<Item>, items: &Items, id: usize) {
    // SAFETY: the model's items live until its end; each is on the stack at most once.
    unsafe { stack.push(items.make(id)) };
}

// covers: S38
#[test]
fn a_top_that_comes_back_deceives_no_pop() {
    check(6, || {
        let world = Arc::new((LfStack::new(), Items::new(3)));
        (0..3).for_each(|id| push(&world.0, &world.1, id));
        let other = {
            let world = world.clone();
            thread::spawn(move || pop(&world.0))
        };
        // The top goes away and comes back with less under it.
        let top = pop(&world.0);
        let mut found: Vec<_> = pop(&world.0).into_iter().collect();
        top.into_iter().for_each(|id| push(&world.0, &world.1, id));
        found.extend(other.join().unwrap());
        found.extend(std::iter::from_fn(|| pop(&world.0)));
        assert_each_once(found, 3);
    });
}

// covers: S38
#[test]
fn two_cores_push_and_pop() {
    check(6, || {
        let world = Arc::new((LfStack::new(), Items::new(2)));
        let other = {
            let world = world.clone();
            thread::spawn(move || {
                push(&world.0, &world.1, 1);
                pop(&world.0)
            })
        };
        push(&world.0, &world.1, 0);
        let mut found: Vec<_> = pop(&world.0).into_iter().collect();
        found.extend(other.join().unwrap());
        found.extend(std::iter::from_fn(|| pop(&world.0)));
        assert_each_once(found, 2);
    });
}
