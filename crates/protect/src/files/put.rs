//! Putting files of a copy back onto a host. Start at [`put_back`]; what is done is decided by [`acts`], and `script.rs` makes the
//! commands of it.

mod script;

use super::SELINUX;
use super::compare::{Change, Difference, There, differences, look, selected};
use super::listing::Kind;
use super::pattern::{Pattern, above};
use super::tree::{Entry, Files, Tree, What};
use crate::Error;
use cluster::{Exchange, Host};
use script::script;
use std::time::Duration;

/// How files are put back.
#[derive(Clone, Debug)]
pub struct Putting<'a> {
    /// Whether what differs may be replaced.
    pub overwrite: bool,
    /// What is put back; all, when it is empty.
    pub only: &'a [Pattern],
    /// A directory on the host, made if it is not there: below `old` in it, what is replaced is kept at its path, and `made` has the
    /// paths of what was not there before, each followed by a zero byte. With both, everything can be undone.
    pub aside: &'a str,
    /// How long it may take.
    pub limit: Duration,
}

/// What was put back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Put {
    /// What was not there.
    pub made: Vec<String>,
    /// What was replaced.
    pub replaced: Vec<String>,
    /// What was the same already.
    pub same: Vec<String>,
    /// What could not have its SELinux label: the host's policy does not know it.
    pub unlabelled: Vec<String>,
}

/// Puts what is selected of `tree` back onto `host`: content, owner, mode, label.
///
/// Guarantees: when something that is there differs, and `overwrite` does not allow it, nothing is changed at all. Each file is
/// written beside its place, synced, and renamed: a reader sees the old one or the new one whole. What is replaced is on the disk
/// in `aside` before. Nothing is written over a symbolic link, also not when one is planted meanwhile. May be broken off at any
/// moment, and done again with the same words.
///
/// Caveats: access control lists, and extended attributes but the label, are not restored.
///
/// # Errors
/// [`Error::Differs`]; [`Error::Unusable`] where a directory is in the place of a file, the other way round, or behind a symbolic
/// link, or where a file that was replaced already is different again; [`Error::Host`].
pub async fn put_back(host: &Host, tree: &Tree, how: &Putting<'_>) -> Result<Put, Error> {
    put(host, tree, how, SELINUX).await
}

pub(super) async fn put(host: &Host, tree: &Tree, how: &Putting<'_>, selinux: &str) -> Result<Put, Error> {
    let aside = Pattern::new(how.aside).map_err(Error::Pattern)?;
    let tree = selected(tree, how.only);
    let there = look(host, &tree, selinux).await?;
    let found = differences(&tree, &there, |_| true);
    let unusable = |(path, reason)| Error::Unusable { host: host.name().to_owned(), path, reason };
    let (acts, mut put) = acts(&tree, &there, &found).map_err(unusable)?;
    if !how.overwrite && !put.replaced.is_empty() {
        return Err(Error::Differs { host: host.name().to_owned(), paths: put.replaced });
    }
    if acts.is_empty() {
        return Ok(put);
    }
    let it = Exchange {
        what: "putting its files back",
        script: &script(&acts, aside.as_str(), &ambient::random_id(8), selinux),
        input: &contents(&acts).map_err(|reason| unusable((how.aside.to_owned(), reason.to_string())))?,
        output_bytes_max: 4 << 20,
        limit: how.limit,
        alone: true,
    };
    let said = host.exchange(&it).await?;
    put.unlabelled = String::from_utf8_lossy(&said)
        .split_terminator('\0')
        .map(str::to_owned)
        .collect();
    // What is said to be back was seen there.
    let there = look(host, &tree, selinux).await?;
    let differs = |it: &Difference| it.changes.iter().any(|change| *change != Change::Label);
    match differences(&tree, &there, |_| true).into_iter().find(differs) {
        Some(it) => Err(unusable((it.path, "it was put back, and is different again".to_owned()))),
        None => Ok(put),
    }
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Act<'a> {
    pub(super) path: &'a str,
    pub(super) entry: &'a Entry,
    /// Whether something is there that is replaced.
    pub(super) replaces: bool,
}

/// What has to be done, directories first and each after what is above it. Otherwise, what cannot be replaced, and why: directories
/// are neither replaced nor put in the place of something else, since what is in them, or where a link leads, would go with it.
pub(super) fn acts<'a>(
    tree: &'a Tree,
    there: &There,
    found: &[Difference],
) -> Result<(Vec<Act<'a>>, Put), (String, String)> {
    let (mut acts, mut put) = (Vec::new(), Put::default());
    let is_known = |path: &str| tree.0.contains_key(path) || there.listing.stats.contains_key(path);
    for it in found {
        let is_directory = there
            .listing
            .stats
            .get(&it.path)
            .is_some_and(|stat| stat.kind == Kind::Directory);
        let entry = tree.0.get_key_value(&it.path);
        let Some((path, entry)) = entry.filter(|(_, entry)| it.changes != [Change::Kind] || !entry.is_directory())
        else {
            return Err((it.path.clone(), "it is a directory in the copy, and something else there".to_owned()));
        };
        if it.changes == [Change::Kind] && is_directory {
            return Err((path.clone(), "it is a directory there, and something else in the copy".to_owned()));
        }
        if let Some(above) = above(path).find(|directory| !is_known(directory)) {
            return Err((above.to_owned(), "it is not there, and the copy does not say how to make it".to_owned()));
        }
        match &it.changes[..] {
            [] => put.same.push(path.clone()),
            [Change::Missing] => {
                put.made.push(path.clone());
                acts.push(Act { path, entry, replaces: false });
            }
            _ => {
                put.replaced.push(path.clone());
                acts.push(Act { path, entry, replaces: true });
            }
        }
    }
    acts.sort_by_key(|act| !act.entry.is_directory());
    Ok((acts, put))
}

/// The contents, as a tar archive with a number a file.
fn contents(acts: &[Act<'_>]) -> std::io::Result<Vec<u8>> {
    let mut tree = Tree::default();
    for (number, act) in acts.iter().enumerate() {
        if let What::File { bytes, .. } = &act.entry.what {
            let what = What::File { bytes: bytes.clone(), modified: 0 };
            tree.0
                .insert(format!("/{number}"), Entry { mode: 0o600, owner: (0, 0), label: None, what });
        }
    }
    Files::one("new", tree).tar()
}
