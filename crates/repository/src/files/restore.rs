//! Putting a snapshot's files back.

use super::list::id;
use super::place::{Folder, Root};
use super::trees::{Reader, named};
use super::writers::{self, Writers};
use super::{Files, Unread, metadata};
use crate::{Error, failure};
use rustic_core::repofile::{Node, NodeType};
use rustic_core::{Progress as Bar, TreeId};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// How files are put back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restoring {
    /// Whether every piece is read back from the disk after it was written, and compared.
    pub verify: bool,
    /// Whether the folder may hold something already. What is in the way of a file is replaced; what is not stays.
    pub overwrite: bool,
}

/// What was put back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Files, links and the like: everything but folders.
    pub files: u64,
    /// Their length in bytes.
    pub bytes: u64,
    /// What could not be made, or could not be given its owner, mode, times or attributes, in order. Contents are never among
    /// these.
    pub unset: Vec<Unread>,
}

/// What could not be set.
#[derive(Default)]
pub(super) struct Unset(Mutex<Vec<Unread>>);

impl Unset {
    pub(super) fn note(&self, at: &Path, error: &io::Error) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.push(Unread {
            path: at.to_owned(),
            reason: failure::cut(&error.to_string()),
        });
    }
}

impl Files {
    /// Puts all files of a snapshot into a folder, below it with their whole paths, with owner (by number, as root), mode,
    /// times, links, extended attributes and holes. On success they are on the disk. Nothing is written
    /// elsewhere, whatever the snapshot holds, and whatever anybody puts into the folder meanwhile.
    ///
    /// # Errors
    /// [`Error::Damaged`] with the object when something is missing or changed: what was put back before that stays, so
    /// restore into an empty folder and move it; [`Error::File`], also when the folder is not empty; [`Error::NotFound`] for the
    /// snapshot; those of [`Files::open`].
    pub async fn restore(&self, snapshot: &str, into: &Path, options: Restoring) -> Result<Restored, Error> {
        let (id, into) = (id(snapshot)?, into.to_owned());
        self.opened(move |session| {
            let snapshot = session.snapshot(id)?;
            prepare(&into, options.overwrite)?;
            let total = snapshot.summary.as_ref().map_or(0, |summary| summary.total_bytes_processed);
            let bar = session.bars.begin("restoring files", total);
            restore(session.reader()?, snapshot.tree, &into, options, &bar)
        })
        .await
    }
}

fn prepare(into: &Path, overwrite: bool) -> Result<(), Error> {
    let of_file = |error: io::Error| failure::of_file(into, &error);
    DirBuilder::new().recursive(true).mode(0o700).create(into).map_err(of_file)?;
    if !overwrite && into.read_dir().map_err(of_file)?.next().is_some() {
        return Err(of_file(io::Error::other("something is in it already")));
    }
    Ok(())
}

fn restore(reader: Reader, root: TreeId, into: &Path, options: Restoring, bar: &Bar) -> Result<Restored, Error> {
    let (place, unset) = (Root::open(into)?, Unset::default());
    let restored = writers::with(&reader, options.verify, bar, &unset, |writers| {
        let mut walk = Walk {
            reader: &reader,
            writers,
            unset: &unset,
            place: &place,
            links: BTreeMap::new(),
            folders: Vec::new(),
            done: Restored::default(),
        };
        walk.all(root)?;
        Ok((walk.done, walk.folders))
    });
    let (mut done, folders) = restored?;
    // Last, and the innermost first: writing into a folder changes its times, and may be forbidden by its mode.
    for (below, node) in folders.iter().rev() {
        if let Err(error) = place.opened(below).and_then(|folder| metadata::give(&folder, node)) {
            unset.note(&place.at(below), &error);
        }
    }
    place.sync()?;
    bar.finish();
    done.unset = unset.0.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.unset.sort();
    Ok(done)
}

struct Walk<'a> {
    reader: &'a Reader,
    writers: &'a Writers<'a>,
    unset: &'a Unset,
    place: &'a Root,
    /// Where the first of each set of hard links is, its folder and its name, by device and inode.
    links: BTreeMap<(u64, u64), (PathBuf, OsString)>,
    folders: Vec<(PathBuf, Node)>,
    done: Restored,
}

impl Walk<'_> {
    fn all(&mut self, root: TreeId) -> Result<(), Error> {
        // Of a folder that waits only the path is kept: there may be more of them than handles.
        let mut open = vec![(root, PathBuf::new())];
        while let Some((tree, below)) = open.pop() {
            let folder = self.place.folder(&below)?;
            for (name, node) in named(self.reader.tree(&tree)?, &self.place.at(&below))? {
                match (&node.node_type, node.subtree) {
                    (NodeType::Dir, Some(subtree)) => {
                        folder.make_folder(&name)?;
                        open.push((subtree, below.join(&name)));
                        self.folders.push((below.join(&name), node));
                    }
                    (NodeType::Dir, None) => {
                        let reason = "the snapshot does not say what is in it".to_owned();
                        return Err(Error::Damaged { object: folder.at(&name).display().to_string(), reason });
                    }
                    (NodeType::File, _) => self.file(&folder, &below, name, node)?,
                    _ => {
                        self.done.files += 1;
                        if let Err(error) = folder.make_special(&name, &node)? {
                            self.unset.note(&folder.at(&name), &error);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn file(&mut self, folder: &Folder, below: &Path, name: OsString, node: Node) -> Result<(), Error> {
        self.done.files += 1;
        let linked = node.meta.links > 1 && node.meta.device_id != 0 && node.meta.inode != 0;
        if linked {
            let key = (node.meta.device_id, node.meta.inode);
            if let Some((of, first)) = self.links.get(&key) {
                return folder.make_link(&name, &self.place.folder(of)?, first);
            }
            self.links.insert(key, (below.to_owned(), name.clone()));
        }
        let mut pieces = Vec::new();
        let mut length = 0;
        for id in node.content.iter().flatten() {
            pieces.push((length, *id));
            length += self.reader.place_of_data(id)?.length;
        }
        let (file, at) = (folder.make_file(&name)?, folder.at(&name));
        file.set_len(length).map_err(|error| failure::of_file(&at, &error))?;
        self.done.bytes += length;
        self.writers.write(file, at, node, pieces)
    }
}
