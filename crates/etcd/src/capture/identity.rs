//! What a history says of its source, to know that again: the last put, the hash of everything, the users.
//!
//! Start at [`last_put`] and [`same_hash`]. What cannot be read is not known; none of it ends a capture.

use crate::history::{BaseName, History, Name, Pack, Role, Shelf, Tail};
use crate::proof::hash_kv;
use crate::selection::{Packs, Source};
use crate::{AuthStatus, Client, Error, Record};
use std::sync::Arc;

/// In how many segments the last put is looked for, before the base.
pub(super) const LOOKED_AT: usize = 8;

/// The last put of a history, if one of its last segments has one; otherwise the base's. That it cannot be read is found where it
/// matters.
pub(super) fn last_put(history: &History, tail: &Tail) -> Option<Record> {
    let moment = history.moment(tail.timeline, tail.through).ok()?;
    let segments = moment.segments().iter().enumerate().rev();
    let with_changes = segments.filter(|(_, it)| it.after < it.through).map(|(number, _)| number);
    let mut packs = with_changes.take(LOOKED_AT).filter_map(|number| moment.segment(number).ok());
    let in_segments = packs.find_map(|pack| {
        let frame = pack.frames_of(Role::Changes).pop()?;
        let puts = pack.records(frame).ok()?.filter_map(Result::ok).filter(|it| !it.tombstone);
        puts.last()
    });
    in_segments.or_else(|| base_put(moment.base()))
}

/// The youngest record of a base that is live: reads the one frame that has it.
pub(super) fn base_put(base: &Pack) -> Option<Record> {
    let revision = |&frame: &usize| base.frames().get(frame).map(|it| it.last_revision);
    let youngest = base.frames_of(Role::Live).into_iter().max_by_key(revision)?;
    let records = base.records(youngest).ok()?.filter_map(Result::ok);
    records.max_by_key(|it| it.revision)
}

/// The users of a base, if it can be read.
pub(super) async fn users(shelf: Arc<dyn Shelf>, base: BaseName) -> Option<AuthStatus> {
    let read = move || {
        let name = Name::Base(base);
        users_of(&Pack::open(&name, shelf.open(&name).ok()?).ok()?)
    };
    tokio::task::spawn_blocking(read).await.ok()?
}

/// The users of a base, as etcd has them in bucket `auth` (`server/storage/schema/auth.go`).
fn users_of(base: &Pack) -> Option<AuthStatus> {
    let buckets = base.buckets().ok()?;
    let entry = |name: &[u8]| {
        let entries = buckets.get("auth").into_iter().flatten();
        entries.clone().find(|(key, _)| key == name).map(|(_, value)| value)
    };
    let revision = entry(b"authRevision").and_then(|value| value.as_ref().try_into().ok());
    Some(AuthStatus {
        enabled: entry(b"authEnabled").is_some_and(|value| value.as_ref() == [1]),
        revision: revision.map_or(0, u64::from_be_bytes),
    })
}

/// Whether what a member holds at the end of a history is what the history holds; `None` when either cannot tell any more.
///
/// # Errors
/// The member does not answer.
pub(super) async fn same_hash(shelf: Arc<dyn Shelf>, client: &Client) -> Result<Option<bool>, Error> {
    let read = move || -> Option<Packs> {
        let history = History::open(shelf).ok()?;
        let tail = history.tail().ok()??;
        Packs::of(&history.moment(tail.timeline, tail.through).ok()?).ok()
    };
    let Ok(Some(packs)) = tokio::task::spawn_blocking(read).await else {
        return Ok(None);
    };
    let through = packs.last_revision();
    let theirs = match client.hash_kv(through).await {
        Ok(theirs) if theirs.hash_revision.is_none_or(|it| it == through) => theirs,
        Ok(_) | Err(Error::Compacted { .. } | Error::Future { .. }) => return Ok(None),
        Err(e) => return Err(e),
    };
    let ours = tokio::task::spawn_blocking(move || hash_kv(&packs, through, theirs.compact_revision)).await;
    Ok(ours.ok().and_then(Result::ok).map(|ours| ours.hash == theirs.hash))
}

#[cfg(test)]
mod tests;
