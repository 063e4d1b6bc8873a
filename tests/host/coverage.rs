//! Which behaviours have tests: a case names them, `// covers: S05, S10`.
//!
//! `behaviours.txt` has all names with their categories. Those wanted by now are covered, or listed
//! in `behaviours_later.txt` (whoever covers one deletes its line), or have a line in
//! `behaviours_reasons.txt` that says which part does not carry over, or what it waits for.
//!
//! `./qemu-run.sh coverage` lists all with the places of their tests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::sources::below;

/// Where tests are.
const PLACES: [&str; 5] =
    ["tests/images", "tests/host", "kernel/src", "kernel/tests", "runner/src"];

/// Categories of which every row is wanted by now.
const WANTED: [&str; 15] = [
    "CHN", "SEL", "TIM", "MTX", "WGP", "PLM", "CTX", "PAN", "FAT", "TRB", "SCH", "STK", "GMP",
    "LCK", "SYS",
];

/// Hard cases not wanted by now: they need a network.
const HARD_LATER: [&str; 3] = ["H11", "H12", "H13"];

/// Lines of a list beside this file, without comments.
fn list(name: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("host").join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
    lines.map(String::from).collect()
}

/// All behaviours with their categories.
fn behaviours() -> BTreeMap<String, String> {
    let pair = |line: String| {
        let (id, category) = line.split_once(' ').expect("a name and a category");
        (id.into(), category.into())
    };
    list("behaviours.txt").into_iter().map(pair).collect()
}

/// Behaviours that have to be shown by now.
fn wanted() -> BTreeSet<String> {
    let is_wanted = |(id, category): &(String, String)| {
        WANTED.contains(&category.as_str())
            || category == "HRD" && !HARD_LATER.contains(&id.as_str())
    };
    behaviours().into_iter().filter(is_wanted).map(|(id, _)| id).collect()
}

fn later() -> BTreeSet<String> {
    list("behaviours_later.txt").into_iter().collect()
}

/// Why a row, or a part of it, has no test.
fn reasons() -> BTreeMap<String, String> {
    let pair = |line: String| {
        let (id, reason) = line.split_once(": ").expect("a name, a colon and a reason");
        (id.into(), reason.into())
    };
    list("behaviours_reasons.txt").into_iter().map(pair).collect()
}

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

/// Those of `ids` for which `is_odd` holds.
fn odd<'a>(
    ids: impl IntoIterator<Item = &'a String>,
    is_odd: impl Fn(&str) -> bool,
) -> Vec<&'a str> {
    ids.into_iter().map(String::as_str).filter(|id| is_odd(id)).collect()
}

#[test]
fn every_name_is_one_of_a_behaviour() {
    let known = behaviours();
    for names in [covered().into_keys().collect(), later(), reasons().into_keys().collect()] {
        let names: BTreeSet<String> = names;
        assert_eq!(odd(&names, |id| !known.contains_key(id)), [""; 0]);
    }
}

#[test]
fn what_is_wanted_by_now_is_covered_or_listed() {
    let (covered, later, reasons) = (covered(), later(), reasons());
    let missing = odd(&wanted(), |id| {
        !covered.contains_key(id) && !later.contains(id) && !reasons.contains_key(id)
    })
    .join(" ");
    assert_eq!(missing, "", "not covered and in no list");
}

#[test]
fn what_is_listed_for_later_is_not_covered_yet() {
    let (covered, reasons) = (covered(), reasons());
    let later = later();
    let done = odd(&later, |id| covered.contains_key(id) || reasons.contains_key(id)).join(" ");
    assert_eq!(done, "", "delete from tests/host/behaviours_later.txt");
}

/// Not a check: the list for those who ask.
#[test]
fn listing() {
    let (covered, wanted, later, reasons) = (covered(), wanted(), later(), reasons());
    for (id, category) in behaviours() {
        let places = covered.get(&id).map(|places| places.join("  "));
        let state = match (&places, reasons.get(&id)) {
            (Some(places), None) => places.clone(),
            (Some(places), Some(reason)) => format!("{places}  (but: {reason})"),
            (None, Some(reason)) => format!("reason: {reason}"),
            (None, None) if wanted.contains(&id) => "LATER".into(),
            (None, None) => "not wanted yet".into(),
        };
        println!("{id} {category}  {state}");
    }
    let shown = wanted.iter().filter(|id| covered.contains_key(*id)).count();
    let excused =
        wanted.iter().filter(|id| !covered.contains_key(*id) && reasons.contains_key(*id));
    println!(
        "{shown} of the {} behaviours wanted by now are covered, {} have a reason, {} are for later",
        wanted.len(),
        excused.count(),
        later.len()
    );
}
