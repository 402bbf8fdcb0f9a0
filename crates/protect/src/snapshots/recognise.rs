//! What in a list of files is a snapshot, and what it says of itself. Start at [`recognise`]. Pure.

use super::Maker;
use super::learn::Learned;
use super::name::{Named, Told};
use estate::Distribution;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;

/// Where k3s and RKE2 lay what the ConfigMap of extra metadata said, under the snapshot's name.
const METADATA: &str = ".metadata";

/// A file in a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its path from the place on, with `/` between.
    pub path: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// When it was written last.
    pub written: Timestamp,
}

/// A snapshot that was found. That it is one, its name says; that it is sound, only [`open`](super::open()) shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundSnapshot {
    /// Its path from the place on.
    pub path: String,
    /// What made it.
    pub maker: Maker,
    /// The node that it was made on, if that is known.
    pub node: Option<String>,
    /// The cluster that it is of, if its name or its store tells.
    pub cluster: Option<Cluster>,
    /// When it was made.
    pub at: Timestamp,
    /// How that is known.
    pub at_from: TimeFrom,
    /// The file's length in bytes.
    pub bytes: u64,
    /// Whether it is in a zip archive.
    pub compressed: bool,
    /// The file with the extra metadata that k3s and RKE2 keep beside it.
    pub metadata: Option<String>,
    /// What k3s and RKE2 note of the join token in a bucket: a hash that tells tokens apart and gives none away.
    pub token_hash: Option<String>,
}

/// How a cluster is told apart from others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Cluster {
    /// Rancher's id, in names for RKE1: `c-abcde`.
    Rancher(String),
    /// The uid of its namespace `kube-system`, which k3s and RKE2 note in a bucket, and which every cluster's etcd holds.
    Uid(String),
}

/// How it is known when a snapshot was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum TimeFrom {
    /// Its name says so.
    Name,
    /// Its file was written then: later than the snapshot where it was copied.
    File,
}

/// What was made of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recognised {
    /// The snapshots, the newest first.
    pub snapshots: Vec<FoundSnapshot>,
    /// How many files are something else.
    pub passed_over: usize,
    /// Snapshots that were never finished, or are being made now.
    pub unfinished: Vec<String>,
}

/// What in a list is a snapshot, where those of a cluster of `distribution` are looked for, whose `nodes` are known by these names.
pub fn recognise(entries: &[Entry], distribution: Distribution, nodes: &[String]) -> Recognised {
    let paths: BTreeSet<&str> = entries.iter().map(|entry| entry.path.as_str()).collect();
    let mut all = Recognised::default();
    for entry in entries {
        let (folder, name) = split(&entry.path);
        let in_metadata = folder == METADATA || folder.ends_with(&format!("/{METADATA}"));
        if in_metadata {
            // Without the snapshot that it is of, it is nothing.
            if !paths.contains(described(folder, name).as_str()) {
                all.passed_over += 1;
            }
            continue;
        }
        match Named::of(name, distribution, nodes) {
            Named::Snapshot(told) if !is_of_a_member(folder) => {
                let metadata = metadata_of(folder, name);
                let metadata = metadata.into_iter().find(|it| paths.contains(it.as_str()));
                all.snapshots.push(found(entry, told, metadata));
            }
            Named::Unfinished => all.unfinished.push(entry.path.clone()),
            Named::Snapshot(_) | Named::Other => all.passed_over += 1,
        }
    }
    all.snapshots.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.path.cmp(&b.path)));
    all.unfinished.sort();
    all
}

fn found(entry: &Entry, told: Told, metadata: Option<String>) -> FoundSnapshot {
    FoundSnapshot {
        path: entry.path.clone(),
        maker: told.maker,
        node: told.node,
        cluster: told.cluster,
        at: told.at.unwrap_or(entry.written),
        at_from: if told.at.is_some() {
            TimeFrom::Name
        } else {
            TimeFrom::File
        },
        bytes: entry.bytes,
        compressed: told.compressed,
        metadata,
        token_hash: None,
    }
}

impl FoundSnapshot {
    /// Its file's name, without folders.
    pub fn name(&self) -> &str {
        split(&self.path).1
    }

    /// Takes over what the store has noted of it: that was written by k3s or RKE2 itself, and says more than the name.
    pub fn learn(&mut self, learned: Learned) {
        self.maker = learned.maker.unwrap_or(self.maker);
        self.node = learned.node.or_else(|| self.node.take());
        self.cluster = learned.cluster.or_else(|| self.cluster.take());
        self.token_hash = learned.token_hash;
    }
}

impl Recognised {
    /// What people should know of these snapshots as a whole: whether they may be of several clusters, above all. `nodes` are
    /// those that the cluster is known to have.
    pub fn notes(&self, nodes: &[String]) -> Vec<String> {
        let mut notes = Vec::new();
        let clusters: BTreeSet<&Cluster> = self.snapshots.iter().filter_map(|it| it.cluster.as_ref()).collect();
        let folders: BTreeSet<&str> = self.snapshots.iter().map(|it| split(&it.path).0).collect();
        if clusters.len() > 1 {
            let named = listed(clusters.iter().map(|it| it.to_string()));
            notes.push(format!("snapshots of {} clusters lie here: {named}", clusters.len()));
        } else if folders.len() > 1 {
            let named = listed(folders.iter().map(|it| {
                if it.is_empty() {
                    "none".to_owned()
                } else {
                    (*it).to_owned()
                }
            }));
            notes.push(format!(
                "snapshots lie in {} folders ({named}), and their names do not tell whether they are of one cluster: \
                 name one folder in the estate, or look into them with lifeboat verify",
                folders.len()
            ));
        }
        let strange: BTreeSet<&str> = self.snapshots.iter().filter_map(|it| it.node.as_deref()).collect();
        let strange = strange.into_iter().filter(|node| !nodes.iter().any(|it| it == node));
        if !nodes.is_empty() {
            let strange: Vec<String> = strange.map(str::to_owned).collect();
            if !strange.is_empty() {
                notes.push(format!(
                    "some are of nodes that the estate does not know ({}): they are gone, or another cluster's",
                    listed(strange.into_iter())
                ));
            }
        }
        if let [first, more @ ..] = self.unfinished.as_slice() {
            let others = match more.len() {
                0 => String::new(),
                count => format!(" and {count} more"),
            };
            notes.push(format!("{first}{others}: not finished, or being written now"));
        }
        notes
    }
}

impl fmt::Display for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rancher(id) | Self::Uid(id) => f.write_str(id),
        }
    }
}

/// Names, some of them where there are many.
fn listed(names: impl ExactSizeIterator<Item = String>) -> String {
    const SHOWN: usize = 6;
    let more = names.len().saturating_sub(SHOWN);
    let mut text = names.take(SHOWN).collect::<Vec<_>>().join(", ");
    if more > 0 {
        text += &format!(" and {more} more");
    }
    text
}

/// The folder and the name.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// etcd's own data directory, where nothing is a snapshot whatever it is called.
fn is_of_a_member(folder: &str) -> bool {
    folder.split('/').any(|part| part == "member")
}

/// Where metadata may lie: beside the snapshot in a bucket, beside its folder on a host.
fn metadata_of(folder: &str, name: &str) -> [String; 2] {
    match folder {
        "" => [format!("{METADATA}/{name}"), format!("../{METADATA}/{name}")],
        folder => [format!("{folder}/{METADATA}/{name}"), format!("{METADATA}/{name}")],
    }
}

/// The snapshot that a file of metadata is of.
fn described(folder: &str, name: &str) -> String {
    match folder.strip_suffix(METADATA).map(|it| it.trim_end_matches('/')) {
        Some("" | "..") | None => name.to_owned(),
        Some(folder) => format!("{folder}/{name}"),
    }
}
