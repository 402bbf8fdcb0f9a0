//! Side by side with `restic` itself.

use super::*;
use crate::Read;
use std::process::Command;

fn restic(repository: &Path, arguments: &[&str]) -> String {
    let done = Command::new("restic")
        .args(["--no-cache", "--repo"])
        .arg(repository)
        .args(arguments)
        .env("RESTIC_PASSWORD", PASSWORD)
        .output()
        .unwrap();
    let (out, error) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "restic {arguments:?}: {out}{error}");
    out.into_owned()
}

fn below_the_store(directory: &Path) -> PathBuf {
    directory.join("clusters/management/files")
}

/// A folder with what restic 0.14 can hold: it knows targets of links as UTF-8 only.
fn plant_for_restic(folder: &Path) {
    fs::create_dir(folder).unwrap();
    plant(folder);
    fs::remove_file(folder.join("dangling")).unwrap();
    symlink("gone", folder.join("dangling")).unwrap();
}

/// Restic 0.14 makes no holes; everything else must be the same.
fn same_as_restic_restores(repository: &Path, snapshot: &str, folder: &Path) {
    let into = tempfile::tempdir().unwrap();
    restic(repository, &["restore", snapshot, "--target", into.path().to_str().unwrap()]);
    assert_eq!(seen(&below(into.path(), folder)), seen(folder));
}

#[tokio::test]
#[ignore = "needs restic: cargo xtask test"]
async fn restic_reads_what_lifeboat_stores() {
    let directory = tempfile::tempdir().unwrap();
    let files = Repository::open(settings(directory.path(), &key()))
        .unwrap()
        .files_with(&cluster(), PASSWORD);
    assert!(files.init().await.unwrap());
    let source = tempfile::tempdir().unwrap();
    let folder = source.path().join("source");
    plant_for_restic(&folder);
    let first = taken(&files, &folder).await;
    let repository = below_the_store(directory.path());
    let checked = restic(&repository, &["check", "--read-data"]);
    assert!(checked.contains("no errors were found"), "{checked}");
    same_as_restic_restores(&repository, &first, &folder);

    // Its locks are gone with it; a prune of ours leaves what it can read.
    fs::remove_file(folder.join("large")).unwrap();
    let second = taken(&files, &folder).await;
    files.forget(&[first]).await.unwrap();
    files.prune(false).await.unwrap();
    files.prune_after(false, Duration::ZERO).await.unwrap();
    restic(&repository, &["check", "--read-data"]);
    same_as_restic_restores(&repository, &second, &folder);
}

#[tokio::test]
#[ignore = "needs restic: cargo xtask test"]
async fn lifeboat_reads_what_restic_stores() {
    let directory = tempfile::tempdir().unwrap();
    let repository = below_the_store(directory.path());
    fs::create_dir_all(&repository).unwrap();
    restic(&repository, &["init", "--repository-version", "2"]);
    let source = tempfile::tempdir().unwrap();
    let folder = source.path().join("source");
    plant_for_restic(&folder);
    restic(
        &repository,
        &[
            "backup",
            "--host",
            "main-1",
            "--tag",
            "theirs",
            folder.to_str().unwrap(),
        ],
    );

    let files = Repository::open(settings(directory.path(), &key()))
        .unwrap()
        .files_with(&cluster(), PASSWORD);
    let listed = files.list().await.unwrap();
    let [snapshot] = &listed.snapshots[..] else {
        panic!("{listed:?}")
    };
    assert_eq!((&snapshot.host[..], &snapshot.tags[..]), ("main-1", &["theirs".to_owned()][..]));
    let checked = files.check(Read::All).await.unwrap();
    assert_eq!((checked.findings, checked.sound.len()), (vec![], 1));
    same_after_restore(&files, &snapshot.id, &folder).await;
    // And goes on in it.
    let ours = taken(&files, &folder).await;
    restic(&repository, &["check", "--read-data"]);
    same_as_restic_restores(&repository, &ours, &folder);
}
