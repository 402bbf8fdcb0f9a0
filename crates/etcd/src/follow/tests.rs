//! What is followed is what would be rebuilt: after each look, each promotion, each failure.

mod power;
mod promoted;
mod turns;

use super::*;
use crate::FileError;
use crate::history::{Name, Object, Put};
use crate::proof::hash_kv;
use crate::selection::made::{self, Cuts, histories};
use crate::selection::model::{Model, sorted};
use crate::selection::{Packs, Source};
use crate::{KeyValue, Record, Revision};
use bytes::Bytes;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A shelf in memory, which may be out of reach.
#[derive(Default)]
struct Memory {
    objects: Mutex<BTreeMap<Name, Bytes>>,
    away: AtomicBool,
    read: Arc<AtomicU64>,
}

struct Counted(Bytes, Arc<AtomicU64>);

impl Object for Counted {
    fn len(&self) -> u64 {
        Object::len(&self.0)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> std::io::Result<()> {
        self.1.fetch_add(into.len() as u64, Ordering::Relaxed);
        Object::read_at(&self.0, offset, into)
    }
}

impl Memory {
    fn put<'a>(&self, objects: impl IntoIterator<Item = &'a (Name, Bytes)>) {
        self.objects.lock().unwrap().extend(objects.into_iter().cloned());
    }
}

impl Shelf for Memory {
    fn create(&self, _: &Name, _: &mut dyn Read) -> Result<Put, FileError> {
        unreachable!("a follower only reads")
    }

    fn list(&self) -> Result<Vec<Name>, FileError> {
        if self.away.load(Ordering::Relaxed) {
            return Err(FileError::io("the shelf", "listed")(std::io::ErrorKind::TimedOut.into()));
        }
        Ok(self.objects.lock().unwrap().keys().copied().collect())
    }

    fn open(&self, name: &Name) -> Result<Arc<dyn Object>, FileError> {
        let missing = || FileError::io(name, "opened")(std::io::ErrorKind::NotFound.into());
        let bytes = self.objects.lock().unwrap().get(name).cloned().ok_or_else(missing)?;
        Ok(Arc::new(Counted(bytes, Arc::clone(&self.read))))
    }

    fn remove(&self, _: &Name) -> Result<(), FileError> {
        unreachable!("a follower only reads")
    }
}

/// The same shelf, with its objects at hand.
fn shelf() -> (Arc<Memory>, Arc<dyn Shelf>) {
    let memory = Arc::new(Memory::default());
    (Arc::clone(&memory), memory)
}

/// The live records at a revision, in order.
fn live(source: &dyn Source, revision: u64) -> Vec<Record> {
    let mut records = Vec::new();
    source
        .live_at(revision, &mut |record| {
            records.push(record);
            Ok(())
        })
        .unwrap();
    sorted(records)
}

/// What a file holds is what the shelf's newest moment does.
fn is_the_newest(follower: &Follower, shelf: &Arc<dyn Shelf>) {
    let history = History::open(Arc::clone(shelf)).unwrap();
    let (packs, position): (Packs, Position) = build::newest(&history).unwrap();
    assert_eq!(follower.position(), Some(&position));
    let file = follower.file.as_ref().unwrap();
    file.check().unwrap();
    let (own, at) = (file.source().unwrap(), position.revision);
    assert_eq!(live(&own, at), live(&packs, at));
    assert_eq!(hash_kv(&own, at, at).unwrap(), hash_kv(&packs, at, at).unwrap());
    let used: BTreeSet<i64> = live(&packs, at)
        .iter()
        .map(|it| it.decode().unwrap().lease)
        .filter(|it| *it != 0)
        .collect();
    let known = |source: &dyn Source| {
        let mut leases = source.leases().unwrap();
        leases.retain(|id, _| used.contains(id));
        leases
    };
    assert_eq!(known(&own), known(&packs));
    assert_eq!(own.others().unwrap(), packs.others().unwrap());
    assert!(follower.lag().is_current() && follower.lag().behind() == Some(0));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_followed_is_what_is_rebuilt(history in histories(), looks in prop::collection::vec((1_usize..4, any::<bool>()), 8)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let (memory, shelf) = shelf();
        let mut follower = Follower::open(&path).unwrap();
        let mut objects = history.objects.0.as_slice();
        for (count, anew) in looks.iter().cycle() {
            let (some, rest) = objects.split_at(objects.len().min(*count));
            memory.put(some);
            follower.advance(&shelf).unwrap();
            is_the_newest(&follower, &shelf);
            assert_eq!(follower.advance(&shelf).unwrap(), Done::Nothing);
            objects = rest;
            if objects.is_empty() {
                break;
            }
            if *anew {
                drop(follower);
                follower = Follower::open(&path).unwrap();
                assert!(follower.position().is_some() && !follower.lag().is_current());
            }
        }
    }
}
