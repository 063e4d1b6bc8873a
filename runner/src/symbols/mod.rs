//! Names and lines for an image's addresses, gathered from its ELF and DWARF.
//!
//! An image carries its own symbols, so that it can print tracebacks alone and so that a hang can
//! be described from outside. `dwarf` finds them, `names` shortens them, `blob` lays them out.

pub mod blob;
mod dwarf;
mod names;

pub use dwarf::gather;

/// Everything known about an image's text.
#[derive(Debug, Default)]
pub struct Symbols {
    /// The image's first byte; all addresses are at or above it.
    pub base: u64,
    /// Sorted by address.
    pub ranges: Vec<Range>,
    pub nodes: Vec<Node>,
    /// Sorted by address.
    pub funcs: Vec<Func>,
}

/// From this address to the next range's, execution is in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub addr: u64,
    /// Nothing where no source line is known.
    pub node: Option<u32>,
}

/// A place in the source, and the place it is inlined into.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    pub frame: Frame,
    pub parent: Option<u32>,
}

/// A function and the line it is at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Frame {
    pub func: String,
    pub file: String,
    pub line: u32,
}

/// A function of the symbol table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Func {
    pub addr: u64,
    pub size: u32,
    pub name: String,
}
