//! Which functions a traceback shows (Go: `showframe`).
//!
//! At the default level the reader sees the program: what belongs to the runtime is left out, and
//! so is the language's own machinery at the innermost end (the function in `core` that noticed the
//! index out of range) and around closures.

use super::symbols::Line;

/// Crates that are the runtime.
const RUNTIME: &[&str] = &[
    "burrow_kernel",
    "burrow_arch",
    "burrow_boot",
    "compiler_builtins",
    "gimli",
    "linked_list_allocator",
    "spin",
];

/// What a function is to a traceback.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Shown.
    Program,
    /// Shown unless it would be the innermost: `core` and its kin.
    Library,
    /// Where panics begin: shown as `panic` between others, so that a deferred call is told from
    /// the code that panicked.
    Panic,
    /// Not shown.
    Runtime,
    /// Not shown even where the runtime is: how a failure takes its own registers, and what is
    /// under the first function of a stack.
    Failing,
}

impl Role {
    /// The role of the function with that name.
    pub fn of(name: &str) -> Self {
        if is_panic(name) {
            return Self::Panic;
        }
        if is_failing(name) {
            return Self::Failing;
        }
        // No path: assembly and entry points.
        if !name.contains("::") || is_wrapper(name) {
            return Self::Runtime;
        }
        match crate_of(name) {
            "core" if name.contains("core::panicking::") => Self::Runtime,
            "core" | "alloc" | "std" => Self::Library,
            "__rustc" => Self::Runtime,
            name if RUNTIME.contains(&name) => Self::Runtime,
            _ => Self::Program,
        }
    }

    /// The role of the function that a line of the source is in: one without a path is foreign code
    /// if its file says so.
    pub fn of_line(line: &Line<'_>) -> Self {
        let is_foreign = || {
            let extension = line.file.rsplit_once('.').map_or("", |(_, extension)| extension);
            matches!(extension, "c" | "h" | "cc" | "cpp" | "cxx" | "hpp")
        };
        match Self::of(line.func) {
            Self::Runtime if !line.func.contains("::") && is_foreign() => Self::Program,
            role => role,
        }
    }

    /// Whether it is shown by default, if `shown` frames were before it.
    pub fn is_shown(self, shown: usize) -> bool {
        match self {
            Self::Program => true,
            Self::Library | Self::Panic => shown > 0,
            Self::Runtime | Self::Failing => false,
        }
    }
}

/// Whether a function of that name may be what started a goroutine: not the runtime, not the API in
/// front of it.
pub fn is_program(name: &str) -> bool {
    Role::of(name) == Role::Program && crate_of(name) != "burrow"
}

/// The name as a traceback shows it.
pub fn shown(name: &str) -> &str {
    if is_panic(name) { "panic" } else { name }
}

fn is_panic(name: &str) -> bool {
    let entry = name.strip_prefix("burrow::panic::").and_then(|name| name.split("::<").next());
    name == "core::panicking::panic_fmt"
        || name == "burrow_kernel::panic::gopanic::runtime_error"
        || matches!(entry, Some("panic_any" | "panic_display" | "resume_panic"))
}

fn is_failing(name: &str) -> bool {
    name.ends_with("::context::Registers>::here")
        || name == "burrow_kernel::panic::fatal::fail_here"
        || name.starts_with("burrow_kernel::panic::live::")
        || name == "burrow_arch::imp::context::root"
        || name == "burrow_arch::imp::context::begin"
        || name == "__rustc::rust_begin_unwind"
}

/// Nobody wrote these as a function of a program's: calls through function objects, drop glue, what
/// macros put into a `const _`, and what stands between the kernel and main or a goroutine's
/// closure.
fn is_wrapper(name: &str) -> bool {
    name.contains("core::ops::function::Fn") && name.contains("::call")
        || name.contains("core::ptr::drop_in_place")
        || name.contains("::_::")
        || name.ends_with("::__burrow_main")
        || [
            "burrow::goroutine::",
            "burrow::panic::",
            "burrow::runtime::traceback::",
            "burrow::start::",
            "burrow::test::",
        ]
        .iter()
        .any(|module| name.trim_start_matches('<').starts_with(module))
}

/// The crate of a path, also of `<crate::Type as Trait>::f`; `core` for the language's own types.
fn crate_of(name: &str) -> &str {
    let mut path = name.trim_start_matches(['<', '&', '*', '[', '(']);
    for word in ["mut ", "const ", "dyn "] {
        path =
            path.strip_prefix(word).unwrap_or(path).trim_start_matches(['<', '&', '*', '[', '(']);
    }
    let first = path.split_once("::").map_or(path, |(first, _)| first);
    let is_name = first.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
    if is_name { first } else { "core" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_shown_and_the_runtime_is_not() {
        for (name, role) in [
            ("hello::main", Role::Program),
            ("hello::main::{closure#0}", Role::Program),
            ("<hello::Tree as core::fmt::Debug>::fmt", Role::Program),
            ("burrow::time::sleep", Role::Program),
            ("burrow_tests::spawn::many", Role::Program),
            ("burrow::goroutine::start::<hello::main::{closure#0}>", Role::Runtime),
            ("burrow::goroutine::join::with_result::<u32>::{closure#0}", Role::Runtime),
            ("burrow::test::run", Role::Runtime),
            (
                "<burrow::panic::Deferred<hello::f::{closure#0}> as core::ops::drop::Drop>::drop",
                Role::Runtime,
            ),
            ("burrow::panic::panic_any::<i32>", Role::Panic),
            ("hello::keep::<burrow::goroutine::JoinHandle<u32>>", Role::Program),
            ("hello::_::run", Role::Runtime),
            ("__burrow_main", Role::Runtime),
            ("hello::_::__burrow_main", Role::Runtime),
            ("burrow_kernel::sched::park::gopark", Role::Runtime),
            ("<burrow_kernel::chan::Chan<u32>>::recv", Role::Runtime),
            ("<&mut burrow_kernel::g::G as core::fmt::Debug>::fmt", Role::Runtime),
            ("memcpy", Role::Runtime),
            ("__rustc::rust_begin_unwind", Role::Failing),
            ("core::panicking::panic_bounds_check", Role::Runtime),
            ("core::panicking::panic_fmt", Role::Panic),
            ("core::slice::index::slice_index_fail", Role::Library),
            ("<alloc::vec::Vec<u8>>::push", Role::Library),
            ("<*const u32>::read_volatile", Role::Library),
            ("<&mut [u8] as core::fmt::Debug>::fmt", Role::Library),
            ("<u32>::pow", Role::Library),
            ("<&mut hello::Tree as hello::Walk>::go", Role::Program),
            (
                "<hello::main::{closure#0} as core::ops::function::FnOnce<()>>::call_once",
                Role::Runtime,
            ),
            ("core::ptr::drop_in_place::<hello::Guard>", Role::Runtime),
        ] {
            assert_eq!(Role::of(name), role, "{name}");
        }
    }

    #[test]
    fn foreign_code_is_known_by_its_file() {
        let role = |func, file| Role::of_line(&Line { func, file, line: 1, inlined: false });
        assert_eq!(role("LZ4_compress", "lib/lz4.c"), Role::Program);
        assert_eq!(role("memcpy", "compiler_builtins/src/mem/mod.rs"), Role::Runtime);
        assert_eq!(role("core::panicking::panic_bounds_check", "a.c"), Role::Runtime);
    }

    #[test]
    fn panic_is_shown_between_frames_only() {
        assert!(!Role::Panic.is_shown(0));
        assert!(Role::Panic.is_shown(1));
        assert_eq!(shown("core::panicking::panic_fmt"), "panic");
    }
}
