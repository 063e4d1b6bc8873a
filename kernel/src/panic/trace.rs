//! A stack noted down before it is unwound, for a report that comes later.
//!
//! Of a long stack only both ends are kept, as many frames as a report shows, and the number of
//! those between. What is kept is addresses; symbols are looked up when they are printed.

use alloc::vec::Vec;

use burrow_arch::context::Registers;

use super::dump;
use super::goroutines;
use super::image;
use super::rows::Rows;
use super::traceback::{Counter, END_FRAMES, Frames};
use super::unwind::{Frame, Pc};
use crate::sched::system::systemstack;

/// Physical frames kept of either end: some of the runtime's are not shown.
const KEPT: usize = END_FRAMES + 20;

/// A physical frame.
#[derive(Clone, Copy)]
struct Noted {
    frame: Frame,
    cfa: usize,
}

/// See the module's text.
pub struct Trace {
    inner: Vec<Noted>,
    /// A ring: the oldest one is at `overwritten % KEPT`.
    outer: Vec<Noted>,
    overwritten: usize,
    /// Frames that a report would show, of those overwritten.
    missing: usize,
}

impl Trace {
    /// The stack of the caller, as far as `end`: frames above that address are left out.
    #[inline(always)]
    pub fn take(end: Option<usize>) -> Self {
        Self::take_from(&Registers::here(), end.unwrap_or(usize::MAX))
    }

    #[inline(never)]
    fn take_from(registers: &Registers, end: usize) -> Self {
        let (inner, outer) = (Vec::with_capacity(KEPT), Vec::with_capacity(KEPT));
        let mut trace = Self { inner, outer, overwritten: 0, missing: 0 };
        // Its tables want more room than a goroutine may have left.
        systemstack(|| trace.fill(registers, end));
        trace
    }

    /// On the system stack; allocates nothing.
    fn fill(&mut self, registers: &Registers, end: usize) {
        let mut rows = Rows::new(image::tables());
        let mut counter = Counter::new(image::symbols(), dump::panic_level());
        let mut walk = dump::walk(registers, Pc::Return, &goroutines::current(), None);
        while let Some(frame) = walk.frame() {
            let cfa = walk.cfa(&mut rows).unwrap_or(frame.sp);
            if cfa > end {
                break;
            }
            self.note(Noted { frame, cfa }, &mut counter);
            walk.advance(&mut rows);
        }
    }

    fn note(&mut self, noted: Noted, counter: &mut Counter<'_>) {
        if self.inner.len() < KEPT {
            self.inner.push(noted);
        } else if self.outer.len() < KEPT {
            self.outer.push(noted);
        } else {
            let oldest = &mut self.outer[self.overwritten % KEPT];
            self.missing += counter.lines(&oldest.frame);
            *oldest = noted;
            self.overwritten += 1;
        }
    }

    fn len(&self) -> usize {
        self.inner.len() + self.outer.len()
    }

    fn get(&self, index: usize) -> Option<&Noted> {
        match index.checked_sub(self.inner.len()) {
            None => self.inner.get(index),
            Some(index) if index < self.outer.len() => {
                self.outer.get((self.overwritten + index) % self.outer.len())
            }
            Some(_) => None,
        }
    }
}

/// Stacks one after another, the innermost first, as one.
#[derive(Clone)]
pub struct Joined<'a> {
    traces: &'a [&'a Trace],
    index: usize,
}

impl<'a> Joined<'a> {
    /// From the first frame of the first one on.
    pub fn new(traces: &'a [&'a Trace]) -> Self {
        let mut joined = Self { traces, index: 0 };
        joined.skip_ended();
        joined
    }

    fn noted(&self) -> Option<&'a Noted> {
        self.traces.first()?.get(self.index)
    }

    fn skip_ended(&mut self) {
        while let [first, rest @ ..] = self.traces
            && self.index >= first.len()
        {
            (self.traces, self.index) = (rest, 0);
        }
    }
}

impl Frames for Joined<'_> {
    fn frame(&self) -> Option<Frame> {
        self.noted().map(|noted| noted.frame)
    }

    fn advance(&mut self, _: &mut Rows<'_>) {
        self.index += 1;
        self.skip_ended();
    }

    fn cfa(&self, _: &mut Rows<'_>) -> Option<usize> {
        self.noted().map(|noted| noted.cfa)
    }

    fn missing(&self) -> usize {
        match self.traces.first() {
            Some(trace) if self.index == trace.inner.len() => trace.missing,
            _ => 0,
        }
    }
}
