//! One concept a file: none is so long that it must hide several.

use super::sources::below;

/// Lines at which a file needs a reason; none has one.
const LONGEST: usize = 520;
/// Lines of a program that shows something.
const LONGEST_EXAMPLE: usize = 100;

#[test]
fn no_file_is_too_long() {
    let long: Vec<String> =
        ["arch", "boot", "burrow", "burrow-macros", "fs", "kernel", "runner", "tests"]
            .into_iter()
            .flat_map(below)
            .filter(|source| !source.path.contains("target"))
            .filter(|source| source.text.lines().count() > LONGEST)
            .map(|source| source.path)
            .collect();
    assert_eq!(long, [""; 0]);
}

#[test]
fn examples_stay_short() {
    let long: Vec<String> = below("examples/src")
        .into_iter()
        .filter(|source| source.text.lines().count() > LONGEST_EXAMPLE)
        .map(|source| source.path)
        .collect();
    assert_eq!(long, [""; 0]);
}

/// Every file says first what it is.
#[test]
fn every_file_begins_with_what_it_is() {
    let silent: Vec<String> =
        ["arch/src", "boot/src", "burrow/src", "fs/src", "kernel/src", "examples/src"]
            .into_iter()
            .flat_map(below)
            .filter(|source| !source.text.starts_with("//!"))
            .map(|source| source.path)
            .collect();
    assert_eq!(silent, [""; 0]);
}
