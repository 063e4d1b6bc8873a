//! `qemu-run.sh new PATH`: a program of one's own, outside the checkout.
//!
//! It is an ordinary Cargo package that depends on `burrow-os` by path. What an image needs beyond
//! that (target, linker script, how to boot) is in its `.cargo/config.toml`; `run.sh` is its one
//! command. It starts with the checkout's `Cargo.lock`: crates in the versions tested there.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf, absolute};

use crate::failure::{Failure, Result};
use crate::workspace::Workspace;

/// Files of a new program, and what they are made from.
const FILES: [(&str, &str); 5] = [
    ("Cargo.toml", include_str!("template/Cargo.toml.in")),
    (".cargo/config.toml", include_str!("template/config.toml.in")),
    ("src/main.rs", include_str!("template/main.rs.in")),
    ("run.sh", include_str!("template/run.sh.in")),
    (".gitignore", "/target\n"),
];

/// Names that would clash with crates every image has, or with Rust itself.
const TAKEN: [&str; 12] = [
    "alloc",
    "burrow",
    "build",
    "core",
    "crate",
    "deps",
    "proc_macro",
    "self",
    "std",
    "super",
    "test",
    "examples",
];

/// Makes the program in `path`.
pub fn new(workspace: &Workspace, path: &Path) -> Result<u8> {
    let name = name(path)?;
    let path = vacant(workspace, path)?;
    let root = workspace.root.to_str();
    let root = root.ok_or_else(|| Failure::usage("the checkout's path is not valid UTF-8"))?;
    for (file, template) in FILES {
        write(&path.join(file), fill(template, &name, root).as_bytes())?;
    }
    let run = path.join("run.sh");
    fs::set_permissions(&run, fs::Permissions::from_mode(0o755))
        .map_err(|e| Failure::file("change", &run, &e))?;
    let lock = workspace.root.join("Cargo.lock");
    let versions = fs::read(&lock).map_err(|e| Failure::file("read", &lock, &e))?;
    write(&path.join("Cargo.lock"), &versions)?;
    println!("{}: src/main.rs is a first program; {} boots it", path.display(), run.display());
    Ok(0)
}

/// The program's name: the last part of its path.
fn name(path: &Path) -> Result<String> {
    // `.` and `..` have none of their own.
    let whole = absolute(path).map_err(|e| Failure::file("find", path, &e))?;
    let whole = whole.canonicalize().unwrap_or(whole);
    let last = whole.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !last.starts_with(|c: char| c.is_ascii_alphabetic()) || !last.chars().all(plain) {
        return Err(Failure::usage(format!(
            "a program's name has letters, digits, - and _, and begins with a letter: not `{last}`"
        )));
    }
    if TAKEN.contains(&&*last.replace('-', "_")) {
        return Err(Failure::usage(format!(
            "`{last}` means something already: choose another name"
        )));
    }
    Ok(last.into())
}

/// Makes the folder, which must not have anything in it, and returns its whole path.
fn vacant(workspace: &Workspace, path: &Path) -> Result<PathBuf> {
    let failed = |e: io::Error| Failure::file("make", path, &e);
    // Before anything is made: the nearest folder that exists says where this is.
    let whole = absolute(path).map_err(failed)?;
    let existing = whole.ancestors().find_map(|above| above.canonicalize().ok());
    if existing.is_some_and(|place| place.starts_with(&workspace.root)) {
        return Err(Failure::usage(format!(
            "{} is in the checkout of Burrow: choose a place outside, or add a file to \
             examples/src/bin",
            path.display()
        )));
    }
    match fs::read_dir(path) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                return Err(Failure::usage(format!("{} is not empty", path.display())));
            }
        }
        Err(_) if path.exists() => {
            return Err(Failure::usage(format!("{} exists and is no folder", path.display())));
        }
        Err(_) => fs::create_dir_all(path).map_err(failed)?,
    }
    path.canonicalize().map_err(failed)
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().expect("below the program's folder");
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, bytes))
        .map_err(|e| Failure::file("write", path, &e))
}

/// A template with the names in it. `@ROOT@ .. @END@` is a path in the checkout as TOML has it.
fn fill(template: &str, name: &str, root: &str) -> String {
    let toml = root.replace('\\', r"\\").replace('"', "\\\"");
    let shell = format!("'{}'", root.replace('\'', r"'\''"));
    template
        .replace("@NAME@", name)
        .replace("@LINK@", &format!("\"-Clink-arg=-T{toml}"))
        .replace("@ROOT@", &format!("\"{toml}"))
        .replace("@END@", "\"")
        .replace("@SHELL@", &shell)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    fn checkout(path: &Path) -> Workspace {
        let root = path.join("a \"b'"); // the worst of names
        fs::create_dir_all(&root).unwrap();
        fs::write(root.join("Cargo.lock"), "version = 4\n").unwrap();
        Workspace {
            dir: root.clone(),
            target: root.join("target"),
            tools: root.join("target"),
            root,
        }
    }

    #[test]
    fn a_new_program_has_what_it_needs() {
        let scratch = Scratch::new().unwrap();
        let workspace = checkout(scratch.path());
        let path = scratch.path().join("deep/er/gopher-1");
        new(&workspace, &path).unwrap();
        let read = |file: &str| fs::read_to_string(path.join(file)).unwrap();
        let root = workspace.root.display().to_string();
        let toml = root.replace('"', "\\\"");
        assert!(read("Cargo.toml").contains(&format!("{{ path = \"{toml}/burrow\" }}")));
        assert!(read("Cargo.toml").contains("name = \"gopher-1\"\n"));
        let config = read(".cargo/config.toml");
        assert!(config.contains(&format!("target = \"{toml}/targets/x86_64-burrow.json\"\n")));
        assert!(config.contains(&format!("[\"-Clink-arg=-T{toml}/boot/aarch64.ld\", ")));
        assert!(read("run.sh").contains(&format!("burrow='{}'\n", root.replace('\'', r"'\''"))));
        assert_eq!(read("Cargo.lock"), "version = 4\n");
        let mode = fs::metadata(path.join("run.sh")).unwrap().permissions().mode();
        assert_eq!(mode & 0o111, 0o111);
        for (file, _) in FILES {
            let marks = ["@NAME@", "@ROOT@", "@LINK@", "@END@", "@SHELL@"];
            assert!(!marks.iter().any(|mark| read(file).contains(mark)), "{file}");
        }
        // Nothing is ever written over.
        let again = new(&workspace, &path).unwrap_err();
        assert_eq!((again.code, again.message.ends_with("is not empty")), (64, true));
    }

    #[test]
    fn places_that_will_not_do() {
        let scratch = Scratch::new().unwrap();
        let workspace = checkout(scratch.path());
        let file = scratch.path().join("file");
        fs::write(&file, "").unwrap();
        let inside = workspace.root.join("new/one");
        for (path, reason) in [
            (file, "exists and is no folder"),
            (inside.clone(), "is in the checkout of Burrow"),
            (scratch.path().join("my program"), "not `my program`"),
            (scratch.path().join("7up"), "not `7up`"),
            (scratch.path().join("core"), "means something already"),
        ] {
            let failure = new(&workspace, &path).unwrap_err();
            assert_eq!(failure.code, 64);
            assert!(failure.message.contains(reason), "{}", failure.message);
        }
        assert!(!inside.exists(), "a refusal leaves nothing behind");
        let empty = scratch.path().join("empty");
        fs::create_dir(&empty).unwrap();
        assert_eq!(new(&workspace, &empty).unwrap(), 0);
    }
}
