//! Putting a snapshot's files back.

use super::list::id;
use super::trees::{Reader, name};
use super::writers::{self, Writers};
use super::{Files, Unread, metadata};
use crate::{Error, failure};
use rustic_core::repofile::{Node, NodeType};
use rustic_core::{Progress as Bar, TreeId};
use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
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
    /// times, links, extended attributes and holes. On success they are on the disk.
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
    let unset = Unset::default();
    let restored = writers::with(&reader, options.verify, bar, &unset, |writers| {
        let mut walk = Walk {
            reader: &reader,
            writers,
            unset: &unset,
            links: BTreeMap::new(),
            folders: Vec::new(),
            done: Restored::default(),
        };
        walk.all(root, into)?;
        Ok((walk.done, walk.folders))
    });
    let (mut done, folders) = restored?;
    // Last, and the innermost first: writing into a folder changes its times, and may be forbidden by its mode.
    for (at, node) in folders.iter().rev() {
        if let Err(error) = metadata::give(at, node) {
            unset.note(at, &error);
        }
    }
    let synced = File::open(into).and_then(|folder| nix::unistd::syncfs(folder).map_err(io::Error::from));
    synced.map_err(|error| failure::of_file(into, &error))?;
    bar.finish();
    done.unset = unset.0.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.unset.sort();
    Ok(done)
}

struct Walk<'a> {
    reader: &'a Reader,
    writers: &'a Writers<'a>,
    unset: &'a Unset,
    /// Where the first of each set of hard links is, by device and inode.
    links: BTreeMap<(u64, u64), PathBuf>,
    folders: Vec<(PathBuf, Node)>,
    done: Restored,
}

impl Walk<'_> {
    fn all(&mut self, root: TreeId, into: &Path) -> Result<(), Error> {
        let mut open = vec![(root, into.to_owned())];
        while let Some((tree, within)) = open.pop() {
            for node in self.reader.tree(&tree)?.nodes {
                let at = within.join(name(&node, &within)?);
                match (&node.node_type, node.subtree) {
                    (NodeType::Dir, Some(subtree)) => {
                        folder(&at)?;
                        open.push((subtree, at.clone()));
                        self.folders.push((at, node));
                    }
                    (NodeType::Dir, None) => {
                        let reason = "the snapshot does not say what is in it".to_owned();
                        return Err(Error::Damaged { object: at.display().to_string(), reason });
                    }
                    (NodeType::File, _) => self.file(at, node)?,
                    _ => self.special(&at, &node)?,
                }
            }
        }
        Ok(())
    }

    fn file(&mut self, at: PathBuf, node: Node) -> Result<(), Error> {
        cleared(&at)?;
        self.done.files += 1;
        let of_file = |error: io::Error| failure::of_file(&at, &error);
        let linked = node.meta.links > 1 && node.meta.device_id != 0 && node.meta.inode != 0;
        if linked {
            let key = (node.meta.device_id, node.meta.inode);
            if let Some(first) = self.links.get(&key) {
                return std::fs::hard_link(first, &at).map_err(of_file);
            }
            self.links.insert(key, at.clone());
        }
        let mut pieces = Vec::new();
        let mut length = 0;
        for id in node.content.iter().flatten() {
            pieces.push((length, *id));
            length += self.reader.place_of_data(id)?.length;
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&at)
            .map_err(of_file)?;
        file.set_len(length).map_err(of_file)?;
        self.done.bytes += length;
        self.writers.write(file, at, node, pieces)
    }

    fn special(&mut self, at: &Path, node: &Node) -> Result<(), Error> {
        cleared(at)?;
        self.done.files += 1;
        let made = metadata::make_special(at, node).and_then(|()| metadata::give(at, node));
        if let Err(error) = made {
            self.unset.note(at, &error);
        }
        Ok(())
    }
}

/// Makes a folder, or takes the one that is there. A link to one is none.
fn folder(at: &Path) -> Result<(), Error> {
    match at.symlink_metadata() {
        Ok(found) if found.is_dir() => return Ok(()),
        _ => cleared(at)?,
    }
    let made = DirBuilder::new().mode(0o700).create(at);
    made.map_err(|error| failure::of_file(at, &error))
}

/// Removes what is in the way. A folder with something in it stays, and is an error.
fn cleared(at: &Path) -> Result<(), Error> {
    let removed = match at.symlink_metadata() {
        Ok(found) if found.is_dir() => std::fs::remove_dir(at),
        Ok(_) => std::fs::remove_file(at),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    };
    removed.map_err(|error| failure::of_file(at, &error))
}
