//! A file made anew: of a moment of a history, or of the file before it. Start at [`build`].

use super::FollowError;
use super::file::Followed;
use super::state::{self, LEASES, Position, SOURCE, STATE, State};
use crate::bbolt::Writer;
use crate::history::{Header, History, Timeline};
use crate::rebuild::buckets::{self, Entries};
use crate::rebuild::{RebuildError, records};
use crate::selection::{Packs, Source};
use crate::{FileError, Revision};
use bytes::Bytes;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// What a new file is to be the state of.
pub(super) struct Begin<'a> {
    pub(super) position: Position,
    pub(super) etcd_version: String,
    pub(super) cluster_id: u64,
    pub(super) source: &'a dyn Source,
}

/// The newest moment of a history's youngest timeline.
pub(super) fn newest(history: &History) -> Result<(Packs, Position), FollowError> {
    let timeline = history.newest().ok_or(FollowError::NoHistory)?;
    let revision = timeline.newest().ok_or(FollowError::NoHistory)?;
    let packs = Packs::of(&history.moment(timeline.number, revision)?)?;
    let last = packs.segments().last().unwrap_or(packs.base());
    let seen_ms = match last.header() {
        Header::Base(it) => it.taken_ms,
        Header::Segment(it) => it.times.last().map_or(0, |seen| seen.at_ms),
    };
    let position = Position {
        timeline: timeline.number,
        revision,
        link: last.chain(),
        seen_ms,
    };
    if packs.last_revision() == revision {
        return Ok((packs, position));
    }
    // Cannot be: a moment of the end ends there.
    let why = format!("it ends at revision {} instead of {revision}", packs.last_revision());
    Err(FileError::damaged(last.name(), "its index", why).into())
}

/// The id of the cluster that a timeline is of, 0 if its base does not say; `None` if there is nothing of the timeline.
pub(super) fn cluster_of(history: &History, timeline: u32) -> Result<Option<u64>, FollowError> {
    let Some(revision) = history.timeline(timeline).and_then(Timeline::newest) else {
        return Ok(None);
    };
    let moment = history.moment(timeline, revision)?;
    Ok(Some(moment.base().header().base().map_or(0, |base| base.source.cluster_id)))
}

/// The newest revision of the youngest timeline that has a base.
pub(super) fn end(history: &History) -> Option<(u32, u64)> {
    let timeline: &Timeline = history.newest()?;
    Some((timeline.number, timeline.newest()?))
}

/// Makes a file in `folder`, which must not be there yet; synced, but for its name, and read back. Memory is bounded as when a data
/// directory is rebuilt.
pub(super) fn build(begin: &Begin<'_>, path: &Path, folder: &Path) -> Result<Followed<File>, RebuildError> {
    let Begin { position, source, .. } = begin;
    let mut writer = Writer::create(path)?;
    let written = records::write_live(*source, position.revision, folder, &mut writer)?;
    let mut state = State::new(position.clone(), begin.etcd_version.clone(), begin.cluster_id);
    state.records = written.records;
    state.hash = written.digest.map_or(0, |digest| digest.finish());
    state.built_bytes = writer.bytes();
    let (others, leases) = (source.others()?, state::lease_entries(&source.leases()?));
    for (name, entries) in &others {
        buckets::put(&mut writer, &format!("{SOURCE}{name}"), entries)?;
    }
    state.beside = state::hash(&others, &leases);
    let mark = Revision { main: position.revision, sub: 0 }.entry_key(false);
    let mark = |name: &'static str| (Bytes::from_static(name.as_bytes()), Bytes::copy_from_slice(&mark));
    let meta: Entries = vec![mark("finishedCompactRev"), mark("scheduledCompactRev")];
    buckets::put(&mut writer, "meta", &meta)?;
    buckets::put(&mut writer, LEASES, &leases)?;
    let name = path.display().to_string();
    let entries = state
        .entries()
        .map_err(|e| FileError::damaged(&name, "what it says of itself", e))?;
    buckets::put(&mut writer, STATE, &entries)?;
    writer.finish()?;
    let followed =
        open(path)?.ok_or_else(|| FileError::damaged(&name, "its buckets", "what was written is not there"))?;
    followed.check()?;
    Ok(followed)
}

/// Opens a file for changing; `None` if it does not say what it follows.
pub(super) fn open(path: &Path) -> Result<Option<Followed<File>>, FileError> {
    Followed::open(&path.display().to_string(), disk(path)?)
}

/// The file for reading and writing.
pub(super) fn disk(path: &Path) -> Result<Arc<File>, FileError> {
    let file = File::options().read(true).write(true).open(path);
    Ok(Arc::new(file.map_err(FileError::io(path.display(), "opened"))?))
}
