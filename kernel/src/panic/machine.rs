//! Every P and M, in the words of Go's `schedtrace` with `scheddetail=1`, read without locks: the
//! cores stand still, or soon will.

use core::fmt::{self, Write};
use core::sync::atomic::Ordering;

use burrow_arch::clock;

use crate::g::G;
use crate::m::M;
use crate::p::{P, allp};
use crate::sched::SCHED;
use crate::sched::table::ALLMS;

/// Writes them.
pub fn show(out: &mut dyn Write) -> fmt::Result {
    let threads = || ALLMS.iter().filter(|m| m.is_live());
    let idle = threads().filter(|m| m.idle.load(Ordering::Relaxed)).count();
    let spinners = &SCHED.spinners;
    write!(out, "\nSCHED {}ms: gomaxprocs={}", clock::nanotime() / 1_000_000, SCHED.procs())?;
    write!(out, " idleprocs={} threads={}", spinners.idle_ps(), threads().count())?;
    write!(out, " spinningthreads={}", spinners.spinning())?;
    write!(out, " needspinning={}", u8::from(spinners.needspinning()))?;
    write!(out, " idlethreads={idle} runqueue={}", SCHED.runqsize())?;
    writeln!(out, " gcwaiting={}", SCHED.world.gcwaiting())?;
    if !SCHED.main_started.load(Ordering::Relaxed) {
        // They may not have been made.
        return Ok(());
    }
    (0..SCHED.cores()).try_for_each(|id| p(out, allp(id)))?;
    threads().try_for_each(|thread| m(out, thread))
}

fn p(out: &mut dyn Write, p: &P) -> fmt::Result {
    let m = Number(p.m().map(M::id));
    let (status, tick, len) = (p.status() as u32, p.schedtick(), p.runq.len());
    writeln!(out, "  P{}: status={status} schedtick={tick} m={m} runqsize={len}", p.id)
}

fn m(out: &mut dyn Write, m: &M) -> fmt::Result {
    let p = Number(m.try_p().map(|p| p.id as u64));
    let (curg, lockedg) = (Number(m.curg().map(G::goid)), Number(m.lockedg().map(G::goid)));
    let (locks, spinning, blocked) = (m.g0.count(), m.spinning(), !m.is_on_core());
    write!(out, "  M{}: p={p} curg={curg} locks={locks} spinning={spinning}", m.id())?;
    writeln!(out, " blocked={blocked} lockedg={lockedg} core={}", m.core())
}

/// A number, or Go's word for none.
struct Number(Option<u64>);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(number) => number.fmt(f),
            None => f.write_str("nil"),
        }
    }
}
