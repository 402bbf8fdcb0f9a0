//! A base and the segments after it as a source of records. Start at [`Packs`].
//!
//! Newest first: the segments, then of the base the live records, without those whose keys have passed. The base's older
//! records are needed only below its own revision; they come last, also newest first.

mod pass;

pub(crate) use pass::Pass;

use super::{Aside, LeaseTtl, SelectionError, Sink, Source, Standing, Walked, begins, check_range};
use crate::database::{Lease, Others};
use crate::history::{BaseHeader, Buckets, LeaseSeen, Pack};
use crate::{FileError, Record};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A base and the segments that follow it, each the one before.
#[derive(Clone, Debug)]
pub struct Packs {
    base: Arc<Pack>,
    segments: Vec<Arc<Pack>>,
    facts: BaseHeader,
    compaction: u64,
    /// Leases that were told of only behind the last segment.
    later: Vec<LeaseSeen>,
    aside: Option<Aside>,
}

impl Packs {
    /// A base and what follows it, oldest first. That they follow each other is checked; what is in them when it is read.
    ///
    /// # Errors
    /// The first is no base, or one of the others does not follow the one before it.
    pub fn new(base: Arc<Pack>, segments: Vec<Arc<Pack>>) -> Result<Self, FileError> {
        let Some(facts) = base.header().base().cloned() else {
            return Err(FileError::damaged(base.name(), "its index", "it is no base"));
        };
        let (mut chain, mut through, mut compaction) = (base.chain(), facts.revision, facts.compaction);
        for pack in &segments {
            let follows = pack
                .header()
                .segment()
                .filter(|it| it.timeline == facts.timeline && it.prev == chain && it.after == through);
            let Some(segment) = follows else {
                return Err(FileError::damaged(
                    pack.name(),
                    "its index",
                    format!("it does not follow revision {through}"),
                ));
            };
            compaction = segment.complete_from().unwrap_or(compaction);
            (chain, through) = (pack.chain(), segment.through);
        }
        Ok(Self {
            base,
            segments,
            facts,
            compaction,
            later: Vec::new(),
            aside: None,
        })
    }

    /// The same with leases that were told of later: they count where nothing else is known.
    pub(super) fn with_later(self, later: Vec<LeaseSeen>) -> Self {
        Self { later, ..self }
    }

    /// The same, which passes over records that are damaged and notes them: for looking only. So it does with frames of live
    /// records where nothing else could be taken for them.
    pub fn setting_aside(self, aside: Aside) -> Self {
        Self { aside: Some(aside), ..self }
    }

    /// The base.
    pub fn base(&self) -> &Arc<Pack> {
        &self.base
    }

    /// The segments, oldest first.
    pub fn segments(&self) -> &[Arc<Pack>] {
        &self.segments
    }

    /// What the base says about itself.
    pub fn facts(&self) -> &BaseHeader {
        &self.facts
    }
}

impl Source for Packs {
    fn name(&self) -> String {
        match self.segments.last() {
            Some(last) => format!("the history from {} to {}", self.base.name(), last.name()),
            None => self.base.name().to_string(),
        }
    }

    fn last_revision(&self) -> u64 {
        self.segments
            .last()
            .and_then(|it| it.header().segment())
            .map_or(self.facts.revision, |it| it.through)
    }

    fn compaction(&self) -> u64 {
        self.compaction
    }

    fn walk(&self, floor: u64, revision: u64, sink: &mut Walked<'_>) -> Result<(), SelectionError> {
        check_range(self, floor, revision)?;
        let mut pass = Pass::new(self, floor, revision);
        pass.segments(sink)?;
        // What is superseded in the base matters only below its own revision.
        let below = floor < self.facts.revision;
        if below {
            pass.note_keys_of_older(revision)?;
        }
        pass.live(sink)?;
        if below {
            pass.older(revision, sink)?;
        }
        Ok(())
    }

    /// Of the base, only the frames that may hold such keys are read; the segments are read as a whole.
    fn live_under(&self, prefix: &[u8], revision: u64, sink: &mut Sink<'_>) -> Result<(), SelectionError> {
        check_range(self, revision, revision)?;
        let mut live = |record: Record, standing: Standing| {
            if standing.live && begins(&record, prefix)? {
                sink(record)
            } else {
                Ok(())
            }
        };
        if revision < self.facts.revision {
            // What was live then is among the older records now, which stand by revision.
            return self.walk(revision, revision, &mut live);
        }
        let mut pass = Pass::new(self, revision, revision);
        pass.segments(&mut live)?;
        pass.live_in(&self.base.frames_for_prefix(prefix), &mut live)?;
        Ok(())
    }

    /// In order of revision. Of the base, only the live frames that may hold such keys and the older records of these revisions are
    /// read, and nothing where `after` is its revision or above; what matches in it is held in memory.
    fn versions_under(
        &self,
        prefix: &[u8],
        after: u64,
        through: u64,
        sink: &mut Sink<'_>,
    ) -> Result<(), SelectionError> {
        check_range(self, after, through)?;
        let only = after.saturating_add(1)..=through;
        let pass = Pass::new(self, after, through);
        if after < self.facts.revision {
            let mut found = Vec::new();
            pass.of_base(&self.base.frames_for_prefix(prefix), &only, &mut |record| {
                if begins(&record, prefix)? {
                    // A copy, or the whole frame would stay.
                    found.push(Record { value: Bytes::copy_from_slice(&record.value), ..record });
                }
                Ok(())
            })?;
            found.sort_unstable_by_key(|it| it.revision);
            found.into_iter().try_for_each(&mut *sink)?;
        }
        Ok(pass.changes(&only, &mut |record| if begins(&record, prefix)? { sink(record) } else { Ok(()) })?)
    }

    fn leases(&self) -> Result<BTreeMap<i64, LeaseTtl>, SelectionError> {
        let mut leases = base_leases(&self.base)?;
        for segment in self.segments.iter().filter_map(|it| it.header().segment()) {
            leases.extend(segment.leases.iter().map(|it| {
                // One that was over is not yet gone, or nobody would have met it: 0 would mean its whole time.
                (
                    it.id,
                    LeaseTtl {
                        granted_s: it.granted_s.max(1),
                        remaining_s: it.remaining_s.max(1),
                    },
                )
            }));
        }
        for it in &self.later {
            let ttl = LeaseTtl {
                granted_s: it.granted_s.max(1),
                remaining_s: it.remaining_s.max(1),
            };
            leases.entry(it.id).or_insert(ttl);
        }
        Ok(leases)
    }

    fn others(&self) -> Result<Buckets, SelectionError> {
        Ok(self.base.buckets()?)
    }
}

/// The leases in a base's bucket `lease`.
fn base_leases(base: &Pack) -> Result<BTreeMap<i64, LeaseTtl>, FileError> {
    let leases = Others { buckets: base.buckets()? }.leases();
    let leases = leases.map_err(|why| FileError::damaged(base.name(), "its buckets", why))?;
    let ttl = |it: Lease| (it.id, LeaseTtl { granted_s: it.ttl, remaining_s: it.remaining });
    Ok(leases.into_iter().map(ttl).collect())
}
