//! A directory on a real file system that is full, and then read-only.

use super::*;
use crate::{AppendError, Error};
use std::process::Command;

/// In a mount namespace of its own: a file system of a few pages, which ends with the process.
#[test]
#[ignore = "needs root: cargo xtask test"]
fn a_full_and_a_read_only_disk_are_told_and_nothing_is_lost() {
    const PLACE: &str = "LIFEBOAT_TEST_DISK";
    if let Some(place) = std::env::var_os(PLACE) {
        tokio::runtime::Runtime::new()
            .unwrap()
            .block_on(full_and_read_only(Path::new(&place)));
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let script =
        "mount -t tmpfs -o size=512k,mode=700 none \"$LIFEBOAT_TEST_DISK\" && exec \"$0\" --ignored --exact \"$1\"";
    let inside = Command::new("unshare")
        .args(["--mount", "sh", "-c", script])
        .arg(std::env::current_exe().unwrap())
        .arg("tests::disks::a_full_and_a_read_only_disk_are_told_and_nothing_is_lost")
        .env(PLACE, place.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&inside.stdout);
    assert!(inside.status.success() && said.contains("1 passed"), "{inside:?}");
}

async fn full_and_read_only(place: &Path) {
    let key = key();
    let repository = Repository::open(settings(&place.join("copies"), &key)).unwrap();
    found(&repository, &key).await.unwrap();
    let point = store_point(&repository, &id(1), b"whole").await;

    let mut new = repository.begin(&cluster(), &id(2));
    let error = new.part("etcd", Path::new("/proc/self/exe")).await.unwrap_err();
    let Error::File { path, reason } = &error else {
        panic!("{error}")
    };
    assert!(path.starts_with(place) && path.ends_with("etcd"), "{error}");
    assert!(reason.contains("No space left on device"), "{error}");
    assert_eq!(repository.orphans(&cluster()).await.unwrap().points, [], "what did not fit is removed");

    remount(place, "ro");
    let error = repository.append(1, 0, b"x").await.unwrap_err();
    let AppendError::Impossible { source, .. } = &error else {
        panic!("{error:?}")
    };
    let told = format!(
        "{} refuses shared/runs/0000000001/0000000000: Read-only file system (os error 30)",
        repository.store()
    );
    assert_eq!(source.to_string(), told);
    assert!(matches!(repository.probe().await, Err(Error::Refused { .. })));
    assert!(matches!(repository.remove(&cluster(), &id(1)).await, Err(Error::Refused { .. })));
    assert_eq!(repository.point(&cluster(), &id(1)).await.unwrap(), point);

    remount(place, "rw");
    repository.append(1, 0, b"x").await.unwrap();
    assert_eq!(repository.entries(1).await.unwrap(), [(0, b"x".to_vec())]);
}

fn remount(place: &Path, how: &str) {
    let done = Command::new("mount")
        .args(["-o", &format!("remount,{how}")])
        .arg(place)
        .status();
    assert!(done.unwrap().success());
}
