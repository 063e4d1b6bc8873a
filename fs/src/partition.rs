//! Partitions of a disk, by MBR or GPT: where a file system may begin if not at the first byte.

use alloc::vec::Vec;

use crate::device::{Device, Window};
use crate::error::{Error, Result};

/// Unit of both tables.
const SECTOR: u64 = 512;
/// The type of MBR's one entry if the real table is a GPT.
const PROTECTIVE: u8 = 0xee;
/// More entries than anybody has; a damaged table may claim more.
const MOST_ENTRIES: u32 = 128;

/// The partitions inside of `whole`; none if there is no table.
pub(crate) fn windows<D: Device>(whole: &Window<D>) -> Result<Vec<Window<D>>, D::Error> {
    let Some(first) = sector(whole, 0)? else { return Ok(Vec::new()) };
    if first[510..] != [0x55, 0xaa] {
        return Ok(Vec::new());
    }
    let entries: Vec<&[u8]> = first[446..510].chunks_exact(16).filter(|e| e[4] != 0).collect();
    if entries.iter().any(|entry| entry[4] == PROTECTIVE) {
        return gpt(whole);
    }
    let spans =
        entries.iter().map(|entry| (u64::from(u32_at(entry, 8)), u64::from(u32_at(entry, 12))));
    Ok(spans.filter_map(|(first, count)| part(whole, first, count)).collect())
}

fn gpt<D: Device>(whole: &Window<D>) -> Result<Vec<Window<D>>, D::Error> {
    let mut windows = Vec::new();
    let Some(header) = sector(whole, 1)?.filter(|header| header.starts_with(b"EFI PART")) else {
        return Ok(windows);
    };
    let (table, count, size) = (u64_at(&header, 72), u32_at(&header, 80), u32_at(&header, 84));
    if !(128..=SECTOR as u32).contains(&size) || !size.is_power_of_two() {
        return Ok(windows);
    }
    let per_sector = SECTOR as u32 / size;
    for number in 0..count.min(MOST_ENTRIES).div_ceil(per_sector) {
        let Some(entries) = sector(whole, table.saturating_add(number.into()))? else { break };
        for entry in entries.chunks_exact(size as usize) {
            // A type of zeros: not in use.
            if entry[..16].iter().any(|byte| *byte != 0) {
                let (first, last) = (u64_at(entry, 32), u64_at(entry, 40));
                let count = last.saturating_sub(first).saturating_add(1);
                windows.extend(part(whole, first, count));
            }
        }
    }
    Ok(windows)
}

/// Sectors of the disk as a window, if they are inside of it.
fn part<D: Device>(whole: &Window<D>, first: u64, count: u64) -> Option<Window<D>> {
    let (start, len) = (first.checked_mul(SECTOR)?, count.checked_mul(SECTOR)?);
    let inside = first > 0 && len > 0 && start.checked_add(len)? <= whole.len;
    inside.then(|| Window { device: whole.device.clone(), start: whole.start + start, len })
}

/// One sector, if the disk has it.
fn sector<D: Device>(
    whole: &Window<D>,
    number: u64,
) -> Result<Option<[u8; SECTOR as usize]>, D::Error> {
    let mut bytes = [0; SECTOR as usize];
    let offset = number.checked_mul(SECTOR).filter(|&offset| whole.has(offset, bytes.len()));
    let Some(offset) = offset else { return Ok(None) };
    whole.device.read_at(&mut bytes, whole.start + offset).map_err(Error::Device)?;
    Ok(Some(bytes))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}
