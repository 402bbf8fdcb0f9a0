//! Merging in a repository: what can be rebuilt before can be rebuilt after, wherever it is stopped.

use super::*;
use crate::etcd::merge::{Merged, merge};
use crate::etcd::{Holder, MergingError, merge_once, with_points};
use ::etcd::FileError;
use ::etcd::history::{Kept, Name as Object, Object as Stored, Put};
use ::etcd::merge::Policy;
use ::etcd::selection::SelectionError;
use jiff::Timestamp;
use repository::Error;
use repository::lease::LeaseError;
use std::collections::BTreeSet;
use std::io::{self, Read};
use std::sync::Mutex;
use tempfile::TempDir;

/// When it is merged: the window begins at revision 14.
const NOW_MS: u64 = 29_000;
const FIRST: u64 = 14;

/// A point before the window that is kept.
const POINT: u64 = 6;

/// In the history that is made, a revision takes a second.
fn policy() -> Policy {
    Policy {
        window_ms: NOW_MS - FIRST * 1000,
        settle_ms: 1000,
        levels_ms: vec![2000, 4000],
        base_every_ms: 8000,
        segment_bytes: 1 << 20,
        keep: BTreeSet::from([POINT]),
        forget_ended: false,
    }
}

fn needed() -> impl Iterator<Item = u64> + Clone {
    [POINT].into_iter().chain(FIRST..=LAST)
}

/// A repository with the history, which can be copied.
struct Template {
    secrets: Secrets,
    directory: TempDir,
}

impl Template {
    async fn new() -> Self {
        let (secrets, directory) = (Secrets::new(), tempfile::tempdir().unwrap());
        let repository = secrets.found(directory.path()).await;
        let shelf = RepositoryShelf::new(&repository, &cluster());
        apart(move || make(&shelf)).await;
        Self { secrets, directory }
    }

    fn copy(&self) -> (TempDir, Arc<dyn Shelf>) {
        let copy = tempfile::tempdir().unwrap();
        copy_all(self.directory.path(), copy.path());
        let shelf = RepositoryShelf::new(&self.secrets.open(copy.path()), &cluster());
        (copy, Arc::new(shelf))
    }
}

fn copy_all(from: &Path, to: &Path) {
    for entry in from.read_dir().unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir(&to).unwrap();
            copy_all(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// When somebody dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dies {
    /// After so many changes, before the next.
    Before(u64),
    /// In the change after so many: it is made, and nobody hears of it.
    After(u64),
}

/// A shelf of somebody who dies.
struct Mortal {
    shelf: Arc<dyn Shelf>,
    dies: Dies,
    made: Mutex<u64>,
}

impl Mortal {
    fn new(shelf: &Arc<dyn Shelf>, dies: Dies) -> Arc<Self> {
        Arc::new(Self { shelf: Arc::clone(shelf), dies, made: Mutex::new(0) })
    }

    fn change<T>(&self, change: impl FnOnce() -> Result<T, FileError>) -> Result<T, FileError> {
        let mut made = self.made.lock().unwrap();
        let dead = || FileError::Io {
            file: "the shelf".to_owned(),
            doing: "changed",
            source: io::ErrorKind::ConnectionAborted.into(),
        };
        let (Dies::Before(after) | Dies::After(after)) = self.dies;
        if *made > after || (*made == after && matches!(self.dies, Dies::Before(_))) {
            return Err(dead());
        }
        *made += 1;
        let done = change()?;
        if *made > after { Err(dead()) } else { Ok(done) }
    }
}

impl Shelf for Mortal {
    fn create(&self, name: &Object, body: &mut dyn Read) -> Result<Put, FileError> {
        self.change(|| self.shelf.create(name, body))
    }

    fn list(&self) -> Result<Vec<Object>, FileError> {
        self.shelf.list()
    }

    fn open(&self, name: &Object) -> Result<Arc<dyn Stored>, FileError> {
        self.shelf.open(name)
    }

    fn remove(&self, name: &Object) -> Result<(), FileError> {
        self.change(|| self.shelf.remove(name))
    }
}

fn merged(shelf: &Arc<dyn Shelf>) -> Result<Merged, SelectionError> {
    merge(shelf, &policy(), NOW_MS, &std::env::temp_dir())
}

/// Merges until nothing is left to do.
fn settle(shelf: &Arc<dyn Shelf>) -> Vec<Object> {
    for _ in 0..6 {
        let done = merged(shelf).unwrap();
        if (done.created, done.removed, done.left) == (0, 0, 0) {
            return shelf.list().unwrap();
        }
    }
    panic!("there is always something to do: {:?}", shelf.list());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_becomes_small_and_stays_whole() {
    let template = Template::new().await;
    let (_copy, shelf) = template.copy();
    apart(move || {
        let before = hashes(&shelf, needed());
        assert!(before.iter().all(|(_, hash)| hash.is_some()), "{before:?}");
        let objects = shelf.list().unwrap().len();
        let first = merged(&shelf).unwrap();
        assert!(first.created > 0 && first.left > 0, "{first:?}");
        assert_eq!(hashes(&shelf, needed()), before);
        let left = settle(&shelf);
        assert_eq!(hashes(&shelf, needed()), before);
        assert!(left.len() * 3 < objects * 2, "{objects} became {left:?}");
        // What stays as it is for long is named, so that it can be locked for as long.
        let stays: Vec<Object> = merged(&shelf).unwrap().stays.into_iter().map(|(name, _)| name).collect();
        let for_long = |it: &&Object| !matches!(it, Object::Segment(it) if it.kept == Kept::Captured);
        let unnamed: Vec<&Object> = left.iter().filter(for_long).filter(|it| !stays.contains(it)).collect();
        assert!(unnamed.is_empty(), "{unnamed:?}");
        assert_eq!(History::open(shelf).unwrap().unused(), []);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_it_is_killed_it_ends_in_the_same_history() {
    let template = Template::new().await;
    let (_copy, shelf) = template.copy();
    let (wanted, before) = apart(move || {
        let before = hashes(&shelf, needed());
        (settle(&shelf), before)
    })
    .await;
    let mut deaths = 0;
    for changes in 0.. {
        let before_these = deaths;
        for dies in [Dies::Before(changes), Dies::After(changes)] {
            let (copy, shelf) = template.copy();
            let (wanted, before) = (wanted.clone(), before.clone());
            let died = apart(move || {
                let mortal: Arc<dyn Shelf> = Mortal::new(&shelf, dies);
                let died = merged(&mortal).is_err();
                assert_eq!(hashes(&shelf, needed()), before, "{dies:?}");
                assert_eq!(settle(&shelf), wanted, "{dies:?}");
                assert_eq!(hashes(&shelf, needed()), before, "{dies:?}");
                drop(copy);
                died
            })
            .await;
            deaths += u32::from(died);
        }
        if deaths == before_these {
            break;
        }
    }
    assert!(deaths > 10, "only {deaths} deaths");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_meanwhile_finds_everything_and_who_captures_goes_on() {
    let template = Template::new().await;
    let (_copy, shelf) = template.copy();
    apart(move || {
        // Of the window; of what is before it nobody was promised more than the points.
        let history = History::open(Arc::clone(&shelf)).unwrap();
        let moments: Vec<_> = (FIRST + 4..=LAST)
            .map(|revision| history.moment(1, revision).unwrap())
            .collect();
        let last = history.tail().unwrap().unwrap();
        let before = hashes(&shelf, needed());
        merged(&shelf).unwrap();
        for moment in moments {
            let revision = moment.revision();
            let hash = hash_kv(&Packs::of(&moment).unwrap(), revision, revision).unwrap().hash;
            assert!(before.contains(&(revision, Some(hash))), "{revision}");
        }
        // The next segment follows what was the last before.
        segment(&*shelf, (last.through, last.link), LAST + 1, LAST + 6);
        settle(&shelf);
        let after = hashes(&shelf, needed());
        assert_eq!(after, before);
        assert_eq!(History::open(shelf).unwrap().newest().unwrap().newest(), Some(LAST + 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_who_merge_at_once_do_no_harm() {
    let template = Template::new().await;
    let (_copy, shelf) = template.copy();
    let before = apart({
        let shelf = Arc::clone(&shelf);
        move || hashes(&shelf, needed())
    })
    .await;
    let both = [0, 1].map(|_| {
        let shelf = Arc::clone(&shelf);
        tokio::task::spawn_blocking(move || {
            // What the other has removed meanwhile is looked for again by the next merging.
            while let Err(error) = merged(&shelf) {
                assert!(matches!(&error, SelectionError::File(e) if e.is_gone()), "{error}");
            }
        })
    });
    for one in both {
        one.await.unwrap();
    }
    apart(move || {
        settle(&shelf);
        assert_eq!(hashes(&shelf, needed()), before);
    })
    .await;
}

#[tokio::test]
async fn a_repository_that_is_not_there_is_an_error() {
    let secrets = Secrets::new();
    let repository = secrets.open(Path::new("/nowhere/at/all"));
    let now = "2026-11-28T00:00:00Z".parse().unwrap();
    let holder = Holder { name: "main-1", waiting: &|_| {}, patient: false };
    let (cluster, policy, scratch) = (cluster(), Policy::default(), std::env::temp_dir());
    let merged = merge_once(&repository, &cluster, &holder, &policy, now, &scratch).await;
    let Err(MergingError::Lease(error)) = merged else {
        panic!("it is merged")
    };
    assert!(
        matches!(&*error, LeaseError::Store(Error::NoBucket { store }) if store == "/nowhere/at/all"),
        "{error:?}"
    );
}

/// What could be rebuilt before, what can be after, and of what.
struct Outcome {
    before: Vec<(u64, Option<u32>)>,
    after: Vec<(u64, Option<u32>)>,
    left: Vec<Object>,
}

/// Merges a repository's history by a policy that keeps nothing itself, with points of these revisions.
async fn merged_with(points: &[u64]) -> Outcome {
    let (secrets, directory) = (Secrets::new(), tempfile::tempdir().unwrap());
    let repository = secrets.found(directory.path()).await;
    let shelf: Arc<dyn Shelf> = Arc::new(RepositoryShelf::new(&repository, &cluster()));
    let making = Arc::clone(&shelf);
    apart(move || make(&*making)).await;
    for revision in points {
        store_point(&repository, (&format!("00:00:{revision:02}"), *revision), None, b"x").await;
    }
    // One that nobody could recover from keeps nothing.
    let planted = directory.path().join("clusters/rancher/points");
    std::fs::create_dir_all(&planted).unwrap();
    std::fs::write(planted.join("000001-19700101T000011.000Z-zzzz"), b"planted").unwrap();

    let policy = Policy { keep: BTreeSet::new(), ..policy() };
    let at = |ms: u64| Timestamp::from_millisecond(i64::try_from(ms).unwrap()).unwrap();
    let kept = with_points(&repository, &cluster(), &policy, at(NOW_MS)).await.unwrap();
    assert_eq!(kept.keep, points.iter().copied().collect());

    let hashed = |shelf: &Arc<dyn Shelf>| {
        let shelf = Arc::clone(shelf);
        apart(move || hashes(&shelf, 3..=LAST))
    };
    let before = hashed(&shelf).await;
    let holder = Holder { name: "main-1", waiting: &|_| {}, patient: false };
    // The newest base is made at first, and then the window has passed it.
    for now in [NOW_MS, NOW_MS + policy.window_ms] {
        for _ in 0..6 {
            let (cluster, scratch) = (cluster(), std::env::temp_dir());
            let done = merge_once(&repository, &cluster, &holder, &policy, at(now), &scratch)
                .await
                .unwrap();
            if (done.created, done.removed, done.left) == (0, 0, 0) {
                break;
            }
        }
    }
    let after = hashed(&shelf).await;
    let left = apart(move || shelf.list().unwrap()).await;
    Outcome { before, after, left }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_revisions_that_points_name_stay() {
    for points in [&[][..], &[POINT], &[POINT, 9]] {
        let Outcome { before, after, left } = merged_with(points).await;
        for (was, is) in before.iter().zip(&after) {
            let stays = is.0 == LAST || points.contains(&is.0);
            // Whatever is left is what it was.
            assert!(is == was || is.1.is_none() && !stays, "{points:?}: {was:?} became {is:?}");
        }
        // Without a point, nothing keeps the base that leads to it.
        let leads = |it: &Object| matches!(it, Object::Base(it) if it.revision <= POINT);
        assert_eq!(left.iter().any(leads), points.contains(&POINT), "{points:?}: {left:?}");
    }
}
