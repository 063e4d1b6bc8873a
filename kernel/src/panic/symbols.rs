//! The symbols in the image: from an address to functions, files and lines.
//!
//! After linking, the runner appends a read-only blob to the image; it is plain data, all little
//! endian, addresses as offsets from its base, so that reading it needs neither memory nor a DWARF
//! parser:
//!
//! ```text
//! 0  "BRWSYMS1"   8 total_len   12 nranges   16 nnodes   20 strings_len   24 base (u64)
//! 32 ranges_off   36 nodes_off  40 strings_off  44 nfuncs  48 funcs_off   52 zero
//! ranges: { addr, node }                sorted; a range ends where the next begins
//! nodes:  { func, file, line, parent }  innermost inlined frame first; `parent` is inlined into
//! funcs:  { addr, size, name }          sorted: the functions that are really there
//! strings: NUL-terminated UTF-8
//! ```
//!
//! Every read is checked: a damaged blob gives no symbols, never a fault in the middle of a fatal
//! dump.

/// What the blob begins with.
const MAGIC: &[u8; 8] = b"BRWSYMS1";
/// Bytes of the header.
const HEADER: usize = 56;
/// "Nothing known" as a node, "not inlined" as a parent.
const NONE: u32 = u32::MAX;
/// Frames inlined into each other at one address: more than this is a loop in a damaged blob.
const MOST_INLINED: usize = 64;

/// The symbols of one image.
#[derive(Clone, Copy)]
pub struct Symbols<'a> {
    base: u64,
    ranges: &'a [u8],
    nodes: &'a [u8],
    funcs: &'a [u8],
    strings: &'a [u8],
}

/// A function that is really there, not inlined.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Function<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its first instruction.
    pub start: usize,
}

/// One frame of the source at an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Line<'a> {
    /// The function in the source.
    pub func: &'a str,
    /// Its file.
    pub file: &'a str,
    /// The line, or 0.
    pub line: u32,
    /// Whether the function is inlined here, so that the next line is its caller's.
    pub inlined: bool,
}

impl<'a> Symbols<'a> {
    /// Length of the blob that begins with `header`, if it is one.
    pub fn blob_len(header: &[u8]) -> Option<usize> {
        let magic = header.get(..8)?;
        let len = word(header, 8)? as usize;
        (magic == MAGIC && len >= HEADER).then_some(len)
    }

    /// Reads a blob's header.
    pub fn new(blob: &'a [u8]) -> Option<Self> {
        let blob = blob.get(..Self::blob_len(blob)?)?;
        let table = |offset: usize, count: usize, size: usize| {
            let start = word(blob, offset)? as usize;
            let len = (word(blob, count)? as usize).checked_mul(size)?;
            blob.get(start..start.checked_add(len)?)
        };
        Some(Self {
            base: u64::from(word(blob, 24)?) | u64::from(word(blob, 28)?) << 32,
            ranges: table(32, 12, 8)?,
            nodes: table(36, 16, 16)?,
            funcs: table(48, 44, 12)?,
            strings: table(40, 20, 1)?,
        })
    }

    /// The function that holds `addr`.
    pub fn function(&self, addr: usize) -> Option<Function<'a>> {
        let offset = self.offset(addr)?;
        let at = last_not_above(self.funcs, 12, offset)?;
        let [start, size, name] = [0, 4, 8].map(|field| word(self.funcs, at + field));
        let (start, size) = (start?, size?);
        // A function of unknown size (assembly) reaches to the next one.
        if size != 0 && offset - start >= size {
            return None;
        }
        let start = self.base.wrapping_add(u64::from(start)) as usize;
        Some(Function { name: self.string(name?)?, start })
    }

    /// The frames of the source at `addr`, innermost first.
    pub fn lines(&self, addr: usize) -> Lines<'a> {
        let node = self
            .offset(addr)
            .and_then(|offset| last_not_above(self.ranges, 8, offset))
            .and_then(|at| word(self.ranges, at + 4));
        Lines { symbols: *self, node: node.unwrap_or(NONE), left: MOST_INLINED }
    }

    fn offset(&self, addr: usize) -> Option<u32> {
        u32::try_from((addr as u64).checked_sub(self.base)?).ok()
    }

    fn string(&self, offset: u32) -> Option<&'a str> {
        let rest = self.strings.get(offset as usize..)?;
        let len = rest.iter().position(|&byte| byte == 0)?;
        core::str::from_utf8(&rest[..len]).ok()
    }
}

/// See [`Symbols::lines`].
pub struct Lines<'a> {
    symbols: Symbols<'a>,
    node: u32,
    left: usize,
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        if self.node == NONE {
            return None;
        }
        self.left = self.left.checked_sub(1)?;
        let at = (self.node as usize).checked_mul(16)?;
        let [func, file, line, parent] =
            [0, 4, 8, 12].map(|field| word(self.symbols.nodes, at + field));
        self.node = parent?;
        Some(Line {
            func: self.symbols.string(func?)?,
            file: self.symbols.string(file?)?,
            line: line?,
            inlined: self.node != NONE,
        })
    }
}

/// The little-endian word at that offset.
fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

/// Offset of the last record whose first word is not above `key`, in a table sorted by it.
fn last_not_above(table: &[u8], size: usize, key: u32) -> Option<usize> {
    let (mut low, mut high) = (0, table.len() / size);
    while low < high {
        let middle = low + (high - low) / 2;
        if word(table, middle * size)? <= key {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Some(low.checked_sub(1)? * size)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: u64 = 0xffff_ffff_8010_0000;

    /// Two functions: `a::outer` 0x100..0x180 with `a::inner` inlined at 0x120..0x130, and assembly
    /// `stub` of no size at 0x200.
    fn blob() -> Vec<u8> {
        let strings = b"\0a::outer\0a::inner\0stub\0src/a.rs\0";
        let ranges: &[[u32; 2]] =
            &[[0x100, 1], [0x120, 0], [0x130, 1], [0x180, NONE], [0x200, NONE]];
        let nodes: &[[u32; 4]] = &[[10, 24, 7, 2], [1, 24, 3, NONE], [1, 24, 4, NONE]];
        let funcs: &[[u32; 3]] = &[[0x100, 0x80, 1], [0x200, 0, 19]];
        let ranges_off = HEADER as u32;
        let nodes_off = ranges_off + ranges.len() as u32 * 8;
        let funcs_off = nodes_off + nodes.len() as u32 * 16;
        let strings_off = funcs_off + funcs.len() as u32 * 12;
        let total = strings_off + strings.len() as u32;
        let mut blob = MAGIC.to_vec();
        let mut put = |words: &[u32]| {
            words.iter().for_each(|word| blob.extend_from_slice(&word.to_le_bytes()))
        };
        put(&[total, ranges.len() as u32, nodes.len() as u32, strings.len() as u32]);
        put(&[BASE as u32, (BASE >> 32) as u32, ranges_off, nodes_off, strings_off]);
        put(&[funcs.len() as u32, funcs_off, 0]);
        ranges.iter().for_each(|range| put(range));
        nodes.iter().for_each(|node| put(node));
        funcs.iter().for_each(|func| put(func));
        blob.extend_from_slice(strings);
        blob
    }

    fn at(offset: usize) -> usize {
        BASE as usize + offset
    }

    #[test]
    fn inlined_frames_come_innermost_first() {
        let blob = blob();
        let symbols = Symbols::new(&blob).unwrap();
        let lines: Vec<_> = symbols.lines(at(0x12f)).map(|l| (l.func, l.line, l.inlined)).collect();
        assert_eq!(lines, [("a::inner", 7, true), ("a::outer", 4, false)]);
        let lines: Vec<_> = symbols.lines(at(0x130)).map(|l| (l.func, l.file)).collect();
        assert_eq!(lines, [("a::outer", "src/a.rs")]);
    }

    #[test]
    fn gaps_and_edges_are_unknown() {
        let blob = blob();
        let symbols = Symbols::new(&blob).unwrap();
        for offset in [0, 0xff, 0x180, 0x1ff] {
            assert_eq!(symbols.lines(at(offset)).count(), 0, "{offset:#x}");
            assert_eq!(symbols.function(at(offset)), None, "{offset:#x}");
        }
        assert_eq!(symbols.function(0x1000), None);
        assert_eq!(symbols.function(at(0) - 1), None);
    }

    #[test]
    fn functions_by_address() {
        let blob = blob();
        let symbols = Symbols::new(&blob).unwrap();
        let outer = Function { name: "a::outer", start: at(0x100) };
        assert_eq!(symbols.function(at(0x100)), Some(outer));
        assert_eq!(symbols.function(at(0x17f)), Some(outer));
        assert_eq!(symbols.function(at(0x250)).map(|f| f.name), Some("stub"));
    }

    #[test]
    fn damage_is_survived() {
        let good = blob();
        assert!(Symbols::new(&good[..HEADER - 1]).is_none());
        assert!(Symbols::new(&good[..good.len() - 1]).is_none());
        // Whatever byte is wrong: no panic, no endless loop.
        for at_byte in 8..good.len() {
            for value in [0, 0x7f, 0xff] {
                let mut bad = good.clone();
                bad[at_byte] = value;
                let Some(symbols) = Symbols::new(&bad) else { continue };
                for offset in [0x100, 0x120, 0x1ff, 0x200] {
                    assert!(symbols.lines(at(offset)).count() <= MOST_INLINED);
                    let _ = symbols.function(at(offset));
                }
            }
        }
    }
}
