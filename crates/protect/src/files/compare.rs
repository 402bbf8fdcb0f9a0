//! What differs between files of a copy and a host: read by [`look`], judged by [`differences`]. Start at [`compare`].

use super::listing::{Ask, Kind, Listing, list};
use super::pattern::{Pattern, above};
use super::take::{Choice, fetch};
use super::text;
use super::tree::{Entry, Tree, What};
use super::wanted::Wanted;
use crate::Error;
use cluster::Host;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Larger files are different, and are not read to find out.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Texts of more bytes are not shown.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// How one path of a copy is on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The path.
    pub path: String,
    /// What differs; nothing when it is the same.
    pub changes: Vec<Change>,
    /// Of texts that may be shown, what differs as `diff --unified` has it, with all masked that looks like a secret.
    pub text: Option<String>,
}

/// In what a path on a host differs from the copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// It is not there.
    Missing,
    /// It is something else: a directory instead of a file, a symbolic link instead of a directory.
    Kind,
    /// Its content; of a symbolic link, where it leads.
    Content,
    /// Its permissions.
    Mode,
    /// Its owner or group.
    Owner,
    /// Its SELinux label, on a host that has SELinux.
    Label,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "missing",
            Self::Kind => "kind",
            Self::Content => "content",
            Self::Mode => "mode",
            Self::Owner => "owner",
            Self::Label => "label",
        })
    }
}

/// What is on a host at the paths of a copy.
#[derive(Debug, Default)]
pub(super) struct There {
    pub(super) listing: Listing,
    /// The contents of the files that had to be read.
    pub(super) contents: BTreeMap<String, Vec<u8>>,
}

/// Says of each path of `tree` that `only` selects (all, when it is empty) how it is on `host`. `wanted` says what may be shown.
///
/// # Errors
/// [`Error::Host`], or [`Error::Unusable`].
pub async fn compare(host: &Host, tree: &Tree, wanted: &Wanted, only: &[Pattern]) -> Result<Vec<Difference>, Error> {
    let tree = selected(tree, only);
    let there = look(host, &tree, wanted.selinux).await?;
    Ok(differences(&tree, &there, |path| wanted.is_secret(path)))
}

/// What `only` selects of a tree (all, when it is empty), and the directories above.
pub fn selected(tree: &Tree, only: &[Pattern]) -> Tree {
    let chosen = |path: &&String| only.is_empty() || only.iter().any(|pattern| pattern.covers(path));
    let mut paths: BTreeSet<&str> = tree.0.keys().filter(chosen).map(String::as_str).collect();
    let directories: Vec<&str> = paths.iter().flat_map(|path| above(path)).collect();
    let mut selected = Tree::default();
    for path in directories {
        if paths.insert(path) {
            // Also one that was copied itself is only above what is selected now.
            let entry = tree.0.get(path).map(|entry| Entry { what: What::Parent, ..entry.clone() });
            selected.0.extend(entry.map(|entry| (path.to_owned(), entry)));
        }
    }
    let chosen = paths
        .into_iter()
        .filter_map(|path| Some((path.to_owned(), tree.0.get(path)?.clone())));
    for (path, entry) in chosen {
        selected.0.entry(path).or_insert(entry);
    }
    selected
}

pub(super) async fn look(host: &Host, tree: &Tree, selinux: &str) -> Result<There, Error> {
    let mut paths: BTreeSet<&str> = tree.0.keys().map(String::as_str).collect();
    let directories: Vec<&str> = paths.iter().flat_map(|path| above(path)).collect();
    paths.extend(directories);
    // What no pattern can be made of has glob signs in its name; it is one path all the same.
    let asks: Vec<Ask> = paths
        .iter()
        .map(|path| Ask { pattern: Pattern::exactly(path), whole: false })
        .collect();
    let listing = list(host, &asks, selinux).await?;
    let mut choice = Choice::default();
    for (path, entry) in &tree.0 {
        if let (Some(stat), What::File { .. }) = (listing.stats.get(path), &entry.what)
            && stat.kind == Kind::File
            && stat.bytes <= FILE_BYTES_MAX
        {
            choice.paths.push(path.clone());
            choice.bytes += stat.bytes;
        }
    }
    let contents = fetch(host, &choice).await?;
    Ok(There { listing, contents })
}

/// Judges what is there, path by path.
pub(super) fn differences(tree: &Tree, there: &There, is_secret: impl Fn(&str) -> bool) -> Vec<Difference> {
    let mut found = Vec::new();
    // What is above everything is a directory, or nothing can be below it.
    let mut directories: BTreeSet<&str> = tree.0.keys().flat_map(|path| above(path)).collect();
    directories.retain(|path| !tree.0.contains_key(*path));
    for path in directories {
        let is_other = there.listing.stats.get(path).is_some_and(|stat| stat.kind != Kind::Directory);
        if is_other {
            found.push(Difference {
                path: path.to_owned(),
                changes: vec![Change::Kind],
                text: None,
            });
        }
    }
    for (path, entry) in &tree.0 {
        let (changes, text) = judged(path, entry, there, is_secret(path));
        found.push(Difference { path: path.clone(), changes, text });
    }
    found.sort_by(|one, another| one.path.cmp(&another.path));
    found
}

fn judged(path: &str, entry: &Entry, there: &There, is_secret: bool) -> (Vec<Change>, Option<String>) {
    let Some(stat) = there.listing.stats.get(path) else {
        return (vec![Change::Missing], None);
    };
    let (mut changes, mut text) = (Vec::new(), None);
    match (&entry.what, &stat.kind) {
        (What::Parent, Kind::Directory) => return (changes, text),
        (What::Directory, Kind::Directory) => {}
        (What::Link(to), Kind::Link(leads)) => {
            if to != leads {
                changes.push(Change::Content);
            }
        }
        (What::File { bytes, .. }, Kind::File) => {
            let content = there.contents.get(path);
            if content != Some(bytes) {
                changes.push(Change::Content);
                let small = content.filter(|it| !is_secret && it.len().max(bytes.len()) <= TEXT_BYTES_MAX);
                text = small.and_then(|it| text::differing(it, bytes));
            }
        }
        _ => return (vec![Change::Kind], None),
    }
    // A link has no permissions of its own.
    if entry.mode != stat.mode && !matches!(entry.what, What::Link(_)) {
        changes.push(Change::Mode);
    }
    if entry.owner != stat.owner {
        changes.push(Change::Owner);
    }
    // Where the copy has no label, there is nothing to compare with.
    if there.listing.labels && entry.label.is_some() && entry.label != stat.label {
        changes.push(Change::Label);
    }
    (changes, text)
}
