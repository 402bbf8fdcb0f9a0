//! The two meta pages: which of them counts, and what they say. Source: bbolt `internal/common/meta.go`, `db.go`.

use super::{HEADER_BYTES, META, Pages, u32_at, u64_at};
use crate::FileError;
use crate::snapshot::fnv_1a;
use std::io;

/// The bytes of a meta page that mean something: its header, then the meta.
pub(super) const META_PAGE_BYTES: usize = HEADER_BYTES + META_BYTES;
/// The page sizes that are looked for: the sizes of pages of the systems that etcd runs on.
const PAGE_SIZES: [u32; 5] = [4096, 8192, 16384, 32768, 65536];
const META_BYTES: usize = 64;
/// What of it the checksum covers.
const SUMMED_BYTES: usize = 56;
const MAGIC: u32 = 0xED0C_DAED;
/// How a file begins that somebody has packed. Source: RFC 1952, section 2.3.1.
const GZIP: [u8; 2] = [0x1f, 0x8b];
const VERSION: u32 = 2;
/// In place of the freelist's page: there is none, and who opens the file looks for free pages by itself.
const NO_FREELIST: u64 = u64::MAX;

/// So much of a file tells whether it [`begins`] as a database does.
pub(crate) const HEAD_BYTES: usize = HEADER_BYTES + 4;

/// Whether a file with this beginning may be a database; one whose first meta page is damaged is not recognized.
pub(crate) fn begins(head: &[u8]) -> bool {
    head.get(HEADER_BYTES..HEAD_BYTES) == Some(&MAGIC.to_le_bytes()[..])
}

/// What a meta page says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Meta {
    pub(super) page_bytes: u32,
    /// The root page of the tree of buckets.
    pub(super) root: u64,
    /// The number of pages that were ever in use: each page's id is lower.
    pub(super) high_water: u64,
    pub(super) transaction: u64,
}

impl Meta {
    /// Looks at both meta pages, and takes the valid one of the higher transaction.
    pub(super) fn choose(name: &str, pages: &dyn Pages) -> Result<Self, FileError> {
        let read = |offset: u32| read(name, pages, u64::from(offset));
        let Some(first) = read(0)? else {
            return Err(FileError::damaged(name, "its beginning", "it is too short for a database of etcd"));
        };
        match Self::parse(&first) {
            Ok(meta) => {
                let second = read(meta.page_bytes)?.and_then(|bytes| Self::parse(&bytes).ok());
                let newer = |other: &Self| other.page_bytes == meta.page_bytes && other.transaction > meta.transaction;
                Ok(second.filter(newer).unwrap_or(meta))
            }
            Err(why) => {
                for size in PAGE_SIZES {
                    let second = read(size)?.and_then(|bytes| Self::parse(&bytes).ok());
                    if let Some(meta) = second.filter(|meta| meta.page_bytes == size) {
                        return Ok(meta);
                    }
                }
                let packed = if first.starts_with(&GZIP) {
                    ": it is packed with gzip"
                } else {
                    ""
                };
                Err(FileError::damaged(
                    name,
                    "page 0",
                    format!("{why}, nor is there a second meta page{packed}"),
                ))
            }
        }
    }

    /// The meta page at a place, if there is a valid one.
    pub(super) fn at(name: &str, pages: &dyn Pages, offset: u64) -> Result<Option<Self>, FileError> {
        Ok(read(name, pages, offset)?.and_then(|bytes| Self::parse(&bytes).ok()))
    }

    fn parse(page: &[u8; META_PAGE_BYTES]) -> Result<Self, &'static str> {
        // bbolt does not look at the header either: what counts has a checksum.
        let (_, meta) = page.split_at(HEADER_BYTES);
        if u32_at(meta, 0) != MAGIC {
            return Err("it does not begin as a database of etcd does");
        }
        if u64_at(meta, SUMMED_BYTES) != fnv_1a(meta.get(..SUMMED_BYTES).unwrap_or_default()) {
            return Err("its checksum does not fit");
        }
        if u32_at(meta, 4) != VERSION {
            return Err("its database is of an unknown version");
        }
        let page_bytes = u32_at(meta, 8);
        if !PAGE_SIZES.contains(&page_bytes) {
            return Err("it says an impossible page size");
        }
        Ok(Self {
            page_bytes,
            root: u64_at(meta, 16),
            high_water: u64_at(meta, 40),
            transaction: u64_at(meta, 48),
        })
    }

    /// The beginning of meta page `page`, which is 0 or 1; the rest of the page is zeros.
    pub(super) fn encoded(&self, page: u64) -> [u8; META_PAGE_BYTES] {
        let mut out = Vec::with_capacity(META_PAGE_BYTES);
        out.extend_from_slice(&page.to_le_bytes());
        out.extend_from_slice(&u32::from(META).to_le_bytes());
        out.extend_from_slice(&0_u32.to_le_bytes());
        for n in [MAGIC, VERSION, self.page_bytes, 0] {
            out.extend_from_slice(&n.to_le_bytes());
        }
        // After the root, its sequence, which nobody uses.
        for n in [self.root, 0, NO_FREELIST, self.high_water, self.transaction] {
            out.extend_from_slice(&n.to_le_bytes());
        }
        let sum = fnv_1a(out.get(HEADER_BYTES..).unwrap_or_default());
        out.extend_from_slice(&sum.to_le_bytes());
        let mut page = [0; META_PAGE_BYTES];
        page.copy_from_slice(&out);
        page
    }
}

/// The bytes of a meta page; none if the file ends before.
fn read(name: &str, pages: &dyn Pages, offset: u64) -> Result<Option<[u8; META_PAGE_BYTES]>, FileError> {
    let mut bytes = [0; META_PAGE_BYTES];
    match pages.read_at(offset, &mut bytes) {
        Ok(()) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(e) => Err(FileError::io(name, "read")(e)),
    }
}
