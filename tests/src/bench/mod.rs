//! Measuring as the Go side of the comparison does: as many operations for a repetition as take
//! 100 ms, nine repetitions, one JSON line with their median and minimum.
//!
//! The command line chooses: `only=spawn,yield`, `reps=9`, `target_ms=100`.

use burrow::env;
use burrow::prelude::*;

/// How to measure.
pub struct Bench {
    reps: usize,
    target: Duration,
    only: Option<String>,
}

impl Bench {
    /// As the command line says.
    pub fn from_env() -> Self {
        let number = |name: &str, usual: u64| {
            env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
        };
        Self {
            reps: number("reps", 9) as usize,
            target: Duration::from_millis(number("target_ms", 100)),
            only: env::var("only").ok(),
        }
    }

    /// Whether this one was asked for.
    pub fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.split(',').any(|one| one == name))
    }

    /// `1P` or `nP`, with what makes it special.
    pub fn variant(suffix: &str) -> String {
        let ps = if runtime::gomaxprocs(0) == 1 { "1P" } else { "nP" };
        format!("{ps}{suffix}")
    }

    /// `f(n)` performs `n` units of `scale` operations; nanoseconds for each.
    pub fn per_op(&self, name: &str, suffix: &str, scale: u64, f: impl Fn(u64)) {
        if !self.wants(name) {
            return;
        }
        let units = self.calibrate(&f);
        let mut each: Vec<f64> = (0..self.reps)
            .map(|_| time(&f, units).as_nanos() as f64 / units as f64 / scale as f64)
            .collect();
        report(name, &Self::variant(suffix), "ns/op", &mut each, units * scale);
    }

    /// How many units take about as long as a repetition should.
    fn calibrate(&self, f: &impl Fn(u64)) -> u64 {
        let mut units = 1;
        loop {
            let took = time(f, units);
            if took >= self.target * 7 / 10 || units > 1 << 30 {
                return units;
            }
            let scaled = (units as f64 * self.target.as_secs_f64() / took.as_secs_f64()) as u64 + 1;
            let more = if took > self.target / 50 { scaled } else { units * 8 };
            units = more.max(units + 1);
        }
    }
}

fn time(f: &impl Fn(u64), units: u64) -> Duration {
    let start = Instant::now();
    f(units);
    start.elapsed()
}

/// One line with what was measured; sorts it.
pub fn report(name: &str, variant: &str, unit: &str, values: &mut [f64], ops: u64) {
    values.sort_by(f64::total_cmp);
    let (Some(min), Some(max)) = (values.first(), values.last()) else { return };
    println!(
        "{{\"bench\":\"{name}\",\"variant\":\"{variant}\",\"P\":{},\"unit\":\"{unit}\",\
         \"reps\":{},\"median\":{:.3},\"min\":{min:.3},\"max\":{max:.3},\"p99\":{:.3},\"ops\":{ops}}}",
        runtime::gomaxprocs(0),
        values.len(),
        median(values),
        percentile(values, 99),
    );
}

/// Of sorted values.
fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) {
        (sorted[middle - 1] + sorted[middle]) / 2.0
    } else {
        sorted[middle]
    }
}

/// Of sorted values: the smallest that so many in a hundred do not exceed.
fn percentile(sorted: &[f64], percent: usize) -> f64 {
    sorted[(sorted.len() * percent).div_ceil(100).saturating_sub(1)]
}

/// A value there and back, so many times, over channels without room.
pub fn ping_pong(times: u64) {
    let (there, back) = (Chan::<u64>::new(0), Chan::<u64>::new(0));
    let (balls, returns) = (there.clone(), back.clone());
    go(move || {
        balls.iter().for_each(|ball| returns.send(ball));
        returns.close();
    });
    for n in 0..times {
        there.send(n);
        back.recv();
    }
    there.close();
    back.recv();
}
