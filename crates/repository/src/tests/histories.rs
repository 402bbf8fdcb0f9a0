//! Objects of histories: stored once, opened at any place, refused when they are not what was stored.

use super::clocked::Clocked;
use super::odd::{Habit, Odd};
use super::*;
use crate::history::Put;
use crate::{Error, HistoryListing, OpenedObject};
use futures::FutureExt;
use object_store::path::Path as Key;
use object_store::{ObjectStoreExt, PutPayload};
use proptest::strategy::{Strategy, ValueTree};
use std::io::{self, Cursor, Read};
use std::sync::Mutex;

const NAME: &str = "t0001-base-00000000000000000007-0011223344556677";

/// More than goes in one request, in several pieces and many chunks.
const LARGE: usize = (6 << 20) + 12_345;

fn history_key(name: &str) -> Key {
    Key::from(format!("clusters/management/history/{name}"))
}

async fn put(repository: &Repository, name: &str, content: &[u8]) -> Result<Put, Error> {
    repository.put_history(&cluster(), name, 3, Cursor::new(content.to_vec())).await
}

async fn open(repository: &Repository, name: &str) -> Result<OpenedObject, Error> {
    repository.open_history(&cluster(), name).await
}

async fn whole(repository: &Repository, name: &str) -> Vec<u8> {
    let opened = open(repository, name).await.unwrap();
    let length = usize::try_from(opened.len()).unwrap();
    opened.read_at(0, length).await.unwrap().to_vec()
}

/// What must hold on every kind of store.
async fn all(repository: &Repository) {
    let (small, large) = (content(70_000), content(LARGE));
    for (name, content) in [("empty", &[][..]), ("one", &[7]), ("small", &small), ("large", &large)] {
        assert_eq!(put(repository, name, content).await.unwrap(), Put::Created, "{name}");
        assert_eq!(put(repository, name, content).await.unwrap(), Put::Existed, "{name}");
        assert!(whole(repository, name).await == content, "{name}");
        let mut other = content.to_vec();
        other.push(1);
        let error = put(repository, name, &other).await.unwrap_err();
        assert_eq!(error.to_string(), format!("{} was written by somebody else", history_key(name)));
        assert!(whole(repository, name).await == content, "{name}");
    }
    assert_eq!(open(repository, "large").await.unwrap().epoch(), 3);
    let listed = repository.list_history(&cluster()).await.unwrap();
    let names: Vec<_> = listed.objects.iter().map(|it| (it.name.as_str(), it.bytes)).collect();
    let sealed = |content: u64| 64 + content + 16 * content.div_ceil(65_536).max(1);
    let sizes = [0, LARGE as u64, 1, 70_000].map(sealed);
    assert_eq!(names, ["empty", "large", "one", "small"].into_iter().zip(sizes).collect::<Vec<_>>());
    assert_eq!(listed.strange, [""; 0]);
    for name in ["large", "large", "small", "never-there"] {
        repository.remove_history(&cluster(), name).await.unwrap();
    }
    assert!(matches!(open(repository, "large").await, Err(Error::NotFound { .. })));
    assert_eq!(repository.list_history(&cluster()).await.unwrap().objects.len(), 2);
}

#[tokio::test]
async fn everything_holds_in_memory() {
    let (repository, _) = in_memory().await;
    all(&repository).await;
}

#[tokio::test]
async fn everything_holds_in_a_directory() {
    let (files, key) = (Files::new(), key());
    let repository = Repository::open(settings(&files.at("repository"), &key)).unwrap();
    found(&repository, &key).await.unwrap();
    all(&repository).await;
}

#[tokio::test]
async fn any_part_is_read_without_the_rest() {
    let (repository, _) = in_memory().await;
    for length in [1, 65_535, 65_536, 65_537, 3 * 65_536, 500_000] {
        let content = content(length);
        let name = format!("of-{length}");
        put(&repository, &name, &content).await.unwrap();
        let opened = open(&repository, &name).await.unwrap();
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        for _ in 0..40 {
            let (a, b) = (0..=length, 0..=length).new_tree(&mut runner).unwrap().current();
            let (from, to) = (a.min(b), a.max(b));
            let part = opened.read_at(from as u64, to - from).await.unwrap();
            assert!(part == content[from..to], "{from}..{to} of {length}");
        }
        for (from, bytes) in [(length as u64, 1), (length as u64 + 1, 0), (u64::MAX, 2)] {
            assert!(matches!(opened.read_at(from, bytes).await, Err(Error::Invalid { .. })), "{from}, {bytes}");
        }
    }
}

#[tokio::test]
async fn names_that_cannot_be_are_refused_and_strange_keys_are_told() {
    let (repository, store) = in_memory().await;
    let long = "a".repeat(201);
    for name in ["", "A", "a/b", "a.b", "..", "a b", "é", long.as_str()] {
        let error = put(&repository, name, b"x").await.unwrap_err();
        assert!(error.to_string().contains("lower-case letters"), "{error}");
        assert!(matches!(open(&repository, name).await, Err(Error::Invalid { .. })), "{name}");
        assert!(repository.remove_history(&cluster(), name).await.is_err(), "{name}");
    }
    put(&repository, &"a".repeat(200), b"x").await.unwrap();
    for strange in ["A", "a/b", ".tmp-x"] {
        store.put(&history_key(strange), "x".into()).await.unwrap();
    }
    let HistoryListing { objects, strange } = repository.list_history(&cluster()).await.unwrap();
    assert_eq!(objects.len(), 1);
    assert_eq!(strange, [".tmp-x", "A", "a/b"].map(|it| history_key(it).to_string()));
}

#[tokio::test]
async fn what_was_changed_cut_or_moved_is_refused_by_name() {
    let (repository, store) = in_memory().await;
    let content = content(200_000);
    put(&repository, NAME, &content).await.unwrap();
    let key = history_key(NAME);
    let sealed = store.get(&key).await.unwrap().bytes().await.unwrap();
    let refused = |error: Error, what: &str| {
        assert!(matches!(error, Error::Damaged { .. } | Error::Format { .. }), "{what}: {error}");
        assert!(error.to_string().contains("clusters/management/history/"), "{what}: {error}");
    };
    for at in [0, 7, 10, 40, 100, 65_700, 150_000, sealed.len() - 1] {
        let mut changed = sealed.to_vec();
        changed[at] ^= 1;
        store.put(&key, PutPayload::from(changed)).await.unwrap();
        let read = async { open(&repository, NAME).await?.read_at(0, content.len()).await };
        refused(read.await.unwrap_err(), &format!("byte {at}"));
    }
    for length in [0, 5, 63, 64, 79, 80, 65_616, 65_620, 131_000, sealed.len() - 1] {
        store.put(&key, sealed.slice(..length).into()).await.unwrap();
        let opened = open(&repository, NAME).await;
        let read = async {
            let opened = opened?;
            let length = usize::try_from(opened.len()).unwrap();
            // The end tells: chunks before it are sound.
            opened.read_at(0, length).await
        };
        refused(read.await.unwrap_err(), &format!("{length} bytes"));
    }
    store.put(&history_key("elsewhere"), sealed.into()).await.unwrap();
    refused(open(&repository, "elsewhere").await.err().unwrap(), "moved");
}

#[tokio::test]
async fn what_does_not_open_is_stored_anew() {
    let (repository, store) = in_memory().await;
    for length in [1000, LARGE] {
        let content = content(length);
        put(&repository, NAME, &content).await.unwrap();
        let sealed = store.get(&history_key(NAME)).await.unwrap().bytes().await.unwrap();
        for broken in [&sealed[..sealed.len() - 1], &b"planted"[..], b""] {
            store.put(&history_key(NAME), PutPayload::from(broken.to_vec())).await.unwrap();
            assert_eq!(put(&repository, NAME, &content).await.unwrap(), Put::Created);
            assert!(whole(&repository, NAME).await == content);
        }
        repository.remove_history(&cluster(), NAME).await.unwrap();
    }
}

#[tokio::test]
async fn a_store_that_loses_something_acknowledges_nothing() {
    for habit in [
        Habit::CutsPuts,
        Habit::LosesPieces,
        Habit::LosesAnswers,
        Habit::Down,
        Habit::CutsRanges,
        Habit::SaysExists,
    ] {
        let (odd, key) = (Odd::new(), key());
        let repository = on(odd.clone(), &key).await;
        for (name, length) in [("small", 1000), ("large", LARGE)] {
            let content = content(length);
            odd.becomes(habit);
            let went_well = put(&repository, name, &content).await.is_ok();
            odd.becomes(Habit::Honest);
            let there = matches!(open(&repository, name).await, Ok(opened) if opened.len() == length as u64);
            assert!(!went_well || there, "{habit:?} {name}");
            put(&repository, name, &content).await.unwrap();
            assert!(whole(&repository, name).await == content, "{habit:?} {name}");
        }
    }
}

#[tokio::test]
async fn a_body_that_fails_leaves_nothing() {
    struct Broken(usize);
    impl Read for Broken {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(into.len()).ok_or(io::ErrorKind::ConnectionReset)?;
            into.fill(1);
            Ok(into.len())
        }
    }
    let (repository, _) = in_memory().await;
    for length in [0, 1 << 20, 12 << 20] {
        let error = repository.put_history(&cluster(), NAME, 0, Broken(length)).await.unwrap_err();
        assert!(error.to_string().contains("its content cannot be read"), "{error}");
        assert_eq!(repository.list_history(&cluster()).await.unwrap(), HistoryListing::default());
    }
}

#[tokio::test]
async fn who_reads_goes_on_when_the_same_is_stored_over_it() {
    let (repository, store) = in_memory().await;
    let content = content(300_000);
    put(&repository, NAME, &content).await.unwrap();
    let opened = open(&repository, NAME).await.unwrap();
    store.delete(&history_key(NAME)).await.unwrap();
    put(&repository, NAME, &content).await.unwrap();
    assert!(opened.read_at(100_000, 150_000).await.unwrap() == content[100_000..250_000]);
    store.delete(&history_key(NAME)).await.unwrap();
    assert!(matches!(opened.read_at(0, 200_000).await, Err(Error::NotFound { .. })));
}

/// Of two who mend at once, the slower must not remove what the faster has stored and was told is stored.
#[tokio::test]
async fn who_mends_removes_nothing_that_another_has_mended_meanwhile() {
    let (store, key) = (Clocked::new("2026-11-22T10:00:00Z"), key());
    let slow = on(store.clone(), &key).await;
    let fast = opened_on(store.clone(), &key);
    let content = content(1000);
    put(&slow, NAME, &content).await.unwrap();
    whole(&fast, NAME).await;
    store.put(&history_key(NAME), "planted".into()).await.unwrap();
    let saved = store.save();
    let mut removed = Vec::new();
    for at in 0.. {
        store.put_back(&saved);
        let (fast, content_there, stored) = (fast.clone(), content.clone(), Arc::new(Mutex::new(None)));
        let (there, theirs) = (store.clone(), stored.clone());
        let mends = async move {
            put(&fast, NAME, &content_there).await.unwrap();
            let found = there.get(&history_key(NAME)).await.unwrap();
            *theirs.lock().unwrap() = Some(found.bytes().await.unwrap());
        };
        store.begin(None, vec![(at, Box::new(|| mends.boxed()))]);
        // Right after the removal, it finds its place taken, and has to be told again.
        let slower = put(&slow, NAME, &content).await;
        assert!(matches!(slower, Ok(_) | Err(Error::Taken { .. })), "{slower:?}");
        let (_, left) = store.end();
        if !left.is_empty() {
            break;
        }
        let now = store.get(&history_key(NAME)).await.unwrap().bytes().await.unwrap();
        if Some(now) != *stored.lock().unwrap() {
            removed.push(at);
        }
        assert!(whole(&slow, NAME).await == content, "{at}");
    }
    // In the moment between the last look and the removal only.
    assert_eq!(removed.len(), 1, "{removed:?}");
}
