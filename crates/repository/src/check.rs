//! Whether everything is there and sound: structure first, then bytes. Start at [`Repository::check`].
//!
//! Nothing that is found stops it, and what cannot be seen from inside is asked of those who may know more: an observer's memory,
//! the writers' evidence, a second repository. What the restic repositories of files have to say comes from `files`, and what the
//! names of a history's objects say from whoever knows histories: both through [`CheckReport::add`].

mod against;
mod bytes;
mod fault;
mod objects;
mod points;
mod report;
mod trust;

pub use fault::{Fault, Flaw, Severity};
pub use report::{CheckReport, PartReport, PointReport, ReadBytes};

use crate::held::Records;
use crate::inventory::Inventory;
use crate::seen::Memory;
use crate::{Error, Repository, Scope, layout, marker};
use estate::{Name, PointId};
use fault::Faults;
use futures::StreamExt;
use object_store::path::Path;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Objects that are looked at at once. Each large one needs some 6 MiB.
const LOOKS: usize = 8;

/// How much is read. Everything small is always read whole; parts and histories are what is large.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reading {
    /// Of large objects their headers and lengths.
    #[default]
    Structure,
    /// So many of a hundred large objects to their last byte, one at least.
    Sample {
        /// 1 to 100.
        percent: u8,
        /// What chooses them: the same seed chooses the same ones. Without it, chance does.
        seed: Option<u64>,
    },
    /// Every byte.
    All,
}

/// What is checked, and against what.
#[derive(Clone, Default)]
pub struct CheckOptions<'a> {
    /// How much is read.
    pub reading: Reading,
    /// Only these scopes; `None` for all.
    pub scopes: Option<BTreeSet<Scope>>,
    /// What the caller knew last.
    pub memory: Option<&'a Memory>,
    /// A copy, or what this is a copy of.
    pub second: Option<&'a Repository>,
}

/// How far a check is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckProgress {
    /// Whether bytes are read now: structure comes first.
    pub bytes_now: bool,
    /// Objects that were looked at in this half.
    pub objects: u64,
    /// Of so many.
    pub of_objects: u64,
    /// Bytes that were read in this half.
    pub bytes: u64,
    /// Of so many.
    pub of_bytes: u64,
}

/// Who is told how far a check is.
pub type OnCheck<'a> = &'a (dyn Fn(CheckProgress) + Send + Sync);

impl Repository {
    /// Checks the repository. What is wrong with it is in the report; only what makes checking impossible is an error.
    ///
    /// Needs an identity for what is sealed: scopes that it does not open are named, and not looked into. The memory needed is
    /// some 200 bytes an object, and 50 MiB.
    ///
    /// # Errors
    /// [`Error::Uninitialised`] when there is nothing at all, [`Error::NoBucket`]; [`Error::OtherRoot`] when it is another
    /// repository than the settings know; [`Error::Unreachable`] when the store has stopped answering.
    pub async fn check(&self, options: &CheckOptions<'_>, on: OnCheck<'_>) -> Result<CheckReport, Error> {
        let begun = ambient::now();
        self.forget_trust().await;
        let inventory = self.inventory(options.scopes.as_ref()).await?;
        let mut checker = Checker::new(self, &inventory);
        let mut report = CheckReport::new(self.store(), begun, &inventory);
        let marker = match marker::read(&self.shared.store).await {
            Err(error @ Error::Uninitialised { .. }) if inventory.scopes.is_empty() => return Err(self.knows(error)),
            Err(error @ Error::Unreachable { .. }) => return Err(error),
            Ok(marker) => match self.check_root(&marker) {
                // A marker that was changed is damage; that of another repository says that this is not the one that was meant.
                Err(error) if !self.was_of_root(&marker).await? => return Err(error),
                judged => judged.map(|()| marker),
            },
            read => read,
        };
        match marker {
            // Without an id and a root nothing can be judged.
            Err(error) => {
                checker.faults.marker(error)?;
                return Ok(report.finished(checker.faults, None));
            }
            Ok(marker) => {
                report.repository.clone_from(&marker.repository);
                let text = self.shared.store.get(&layout::marker()).await?;
                checker.marker(&marker, &text);
            }
        }
        checker.names();
        checker.unfinished(options.scopes.as_ref()).await?;
        checker.trust().await?;
        checker.structure(on).await?;
        report.read = checker.bytes(options.reading, on).await?;
        checker.against(options).await?;
        let memory = checker.memory(options.memory, begun).await;
        report.points = std::mem::take(&mut checker.points);
        report.opened = std::mem::take(&mut checker.opened);
        report.closed = std::mem::take(&mut checker.closed);
        Ok(report.finished(checker.faults, memory))
    }
}

/// A check under way.
struct Checker<'a> {
    repository: &'a Repository,
    inventory: &'a Inventory,
    faults: Faults,
    opened: Vec<Scope>,
    /// Scopes whose keys cannot be had, and why.
    closed: BTreeMap<Scope, String>,
    points: Vec<PointReport>,
    /// The SHA-256 of each manifest as it is stored.
    manifests: BTreeMap<Name, BTreeMap<PointId, String>>,
    /// Who held which point.
    holds: BTreeMap<(Name, PointId), Records>,
    /// The newest statement of each writer, by scope and name.
    heads: BTreeMap<(Scope, Name), (u64, crate::evidence::Head)>,
}

impl<'a> Checker<'a> {
    fn new(repository: &'a Repository, inventory: &'a Inventory) -> Self {
        Self {
            repository,
            inventory,
            faults: Faults::default(),
            opened: Vec::new(),
            closed: BTreeMap::new(),
            points: Vec::new(),
            manifests: BTreeMap::new(),
            holds: BTreeMap::new(),
            heads: BTreeMap::new(),
        }
    }

    /// What names alone tell.
    fn names(&mut self) {
        for key in &self.inventory.strange {
            self.faults
                .add(key, Severity::Note, Flaw::Strange, "it is no part of the repository");
        }
        for key in &self.inventory.probes {
            self.faults
                .add(key, Severity::Note, Flaw::Leftover, "a probe of the store wrote it");
        }
    }

    /// What is no object, and would have become one.
    async fn unfinished(&mut self, only: Option<&BTreeSet<Scope>>) -> Result<(), Error> {
        let found = self.repository.shared.store.unfinished(&Path::default()).await?;
        let of = |key: &Path| only.is_none_or(|only| layout::scope_of(key).is_some_and(|scope| only.contains(&scope)));
        for it in found.iter().filter(|it| of(&it.key)) {
            let reason = "its writer has not ended it, or was killed: it counts for nothing";
            self.faults.add(it.key.as_ref(), Severity::Note, Flaw::Leftover, reason);
        }
        Ok(())
    }

    /// Looks at every object: the small ones whole, the large ones at their headers.
    async fn structure(&mut self, on: OnCheck<'_>) -> Result<(), Error> {
        let objects = objects::all(self.inventory, &self.closed)?;
        let points = points::all(self.inventory);
        let mut progress = CheckProgress {
            of_objects: (objects.len() + points.len()) as u64,
            of_bytes: objects.iter().map(|object| object.bytes).sum(),
            ..CheckProgress::default()
        };
        on(progress);
        let repository = self.repository;
        let looks = objects.into_iter().map(|object| async move {
            let found = repository.look(&object).await;
            (object, found)
        });
        let mut looks = futures::stream::iter(looks).buffer_unordered(LOOKS);
        while let Some((object, found)) = looks.next().await {
            progress.objects += 1;
            progress.bytes += object.bytes;
            on(progress);
            self.take(object, found)?;
        }
        drop(looks);
        self.holes().await?;
        self.lost_though_held().await?;
        let closed = &self.closed;
        let looks = points
            .into_iter()
            .map(|point| async move { repository.look_at(point, closed).await });
        let mut looks = futures::stream::iter(looks).buffered(LOOKS);
        let mut seen = Vec::new();
        while let Some(found) = looks.next().await {
            progress.objects += 1;
            on(progress);
            seen.push(found);
        }
        drop(looks);
        seen.into_iter().try_for_each(|found| self.take_point(found))
    }
}

/// The key as text.
fn text(key: Result<Path, Error>) -> Result<String, Error> {
    Ok(key?.to_string())
}

#[cfg(test)]
impl Repository {
    /// Checks every byte of some objects only, the trust aside: what a check of everything does with these.
    pub(crate) async fn check_only(&self, inventory: &Inventory) -> Result<BTreeSet<Fault>, Error> {
        let mut checker = Checker::new(self, inventory);
        checker.structure(&|_| {}).await?;
        checker.bytes(Reading::All, &|_| {}).await?;
        Ok(checker.faults.all)
    }
}
