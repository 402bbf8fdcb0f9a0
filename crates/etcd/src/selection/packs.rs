//! A base and the segments after it as a source of records. Start at [`Packs`].
//!
//! Newest first: the segments, then of the base the live records, without those whose keys have passed. The base's older
//! records are needed only below its own revision; they come last, also newest first.

use super::ahead::ahead;
use super::standings::{KeyHash, KeyHasher, KeySet, Standings};
use super::{LeaseTtl, SelectionError, Source, Walked, check_range};
use crate::history::{BaseHeader, Buckets, Pack, Role, SegmentHeader};
use crate::record::varint;
use crate::{FileError, Record};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// A base and the segments that follow it, each the one before.
#[derive(Clone, Debug)]
pub struct Packs {
    base: Arc<Pack>,
    segments: Vec<Arc<Pack>>,
    facts: BaseHeader,
    compaction: u64,
}

/// One frame to be read.
struct Job {
    pack: Arc<Pack>,
    frame: usize,
    /// Records of other revisions are passed over.
    only: RangeInclusive<u64>,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    /// Records, in the frame's order or newest first.
    Records { newest_first: bool },
    /// Keys that are gone at this revision.
    Gone(u64),
    /// Nothing but the keys of records.
    Keys,
}

/// What was in a frame.
enum Batch {
    Records(Vec<(Record, KeyHash)>),
    Gone(u64, Vec<KeyHash>),
    Keys(Vec<KeyHash>),
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
            let follows = pack.header().segment().filter(|it| {
                it.timeline == facts.timeline && it.prev == chain && it.after == through
            });
            let Some(segment) = follows else {
                return Err(FileError::damaged(pack.name(), "its index", format!("it does not follow revision {through}")));
            };
            compaction = segment.hole().map_or(compaction, |hole| hole.until);
            (chain, through) = (pack.chain(), segment.through);
        }
        Ok(Self { base, segments, facts, compaction })
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
        self.segments.last().and_then(|it| it.header().segment()).map_or(self.facts.revision, |it| it.through)
    }

    fn compaction(&self) -> u64 {
        self.compaction
    }

    fn walk(&self, floor: u64, revision: u64, sink: &mut Walked<'_>) -> Result<(), SelectionError> {
        check_range(self, floor, revision)?;
        let hasher = KeyHasher::new();
        let mut standings = Standings::new(floor, revision);
        let jobs = self.segments.iter().rev().flat_map(|it| segment_jobs(it, revision)).collect();
        ahead(jobs, |job: Job| job.run(&hasher), |batch| newest_first(batch, &mut standings, sink))?;
        walk_base(self, &hasher, standings, sink)?;
        Ok(())
    }

    fn leases(&self) -> Result<BTreeMap<i64, LeaseTtl>, SelectionError> {
        let mut leases = base_leases(&self.base)?;
        for segment in self.segments.iter().filter_map(|it| it.header().segment()) {
            leases.extend(segment.leases.iter().map(|it| {
                (it.id, LeaseTtl { granted_s: it.granted_s, remaining_s: it.remaining_s })
            }));
        }
        Ok(leases)
    }

    fn others(&self) -> Result<Buckets, SelectionError> {
        Ok(self.base.buckets()?)
    }
}

/// The leases in a base's bucket `lease` (leasepb.Lease: id 1, TTL 2, remaining TTL 3).
fn base_leases(base: &Pack) -> Result<BTreeMap<i64, LeaseTtl>, FileError> {
    let mut buckets = base.buckets()?;
    let of = |value: &Bytes| -> Result<(i64, LeaseTtl), String> {
        let (mut at, mut id, mut ttl) = (0, 0, LeaseTtl::default());
        while at < value.len() {
            let tag = varint(value, &mut at)?;
            let n = varint(value, &mut at)?.cast_signed();
            match tag {
                0x08 => id = n,
                0x10 => ttl.granted_s = n,
                0x18 => ttl.remaining_s = n,
                tag if tag & 7 == 0 => {}
                _ => return Err("it is no lease".to_owned()),
            }
        }
        Ok((id, ttl))
    };
    let entries = buckets.remove("lease").unwrap_or_default();
    let leases = entries.iter().map(|(_, value)| of(value));
    leases.collect::<Result<_, _>>().map_err(|why| FileError::damaged(base.name(), "bucket lease", why))
}

/// The base's part of a walk, after the segments.
fn walk_base(packs: &Packs, hasher: &KeyHasher, mut standings: Standings, sink: &mut Walked<'_>) -> Result<(), FileError> {
    let (floor, revision, base) = (standings.floor, standings.revision, &packs.base);
    // What is superseded in the base matters only where somebody may have seen it.
    let needs_older = floor < packs.facts.revision;
    let mut again = KeySet::default();
    if needs_older {
        // Only keys that come again are worth remembering.
        let keys = jobs(base, Role::Older, 0..=revision, What::Keys);
        ahead(keys, |job: Job| job.run(hasher), |batch| {
            if let Batch::Keys(keys) = batch {
                keys.into_iter().for_each(|key| drop(again.insert(key)));
            }
            Ok(())
        })?;
    }
    let live = jobs(base, Role::Live, 0..=revision, What::Records { newest_first: false });
    ahead(live, |job: Job| job.run(hasher), |batch| {
        let Batch::Records(records) = batch else { return Ok(()) };
        for (record, key) in records {
            let main = record.revision.main;
            let standing = standings.of_last(main, record.tombstone, key);
            if again.contains(key) {
                standings.pass(main, key);
            }
            standing.map_or(Ok(()), |standing| sink(record, standing))?;
        }
        Ok(())
    })?;
    if needs_older {
        let mut older = jobs(base, Role::Older, 0..=revision, What::Records { newest_first: true });
        older.reverse();
        ahead(older, |job: Job| job.run(hasher), |batch| newest_first(batch, &mut standings, sink))?;
    }
    Ok(())
}

/// Takes what comes newest first.
fn newest_first(batch: Batch, standings: &mut Standings, sink: &mut Walked<'_>) -> Result<(), FileError> {
    match batch {
        Batch::Records(records) => records.into_iter().try_for_each(|(record, key)| {
            let standing = standings.of(record.revision.main, record.tombstone, key);
            standing.map_or(Ok(()), |standing| sink(record, standing))
        }),
        Batch::Gone(at, keys) => {
            keys.into_iter().for_each(|key| standings.pass(at, key));
            Ok(())
        }
        Batch::Keys(_) => Ok(()),
    }
}

/// A segment's frames, newest first; the keys that are gone stand between the records above that revision and the others.
fn segment_jobs(pack: &Arc<Pack>, revision: u64) -> Vec<Job> {
    let changes = |only: RangeInclusive<u64>| {
        let mut changes = jobs(pack, Role::Changes, only, What::Records { newest_first: true });
        changes.reverse();
        changes
    };
    let gone = pack.frames_of(Role::Gone);
    let at = pack.header().segment().map_or(0, SegmentHeader::gone_at);
    if gone.is_empty() || at > revision {
        return changes(0..=revision);
    }
    let gone = gone.into_iter().map(|frame| Job { pack: Arc::clone(pack), frame, only: 0..=at, what: What::Gone(at) });
    let above = changes(at.saturating_add(1)..=revision);
    above.into_iter().chain(gone).chain(changes(0..=at)).collect()
}

/// The frames of a role that hold one of these revisions.
fn jobs(pack: &Arc<Pack>, role: Role, only: RangeInclusive<u64>, what: What) -> Vec<Job> {
    let holds = |frame: &usize| {
        let frame = pack.frames().get(*frame);
        frame.is_some_and(|it| it.first_revision <= *only.end() && it.last_revision >= *only.start())
    };
    let frames = pack.frames_of(role).into_iter().filter(holds);
    frames.map(|frame| Job { pack: Arc::clone(pack), frame, only: only.clone(), what }).collect()
}

impl Job {
    fn run(self, hasher: &KeyHasher) -> Result<Batch, FileError> {
        if let What::Gone(at) = self.what {
            let keys = self.pack.gone(self.frame)?.map(|key| Ok(hasher.hash(&key?)));
            return Ok(Batch::Gone(at, keys.collect::<Result<_, FileError>>()?));
        }
        let wanted = self.pack.records(self.frame)?.filter(|it| match it {
            Ok(record) => self.only.contains(&record.revision.main),
            Err(_) => true,
        });
        let hashed = wanted.map(|it| {
            let record = it?;
            let key = record.key().map_err(|why| {
                FileError::damaged(self.pack.name(), format!("record {}", record.revision), why)
            })?;
            let hash = hasher.hash(&key);
            Ok((record, hash))
        });
        if let What::Keys = self.what {
            let keys = hashed.map(|it| it.map(|(_, key)| key));
            return Ok(Batch::Keys(keys.collect::<Result<_, FileError>>()?));
        }
        let mut records = hashed.collect::<Result<Vec<_>, FileError>>()?;
        if matches!(self.what, What::Records { newest_first: true }) {
            records.reverse();
        }
        Ok(Batch::Records(records))
    }
}
