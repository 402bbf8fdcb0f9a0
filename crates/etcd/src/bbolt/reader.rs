//! A database for reading: its buckets, and where their trees begin. The walk through a tree is in `walk`.

use super::leaves::Leaves;
use super::meta::Meta;
use super::page::Page;
use super::source::Source;
use super::walk::{Entries, Level};
use super::{BUCKET_BYTES, IS_BUCKET, Pages, u64_at};
use crate::FileError;
use crate::record::shown;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A database has about ten buckets; a file that says more than this lies.
const MOST_BUCKETS: usize = 1024;

/// A database that is open for reading. It reads what it is asked for, and checks every page that it reads.
#[derive(Clone)]
pub struct Reader {
    source: Arc<Source>,
    buckets: BTreeMap<String, Tree>,
}

/// A bucket, or a part of one: entries in the order of their keys.
#[derive(Clone)]
pub struct Bucket {
    source: Arc<Source>,
    tree: Tree,
}

#[derive(Clone)]
enum Tree {
    /// A small bucket, which stands in its parent.
    Inline(Page),
    /// The pages next below, the first of which may be the root itself.
    Pages(Level),
}

impl Reader {
    /// Opens a database: reads the meta pages and the list of buckets. `name` is what errors call it.
    ///
    /// # Errors
    /// What is wrong with them, or why they cannot be read.
    pub fn open(name: impl Into<String>, pages: Arc<dyn Pages>) -> Result<Self, FileError> {
        let name = name.into();
        let meta = Meta::choose(&name, pages.as_ref())?;
        if meta.high_water.checked_mul(u64::from(meta.page_bytes)).is_none() {
            return Err(FileError::damaged(name, "its meta page", "it says an impossible number of pages"));
        }
        let source = Arc::new(Source {
            name,
            pages,
            page_bytes: meta.page_bytes as usize,
            high_water: meta.high_water,
        });
        Self::of(source, meta.root)
    }

    /// What the tree of buckets below `root` leads to.
    pub(super) fn of(source: Arc<Source>, root: u64) -> Result<Self, FileError> {
        let mut buckets = BTreeMap::new();
        let mut root = Entries::over(Arc::clone(&source), Level::root(root));
        while let Some((flags, key, value)) = root.element()? {
            let wrong = |why: &str| FileError::damaged(&source.name, format!("bucket {}", shown(&key)), why);
            if flags & IS_BUCKET == 0 {
                return Err(wrong("it is no bucket, but an entry outside of all buckets"));
            }
            let Ok(name) = String::from_utf8(key.to_vec()) else {
                return Err(wrong("its name is no text"));
            };
            if buckets.len() == MOST_BUCKETS {
                return Err(wrong("there are too many buckets"));
            }
            if value.len() < BUCKET_BYTES {
                return Err(wrong("its description is too short"));
            }
            let tree = match u64_at(&value, 0) {
                0 => {
                    let page = Page::parse(value.slice(BUCKET_BYTES..), &[], None).map_err(|e| wrong(&e))?;
                    if page.is_branch() {
                        return Err(wrong("it is a branch without pages"));
                    }
                    Tree::Inline(page)
                }
                root => Tree::Pages(Level::root(root)),
            };
            buckets.insert(name, tree);
        }
        Ok(Self { source, buckets })
    }

    /// A bucket by its name, if there is such a bucket.
    pub fn bucket(&self, name: &str) -> Option<Bucket> {
        let tree = self.buckets.get(name)?.clone();
        Some(Bucket { source: Arc::clone(&self.source), tree })
    }

    /// The names of all buckets, in order.
    pub fn buckets(&self) -> impl Iterator<Item = &str> {
        self.buckets.keys().map(String::as_str)
    }

    /// The size of the database in bytes: a snapshot's checksum stands there, and a live file may be larger.
    pub fn bytes(&self) -> u64 {
        self.source.high_water * self.source.page_bytes as u64
    }

    /// The size of its pages in bytes.
    pub fn page_bytes(&self) -> usize {
        self.source.page_bytes
    }

    /// What errors call it.
    pub fn name(&self) -> &str {
        &self.source.name
    }
}

impl Bucket {
    /// All entries, key and value, in the order of their keys.
    ///
    /// They are slices of what was read, up to 256 KiB at a time: who keeps a few for long should copy them.
    pub fn entries(&self) -> Entries {
        let source = Arc::clone(&self.source);
        match &self.tree {
            Tree::Inline(page) => Entries::inline(source, page.clone()),
            Tree::Pages(level) => Entries::over(source, level.clone()),
        }
    }

    /// All entries, leaf by leaf in the order in which those lie in the file: of one that is still arriving, those that are there come
    /// first.
    pub fn leaves(&self) -> Leaves {
        let source = Arc::clone(&self.source);
        match &self.tree {
            Tree::Inline(page) => Leaves::inline(source, page.clone()),
            Tree::Pages(level) => Leaves::below(source, level),
        }
    }

    /// The last entry, found by reading one page of each level.
    ///
    /// # Errors
    /// As when walking through all entries, as far as these pages are concerned.
    pub fn last(&self) -> Result<Option<(Bytes, Bytes)>, FileError> {
        let page = match &self.tree {
            Tree::Inline(page) => page.clone(),
            Tree::Pages(level) => level.clone().last_leaf(&self.source)?,
        };
        let last = page.count().checked_sub(1);
        Ok(last.map(|i| (page.key(i), page.value(i))))
    }

    /// Splits it into at most `most` parts of about the same number of pages, in order, so that several threads can each walk
    /// through one. All entries of one part come before those of the next.
    ///
    /// # Errors
    /// What is wrong with the upper pages of the tree, which are read for this.
    pub fn parts(&self, most: usize) -> Result<Vec<Self>, FileError> {
        let Tree::Pages(level) = &self.tree else {
            return Ok(vec![self.clone()]);
        };
        let levels = level.clone().split(&self.source, most)?;
        let part = |level| Self { source: Arc::clone(&self.source), tree: Tree::Pages(level) };
        Ok(levels.into_iter().map(part).collect())
    }
}
