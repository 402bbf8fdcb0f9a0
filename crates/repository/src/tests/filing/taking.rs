//! Taking and restoring.

use super::*;
use crate::{Error, Progress};
use std::sync::Mutex;

#[tokio::test]
async fn what_is_restored_is_what_was_taken() {
    let (files, _store) = filed_in_memory().await;
    let source = tempfile::tempdir().unwrap();
    let folder = source.path().join("source");
    fs::create_dir(&folder).unwrap();
    plant(&folder);
    let first = files.take(std::slice::from_ref(&folder), &taking()).await.unwrap();
    assert_eq!(first.unread, []);
    assert_eq!(first.files, 13);
    assert!(first.bytes_read > 18 << 20 && first.bytes_added > 6 << 20, "{first:?}");

    let into = tempfile::tempdir().unwrap();
    let options = Restoring { verify: true, ..Restoring::default() };
    let restored = files.restore(&first.snapshot, into.path(), options).await.unwrap();
    assert_eq!((restored.files, &restored.unset), (13, &vec![]));
    let there = below(into.path(), &folder);
    assert_eq!(seen(&there), seen(&folder));
    let inode = |name: &str| there.join(name).metadata().unwrap().ino();
    assert_eq!(inode("a/second"), inode("third"));
    let holes = there.join("holes").metadata().unwrap();
    assert!(holes.blocks() * 512 < holes.size() / 4, "{} blocks", holes.blocks());

    // What has not changed is neither read nor stored again.
    let second = files.take(std::slice::from_ref(&folder), &taking()).await.unwrap();
    assert_eq!(second.files, first.files);
    assert!(second.bytes_added < 10_000, "{second:?}");

    let full = files.restore(&first.snapshot, into.path(), Restoring::default()).await;
    assert!(matches!(full, Err(Error::File { .. })), "{full:?}");
    fs::remove_file(there.join("large")).unwrap();
    fs::remove_file(there.join("nothing")).unwrap();
    symlink("/", there.join("nothing")).unwrap();
    let over = Restoring { overwrite: true, ..Restoring::default() };
    files.restore(&second.snapshot, into.path(), over).await.unwrap();
    assert_eq!(seen(&there), seen(&folder));
}

#[tokio::test]
async fn a_link_that_comes_into_the_way_meanwhile_leads_nowhere() {
    let (files, _store) = filed_in_memory().await;
    let [source, into, outside] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    for folder in ["a", "b"] {
        fs::create_dir(source.path().join(folder)).unwrap();
    }
    fs::write(source.path().join("a/file"), "of the snapshot").unwrap();
    // The later folder first, and more files in it than are under way at once: when the first is there, nobody looks into "a" yet.
    for number in 0..64 {
        fs::write(source.path().join(format!("b/{number}")), format!("file {number}")).unwrap();
    }
    let snapshot = taken(&files, source.path()).await;
    let (there, elsewhere) = (below(into.path(), source.path()), outside.path().to_owned());
    let swapped = Mutex::new(false);
    let watched = files.watched(move |progress: &Progress| {
        let mut swapped = swapped.lock().unwrap();
        if progress.work == "restoring files" && progress.done > 0 && !*swapped {
            fs::remove_dir(there.join("a")).unwrap();
            symlink(&elsewhere, there.join("a")).unwrap();
            *swapped = true;
        }
    });
    let error = watched.restore(&snapshot, into.path(), Restoring::default()).await.unwrap_err();
    assert!(matches!(&error, Error::File { path, .. } if path.ends_with("a")), "{error}");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn what_is_left_out_and_what_is_not() {
    let (files, _store) = filed_in_memory().await;
    let source = tempfile::tempdir().unwrap();
    let at = |name: &str| source.path().join(name);
    for folder in ["one/cache", "one/keep/cache", "two", ".git"] {
        fs::create_dir_all(at(folder)).unwrap();
    }
    let all = [
        "one/a.tmp",
        "one/a.txt",
        "one/cache/x",
        "one/keep/cache/x",
        "two/a.tmp",
        "two/.hidden",
        "two/note.log",
    ];
    for file in all {
        fs::write(at(file), file).unwrap();
    }
    // Rules of git's, which are none of ours.
    fs::write(at(".gitignore"), "*.txt\n").unwrap();
    fs::write(at("two/.ignore"), "*\n").unwrap();
    let options = Taking {
        excludes: vec!["*.tmp".to_owned(), at("one/cache").display().to_string()],
        tags: vec!["nightly".to_owned(), "b".to_owned()],
        label: "node".to_owned(),
        ..taking()
    };
    let taken = files.take(&[at("two"), at("one"), at("one/keep")], &options).await.unwrap();
    let into = tempfile::tempdir().unwrap();
    files.restore(&taken.snapshot, into.path(), Restoring::default()).await.unwrap();
    let found = seen(&below(into.path(), source.path()));
    let found: Vec<_> = found.keys().map(|path| path.to_str().unwrap()).collect();
    let kept = ["", "one", "one/a.txt", "one/keep", "one/keep/cache", "one/keep/cache/x"];
    let kept = [&kept[..], &["two", "two/.hidden", "two/.ignore", "two/note.log"]].concat();
    assert_eq!(found, kept);

    let listed = files.list().await.unwrap();
    assert_eq!(listed.damaged, []);
    let [snapshot] = &listed.snapshots[..] else {
        panic!("{listed:?}")
    };
    assert_eq!(
        (&snapshot.id, &snapshot.host[..], &snapshot.label[..]),
        (&taken.snapshot, "main-1", "node")
    );
    assert_eq!(snapshot.tags, ["b", "nightly"]);
    assert_eq!(snapshot.paths, [at("one").to_str().unwrap(), at("two").to_str().unwrap()]);
}

#[tokio::test]
async fn what_cannot_be_named_is_refused() {
    let (files, store) = filed_in_memory().await;
    let source = tempfile::tempdir().unwrap();
    let link = source.path().join("link");
    symlink("/etc", &link).unwrap();
    for path in ["relative", "/tmp/../etc", link.to_str().unwrap()] {
        let refused = files.take(&[path.into()], &taking()).await;
        assert!(matches!(refused, Err(Error::Invalid { .. })), "{path}: {refused:?}");
    }
    let refused = files.take(&[source.path().join("absent")], &taking()).await;
    assert!(matches!(refused, Err(Error::File { .. })), "{refused:?}");
    let with = |excludes: &[&str], tags: &[&str]| Taking {
        excludes: excludes.iter().map(ToString::to_string).collect(),
        tags: tags.iter().map(ToString::to_string).collect(),
        ..taking()
    };
    for options in [
        with(&["!keep"], &[]),
        with(&[""], &[]),
        with(&["[z-a]"], &[]),
        with(&[], &["a,b"]),
    ] {
        let refused = files.take(&[source.path().to_owned()], &options).await;
        assert!(matches!(refused, Err(Error::Invalid { .. })), "{options:?}: {refused:?}");
    }
    assert!(matches!(files.take(&[], &taking()).await, Err(Error::Invalid { .. })));
    for id in ["", "latest", "../config", &"g".repeat(64)] {
        let refused = files.restore(id, source.path(), Restoring::default()).await;
        assert!(matches!(refused, Err(Error::Invalid { .. })), "{id}: {refused:?}");
    }
    let absent = files
        .restore(&"0".repeat(64), &source.path().join("into"), Restoring::default())
        .await;
    assert!(matches!(absent, Err(Error::NotFound { .. })), "{absent:?}");
    assert_eq!(keys(&store, "snapshots/").await, [""; 0]);
}

#[tokio::test]
async fn what_cannot_be_read_is_named() {
    let (files, _store) = filed_in_memory().await;
    // It opens, and its first byte cannot be read.
    let unreadable = PathBuf::from(format!("/proc/{}/mem", std::process::id()));
    let taken = files.take(std::slice::from_ref(&unreadable), &taking()).await.unwrap();
    assert_eq!(taken.files, 0);
    let [unread] = &taken.unread[..] else {
        panic!("{taken:?}")
    };
    assert_eq!(unread.path, unreadable);
    assert!(unread.reason.contains("Input/output error"), "{unread:?}");
}

#[tokio::test]
async fn a_stream_is_one_file_or_nothing() {
    let (files, store) = filed_in_memory().await;
    let bytes = content(1 << 20);
    let taken = files
        .take_stream("disk.img", std::io::Cursor::new(bytes.clone()), &taking())
        .await
        .unwrap();
    assert_eq!((taken.files, taken.bytes_read), (1, 1 << 20));
    let into = tempfile::tempdir().unwrap();
    files.restore(&taken.snapshot, into.path(), Restoring::default()).await.unwrap();
    assert!(fs::read(into.path().join("disk.img")).unwrap() == bytes);

    let broken = std::io::Read::chain(std::io::Cursor::new(bytes), Broken);
    let error = files.take_stream("disk.img", broken, &taking()).await.unwrap_err();
    assert_eq!(error.to_string(), "disk.img cannot be read or written: the line is dead");
    assert_eq!(keys(&store, "snapshots/").await.len(), 1);
    assert!(files.take_stream("a/b", std::io::empty(), &taking()).await.is_err());
}

struct Broken;

impl std::io::Read for Broken {
    fn read(&mut self, _into: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("the line is dead"))
    }
}

#[tokio::test]
async fn how_far_it_is_can_be_watched() {
    let (files, _store) = filed_in_memory().await;
    let source = tempfile::tempdir().unwrap();
    fs::write(source.path().join("file"), content(100_000)).unwrap();
    let seen: Arc<Mutex<Vec<Progress>>> = Arc::default();
    let told = seen.clone();
    let watched = files.watched(move |progress| told.lock().unwrap().push(progress.clone()));
    let snapshot = taken(&watched, source.path()).await;
    let last = |work: &str| {
        let all = seen.lock().unwrap();
        let found = all.iter().rfind(|progress| progress.work == work).cloned();
        found.unwrap_or_else(|| panic!("{all:?}"))
    };
    let read = last("backing up");
    assert_eq!((read.done, read.total, read.bytes), (100_000, Some(100_000), true));
    let into = source.path().join("into");
    watched.restore(&snapshot, &into, Restoring::default()).await.unwrap();
    assert_eq!(last("restoring files").done, 100_000);
}
