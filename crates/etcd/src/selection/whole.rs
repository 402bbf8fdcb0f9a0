//! A whole timeline as a source of records: for each question the way from the youngest base that still has the versions.
//! Start at [`HistorySource`].

use super::{Aside, LeaseTtl, Packs, SelectionError, Sink, Source, Walked, check_range};
use crate::FileError;
use crate::history::{BaseName, History, Stretch, Timeline};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The stretch of a timeline that leads farthest.
pub struct HistorySource {
    history: Arc<History>,
    timeline: u32,
    last: u64,
    bases: Vec<Start>,
    /// Of each segment that lacks versions: its first revision, and from where on it has all again.
    lacking: Vec<(u64, u64)>,
    aside: Option<Aside>,
}

/// A base, and from which revision on it has all versions.
struct Start {
    name: BaseName,
    compaction: u64,
}

impl HistorySource {
    /// The source that a timeline is; `None` if it has no base. Reads the headers of its bases, and of segments that lack versions.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn new(history: Arc<History>, timeline: u32) -> Result<Option<Self>, FileError> {
        let Some(stretch) = history.timeline(timeline).and_then(Timeline::newest_stretch) else {
            return Ok(None);
        };
        let last = stretch
            .newest()
            .max(stretch.bases.iter().map(|it| it.revision).max().unwrap_or(0));
        let (bases, lacking) = (bases(&history, stretch)?, lacking(&history, stretch)?);
        Ok(Some(Self { history, timeline, last, bases, lacking, aside: None }))
    }

    /// The same, which passes over what is damaged as [`Packs::setting_aside`] does.
    pub fn setting_aside(self, aside: Aside) -> Self {
        Self { aside: Some(aside), ..self }
    }

    fn packs_from(&self, base: &BaseName, revision: u64) -> Result<Packs, SelectionError> {
        let packs = Packs::of(&self.history.moment_from(base, revision)?)?;
        Ok(match &self.aside {
            Some(aside) => packs.setting_aside(aside.clone()),
            None => packs,
        })
    }

    /// Start where on the way from a base to a revision has all versions.
    fn complete_from(&self, base: &Start, revision: u64) -> u64 {
        let crossed = self.lacking.iter().filter(|it| it.0 > base.name.revision && it.0 <= revision);
        crossed.map(|it| it.1).max().unwrap_or(0).max(base.compaction)
    }

    /// The youngest base from which every version above `floor` is met on the way to `revision`.
    fn packs(&self, floor: u64, revision: u64) -> Result<Packs, SelectionError> {
        let leads = |it: &&Start| {
            it.compaction <= floor && (it.name.revision > revision || self.complete_from(it, revision) <= floor)
        };
        let before = self.bases.iter().rev().filter(|it| it.name.revision <= revision).find(leads);
        // One behind the revision holds it in its older records: more to read than a short way of segments, less than a long one.
        let behind = || self.bases.iter().filter(|it| it.name.revision > revision).find(leads);
        let Some(base) = before.or_else(behind) else {
            let since = self
                .bases
                .iter()
                .map(|it| self.complete_from(it, revision))
                .min()
                .unwrap_or(self.last);
            return Err(SelectionError::Compacted { source_name: self.name(), asked: floor, since });
        };
        self.packs_from(&base.name, revision)
    }
}

fn bases(history: &History, stretch: &Stretch) -> Result<Vec<Start>, FileError> {
    let mut bases = Vec::new();
    for name in &stretch.bases {
        let compaction = history.base(name)?.header().base().map_or(name.revision, |it| it.compaction);
        bases.push(Start { name: *name, compaction });
    }
    bases.sort_by_key(|it| it.name.revision);
    Ok(bases)
}

fn lacking(history: &History, stretch: &Stretch) -> Result<Vec<(u64, u64)>, FileError> {
    let mut lacking = Vec::new();
    for name in stretch.chain.iter().filter(|it| !it.is_complete()) {
        let pack = history.segment(name)?;
        let from = pack.header().segment().and_then(|it| it.complete_from());
        lacking.extend(from.map(|from| (name.after.saturating_add(1), from)));
    }
    Ok(lacking)
}

impl Source for HistorySource {
    fn name(&self) -> String {
        format!("timeline {} of the history", self.timeline)
    }

    fn last_revision(&self) -> u64 {
        self.last
    }

    fn compaction(&self) -> u64 {
        self.bases
            .iter()
            .map(|it| self.complete_from(it, self.last))
            .min()
            .unwrap_or(self.last)
    }

    fn walk(&self, floor: u64, revision: u64, sink: &mut Walked<'_>) -> Result<(), SelectionError> {
        if revision > self.last || floor > revision {
            check_range(self, floor, revision)?;
        }
        self.packs(floor, revision)?.walk(floor, revision, sink)
    }

    fn live_under(&self, prefix: &[u8], revision: u64, sink: &mut Sink<'_>) -> Result<(), SelectionError> {
        if revision > self.last {
            check_range(self, revision, revision)?;
        }
        self.packs(revision, revision)?.live_under(prefix, revision, sink)
    }

    fn versions_under(
        &self,
        prefix: &[u8],
        after: u64,
        through: u64,
        sink: &mut Sink<'_>,
    ) -> Result<(), SelectionError> {
        if through > self.last || after > through {
            check_range(self, after, through)?;
        }
        // From a base before them, the segments alone tell.
        let before = self.bases.iter().rev().filter(|it| it.name.revision <= after);
        let packs = match before.into_iter().find(|it| self.complete_from(it, through) <= after) {
            Some(base) => self.packs_from(&base.name, through)?,
            None => self.packs(after, through)?,
        };
        packs.versions_under(prefix, after, through, sink)
    }

    fn leases(&self) -> Result<BTreeMap<i64, LeaseTtl>, SelectionError> {
        self.packs(self.last, self.last)?.leases()
    }

    fn others(&self) -> Result<BTreeMap<String, Vec<(Bytes, Bytes)>>, SelectionError> {
        self.packs(self.last, self.last)?.others()
    }
}
