//! Files in restic's format: what all their tests share.

mod harm;
mod interrupted;
mod making;
mod pruning;
mod restic;
mod taking;

use super::*;
use crate::{Files, Restoring, Taking};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, chown, symlink};
use std::time::{Duration, SystemTime};
use tokio::sync::OnceCell;

const PASSWORD: &str = "correct horse battery staple";

/// An empty repository of files on a store. Deriving keys is slow on purpose: it is done once for all tests.
async fn filed(store: &Arc<dyn ObjectStore>) -> Files {
    static MADE: OnceCell<(Files, Arc<dyn ObjectStore>)> = OnceCell::const_new();
    let make = || async {
        let memory: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let files = opened_on(memory.clone(), &key()).files_with(&cluster(), PASSWORD);
        assert!(files.init().await.unwrap());
        (files, memory)
    };
    let (made, objects) = MADE.get_or_init(make).await;
    for key in keys(objects, "").await {
        put(store, &key, get(objects, &key).await).await;
    }
    let mut files = made.clone();
    files.shared = opened_on(store.clone(), &key()).shared;
    files
}

async fn filed_in_memory() -> (Files, Arc<dyn ObjectStore>) {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    (filed(&store).await, store)
}

/// All keys with `folder` below the repository of files.
async fn keys(store: &Arc<dyn ObjectStore>, folder: &str) -> Vec<String> {
    use futures::TryStreamExt;
    let begin = format!("clusters/management/files/{folder}");
    let found = store.list(None).map_ok(|meta| meta.location.to_string());
    let mut keys: Vec<String> = found.try_collect().await.unwrap();
    keys.retain(|key| key.starts_with(&begin));
    keys.sort();
    keys
}

async fn get(store: &Arc<dyn ObjectStore>, key: &str) -> Vec<u8> {
    use object_store::ObjectStoreExt;
    let found = store.get(&key.into()).await.unwrap();
    found.bytes().await.unwrap().to_vec()
}

async fn put(store: &Arc<dyn ObjectStore>, key: &str, bytes: Vec<u8>) {
    use object_store::ObjectStoreExt;
    store.put(&key.into(), bytes.into()).await.unwrap();
}

async fn delete(store: &Arc<dyn ObjectStore>, key: &str) {
    use object_store::ObjectStoreExt;
    store.delete(&key.into()).await.unwrap();
}

fn taking() -> Taking {
    Taking { host: "main-1".to_owned(), ..Taking::default() }
}

/// A folder, taken as a snapshot: its id.
async fn taken(files: &Files, folder: &Path) -> String {
    let taken = files.take(&[folder.to_owned()], &taking()).await.unwrap();
    assert_eq!(taken.unread, []);
    taken.snapshot
}

/// Where a folder is after it was restored into another.
fn below(into: &Path, folder: &Path) -> PathBuf {
    into.join(folder.strip_prefix("/").unwrap())
}

/// Restores a snapshot of a folder, and compares it with the folder.
async fn same_after_restore(files: &Files, snapshot: &str, folder: &Path) {
    let into = tempfile::tempdir().unwrap();
    let options = Restoring { verify: true, ..Restoring::default() };
    let restored = files.restore(snapshot, into.path(), options).await.unwrap();
    assert_eq!(restored.unset, []);
    assert_eq!(seen(&below(into.path(), folder)), seen(folder));
}

/// A folder with something of everything.
fn plant(root: &Path) {
    let at = |name: &str| root.join(name);
    fs::create_dir_all(at("a/b/c")).unwrap();
    fs::create_dir(at("empty")).unwrap();
    fs::write(at("a/b/c/deep.txt"), "deep").unwrap();
    fs::write(at("nothing"), "").unwrap();
    fs::write(at("large"), content(6 << 20)).unwrap();
    for name in [
        b"\xff\xfe odd".as_slice(),
        b"line\nbreak \"quoted\" back\\slash",
        "ünïcode".as_bytes(),
        b" ",
    ] {
        fs::write(root.join(OsStr::from_bytes(name)), name).unwrap();
    }
    symlink("../a/b", at("empty/link")).unwrap();
    symlink(OsStr::from_bytes(b"gone \xff"), at("dangling")).unwrap();
    fs::hard_link(at("a/b/c/deep.txt"), at("a/second")).unwrap();
    fs::hard_link(at("a/b/c/deep.txt"), at("third")).unwrap();
    let holes = File::create(at("holes")).unwrap();
    holes.set_len(12 << 20).unwrap();
    holes.write_all_at(b"an island", 5 << 20).unwrap();
    let _no_attributes_here = xattr::set(at("nothing"), "user.note", b"\x00\xff");
    let _no_attributes_here = xattr::set(at("empty"), "user.note", b"of a folder");
    if nix::unistd::geteuid().is_root() {
        chown(at("nothing"), Some(1234), Some(2345)).unwrap();
        chown(at("a"), Some(1234), Some(2345)).unwrap();
        std::os::unix::fs::lchown(at("dangling"), Some(12), Some(34)).unwrap();
    }
    nix::unistd::mkfifo(&at("pipe"), nix::sys::stat::Mode::S_IRUSR).unwrap();
    for (name, mode) in [
        ("a", 0o1770),
        ("a/b", 0o2755),
        ("nothing", 0o4711),
        ("large", 0o400),
        ("", 0o711),
    ] {
        fs::set_permissions(at(name), PermissionsExt::from_mode(mode)).unwrap();
    }
    let old = SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000, 123_456_789);
    let times = fs::FileTimes::new().set_modified(old).set_accessed(old);
    for name in ["a/b/c/deep.txt", "a/b", ""] {
        File::open(at(name)).unwrap().set_times(times).unwrap();
    }
}

/// What there is below a folder and itself, each with all that has to be equal.
fn seen(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut all = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(at) = open.pop() {
        let found = at.symlink_metadata().unwrap();
        let what = if found.is_symlink() {
            format!("link to {:?}", fs::read_link(&at).unwrap())
        } else if found.is_dir() {
            open.extend(at.read_dir().unwrap().map(|entry| entry.unwrap().path()));
            "folder".to_owned()
        } else if found.is_file() {
            let hash = Sha256::digest(fs::read(&at).unwrap());
            format!("file of {} bytes, {hash:x}, {} links", found.len(), found.nlink())
        } else {
            "special".to_owned()
        };
        let attributes: Vec<_> = xattr::list(&at)
            .into_iter()
            .flatten()
            .map(|name| (name.clone(), xattr::get(&at, name).unwrap()))
            .collect();
        let (mode, uid, gid) = (found.mode(), found.uid(), found.gid());
        let time = (found.mtime(), found.mtime_nsec());
        let line = format!("{what}, {mode:o}, {uid}:{gid}, {time:?}, {attributes:?}");
        all.insert(at.strip_prefix(folder).unwrap().to_owned(), line);
    }
    all
}
