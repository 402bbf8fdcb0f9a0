//! Every key of a repository. No other file builds or reads one.
//!
//! docs/repository-format.md has the list of them, and what each object is. `CLUSTER`, `PART` and the like are DNS labels
//! ([`estate::Name`]), `POINT` is an [`estate::PointId`], numbers have ten digits: so the order of keys is the order of points
//! (by epoch, then time), runs, entries and keyrings. In a bucket all keys stand below the prefix of the settings. A repository
//! can be copied key by key; keys are sealed into objects without the prefix.

mod kind;
mod known;

pub use kind::Kind;
pub(crate) use kind::kind_of;
pub(crate) use known::{FilesKind, Known, files_below, known, position};

use crate::Error;
use estate::{Name, PointId};
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The format of everything described there.
pub(crate) const FORMAT: u64 = 1;

/// The object that makes a store a repository.
pub(crate) const MARKER: &str = "lifeboat.json";

/// The highest number: the last of ten digits.
pub(crate) const HIGHEST: u64 = 9_999_999_999;

const DIGITS: usize = 10;

/// Below it, a folder for each probe.
const PROBES: &str = "probe";
/// Characters of the name of a history's object, at most.
const LONGEST_NAME: usize = 200;

/// What one set of keys opens: everything shared, or one cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Scope {
    /// Runs, kits, what all clusters share.
    Shared,
    /// One cluster's copies.
    Cluster(Name),
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shared => f.write_str("shared"),
            Self::Cluster(name) => write!(f, "clusters/{name}"),
        }
    }
}

impl Scope {
    /// The scope of this name, as [`fmt::Display`] writes it.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "shared" {
            return Some(Self::Shared);
        }
        text.strip_prefix("clusters/")?.parse().ok().map(Self::Cluster)
    }

    pub(crate) fn path(&self) -> Path {
        match self {
            Self::Shared => Path::from("shared"),
            Self::Cluster(name) => clusters().join(name.as_str()),
        }
    }
}

/// The scope that the object under `key` belongs to; `None` for one that belongs to none.
pub(crate) fn scope_of(key: &Path) -> Option<Scope> {
    let mut parts = key.parts();
    match parts.next()?.as_ref() {
        "shared" => Some(Scope::Shared),
        "clusters" => parts.next()?.as_ref().parse().ok().map(Scope::Cluster),
        _ => None,
    }
}

pub(crate) fn marker() -> Path {
    Path::from(MARKER)
}

/// The folders of all clusters.
pub(crate) fn clusters() -> Path {
    Path::from("clusters")
}

/// The cluster whose folder this is.
pub(crate) fn cluster_of(folder: &Path) -> Option<Name> {
    folder.filename()?.parse().ok()
}

pub(crate) fn keyrings(scope: &Scope) -> Path {
    scope.path().join("keys")
}

pub(crate) fn keyring(scope: &Scope, number: u64) -> Result<Path, Error> {
    numbered(&keyrings(scope), "keyring", number)
}

pub(crate) fn writer_lists() -> Path {
    Scope::Shared.path().join("writers")
}

pub(crate) fn writer_list(number: u64) -> Result<Path, Error> {
    numbered(&writer_lists(), "list of writers", number)
}

pub(crate) fn manifests(cluster: &Name) -> Path {
    clusters().join(cluster.as_str()).join("points")
}

pub(crate) fn manifest(cluster: &Name, point: &PointId) -> Path {
    manifests(cluster).join(point.as_str())
}

/// All parts of all points of a cluster.
pub(crate) fn parts(cluster: &Name) -> Path {
    clusters().join(cluster.as_str()).join("parts")
}

pub(crate) fn parts_of(cluster: &Name, point: &PointId) -> Path {
    parts(cluster).join(point.as_str())
}

pub(crate) fn part(cluster: &Name, point: &PointId, part: &Name) -> Path {
    parts_of(cluster, point).join(part.as_str())
}

/// The point whose manifest `key` is; `None` for a strange key.
pub(crate) fn point_of_manifest(cluster: &Name, key: &Path) -> Option<PointId> {
    let id = key.filename()?.parse().ok()?;
    (manifest(cluster, &id) == *key).then_some(id)
}

/// The point that the part under `key` belongs to; `None` for a strange key.
pub(crate) fn point_of_part(cluster: &Name, key: &Path) -> Option<PointId> {
    let name: Name = key.filename()?.parse().ok()?;
    let id = key.parts().nth(3)?.as_ref().parse().ok()?;
    (part(cluster, &id, &name) == *key).then_some(id)
}

/// Who held which of a cluster's points.
pub(crate) fn holds(cluster: &Name) -> Path {
    clusters().join(cluster.as_str()).join("holds")
}

pub(crate) fn holds_of(cluster: &Name, point: &PointId) -> Path {
    holds(cluster).join(point.as_str())
}

pub(crate) fn hold(cluster: &Name, point: &PointId, number: u64) -> Result<Path, Error> {
    numbered(&holds_of(cluster, point), "record", number)
}

/// The point that the record under `key` is of, and its number; `None` for a strange key.
pub(crate) fn hold_number(cluster: &Name, key: &Path) -> Option<(PointId, u64)> {
    match known(key)? {
        Known::Hold(of, point, number) if of == *cluster => Some((point, number)),
        _ => None,
    }
}

/// The restic-format repository of a cluster's files.
pub(crate) fn files(cluster: &Name) -> Path {
    Path::from_iter(["clusters", cluster.as_str(), "files"])
}

/// What restic keeps in `folder` of its repository at `files`; its configuration is a single object called so.
pub(crate) fn in_files(files: &Path, folder: &str) -> Path {
    files.clone().join(folder)
}

/// The object that restic calls `id`, 64 hexadecimal digits, in `folder`: packs (`data`) are spread by their first byte.
pub(crate) fn of_files(files: &Path, folder: &str, id: &str) -> Path {
    let folder_key = in_files(files, folder);
    match (folder, id.get(..2)) {
        ("data", Some(first)) => folder_key.join(first).join(id),
        _ => folder_key.join(id),
    }
}

/// A part's name as it can stand in a key.
pub(crate) fn part_name(name: &str) -> Result<Name, Error> {
    name.parse().map_err(|_invalid| Error::Invalid {
        object: format!("part {:?}", crate::failure::cut(name)),
        reason: "its name is not 1 to 63 lower-case letters, digits and '-'".to_owned(),
    })
}

/// The objects of a cluster's etcd history.
pub(crate) fn history(cluster: &Name) -> Path {
    clusters().join(cluster.as_str()).join("history")
}

/// An object of a cluster's etcd history, by a name that is one.
pub(crate) fn history_object(cluster: &Name, name: &str) -> Path {
    history(cluster).join(name)
}

/// An object of a cluster's etcd history. What its name means the crate `etcd` knows; here it is some characters.
pub(crate) fn history_key(cluster: &Name, name: &str) -> Result<Path, Error> {
    if is_history_name(name) {
        return Ok(history_object(cluster, name));
    }
    Err(Error::Invalid {
        object: format!("object {:?} of a history", crate::failure::cut(name)),
        reason: format!("its name is not 1 to {LONGEST_NAME} lower-case letters, digits and '-'"),
    })
}

/// The name of the history's object under `key`; `None` for a strange key.
pub(crate) fn history_name(cluster: &Name, key: &Path) -> Option<String> {
    let name = key.filename().filter(|name| is_history_name(name))?;
    (history(cluster).join(name) == *key).then(|| name.to_owned())
}

fn is_history_name(name: &str) -> bool {
    let is_allowed = |c: u8| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'-');
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(is_allowed)
}

/// The records of a lease.
pub(crate) fn lease(scope: &Scope, name: &Name) -> Path {
    scope.path().join("leases").join(name.as_str())
}

/// The lease of a run, in the scope that all share.
pub(crate) fn lease_of_run(run: u64) -> Result<Name, Error> {
    let name = format!("run-{run:0DIGITS$}");
    name.parse().map_err(|_too_long| Error::Invalid {
        object: format!("the lease of run {run}"),
        reason: format!("numbers end at {HIGHEST}"),
    })
}

/// What a writer has seen, in the order in which it saw it.
pub(crate) fn evidence(scope: &Scope, writer: &Name) -> Path {
    evidences(scope).join(writer.as_str())
}

/// The folders of all writers who tell what they have seen.
pub(crate) fn evidences(scope: &Scope) -> Path {
    scope.path().join("evidence")
}

/// Whose evidence this is, and its number; `None` for a strange key.
pub(crate) fn witness(scope: &Scope, key: &Path) -> Option<(Name, u64)> {
    let writer: Name = key.as_ref().rsplit('/').nth(1)?.parse().ok()?;
    let number = number(key)?;
    let own = numbered(&evidence(scope, &writer), "evidence", number).ok()?;
    (own == *key).then_some((writer, number))
}

pub(crate) fn kits() -> Path {
    Scope::Shared.path().join("kit")
}

pub(crate) fn runs() -> Path {
    Scope::Shared.path().join("runs")
}

pub(crate) fn run(run: u64) -> Result<Path, Error> {
    numbered(&runs(), "run", run)
}

pub(crate) fn entry(run: u64, number: u64) -> Result<Path, Error> {
    numbered(&self::run(run)?, "entry", number)
}

/// An object with a number, below `stream`.
pub(crate) fn numbered(stream: &Path, what: &str, number: u64) -> Result<Path, Error> {
    if number > HIGHEST {
        let reason = format!("numbers end at {HIGHEST}");
        return Err(Error::Invalid { object: format!("{what} {number}"), reason });
    }
    Ok(stream.clone().join(format!("{number:0DIGITS$}")))
}

/// The number that a folder or an object bears; `None` for a strange key.
pub(crate) fn number(key: &Path) -> Option<u64> {
    let text = key
        .filename()
        .filter(|text| text.len() == DIGITS && text.bytes().all(|b| b.is_ascii_digit()))?;
    text.parse().ok()
}

pub(crate) fn probe(id: &str, name: &str) -> Path {
    probes(id).join(name)
}

pub(crate) fn probes(id: &str) -> Path {
    all_probes().join(id)
}

/// What all probes have left.
pub(crate) fn all_probes() -> Path {
    Path::from(PROBES)
}
