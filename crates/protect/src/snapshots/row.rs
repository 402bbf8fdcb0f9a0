//! Snapshots of others as rows among the points of a cluster. Start at [`rows`]. Pure.

use super::look::{Listing, Place};
use super::recognise::FoundSnapshot;
use super::verify::Verified;
use super::{Error, Lack, lacks};
use estate::Distribution;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// What is known of a snapshot's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// Nobody has looked into it.
    Unverified,
    /// It was read to its last record.
    Sound,
    /// It cannot be restored from.
    Damaged,
}

/// A snapshot, as people see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// What it is called: its file's name, with its place before it where several have that name.
    pub id: String,
    /// When it was made.
    pub at: Timestamp,
    /// What made it.
    pub made_by: String,
    /// On which node, if that is known.
    pub node: Option<String>,
    /// The place that it lies in, a directory or a bucket.
    pub place: String,
    /// Its path there.
    pub path: String,
    /// The file's length in bytes.
    pub bytes: u64,
    /// What is known of its content.
    pub state: State,
    /// Why it cannot be restored from.
    pub damage: Option<String>,
    /// The revision that it is of, once it was looked into.
    pub revision: Option<u64>,
    /// What it lacks for a recovery, in sentences.
    pub lacks: Vec<String>,
}

/// What looking into a snapshot has shown, by its place's listing and its path.
pub type Judged<'a> = &'a dyn Fn(&Listing, &FoundSnapshot) -> Option<&'a Result<Verified, Error>>;

/// All snapshots of these listings, the newest first. `judged` tells of those that were looked into.
pub fn rows(listings: &[Listing], distribution: Distribution, judged: Judged<'_>) -> Vec<Row> {
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    let all = || {
        listings
            .iter()
            .flat_map(|listing| listing.found.snapshots.iter().map(move |it| (listing, it)))
    };
    for (_, snapshot) in all() {
        *names.entry(snapshot.name()).or_default() += 1;
    }
    let mut rows: Vec<Row> = all()
        .map(|(listing, snapshot)| {
            let verdict = judged(listing, snapshot);
            let alone = names.get(snapshot.name()) == Some(&1);
            row(&listing.place, snapshot, distribution, verdict, alone)
        })
        .collect();
    rows.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.id.cmp(&b.id)));
    rows
}

fn row(
    place: &Place,
    snapshot: &FoundSnapshot,
    distribution: Distribution,
    verdict: Option<&Result<Verified, Error>>,
    alone: bool,
) -> Row {
    let verified = verdict.and_then(|it| it.as_ref().ok());
    let damage = verdict.and_then(|it| it.as_ref().err()).filter(|error| {
        // What could not be reached was not looked into.
        matches!(error, Error::Damaged { .. } | Error::Newer { .. })
    });
    let (before, directory) = match place {
        Place::Directory { host, path } => (host.name().to_owned(), Some(path.as_str())),
        Place::Bucket(bucket) => (bucket.place().to_owned(), None),
    };
    Row {
        id: if alone {
            snapshot.name().to_owned()
        } else {
            format!("{before}/{}", snapshot.path)
        },
        at: snapshot.at,
        made_by: snapshot.maker.to_string(),
        node: snapshot.node.clone(),
        place: place.to_string(),
        path: snapshot.path.clone(),
        bytes: snapshot.bytes,
        state: match (verified, damage) {
            (Some(_), _) => State::Sound,
            (None, Some(_)) => State::Damaged,
            (None, None) => State::Unverified,
        },
        damage: damage.map(ToString::to_string),
        revision: verified.map(|it| it.revision),
        lacks: lacks(snapshot, verified, distribution, directory)
            .iter()
            .map(Lack::to_string)
            .collect(),
    }
}
