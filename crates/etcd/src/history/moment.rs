//! What is needed to rebuild one revision. Start at [`Moment`], which [`super::History::moment`] finds.

use super::{
    header::LeaseSeen,
    name::{Link, Name, SegmentName},
    open::History,
    pack::Pack,
    store::{Known, Store},
};
use crate::FileError;
use estate::Kind;
use std::{fmt, sync::Arc};

/// A base and the segments that lead from it to a revision.
///
/// Where the base's revision is higher, there are no segments, and the base holds all versions of the revision. The last
/// segment may go beyond the revision. In any case: what is above it does not count.
#[derive(Clone)]
pub struct Moment {
    store: Arc<Store>,
    timeline: u32,
    revision: u64,
    base: Arc<Pack>,
    segments: Vec<SegmentName>,
    next: Vec<SegmentName>,
}

/// Where a revision is found.
pub(super) struct Place {
    pub(super) base: Arc<Pack>,
    pub(super) segments: Vec<SegmentName>,
    /// The first few behind them.
    pub(super) next: Vec<SegmentName>,
}

impl Moment {
    pub(super) fn new(store: Arc<Store>, timeline: u32, revision: u64, place: Place) -> Self {
        let Place { base, segments, next } = place;
        Self { store, timeline, revision, base, segments, next }
    }

    /// Leases that are told of just behind the moment: a lease is asked for when its first key is seen, and the answer may come
    /// after the cut. What cannot be read of these is passed over, since nothing else of them is needed.
    pub fn leases_told_later(&self) -> Vec<LeaseSeen> {
        let headers = self.next.iter().filter_map(|name| self.store.segment_header(name).ok());
        headers.flat_map(|known| known.header.leases.clone()).collect()
    }

    /// The same from what is on the shelf now; from the same base if that is there.
    ///
    /// # Errors
    /// The revision cannot be rebuilt any more, or what is needed to tell cannot be read.
    pub fn again(&self) -> Result<Self, MomentError> {
        let history = History::open(Arc::clone(self.store.shelf()))?;
        let same = match self.base.name() {
            Name::Base(base) => history.moment_from(base, self.revision).ok(),
            Name::Segment(_) => None,
        };
        same.map_or_else(|| history.moment(self.timeline, self.revision), Ok)
    }

    /// The timeline that it belongs to.
    pub fn timeline(&self) -> u32 {
        self.timeline
    }

    /// The revision.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The base.
    pub fn base(&self) -> &Arc<Pack> {
        &self.base
    }

    /// The names of the segments, the oldest first.
    pub fn segments(&self) -> &[SegmentName] {
        &self.segments
    }

    /// Opens a segment by its number. Its links are checked in full, against those of its neighbours.
    ///
    /// # Errors
    /// It cannot be read, or it does not follow what its name says that it follows.
    pub fn segment(&self, number: usize) -> Result<Pack, FileError> {
        let missing =
            || FileError::damaged(&*self.base.name().to_string(), format!("segment {number}"), "there is none");
        let name = self.segments.get(number).ok_or_else(missing)?;
        let pack = self.store.segment(name)?;
        let before = match number.checked_sub(1).and_then(|it| self.segments.get(it)) {
            Some(before) => self.store.segment_header(before)?.chain,
            None => self.base.chain(),
        };
        follows(name, &*self.store.segment_header(name)?, before)?;
        Ok(pack)
    }
}

/// Names hold a quarter of a link only.
pub(super) fn follows(name: &SegmentName, known: &Known, before: Link) -> Result<(), FileError> {
    if known.header.prev == before {
        return Ok(());
    }
    let why = format!("it follows {}, and before it is {before}", known.header.prev);
    Err(FileError::damaged(Name::Segment(*name), "its index", why))
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { timeline, revision, base, segments, .. } = self;
        write!(
            f,
            "revision {revision} of timeline {timeline} from {base:?} and {} segments",
            segments.len()
        )
    }
}

/// Why there is no moment.
#[derive(Debug, thiserror::Error)]
pub enum MomentError {
    /// What would tell cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The revision cannot be rebuilt.
    #[error(transparent)]
    NoMoment(#[from] NoMoment),
}

/// A revision that cannot be rebuilt, and the nearest that can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub struct NoMoment {
    /// The timeline.
    pub timeline: u32,
    /// The revision that was asked for.
    pub revision: u64,
    /// The highest below it that can be rebuilt.
    pub below: Option<u64>,
    /// The lowest above it that can be rebuilt.
    pub above: Option<u64>,
}

impl fmt::Display for NoMoment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "revision {} of timeline {} cannot be rebuilt: ", self.revision, self.timeline)?;
        match (self.below, self.above) {
            (None, None) => write!(f, "the history holds nothing of that timeline"),
            (None, Some(above)) => write!(f, "the first that can is {above}"),
            (Some(below), None) => write!(f, "the last that can is {below}"),
            (Some(below), Some(above)) => {
                write!(f, "it is in a hole between {below} and {above}, which can")
            }
        }
    }
}

impl MomentError {
    /// What has to be done about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::File(e) => e.kind(),
            Self::NoMoment(_) => Kind::Invalid,
        }
    }
}
