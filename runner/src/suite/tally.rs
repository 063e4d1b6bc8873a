//! Counting results, and the table they close with.

use std::collections::BTreeMap;
use std::fmt;

/// Passed, failed and skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub passed: u32,
    pub failed: u32,
    pub skipped: u32,
}

impl Count {
    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.failed, self.skipped) {
            (0, 0) => write!(f, "{} ok", self.passed),
            (0, skipped) => write!(f, "{} ok, {skipped} skipped", self.passed),
            (failed, _) => write!(f, "{failed} FAILED, {} ok", self.passed),
        }
    }
}

/// All counts: a row for each image or host check, a column for each machine.
#[derive(Debug, Default)]
pub struct Tally {
    rows: BTreeMap<String, BTreeMap<String, Count>>,
    columns: Vec<String>,
}

impl Tally {
    pub fn add(&mut self, row: &str, column: &str, count: Count) {
        if !self.columns.iter().any(|known| known == column) {
            self.columns.push(column.into());
            // The machine that tests comes before those that are tested.
            self.columns.sort_by_key(|column| (column.contains(' '), column.clone()));
        }
        self.rows.entry(row.into()).or_default().entry(column.into()).or_default().add(count);
    }

    pub fn total(&self) -> Count {
        let mut total = Count::default();
        self.rows.values().flat_map(BTreeMap::values).for_each(|count| total.add(*count));
        total
    }

    pub fn failed(&self) -> u32 {
        self.total().failed
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cell = |row: &BTreeMap<String, Count>, column: &String| {
            row.get(column).map_or_else(|| "-".into(), Count::to_string)
        };
        let first = self.rows.keys().map(String::len).max().unwrap_or(0);
        let widths: Vec<usize> = self
            .columns
            .iter()
            .map(|column| {
                let cells = self.rows.values().map(|row| cell(row, column).len());
                cells.max().unwrap_or(0).max(column.len())
            })
            .collect();
        write!(f, "\n{:first$}", "")?;
        for (column, width) in self.columns.iter().zip(&widths) {
            write!(f, "  {column:width$}")?;
        }
        writeln!(f)?;
        for (name, row) in &self.rows {
            write!(f, "{name:first$}")?;
            for (column, width) in self.columns.iter().zip(&widths) {
                write!(f, "  {:width$}", cell(row, column))?;
            }
            writeln!(f)?;
        }
        let total = self.total();
        writeln!(f, "\n{} passed, {} failed, {} skipped", total.passed, total.failed, total.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_the_plain_one() {
        let mut tally = Tally::default();
        tally.add("t01_boot", "x86_64 smp 1", Count { passed: 3, failed: 0, skipped: 1 });
        tally.add("t01_boot", "x86_64 smp 1", Count { passed: 1, failed: 1, skipped: 0 });
        tally.add("host", "here", Count { passed: 5, ..Count::default() });
        let text = tally.to_string();
        assert_eq!(text.lines().last(), Some("9 passed, 1 failed, 1 skipped"));
        assert!(text.contains("1 FAILED, 4 ok"));
        assert_eq!(tally.failed(), 1);
    }
}
