//! Files of hosts as values: what a copy of them is in memory.

use super::pattern::above;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// As many symbolic links are followed one after the other as Linux follows.
pub(super) const LINKS_MAX: usize = 40;

/// The files of several hosts, by the host's name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files(pub BTreeMap<String, Tree>);

/// The files of one host, by their paths from the root. No path leads over a symbolic link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree(pub BTreeMap<String, Entry>);

/// One file, directory or symbolic link, as it was on its host.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its permissions, 12 bits. Of a link, which has none, 0o777.
    pub mode: u32,
    /// The numbers of its owner and group.
    pub owner: (u32, u32),
    /// Its SELinux label, where there is one.
    pub label: Option<String>,
    /// What it is.
    pub what: What,
}

/// What an [`Entry`] is.
#[derive(Clone, PartialEq, Eq)]
pub enum What {
    /// A file.
    File {
        /// Its content.
        bytes: Vec<u8>,
        /// When it was last written, in seconds since 1970. k3s believes the younger of two versions of a key.
        modified: u64,
    },
    /// A symbolic link, and what it says.
    Link(String),
    /// A directory.
    Directory,
    /// A directory that was not asked for, but is above one that was: made where it is missing, and otherwise left as it is.
    Parent,
}

// The content is a key, mostly.
impl fmt::Debug for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { bytes, .. } => write!(f, "File({} bytes)", bytes.len()),
            Self::Link(to) => write!(f, "Link({to:?})"),
            Self::Directory => f.write_str("Directory"),
            Self::Parent => f.write_str("Parent"),
        }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = self.label.as_deref().unwrap_or("-");
        write!(f, "{:?} {:o} {}:{} {label}", self.what, self.mode, self.owner.0, self.owner.1)
    }
}

impl Entry {
    /// The content, if it is a file.
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.what {
            What::File { bytes, .. } => Some(bytes),
            _ => None,
        }
    }

    /// Whether it is the same to whoever reads it: all but when it was written.
    pub fn same(&self, other: &Self) -> bool {
        let content = match (&self.what, &other.what) {
            (What::File { bytes, .. }, What::File { bytes: others, .. }) => bytes == others,
            // What is asked for elsewhere changes nothing on the host.
            (What::Directory | What::Parent, What::Directory | What::Parent) => true,
            (one, another) => one == another,
        };
        content && (self.mode, self.owner, &self.label) == (other.mode, other.owner, &other.label)
    }
}

impl Tree {
    /// What is at `path`, also where symbolic links of the tree lead there.
    pub fn at(&self, path: &str) -> Option<&Entry> {
        self.0.get(&self.resolved(path)?)
    }

    /// The content of the file at `path`.
    pub fn bytes(&self, path: &str) -> Option<&[u8]> {
        self.at(path)?.bytes()
    }

    /// The path at which `path` really lies: without the links of the tree. `None` when they go round in circles.
    pub fn resolved(&self, path: &str) -> Option<String> {
        let link = |at: &str| match self.0.get(at).map(|entry| &entry.what) {
            Some(What::Link(to)) => Some(to.clone()),
            _ => None,
        };
        resolved(path, link)
    }

    /// The paths of all that is no directory.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        let files = self
            .0
            .iter()
            .filter(|(_, entry)| !matches!(entry.what, What::Directory | What::Parent));
        files.map(|(path, _)| path.as_str())
    }
}

impl Files {
    /// The files of one host.
    pub fn one(host: &str, tree: Tree) -> Self {
        Self(BTreeMap::from([(host.to_owned(), tree)]))
    }

    /// The paths that differ from `other`'s or are only in one of them, as `HOST:PATH`. When files were written does not count.
    pub fn differing(&self, other: &Self) -> Vec<String> {
        let nothing = Tree::default();
        let hosts: BTreeSet<&String> = self.0.keys().chain(other.0.keys()).collect();
        let mut found = Vec::new();
        for host in hosts {
            let (ours, theirs) = (self.0.get(host).unwrap_or(&nothing), other.0.get(host).unwrap_or(&nothing));
            found.extend(ours.differing(theirs).into_iter().map(|path| format!("{host}:{path}")));
        }
        found
    }
}

impl Tree {
    /// The paths that differ from `other`'s or are only in one of them. When files were written does not count.
    pub fn differing(&self, other: &Self) -> Vec<String> {
        let paths: BTreeSet<&String> = self.0.keys().chain(other.0.keys()).collect();
        let same = |path: &String| match (self.0.get(path), other.0.get(path)) {
            (Some(one), Some(another)) => one.same(another),
            _ => false,
        };
        paths.into_iter().filter(|path| !same(path)).cloned().collect()
    }
}

/// Where `path` leads, when `link` says what the symbolic link at a path says. `None` when links go round in circles.
pub(super) fn resolved(path: &str, link: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut path = path.to_owned();
    for _ in 0..=LINKS_MAX {
        // The nearest to the root first: only what is above it is known to be no link.
        let mut candidates: Vec<&str> = above(&path).collect();
        candidates.insert(0, &path);
        let Some((at, to)) = candidates.into_iter().rev().find_map(|at| Some((at.to_owned(), link(at)?))) else {
            return Some(path);
        };
        path = joined(&at, &to) + &path[at.len()..];
    }
    None
}

/// Where the link at `at`, above which there is no other link, leads.
pub(super) fn joined(at: &str, to: &str) -> String {
    let mut names: Vec<&str> = match to.starts_with('/') {
        true => Vec::new(),
        false => at.split('/').filter(|name| !name.is_empty()).collect(),
    };
    if !to.starts_with('/') {
        names.pop();
    }
    for name in to.split('/') {
        match name {
            "" | "." => {}
            ".." => _ = names.pop(),
            name => names.push(name),
        }
    }
    names.iter().map(|name| format!("/{name}")).collect()
}
