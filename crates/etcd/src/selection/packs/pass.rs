//! The passes over a base and its segments, of which walks and merges are made. Start at [`Pass`].

use super::super::ahead::ahead;
use super::super::aside::{Aside, Damaged};
use super::super::standings::{KeyHash, KeyHasher, KeySet, Standings};
use super::super::{Sink, Walked};
use super::Packs;
use crate::history::{Pack, Role, SegmentHeader};
use crate::record::shown;
use crate::{FileError, Record};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// The passes for one floor and one revision, to be made in the order in which they stand here.
pub(crate) struct Pass<'a> {
    packs: &'a Packs,
    hasher: KeyHasher,
    standings: Standings,
    /// Keys that come again after the live records.
    again: KeySet,
}

impl<'a> Pass<'a> {
    pub(crate) fn new(packs: &'a Packs, floor: u64, revision: u64) -> Self {
        let standings = Standings::new(floor, revision);
        Self {
            packs,
            hasher: KeyHasher::new(),
            standings,
            again: KeySet::default(),
        }
    }

    /// The segments' records, newest first.
    pub(crate) fn segments(&mut self, sink: &mut Walked<'_>) -> Result<(), FileError> {
        let (hasher, aside, revision) = (&self.hasher, self.packs.aside.as_ref(), self.standings.revision);
        let jobs = self
            .packs
            .segments
            .iter()
            .rev()
            .flat_map(|it| segment_jobs(it, revision))
            .collect();
        ahead(
            jobs,
            |job: Job| job.run(hasher, aside),
            |batch| newest_first(batch, &mut self.standings, sink),
        )
    }

    /// Notes which keys the base's older records up to `through` have: only those are worth remembering in the next pass.
    pub(crate) fn note_keys_of_older(&mut self, through: u64) -> Result<(), FileError> {
        let (hasher, aside) = (&self.hasher, self.packs.aside.as_ref());
        let keys = jobs(&self.packs.base, Role::Older, 0..=through, What::Keys);
        ahead(
            keys,
            |job: Job| job.run(hasher, aside),
            |batch| {
                if let Batch::Keys(keys) = batch {
                    keys.into_iter().for_each(|key| self.again.note(key));
                }
                Ok(())
            },
        )
    }

    /// The base's live records, in order of their keys.
    pub(crate) fn live(&mut self, sink: &mut Walked<'_>) -> Result<(), FileError> {
        self.live_in(&self.packs.base.frames_of(Role::Live), sink)
    }

    /// Those of the frames with these numbers.
    pub(crate) fn live_in(&mut self, frames: &[usize], sink: &mut Walked<'_>) -> Result<(), FileError> {
        let (hasher, aside, revision) = (&self.hasher, self.packs.aside.as_ref(), self.standings.revision);
        let mut live = jobs(&self.packs.base, Role::Live, 0..=revision, What::Records { newest_first: false });
        live.retain(|job| frames.contains(&job.frame));
        // Where older records are asked for as well, one of them would be taken for what is lost.
        let alone = self.standings.floor >= self.packs.facts.revision;
        live.iter_mut().for_each(|job| job.may_lack = alone);
        ahead(
            live,
            |job: Job| job.run(hasher, aside),
            |batch| {
                let Batch::Records(records) = batch else { return Ok(()) };
                for (record, key) in records {
                    let main = record.revision.main;
                    let standing = self.standings.of_last(main, record.tombstone, key);
                    if self.again.contains(key) {
                        self.standings.pass(main, key);
                    }
                    standing.map_or(Ok(()), |standing| sink(record, standing))?;
                }
                Ok(())
            },
        )
    }

    /// The base's older records up to `through`, newest first.
    pub(crate) fn older(&mut self, through: u64, sink: &mut Walked<'_>) -> Result<(), FileError> {
        let (hasher, aside) = (&self.hasher, self.packs.aside.as_ref());
        let mut older = jobs(&self.packs.base, Role::Older, 0..=through, What::Records { newest_first: true });
        older.reverse();
        ahead(
            older,
            |job: Job| job.run(hasher, aside),
            |batch| newest_first(batch, &mut self.standings, sink),
        )
    }

    /// The segments' records of these revisions, in order of revision; how they stand is not asked.
    pub(crate) fn changes(&self, only: &RangeInclusive<u64>, sink: &mut Sink<'_>) -> Result<(), FileError> {
        let segments = self.packs.segments.iter();
        let in_order = What::Records { newest_first: false };
        self.run(
            segments
                .flat_map(|it| jobs(it, Role::Changes, only.clone(), in_order))
                .collect(),
            sink,
        )
    }

    /// The base's records of these revisions, in no order: all that are older, and the live ones of the frames with these numbers.
    pub(crate) fn of_base(
        &self,
        live: &[usize],
        only: &RangeInclusive<u64>,
        sink: &mut Sink<'_>,
    ) -> Result<(), FileError> {
        let of = |role| jobs(&self.packs.base, role, only.clone(), What::Records { newest_first: false });
        let live = of(Role::Live).into_iter().filter(|job| live.contains(&job.frame));
        let live = live.map(|job| Job { may_lack: true, ..job });
        self.run(of(Role::Older).into_iter().chain(live).collect(), sink)
    }

    /// The base's older records above `after`, in order of revision; how they stand is not asked.
    pub(crate) fn older_above(&self, after: u64, sink: &mut Sink<'_>) -> Result<(), FileError> {
        let above = after.saturating_add(1)..=u64::MAX;
        let older = jobs(&self.packs.base, Role::Older, above, What::Records { newest_first: false });
        self.run(older, sink)
    }

    /// The records of these frames, one after the other.
    fn run(&self, jobs: Vec<Job>, sink: &mut Sink<'_>) -> Result<(), FileError> {
        ahead(
            jobs,
            |job: Job| job.run(&self.hasher, self.packs.aside.as_ref()),
            |batch| match batch {
                Batch::Records(records) => records.into_iter().try_for_each(|(record, _)| sink(record)),
                Batch::Gone(..) | Batch::Keys(_) => Ok(()),
            },
        )
    }
}

/// One frame to be read.
struct Job {
    pack: Arc<Pack>,
    frame: usize,
    /// Records of other revisions are passed over.
    only: RangeInclusive<u64>,
    what: What,
    /// Whether it can be done without, if it is damaged and that can be noted.
    may_lack: bool,
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
    let gone = gone.into_iter().map(|frame| Job {
        pack: Arc::clone(pack),
        frame,
        only: 0..=at,
        what: What::Gone(at),
        may_lack: false,
    });
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
    frames
        .map(|frame| Job {
            pack: Arc::clone(pack),
            frame,
            only: only.clone(),
            what,
            may_lack: false,
        })
        .collect()
}

impl Job {
    fn run(&self, hasher: &KeyHasher, aside: Option<&Aside>) -> Result<Batch, FileError> {
        match (self.read(hasher, aside), aside) {
            (Err(error), Some(aside)) if self.may_lack => {
                let damaged = Damaged::of(error)?;
                aside.note(Damaged { reason: self.lacking(&damaged.reason), ..damaged });
                Ok(Batch::Records(Vec::new()))
            }
            (read, _) => read,
        }
    }

    /// What is wrong with a frame of live records, and what is missing by that.
    fn lacking(&self, reason: &str) -> String {
        let frame = self.pack.frames().get(self.frame);
        let keys = frame.map(|it| (shown(&it.first_key), shown(&it.last_key)));
        let keys = keys.map_or_else(String::new, |(first, last)| format!("; keys from {first} to {last} are not seen"));
        format!("{reason}{keys}")
    }

    fn read(&self, hasher: &KeyHasher, aside: Option<&Aside>) -> Result<Batch, FileError> {
        if let What::Gone(at) = self.what {
            let keys = self.pack.gone(self.frame)?.map(|key| Ok(hasher.hash(&key?)));
            return Ok(Batch::Gone(at, keys.collect::<Result<_, FileError>>()?));
        }
        let mut records = Vec::new();
        for record in self.pack.records(self.frame)? {
            let record = record?;
            if !self.only.contains(&record.revision.main) {
                continue;
            }
            let key = match (record.key_it_stands_for(), aside) {
                (Ok(key), _) => key,
                (Err(why), Some(aside)) => {
                    aside.note(Damaged::record(self.pack.name().to_string(), &record, why));
                    continue;
                }
                (Err(why), None) => {
                    let place = format!("record {}", record.revision);
                    return Err(FileError::damaged(self.pack.name(), place, why));
                }
            };
            let hash = hasher.hash(&key);
            records.push((record, hash));
        }
        if let What::Keys = self.what {
            return Ok(Batch::Keys(records.into_iter().map(|(_, key)| key).collect()));
        }
        if matches!(self.what, What::Records { newest_first: true }) {
            records.reverse();
        }
        Ok(Batch::Records(records))
    }
}
