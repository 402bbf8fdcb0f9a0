//! Pages from the file: read together where neighbours in the tree are neighbours in the file, and believed only as far as the
//! file goes.

use super::page::{Header, Page};
use super::{ELEMENT_BYTES, HEADER_BYTES, Pages};
use crate::FileError;
use bytes::{Bytes, BytesMut};
use std::io;
use std::sync::Arc;

/// How much is read at once.
const RUN_BYTES: usize = 256 << 10;
/// How much larger a run of pages may be than the pages in it that are wanted.
const SPARSEST: u64 = 8;
/// The steps in which a large page is read, so that memory is taken only for what is there.
const STEP_BYTES: usize = 4 << 20;
/// Larger than this, a page's elements have to account for its size before it is read.
const LARGE_BYTES: u64 = 1 << 20;
/// A page with an entry of the largest size.
const LARGEST_BYTES: u64 = 1 << 32;
/// The first page that is no meta page.
const FIRST_PAGE: u64 = 2;

/// The pages of a database.
pub(super) struct Source {
    /// What errors call it.
    pub(super) name: String,
    pub(super) pages: Arc<dyn Pages>,
    pub(super) page_bytes: usize,
    /// All ids of pages are lower.
    pub(super) high_water: u64,
}

/// Some pages that were read together.
#[derive(Clone, Default)]
pub(super) struct Run {
    first: u64,
    bytes: Bytes,
}

impl Source {
    /// The error for something wrong with a page.
    pub(super) fn damaged(&self, page: u64, reason: impl ToString) -> FileError {
        FileError::damaged(&self.name, format!("page {page}"), reason)
    }

    /// Page `wanted[0]`, with keys from `low` on and below `high`; read along with those that are wanted next, if it is not in
    /// `run` already.
    pub(super) fn page(
        &self,
        run: &mut Run,
        wanted: impl Iterator<Item = u64>,
        (low, high): (&[u8], Option<&[u8]>),
    ) -> Result<Page, FileError> {
        let mut wanted = wanted.peekable();
        let id = wanted.peek().copied().unwrap_or_default();
        if !self.exists(id) {
            let reason = format!("the page above it names it, but there are only {} pages", self.high_water);
            return Err(self.damaged(id, reason));
        }
        let bytes = match self.whole(run, id) {
            Some(found) => found?,
            None => {
                self.read_ahead(run, id, wanted.skip(1))?;
                self.whole(run, id)
                    .unwrap_or_else(|| Err(self.damaged(id, "it was not read")))?
            }
        };
        Page::parse(bytes, low, high).map_err(|why| self.damaged(id, why))
    }

    fn exists(&self, id: u64) -> bool {
        (FIRST_PAGE..self.high_water).contains(&id)
    }

    /// Reads a page, and in the same go those of the next that lie close to it. Only pages of the tree are asked for: on a stream
    /// that is still arriving, the wait is for nothing that does not come.
    fn read_ahead(&self, run: &mut Run, id: u64, next: impl Iterator<Item = u64>) -> Result<(), FileError> {
        let most = (RUN_BYTES / self.page_bytes) as u64;
        let (mut first, mut last) = (id, id);
        for (n, id) in (2..).zip(next) {
            let (low, high) = (first.min(id), last.max(id));
            if !self.exists(id) || high - low >= most.min(SPARSEST * n) {
                break;
            }
            (first, last) = (low, high);
        }
        // The last buffer can be used again, unless somebody kept an entry of it.
        let mut buffer = std::mem::take(&mut run.bytes).try_into_mut().unwrap_or_default();
        buffer.resize((last - first + 1) as usize * self.page_bytes, 0);
        self.read(first, 0, &mut buffer)?;
        *run = Run { first, bytes: buffer.freeze() };
        Ok(())
    }

    /// A page with all that belongs to it, if it begins in `run`.
    fn whole(&self, run: &Run, id: u64) -> Option<Result<Bytes, FileError>> {
        let pages = id.checked_sub(run.first)?;
        let at = usize::try_from(pages).ok()?.checked_mul(self.page_bytes)?;
        let begin = run.bytes.get(at..).filter(|bytes| bytes.len() >= self.page_bytes)?;
        let header = Header::parse(begin);
        let bytes = match self.size(id, header) {
            Ok(bytes) => bytes,
            Err(e) => return Some(Err(e)),
        };
        match usize::try_from(bytes).ok().filter(|&bytes| bytes <= begin.len()) {
            Some(bytes) => Some(Ok(run.bytes.slice(at..at + bytes))),
            None => Some(self.grow(id, header, begin, bytes)),
        }
    }

    /// How large a page is with what belongs to it, in bytes, if that can be.
    fn size(&self, id: u64, header: Header) -> Result<u64, FileError> {
        if header.id != id {
            return Err(self.damaged(id, format!("it says that it is page {}", header.id)));
        }
        let bytes = (u64::from(header.overflow) + 1) * self.page_bytes as u64;
        if u64::from(header.overflow) >= self.high_water - id || bytes > LARGEST_BYTES {
            return Err(self.damaged(id, format!("it says that it goes on for {} pages", header.overflow)));
        }
        Ok(bytes)
    }

    /// Reads the rest of a page that is larger than what was read of it.
    fn grow(&self, id: u64, header: Header, begin: &[u8], bytes: u64) -> Result<Bytes, FileError> {
        let whole = usize::try_from(bytes).map_err(|_| self.damaged(id, "it does not fit in memory"))?;
        let table = HEADER_BYTES + header.count() * ELEMENT_BYTES;
        let mut buffer = BytesMut::from(begin);
        if bytes > LARGE_BYTES {
            self.extend(id, &mut buffer, table.min(whole))?;
            if Page::reach(&buffer).saturating_add(2 * self.page_bytes as u64) < bytes {
                return Err(self.damaged(id, "it says that it is larger than its elements are"));
            }
        }
        while buffer.len() < whole {
            let next = whole.min(buffer.len() + STEP_BYTES);
            self.extend(id, &mut buffer, next)?;
        }
        Ok(buffer.freeze())
    }

    /// Reads on until there are `to` bytes of a page.
    fn extend(&self, id: u64, buffer: &mut BytesMut, to: usize) -> Result<(), FileError> {
        let from = buffer.len();
        if to > from {
            buffer.resize(to, 0);
            self.read(id, from, buffer.get_mut(from..).unwrap_or_default())?;
        }
        Ok(())
    }

    /// Reads from `skip` bytes after the beginning of a page.
    fn read(&self, id: u64, skip: usize, into: &mut [u8]) -> Result<(), FileError> {
        let offset = id * self.page_bytes as u64 + skip as u64;
        self.pages.read_at(offset, into).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => self.damaged(id, "the file ends before the end of this page"),
            _ => FileError::io(&self.name, "read")(e),
        })
    }
}
