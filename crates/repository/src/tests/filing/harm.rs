//! Objects that were changed or removed: found, named, refused.

use super::*;
use crate::{Error, Read};

/// Two snapshots of two folders, and what is in the first.
async fn two(files: &Files) -> (TempDir, [String; 2]) {
    let source = tempfile::tempdir().unwrap();
    let at = |name: &str| source.path().join(name);
    for (folder, bytes) in [("one", content(700_000)), ("two", b"something small".to_vec())] {
        fs::create_dir(at(folder)).unwrap();
        fs::write(at(folder).join("file"), bytes).unwrap();
    }
    let ids = [taken(files, &at("one")).await, taken(files, &at("two")).await];
    (source, ids)
}

async fn restored(files: &Files, snapshot: &str) -> Result<(), Error> {
    let into = tempfile::tempdir().unwrap();
    files.restore(snapshot, into.path(), Restoring::default()).await.map(drop)
}

#[tokio::test]
async fn a_changed_pack_is_found_and_named_and_what_needs_it_is_not_restored() {
    let (files, store) = filed_in_memory().await;
    let (_source, ids) = two(&files).await;
    let sound = files.check(Read::All).await.unwrap();
    assert_eq!((sound.findings, sound.harmed, sound.sound.len(), sound.unnamed), (vec![], vec![], 2, 0));
    assert!(sound.bytes > 700_000);
    let packs = keys(&store, "data/").await;
    assert_eq!(packs.len(), 4);
    for pack in &packs {
        let good = get(&store, pack).await;
        let mut bad = good.clone();
        // In the middle of its only blob.
        bad[good.len() / 3] ^= 1;
        put(&store, pack, bad).await;
        assert_eq!(
            files.check(Read::Nothing).await.unwrap().findings.is_empty(),
            good.len() > 100_000 || is_data(&good)
        );
        let checked = files.check(Read::All).await.unwrap();
        let [finding] = &checked.findings[..] else {
            panic!("{checked:?}")
        };
        assert_eq!(&finding.object, pack);
        let ([harmed], [whole]) = (&checked.harmed[..], &checked.sound[..]) else {
            panic!("{checked:?}")
        };
        assert!(harmed.reason.contains(pack), "{harmed:?}");
        let error = restored(&files, &harmed.snapshot).await.unwrap_err();
        assert!(matches!(&error, Error::Damaged { object, .. } if object == pack), "{error}");
        restored(&files, whole).await.unwrap();
        put(&store, pack, good).await;
    }
    assert!(ids.contains(&files.list().await.unwrap().snapshots[0].id));
}

/// Whether a small pack is of data and not of folders, which are read by every check.
fn is_data(pack: &[u8]) -> bool {
    pack.len() < 200
}

#[tokio::test]
async fn a_missing_or_cut_pack_is_found_without_reading_any() {
    let (files, store) = filed_in_memory().await;
    let (_source, _ids) = two(&files).await;
    for pack in keys(&store, "data/").await {
        let good = get(&store, &pack).await;
        for reason in [
            "it is gone, though the index names it".to_owned(),
            format!("it has 50 of {} bytes", good.len()),
        ] {
            if reason.starts_with("it has") {
                put(&store, &pack, good[..50].to_vec()).await;
            } else {
                delete(&store, &pack).await;
            }
            let checked = files.check(Read::Nothing).await.unwrap();
            let [finding] = &checked.findings[..] else {
                panic!("{checked:?}")
            };
            assert_eq!((&finding.object, &finding.reason), (&pack, &reason));
            let ([harmed], [whole]) = (&checked.harmed[..], &checked.sound[..]) else {
                panic!("{checked:?}")
            };
            let error = restored(&files, &harmed.snapshot).await.unwrap_err();
            assert!(matches!(&error, Error::Damaged { object, .. } if *object == pack), "{error}");
            restored(&files, whole).await.unwrap();
        }
        put(&store, &pack, good).await;
    }
}

#[tokio::test]
async fn every_other_object_is_named_when_it_is_changed() {
    let (files, store) = filed_in_memory().await;
    let (source, _ids) = two(&files).await;
    for folder in ["keys/", "index/", "snapshots/"] {
        for key in keys(&store, folder).await {
            let good = get(&store, &key).await;
            let mut bad = good.clone();
            bad[good.len() / 2] ^= 1;
            put(&store, &key, bad).await;
            let checked = files.check(Read::Nothing).await.unwrap();
            let [finding] = &checked.findings[..] else {
                panic!("{key}: {checked:?}")
            };
            assert_eq!(finding.object, key);
            match folder {
                "index/" => {
                    assert_eq!(checked.harmed.len(), 2);
                    let refused = files.take(&[source.path().to_owned()], &taking()).await.unwrap_err();
                    assert!(matches!(&refused, Error::Damaged { object, .. } if *object == key), "{refused}");
                    let refused = files.prune(false).await.unwrap_err();
                    assert!(matches!(&refused, Error::Damaged { object, .. } if *object == key), "{refused}");
                }
                "snapshots/" => {
                    let listed = files.list().await.unwrap();
                    assert_eq!((listed.snapshots.len(), &listed.damaged[0].0), (1, &key));
                    let refused = restored(&files, key.rsplit('/').next().unwrap()).await.unwrap_err();
                    assert!(matches!(&refused, Error::Damaged { object, .. } if *object == key), "{refused}");
                }
                _ => {}
            }
            put(&store, &key, good).await;
        }
    }
    let config = "clusters/management/files/config";
    let mut bad = get(&store, config).await;
    bad[40] ^= 1;
    put(&store, config, bad).await;
    let error = files.open().await.unwrap_err();
    assert!(matches!(&error, Error::Damaged { object, .. } if object == config), "{error}");
}

#[tokio::test]
async fn a_sample_reads_some() {
    let (files, _store) = filed_in_memory().await;
    let (_source, _ids) = two(&files).await;
    let all = files.check(Read::All).await.unwrap().bytes;
    let some = files.check(Read::Percent(1)).await.unwrap().bytes;
    assert!(some > 0 && some < all, "{some} of {all}");
    assert_eq!(files.check(Read::Percent(100)).await.unwrap().bytes, all);
    assert_eq!(files.check(Read::Nothing).await.unwrap().bytes, 0);
}
