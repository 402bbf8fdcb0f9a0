//! The walk through a tree, from the first entry to the last, with one page of each level in memory.
//!
//! Each page must lie where the page above says, and its keys between the two that the page above has there. Since no page but a
//! root may be empty, none can be reached twice in one tree, and a circle ends at once with an error.

use super::IS_BUCKET;
use super::page::Page;
use super::source::{Run, Source};
use crate::FileError;
use bytes::Bytes;
use std::sync::Arc;

/// A sound tree of 64 levels would not fit on any disk.
pub(super) const DEEPEST: usize = 64;
/// How many subtrees there should be for each part into which a bucket is split, so that all are about as large.
const SUBTREES_PER_PART: usize = 8;

/// Pages next to each other in the tree, and how far the walk came.
#[derive(Clone)]
pub(super) struct Level {
    /// The first key that may stand in each, and its id.
    children: Vec<(Bytes, u64)>,
    /// Where the last one's keys end.
    high: Option<Bytes>,
    /// The next one.
    at: usize,
    run: Run,
    /// Whether this is the root alone: it may be empty.
    is_root: bool,
}

/// The entries of a bucket, key and value, in the order of their keys. After an error nothing more comes.
pub struct Entries {
    source: Arc<Source>,
    levels: Vec<Level>,
    leaf: Option<Page>,
    /// The next element of `leaf`.
    at: usize,
}

impl Entries {
    pub(super) fn over(source: Arc<Source>, level: Level) -> Self {
        Self { source, levels: vec![level], leaf: None, at: 0 }
    }

    pub(super) fn inline(source: Arc<Source>, page: Page) -> Self {
        Self { source, levels: Vec::new(), leaf: Some(page), at: 0 }
    }

    /// The next element with its flags, by which buckets are told from entries.
    pub(super) fn element(&mut self) -> Result<Option<(u32, Bytes, Bytes)>, FileError> {
        loop {
            if let Some(leaf) = &self.leaf {
                let i = self.at;
                if i < leaf.count() {
                    self.at += 1;
                    return Ok(Some((leaf.flags(i), leaf.key(i), leaf.value(i))));
                }
                // Before the next page is read: it may take this one's memory.
                self.leaf = None;
            }
            let Some(level) = self.levels.last_mut() else {
                return Ok(None);
            };
            match level.advance(&self.source)? {
                None => {
                    self.levels.pop();
                }
                Some(page) if page.is_branch() => {
                    let below = level.below(&page);
                    self.levels.push(below);
                    if self.levels.len() > DEEPEST {
                        return Err(too_deep(&self.source));
                    }
                }
                Some(page) => (self.leaf, self.at) = (Some(page), 0),
            }
        }
    }
}

impl Iterator for Entries {
    type Item = Result<(Bytes, Bytes), FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = match self.element() {
            Ok(None) => return None,
            Ok(Some((flags, key, value))) if flags & IS_BUCKET == 0 => return Some(Ok((key, value))),
            Ok(Some(_)) => FileError::damaged(&self.source.name, "its tree", "there is a bucket within a bucket"),
            Err(e) => e,
        };
        (self.leaf, self.levels) = (None, Vec::new());
        Some(Err(found))
    }
}

impl Level {
    /// Above a tree.
    pub(super) fn root(id: u64) -> Self {
        Self { is_root: true, ..Self::of(vec![(Bytes::new(), id)], None) }
    }

    fn of(children: Vec<(Bytes, u64)>, high: Option<Bytes>) -> Self {
        Self { children, high, at: 0, run: Run::default(), is_root: false }
    }

    /// Its pages, each with the first key that may stand in it, and where its keys end.
    pub(super) fn named(&self) -> impl Iterator<Item = (u64, Bytes, Option<Bytes>)> {
        let named = |(i, (low, id)): (usize, &(Bytes, u64))| {
            (*id, low.clone(), end(&self.children, i, self.high.as_ref()).cloned())
        };
        self.children.iter().enumerate().map(named)
    }

    /// Whether it is the root alone.
    pub(super) fn is_root(&self) -> bool {
        self.is_root
    }

    /// The next page, if there is one more.
    fn advance(&mut self, source: &Source) -> Result<Option<Page>, FileError> {
        let Some((low, id)) = self.children.get(self.at) else {
            return Ok(None);
        };
        let wanted = self.children.iter().skip(self.at).map(|&(_, id)| id);
        let high = end(&self.children, self.at, self.high.as_ref());
        let page = source.page(&mut self.run, wanted, (low, high.map(AsRef::as_ref)))?;
        if page.count() == 0 && (page.is_branch() || !self.is_root) {
            return Err(source.damaged(*id, "it is empty"));
        }
        self.at += 1;
        Ok(Some(page))
    }

    /// The level below `branch`, which is the page that [`Level::advance`] gave last.
    fn below(&self, branch: &Page) -> Self {
        let children = (0..branch.count()).map(|i| (branch.key(i), branch.child(i))).collect();
        let high = end(&self.children, self.at.saturating_sub(1), self.high.as_ref());
        Self::of(children, high.cloned())
    }

    /// The last leaf of it.
    pub(super) fn last_leaf(mut self, source: &Source) -> Result<Page, FileError> {
        for _ in 0..DEEPEST {
            self.at = self.children.len().saturating_sub(1);
            match self.advance(source)? {
                Some(page) if page.is_branch() => self = self.below(&page),
                Some(page) => return Ok(page),
                None => break,
            }
        }
        Err(too_deep(source))
    }

    /// Splits it into `most` parts or less, with the same number of subtrees in each.
    pub(super) fn split(self, source: &Source, most: usize) -> Result<Vec<Self>, FileError> {
        let enough = most.saturating_mul(SUBTREES_PER_PART);
        let mut whole = self;
        for _ in 0..DEEPEST {
            if most <= 1 || whole.children.len() >= enough {
                break;
            }
            let mut here = whole.clone();
            let mut below = Vec::new();
            while let Some(page) = here.advance(source)? {
                if page.is_branch() {
                    below.extend(here.below(&page).children);
                } else if below.is_empty() {
                    break;
                } else {
                    return Err(FileError::damaged(&source.name, "its tree", "its leaves are not all as deep"));
                }
            }
            if below.is_empty() {
                break;
            }
            whole = Self::of(below, whole.high);
        }
        if most <= 1 || whole.is_root {
            return Ok(vec![whole]);
        }
        let each = whole.children.len().div_ceil(most).max(1);
        let ends = whole.children.iter().skip(each).step_by(each).map(|(key, _)| Some(key.clone()));
        let ends = ends.chain([whole.high.clone()]);
        Ok(whole
            .children
            .chunks(each)
            .zip(ends)
            .map(|(part, high)| Self::of(part.to_vec(), high))
            .collect())
    }
}

/// Where the keys of the `i`th of some neighbours end.
fn end<'a>(children: &'a [(Bytes, u64)], i: usize, high: Option<&'a Bytes>) -> Option<&'a Bytes> {
    children.get(i + 1).map(|(key, _)| key).or(high)
}

pub(super) fn too_deep(source: &Source) -> FileError {
    FileError::damaged(&source.name, "its tree", format!("it has more than {DEEPEST} levels"))
}
