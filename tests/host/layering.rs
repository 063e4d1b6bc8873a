//! Who may know whom: the portable crates know no CPU, and the CPUs' trees mirror each other.

use super::sources::below;

/// Lines of code (not comments) in `dir` with one of `words`.
fn lines_with(dir: &str, words: &[&str]) -> Vec<String> {
    let mut lines = Vec::new();
    for source in below(dir) {
        for (index, line) in source.text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if words.iter().any(|word| code.contains(word)) {
                lines.push(format!("{}:{}: {}", source.path, index + 1, line.trim()));
            }
        }
    }
    lines
}

#[test]
fn portable_crates_know_no_cpu() {
    for dir in
        ["kernel/src", "drivers/src", "burrow/src", "burrow-macros/src", "fs/src", "examples/src"]
    {
        assert_eq!(lines_with(dir, &["target_arch", "asm!("]), [""; 0]);
    }
}

#[test]
fn only_the_roots_of_arch_and_boot_choose_a_cpu() {
    for dir in ["arch/src", "boot/src"] {
        let root = format!("{dir}/lib.rs:");
        let mut lines = lines_with(dir, &["target_arch"]);
        lines.retain(|line| !line.starts_with(&root));
        assert_eq!(lines, [""; 0]);
    }
}

#[test]
fn both_cpus_have_the_same_parts() {
    let names = |arch: &str| -> Vec<String> {
        let dir = format!("arch/src/{arch}/");
        below(&dir).into_iter().map(|source| source.path[dir.len()..].to_string()).collect()
    };
    let (x86_64, aarch64) = (names("x86_64"), names("aarch64"));
    for part in [
        "clock", "console", "context", "cpu", "device", "entropy", "guarded", "ipi", "irq",
        "paging", "platform", "power", "preempt", "timer", "trap", "unwind",
    ] {
        let file = format!("{part}.rs");
        assert!(x86_64.contains(&file) && aarch64.contains(&file), "{file}");
    }
}

/// Only the wrapper that raises the preemption count may hold a raw spin lock (law 10).
#[test]
fn raw_locks_stay_in_their_wrapper() {
    let mut lines = lines_with("kernel/src", &["spin::Mutex", "spin::RwLock"]);
    lines.retain(|line| !line.starts_with("kernel/src/sync/"));
    assert_eq!(lines, [""; 0]);
}
