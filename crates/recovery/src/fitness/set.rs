//! Whether the parts of a cluster's newest point belong together, as findings: as whoever captures it says, or as it is judged here. Start
//! at [`judged`] and [`findings`].

use super::Finding;
use crate::asked::{Asked, files};
use crate::{Trouble, World};
use estate::{Kind, Name, PointId};
use etcd::history::History;
use etcd::selection::{HistorySource, Source};
use protect::complete::{self, Complete, Outcome, Parts};
use protect::etcd::RepositoryShelf;
use std::sync::Arc;

/// What is known of a recovery set, in the words of the judge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Set {
    /// Whose word it is.
    pub by: String,
    /// What it lacks, or what does not match.
    pub lacks: Vec<String>,
    /// What could not be tested.
    pub untested: Vec<String>,
    /// What will be wrong soon.
    pub warnings: Vec<String>,
}

impl Set {
    /// As the judge has it.
    #[must_use]
    pub fn of(by: String, complete: &Complete) -> Self {
        let said = |it: &complete::Finding| format!("{it}{NEXT}{}", it.next);
        Self {
            by,
            lacks: complete.failing().map(said).collect(),
            untested: complete.unknown().map(said).collect(),
            warnings: complete.expiring().map(said).collect(),
        }
    }
}

/// What parts a finding in words from what to do about it, wherever it is kept.
const NEXT: &str = "; next: ";

/// Judges the newest point of `cluster` here: its files, and what its history holds. Reads all of that moment.
///
/// # Errors
/// There is no point, it does not open, or its history does not.
pub async fn judged(world: &World, cluster: &Name) -> Result<(PointId, Complete), Trouble> {
    let repository = world.repository(&world.cluster(cluster)?.repository)?;
    let copied = files(&repository, cluster, &Asked::Newest, "lifeboat restore files").await?;
    let shelf = RepositoryShelf::new(&repository, cluster);
    let (id, now) = (copied.point.id.clone(), ambient::now());
    let judging = tokio::task::spawn_blocking(move || {
        let point = &copied.point;
        let revision = u64::try_from(point.revision).unwrap_or(0);
        let source = HistorySource::new(Arc::new(History::open(Arc::new(shelf))?), point.timeline)?;
        let none = || {
            let message = format!("timeline {} of the history has nothing that could be judged", point.timeline);
            Trouble::new("LB0407", Kind::Unreachable, message)
        };
        let source = source.ok_or_else(none)?;
        let records = complete::gathered(&source, revision.min(source.last_revision()))?;
        let parts = Parts {
            distribution: point.distribution,
            files: &copied.files,
            records: &records,
            now,
        };
        Ok::<_, Trouble>(complete::judge(&parts))
    });
    let broken = |reason: tokio::task::JoinError| Trouble::new("LB0099", Kind::Bug, reason.to_string());
    Ok((id, judging.await.map_err(broken)??))
}

/// Each finding of the judge, called `what`. Purely.
#[must_use]
pub fn each(what: &str, complete: &Complete) -> Vec<Finding> {
    let said = |it: &complete::Finding| match it.outcome {
        Outcome::Matches => Finding::ok(what, &it.why),
        Outcome::Expiring { .. } | Outcome::Expired { anew: true, .. } => Finding::warn(what, &it.why, &it.next),
        Outcome::Unknown => Finding::unknown(what, &it.why, &it.next),
        Outcome::Mismatch | Outcome::Missing | Outcome::Expired { .. } => Finding::fail(what, &it.why, &it.next),
    };
    complete.findings.iter().map(said).collect()
}

/// What is said of the set called `what`. Purely.
#[must_use]
pub fn findings(what: &str, set: &Set) -> Vec<Finding> {
    let parted = |text: &str| match text.rsplit_once(NEXT) {
        Some((found, next)) => (found.to_owned(), next.to_owned()),
        None => (text.to_owned(), "lifeboat status".to_owned()),
    };
    let mut all = Vec::new();
    for (texts, says) in [
        (&set.lacks, Finding::fail as fn(String, String, String) -> Finding),
        (&set.untested, Finding::unknown),
        (&set.warnings, Finding::warn),
    ] {
        all.extend(texts.iter().map(|text| {
            let (found, next) = parted(text);
            says(what.to_owned(), found, next)
        }));
    }
    if set.lacks.is_empty() && set.untested.is_empty() {
        let found = format!("complete: its parts belong together, {}", set.by);
        all.insert(0, Finding::ok(what, found));
    }
    all
}
