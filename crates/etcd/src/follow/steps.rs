//! What is to be done after a look at the shelf. Start at [`Follower::step`].

use super::build::{self, Begin};
use super::file::Followed;
use super::lag::Seen;
use super::{FollowError, Follower};
use crate::history::{History, Pack, SegmentHeader, SegmentName, Shelf};
use crate::selection::Source;
use std::sync::Arc;

/// How many segments at most, and about how many bytes of them, are one change.
const MOST_SEGMENTS: usize = 1024;
const MOST_BYTES: u64 = 64 << 20;

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// Nothing: there was nothing new.
    Nothing,
    /// Segments were appended.
    Appended {
        /// How many.
        segments: u64,
        /// How many records they had.
        records: u64,
    },
    /// The file was made from the history.
    Built {
        /// Why, where there was one before.
        instead: Option<String>,
    },
}

impl Follower {
    pub(super) fn step(&mut self, shelf: &Arc<dyn Shelf>) -> Result<Done, FollowError> {
        let known = self.history.take().filter(|history| Arc::ptr_eq(history.shelf(), shelf));
        let history = match known {
            Some(known) => known.renewed(),
            None => History::open(Arc::clone(shelf)),
        }?;
        let (timeline, revision) = build::end(&history).ok_or(FollowError::NoHistory)?;
        let at_ms = u64::try_from(ambient::now().as_millisecond()).unwrap_or(0);
        self.lag.seen = Some(Seen { timeline, revision, at_ms });
        let done = self.follow(&history, timeline, revision);
        self.history = Some(history);
        done
    }

    fn follow(&mut self, history: &History, timeline: u32, last: u64) -> Result<Done, FollowError> {
        let Some(own) = self.file.as_ref().map(|file| file.position().clone()) else {
            return self.begin(history, self.lost.clone());
        };
        let known = history.onward(own.timeline, own.revision, own.link.mark());
        if known.is_none() {
            self.is_of_its_cluster(history, own.timeline)?;
        }
        if (timeline, last) < (own.timeline, own.revision) {
            let (own_timeline, own) = (own.timeline, own.revision);
            return Err(FollowError::Ahead { timeline, last, own_timeline, own });
        }
        if timeline != own.timeline {
            return self.begin(history, Some(format!("the history went on as timeline {timeline}")));
        }
        match known {
            None => self.begin(history, Some(format!("what follows revision {} was merged", own.revision))),
            Some(next) if !next.iter().all(SegmentName::is_complete) => {
                let why = format!("not every version after revision {} is in the history", own.revision);
                self.begin(history, Some(why))
            }
            Some(next) if next.is_empty() => Ok(Done::Nothing),
            Some(next) => self.append(history, &next),
        }
    }

    /// A history that does not go on exactly from what is here may have been merged. It is still of this cluster, or it is another one.
    fn is_of_its_cluster(&self, history: &History, timeline: u32) -> Result<(), FollowError> {
        let own = self.origin().map_or(0, |(_, cluster)| cluster);
        let why = match build::cluster_of(history, timeline)? {
            Some(id) if id == own && id != 0 => return Ok(()),
            Some(0) => "it does not say of which cluster it is, as what was imported does not".to_owned(),
            Some(_) if own == 0 => "what is here does not say of which cluster it is".to_owned(),
            Some(id) => format!("it is of cluster {id:x}, and what is here of {own:x}"),
            None => format!("it has no timeline {timeline}"),
        };
        Err(FollowError::Stranger { why })
    }

    fn append(&mut self, history: &History, next: &[SegmentName]) -> Result<Done, FollowError> {
        let (mut segments, mut records) = (0, 0);
        let mut next = next.iter().peekable();
        while next.peek().is_some() {
            let Some(own) = self.position().cloned() else { break };
            let (mut packs, mut bytes, mut link, mut failed) = (Vec::new(), 0, own.link, None);
            while let Some(name) = next.next_if(|_| packs.len() < MOST_SEGMENTS && bytes < MOST_BYTES) {
                match history.segment_after(name, link) {
                    Ok((pack, header)) => {
                        bytes += pack.frames().iter().map(|it| it.raw as u64).sum::<u64>();
                        link = pack.chain();
                        packs.push((pack, header));
                    }
                    Err(e) => {
                        failed = Some(e);
                        break;
                    }
                }
            }
            records += self.take(&packs)?;
            segments += packs.len() as u64;
            if let Some(e) = failed {
                return Err(e.into());
            }
            if self.file.as_ref().is_some_and(Followed::is_bloated) {
                self.renew()?;
            }
        }
        Ok(Done::Appended { segments, records })
    }

    /// Appends segments as one change; where one of them is damaged, as many as there are before it.
    fn take(&mut self, packs: &[(Pack, SegmentHeader)]) -> Result<u64, FollowError> {
        let Some(file) = self.file.as_mut().filter(|_| !packs.is_empty()) else {
            return Ok(0);
        };
        match file.append(packs) {
            Ok(records) => Ok(records),
            Err(e) => {
                // What is on the disk is what was or what is; which, only opening it again tells.
                self.file = self.home.reopen()?;
                if e.is_damage() && packs.len() > 1 {
                    packs
                        .iter()
                        .try_for_each(|one| self.take(std::slice::from_ref(one)).map(drop))?;
                }
                Err(e.into())
            }
        }
    }

    /// Makes the file from the history, and puts it in the place of the one before.
    fn begin(&mut self, history: &History, instead: Option<String>) -> Result<Done, FollowError> {
        let (packs, position) = build::newest(history)?;
        let facts = packs.facts();
        let begin = Begin {
            position,
            etcd_version: facts.etcd_version.clone(),
            cluster_id: facts.source.cluster_id,
            source: &packs,
        };
        self.file = Some(self.home.build(&begin)?);
        self.lost = None;
        Ok(Done::Built { instead })
    }

    /// Makes the file from itself, without what is superseded.
    fn renew(&mut self) -> Result<(), FollowError> {
        let Some(file) = &self.file else { return Ok(()) };
        let (source, (version, cluster_id)) = (file.source()?, file.origin());
        let begin = Begin {
            position: file.position().clone(),
            etcd_version: version.to_owned(),
            cluster_id,
            source: &source as &dyn Source,
        };
        self.file = Some(self.home.build(&begin)?);
        Ok(())
    }
}
