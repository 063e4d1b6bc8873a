//! The symbols that travel inside an image: how they are laid out.
//!
//! All integers are little endian; addresses are offsets from `base`, the image's first byte, and
//! texts are offsets into the strings. The kernel reads the same layout in its tracebacks.
//!
//! ```text
//! header  magic[8] total_len nranges nnodes strings_len base:u64
//!         ranges_off nodes_off strings_off nfuncs funcs_off 0
//! ranges  { addr, node }                 sorted; a range ends where the next begins
//! nodes   { func, file, line, parent }   the innermost inlined frame first
//! funcs   { addr, size, name }           sorted: the functions that really exist
//! strings NUL-terminated UTF-8
//! ```

use std::collections::HashMap;

use super::{Frame, Symbols};

const MAGIC: &[u8; 8] = b"BRWSYMS1";
const HEADER: usize = 56;
/// No node, no parent.
const NONE: u32 = u32::MAX;

/// Lays `symbols` out.
pub fn encode(symbols: &Symbols) -> Vec<u8> {
    let mut strings = Strings::default();
    let mut ranges = Vec::new();
    for range in &symbols.ranges {
        put(&mut ranges, &[offset(symbols, range.addr), range.node.unwrap_or(NONE)]);
    }
    let mut nodes = Vec::new();
    for node in &symbols.nodes {
        let (func, file) = (strings.add(&node.frame.func), strings.add(&node.frame.file));
        put(&mut nodes, &[func, file, node.frame.line, node.parent.unwrap_or(NONE)]);
    }
    let mut funcs = Vec::new();
    for func in &symbols.funcs {
        put(&mut funcs, &[offset(symbols, func.addr), func.size, strings.add(&func.name)]);
    }
    let ranges_off = HEADER;
    let nodes_off = ranges_off + ranges.len();
    let funcs_off = nodes_off + nodes.len();
    let strings_off = funcs_off + funcs.len();
    let mut blob = MAGIC.to_vec();
    put(
        &mut blob,
        &[
            small(strings_off + strings.bytes.len()),
            small(symbols.ranges.len()),
            small(symbols.nodes.len()),
            small(strings.bytes.len()),
        ],
    );
    blob.extend(symbols.base.to_le_bytes());
    put(
        &mut blob,
        &[
            small(ranges_off),
            small(nodes_off),
            small(strings_off),
            small(symbols.funcs.len()),
            small(funcs_off),
            0,
        ],
    );
    for part in [&ranges, &nodes, &funcs, &strings.bytes] {
        blob.extend(part);
    }
    blob
}

fn offset(symbols: &Symbols, addr: u64) -> u32 {
    u32::try_from(addr - symbols.base).expect("an image is smaller than 4 GiB")
}

fn small(n: usize) -> u32 {
    u32::try_from(n).expect("symbols are smaller than 4 GiB")
}

fn put(bytes: &mut Vec<u8>, words: &[u32]) {
    bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
}

/// Texts, each stored once.
#[derive(Default)]
struct Strings {
    bytes: Vec<u8>,
    known: HashMap<String, u32>,
}

impl Strings {
    fn add(&mut self, text: &str) -> u32 {
        if let Some(&at) = self.known.get(text) {
            return at;
        }
        let at = small(self.bytes.len());
        self.bytes.extend(text.bytes().filter(|&byte| byte != 0));
        self.bytes.push(0);
        self.known.insert(text.into(), at);
        at
    }
}

/// Reads what [`encode`] wrote: for hang dumps, from the image that hangs.
pub struct Blob<'a> {
    bytes: &'a [u8],
    base: u64,
}

impl<'a> Blob<'a> {
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        if bytes.get(..8)? != MAGIC {
            return None;
        }
        let base = u64::from_le_bytes(bytes.get(24..32)?.try_into().ok()?);
        Some(Self { bytes, base })
    }

    /// The frames at `addr`, innermost first.
    pub fn frames(&self, addr: u64) -> Vec<Frame> {
        self.lines(addr).or_else(|| self.func(addr).map(|f| vec![f])).unwrap_or_default()
    }

    fn lines(&self, addr: u64) -> Option<Vec<Frame>> {
        let (at, count) = (self.word(32)?, self.word(12)?);
        let index = self.last_at_or_below(at, count, 8, addr)?;
        let mut node = self.word(at + index * 8 + 4)?;
        let mut frames = Vec::new();
        while node != NONE && frames.len() < 64 {
            let at = self.word(36)? + node * 16;
            let (func, file) = (self.text(self.word(at)?)?, self.text(self.word(at + 4)?)?);
            frames.push(Frame { func, file, line: self.word(at + 8)? });
            node = self.word(at + 12)?;
        }
        (!frames.is_empty()).then_some(frames)
    }

    fn func(&self, addr: u64) -> Option<Frame> {
        let (at, count) = (self.word(48)?, self.word(44)?);
        let index = self.last_at_or_below(at, count, 12, addr)?;
        let at = at + index * 12;
        let within = addr - self.base - u64::from(self.word(at)?) < u64::from(self.word(at + 4)?);
        within.then_some(Frame {
            func: self.text(self.word(at + 8)?)?,
            file: String::new(),
            line: 0,
        })
    }

    fn last_at_or_below(&self, at: u32, count: u32, stride: u32, addr: u64) -> Option<u32> {
        let addr = u32::try_from(addr.checked_sub(self.base)?).ok()?;
        let (mut low, mut high) = (0, count);
        while low < high {
            let middle = low.midpoint(high);
            if self.word(at + middle * stride)? <= addr { low = middle + 1 } else { high = middle }
        }
        low.checked_sub(1)
    }

    fn word(&self, at: u32) -> Option<u32> {
        let bytes = self.bytes.get(at as usize..at as usize + 4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    }

    fn text(&self, at: u32) -> Option<String> {
        let bytes = self.bytes.get((self.word(40)? + at) as usize..)?;
        let text = bytes.split(|&byte| byte == 0).next()?;
        Some(String::from_utf8_lossy(text).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Func, Node, Range};
    use super::*;

    fn sample() -> Symbols {
        let frame = |func: &str, line| Frame { func: func.into(), file: "a.rs".into(), line };
        Symbols {
            base: 0x1000,
            ranges: vec![
                Range { addr: 0x1010, node: Some(0) },
                Range { addr: 0x1018, node: Some(1) },
                Range { addr: 0x1020, node: None },
            ],
            nodes: vec![
                Node { frame: frame("outer", 7), parent: None },
                Node { frame: frame("inner", 3), parent: Some(0) },
            ],
            funcs: vec![Func { addr: 0x1030, size: 8, name: "by_hand".into() }],
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let bytes = encode(&sample());
        let blob = Blob::new(&bytes).expect("the magic");
        let names =
            |addr| -> Vec<String> { blob.frames(addr).into_iter().map(|f| f.func).collect() };
        assert_eq!(names(0x1010), ["outer"]);
        assert_eq!(names(0x101f), ["inner", "outer"]);
        assert_eq!(names(0x1037), ["by_hand"]);
        for nowhere in [0, 0x100f, 0x1020, 0x1038, u64::MAX] {
            assert!(names(nowhere).is_empty(), "{nowhere:#x}");
        }
    }

    #[test]
    fn the_header_is_as_the_kernel_reads_it() {
        let bytes = encode(&sample());
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        assert_eq!(&bytes[..8], b"BRWSYMS1");
        assert_eq!(word(8) as usize, bytes.len());
        assert_eq!((word(12), word(16), word(44)), (3, 2, 1));
        assert_eq!(u64::from_le_bytes(bytes[24..32].try_into().unwrap()), 0x1000);
        assert_eq!(word(32), 56);
        assert_eq!(word(40) + word(20), word(8));
        // The second range: 0x18 from the base, node 1.
        assert_eq!((word(56 + 8), word(56 + 12)), (0x18, 1));
    }

    #[test]
    fn damaged_bytes_are_refused_not_followed() {
        let bytes = encode(&sample());
        assert!(Blob::new(&bytes[..7]).is_none());
        let cut = Blob::new(&bytes[..60]).expect("the header is whole");
        assert!(cut.frames(0x1018).is_empty());
    }
}
