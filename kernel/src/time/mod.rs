//! The clock façade: every reading of the time by portable code and by programs goes through here,
//! so that another clock can take its place.

/// Nanoseconds since the machine's reset; never goes back, the same on every core. Go: `nanotime`.
#[inline]
pub fn nanotime() -> u64 {
    burrow_arch::clock::nanotime()
}
