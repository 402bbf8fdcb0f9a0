//! Forgetting and pruning: what is needed stays.

use super::*;
use crate::{Error, Pruned, Read};

#[tokio::test]
async fn what_no_snapshot_needs_is_marked_and_later_removed() {
    let (files, store) = filed_in_memory().await;
    let source = tempfile::tempdir().unwrap();
    let folder = source.path();
    fs::write(folder.join("shared"), content(900_000)).unwrap();
    fs::write(folder.join("old"), content(1_300_000).split_off(400_000)).unwrap();
    let old = taken(&files, folder).await;
    fs::remove_file(folder.join("old")).unwrap();
    fs::write(folder.join("new"), "new").unwrap();
    let new = taken(&files, folder).await;

    let absent = files.forget(&[old.clone(), "1".repeat(64)]).await;
    assert!(matches!(absent, Err(Error::NotFound { .. })), "{absent:?}");
    assert_eq!(files.list().await.unwrap().snapshots.len(), 2);
    files.forget(std::slice::from_ref(&old)).await.unwrap();

    let before = keys(&store, "").await;
    let plan = files.prune(true).await.unwrap();
    assert!(plan.marked_bytes + plan.repacked_bytes > 900_000 && plan.removed_bytes == 0, "{plan:?}");
    assert_eq!(keys(&store, "").await, before);

    assert_eq!(files.prune(false).await.unwrap(), plan);
    let packs = keys(&store, "data/").await;
    assert!(
        before
            .iter()
            .filter(|key| key.contains("/data/"))
            .all(|pack| packs.contains(pack))
    );
    assert_sound(&files, &new).await;
    // Again: nothing has waited long enough.
    let waiting = files.prune(false).await.unwrap();
    assert!(waiting.waiting_bytes > 900_000 && waiting.removed_packs == 0, "{waiting:?}");

    let removed = files.prune_after(false, Duration::ZERO).await.unwrap();
    assert!(removed.removed_bytes > 900_000, "{removed:?}");
    assert!(keys(&store, "data/").await.len() < packs.len());
    assert_sound(&files, &new).await;
    same_after_restore(&files, &new, folder).await;
    assert_eq!(files.prune_after(false, Duration::ZERO).await.unwrap(), Pruned::default());
}

async fn assert_sound(files: &Files, snapshot: &str) {
    let checked = files.check(Read::All).await.unwrap();
    assert_eq!((&checked.findings, &checked.sound[..]), (&vec![], &[snapshot.to_owned()][..]));
}

#[tokio::test]
async fn a_prune_beside_restic_is_refused() {
    let (files, store) = filed_in_memory().await;
    let lock = format!("clusters/management/files/locks/{}", "a".repeat(64));
    put(&store, &lock, b"sealed".to_vec()).await;
    let error = files.prune(true).await.unwrap_err();
    let expected = format!("memory refuses a prune: restic holds {lock}: it is at work, or was interrupted");
    assert_eq!(error.to_string(), expected);
    delete(&store, &lock).await;
    files.prune(true).await.unwrap();
}
