//! Tables of landing pads (`.gcc_except_table`): what a function does when one of its calls unwinds.
//!
//! One table for each function that does anything: a header, the function's calls in order with
//! their landing pads, and the actions that tell clean-up from catching. Types of exceptions follow
//! and are of no interest, since Rust catches all or nothing.

use gimli::{EndianSlice, LittleEndian, Reader};

use super::row::Kind;

/// `DW_EH_PE_omit`: the field is not there.
const OMIT: u8 = 0xff;
/// `DW_EH_PE_uleb128`.
const ULEB128: u8 = 0x01;
/// `DW_EH_PE_udata4`.
const UDATA4: u8 = 0x03;

type Bytes<'a> = EndianSlice<'a, LittleEndian>;

/// What the function that begins at `function` does when its call at `pc` unwinds, and where:
/// `table` begins with its table. `None` if it makes no sense.
pub fn find(table: &[u8], function: usize, pc: usize) -> Option<(Kind, usize)> {
    let mut table = Bytes::new(table, LittleEndian);
    // Landing pads are counted from the function's start, unless the header says otherwise, which
    // no compiler does.
    if table.read_u8().ok()? != OMIT {
        return None;
    }
    if table.read_u8().ok()? != OMIT {
        table.read_uleb128().ok()?;
    }
    let encoding = table.read_u8().ok()?;
    let len = usize::try_from(table.read_uleb128().ok()?).ok()?;
    let mut calls = table.split(len).ok()?;
    let actions = table;
    let pc = pc.checked_sub(function)? as u64;
    while !calls.is_empty() {
        let [start, len, landing, action] = call(&mut calls, encoding)?;
        if pc < start {
            break;
        }
        if pc - start >= len {
            continue;
        }
        if landing == 0 {
            return Some((Kind::Pass, 0));
        }
        return Some((kind_of(actions, action)?, function + landing as usize));
    }
    // A call that is not in the table was compiled as one that never unwinds.
    Some((Kind::Terminate, 0))
}

/// One call: start and length of its text, landing pad, action.
fn call(calls: &mut Bytes<'_>, encoding: u8) -> Option<[u64; 4]> {
    let mut field = || match encoding {
        ULEB128 => calls.read_uleb128().ok(),
        UDATA4 => calls.read_u32().ok().map(u64::from),
        _ => None,
    };
    let place = [field()?, field()?, field()?];
    let [start, len, landing] = place;
    Some([start, len, landing, calls.read_uleb128().ok()?])
}

/// Whether the first action of that list (counted from 1, 0 for none) is clean-up. What is to stop
/// a panic from leaving a function that must not unwind has a filter and never returns: it is a
/// kind of catching.
fn kind_of(mut actions: Bytes<'_>, action: u64) -> Option<Kind> {
    let Some(at) = action.checked_sub(1) else { return Some(Kind::Cleanup) };
    actions.skip(usize::try_from(at).ok()?).ok()?;
    let is_cleanup = actions.read_sleb128().ok()? == 0;
    Some(if is_cleanup { Kind::Cleanup } else { Kind::Catch })
}

#[cfg(test)]
mod tests {
    use super::*;

    const F: usize = 0x4000;

    /// Calls at 0x10–0x14 (passes), 0x20–0x28 (cleans up at 0x80), 0x28–0x30 (catches at 0x90),
    /// 0x200–0x210 (filters at 0x280), 0x210–0x214 (cleans up, by an action, at 0x290).
    fn table(encoding: u8) -> Vec<u8> {
        let calls = [
            [0x10, 4, 0, 0],
            [0x20, 8, 0x80, 0],
            [0x28, 8, 0x90, 1],
            [0x200, 0x10, 0x280, 3],
            [0x210, 4, 0x290, 5],
        ];
        let mut bytes = Vec::new();
        for [start, len, landing, action] in calls {
            for field in [start, len, landing] {
                match encoding {
                    UDATA4 => bytes.extend(u32::to_le_bytes(field)),
                    _ => bytes.extend([field as u8 & 0x7f | 0x80, (field >> 7) as u8]),
                }
            }
            bytes.push(action as u8);
        }
        // A type table of which only the length is read.
        let mut table = vec![OMIT, 0x9b, 0x20, encoding, bytes.len() as u8];
        table.extend(bytes);
        // Type 1, a filter (-1), no type; each ends its list.
        table.extend([1, 0, 0x7f, 0, 0, 0]);
        table
    }

    #[test]
    fn finds_what_a_call_does() {
        for encoding in [ULEB128, UDATA4] {
            let table = table(encoding);
            for (offset, expected) in [
                (0x10, (Kind::Pass, 0)),
                (0x13, (Kind::Pass, 0)),
                (0x20, (Kind::Cleanup, F + 0x80)),
                (0x27, (Kind::Cleanup, F + 0x80)),
                (0x28, (Kind::Catch, F + 0x90)),
                (0x20f, (Kind::Catch, F + 0x280)),
                (0x210, (Kind::Cleanup, F + 0x290)),
                // In no call that may unwind.
                (0, (Kind::Terminate, 0)),
                (0x14, (Kind::Terminate, 0)),
                (0x100, (Kind::Terminate, 0)),
                (0x214, (Kind::Terminate, 0)),
            ] {
                assert_eq!(find(&table, F, F + offset), Some(expected), "{offset:#x}");
            }
        }
    }

    #[test]
    fn nonsense_is_refused() {
        let whole = table(ULEB128);
        for len in 0..whole.len() {
            // Never more than the bytes, whatever is missing.
            let _ = find(&whole[..len], F, F + 0x211);
        }
        assert_eq!(find(&whole[..10], F, F + 0x20), None);
        assert_eq!(find(&table(0x1b), F, F + 0x20), None);
        assert_eq!(find(&whole, F, F - 1), None);
        let mut counted_from_elsewhere = whole.clone();
        counted_from_elsewhere[0] = 0;
        assert_eq!(find(&counted_from_elsewhere, F, F + 0x20), None);
    }
}
