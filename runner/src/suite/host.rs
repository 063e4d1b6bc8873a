//! What is tested without a machine: unit tests, models of the lock-free parts, Miri.

use std::time::Instant;

use super::tally::{Count, Tally};
use crate::cargo::Cargo;
use crate::failure::Result;
use crate::workspace::Workspace;

/// The column of the table for this machine.
const HERE: &str = "host";

/// Runs them all; what fails is shown whole.
pub fn run(workspace: &Workspace, tally: &mut Tally) -> Result<()> {
    let units = Cargo::new(workspace).args([
        "test",
        "--workspace",
        "--exclude",
        "burrow-examples",
        "--exclude",
        "burrow-c-examples",
        "--lib",
        "--bins",
        "--exclude",
        "burrow-tests",
    ]);
    judge("unit tests", units, tally)?;
    // Apart from the images of the same package, which only link for bare metal.
    let checks = ["test", "-p", "burrow-tests", "--lib", "--", "--include-ignored"];
    judge("checks", Cargo::new(workspace).args(checks), tally)?;
    let models = Cargo::new(workspace)
        .args(["test", "-p", "burrow-kernel", "--test", "loom_*", "--release"])
        .env("RUSTFLAGS", "--cfg loom")
        .env("CARGO_TARGET_DIR", workspace.target.join("loom"));
    judge("loom models", models, tally)?;
    miri(workspace, tally)
}

fn miri(workspace: &Workspace, tally: &mut Tally) -> Result<()> {
    if !Cargo::new(workspace).args(["miri", "--version"]).quiet() {
        println!("miri: skipped: this toolchain has no Miri");
        tally.add("miri", HERE, Count { skipped: 1, ..Count::default() });
        return Ok(());
    }
    let cargo = Cargo::new(workspace)
        .args(["miri", "test", "-p", "burrow-kernel", "--lib"])
        .env("CARGO_TARGET_DIR", workspace.target.join("miri"));
    judge("miri", cargo, tally)
}

/// Lists the behaviours with the places of their tests.
pub fn coverage(workspace: &Workspace) -> Result<u8> {
    let listing = ["test", "-q", "-p", "burrow-tests", "--lib", "host::coverage::listing", "--"];
    let shown = ["--exact", "--nocapture"];
    let cargo = Cargo::new(workspace).args(listing).args(shown);
    let (status, output) = cargo.run()?;
    for line in
        output.lines().filter(|line| line.contains("  ") || line.contains(" wanted by now "))
    {
        println!("{line}");
    }
    Ok(u8::from(!status.success() || !output.contains(" wanted by now ")))
}

fn judge(name: &str, cargo: Cargo, tally: &mut Tally) -> Result<()> {
    let started = Instant::now();
    let (status, output) = cargo.run()?;
    let mut count = count(&output);
    if !status.success() {
        print!("{output}");
        // A test program that dies or does not build has no line of its own.
        count.failed = count.failed.max(1);
    }
    println!("{name}: {count} ({:.1} s)", started.elapsed().as_secs_f64());
    tally.add(name, HERE, count);
    Ok(())
}

/// Adds up the `test result:` lines.
fn count(output: &str) -> Count {
    let mut count = Count::default();
    for line in output.lines() {
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|l| l.split_once(". "))
        else {
            continue;
        };
        let number = |what: &str| {
            counts
                .split("; ")
                .find_map(|part| part.strip_suffix(what)?.trim().parse().ok())
                .unwrap_or(0)
        };
        count.add(Count {
            passed: number(" passed"),
            failed: number(" failed"),
            skipped: number(" ignored"),
        });
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_up_what_cargo_prints() {
        let output = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; \
                      finished in 0.01s\n\
                      test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured\n";
        assert_eq!(count(output), Count { passed: 5, failed: 1, skipped: 1 });
    }
}
