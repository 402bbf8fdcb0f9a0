//! One page of a tree, checked as a whole before anything is taken from it.

use super::{
    BRANCH, ELEMENT_BYTES, HEADER_BYTES, LEAF, LONGEST_KEY_BYTES, LONGEST_VALUE_BYTES, u16_at, u32_at, u64_at,
};
use bytes::Bytes;
use std::ops::Range;

/// A page with all that belongs to it, whose elements lie within it, in order, and between the keys that they have to.
#[derive(Clone)]
pub(super) struct Page {
    bytes: Bytes,
    branch: bool,
    count: usize,
}

/// What a page says of itself.
#[derive(Clone, Copy)]
pub(super) struct Header {
    pub(super) id: u64,
    flags: u16,
    count: u16,
    /// The number of pages after it that belong to it.
    pub(super) overflow: u32,
}

impl Header {
    /// The header of a page of which at least the header is there.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        Self {
            id: u64_at(bytes, 0),
            flags: u16_at(bytes, 8),
            count: u16_at(bytes, 10),
            overflow: u32_at(bytes, 12),
        }
    }

    /// The number of its elements.
    pub(super) fn count(self) -> usize {
        usize::from(self.count)
    }
}

impl Page {
    /// A page from its bytes. Its keys have to be from `low` on, and below `high`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(bytes: Bytes, low: &[u8], high: Option<&[u8]>) -> Result<Self, String> {
        let header = Header::parse(&bytes);
        let branch = match header.flags {
            BRANCH => true,
            LEAF => false,
            flags => return Err(format!("it is neither branch nor leaf, but has the flags {flags:#x}")),
        };
        let page = Self { bytes, branch, count: usize::from(header.count) };
        let mut free = HEADER_BYTES + page.count * ELEMENT_BYTES;
        if free > page.bytes.len() {
            return Err(format!("it has no room for {} elements", page.count));
        }
        let mut last: Option<&[u8]> = None;
        for i in 0..page.count {
            let (key, end) = page.spans(i);
            if key.start < free || end > page.bytes.len() {
                return Err(format!("its element {i} lies outside of the room for it"));
            }
            if key.is_empty() || key.len() > LONGEST_KEY_BYTES || end - key.end > LONGEST_VALUE_BYTES {
                return Err(format!("its element {i} is of an impossible size"));
            }
            let bytes = page.bytes.get(key).unwrap_or_default();
            if last.is_some_and(|last| last >= bytes) {
                return Err(format!("its elements {} and {i} are not in order", i - 1));
            }
            last = Some(bytes);
            free = end;
        }
        if page.count > 0 && page.key_bytes(0) < low || last.zip(high).is_some_and(|(last, high)| last >= high) {
            return Err("its keys are not those that the page above says".to_owned());
        }
        Ok(page)
    }

    /// Where the last of the elements ends, going by a page's beginning alone, as far as its list of elements is there.
    pub(super) fn reach(begin: &[u8]) -> u64 {
        let header = Header::parse(begin);
        let ends = (0..header.count()).map(|i| spans(begin, header.flags == BRANCH, i).1 as u64);
        ends.max().unwrap_or(0)
    }

    pub(super) fn is_branch(&self) -> bool {
        self.branch
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// How many pages of the file it takes.
    pub(super) fn pages(&self) -> u64 {
        u64::from(Header::parse(&self.bytes).overflow) + 1
    }

    /// The key of an element; a slice, nothing is copied.
    pub(super) fn key(&self, i: usize) -> Bytes {
        self.bytes.slice(self.spans(i).0)
    }

    /// The value of a leaf's element; a slice, nothing is copied.
    pub(super) fn value(&self, i: usize) -> Bytes {
        let (key, end) = self.spans(i);
        self.bytes.slice(key.end..end)
    }

    /// The flags of a leaf's element.
    pub(super) fn flags(&self, i: usize) -> u32 {
        u32_at(&self.bytes, HEADER_BYTES + i * ELEMENT_BYTES)
    }

    /// The page to which a branch's element points.
    pub(super) fn child(&self, i: usize) -> u64 {
        u64_at(&self.bytes, HEADER_BYTES + i * ELEMENT_BYTES + 8)
    }

    fn key_bytes(&self, i: usize) -> &[u8] {
        self.bytes.get(self.spans(i).0).unwrap_or_default()
    }

    fn spans(&self, i: usize) -> (Range<usize>, usize) {
        spans(&self.bytes, self.branch, i)
    }
}

/// Where an element's key stands, and where its value ends. No sum can overflow: each is of a few numbers of 32 bits.
fn spans(page: &[u8], branch: bool, i: usize) -> (Range<usize>, usize) {
    let element = HEADER_BYTES + i * ELEMENT_BYTES;
    let word = |at: usize| u32_at(page, element + at) as usize;
    let (at, key_bytes, value_bytes) = match branch {
        true => (word(0), word(4), 0),
        false => (word(4), word(8), word(12)),
    };
    let start = element + at;
    (start..start + key_bytes, start + key_bytes + value_bytes)
}
