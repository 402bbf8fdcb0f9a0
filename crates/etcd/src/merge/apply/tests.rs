use super::*;
use crate::history::{BaseHeader, BaseWriter, Buckets, Object, Put, Shelf};
use crate::merge::{Facts, Policy, plan};
use crate::selection::made::{self, histories};
use crate::selection::model::sorted;
use crate::selection::tests::into;
use crate::selection::{HistorySource, Source};
use bytes::Bytes;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::Mutex;

/// A shelf in memory that is cut off after so many changes.
struct Cut {
    objects: Mutex<BTreeMap<Name, Bytes>>,
    changes_left: Mutex<u64>,
}

impl Cut {
    fn new(history: &made::History) -> Arc<Self> {
        let objects = history.objects.0.iter().cloned().collect();
        Arc::new(Self {
            objects: Mutex::new(objects),
            changes_left: Mutex::new(u64::MAX),
        })
    }

    fn after(&self, changes: u64) {
        *self.changes_left.lock().unwrap() = changes;
    }

    fn change(&self) -> Result<(), FileError> {
        let mut left = self.changes_left.lock().unwrap();
        let cut = || FileError::io("the shelf", "changed")(std::io::ErrorKind::ConnectionAborted.into());
        *left = left.checked_sub(1).ok_or_else(cut)?;
        Ok(())
    }
}

impl Shelf for Cut {
    fn create(&self, name: &Name, body: &mut dyn Read) -> Result<Put, FileError> {
        self.change()?;
        let mut bytes = Vec::new();
        body.read_to_end(&mut bytes).unwrap();
        match self.objects.lock().unwrap().insert(*name, bytes.into()) {
            Some(_) => Ok(Put::Existed),
            None => Ok(Put::Created),
        }
    }

    fn list(&self) -> Result<Vec<Name>, FileError> {
        Ok(self.objects.lock().unwrap().keys().copied().collect())
    }

    fn open(&self, name: &Name) -> Result<Arc<dyn Object>, FileError> {
        let missing = || FileError::io(name, "opened")(std::io::ErrorKind::NotFound.into());
        let bytes = self.objects.lock().unwrap().get(name).cloned().ok_or_else(missing)?;
        Ok(Arc::new(bytes))
    }

    fn remove(&self, name: &Name) -> Result<(), FileError> {
        self.change()?;
        self.objects.lock().unwrap().remove(name);
        Ok(())
    }
}

/// In a model's history a revision takes a second.
fn policy(keep: BTreeSet<u64>) -> Policy {
    Policy {
        window_ms: 15_000,
        settle_ms: 2000,
        levels_ms: vec![4000, 8000],
        base_every_ms: 8000,
        segment_bytes: 1 << 20,
        keep,
        forget_ended: false,
    }
}

fn open(shelf: &Arc<Cut>) -> History {
    History::open(shelf.clone()).unwrap()
}

fn source(shelf: &Arc<Cut>) -> HistorySource {
    let history = open(shelf);
    HistorySource::new(Arc::new(history), 1).unwrap().unwrap()
}

type Asked = BTreeMap<(u64, u64), Vec<crate::Record>>;

/// All that can be asked of the history from a revision on, and the answers.
fn answers(source: &HistorySource, floors: impl Iterator<Item = u64> + Clone) -> Asked {
    let mut answers = Asked::new();
    for floor in floors {
        for revision in (floor..=source.last_revision()).step_by(3) {
            let mut records = Vec::new();
            if source.since(floor, revision, &mut into(&mut records)).is_ok() {
                answers.insert((floor, revision), sorted(records));
            }
        }
    }
    answers
}

/// Plans and applies until nothing is left to do; what is stopped is planned anew.
fn settle(shelf: &Arc<Cut>, policy: &Policy, now_ms: u64, cuts: &[u64], check: &dyn Fn()) {
    let scratch = tempfile::tempdir().unwrap();
    for changes in cuts.iter().copied().chain([u64::MAX; 12]) {
        let history = open(shelf);
        let facts = Facts::of(&history).unwrap();
        let actions: Vec<_> = facts.iter().flat_map(|it| plan(it, policy, now_ms)).collect();
        if actions.is_empty() {
            return;
        }
        shelf.after(changes);
        for action in &actions {
            if apply(&history, action, scratch.path()).is_err() {
                assert_ne!(changes, u64::MAX, "{action:?} fails by itself");
                break;
            }
        }
        check();
    }
    panic!("there is always something to do: {:?}", shelf.list());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_stops_it_the_window_stays_whole(
        history in histories(),
        keep in prop::collection::btree_set(0..20_u64, 0..3),
        cuts in prop::collection::vec(0..4_u64, 0..12),
        later in 0..30_u64,
    ) {
        let now_ms = (history.model.last + later) * 1000;
        let first = now_ms.saturating_sub(policy(keep.clone()).window_ms) / 1000;
        let shelf = Cut::new(&history);
        let floors: Vec<_> = (first..=history.model.last).step_by(2).chain(keep.iter().copied()).collect();
        let is_needed = |at: &(u64, u64)| at.0 >= first || at.0 == at.1;
        let mut before = answers(&source(&shelf), floors.iter().copied());
        before.retain(|at, _| is_needed(at));
        let check = || {
            let after = answers(&source(&shelf), floors.iter().copied());
            before.iter().for_each(|(at, records)| assert_eq!(after.get(at), Some(records), "{at:?}"));
        };
        settle(&shelf, &policy(keep.clone()), now_ms, &cuts, &check);
        let left = open(&shelf);
        prop_assert_eq!(left.unused(), []);
        prop_assert_eq!(left.newest().unwrap().stretches.len(), 1);
    }

    #[test]
    fn of_a_timeline_that_ended_the_last_moment_stays(
        history in histories(), cuts in prop::collection::vec(0..4_u64, 0..8), forget: bool,
    ) {
        let last = history.model.last;
        let shelf = Cut::new(&history);
        let header = BaseHeader { timeline: 2, taken_ms: (last + 60) * 1000, ..made::header(5, 5) };
        let next = BaseWriter::new(Vec::new()).unwrap().finish(header, &Buckets::new());
        let (next, bytes) = next.unwrap();
        shelf.create(&next.name, &mut bytes.as_slice()).unwrap();
        let live = |shelf| {
            let mut records = Vec::new();
            source(shelf).live_at(last, &mut into(&mut records)).unwrap();
            sorted(records)
        };
        let before = live(&shelf);
        let check = || if !forget { assert_eq!(live(&shelf), before) };
        let policy = Policy { forget_ended: forget, ..policy(BTreeSet::new()) };
        settle(&shelf, &policy, (last + 60) * 1000, &cuts, &check);
        let left = open(&shelf);
        prop_assert_eq!(left.newest().unwrap().number, 2);
        let ended = left.timeline(1).map(|it| it.used().len());
        // A base, and at most a segment.
        prop_assert!(if forget { ended.is_none() } else { matches!(ended, Some(1 | 2)) }, "{:?}", ended);
    }
}
