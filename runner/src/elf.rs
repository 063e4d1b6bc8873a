//! An image's ELF as a list of segments: adding one, and flattening them to a raw Image.
//!
//! 64-bit little endian only: that is what both targets are.

use crate::failure::{Failure, Result};

const PT_LOAD: u32 = 1;
const READABLE: u32 = 4;
const PHDR: usize = 56;
/// Where the Linux header of an aarch64 Image has its magic and its size.
const IMAGE_MAGIC: (usize, &[u8; 4]) = (56, b"ARM\x64");
const IMAGE_SIZE: usize = 16;

/// What happens to the sections (names, DWARF) of an ELF that is written anew.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sections {
    Keep,
    Drop,
}

/// A part of the file that goes into memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    pub kind: u32,
    pub flags: u32,
    pub offset: u64,
    pub vaddr: u64,
    pub paddr: u64,
    pub file_size: u64,
    pub mem_size: u64,
    pub align: u64,
}

/// The program headers of `elf`.
pub fn segments(elf: &[u8]) -> Result<Vec<Segment>> {
    if elf.get(..6) != Some(b"\x7fELF\x02\x01") || elf.len() < 64 {
        return Err(Failure::missing("not a 64-bit little-endian ELF"));
    }
    let (at, count) = (long(elf, 32)? as usize, half(elf, 56)?);
    (0..usize::from(count)).map(|i| segment(elf, at + i * PHDR)).collect()
}

fn segment(elf: &[u8], at: usize) -> Result<Segment> {
    Ok(Segment {
        kind: word(elf, at)?,
        flags: word(elf, at + 4)?,
        offset: long(elf, at + 8)?,
        vaddr: long(elf, at + 16)?,
        paddr: long(elf, at + 24)?,
        file_size: long(elf, at + 32)?,
        mem_size: long(elf, at + 40)?,
        align: long(elf, at + 48)?,
    })
}

/// `elf` with `blob` as one more read-only segment at `vaddr`.
///
/// The table of segments has no room to grow where it is: a new one goes in front of the blob, so
/// that it stays even where a boot loader's tools cut off what follows the last segment.
pub fn with_segment(elf: &[u8], blob: &[u8], vaddr: u64, sections: Sections) -> Result<Vec<u8>> {
    let mut segments = segments(elf)?;
    let ends = segments.iter().map(|s| s.offset + s.file_size).max().unwrap_or(64) as usize;
    let whole = match sections {
        Sections::Keep => elf.len(),
        Sections::Drop => ends,
    };
    let mut out = elf.get(..whole).ok_or_else(cut)?.to_vec();
    out.resize(whole.next_multiple_of(8), 0);
    let table = out.len() as u64;
    let offset = (out.len() + (segments.len() + 1) * PHDR).next_multiple_of(4096);
    segments.push(Segment {
        kind: PT_LOAD,
        flags: READABLE,
        offset: offset as u64,
        vaddr,
        paddr: vaddr.wrapping_sub(load_distance(&segments)?),
        file_size: blob.len() as u64,
        mem_size: blob.len() as u64,
        align: 4096,
    });
    for segment in &segments {
        write(&mut out, segment);
    }
    out.resize(offset, 0);
    out.extend(blob);
    out[32..40].copy_from_slice(&table.to_le_bytes());
    out[56..58].copy_from_slice(&(segments.len() as u16).to_le_bytes());
    if sections == Sections::Drop {
        out[40..48].fill(0);
        out[60..64].fill(0);
    }
    Ok(out)
}

/// How far the addresses it runs at lie above those it is loaded at.
fn load_distance(segments: &[Segment]) -> Result<u64> {
    let last = segments.iter().filter(|s| s.kind == PT_LOAD).max_by_key(|s| s.vaddr);
    last.map(|s| s.vaddr.wrapping_sub(s.paddr))
        .ok_or_else(|| Failure::missing("an ELF without segments"))
}

fn write(out: &mut Vec<u8>, s: &Segment) {
    out.extend(s.kind.to_le_bytes());
    out.extend(s.flags.to_le_bytes());
    for field in [s.offset, s.vaddr, s.paddr, s.file_size, s.mem_size, s.align] {
        out.extend(field.to_le_bytes());
    }
}

/// The memory that `elf` describes, from its lowest load address on, as one file.
pub fn flatten(elf: &[u8]) -> Result<Vec<u8>> {
    let mut parts = segments(elf)?;
    parts.retain(|s| s.kind == PT_LOAD && s.mem_size > 0);
    let low = parts.iter().map(|s| s.paddr).min().ok_or_else(cut)?;
    let high = parts.iter().map(|s| s.paddr + s.mem_size).max().ok_or_else(cut)?;
    let mut out = vec![0; (high - low) as usize];
    for s in &parts {
        let bytes =
            elf.get(s.offset as usize..(s.offset + s.file_size) as usize).ok_or_else(cut)?;
        let at = (s.paddr - low) as usize;
        out[at..at + bytes.len()].copy_from_slice(bytes);
    }
    let (at, magic) = IMAGE_MAGIC;
    if out.get(at..at + 4) == Some(magic) {
        // The loader puts the device tree behind the image: it has to know of all of it.
        let size = out.len() as u64;
        out[IMAGE_SIZE..IMAGE_SIZE + 8].copy_from_slice(&size.to_le_bytes());
    }
    Ok(out)
}

fn cut() -> Failure {
    Failure::missing("the ELF is cut short")
}

fn half(bytes: &[u8], at: usize) -> Result<u16> {
    array(bytes, at).map(u16::from_le_bytes)
}

fn word(bytes: &[u8], at: usize) -> Result<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

fn long(bytes: &[u8], at: usize) -> Result<u64> {
    array(bytes, at).map(u64::from_le_bytes)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N]> {
    let bytes = bytes.get(at..at + N).ok_or_else(cut)?;
    Ok(bytes.try_into().expect("N bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An ELF of one segment at `vaddr`, followed by what stands for sections.
    fn elf(vaddr: u64, paddr: u64, content: &[u8], mem_size: u64) -> Vec<u8> {
        let mut out = vec![0; 64];
        out[..6].copy_from_slice(b"\x7fELF\x02\x01");
        out[32..40].copy_from_slice(&64u64.to_le_bytes());
        out[40..48].copy_from_slice(&9999u64.to_le_bytes());
        out[56..58].copy_from_slice(&1u16.to_le_bytes());
        let file_size = content.len() as u64;
        write(
            &mut out,
            &Segment {
                kind: PT_LOAD,
                flags: 7,
                offset: 120,
                vaddr,
                paddr,
                file_size,
                mem_size,
                align: 8,
            },
        );
        out.extend(content);
        out.extend(b"sections");
        out
    }

    #[test]
    fn a_segment_is_added_and_the_first_stays() {
        let before = elf(0xffff_0000, 0x10_0000, b"code", 0x20);
        for sections in [Sections::Keep, Sections::Drop] {
            let after = with_segment(&before, b"symbols", 0xffff_1000, sections).unwrap();
            let parts = segments(&after).unwrap();
            assert_eq!(parts[0], segments(&before).unwrap()[0]);
            assert_eq!(
                (parts[1].vaddr, parts[1].paddr, parts[1].flags),
                (0xffff_1000, 0x10_1000, 4)
            );
            assert_eq!(&after[parts[1].offset as usize..][..7], b"symbols");
            let kept = after.windows(8).any(|bytes| bytes == b"sections");
            assert_eq!(kept, sections == Sections::Keep);
            assert_eq!(long(&after, 40).unwrap() != 0, sections == Sections::Keep);
        }
    }

    #[test]
    fn flattened_memory_has_the_gaps_and_the_symbols() {
        let before = elf(0xffff_0000, 0, b"code", 0x20);
        let after = with_segment(&before, b"symbols", 0xffff_1000, Sections::Drop).unwrap();
        let image = flatten(&after).unwrap();
        assert_eq!(image.len(), 0x1007);
        assert_eq!((&image[..4], &image[0x1000..]), (&b"code"[..], &b"symbols"[..]));
    }

    #[test]
    fn a_linux_header_learns_the_whole_size() {
        let mut content = vec![0; 64];
        content[56..60].copy_from_slice(b"ARM\x64");
        let image = flatten(&elf(0, 0, &content, 0x3000)).unwrap();
        assert_eq!(long(&image, 16).unwrap(), 0x3000);
    }

    #[test]
    fn what_is_no_elf_is_refused() {
        assert!(segments(b"#!/bin/sh").is_err());
        assert!(segments(&elf(0, 0, b"", 0)[..70]).is_err());
    }
}
