//! Mending a repository with what another one of the same id has. Start at [`Repository::plan_repair`], then
//! [`Repository::repair`].
//!
//! What is to be taken is decided purely from a check's report and two lists. Carrying it out proves each object before it takes
//! it, and looks once more at the one that is to be replaced: a sound object is never touched.

mod proof;

use crate::check::{CheckReport, Fault, Flaw, Severity};
use crate::copy::{order, transfer};
use crate::layout::{self, Known};
use crate::marker;
use crate::store::Listed;
use crate::{Error, Repository, Scope};
use object_store::path::Path;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RepairPlan {
    /// Where it comes from.
    pub from: String,
    /// What is to be taken, in this order.
    pub take: Vec<Take>,
    /// What is harmed, and not in the other repository either.
    pub nobody: Vec<Lost>,
}

/// An object that is to be taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Take {
    /// Its key.
    pub object: String,
    /// Its length, in bytes.
    pub bytes: u64,
    /// Whether there is one, which is harmed, in its place.
    pub replaces: bool,
    /// Why.
    pub reason: String,
}

/// An object that was not mended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lost {
    /// Its key.
    pub object: String,
    /// Why not.
    pub reason: String,
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Repaired {
    /// Objects that were taken, and read back.
    pub mended: Vec<String>,
    /// Objects that turned out to be sound, and were left as they are.
    pub sound: Vec<String>,
    /// Objects that could not be mended.
    pub failed: Vec<Lost>,
}

/// What is to be taken, from the faults of a check and both lists by key: what `theirs` has of what is harmed. A point that is
/// missing brings its parts with it. Pure.
pub(crate) fn plan(
    from: &str,
    faults: &[Fault],
    ours: &BTreeMap<Path, u64>,
    theirs: &BTreeMap<Path, u64>,
) -> RepairPlan {
    let mut wanted: BTreeMap<Path, String> = BTreeMap::new();
    let mut nobody = BTreeSet::new();
    let harmful = faults
        .iter()
        .filter(|fault| fault.severity > Severity::Note && fault.flaw.can_be_mended());
    for fault in harmful {
        match found(&fault.object, theirs) {
            Some(key) => {
                for part in parts(&key, theirs).filter(|part| !ours.contains_key(*part)) {
                    wanted.entry(part.clone()).or_insert_with(|| "its point is taken".to_owned());
                }
                wanted.insert(key, fault.reason.clone());
            }
            None => {
                let (object, reason) = (fault.object.clone(), fault.reason.clone());
                nobody.insert(Lost { object, reason });
            }
        }
    }
    let take = wanted.into_iter().map(|(key, reason)| Take {
        object: key.to_string(),
        bytes: theirs[&key],
        replaces: ours.contains_key(&key),
        reason,
    });
    let mut take: Vec<Take> = take.collect();
    take.sort_by_cached_key(|take| (order(layout::known(&Path::from(&*take.object)).as_ref()), take.object.clone()));
    RepairPlan {
        from: from.to_owned(),
        take,
        nobody: nobody.into_iter().collect(),
    }
}

/// The object of that name; of a stream as a whole (`.../keys/...`, when none of it is there) the newest.
fn found(object: &str, theirs: &BTreeMap<Path, u64>) -> Option<Path> {
    match object.strip_suffix("/...") {
        None => Some(Path::from(object)).filter(|key| theirs.contains_key(key)),
        Some(stream) => {
            let stream = Path::from(stream);
            let below = theirs
                .keys()
                .filter(|key| key.prefix_matches(&stream) && layout::number(key).is_some());
            below.max_by_key(|key| layout::number(key)).cloned()
        }
    }
}

/// The parts of the point whose manifest this is.
fn parts<'a>(key: &Path, theirs: &'a BTreeMap<Path, u64>) -> impl Iterator<Item = &'a Path> {
    let folder = match layout::known(key) {
        Some(Known::Manifest(cluster, point)) => Some(layout::parts_of(&cluster, &point)),
        _ => None,
    };
    theirs
        .keys()
        .filter(move |key| folder.as_ref().is_some_and(|folder| key.prefix_matches(folder)))
}

impl Repository {
    /// What another repository has of what a check has found to be harmed in this one.
    ///
    /// # Errors
    /// [`Error::Settings`] when the other one is no repository of the same id; as every request.
    pub async fn plan_repair(&self, from: &Self, report: &CheckReport) -> Result<RepairPlan, Error> {
        let mut faults = report.faults.clone();
        if self.same(from).await? {
            let reason = "it is not the one under which everything else was written".to_owned();
            let (object, severity, flaw) = (layout::MARKER.to_owned(), Severity::Damage, Flaw::Damaged);
            faults.push(Fault { object, severity, flaw, reason });
        }
        let (ours, theirs) = (self.all_keys().await?, from.all_keys().await?);
        Ok(plan(from.store(), &faults, &ours, &theirs))
    }

    /// Carries out a plan. `copy` says whether this repository is a copy: a marker that is lost is made anew as the one or the
    /// other, and only an original carries leases. May be broken off and repeated. A repository whose marker was mended is to be
    /// opened anew.
    ///
    /// # Errors
    /// As [`Repository::plan_repair`]; [`Error::Unreachable`] when a store does not answer. What cannot be mended is in what
    /// is returned.
    pub async fn repair(&self, from: &Self, plan: &RepairPlan, copy: bool) -> Result<Repaired, Error> {
        self.same(from).await?;
        from.forget_trust().await;
        let mut done = Repaired::default();
        for take in &plan.take {
            let key = Path::from(&*take.object);
            let mended = match layout::known(&key) {
                Some(Known::Marker) => self.mend_marker(from, copy).await,
                Some(_) => self.mend(from, &key).await,
                None => Err(Error::Invalid {
                    object: take.object.clone(),
                    reason: "it is no part of the repository".to_owned(),
                }),
            };
            match mended {
                Ok(true) => done.mended.push(take.object.clone()),
                Ok(false) => done.sound.push(take.object.clone()),
                Err(error @ Error::Unreachable { .. }) => return Err(error),
                Err(error) => {
                    let (object, reason) = (take.object.clone(), error.to_string());
                    done.failed.push(Lost { object, reason });
                }
            }
        }
        self.forget_trust().await;
        Ok(done)
    }

    /// Refuses another repository. Whether this one's marker is to be mended: it cannot be read, names another root than is
    /// known, or another id than keyrings were signed under.
    async fn same(&self, from: &Self) -> Result<bool, Error> {
        let theirs = from.marker().await?;
        self.check_root(theirs)?;
        let ours = match marker::read(&self.shared.store).await {
            Err(error @ Error::Unreachable { .. }) => return Err(error),
            Err(_) => return Ok(true),
            Ok(ours) => ours,
        };
        if (&ours.repository, ours.root) == (&theirs.repository, theirs.root) {
            return Ok(false);
        }
        if self.check_root(&ours).is_err() {
            return Ok(true);
        }
        if let Some((key, _)) = self.newest(&layout::keyrings(&Scope::Shared)).await? {
            let text = self.shared.store.get(&key).await?;
            if from.signed_by_root(theirs.root, &key, &text).await.is_ok() {
                return Ok(true);
            }
        }
        Err(Error::Settings {
            what: "copy",
            reason: format!("{} is repository {}, and not {}", from.store(), theirs.repository, ours.repository),
        })
    }

    async fn all_keys(&self) -> Result<BTreeMap<Path, u64>, Error> {
        let mut keys = BTreeMap::new();
        let mut add = |Listed { key, bytes, .. }| {
            keys.insert(key, bytes);
        };
        self.shared.store.for_each(&Path::default(), &mut add).await?;
        Ok(keys)
    }

    async fn mend_marker(&self, from: &Self, copy: bool) -> Result<bool, Error> {
        let store = &self.shared.store;
        if !self.same(from).await? {
            return Ok(false);
        }
        let theirs = from.marker().await?;
        let new = if copy { theirs.of_copy() } else { theirs.of_original() };
        // Over the one that is there: without a marker, nothing else would be told from an empty store.
        marker::write(store, &new).await.map(|()| true)
    }

    /// Takes an object, unless the one that is here is sound.
    async fn mend(&self, from: &Self, key: &Path) -> Result<bool, Error> {
        let (here, there) = (&self.shared.store, &from.shared.store);
        let size = match here.size(key).await {
            Ok(size) => Some(size),
            Err(Error::NotFound { .. }) => None,
            Err(other) => return Err(other),
        };
        if let Some(size) = size {
            match from.prove(here, key, size).await {
                Ok(()) => return Ok(false),
                Err(error @ Error::Unreachable { .. }) => return Err(error),
                Err(_) => {}
            }
        }
        let listed = there.size(key).await?;
        from.prove(there, key, listed).await?;
        if size.is_some() {
            here.delete(key).await?;
        }
        transfer::object(there, here, key, listed, &|_proven| None).await?;
        from.prove(here, key, listed).await.map(|()| true)
    }
}
