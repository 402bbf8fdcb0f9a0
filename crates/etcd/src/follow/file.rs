//! The file: a database of etcd that says of itself which moment of which history it is. Start at [`Followed`].

use super::state::{self, LEASES, Position, STATE, State};
use crate::FileError;
use crate::bbolt::{Disk, Edit, Editor, Pages};
use crate::database::Database;
use crate::history::{LeaseSeen, Pack, Role, SegmentHeader};
use crate::proof::Digest;
use crate::rebuild::buckets::{Buckets, KEY};
use crate::rebuild::records::lease_of;
use crate::selection::{DatabaseSource, LeaseTtl, SelectionError, Source, Walked, check_range};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A file may become so much larger before it is made anew, besides growing to twice its size.
const SLACK_BYTES: u64 = 16 << 20;

/// A file that follows a history.
pub(super) struct Followed<D> {
    name: String,
    disk: Arc<D>,
    editor: Editor<D>,
    state: State,
    leases: BTreeMap<i64, LeaseTtl>,
    /// All other buckets of the source.
    source: Buckets,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Checked {
    /// How many keys exist.
    pub(super) keys: u64,
    /// The leases that they hang on.
    pub(super) leases: BTreeSet<i64>,
}

impl<D: Disk + 'static> Followed<D> {
    /// Opens a file; `None` if it does not say that it follows anything, as one that was promoted.
    pub(super) fn open(name: &str, disk: Arc<D>) -> Result<Option<Self>, FileError> {
        Self::over(name, Arc::clone(&disk), Editor::open(name, disk)?)
    }

    /// As it was before it was promoted.
    pub(super) fn before_promotion(name: &str, disk: Arc<D>) -> Result<Option<Self>, FileError> {
        let editor = Editor::open(name, Arc::clone(&disk))?.before_last()?;
        Self::over(name, disk, editor)
    }

    fn over(name: &str, disk: Arc<D>, editor: Editor<D>) -> Result<Option<Self>, FileError> {
        let reader = editor.reader()?;
        let entries = |name: &str| {
            let entries = reader
                .bucket(name)
                .map(|bucket| bucket.entries().collect::<Result<Vec<_>, _>>());
            entries.transpose().map(Option::unwrap_or_default)
        };
        let Some(state) = State::read(name, &entries(STATE)?)? else {
            return Ok(None);
        };
        let leases = state::leases(name, &entries(LEASES)?)?;
        let pages: Arc<dyn Pages> = Arc::<D>::clone(&disk);
        let source = state::source_buckets(&Database::from_pages(name, pages)?.others()?.buckets);
        Ok(Some(Self { name: name.to_owned(), disk, editor, state, leases, source }))
    }

    pub(super) fn position(&self) -> &Position {
        &self.state.position
    }

    pub(super) fn bytes(&self) -> u64 {
        self.editor.bytes()
    }

    pub(super) fn origin(&self) -> (&str, u64) {
        (&self.state.etcd_version, self.state.cluster_id)
    }

    /// Whether so much in it is superseded, or may be, that it should be made anew.
    pub(super) fn is_bloated(&self) -> bool {
        self.bytes() > self.state.built_bytes.saturating_mul(2).saturating_add(SLACK_BYTES)
    }

    /// Appends segments, each of which follows the one before it, as one change. How many records that were.
    ///
    /// # Errors
    /// A segment cannot be read; the disk refuses, and the file has to be opened again.
    pub(super) fn append(&mut self, segments: &[(Pack, SegmentHeader)]) -> Result<u64, FileError> {
        let (mut state, mut leases) = (self.state.clone(), self.leases.clone());
        let mut edit = self.editor.edit()?;
        let mut bucket = edit.append(KEY)?;
        for (pack, header) in segments {
            if header.after != state.position.revision || header.prev != state.position.link {
                let why = format!("it does not follow revision {}", state.position.revision);
                return Err(FileError::damaged(pack.name(), "its index", why));
            }
            for frame in pack.frames_of(Role::Changes) {
                for record in pack.records(frame)? {
                    let record = record?;
                    let key = record.entry_key();
                    bucket.put(&key, &record.value)?;
                    state.hash = crc32c::crc32c_append(crc32c::crc32c_append(state.hash, &key), &record.value);
                    state.records += 1;
                }
            }
            state.position.revision = header.through;
            state.position.link = pack.chain();
            state.position.seen_ms = header.times.last().map_or(state.position.seen_ms, |it| it.at_ms);
            leases.extend(header.leases.iter().map(known));
        }
        bucket.finish()?;
        if leases != self.leases {
            let entries = state::lease_entries(&leases);
            state.beside = state::hash(&self.source, &entries);
            edit.replace(LEASES, entries)?;
        }
        put_state(&self.name, &mut edit, &state)?;
        edit.commit()?;
        let appended = state.records - self.state.records;
        (self.state, self.leases) = (state, leases);
        Ok(appended)
    }

    /// Reads all of it: whether it is what it says, down to the hash of its records.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn check(&self) -> Result<Checked, FileError> {
        let database = self.database()?;
        let (position, name) = (self.position(), &self.name);
        let wrong = |why: String| Err(FileError::damaged(name, "its records", why));
        if state::hash(&self.source, &state::lease_entries(&self.leases)) != self.state.beside {
            return Err(FileError::damaged(name, "its other buckets", "their hash is another one than it says"));
        }
        if database.facts()?.compacted() != self.state.floor {
            return wrong("they begin at another revision than it says".to_owned());
        }
        if database.last_revision()?.is_some_and(|it| it.main > position.revision) {
            return wrong(format!("there are newer ones than of revision {}, which it says", position.revision));
        }
        let (mut digest, mut checked) = (Digest::new(), Checked::default());
        let source = DatabaseSource::new(database)?;
        let walked = source.walk(self.state.floor, source.last_revision(), &mut |record, standing| {
            digest.add(&record);
            if standing.live {
                let damaged = |why| FileError::damaged(name, format!("record {}", record.revision), why);
                let lease = lease_of(&record.value).map_err(damaged)?;
                checked.keys += 1;
                checked.leases.extend((lease != 0).then_some(lease));
            }
            Ok(())
        });
        match walked {
            Ok(()) if digest.records() == self.state.records && digest.finish() == self.state.hash => Ok(checked),
            Err(SelectionError::File(e)) => Err(e),
            Err(e) => wrong(e.to_string()),
            Ok(()) => wrong("their hash is another one than it says".to_owned()),
        }
    }

    /// What it holds, as a source of records: what existed at its floor, and every change since.
    pub(super) fn source(&self) -> Result<Own, FileError> {
        Ok(Own {
            records: DatabaseSource::new(self.database()?)?,
            position: self.position().clone(),
            leases: self.leases.clone(),
            others: self.source.clone(),
        })
    }

    fn database(&self) -> Result<Database, FileError> {
        let pages: Arc<dyn Pages> = Arc::<D>::clone(&self.disk);
        Database::from_pages(&self.name, pages)
    }

    /// Makes it a member's: with these buckets beside the records, and without what it said of itself. On the disk when this returns.
    pub(super) fn promote(&mut self, buckets: &Buckets) -> Result<(), FileError> {
        let names: Vec<_> = self.editor.reader()?.buckets().map(str::to_owned).collect();
        let mut edit = self.editor.edit()?;
        for name in names.iter().filter(|name| *name != KEY) {
            edit.remove(name)?;
        }
        for (name, entries) in buckets {
            edit.replace(name, entries.iter().map(|(key, value)| (key, value)))?;
        }
        edit.commit()
    }
}

/// Writes what it says of itself.
fn put_state<D: Disk + 'static>(name: &str, edit: &mut Edit<'_, D>, state: &State) -> Result<(), FileError> {
    let entries = state
        .entries()
        .map_err(|e| FileError::damaged(name, format!("bucket {STATE}"), e))?;
    edit.replace(STATE, entries)
}

/// A lease as a segment tells it. One that was over is not yet gone, or nobody would have met it: 0 would mean its whole time.
fn known(it: &LeaseSeen) -> (i64, LeaseTtl) {
    let ttl = LeaseTtl {
        granted_s: it.granted_s.max(1),
        remaining_s: it.remaining_s.max(1),
    };
    (it.id, ttl)
}

/// What a file holds.
pub(super) struct Own {
    records: DatabaseSource,
    position: Position,
    leases: BTreeMap<i64, LeaseTtl>,
    others: Buckets,
}

impl Own {
    /// No record is between its last one and the revision that it is at.
    fn at_most(&self, revision: u64) -> u64 {
        revision.min(self.records.last_revision())
    }
}

impl Source for Own {
    fn name(&self) -> String {
        self.records.name()
    }

    fn last_revision(&self) -> u64 {
        self.position.revision
    }

    fn compaction(&self) -> u64 {
        self.records.compaction()
    }

    fn walk(&self, floor: u64, revision: u64, sink: &mut Walked<'_>) -> Result<(), SelectionError> {
        check_range(self, floor, revision)?;
        self.records.walk(self.at_most(floor), self.at_most(revision), sink)
    }

    fn walk_in_order(&self, floor: u64, revision: u64, sink: &mut Walked<'_>) -> Option<Result<(), SelectionError>> {
        if let Err(e) = check_range(self, floor, revision) {
            return Some(Err(e));
        }
        self.records.walk_in_order(self.at_most(floor), self.at_most(revision), sink)
    }

    fn leases(&self) -> Result<BTreeMap<i64, LeaseTtl>, SelectionError> {
        Ok(self.leases.clone())
    }

    fn others(&self) -> Result<Buckets, SelectionError> {
        Ok(self.others.clone())
    }
}
