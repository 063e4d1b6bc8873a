//! Names as a reader wants them: functions demangled, files without the machine they came from.

/// A mangled name without its hash or crate numbers.
pub fn function(raw: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(raw))
}

/// Inside one of `roots`: relative to it. From the compiler's sources: `core/src/..`. From a
/// registry: `name-1.2.3/src/..`.
pub fn file(path: &str, roots: &[String]) -> String {
    let path = path.replace('\\', "/");
    let inside = |root: &String| path.strip_prefix(root.as_str())?.strip_prefix('/');
    if let Some(rest) = roots.iter().find_map(inside) {
        return rest.into();
    }
    if let Some((_, rest)) = path.split_once("/library/") {
        return straight(rest);
    }
    if let Some((_, rest)) = path.split_once("/registry/src/") {
        return rest.split_once('/').map_or(rest, |(_, inside)| inside).into();
    }
    path
}

/// Without detours: `core/src/../../stdarch/x.rs` is `stdarch/x.rs`.
fn straight(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        if part == ".." && !parts.is_empty() {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_lose_their_hash() {
        let raw = "_ZN13burrow_kernel5start5start17h0123456789abcdefE";
        assert_eq!(function(raw), "burrow_kernel::start::start");
        assert_eq!(
            function("_RNvNtCs1234_13burrow_kernel5start5begin"),
            "burrow_kernel::start::begin"
        );
        assert_eq!(function("async_preempt"), "async_preempt");
    }

    #[test]
    fn files_lose_the_machine() {
        let roots = ["/home/me/gopher".to_string(), "/home/me/burrow".to_string()];
        for (path, short) in [
            ("/home/me/gopher/src/main.rs", "src/main.rs"),
            ("/home/me/burrow/kernel/src/start.rs", "kernel/src/start.rs"),
            ("/home/me/burrow-two/a.rs", "/home/me/burrow-two/a.rs"),
            ("/usr/lib/rustlib/src/rust/library/core/src/fmt/mod.rs", "core/src/fmt/mod.rs"),
            ("/usr/src/rustc-1.96.0/library/core/src/../../stdarch/a.rs", "stdarch/a.rs"),
            ("/rustc/ac68/library/alloc/src/vec/mod.rs", "alloc/src/vec/mod.rs"),
            (
                "/home/gopher/.cargo/registry/src/index-1949/spin-0.10.0/src/lib.rs",
                "spin-0.10.0/src/lib.rs",
            ),
        ] {
            assert_eq!(file(path, &roots), short);
        }
    }
}
