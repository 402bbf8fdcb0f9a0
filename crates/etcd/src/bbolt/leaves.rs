//! The leaves of a bucket in the order in which they lie in the file: for whoever takes entries in any order.
//!
//! A walk in the order of keys stands still at the first page that has not arrived, and bbolt puts pages wherever there is room: of a
//! stream, it could begin in earnest only at the end. Here a leaf is given as soon as it and the pages above it have arrived; and a
//! file is read from its beginning to its end.
//!
//! What is asked of a page is the same as in the walk: it lies where the page above says, with keys between the two that stand there.

use super::page::Page;
use super::source::{Run, Source};
use super::walk::{DEEPEST, Entries, Level, too_deep};
use crate::FileError;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A page that one above it names.
struct Named {
    /// The first key that may stand in it, and where its keys end.
    low: Bytes,
    high: Option<Bytes>,
    depth: usize,
}

/// The leaves, each as its entries. After an error nothing more comes.
pub struct Leaves {
    source: Arc<Source>,
    /// A leaf that stands in its bucket's parent.
    inline: Option<Page>,
    /// What was named and not yet read, by its id.
    named: BTreeMap<u64, Named>,
    /// Pages below this one were passed.
    at: u64,
    run: Run,
    /// Whether the one page is a root: it may be empty.
    is_root: bool,
}

impl Leaves {
    pub(super) fn inline(source: Arc<Source>, page: Page) -> Self {
        Self { inline: Some(page), ..Self::none(source) }
    }

    pub(super) fn below(source: Arc<Source>, level: &Level) -> Self {
        let named = level.named().map(|(id, low, high)| (id, Named { low, high, depth: 1 }));
        Self {
            named: named.collect(),
            is_root: level.is_root(),
            ..Self::none(source)
        }
    }

    fn none(source: Arc<Source>) -> Self {
        Self {
            source,
            inline: None,
            named: BTreeMap::new(),
            at: 0,
            run: Run::default(),
            is_root: false,
        }
    }

    /// The next page to be read: the one that lies next in what has arrived, else the first of those that have, else the one that
    /// arrives first.
    fn choose(&self, arrived: u64) -> Option<u64> {
        let next = self.named.range(self.at..).next().filter(|(id, _)| **id < arrived);
        next.or_else(|| self.named.first_key_value()).map(|(id, _)| *id)
    }

    fn leaf(&mut self) -> Result<Option<Page>, FileError> {
        if let Some(page) = self.inline.take() {
            return Ok(Some(page));
        }
        loop {
            let arrived = self.source.pages.arrived() / self.source.page_bytes as u64;
            let Some(id) = self.choose(arrived) else {
                return Ok(None);
            };
            let Some(it) = self.named.remove(&id) else {
                return Ok(None);
            };
            self.at = id + 1;
            let behind = self.named.range(self.at..).map(|(id, _)| *id);
            let wanted = std::iter::once(id).chain(behind.take_while(|id| *id < arrived));
            let page = self.source.page(&mut self.run, wanted, (&it.low, it.high.as_deref()))?;
            if page.count() == 0 && (page.is_branch() || !self.is_root) {
                return Err(self.source.damaged(id, "it is empty"));
            }
            if !page.is_branch() {
                return Ok(Some(page));
            }
            self.is_root = false;
            self.name(&page, it)?;
        }
    }

    /// Takes note of the pages below a branch.
    fn name(&mut self, branch: &Page, above: Named) -> Result<(), FileError> {
        let depth = above.depth + 1;
        if depth > DEEPEST {
            return Err(too_deep(&self.source));
        }
        let mut high = above.high;
        for i in (0..branch.count()).rev() {
            let (id, low) = (branch.child(i), branch.key(i));
            let before = self.named.insert(id, Named { low: low.clone(), high, depth });
            // Each is one of the file's: there cannot be more of them.
            if before.is_some() || self.named.len() as u64 > self.source.high_water {
                return Err(self.source.damaged(id, "more than one page names it"));
            }
            high = Some(low);
        }
        Ok(())
    }
}

impl Iterator for Leaves {
    type Item = Result<Entries, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = self.leaf().transpose()?;
        if found.is_err() {
            self.named.clear();
        }
        Some(found.map(|page| Entries::inline(Arc::clone(&self.source), page)))
    }
}
