//! Which behaviours have tests: a case names them, `// covers: S05, S10`.
//!
//! `cargo test -p burrow-tests --lib coverage -- --nocapture` lists them with their places.

use std::collections::BTreeMap;

use super::sources::below;

/// Where tests are.
const PLACES: [&str; 3] = ["tests/images", "kernel/src", "kernel/tests"];

/// What has to be shown by now: the scheduler's, the stacks' and the channels' rows, and the hard
/// cases, as far as they need no timers, no `select!`, no unwinding and no network.
const WANTED: &str = "\
    S02 S05 S10 S12 S15 S17 S18 S19 S20 S21 S30 S38 \
    K01 K02 K04 K11 K18 K20 K22 \
    C01 C02 C03 C04 C05 C06 C07 C16 C22 C23 C33 C37 C38 C40 C42 C43 C44 C47 \
    F01 F05 F09 F10 F15 X10 X11 X12 X13 \
    H01 H03 H04 H05 H06 H08 H15 H16 H17 H22 H23 H24 H25 H26 H27 H28";

/// Behaviours with the places of their tests.
fn covered() -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in PLACES.into_iter().flat_map(below) {
        for (index, line) in source.text.lines().enumerate() {
            let comment = line.trim_start().trim_start_matches(['/', '!']).trim_start();
            let Some(ids) = comment.strip_prefix("covers:") else { continue };
            for id in ids.split(',') {
                let place = format!("{}:{}", source.path, index + 1);
                found.entry(id.trim().to_string()).or_default().push(place);
            }
        }
    }
    found
}

/// A letter of a category and two digits.
fn is_id(id: &str) -> bool {
    let mut chars = id.chars();
    chars.next().is_some_and(|c| "SLYCKPFTMXZNH".contains(c))
        && id.len() == 3
        && chars.all(|c| c.is_ascii_digit())
}

#[test]
fn every_name_is_one_of_a_behaviour() {
    let covered = covered();
    let odd: Vec<_> = covered.keys().filter(|id| !is_id(id)).collect();
    assert!(odd.is_empty(), "{odd:?}");
}

#[test]
fn what_is_wanted_by_now_is_covered() {
    let covered = covered();
    for (id, places) in &covered {
        println!("{id}  {}", places.join("  "));
    }
    let missing: Vec<_> = WANTED.split(' ').filter(|id| !covered.contains_key(*id)).collect();
    println!("{} behaviours are covered", covered.len());
    assert!(missing.is_empty(), "not covered: {missing:?}");
}
