//! A B+ tree that grows from sorted entries: a leaf that is full is written, and named in the branch above it, and so on up.

use super::page::Page;
use super::paper::{PAGE_BYTES, Paper, header};
use super::{BRANCH, BUCKET_BYTES, ELEMENT_BYTES, HEADER_BYTES, LEAF, LONGEST_KEY_BYTES, LONGEST_VALUE_BYTES};
use crate::FileError;

/// How large a leaf becomes, unless a single entry is larger. Four pages rather than one: objects of Kubernetes are about half a
/// page large, so that a quarter of single pages would stay empty. (Measured on 370 MB of such entries: leaves of one page give a file of
/// 502 MB, of two 445, of four 406, of eight 387.) bbolt splits such a leaf by its own rules when it first changes it.
const LEAF_BYTES: usize = 4 * PAGE_BYTES;
/// How large a branch becomes, unless three keys are larger.
const BRANCH_BYTES: usize = PAGE_BYTES;
/// bbolt asserts, when it deletes, that a page has a neighbour below the same branch (`node.go`, `rebalance`).
const FEWEST_CHILDREN: usize = 2;

/// A tree as far as it is not written: the leaf that is being filled, and a branch of each level above it.
#[derive(Default)]
pub(super) struct Tree {
    /// The elements of the leaf, as bbolt has them, but with places counted from the first key on.
    leaf: Vec<[u32; 4]>,
    /// Its keys and values.
    content: Vec<u8>,
    /// The first key in the leaf.
    first: Vec<u8>,
    last: Vec<u8>,
    /// From the leaves up.
    levels: Vec<Level>,
    /// Used again for each page.
    table: Vec<u8>,
}

/// The branch of one level that is being filled: the pages below by their first keys.
#[derive(Default)]
struct Level {
    children: Vec<(usize, u64)>,
    keys: Vec<u8>,
    /// Whether it wrote a branch already.
    wrote: bool,
}

impl Tree {
    /// A tree that is there already, to go on with at its right edge: the branches that lead to its last leaf, from the root down,
    /// and that leaf. These pages are written anew in other places, all others stay where they are.
    pub(super) fn resumed(branches: &[Page], leaf: &Page) -> Self {
        let mut tree = Self::default();
        for i in 0..leaf.count() {
            let (key, value) = (leaf.key(i), leaf.value(i));
            if i == 0 {
                replace(&mut tree.first, &key);
            }
            tree.add(leaf.flags(i), &key, &value);
        }
        for (depth, branch) in branches.iter().enumerate().rev() {
            let mut level = Level { wrote: depth > 0, ..Level::default() };
            // The last child is what is written anew.
            for i in 0..branch.count().saturating_sub(1) {
                let key = branch.key(i);
                level.children.push((key.len(), branch.child(i)));
                level.keys.extend_from_slice(&key);
            }
            tree.levels.push(level);
        }
        tree
    }

    /// Adds an entry.
    pub(super) fn put(&mut self, out: &mut dyn Paper, flags: u32, key: &[u8], value: &[u8]) -> Result<(), FileError> {
        let begun = !self.leaf.is_empty() || !self.levels.is_empty();
        if begun && key <= self.last.as_slice() {
            return Err(out.misuse("a key is not higher than the one before it"));
        }
        if key.is_empty() || key.len() > LONGEST_KEY_BYTES || value.len() > LONGEST_VALUE_BYTES {
            return Err(out.misuse("an entry is of an impossible size"));
        }
        let more = ELEMENT_BYTES + key.len() + value.len();
        if !self.leaf.is_empty() && self.leaf_bytes() + more > LEAF_BYTES {
            self.write_leaf(out)?;
        }
        if self.leaf.is_empty() {
            replace(&mut self.first, key);
        }
        self.add(flags, key, value);
        Ok(())
    }

    fn add(&mut self, flags: u32, key: &[u8], value: &[u8]) {
        let at = self.content.len() as u32;
        self.leaf.push([flags, at, key.len() as u32, value.len() as u32]);
        self.content.extend_from_slice(key);
        self.content.extend_from_slice(value);
        replace(&mut self.last, key);
    }

    /// Writes what is left, and gives what the tree of buckets says of it: where its root is, or the whole of it.
    pub(super) fn bucket(self, out: &mut dyn Paper) -> Result<Vec<u8>, FileError> {
        let mut bucket = vec![0; BUCKET_BYTES];
        match self.inline(PAGE_BYTES / 4) {
            Some(page) => bucket.extend_from_slice(&page),
            None => {
                let root = self.finish(out)?.to_le_bytes();
                bucket.iter_mut().zip(root).for_each(|(to, from)| *to = from);
            }
        }
        Ok(bucket)
    }

    /// The whole tree as one page that can stand in its parent, if it is so small.
    pub(super) fn inline(&self, most: usize) -> Option<Vec<u8>> {
        if !self.levels.is_empty() || self.leaf_bytes() > most {
            return None;
        }
        let mut page = header(0, LEAF, self.leaf.len() as u16, 0).to_vec();
        leaf_table(&self.leaf, &mut page);
        page.extend_from_slice(&self.content);
        Some(page)
    }

    /// Writes what is left, and gives the root's page.
    pub(super) fn finish(mut self, out: &mut dyn Paper) -> Result<u64, FileError> {
        if !self.leaf.is_empty() || self.levels.is_empty() {
            self.write_leaf(out)?;
        }
        let mut level = 0;
        loop {
            let Some(it) = self.levels.get_mut(level) else {
                return Err(out.misuse("a tree has no root"));
            };
            if let ([(_, root)], false) = (it.children.as_slice(), it.wrote) {
                return Ok(*root);
            }
            while let Some(count) = self.levels.get(level).and_then(Level::last_counts) {
                self.write_branch(out, level, count)?;
            }
            level += 1;
        }
    }

    fn leaf_bytes(&self) -> usize {
        HEADER_BYTES + self.leaf.len() * ELEMENT_BYTES + self.content.len()
    }

    fn write_leaf(&mut self, out: &mut dyn Paper) -> Result<(), FileError> {
        self.table.clear();
        leaf_table(&self.leaf, &mut self.table);
        let id = out.page(LEAF, self.leaf.len() as u16, [&self.table, &self.content])?;
        self.leaf.clear();
        self.content.clear();
        // An entry of many MiB leaves a buffer of its size.
        self.content.shrink_to(16 * LEAF_BYTES);
        let first = std::mem::take(&mut self.first);
        self.name(out, 0, &first, id)?;
        self.first = first;
        Ok(())
    }

    /// Adds a page that was written to the branch above it.
    fn name(&mut self, out: &mut dyn Paper, level: usize, first: &[u8], id: u64) -> Result<(), FileError> {
        if level == self.levels.len() {
            self.levels.push(Level::default());
        }
        let Some(it) = self.levels.get_mut(level) else {
            return Ok(());
        };
        it.children.push((first.len(), id));
        it.keys.extend_from_slice(first);
        match it.full_count() {
            Some(count) => self.write_branch(out, level, count),
            None => Ok(()),
        }
    }

    /// Writes a branch of the first `count` children of a level.
    fn write_branch(&mut self, out: &mut dyn Paper, level: usize, count: usize) -> Result<(), FileError> {
        let Some(it) = self.levels.get_mut(level) else {
            return Ok(());
        };
        self.table.clear();
        let children: Vec<_> = it.children.drain(..count).collect();
        let mut at = 0;
        for (i, &(key_bytes, id)) in children.iter().enumerate() {
            let place = (count - i) * ELEMENT_BYTES + at;
            self.table.extend_from_slice(&(place as u32).to_le_bytes());
            self.table.extend_from_slice(&(key_bytes as u32).to_le_bytes());
            self.table.extend_from_slice(&id.to_le_bytes());
            at += key_bytes;
        }
        let keys: Vec<u8> = it.keys.drain(..at).collect();
        it.wrote = true;
        let id = out.page(BRANCH, count as u16, [&self.table, &keys])?;
        let first = children.first().and_then(|&(bytes, _)| keys.get(..bytes)).unwrap_or_default();
        self.name(out, level + 1, first, id)
    }
}

impl Level {
    /// How many children the next branch takes.
    fn fitting(&self) -> usize {
        let mut bytes = HEADER_BYTES;
        let fits = self.children.iter().take_while(|(key_bytes, _)| {
            bytes += ELEMENT_BYTES + key_bytes;
            bytes <= BRANCH_BYTES
        });
        fits.count().max(FEWEST_CHILDREN)
    }

    /// The children of the next branch, once it is full and enough are there for another one.
    fn full_count(&self) -> Option<usize> {
        // Without this, each child would be counted again for each that comes.
        if self.children.len() * ELEMENT_BYTES + self.keys.len() <= BRANCH_BYTES {
            return None;
        }
        let count = self.fitting();
        (self.children.len() >= count + FEWEST_CHILDREN).then_some(count)
    }

    /// The children of the next branch when no more come.
    fn last_counts(&self) -> Option<usize> {
        let (all, count) = (self.children.len(), self.fitting());
        match all {
            0 => None,
            _ if all <= count => Some(all),
            _ if all >= count + FEWEST_CHILDREN => Some(count),
            // One would be left.
            _ if count > FEWEST_CHILDREN => Some(count - 1),
            _ => Some(all),
        }
    }
}

/// The elements of a leaf; what they say is where keys and values are, counted from the element itself.
fn leaf_table(leaf: &[[u32; 4]], table: &mut Vec<u8>) {
    for (i, [flags, at, key_bytes, value_bytes]) in leaf.iter().enumerate() {
        let place = ((leaf.len() - i) * ELEMENT_BYTES) as u32 + at;
        for n in [*flags, place, *key_bytes, *value_bytes] {
            table.extend_from_slice(&n.to_le_bytes());
        }
    }
}

fn replace(bytes: &mut Vec<u8>, by: &[u8]) {
    bytes.clear();
    bytes.extend_from_slice(by);
}
