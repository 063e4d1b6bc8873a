//! A host process takes no interrupts.

/// Nothing is masked, nothing was.
pub fn disable() -> bool {
    false
}

/// Nothing to unmask.
pub fn enable() {}

/// Never.
pub fn enabled() -> bool {
    false
}

/// Gives the processor to another thread.
pub fn wait() {
    std::thread::yield_now();
}
