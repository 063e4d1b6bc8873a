//! Holding off preemption (Go: `acquirem`/`releasem`).
//!
//! The count lives in the G (law 1): raising it needs no per-core state, so that it cannot race
//! with a migration. While it is raised the code stays on its core and on its M; what was read of
//! them before is stale after the guard is gone.

use core::marker::PhantomData;

use crate::g::{self, G};
use crate::m::M;
use crate::p::P;
use crate::percpu::{self, Core};

/// Proof that this code is not preempted: it stays on its core and M while the guard lives.
#[must_use = "preemption is held off only while the guard lives"]
pub struct Pinned {
    g: &'static G,
    /// Not `Send`: the count belongs to one G.
    _local: PhantomData<*mut ()>,
}

/// Holds off preemption until the guard is dropped. Nests. Go: `acquirem`.
#[inline(always)]
pub fn pin() -> Pinned {
    let g = g::current();
    g.raise();
    Pinned { g, _local: PhantomData }
}

impl Pinned {
    /// What runs here: a goroutine, or the g0 of an M.
    #[inline(always)]
    pub fn g(&self) -> &'static G {
        self.g
    }

    /// This core.
    #[inline(always)]
    pub fn core(&self) -> &'static Core {
        percpu::local()
    }

    /// The M that runs here.
    #[inline(always)]
    pub fn m(&self) -> &'static M {
        self.g.m()
    }

    /// The P that this M holds. Panics if it holds none.
    #[inline(always)]
    pub fn p(&self) -> &'static P {
        self.g.m().p()
    }
}

impl Drop for Pinned {
    #[inline(always)]
    fn drop(&mut self) {
        if self.g.lower() {
            honour_preemption();
        }
    }
}

/// A preemption was asked for while it was held off: gives the core up now.
#[cold]
#[inline(never)]
fn honour_preemption() {
    crate::sched::preempt::preempt_park();
}
