//! An ELF file again, with only what a loader wants: through the BIOS every byte counts.
//!
//! The segments that are loaded, one behind the other, and one section, the loader's own
//! configuration, which it finds by name.

const CONFIG: &[u8] = b".bootloader-config";
/// Names of the sections: none, the configuration, the names themselves.
const NAMES: &[u8] = b"\0.bootloader-config\0.shstrtab\0";
const STRING_TABLE: u32 = 3;
const LOAD: u32 = 1;
const PAGE: usize = 4096;

const FILE_HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;
const SECTION_HEADER: usize = 64;

/// Fields of the file header.
const PROGRAM_HEADERS: usize = 32;
const SECTION_HEADERS: usize = 40;
const PROGRAM_HEADER_COUNT: usize = 56;
const SECTION_COUNT: usize = 60;
const NAMES_INDEX: usize = 62;
/// Fields of a program header.
const SEGMENT_OFFSET: usize = 8;
const SEGMENT_ADDR: usize = 16;
const SEGMENT_FILE_SIZE: usize = 32;
/// Fields of a section header.
const SECTION_NAME: usize = 0;
const SECTION_KIND: usize = 4;
const SECTION_OFFSET: usize = 24;
const SECTION_SIZE: usize = 32;

/// The smaller file; `None` if it is not a 64-bit little-endian ELF file with a configuration.
pub fn repack(elf: &[u8]) -> Option<Vec<u8>> {
    if elf.get(..6)? != b"\x7fELF\x02\x01" {
        return None;
    }
    let mut out = elf.get(..FILE_HEADER)?.to_vec();
    put(&mut out, PROGRAM_HEADERS, &(FILE_HEADER as u64).to_le_bytes());
    segments(elf, &mut out)?;
    sections(elf, &mut out)?;
    Some(out)
}

/// Appends program headers and what they load.
fn segments(elf: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let headers = elf.get(long(elf, PROGRAM_HEADERS)?..)?.chunks_exact(PROGRAM_HEADER);
    let headers = headers.take(half(elf, PROGRAM_HEADER_COUNT)?);
    let loaded: Vec<_> = headers.filter(|header| header[..4] == LOAD.to_le_bytes()).collect();
    put(out, PROGRAM_HEADER_COUNT, &(loaded.len() as u16).to_le_bytes());
    out.extend(loaded.concat());
    for (index, header) in loaded.iter().enumerate() {
        let bytes = part(elf, long(header, SEGMENT_OFFSET)?, long(header, SEGMENT_FILE_SIZE)?)?;
        // The loader maps the file's pages: both must begin at the same place in one.
        let at = out.len().next_multiple_of(PAGE) + long(header, SEGMENT_ADDR)? % PAGE;
        out.resize(at, 0);
        out.extend(bytes);
        let offset = FILE_HEADER + index * PROGRAM_HEADER + SEGMENT_OFFSET;
        put(out, offset, &(at as u64).to_le_bytes());
    }
    Some(())
}

/// Appends the configuration, the names and the section headers.
fn sections(elf: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let config = section(elf, CONFIG)?;
    let bytes = part(elf, long(config, SECTION_OFFSET)?, long(config, SECTION_SIZE)?)?;
    let mut config = config.to_vec();
    put(&mut config, SECTION_NAME, &1u32.to_le_bytes());
    put(&mut config, SECTION_OFFSET, &(out.len() as u64).to_le_bytes());
    out.extend(bytes);

    let mut names = [0; SECTION_HEADER];
    put(&mut names, SECTION_NAME, &(2 + CONFIG.len() as u32).to_le_bytes());
    put(&mut names, SECTION_KIND, &STRING_TABLE.to_le_bytes());
    put(&mut names, SECTION_OFFSET, &(out.len() as u64).to_le_bytes());
    put(&mut names, SECTION_SIZE, &(NAMES.len() as u64).to_le_bytes());
    out.extend(NAMES);

    out.resize(out.len().next_multiple_of(8), 0);
    let at = out.len() as u64;
    put(out, SECTION_HEADERS, &at.to_le_bytes());
    put(out, SECTION_COUNT, &3u16.to_le_bytes());
    put(out, NAMES_INDEX, &2u16.to_le_bytes());
    out.extend([0; SECTION_HEADER]);
    out.extend(config);
    out.extend(names);
    Some(())
}

/// The header of the section with that name.
fn section<'a>(elf: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let headers = elf.get(long(elf, SECTION_HEADERS)?..)?;
    let mut headers = headers.chunks_exact(SECTION_HEADER).take(half(elf, SECTION_COUNT)?);
    let names = headers.clone().nth(half(elf, NAMES_INDEX)?)?;
    let names = part(elf, long(names, SECTION_OFFSET)?, long(names, SECTION_SIZE)?)?;
    headers.find(|header| {
        let at = u32::from_le_bytes([header[0], header[1], header[2], header[3]]) as usize;
        names.get(at..).and_then(|rest| rest.split(|&byte| byte == 0).next()) == Some(name)
    })
}

fn part(bytes: &[u8], at: usize, len: usize) -> Option<&[u8]> {
    bytes.get(at..at.checked_add(len)?)
}

fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    bytes[at..at + field.len()].copy_from_slice(field);
}

fn long(bytes: &[u8], at: usize) -> Option<usize> {
    let field = u64::from_le_bytes(bytes.get(at..)?.first_chunk().copied()?);
    usize::try_from(field).ok()
}

fn half(bytes: &[u8], at: usize) -> Option<usize> {
    Some(u16::from_le_bytes(bytes.get(at..)?.first_chunk().copied()?).into())
}
