//! Power series as processes: each series is a goroutine that computes its next coefficient when
//! somebody asks for it. After M. D. McIlroy, "Squinting at Power Series".
#![no_std]
#![no_main]

extern crate alloc;

use alloc::collections::VecDeque;
use burrow::prelude::*;
use burrow_tests::wait::until;
use core::ops::{Add, Mul};

burrow::test_main!();

/// A fraction in lowest terms with a positive denominator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Rat(i128, i128);

const ZERO: Rat = Rat(0, 1);
const ONE: Rat = Rat(1, 1);

fn rat(num: i128, den: i128) -> Rat {
    let (mut a, mut b) = (num.abs(), den.abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    let sign = if den < 0 { -1 } else { 1 };
    Rat(sign * num / a, sign * den / a)
}

impl Add for Rat {
    type Output = Rat;
    fn add(self, other: Rat) -> Rat {
        rat(self.0 * other.1 + other.0 * self.1, self.1 * other.1)
    }
}

impl Mul for Rat {
    type Output = Rat;
    fn mul(self, other: Rat) -> Rat {
        rat(self.0 * other.0, self.1 * other.1)
    }
}

/// The asking end of a demand channel. Dropped, it ends the process behind it.
struct Series {
    request: Chan<()>,
    data: Chan<Rat>,
}

/// The answering end.
struct Demand {
    request: RecvChan<()>,
    data: SendChan<Rat>,
    /// Asked already: what started the process.
    asked: bool,
}

fn demand_channel() -> (Series, Demand) {
    let (request, data) = (Chan::new(0), Chan::new(0));
    let demand = Demand { request: (&request).into(), data: (&data).into(), asked: false };
    (Series { request, data }, demand)
}

impl Series {
    fn get(&self) -> Rat {
        self.request.send(());
        self.data.recv().unwrap()
    }

    fn take(&self, count: usize) -> Vec<Rat> {
        (0..count).map(|_| self.get()).collect()
    }
}

impl Drop for Series {
    fn drop(&mut self) {
        self.request.close();
    }
}

impl Demand {
    /// Answers the next request; none if nobody asks any more.
    fn put(&mut self, value: Rat) -> Option<()> {
        self.ask()?;
        self.asked = false;
        self.data.send(value);
        Some(())
    }

    /// Waits for the next request; none if nobody asks any more.
    fn ask(&mut self) -> Option<()> {
        if !self.asked {
            self.request.recv()?;
            self.asked = true;
        }
        Some(())
    }

    /// Answers every request with what comes from there.
    fn answer(&mut self, mut next: impl FnMut() -> Rat) -> Option<()> {
        loop {
            self.ask()?;
            self.put(next())?;
        }
    }
}

/// A process that begins with the first request.
fn series(process: impl FnOnce(&mut Demand) -> Option<()> + Send + 'static) -> Series {
    let (series, mut demand) = demand_channel();
    go(move || {
        if demand.request.recv().is_some() {
            demand.asked = true;
            process(&mut demand);
        }
    });
    series
}

/// The next coefficient of both, asked for at the same time.
fn get_both(a: &Series, b: &Series) -> (Rat, Rat) {
    let mut requests = [a.request.clone(), b.request.clone()];
    let mut data = [Chan::nil(), Chan::nil()];
    let mut got = [ZERO; 2];
    for _ in 0..4 {
        let ([ra, rb], [da, db]) = (&requests, &data);
        let (lane, value) = select! {
            ra.send(()) => (0, None),
            rb.send(()) => (1, None),
            v = da.recv() => (0, v),
            v = db.recv() => (1, v),
        };
        match value {
            None => {
                requests[lane] = Chan::nil();
                data[lane] = if lane == 0 { a.data.clone() } else { b.data.clone() };
            }
            Some(value) => {
                data[lane] = Chan::nil();
                got[lane] = value;
            }
        }
    }
    (got[0], got[1])
}

/// Serves two sides from one series, and keeps for each what the other had first. It never waits
/// for one thing alone: what it asks for may itself depend on what it serves.
struct Split {
    from: Series,
    sides: [Demand; 2],
    /// Coefficients that the other side has had.
    behind: [VecDeque<Rat>; 2],
    /// Asked, not answered.
    waiting: [bool; 2],
    /// What it listens to and talks to now; nil where there is nothing to say.
    requests: [RecvChan<()>; 2],
    data: Chan<Rat>,
}

impl Split {
    fn new(from: Series, sides: [Demand; 2]) -> Self {
        let requests = sides.each_ref().map(|side| side.request.clone());
        let (behind, data) = ([VecDeque::new(), VecDeque::new()], Chan::nil());
        Self { from, sides, behind, waiting: [false; 2], requests, data }
    }

    /// Until so many sides have gone.
    fn serve(mut self, until_gone: usize) {
        let mut gone = 0;
        while gone < until_gone {
            let starved = (0..2).any(|side| self.waiting[side] && self.behind[side].is_empty());
            let ask = if starved && self.data.is_nil() { &self.from.request } else { &Chan::nil() };
            let [a, b] = &self.requests;
            let (side, asked) = select! {
                v = a.recv() => (0, v),
                v = b.recv() => (1, v),
                ask.send(()) => {
                    self.data = self.from.data.clone();
                    continue;
                }
                v = self.data.recv() => {
                    self.behind.iter_mut().for_each(|queue| queue.extend(v));
                    self.data = Chan::nil();
                    (0..2).for_each(|side| self.answer(side));
                    continue;
                }
            };
            match asked {
                Some(()) => self.waiting[side] = true,
                None => {
                    gone += 1;
                    self.requests[side] = RecvChan::nil();
                }
            }
            self.answer(side);
        }
    }

    fn answer(&mut self, side: usize) {
        if self.waiting[side]
            && let Some(value) = self.behind[side].pop_front()
        {
            self.waiting[side] = false;
            self.sides[side].data.send(value);
        }
    }
}

fn split(from: Series) -> (Series, Series) {
    let ((a, a_end), (b, b_end)) = (demand_channel(), demand_channel());
    go(move || Split::new(from, [a_end, b_end]).serve(2));
    (a, b)
}

/// A series defined by itself: `f` is given what it makes.
fn knot(f: impl FnOnce(Series) -> Series) -> Series {
    let ((inner, inner_end), (outer, outer_end)) = (demand_channel(), demand_channel());
    let made = f(inner);
    // The inner side is asked by what it makes: it ends with the outer one.
    go(move || Split::new(made, [inner_end, outer_end]).serve(1));
    outer
}

/// These coefficients, then zeros.
fn poly(coefficients: &'static [i128]) -> Series {
    series(|out| {
        coefficients.iter().try_for_each(|c| out.put(rat(*c, 1)))?;
        out.answer(|| ZERO)
    })
}

/// `c`, again and again.
fn repeat(c: Rat) -> Series {
    series(move |out| out.answer(|| c))
}

fn add(a: Series, b: Series) -> Series {
    series(move |out| {
        out.answer(|| {
            let (x, y) = get_both(&a, &b);
            x + y
        })
    })
}

fn scale(c: Rat, a: Series) -> Series {
    series(move |out| out.answer(|| c * a.get()))
}

/// Times x, plus `c`.
fn shift(c: Rat, a: Series) -> Series {
    series(move |out| {
        out.put(c)?;
        out.answer(|| a.get())
    })
}

/// (f + xF)(g + xG) = fg + x(fG + gF) + x²FG.
fn mul(a: Series, b: Series) -> Series {
    series(move |out| {
        let (f, g) = get_both(&a, &b);
        out.put(f * g)?;
        let ((a1, a2), (b1, b2)) = (split(a), split(b));
        let ends = add(scale(f, b1), scale(g, a1));
        let rest = add(ends, shift(ZERO, mul(a2, b2)));
        out.answer(|| rest.get())
    })
}

fn diff(a: Series) -> Series {
    series(move |out| {
        a.get();
        let mut n = 0;
        out.answer(|| {
            n += 1;
            rat(n, 1) * a.get()
        })
    })
}

/// The integral with that constant.
fn integ(c: Rat, a: Series) -> Series {
    series(move |out| {
        out.put(c)?;
        let mut n = 0;
        out.answer(|| {
            n += 1;
            rat(1, n) * a.get()
        })
    })
}

/// e to the power of a series without constant: z' = z a'.
fn exp(a: Series) -> Series {
    knot(|z| integ(ONE, mul(z, diff(a))))
}

/// tan x: t' = 1 + t².
fn tan() -> Series {
    knot(|t| {
        let (t1, t2) = split(t);
        integ(ZERO, add(poly(&[1]), mul(t1, t2)))
    })
}

fn rats(pairs: &[(i128, i128)]) -> Vec<Rat> {
    pairs.iter().map(|(num, den)| rat(*num, *den)).collect()
}

fn whole(numbers: &[i128]) -> Vec<Rat> {
    numbers.iter().map(|n| rat(*n, 1)).collect()
}

#[burrow::test]
fn series_of_power() {
    // covers: C35
    let before = runtime::num_goroutine();
    {
        let ones = || repeat(ONE);
        // 1/(1-x) + 1/(1+x)
        let signs = knot(|s| shift(ONE, scale(rat(-1, 1), s)));
        assert_eq!(add(ones(), signs).take(6), whole(&[2, 0, 2, 0, 2, 0]));
        assert_eq!(mul(ones(), ones()).take(8), whole(&[1, 2, 3, 4, 5, 6, 7, 8]));
        let cube = mul(mul(poly(&[1, 1]), poly(&[1, 1])), poly(&[1, 1]));
        assert_eq!(cube.take(6), whole(&[1, 3, 3, 1, 0, 0]));
        assert_eq!(shift(rat(7, 1), ones()).take(3), whole(&[7, 1, 1]));
        assert_eq!(diff(ones()).take(6), whole(&[1, 2, 3, 4, 5, 6]));
        assert_eq!(diff(poly(&[5, 3, 2, 1])).take(5), whole(&[3, 4, 3, 0, 0]));
        let logarithm = integ(ZERO, ones()).take(5);
        assert_eq!(logarithm, rats(&[(0, 1), (1, 1), (1, 2), (1, 3), (1, 4)]));
        let mut factorial = 1;
        let exponential = exp(poly(&[0, 1]));
        for n in 1..=10 {
            assert_eq!(exponential.get(), rat(1, factorial));
            factorial *= n;
        }
        // exp(x + x²)
        let numbers = exp(poly(&[0, 1, 1])).take(6);
        assert_eq!(numbers, rats(&[(1, 1), (1, 1), (3, 2), (7, 6), (25, 24), (27, 40)]));
        let tangent = [
            (0, 1),
            (1, 1),
            (0, 1),
            (1, 3),
            (0, 1),
            (2, 15),
            (0, 1),
            (17, 315),
            (0, 1),
            (62, 2835),
        ];
        assert_eq!(tan().take(10), rats(&tangent));
    }
    // Who asks no more ends what it asked, and that what it asked.
    until(|| runtime::num_goroutine() == before);
}
