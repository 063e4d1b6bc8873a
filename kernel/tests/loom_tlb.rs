//! Models of giving stack pages back: no frame is used again while some core's TLB leads to it.
//!
//! A page is mapped or not; a core's TLB is a note of having seen it mapped, which only a flush
//! drops. The core uses the page whenever it can, through the note if it has one. The page's frame
//! may be taken away only when no core will use it any more.
#![cfg(loom)]

use std::sync::Arc;

use burrow_kernel::stack::epoch::Epochs;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

mod model;
use model::check;

struct World {
    epochs: Epochs<2>,
    mapped: AtomicBool,
    taken_away: AtomicBool,
}

/// One core and its TLB.
struct Core {
    world: Arc<World>,
    index: usize,
    knows: bool,
}

impl Core {
    fn start(world: &Arc<World>, index: usize) -> Self {
        let mut core = Self { world: world.clone(), index, knows: false };
        core.idle_exit();
        core
    }

    /// What the hardware may do at any time between two flushes: walk the tables, use the page.
    fn use_page(&mut self) {
        // Relaxed: the hardware's walks are ordered by flushes and fences alone.
        self.knows |= self.world.mapped.load(Ordering::Relaxed);
        if self.knows {
            assert!(!self.world.taken_away.load(Ordering::Relaxed), "used after it was taken away");
        }
    }

    fn tick(&mut self) {
        let knows = &mut self.knows;
        self.world.epochs.tick(self.index, || *knows = false);
    }

    fn idle_exit(&mut self) {
        let knows = &mut self.knows;
        self.world.epochs.idle_exit(self.index, || *knows = false);
    }

    fn idle(&mut self) {
        self.world.epochs.idle_enter(self.index);
        self.idle_exit();
    }
}

/// Gives the page back and takes its frame away if that is allowed.
fn give_back(core: &mut Core) {
    let world = core.world.clone();
    world.mapped.store(false, Ordering::Relaxed);
    let filed = world.epochs.current();
    world.epochs.advance();
    core.tick();
    if world.epochs.all_saw(filed) {
        world.taken_away.store(true, Ordering::Relaxed);
    }
}

fn model(other: impl Fn(&mut Core) + Send + Sync + 'static) {
    let other = Arc::new(other);
    check(3, move || {
        let world = Arc::new(World {
            epochs: Epochs::new(),
            mapped: AtomicBool::new(true),
            taken_away: AtomicBool::new(false),
        });
        let mut here = Core::start(&world, 0);
        let (other, there) = (other.clone(), world.clone());
        let thread = thread::spawn(move || {
            let mut there = Core::start(&there, 1);
            there.use_page();
            other(&mut there);
            there.use_page();
        });
        give_back(&mut here);
        thread.join().unwrap();
    });
}

#[test]
fn a_core_that_ticks() {
    model(Core::tick);
}

#[test]
fn a_core_that_was_idle() {
    model(Core::idle);
}

#[test]
fn a_core_that_ticks_and_idles() {
    model(|core| {
        core.tick();
        core.use_page();
        core.idle();
    });
}

// What makes it worth having: with nothing between, the model finds the frame used.
#[test]
#[should_panic = "used after it was taken away"]
fn a_core_that_claims_without_flushing() {
    model(|core| {
        core.world.epochs.tick(core.index, || {});
        core.use_page();
        core.world.epochs.idle_enter(core.index);
    });
}
