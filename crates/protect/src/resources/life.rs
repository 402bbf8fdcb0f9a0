//! What happened to one object. Start at [`Look::life`].

use super::{Look, LookError, Moment};
use ::etcd::Record;
use ::etcd::selection::SelectionError;
use bytes::Bytes;
use objects::changes::{Change, between};
use objects::key::Wanted;
use objects::{Content, Object, Opaque};

/// Something that happened to an object.
#[derive(Debug)]
pub struct Event {
    /// The revision at which it happened.
    pub revision: u64,
    /// What happened.
    pub what: What,
}

/// What happened to an object.
#[derive(Debug)]
pub enum What {
    /// It is older than what is still known: this is how it was then.
    WasThere(Content),
    /// It came into being.
    Created(Content),
    /// It was written; nothing but what is never shown changed if there are no changes.
    Changed(Vec<Change>),
    /// It was written, and before or after it cannot be read.
    Written(Opaque),
    /// It went.
    Deleted,
}

impl Look {
    /// All that is still known of an object up to a moment, the oldest first; and its key.
    ///
    /// # Errors
    /// What reading meets.
    pub fn life(&self, at: &Moment, wanted: &Wanted) -> Result<(String, Vec<Event>), LookError> {
        let key = self.key_of(at, wanted)?;
        let records = versions(at, &key)?;
        let mut events = Vec::new();
        let mut before: Option<Content> = None;
        for record in records {
            let revision = record.revision.main;
            if record.tombstone {
                before = None;
                events.push(Event { revision, what: What::Deleted });
                continue;
            }
            let told = at.told(&record).map_err(SelectionError::from)?;
            let content = told.content(self);
            let what = match (&before, &content) {
                // Whether it is its first version, nobody knows.
                (None, Content::Opaque(why)) if told.damage.is_some() => What::Written(why.clone()),
                (None, _) if told.it.version == 1 => What::Created(told.content(self)),
                (None, _) => What::WasThere(told.content(self)),
                (Some(before), _) => self.changed(before, &content),
            };
            events.push(Event { revision, what });
            before = Some(content);
        }
        Ok((key, events))
    }

    fn changed(&self, before: &Content, after: &Content) -> What {
        match (before, after) {
            (Content::Object(before), Content::Object(after)) => What::Changed(self.changes(before, after)),
            (Content::Opaque(why), _) | (_, Content::Opaque(why)) => What::Written(why.clone()),
        }
    }

    /// What changed between two states of an object, but for who manages which field.
    pub fn changes(&self, before: &Object, after: &Object) -> Vec<Change> {
        let plain = |object: &Object| {
            let mut fields = object.fields.clone();
            if let Some(metadata) = fields.get_mut("metadata").and_then(serde_json::Value::as_object_mut) {
                metadata.remove("managedFields");
            }
            fields
        };
        // What either of them hides.
        let masks = [before, after].map(|it| self.mask(&it.api_version, &it.kind));
        let mask = masks.into_iter().find(|it| *it != objects::mask::Mask::Nothing);
        between(&plain(before), &plain(after), mask)
    }
}

/// The record by itself: as it was read, it keeps the whole frame that it stood in.
fn own(record: &Record) -> Record {
    Record {
        value: Bytes::copy_from_slice(&record.value),
        ..record.clone()
    }
}

/// Every record of a key that is known up to a moment, the oldest first.
fn versions(at: &Moment, key: &str) -> Result<Vec<Record>, SelectionError> {
    // Where a later part lacks versions, this moment may still have them; at least how it stood then is known.
    let since = at.source.compaction().max(1).min(at.revision);
    let is_it = |record: &Record| record.key().is_ok_and(|it| *it == *key.as_bytes());
    let mut found: Vec<Record> = Vec::new();
    // How it stood where knowledge begins.
    at.source.live_under(key.as_bytes(), since, &mut |record| {
        if is_it(&record) {
            found.push(own(&record));
        }
        Ok(())
    })?;
    at.source.versions_under(key.as_bytes(), since, at.revision, &mut |record| {
        if is_it(&record) {
            found.push(record);
        }
        Ok(())
    })?;
    found.sort_by_key(|record| record.revision);
    Ok(found)
}
