//! The workspace's Rust files, as texts.

use std::fs;
use std::path::{Path, PathBuf};

/// A file and what is in it.
pub struct Source {
    /// Relative to the workspace.
    pub path: String,
    pub text: String,
}

/// All Rust files below `dir` of the workspace.
pub fn below(dir: &str) -> Vec<Source> {
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is in a workspace");
    let mut found = Vec::new();
    walk(root, &root.join(dir), &mut found);
    assert!(!found.is_empty(), "no sources in {dir}");
    found
}

fn walk(root: &Path, dir: &Path, found: &mut Vec<Source>) {
    let entries = fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            walk(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a text");
            let path = path.strip_prefix(root).expect("below the root").display().to_string();
            found.push(Source { path, text });
        }
    }
}
