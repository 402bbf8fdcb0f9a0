//! What a key is the name of.

use super::{MARKER, PROBES, Scope, number};
use estate::{Name, PointId};
use object_store::path::Path;
use serde::Serialize;
use std::fmt;

/// What an object is, told by its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// The marker of the repository.
    Marker,
    /// A keyring.
    Keys,
    /// A list of trusted writers.
    Writers,
    /// A recovery kit.
    Kit,
    /// The manifest of a point.
    Points,
    /// A part of a point.
    Parts,
    /// A base or a segment of a history.
    History,
    /// An object of a restic repository.
    Files,
    /// An entry of a run's journal.
    Runs,
    /// What a writer has seen.
    Evidence,
    /// A record of a lease.
    Leases,
    /// What a probe of the store has written.
    Probe,
    /// No part of the repository.
    Strange,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Marker => "marker",
            Self::Keys => "keys",
            Self::Writers => "writers",
            Self::Kit => "kits",
            Self::Points => "points",
            Self::Parts => "parts",
            Self::History => "history",
            Self::Files => "files",
            Self::Runs => "runs",
            Self::Evidence => "evidence",
            Self::Leases => "leases",
            Self::Probe => "probes",
            Self::Strange => "strange",
        })
    }
}

/// What the object under `key` is, and whose: of no scope are the marker, probes, and what is strange.
pub(crate) fn kind_of(key: &Path) -> (Option<Scope>, Kind) {
    let parts: Vec<&str> = key.as_ref().split('/').collect();
    let (scope, kind) = match parts.as_slice() {
        [MARKER] => return (None, Kind::Marker),
        [PROBES, _, _, ..] => return (None, Kind::Probe),
        ["shared", rest @ ..] => (Some(Scope::Shared), in_shared(key, rest)),
        ["clusters", name, rest @ ..] => (name.parse().ok().map(Scope::Cluster), in_cluster(key, rest)),
        _ => (None, None),
    };
    match kind {
        Some(kind) if scope.is_some() => (scope, kind),
        _ => (None, Kind::Strange),
    }
}

fn in_shared(key: &Path, rest: &[&str]) -> Option<Kind> {
    let numbered = number(key).is_some();
    match rest {
        ["writers", _] => numbered.then_some(Kind::Writers),
        ["kit", _] => numbered.then_some(Kind::Kit),
        ["runs", run, _] => (numbered && number(&Path::from(*run)).is_some()).then_some(Kind::Runs),
        rest => in_any(key, rest),
    }
}

fn in_cluster(key: &Path, rest: &[&str]) -> Option<Kind> {
    let point = |text: &str| text.parse::<PointId>().is_ok();
    match rest {
        ["points", id] => point(id).then_some(Kind::Points),
        ["parts", id, part] => (point(id) && part.parse::<Name>().is_ok()).then_some(Kind::Parts),
        ["history", _] => Some(Kind::History),
        ["files", _, ..] => Some(Kind::Files),
        rest => in_any(key, rest),
    }
}

/// What every scope has.
fn in_any(key: &Path, rest: &[&str]) -> Option<Kind> {
    let (kind, fits) = match rest {
        ["keys", _] => (Kind::Keys, true),
        ["evidence", writer, _] => (Kind::Evidence, writer.parse::<Name>().is_ok()),
        ["leases", lease, _] => (Kind::Leases, lease.parse::<Name>().is_ok()),
        _ => return None,
    };
    (fits && number(key).is_some()).then_some(kind)
}
