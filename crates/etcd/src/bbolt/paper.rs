//! What a tree is written on: page after page, each in a place that the paper chooses. A fresh file is one ([`super::Writer`]), a
//! change of a file that is there is another ([`super::Editor`]).

use super::HEADER_BYTES;
use crate::FileError;

/// The size of pages: that of a system's pages, as etcd has it.
pub(super) const PAGE_BYTES: usize = 4096;

/// Takes pages.
pub(super) trait Paper {
    /// Writes a page, with as many after it as it takes, and gives its id.
    fn page(&mut self, flags: u16, count: u16, parts: [&[u8]; 2]) -> Result<u64, FileError>;

    /// The error of a caller that does what it must not.
    fn misuse(&self, why: &str) -> FileError;
}

/// How many pages a page takes with what belongs to it.
pub(super) fn pages_for(parts: [&[u8]; 2]) -> usize {
    let bytes = HEADER_BYTES + parts.iter().map(|part| part.len()).sum::<usize>();
    bytes.div_ceil(PAGE_BYTES)
}

/// Appends a page to `buffer`; `None` if it would be larger than any page can be.
pub(super) fn assemble(buffer: &mut Vec<u8>, id: u64, flags: u16, count: u16, parts: [&[u8]; 2]) -> Option<()> {
    let pages = pages_for(parts);
    let (begin, overflow) = (buffer.len(), u32::try_from(pages - 1).ok()?);
    buffer.extend_from_slice(&header(id, flags, count, overflow));
    for part in parts {
        buffer.extend_from_slice(part);
    }
    buffer.resize(begin + pages * PAGE_BYTES, 0);
    Some(())
}

/// The header of a page.
pub(super) fn header(id: u64, flags: u16, count: u16, overflow: u32) -> [u8; HEADER_BYTES] {
    let mut out = [0; HEADER_BYTES];
    let fields: [&[u8]; 4] = [
        &id.to_le_bytes(),
        &flags.to_le_bytes(),
        &count.to_le_bytes(),
        &overflow.to_le_bytes(),
    ];
    for (to, from) in out.iter_mut().zip(fields.concat()) {
        *to = from;
    }
    out
}
