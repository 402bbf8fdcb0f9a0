//! Every key of a repository. No other file builds or reads one.
//!
//! | key | what it is | written |
//! |---|---|---|
//! | `lifeboat.json` | the marker: `{"format": 0, "repository": ID}`, plain | once, if absent, by `init` |
//! | `clusters/CLUSTER/parts/POINT/PART` | a part of a recovery point, sealed | before the manifest |
//! | `clusters/CLUSTER/points/POINT` | the manifest of a point, sealed JSON ([`estate::Point`]) | last, if absent |
//! | `clusters/CLUSTER/files/...` | a restic-format repository of files, with restic's own layout and sealing below it | by `files` |
//! | `runs/NNNNNN/NNNNNN` | an entry of a run's journal, sealed: the run's number, the entry's number from 0 | if absent |
//! | `probe/RANDOM/...` | what a probe of the store writes, plain | and removed |
//!
//! `CLUSTER` and `PART` are DNS labels ([`estate::Name`]), `POINT` is an [`estate::PointId`], `NNNNNN` has six digits: so the
//! order of keys is the order of points (by epoch, then time), runs and entries. In a bucket all keys stand below the prefix
//! of the settings. A repository can be copied key by key; keys are sealed into objects without the prefix.

use crate::Error;
use estate::{Name, PointId};
use object_store::path::Path;

/// The format of everything described here.
pub(crate) const FORMAT: u64 = 0;

/// The object that makes a store a repository.
pub(crate) const MARKER: &str = "lifeboat.json";

/// The highest number of a run or an entry: the last of six digits.
const HIGHEST: u64 = 999_999;

pub(crate) fn marker() -> Path {
    Path::from(MARKER)
}

pub(crate) fn manifests(cluster: &Name) -> Path {
    Path::from_iter(["clusters", cluster.as_str(), "points"])
}

pub(crate) fn manifest(cluster: &Name, point: &PointId) -> Path {
    manifests(cluster).join(point.as_str())
}

/// All parts of all points of a cluster.
pub(crate) fn parts(cluster: &Name) -> Path {
    Path::from_iter(["clusters", cluster.as_str(), "parts"])
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

pub(crate) fn runs() -> Path {
    Path::from("runs")
}

pub(crate) fn run(run: u64) -> Result<Path, Error> {
    Ok(runs().join(digits("run", run)?))
}

pub(crate) fn entry(run: u64, number: u64) -> Result<Path, Error> {
    Ok(self::run(run)?.join(digits("entry", number)?))
}

/// The number that a run's folder or an entry bears; `None` for a strange key.
pub(crate) fn number(key: &Path) -> Option<u64> {
    let text = key
        .filename()
        .filter(|text| text.len() == 6 && text.bytes().all(|b| b.is_ascii_digit()))?;
    text.parse().ok()
}

pub(crate) fn probe(id: &str, name: &str) -> Path {
    probes(id).join(name)
}

pub(crate) fn probes(id: &str) -> Path {
    Path::from_iter(["probe", id])
}

fn digits(what: &str, number: u64) -> Result<String, Error> {
    if number > HIGHEST {
        let reason = format!("numbers end at {HIGHEST}");
        return Err(Error::Invalid { object: format!("{what} {number}"), reason });
    }
    Ok(format!("{number:06}"))
}
