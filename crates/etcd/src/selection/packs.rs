//! The walk over a base and the segments after it. Start at [`walk`].
//!
//! Newest first: the segments, then of the base the live records, without those whose keys have passed. The base's older
//! records are needed only below its own revision; they come last, also newest first.

use super::ahead::ahead;
use super::standings::{KeyHash, KeyHasher, KeySet, Standings};
use super::{SelectionError, Walked};
use crate::history::{Pack, Role, SegmentHeader};
use crate::{FileError, Record};
use std::ops::RangeInclusive;
use std::sync::Arc;

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

/// [`super::Source::walk`] over a base and segments, newest first, each of which comes before the one that follows it here.
pub(super) fn walk(
    base: &Arc<Pack>,
    segments: &[Arc<Pack>],
    (floor, revision): (u64, u64),
    sink: &mut Walked<'_>,
) -> Result<(), SelectionError> {
    let hasher = KeyHasher::new();
    let mut standings = Standings::new(floor, revision);
    let of_segments = segments.iter().flat_map(|it| segment_jobs(it, revision)).collect();
    ahead(of_segments, |job| job.run(&hasher), |batch| newest_first(batch, &mut standings, sink))?;

    let older = base_jobs(base, Role::Older, 0..=revision, What::Keys);
    let base_revision = base.header().base().map_or(0, |it| it.revision);
    let needs_older = floor < base_revision && !older.is_empty();
    let mut again = KeySet::default();
    if needs_older {
        ahead(older, |job| job.run(&hasher), |batch| {
            if let Batch::Keys(keys) = batch {
                keys.into_iter().for_each(|key| drop(again.insert(key)));
            }
            Ok::<(), FileError>(())
        })?;
    }
    let live = base_jobs(base, Role::Live, 0..=revision, What::Records { newest_first: false });
    ahead(live, |job| job.run(&hasher), |batch| {
        let Batch::Records(records) = batch else { return Ok(()) };
        for (record, key) in records {
            let main = record.revision.main;
            let standing = standings.of_last(main, record.tombstone, key);
            // Only keys that come again are worth remembering.
            if again.contains(key) {
                standings.pass(main, key);
            }
            standing.map_or(Ok(()), |standing| sink(record, standing))?;
        }
        Ok(())
    })?;
    if needs_older {
        let mut older = base_jobs(base, Role::Older, 0..=revision, What::Records { newest_first: true });
        older.reverse();
        ahead(older, |job| job.run(&hasher), |batch| newest_first(batch, &mut standings, sink))?;
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
        let mut jobs = base_jobs(pack, Role::Changes, only, What::Records { newest_first: true });
        jobs.reverse();
        jobs
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
fn base_jobs(pack: &Arc<Pack>, role: Role, only: RangeInclusive<u64>, what: What) -> Vec<Job> {
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
