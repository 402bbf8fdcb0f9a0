use super::*;
use jiff::Timestamp;
use object_store::PutMode;
use std::fs;
use tempfile::TempDir;

/// A directory, and the directories in it whose entries were synced, in order.
struct Watched {
    place: TempDir,
    ways: Ways,
    synced: Arc<Mutex<Vec<PathBuf>>>,
}

impl Watched {
    fn new() -> Self {
        let synced: Arc<Mutex<Vec<PathBuf>>> = Arc::default();
        let seen = synced.clone();
        let ways = Ways::new(move |directory: &FilePath| {
            seen.lock().unwrap().push(directory.to_owned());
            Ok(())
        });
        Self { place: tempfile::tempdir().unwrap(), ways, synced }
    }

    /// What is synced when the object `key` was written.
    fn writes(&self, key: &str) -> Vec<String> {
        let file = self.place.path().join(key);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "x").unwrap();
        self.syncs(Ways::settle, key)
    }

    fn syncs(&self, sync: impl Fn(&Ways, &FilePath, &FilePath) -> io::Result<()>, key: &str) -> Vec<String> {
        let (root, file) = (self.place.path(), self.place.path().join(key));
        sync(&self.ways, root, &file).unwrap();
        let synced = std::mem::take(&mut *self.synced.lock().unwrap());
        let below = |path: PathBuf| path.strip_prefix(root).unwrap().display().to_string();
        synced.into_iter().map(below).collect()
    }
}

#[test]
fn every_directory_on_the_way_is_synced_once() {
    let watched = Watched::new();
    assert_eq!(watched.writes("top"), [""; 0], "the object's own directory is synced with it");
    assert_eq!(watched.writes("a/b/c/one"), ["a/b", "a", ""]);
    assert_eq!(watched.writes("a/b/c/two"), [""; 0]);
    assert_eq!(watched.writes("a/b/d/one"), ["a/b"]);
}

/// Whoever wrote it may have been killed before its name was on the disk.
#[test]
fn what_is_found_is_synced_with_its_own_directory_each_time() {
    let watched = Watched::new();
    assert_eq!(watched.writes("a/b/one"), ["a", ""]);
    assert_eq!(watched.syncs(Ways::found, "a/b/one"), ["a/b"]);
    fs::create_dir_all(watched.place.path().join("c/d")).unwrap();
    assert_eq!(watched.syncs(Ways::found, "c/d/two"), ["c/d", "c", ""]);
    assert_eq!(watched.syncs(Ways::found, "top"), [""]);
}

#[test]
fn what_is_gone_is_synced_where_something_is_left() {
    let synced: Arc<Mutex<Vec<PathBuf>>> = Arc::default();
    let seen = synced.clone();
    let ways = Ways::new(move |directory: &FilePath| {
        sync(directory)?;
        seen.lock().unwrap().push(directory.to_owned());
        Ok(())
    });
    let place = tempfile::tempdir().unwrap();
    fs::create_dir(place.path().join("a")).unwrap();
    for file in ["a/b/c/one", "a/two", "top", "d/e"] {
        ways.gone(place.path(), &place.path().join(file)).unwrap();
    }
    let (root, a) = (place.path().to_owned(), place.path().join("a"));
    assert_eq!(*synced.lock().unwrap(), [a.clone(), a, root.clone(), root]);
}

/// The directory may have been made by somebody who did not live to sync it.
#[test]
fn a_directory_that_was_removed_and_made_anew_is_synced_anew() {
    let watched = Watched::new();
    assert_eq!(watched.writes("a/b/one"), ["a", ""]);
    fs::remove_dir_all(watched.place.path().join("a/b")).unwrap();
    assert_eq!(watched.writes("a/b/one"), ["a"]);
    fs::remove_dir_all(watched.place.path().join("a")).unwrap();
    assert_eq!(watched.writes("a/b/one"), ["a", ""]);
}

#[test]
fn what_was_removed_meanwhile_is_not_waited_for_and_failures_are_told() {
    let watched = Watched::new();
    let (root, gone) = (watched.place.path(), watched.place.path().join("a/b/one"));
    watched.ways.settle(root, &gone).unwrap();
    fs::create_dir_all(root.join("a/b")).unwrap();
    let broken = Ways::new(|_directory: &FilePath| Err(io::Error::from(io::ErrorKind::StorageFull)));
    for _again in 0..2 {
        assert_eq!(broken.settle(root, &gone).unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}

#[test]
fn a_directory_is_made_with_all_that_is_missing_and_for_nobody_else() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("a/b");
    make(&path).unwrap();
    make(&path).unwrap();
    for made in [place.path().join("a"), path] {
        assert_eq!(made.metadata().unwrap().mode() & 0o777, 0o700);
    }
    let file = place.path().join("file");
    fs::write(&file, "").unwrap();
    let error = make(&file.join("below")).unwrap_err();
    assert!(error.to_string().contains("file/below cannot be read or written"), "{error}");
}

#[test]
fn a_file_system_without_hard_links_is_told() {
    let place = tempfile::tempdir().unwrap();
    try_links(place.path(), |from, to| fs::hard_link(from, to)).unwrap();
    let none = io::Error::from_raw_os_error(1);
    let error = try_links(place.path(), |_, _| Err(none)).unwrap_err();
    let told = format!(
        "the repository's directory cannot be used: {} has no hard links, which creating is built on: \
         Operation not permitted (os error 1)",
        place.path().display()
    );
    assert_eq!(error.to_string(), told);
    assert_eq!(place.path().read_dir().unwrap().count(), 0);
}

#[tokio::test]
async fn an_object_is_found_as_it_was_written_and_its_way_is_known() {
    let place = tempfile::tempdir().unwrap();
    let store = Directory::new(place.path()).unwrap();
    let key = Path::from("a/b/one");
    store.put_opts(&key, "x".into(), PutMode::Create.into()).await.unwrap();
    let again = store.put_opts(&key, "y".into(), PutMode::Create.into()).await;
    assert!(matches!(again, Err(object_store::Error::AlreadyExists { .. })), "{again:?}");
    store.settle(&Path::from("a/b")).await.unwrap();
    store.settle(&Path::from("never/made")).await.unwrap();
    let mut pieces = store.put_multipart(&Path::from("a/c/two")).await.unwrap();
    pieces.put_part("y".into()).await.unwrap();
    pieces.complete().await.unwrap();
    let known = store.ways.synced().len();
    assert_eq!(known, 3, "a, a/b and a/c");
    store.delete(&key).await.unwrap();
    assert!(!place.path().join("a/b").exists(), "what is empty is removed");
    assert_eq!(store.get(&Path::from("a/c/two")).await.unwrap().bytes().await.unwrap(), "y");
}

#[test]
fn what_was_not_ended_is_found_by_its_name_alone() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path();
    let ours = [
        "lifeboat.json#1",
        "links-bcdfghjkmnpq#2",
        "clusters/c/files/data/ab/abcd#12",
        "shared/runs/0000000001/0000000000#1",
    ];
    let others = [
        "lifeboat.json",
        "notes.txt#1",
        "shared/kit/1#1",
        "shared/kit/0000000001",
        "shared/kit/0000000001#",
        "shared/kit/0000000001#1a",
        "shared/kit/0000000001#1#2",
        "shared/links-bcdfghjkmnpq#2",
    ];
    for file in ours.iter().chain(&others) {
        let file = root.join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "x").unwrap();
    }
    std::os::unix::fs::symlink("lifeboat.json", root.join("shared/kit/0000000002#1")).unwrap();
    fs::create_dir(root.join("shared/kit/0000000003#1")).unwrap();
    let names = |prefix: &str| {
        let found = unfinished(root, &Path::from(prefix)).unwrap();
        let mut names: Vec<String> = found.into_iter().map(|it| it.key.to_string()).collect();
        names.sort();
        names
    };
    assert_eq!(names(""), [ours[2], ours[0], ours[1], ours[3]]);
    assert_eq!(names("shared"), [ours[3]]);
    assert_eq!(names("clusters/other"), [""; 0]);

    let at = Timestamp::try_from(fs::metadata(root.join(ours[2])).unwrap().modified().unwrap()).unwrap();
    let later = at + jiff::SignedDuration::from_secs(1);
    let removed = |file: &str, before| remove_unfinished(root, &Path::parse(file).unwrap(), before).unwrap();
    assert!(!removed(ours[2], at), "it was written to at that time");
    for other in others {
        assert!(!removed(other, later), "{other}");
    }
    assert!(removed(ours[2], later) && !removed(ours[2], later));
    assert!(!root.join("clusters").exists(), "what is empty is removed");
    assert!(removed(ours[3], later) && root.join("shared/kit/0000000001").exists());
}

/// The disk is gone, and the directory that it was mounted on is there: what is written there would be under the disk when it is back.
#[tokio::test]
async fn nothing_is_written_into_the_place_of_a_disk_that_is_gone() {
    let place = tempfile::tempdir().unwrap();
    let (root, away) = (place.path().join("store"), place.path().join("away"));
    fs::create_dir(&root).unwrap();
    let store = Directory::new(&root).unwrap();
    let put = async |name: &str| store.put(&Path::from(name), PutPayload::from_static(b"x")).await;
    put(MARKER).await.unwrap();
    fs::rename(&root, &away).unwrap();
    fs::create_dir(&root).unwrap();
    let refused = put("history/one").await.unwrap_err().to_string();
    assert!(refused.contains("is its disk mounted?"), "{refused}");
    let large = store.put_multipart(&Path::from("history/two")).await;
    assert!(large.is_err());
    assert_eq!(fs::read_dir(&root).unwrap().count(), 0);
    let read = store.get(&Path::from(MARKER)).await.unwrap_err();
    assert!(!matches!(read, object_store::Error::NotFound { .. }), "{read}");
    assert!(store.list(None).next().await.unwrap().is_err());
    // The same repository, mounted as another device.
    fs::remove_dir(&root).unwrap();
    fs::create_dir(&root).unwrap();
    fs::copy(away.join(MARKER), root.join(MARKER)).unwrap();
    put("history/one").await.unwrap();
}
