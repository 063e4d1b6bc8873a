//! The entry of a page that was given back but may still be in some core's TLB.
//!
//! Not present for the CPU, which ignores all its other bits then; for us it keeps the frame and
//! the epoch in which it was given back. If the stack grows into the page again before the frame
//! was taken away, the very same frame is mapped again, so that no core's stale TLB entry ever
//! leads elsewhere (law 12). See [`super::epoch`].

/// Bit 0 is the CPU's "present" on both CPUs; bit 1 is ours.
const PRESENT: u64 = 1;
const LIMBO: u64 = 2;
const FRAME: u64 = 0x000f_ffff_ffff_f000;
const LOW_BITS: u32 = 10;
const LOW_SHIFT: u32 = 2;
const HIGH_BITS: u32 = 11;
const HIGH_SHIFT: u32 = 52;
const STAMP: u64 = (1 << (LOW_BITS + HIGH_BITS)) - 1;

/// The entry for a frame given back in `epoch`.
pub const fn encode(frame: u64, epoch: u64) -> u64 {
    let stamp = epoch & STAMP;
    let low = stamp & ((1 << LOW_BITS) - 1);
    let high = stamp >> LOW_BITS;
    frame & FRAME | high << HIGH_SHIFT | low << LOW_SHIFT | LIMBO
}

/// The frame in such an entry, or `None` if it is no such entry.
pub const fn frame(entry: u64) -> Option<u64> {
    if entry & (PRESENT | LIMBO) == LIMBO { Some(entry & FRAME) } else { None }
}

/// Whether it is such an entry, of that epoch.
pub const fn is_of(entry: u64, epoch: u64) -> bool {
    match frame(entry) {
        Some(frame) => encode(frame, epoch) == entry,
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_keeps_frame_and_epoch() {
        for epoch in [0, 1, 1023, 1024, 0xf_ffff, STAMP, STAMP + 5] {
            for pa in [0, 0x1000, 0x000f_ffff_ffff_f000] {
                let entry = encode(pa, epoch);
                assert_eq!(entry & PRESENT, 0);
                assert_ne!(entry, 0);
                assert_eq!(frame(entry), Some(pa));
                assert!(is_of(entry, epoch));
                assert!(!is_of(entry, epoch + 1));
            }
        }
    }

    #[test]
    fn other_entries_are_not_taken_for_one() {
        assert_eq!(frame(0), None);
        assert_eq!(frame(0x1000 | PRESENT | LIMBO), None);
        assert!(!is_of(0, 0));
    }
}
