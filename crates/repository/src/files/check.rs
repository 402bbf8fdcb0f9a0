//! Whether everything is there and unchanged, and which snapshots are unharmed.

use super::Files;
use super::backend::{Backend, short};
use super::failed::or_damaged;
use super::list::Snapshots;
use super::session::Session;
use super::trees::{Reader, gone, named};
use crate::{Error, Fault, Flaw, Severity};
use rustic_core::repofile::{IndexFile, IndexId, PackId, SnapshotFile};
use rustic_core::{FileType, Id, Progress as Bar, TreeId};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Packs that are read at once.
const THREADS: usize = 4;

/// How much of the packs a check reads. Everything else is always read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Read {
    /// None: only whether they are there, in their length.
    #[default]
    Nothing,
    /// So many of a hundred, other ones each time; one at least.
    Percent(u8),
    /// All.
    All,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Snapshots with everything that they need, as far as it was read: the newest first.
    pub sound: Vec<String>,
    /// Snapshots that miss something, in the same order.
    pub harmed: Vec<Harmed>,
    /// What is wrong, by key.
    pub findings: Vec<Finding>,
    /// Packs that an interrupted copy left, or that one being taken has written so far: no harm.
    pub unnamed: u64,
    /// How many bytes of packs were read.
    pub bytes: u64,
}

/// A snapshot that cannot be put back whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Harmed {
    /// Its id.
    pub snapshot: String,
    /// The first thing in it that is harmed, and by what.
    pub reason: String,
}

/// An object that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Its key.
    pub object: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Checked {
    /// What is wrong, as a check of the whole repository has it.
    pub fn faults(&self) -> Vec<Fault> {
        let faults = self.findings.iter().map(|it| Fault {
            object: it.object.clone(),
            severity: Severity::Damage,
            flaw: Flaw::Damaged,
            reason: it.reason.clone(),
        });
        faults.collect()
    }
}

impl Files {
    /// Reads keys, snapshots, indexes and folders, compares the packs with the indexes, and reads as many of them as `read`
    /// says. What is wrong is a finding, not an error.
    ///
    /// # Errors
    /// Those of [`Files::open`].
    pub async fn check(&self, read: Read) -> Result<Checked, Error> {
        self.opened(move |session| check(session, read)).await
    }
}

/// Packs by id, with their length in bytes.
type Packs = BTreeMap<PackId, u64>;

fn check(session: Session, read: Read) -> Result<Checked, Error> {
    let mut found = Found::default();
    for (id, _) in session.backend.listed(FileType::Key)? {
        found.take(session.backend.whole(FileType::Key, &id).map(drop))?;
    }
    let (files, listing) = session.snapshots()?;
    found.snapshots(&listing);
    let (named, complete) = indexed(&session, &mut found)?;
    let there: Packs = session
        .backend
        .listed(FileType::Pack)?
        .into_iter()
        .map(|(id, length)| (id.into(), length))
        .collect();
    let unnamed = there.keys().filter(|id| !named.contains_key(id)).count() as u64;
    let sound = compared(&session.backend, &named, &there, &mut found)?;
    let chosen = chosen(&sound, read);
    let bar = session
        .bars
        .begin("reading packs", chosen.iter().map(|(_, length)| length).sum());
    let bytes = read_all(&session.backend, &chosen, &bar, &mut found)?;
    bar.finish();

    let mut checked = Checked { unnamed, bytes, ..Checked::default() };
    if complete {
        walked(session.reader()?, &files, &mut found, &mut checked)?;
    } else {
        let harmed = |file: &SnapshotFile| Harmed {
            snapshot: file.id.to_hex().to_string(),
            reason: "an index is damaged: where its pieces are is not known".to_owned(),
        };
        checked.harmed = files.iter().map(harmed).collect();
    }
    checked.findings = found
        .all
        .into_iter()
        .map(|(object, reason)| Finding { object, reason })
        .collect();
    Ok(checked)
}

/// What is wrong, by object; and the packs among that.
#[derive(Default)]
struct Found {
    all: BTreeMap<String, String>,
}

impl Found {
    /// Damage is a finding; what keeps from looking is an error.
    fn take(&mut self, result: Result<(), Error>) -> Result<bool, Error> {
        match result {
            Ok(()) => Ok(true),
            Err(Error::Damaged { object, reason }) => {
                self.all.entry(object).or_insert(reason);
                Ok(false)
            }
            Err(other) => Err(other),
        }
    }

    fn snapshots(&mut self, listing: &Snapshots) {
        self.all.extend(listing.damaged.iter().cloned());
    }
}

/// The packs that the indexes name and that are needed, and whether all indexes could be read.
fn indexed(session: &Session, found: &mut Found) -> Result<(Packs, bool), Error> {
    let (mut named, mut complete) = (Packs::new(), true);
    for (id, _) in session.backend.listed(FileType::Index)? {
        let read = session.repository.get_file::<IndexFile>(&IndexId::from(id));
        match or_damaged(read, || session.backend.object(FileType::Index, &id).to_string()) {
            Ok(index) => {
                named.extend(index.packs.iter().map(|pack| (pack.id, pack.pack_size().into())));
                // Marked for removal: those may be gone already.
                let marked = index.packs_to_delete.iter().map(|pack| (pack.id, 0));
                marked.for_each(|(id, length)| _ = named.entry(id).or_insert(length));
            }
            // A prune has replaced it meanwhile.
            Err(Error::NotFound { .. }) => {}
            Err(error) => complete &= found.take(Err(error))?,
        }
    }
    Ok((named, complete))
}

/// The packs that are there, in the length that the indexes say.
fn compared(backend: &Backend, named: &Packs, there: &Packs, found: &mut Found) -> Result<Packs, Error> {
    let mut sound = Packs::new();
    for (id, length) in named.iter().filter(|(_, length)| **length > 0) {
        let object = || backend.object(FileType::Pack, id).to_string();
        let seen = match there.get(id) {
            None => Err(gone(object())),
            Some(stored) if stored != length => Err(short(&backend.object(FileType::Pack, id), *stored, *length)),
            Some(_) => Ok(()),
        };
        if found.take(seen)? {
            sound.insert(*id, *length);
        }
    }
    Ok(sound)
}

/// The packs that are read, at random.
fn chosen(sound: &Packs, read: Read) -> Vec<(PackId, u64)> {
    let mut all: Vec<(PackId, u64)> = sound.iter().map(|(id, length)| (*id, *length)).collect();
    let percent = match read {
        Read::Nothing => return Vec::new(),
        Read::All => return all,
        Read::Percent(percent) => usize::from(percent.min(100)),
    };
    let count = (all.len() * percent).div_ceil(100).max(1).min(all.len());
    for taken in 0..count {
        let random = u64::from_le_bytes(ambient::random_bytes());
        let left = (all.len() - taken) as u64;
        all.swap(taken, taken + usize::try_from(random % left).unwrap_or(0));
    }
    all.truncate(count);
    all
}

/// Reads packs, and says how many bytes that were.
fn read_all(backend: &Backend, packs: &[(PackId, u64)], bar: &Bar, found: &mut Found) -> Result<u64, Error> {
    let (next, bytes) = (AtomicUsize::new(0), AtomicU64::new(0));
    let outcomes = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some((id, length)) = packs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let proven = backend.proven(FileType::Pack, id, *length);
                    bytes.fetch_add(*length, Ordering::Relaxed);
                    bar.inc(*length);
                    if proven.is_err() {
                        outcomes.lock().unwrap_or_else(PoisonError::into_inner).push((**id, proven));
                    }
                }
            });
        }
    });
    for (id, outcome) in outcomes.into_inner().unwrap_or_else(PoisonError::into_inner) {
        found.take(outcome.map_err(|error| lost(backend, &id, error)))?;
    }
    Ok(bytes.into_inner())
}

fn lost(backend: &Backend, id: &Id, error: Error) -> Error {
    match error {
        Error::NotFound { .. } => gone(backend.object(FileType::Pack, id).to_string()),
        other => other,
    }
}

/// Goes through the folders of every snapshot, through each of them once.
fn walked(reader: Reader, files: &[SnapshotFile], found: &mut Found, checked: &mut Checked) -> Result<(), Error> {
    let mut walk = Walk { reader, found, seen: BTreeMap::new() };
    for file in files {
        let snapshot = file.id.to_hex().to_string();
        match walk.folder(&file.tree, Path::new("/"))? {
            None => checked.sound.push(snapshot),
            Some(reason) => checked.harmed.push(Harmed { snapshot, reason }),
        }
    }
    Ok(())
}

struct Walk<'a> {
    reader: Reader,
    found: &'a mut Found,
    /// The first harm below each folder.
    seen: BTreeMap<TreeId, Option<String>>,
}

impl Walk<'_> {
    /// The first harm in a folder or below it.
    fn folder(&mut self, id: &TreeId, at: &Path) -> Result<Option<String>, Error> {
        if let Some(known) = self.seen.get(id) {
            return Ok(known.clone());
        }
        let harm = self.first_harm(id, at)?;
        self.seen.insert(*id, harm.clone());
        Ok(harm)
    }

    fn first_harm(&mut self, id: &TreeId, at: &Path) -> Result<Option<String>, Error> {
        let place = self.reader.place_of_tree(id);
        if let Some(harm) = self.harm(place.map(|place| place.pack), at)? {
            return Ok(Some(harm));
        }
        let named = match self.reader.tree(id).and_then(|tree| named(tree, at)) {
            Ok(named) => named,
            Err(error) => return self.harm(Err(error), at),
        };
        for (name, node) in named {
            let within = at.join(name);
            let below = node.subtree.map(|subtree| self.folder(&subtree, &within)).transpose()?;
            if let Some(harm) = below.flatten() {
                return Ok(Some(harm));
            }
            for piece in node.content.iter().flatten() {
                let place = self.reader.place_of_data(piece);
                if let Some(harm) = self.harm(place.map(|place| place.pack), &within)? {
                    return Ok(Some(harm));
                }
            }
        }
        Ok(None)
    }

    /// Whether what is in a pack is harmed, in words: also when only something else in the pack is.
    fn harm(&mut self, pack: Result<PackId, Error>, at: &Path) -> Result<Option<String>, Error> {
        let object = match pack {
            Ok(pack) => self.reader.pack(&pack),
            Err(error) => {
                let words = error.to_string();
                self.found.take(Err(error))?;
                return Ok(Some(format!("{}: {words}", at.display())));
            }
        };
        let harm = self.found.all.get(&object).map(|reason| (object, reason));
        Ok(harm.map(|(object, reason)| format!("{}: {object}: {reason}", at.display())))
    }
}
