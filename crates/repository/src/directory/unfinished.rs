//! What writers have begun in a directory and not ended: files called `KEY#NUMBER`, which are no objects.
//!
//! `object_store` writes an object under such a name before it gets its own. Whoever is killed leaves it; and a loss of power
//! brings back some that were removed, since nothing syncs that. Nobody was told that one is stored: a writer whose file is
//! removed before its time is only told that storing failed. Start at [`unfinished`].

use super::LINKS;
use crate::layout;
use crate::store::Listed;
use jiff::Timestamp;
use object_store::path::Path;
use std::fs::{DirEntry, Metadata};
use std::io;
use std::path::Path as FilePath;

/// All of them below `prefix` of the directory `root`, in no order: those only that would have become something of a repository.
pub(crate) fn unfinished(root: &FilePath, prefix: &Path) -> io::Result<Vec<Listed>> {
    let (mut found, mut open) = (Vec::new(), vec![prefix.clone()]);
    while let Some(folder) = open.pop() {
        let entries = match root.join(folder.as_ref()).read_dir() {
            // Removed meanwhile, or never made.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let Some(key) = key(&folder, &entry) else { continue };
            let kind = entry.file_type()?;
            if kind.is_dir() {
                open.push(key);
            } else if kind.is_file() && is_ours(&key) {
                match entry.metadata() {
                    Ok(meta) => found.push(Listed { key, bytes: meta.len(), written: written(&meta) }),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
    Ok(found)
}

/// Removes one of them, unless something was written to it at `before` or later: whether it was removed.
pub(crate) fn remove_unfinished(root: &FilePath, key: &Path, before: Timestamp) -> io::Result<bool> {
    let file = root.join(key.as_ref());
    let removed = file.symlink_metadata().and_then(|meta| {
        let old = is_ours(key) && meta.is_file() && written(&meta) < before;
        if old {
            std::fs::remove_file(&file).map(|()| true)
        } else {
            Ok(false)
        }
    });
    match removed {
        Ok(true) => {}
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(false) | Err(_) => return Ok(false),
    }
    // As with objects, what is empty goes, too.
    for folder in file.ancestors().skip(1).take_while(|at| *at != root && at.starts_with(root)) {
        if std::fs::remove_dir(folder).is_err() {
            break;
        }
    }
    Ok(true)
}

fn key(folder: &Path, entry: &DirEntry) -> Option<Path> {
    let name = entry.file_name();
    let name = name.to_str()?;
    match folder.as_ref() {
        "" => Path::parse(name).ok(),
        folder => Path::parse(format!("{folder}/{name}")).ok(),
    }
}

/// Whether a file would have become an object of a repository, or is one that links were tried with.
fn is_ours(key: &Path) -> bool {
    let Some((to_be, number)) = key.as_ref().split_once('#') else {
        return false;
    };
    let numbered = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    let links = to_be.starts_with(LINKS) && !to_be.contains('/');
    numbered && (links || Path::parse(to_be).is_ok_and(|key| layout::known(&key).is_some()))
}

fn written(meta: &Metadata) -> Timestamp {
    // A time that cannot be is taken for the oldest, as in a list of objects.
    let modified = meta.modified().ok().and_then(|at| Timestamp::try_from(at).ok());
    modified.unwrap_or(Timestamp::MIN)
}
