//! Gathers [`Symbols`] from an ELF: lines and inlined frames from DWARF, functions from `.symtab`.

use std::borrow::Cow;
use std::collections::HashMap;

use addr2line::Context;
use addr2line::gimli::{self, DwarfSections, EndianSlice, LittleEndian};
use object::{Object, ObjectSection, ObjectSymbol, SectionKind, SymbolKind};

use super::{Frame, Func, Node, Range, Symbols, names};

type Reader<'a> = EndianSlice<'a, LittleEndian>;

/// Reads all symbols of `elf`. `roots` are the folders that names of files need not tell, `base` the image's first address.
pub fn gather(
    elf: &object::File<'_>,
    base: u64,
    roots: &[String],
) -> Result<Symbols, gimli::Error> {
    let text: Vec<_> = elf
        .sections()
        .filter(|section| section.kind() == SectionKind::Text && section.address() >= base)
        .map(|section| section.address()..section.address() + section.size())
        .collect();
    let sections = DwarfSections::load(|id| {
        let section = elf.section_by_name(id.name());
        let data = section.and_then(|section| section.uncompressed_data().ok());
        Ok::<_, gimli::Error>(data.unwrap_or(Cow::Borrowed(&[])))
    })?;
    let context =
        Context::from_dwarf(sections.borrow(|data| EndianSlice::new(data, LittleEndian)))?;
    let mut lines = Lines { context, roots, nodes: Vec::new(), known: HashMap::new() };
    let mut ranges = Vec::new();
    for part in &text {
        lines.gather(part.start, part.end, &mut ranges)?;
    }
    lines.fill(&mut ranges);
    Ok(Symbols { base, ranges, nodes: lines.nodes, funcs: functions(elf, &text) })
}

/// Turns the rows of the line tables into ranges, and what is inlined there into nodes.
struct Lines<'a> {
    context: Context<Reader<'a>>,
    roots: &'a [String],
    nodes: Vec<Node>,
    known: HashMap<Node, u32>,
}

impl Lines<'_> {
    fn gather(&mut self, low: u64, high: u64, ranges: &mut Vec<Range>) -> Result<(), gimli::Error> {
        // Where one place ends another mostly begins; where none does, an empty range says so.
        let mut starts: Vec<(u64, bool)> = Vec::new();
        for (addr, len, _) in self.context.find_location_range(low, high)? {
            starts.push((addr, true));
            starts.push((addr + len, false));
        }
        starts.sort_unstable_by_key(|&(addr, known)| (addr, !known));
        starts.dedup_by_key(|&mut (addr, _)| addr);
        for (addr, known) in starts.into_iter().filter(|&(addr, _)| (low..high).contains(&addr)) {
            let node = if known { self.node_at(addr)? } else { None };
            // Columns differ more often than lines do.
            if ranges.last().is_none_or(|last| last.node != node) {
                ranges.push(Range { addr, node });
            }
        }
        if ranges.last().is_some_and(|last| last.node.is_some()) {
            ranges.push(Range { addr: high, node: None });
        }
        Ok(())
    }

    /// Instructions that the compiler ascribes to no line (a probe of the stack in the middle of a
    /// prologue) get that of their neighbours in the same function.
    fn fill(&self, ranges: &mut [Range]) {
        let node = |range: &Range| range.node.map(|node| &self.nodes[node as usize]);
        for index in 0..ranges.len() {
            let Some(here) = node(&ranges[index]).filter(|node| node.frame.line == 0) else {
                continue;
            };
            let is_same = |range: &&Range| {
                node(range).is_some_and(|other| {
                    other.frame.line != 0
                        && other.frame.func == here.frame.func
                        && other.parent == here.parent
                })
            };
            let before = index.checked_sub(1).map(|before| &ranges[before]).filter(is_same);
            let found = before.or(ranges.get(index + 1).filter(is_same));
            if let Some(found) = found {
                ranges[index].node = found.node;
            }
        }
    }

    fn node_at(&mut self, addr: u64) -> Result<Option<u32>, gimli::Error> {
        let mut frames = Vec::new();
        let mut found = self.context.find_frames(addr).skip_all_loads()?;
        while let Some(frame) = found.next()? {
            let Some(location) = frame.location else { continue };
            let func = match &frame.function {
                Some(function) => names::function(&function.raw_name()?),
                None => String::new(),
            };
            let file = names::file(location.file.unwrap_or_default(), self.roots);
            frames.push(Frame { func, file, line: location.line.unwrap_or(0) });
        }
        drop(found);
        // Parents first, as every inlined frame names its parent.
        Ok(frames
            .into_iter()
            .rev()
            .fold(None, |parent, frame| Some(self.add(Node { frame, parent }))))
    }

    fn add(&mut self, node: Node) -> u32 {
        let nodes = &mut self.nodes;
        *self.known.entry(node.clone()).or_insert_with(|| {
            nodes.push(node);
            nodes.len() as u32 - 1
        })
    }
}

fn functions(elf: &object::File<'_>, text: &[std::ops::Range<u64>]) -> Vec<Func> {
    let mut funcs: Vec<Func> = elf
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0)
        .filter(|symbol| text.iter().any(|part| part.contains(&symbol.address())))
        .filter_map(|symbol| {
            let name = names::function(symbol.name().ok()?);
            Some(Func { addr: symbol.address(), size: u32::try_from(symbol.size()).ok()?, name })
        })
        .collect();
    funcs.sort_by(|a, b| (a.addr, &a.name).cmp(&(b.addr, &b.name)));
    funcs.dedup_by_key(|func| func.addr);
    funcs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::symbols::blob::{Blob, encode};

    #[inline(always)]
    fn inlined() -> u32 {
        std::hint::black_box(line!())
    }

    #[inline(never)]
    fn outer() -> u32 {
        inlined()
    }

    /// This test program is an ELF with DWARF too.
    #[test]
    fn finds_inlined_frames_in_this_program() {
        let line = outer();
        let bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let elf = object::File::parse(&*bytes).unwrap();
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
        let root = std::fs::canonicalize(root).unwrap();
        let symbols = gather(&elf, 0, &[root.display().to_string()]).unwrap();
        let blob = encode(&symbols);
        let blob = Blob::new(&blob).unwrap();
        let me = symbols.funcs.iter().find(|f| f.name.ends_with("dwarf::tests::outer")).unwrap();
        let at_the_line =
            (me.addr..me.addr + u64::from(me.size)).map(|addr| blob.frames(addr)).find(|frames| {
                frames.first().is_some_and(|f| f.line == line && f.func.ends_with("inlined"))
            });
        let frames = at_the_line.expect("an address of the inlined line");
        assert_eq!(frames[0].file, "runner/src/symbols/dwarf.rs");
        assert!(frames[1].func.ends_with("dwarf::tests::outer"));
        assert_eq!(frames[1].line, line + 5);
    }
}
