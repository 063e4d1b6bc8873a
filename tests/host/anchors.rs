//! What the documents point to: a text that walks the code rots unless its places are looked up.
//!
//! Checked of `README.md` and `docs/*.md`, outside blocks of code:
//!
//! - an *anchor*, `` `path#item` ``: the file exists and has an item of that name (`Type::method`
//!   and `Type::field`: both parts),
//! - a *path*, `` `folder/..` `` below a folder of the workspace: it exists,
//! - a link to a file: it exists, as seen from the document.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders whose paths documents may name; `target` and the like come and go.
const FOLDERS: [&str; 13] = [
    "arch",
    "boot",
    "burrow",
    "burrow-macros",
    "docs",
    "examples",
    "kernel",
    "runner",
    "targets",
    "tests",
    ".cargo",
    ".ci",
    "runner-disk",
];

/// A document's text without its blocks of code.
struct Document {
    path: PathBuf,
    prose: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is in a workspace")
}

fn documents() -> Vec<Document> {
    let folder = fs::read_dir(root().join("docs")).expect("docs/");
    let mut paths: Vec<PathBuf> = folder.map(|entry| entry.expect("readable").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    paths.push(root().join("README.md"));
    paths.sort();
    paths.into_iter().map(read).collect()
}

fn read(path: PathBuf) -> Document {
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut in_block = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            prose.push_str(line);
        }
        prose.push('\n');
    }
    assert!(!in_block, "{}: a block of code does not end", path.display());
    Document { path, prose }
}

/// What stands between backquotes, with its line.
fn code_spans(prose: &str) -> impl Iterator<Item = (usize, &str)> {
    prose.lines().enumerate().flat_map(|(index, line)| {
        line.split('`').skip(1).step_by(2).map(move |span| (index + 1, span))
    })
}

/// The targets of links, with their lines.
fn links(prose: &str) -> impl Iterator<Item = (usize, &str)> {
    prose.lines().enumerate().flat_map(|(index, line)| {
        line.split("](").skip(1).filter_map(move |rest| Some((index + 1, rest.split_once(')')?.0)))
    })
}

fn is_path(span: &str) -> bool {
    let folder = span.split_once('/').map(|(folder, _)| folder);
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    folder.is_some_and(|folder| FOLDERS.contains(&folder)) && span.chars().all(plain)
}

/// `path#item`, if the span is an anchor.
fn anchor(span: &str) -> Option<(&str, &str)> {
    let (path, item) = span.split_once('#')?;
    let named = item.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':');
    (path.contains('/') && !path.contains(' ') && !item.is_empty() && named).then_some((path, item))
}

/// Whether a line of code declares `name`: as an item, a field, or a variant.
fn declares(line: &str, name: &str) -> bool {
    const KEYWORDS: [&str; 11] = [
        "fn",
        "struct",
        "enum",
        "union",
        "trait",
        "const",
        "static",
        "type",
        "mod",
        "mut",
        "macro_rules!",
    ];
    let code = line.split("//").next().unwrap_or_default().trim();
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut before = "";
    for word in code.split_whitespace() {
        let end = word.find(|c: char| !is_word(c)).unwrap_or(word.len());
        if KEYWORDS.contains(&before) && &word[..end] == name {
            return true;
        }
        before = word;
    }
    let bare = match code.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => rest.split_once(')').map_or(rest, |(_, rest)| rest),
        Some(rest) => rest,
        None => code,
    };
    let Some(rest) = bare.trim_start().strip_prefix(name) else { return false };
    let is_variant = name.starts_with(char::is_uppercase)
        && (rest.starts_with([',', '(']) || rest.starts_with(" {") || rest.starts_with(" ="));
    rest.starts_with(": ") || is_variant
}

/// What is wrong with an anchor.
fn fault(path: &str, item: &str) -> Option<String> {
    let Ok(text) = fs::read_to_string(root().join(path)) else {
        return Some(format!("there is no file {path}"));
    };
    let missing = item.split("::").find(|name| !text.lines().any(|line| declares(line, name)))?;
    Some(format!("{path} has no item {missing}"))
}

/// Complaints about every document, one a line.
fn complaints(check: impl Fn(&Document) -> Vec<(usize, String)>) -> Vec<String> {
    let mut all = Vec::new();
    for document in documents() {
        let name = document.path.strip_prefix(root()).expect("below the root").display();
        all.extend(
            check(&document).into_iter().map(|(line, fault)| format!("{name}:{line}: {fault}")),
        );
    }
    all
}

#[test]
fn anchors_name_items_that_exist() {
    let count = |document: &Document| {
        code_spans(&document.prose).filter(|(_, span)| anchor(span).is_some()).count()
    };
    assert!(documents().iter().map(count).sum::<usize>() > 100, "the search finds no anchors");
    let found = complaints(|document| {
        code_spans(&document.prose)
            .filter_map(|(line, span)| Some((line, anchor(span)?)))
            .filter_map(|(line, (path, item))| Some((line, fault(path, item)?)))
            .collect()
    });
    assert_eq!(found, [""; 0]);
}

#[test]
fn paths_and_links_lead_somewhere() {
    let found = complaints(|document| {
        let folder = document.path.parent().expect("in a folder");
        let paths = code_spans(&document.prose)
            .filter(|(_, span)| is_path(span) && !root().join(span).exists());
        let links = links(&document.prose).filter(|(_, target)| {
            let file = target.split('#').next().unwrap_or_default();
            !target.contains("://") && !file.is_empty() && !folder.join(file).exists()
        });
        paths.chain(links).map(|(line, target)| (line, format!("no {target}"))).collect()
    });
    assert_eq!(found, [""; 0]);
}

/// Where the code says that it differs from Go, the map of differences says so too.
#[test]
fn differences_from_go_are_on_the_map() {
    let map = read(root().join("docs/go-map.md"));
    let mut unmapped = Vec::new();
    for folder in ["kernel/src", "burrow/src", "arch/src", "boot/src"] {
        for source in super::sources::below(folder) {
            let differs = source.text.to_lowercase().contains("differs from go");
            if differs && !map.prose.contains(&source.path) {
                unmapped.push(source.path);
            }
        }
    }
    assert_eq!(unmapped, [""; 0], "docs/go-map.md does not name them");
}

/// The page about the language shows code that runs: that of its test image.
#[test]
fn the_language_is_shown_by_code_that_runs() {
    let text = |path: &str| fs::read_to_string(root().join(path)).expect(path);
    let lines = |text: &str| text.lines().map(|line| line.trim().to_string()).collect::<Vec<_>>();
    let image = lines(&text("tests/images/t97_language.rs"));
    let page = text("docs/language.md");
    let blocks: Vec<&str> = page.split("```rust\n").skip(1).collect();
    assert!(blocks.len() > 5, "the search finds no code");
    for block in blocks {
        let block = lines(block.split("\n```").next().expect("a part"));
        let found = image.windows(block.len()).any(|part| part == block);
        assert!(found, "not in the image:\n{}", block.join("\n"));
    }
}

#[test]
fn declarations_are_told_from_uses() {
    for (line, name) in [
        ("pub fn execute(m: &'static M) -> Action {", "execute"),
        ("    pub(super) const fn new() -> Self {", "new"),
        ("static mut X: u8 = 0;", "X"),
        ("pub static SCHED: Sched = Sched::new();", "SCHED"),
        ("macro_rules! reasons {", "reasons"),
        ("    runqsize: GlobalLen,", "runqsize"),
        ("    pub(crate) lock: SpinLock<Locked>,", "lock"),
        ("    Waiting = 4,", "Waiting"),
        ("    Full(T),", "Full"),
        ("pub struct RunQueue<T> {", "RunQueue"),
    ] {
        assert!(declares(line, name), "{line}");
    }
    for (line, name) in [
        ("    execute(m, g);", "execute"),
        ("// fn gone() {}", "gone"),
        ("pub fn executes() {", "execute"),
        ("use crate::sched::park;", "park"),
        ("    let lock = Lock(1);", "lock"),
    ] {
        assert!(!declares(line, name), "{line}");
    }
}

#[test]
fn anchors_are_told_from_other_code() {
    assert_eq!(anchor("kernel/src/g.rs#G::raise"), Some(("kernel/src/g.rs", "G::raise")));
    assert_eq!(anchor("#[burrow::main]"), None);
    assert_eq!(anchor("schedtick % 61"), None);
    assert!(is_path("kernel/src/queue/") && is_path(".ci/run"));
    assert!(!is_path("kernel") && !is_path("kernel/tests/loom_*.rs") && !is_path("and/or"));
}
