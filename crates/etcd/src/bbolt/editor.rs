//! Changes of a database that is there: appended to the right edge of a bucket, replaced as a whole, or removed. Start at [`Editor`].
//!
//! As in bbolt, a page that the last change leads to is never written over. What is new goes to free pages or to the end; when it
//! is on the disk, the older of the two meta pages is written, with a higher transaction. A crash before that leaves the database
//! as it was; if the meta page itself is torn, its checksum says so, and the other one counts.
//!
//! Which pages are free is known of those that this editor freed itself: whoever opens the file later takes all others for used,
//! which costs some dozen pages. bbolt looks for free pages by itself.

mod free;

use super::meta::Meta;
use super::page::Page;
use super::paper::{PAGE_BYTES, Paper, assemble, pages_for};
use super::source::{Run, Source};
use super::tree::Tree;
use super::walk::{DEEPEST, Entries, Level, too_deep};
use super::{BUCKET_BYTES, IS_BUCKET, Pages, Reader, u64_at};
use crate::FileError;
use crate::record::shown;
use free::Free;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// How much is collected before it is written.
const BUFFER_BYTES: usize = 1 << 20;

/// Where a database lies that is changed.
pub trait Disk: Pages {
    /// Writes at a place, also behind the end.
    ///
    /// # Errors
    /// What the system says.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes all that was written durable.
    ///
    /// # Errors
    /// What the system says; then it is not known what is.
    fn sync(&self) -> io::Result<()>;
}

impl Disk for File {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// A database that can be changed, by one alone.
pub struct Editor<D> {
    name: String,
    disk: Arc<D>,
    meta: Meta,
    free: Free,
    /// A change failed on its way to the disk: what is there is not known, until it is opened again.
    broken: bool,
}

/// A change: nothing of it counts before [`Edit::commit`].
pub struct Edit<'a, D> {
    editor: &'a mut Editor<D>,
    out: Placed<D>,
    /// What the tree of buckets says of each.
    buckets: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The pages that are not needed any more, with their number.
    freed: Vec<(u64, u64)>,
}

/// A bucket that is being added to.
pub struct Appending<'e, 'a, D> {
    edit: &'e mut Edit<'a, D>,
    name: Vec<u8>,
    tree: Tree,
}

impl<D: Disk + 'static> Editor<D> {
    /// Opens a database. `name` is what errors call it.
    ///
    /// # Errors
    /// Its meta pages cannot be read; or its pages are of another size than a [`super::Writer`]'s.
    pub fn open(name: impl Into<String>, disk: Arc<D>) -> Result<Self, FileError> {
        let name = name.into();
        let meta = Meta::choose(&name, &*disk)?;
        Self::of(name, disk, meta)
    }

    /// The same as it was before the last change, which the next one then takes the place of. Only sound while nobody made a
    /// change since that one.
    ///
    /// # Errors
    /// As [`Editor::open`]; there is nothing before.
    pub fn before_last(self) -> Result<Self, FileError> {
        let page = (self.meta.transaction + 1) % 2;
        let older = Meta::at(&self.name, &*self.disk, page * PAGE_BYTES as u64)?;
        let older = older.filter(|it| it.transaction < self.meta.transaction);
        let none = || FileError::damaged(&self.name, format!("page {page}"), "there is no earlier state");
        let older = older.ok_or_else(none)?;
        // In the place of the last change, and with a higher number, or that would go on to count.
        let transaction = self.meta.transaction + 2;
        let mut editor = Self::of(self.name, self.disk, self.meta)?;
        editor.write_meta(Meta { transaction, ..older })?;
        Ok(editor)
    }

    fn of(name: String, disk: Arc<D>, meta: Meta) -> Result<Self, FileError> {
        if meta.page_bytes as usize != PAGE_BYTES {
            let why = format!("its pages have {} bytes, and can be changed with {PAGE_BYTES} only", meta.page_bytes);
            return Err(FileError::damaged(name, "its meta page", why));
        }
        if meta.high_water.checked_mul(PAGE_BYTES as u64).is_none() {
            return Err(FileError::damaged(name, "its meta page", "it says an impossible number of pages"));
        }
        Ok(Self { name, disk, meta, free: Free::default(), broken: false })
    }

    /// The size of the database.
    pub fn bytes(&self) -> u64 {
        self.meta.high_water * PAGE_BYTES as u64
    }

    /// What it holds now. Not to be kept over the next change but one: pages are used again.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn reader(&self) -> Result<Reader, FileError> {
        Reader::of(self.source(), self.meta.root)
    }

    /// Begins a change.
    ///
    /// # Errors
    /// The list of buckets cannot be read; or the last change failed while it was written.
    pub fn edit(&mut self) -> Result<Edit<'_, D>, FileError> {
        if self.broken {
            return Err(FileError::io(&self.name, "changed")(io::Error::other(
                "the change before this one failed",
            )));
        }
        let source = self.source();
        let mut buckets = BTreeMap::new();
        let mut root = Entries::over(Arc::clone(&source), Level::root(self.meta.root));
        while let Some((flags, key, value)) = root.element()? {
            if flags & IS_BUCKET == 0 || value.len() < BUCKET_BYTES {
                let place = format!("bucket {}", shown(&key));
                return Err(FileError::damaged(&self.name, place, "it is no bucket"));
            }
            buckets.insert(key.to_vec(), value.to_vec());
        }
        let mut freed = Vec::new();
        pages_below(&source, self.meta.root, &mut freed)?;
        let out = Placed {
            name: self.name.clone(),
            disk: Arc::clone(&self.disk),
            free: self.free.clone(),
            high_water: self.meta.high_water,
            buffer: Vec::new(),
            buffer_at: 0,
        };
        Ok(Edit { editor: self, out, buckets, freed })
    }

    fn source(&self) -> Arc<Source> {
        let pages: Arc<dyn Pages> = Arc::<D>::clone(&self.disk);
        Arc::new(Source {
            name: self.name.clone(),
            pages,
            page_bytes: PAGE_BYTES,
            high_water: self.meta.high_water,
        })
    }

    /// Writes the meta page of a transaction: all that it leads to is on the disk.
    fn write_meta(&mut self, meta: Meta) -> Result<(), FileError> {
        self.broken = true;
        let page = meta.transaction % 2;
        let written = self.disk.write_at(page * PAGE_BYTES as u64, &meta.encoded(page));
        written.map_err(FileError::io(&self.name, "written"))?;
        self.disk.sync().map_err(FileError::io(&self.name, "synced"))?;
        (self.meta, self.broken) = (meta, false);
        Ok(())
    }
}

impl<'a, D: Disk + 'static> Edit<'a, D> {
    /// Begins to add to a bucket, behind its last entry; to a new one, if there is none of this name.
    ///
    /// # Errors
    /// Its right edge cannot be read.
    pub fn append<'e>(&'e mut self, name: &str) -> Result<Appending<'e, 'a, D>, FileError> {
        let tree = match self.buckets.get(name.as_bytes()) {
            None => Tree::default(),
            Some(bucket) => match u64_at(bucket, 0) {
                0 => {
                    let inline = bucket.get(BUCKET_BYTES..).unwrap_or_default().to_vec();
                    let damaged = |why| FileError::damaged(&self.editor.name, format!("bucket {name}"), why);
                    Tree::resumed(&[], &Page::parse(inline.into(), &[], None).map_err(damaged)?)
                }
                root => right_edge(&self.editor.source(), root, &mut self.freed)?,
            },
        };
        Ok(Appending { edit: self, name: name.as_bytes().to_vec(), tree })
    }

    /// Replaces what is in a bucket by these entries, in order of their keys.
    ///
    /// # Errors
    /// Its pages cannot be read; the entries cannot be; the disk refuses.
    pub fn replace<K: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        name: &str,
        entries: impl IntoIterator<Item = (K, V)>,
    ) -> Result<(), FileError> {
        self.remove(name)?;
        let mut tree = Tree::default();
        for (key, value) in entries {
            tree.put(&mut self.out, 0, key.as_ref(), value.as_ref())?;
        }
        let bucket = tree.bucket(&mut self.out)?;
        self.buckets.insert(name.as_bytes().to_vec(), bucket);
        Ok(())
    }

    /// Removes a bucket; one that is not there is removed already.
    ///
    /// # Errors
    /// Its pages cannot be read.
    pub fn remove(&mut self, name: &str) -> Result<(), FileError> {
        let bucket = self.buckets.remove(name.as_bytes()).unwrap_or_default();
        match u64_at(&bucket, 0) {
            0 => Ok(()),
            root => pages_below(&self.editor.source(), root, &mut self.freed),
        }
    }

    /// Makes the change durable. When this fails, the database is as before, or as changed: opening it again tells.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn commit(mut self) -> Result<(), FileError> {
        let mut tree = Tree::default();
        for (name, bucket) in &self.buckets {
            tree.put(&mut self.out, IS_BUCKET, name, bucket)?;
        }
        let root = tree.finish(&mut self.out)?;
        self.out.flush()?;
        let editor = self.editor;
        editor.disk.sync().map_err(FileError::io(&editor.name, "synced"))?;
        editor.write_meta(Meta {
            root,
            high_water: self.out.high_water,
            transaction: editor.meta.transaction + 1,
            ..editor.meta
        })?;
        editor.free = self.out.free;
        self.freed.into_iter().for_each(|(first, pages)| editor.free.give(first, pages));
        Ok(())
    }
}

impl<D: Disk + 'static> Appending<'_, '_, D> {
    /// Adds an entry, whose key is higher than the last one's.
    ///
    /// # Errors
    /// As [`super::BucketWriter::put`].
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), FileError> {
        self.tree.put(&mut self.edit.out, 0, key, value)
    }

    /// Ends it.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn finish(self) -> Result<(), FileError> {
        let bucket = self.tree.bucket(&mut self.edit.out)?;
        self.edit.buckets.insert(self.name, bucket);
        Ok(())
    }
}

/// The right edge of the tree below `root`; its pages are added to `freed`.
fn right_edge(source: &Source, root: u64, freed: &mut Vec<(u64, u64)>) -> Result<Tree, FileError> {
    let (mut id, mut low, mut branches) = (root, Vec::new(), Vec::new());
    while branches.len() < DEEPEST {
        let page = source.page(&mut Run::default(), std::iter::once(id), (&low, None))?;
        freed.push((id, page.pages()));
        let Some(last) = page.count().checked_sub(1).filter(|_| page.is_branch()) else {
            if page.is_branch() {
                return Err(source.damaged(id, "it is empty"));
            }
            return Ok(Tree::resumed(&branches, &page));
        };
        (id, low) = (page.child(last), page.key(last).to_vec());
        branches.push(page);
    }
    Err(too_deep(source))
}

/// All pages of the tree below `root`, which is a small one: that of the buckets, or of one of them that is no history.
fn pages_below(source: &Source, root: u64, pages: &mut Vec<(u64, u64)>) -> Result<(), FileError> {
    let mut left = vec![(root, 0)];
    while let Some((id, depth)) = left.pop() {
        if depth == DEEPEST || pages.len() as u64 > source.high_water {
            return Err(too_deep(source));
        }
        let page = source.page(&mut Run::default(), std::iter::once(id), (&[], None))?;
        pages.push((id, page.pages()));
        if page.is_branch() {
            left.extend((0..page.count()).map(|i| (page.child(i), depth + 1)));
        }
    }
    Ok(())
}

/// The pages of a change, where there is room for them.
struct Placed<D> {
    name: String,
    disk: Arc<D>,
    free: Free,
    high_water: u64,
    /// What is not written yet: whole pages, next to each other.
    buffer: Vec<u8>,
    buffer_at: u64,
}

impl<D: Disk> Paper for Placed<D> {
    fn page(&mut self, flags: u16, count: u16, parts: [&[u8]; 2]) -> Result<u64, FileError> {
        let pages = pages_for(parts) as u64;
        let id = self.free.take(pages).unwrap_or_else(|| {
            let end = self.high_water;
            self.high_water += pages;
            end
        });
        let buffered = (self.buffer.len() / PAGE_BYTES) as u64;
        if id != self.buffer_at + buffered || self.buffer.len() >= BUFFER_BYTES {
            self.flush()?;
            self.buffer_at = id;
        }
        let made = assemble(&mut self.buffer, id, flags, count, parts);
        made.map(|()| id).ok_or_else(|| self.misuse("an entry is too large"))
    }

    fn misuse(&self, why: &str) -> FileError {
        FileError::io(&self.name, "written")(io::Error::new(io::ErrorKind::InvalidInput, why))
    }
}

impl<D: Disk> Placed<D> {
    fn flush(&mut self) -> Result<(), FileError> {
        if !self.buffer.is_empty() {
            let written = self.disk.write_at(self.buffer_at * PAGE_BYTES as u64, &self.buffer);
            written.map_err(FileError::io(&self.name, "written"))?;
        }
        self.buffer.clear();
        // An entry of many MiB leaves a buffer of its size.
        self.buffer.shrink_to(2 * BUFFER_BYTES);
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod power;
#[cfg(test)]
mod tests;
