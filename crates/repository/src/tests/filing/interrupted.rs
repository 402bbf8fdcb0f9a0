//! Copies that break off: nothing of before is touched, and nothing half counts.

use super::super::odd::{Habit, Odd};
use super::*;
use crate::{Error, Read};
use estate::Kind;
use tokio::sync::Notify;

async fn whole_and_alone(files: &Files, snapshot: &str, folder: &Path) {
    let listed = files.list().await.unwrap();
    assert_eq!(listed.damaged, []);
    let ids: Vec<_> = listed.snapshots.iter().map(|snapshot| &snapshot.id).collect();
    assert_eq!(ids, [snapshot]);
    let checked = files.check(Read::All).await.unwrap();
    assert_eq!((&checked.findings, &checked.sound[..]), (&vec![], &[snapshot.to_owned()][..]));
    same_after_restore(files, snapshot, folder).await;
}

#[tokio::test]
async fn a_store_that_fails_in_the_middle_leaves_what_was_there() {
    let odd = Odd::new();
    let store: Arc<dyn ObjectStore> = odd.clone();
    let files = filed(&store).await;
    let source = tempfile::tempdir().unwrap();
    fs::write(source.path().join("small"), "small").unwrap();
    let (old, new) = (source.path().join("old"), source.path().join("new"));
    for (folder, bytes) in [(&old, content(10_000)), (&new, content(3 << 20))] {
        fs::create_dir(folder).unwrap();
        fs::write(folder.join("file"), bytes).unwrap();
    }
    let first = taken(&files, &old).await;
    for habit in [Habit::Down, Habit::CutsPuts] {
        let fails = odd.clone();
        let failing = files.watched(move |progress| {
            if progress.work == "backing up" && progress.done > 1 << 20 {
                fails.becomes(habit);
            }
        });
        let error = failing.take(std::slice::from_ref(&new), &taking()).await.unwrap_err();
        let expected = if habit == Habit::Down {
            Kind::Unreachable
        } else {
            Kind::Damaged
        };
        assert_eq!(error.kind(), expected, "{error}");
        odd.becomes(Habit::Honest);
        for bad in keys(&store, "data/").await {
            // A store that cuts what it is given has left something that nobody can want.
            if habit == Habit::CutsPuts
                && keys(&store, "index/").await.len() == 1
                && get(&store, &bad).await.len() > 1 << 20
            {
                delete(&store, &bad).await;
            }
        }
        whole_and_alone(&files, &first, &old).await;
    }
    let second = taken(&files, &new).await;
    same_after_restore(&files, &second, &new).await;
}

#[tokio::test]
async fn a_copy_that_nobody_waits_for_stops() {
    let (files, _store) = filed_in_memory().await;
    let source = tempfile::tempdir().unwrap();
    let (old, new) = (source.path().join("old"), source.path().join("new"));
    for (folder, bytes) in [(&old, content(10_000)), (&new, content(4 << 20))] {
        fs::create_dir(folder).unwrap();
        fs::write(folder.join("file"), bytes).unwrap();
    }
    let first = taken(&files, &old).await;
    let begun = Arc::new(Notify::new());
    let tell = begun.clone();
    let watched = files.watched(move |progress| {
        if progress.work == "backing up" && progress.done > 0 {
            tell.notify_one();
        }
    });
    let paths = [new.clone()];
    let options = taking();
    tokio::select! {
        biased;
        () = begun.notified() => {}
        done = watched.take(&paths, &options) => panic!("{done:?}"),
    }
    whole_and_alone(&files, &first, &old).await;
}

#[tokio::test]
async fn a_disk_that_goes_away_while_restoring_is_told() {
    let odd = Odd::new();
    let store: Arc<dyn ObjectStore> = odd.clone();
    let files = filed(&store).await;
    let source = tempfile::tempdir().unwrap();
    fs::write(source.path().join("file"), content(2 << 20)).unwrap();
    let snapshot = taken(&files, source.path()).await;
    let into = tempfile::tempdir().unwrap();
    odd.becomes(Habit::CutsRanges);
    let error = files.restore(&snapshot, into.path(), Restoring::default()).await.unwrap_err();
    assert!(
        matches!(&error, Error::Damaged { object, .. } if object.starts_with("clusters/management/files/")),
        "{error}"
    );
}
