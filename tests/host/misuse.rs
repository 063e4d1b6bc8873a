//! What must not compile, and the words with which it does not: the programs in `tests/misuse`.
//!
//! They are checked, all at once, for the machine that they would run on; nothing is linked. That
//! takes the bare-metal toolchain, so it is left to `./qemu-run.sh test`; alone:
//! `cargo test -p burrow-tests --lib misuse -- --ignored`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use super::sources::below;

/// Errors by file and line.
type Errors = BTreeMap<(String, usize), Vec<String>>;

/// What the programs say they expect.
fn expected() -> Errors {
    let mut errors = Errors::new();
    for source in below("tests/misuse") {
        for (index, line) in source.text.lines().enumerate() {
            if let Some((_, words)) = line.split_once("//~ ") {
                errors.entry((source.path.clone(), index + 1)).or_default().push(words.into());
            }
        }
    }
    errors
}

/// `path:line:column: error[code]: words`.
fn parse(line: &str) -> Option<((String, usize), String)> {
    let (place, words) = line.split_once(": error")?;
    let (_, words) = words.split_once(": ")?;
    let mut place = place.rsplitn(3, ':');
    let (_column, number, path) = (place.next()?, place.next()?, place.next()?);
    Some(((path.into(), number.parse().ok()?), words.into()))
}

fn found() -> (Errors, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("in the workspace");
    let check = "eval \"$(./qemu-run.sh env --arch x86_64)\" && \"${CARGO:-cargo}\" check \
                 --release --keep-going --message-format=short -p burrow-tests --features misuse \
                 --example select_arms --example channel_types";
    let output = Command::new("sh").arg("-c").arg(check).current_dir(root).output();
    let output = output.expect("a shell");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let mut errors = Errors::new();
    for (place, words) in text.lines().filter_map(parse) {
        errors.entry(place).or_default().push(words);
    }
    (errors, text)
}

#[test]
#[ignore = "checks programs for the bare machine: part of ./qemu-run.sh test"]
fn misuse_does_not_compile_and_says_why() {
    let expected = expected();
    assert!(expected.len() > 25, "the programs are gone");
    let (found, output) = found();
    let mut wrong = Vec::new();
    for (place, words) in &expected {
        let said = found.get(place).map_or(&[][..], Vec::as_slice);
        if !words.iter().all(|words| said.iter().any(|line| line.contains(words.as_str()))) {
            wrong.push(format!("{place:?} should say {words:?}, says {said:?}"));
        }
    }
    for (place, words) in found.iter().filter(|(place, _)| !expected.contains_key(place)) {
        wrong.push(format!("{place:?} says {words:?}"));
    }
    assert!(wrong.is_empty(), "{}\n\n{output}", wrong.join("\n"));
}

#[test]
fn lines_of_the_compiler_are_read() {
    let line = "tests/misuse/a.rs:12:9: error[E0599]: no method named `send`: at all";
    let place = ("tests/misuse/a.rs".to_string(), 12);
    assert_eq!(parse(line), Some((place, "no method named `send`: at all".to_string())));
    assert_eq!(parse("error: could not compile `burrow-tests`"), None);
}
