//! Repairing from a second repository: whatever is harmed comes back, and nothing sound is touched.

use super::checking::Full;
use super::*;
use crate::{CheckOptions, CopyOptions, Error, Fault, Flaw, Reading, RepairPlan, Severity, copy};
use object_store::ObjectStoreExt;
use object_store::path::Path as Key;
use std::collections::BTreeMap;

async fn copied(full: &Full) -> (Repository, Arc<InMemory>) {
    let store = Arc::new(InMemory::new());
    let second = opened_on(store.clone(), &full.key);
    copy(&full.repository, &second, &CopyOptions::default(), &|_| {}).await.unwrap();
    (second, store)
}

async fn checked(full: &Full, second: &Repository) -> crate::CheckReport {
    let options = CheckOptions {
        reading: Reading::All,
        second: Some(second),
        ..CheckOptions::default()
    };
    full.anew().check(&options, &|_| {}).await.unwrap()
}

#[tokio::test]
async fn every_object_that_was_changed_or_removed_comes_back() {
    let full = Full::new().await;
    let (second, _) = copied(&full).await;
    let read = full.read(&full.anew()).await;
    for key in full.keys().await.into_iter().filter(|key| !key.as_ref().contains("/leases/")) {
        let whole = full.bytes(&key).await;
        for removed in [false, true] {
            if removed {
                full.store.delete(&key).await.unwrap();
            } else {
                let mut changed = whole.clone();
                changed[whole.len() - 5] ^= 1;
                full.put(&key, &changed).await;
            }
            let report = checked(&full, &second).await;
            let broken = full.anew();
            let plan = broken.plan_repair(&second, &report).await.unwrap();
            if plan.take.is_empty() {
                // Nobody needs it: see `removed`.
                assert!(removed && report.sound(), "{key}: {:#?}", report.faults);
                full.put(&key, &whole).await;
                continue;
            }
            let done = broken.repair(&second, &plan, false).await.unwrap();
            assert!(done.failed.is_empty(), "{key}: {done:#?}");
            assert!(done.mended.contains(&key.to_string()), "{key}: {done:#?}");
            assert_eq!(full.bytes(&key).await, whole, "{key}");
        }
    }
    assert_eq!(full.read(&full.anew()).await, read);
    assert!(checked(&full, &second).await.sound());
}

#[tokio::test]
async fn a_point_that_was_taken_away_comes_back_with_its_parts() {
    let full = Full::new().await;
    let (second, _) = copied(&full).await;
    full.repository.remove(&cluster(), &id(2)).await.unwrap();
    let broken = full.anew();
    let plan = broken.plan_repair(&second, &checked(&full, &second).await).await.unwrap();
    let objects: Vec<_> = plan.take.iter().map(|it| &*it.object).collect();
    let part = |name: &str| format!("clusters/management/parts/{}/{name}", id(2));
    let manifest = format!("clusters/management/points/{}", id(2));
    assert_eq!(objects, [&*part("etcd"), &*part("files"), &*manifest]);
    broken.repair(&second, &plan, false).await.unwrap();
    let report = checked(&full, &second).await;
    assert!(report.sound() && report.points.len() == 2, "{:#?}", report.faults);
}

#[tokio::test]
async fn what_both_have_lost_is_said_and_a_sound_object_is_left_alone() {
    let full = Full::new().await;
    let (second, store) = copied(&full).await;
    let part = |name: &str| Key::from(format!("clusters/management/parts/{}/{name}", id(1)));
    let (etcd, files) = (full.bytes(&part("etcd")).await, full.bytes(&part("files")).await);
    for name in ["etcd", "files"] {
        full.put(
            &part(name),
            b"lbseal\0\x01 and no more than that, to be sure, as it was cut off while it was written",
        )
        .await;
    }
    store.delete(&part("files")).await.unwrap();
    let broken = full.anew();
    let plan = broken.plan_repair(&second, &checked(&full, &second).await).await.unwrap();
    assert_eq!(plan.nobody.iter().map(|it| &*it.object).collect::<Vec<_>>(), [part("files").as_ref()]);
    assert_eq!(
        plan.take.iter().map(|it| (&*it.object, it.replaces)).collect::<Vec<_>>(),
        [(part("etcd").as_ref(), true)]
    );

    // The other one's is harmed too: nothing is removed for it.
    let mut harmed = etcd.clone();
    harmed[70] ^= 1;
    store.put(&part("etcd"), harmed.into()).await.unwrap();
    let before = full.bytes(&part("etcd")).await;
    let done = broken.repair(&second, &plan, false).await.unwrap();
    assert_eq!(done.failed.len(), 1);
    assert!(done.failed[0].reason.contains("is damaged"), "{done:?}");
    assert_eq!(full.bytes(&part("etcd")).await, before);

    // Mended meanwhile by somebody else: it is looked at once more before anything is done.
    full.put(&part("etcd"), &etcd).await;
    full.put(&part("files"), &files).await;
    let done = broken.repair(&second, &plan, false).await.unwrap();
    assert_eq!((done.sound.len(), done.mended.len()), (1, 0));
}

#[tokio::test]
async fn a_lost_marker_is_made_anew_as_that_of_an_original_or_of_a_copy() {
    let full = Full::new().await;
    let (second, _) = copied(&full).await;
    for is_copy in [false, true] {
        full.store.delete(&Key::from("lifeboat.json")).await.unwrap();
        let broken = full.anew();
        let report = checked(&full, &second).await;
        assert_eq!(report.faults[0].reason, "it is not there, though other objects are");
        let plan = broken.plan_repair(&second, &report).await.unwrap();
        broken.repair(&second, &plan, is_copy).await.unwrap();
        assert_eq!(full.anew().is_copy().await.unwrap(), is_copy);
    }
}

/// Whoever is killed while a marker is mended leaves one of the two: it is never removed.
#[tokio::test]
async fn a_marker_is_written_over_and_not_removed() {
    let full = Full::new().await;
    let (second, _) = copied(&full).await;
    let store = clocked::Clocked::new("2026-11-22T10:00:00Z");
    for key in full.keys().await {
        store.put(&key, full.bytes(&key).await.into()).await.unwrap();
    }
    store.put(&Key::from("lifeboat.json"), "{}".into()).await.unwrap();
    store.locks("lifeboat.json", "AccessDenied: it cannot be removed");
    let broken = opened_on(store.clone(), &full.key);
    let report = broken.check(&CheckOptions::default(), &|_| {}).await.unwrap();
    let plan = broken.plan_repair(&second, &report).await.unwrap();
    let done = broken.repair(&second, &plan, false).await.unwrap();
    assert!(done.failed.is_empty() && done.mended == ["lifeboat.json"], "{done:#?}");
    assert_eq!(opened_on(store, &full.key).id().await.unwrap(), second.id().await.unwrap());
}

#[tokio::test]
async fn a_marker_with_another_id_is_told_from_another_repository_by_its_keyrings() {
    let full = Full::new().await;
    let (second, _) = copied(&full).await;
    let marker = Key::from("lifeboat.json");
    let whole = full.bytes(&marker).await;
    let mut changed = whole.clone();
    let at = whole.windows(13).position(|it| it == b"\"repository\":").unwrap() + 15;
    changed[at] = if changed[at] == b'x' { b'y' } else { b'x' };
    full.put(&marker, &changed).await;
    let broken = full.anew();
    let report = broken.check(&CheckOptions::default(), &|_| {}).await.unwrap();
    let plan = broken.plan_repair(&second, &report).await.unwrap();
    let done = broken.repair(&second, &plan, false).await.unwrap();
    assert!(done.failed.is_empty() && done.mended == ["lifeboat.json"], "{done:#?}");
    assert_eq!(full.bytes(&marker).await, whole);
    assert!(checked(&full, &second).await.sound());
}

#[tokio::test]
async fn another_repository_mends_nothing() {
    let (full, other) = (Full::new().await, Full::new().await);
    let report = full.check(None, None).await;
    let error = full.repository.plan_repair(&other.repository, &report).await.unwrap_err();
    assert!(matches!(error, Error::OtherRoot { .. } | Error::Settings { .. }), "{error}");
}

#[test]
fn a_plan_is_made_of_what_is_harmed_and_of_what_the_other_has() {
    let keys = |keys: &[(&str, u64)]| {
        keys.iter()
            .map(|(key, size)| (Key::from(*key), *size))
            .collect::<BTreeMap<_, _>>()
    };
    let fault = |object: &str, severity, flaw| Fault {
        object: object.to_owned(),
        severity,
        flaw,
        reason: "because".to_owned(),
    };
    let ours = keys(&[("shared/kit/0000000001", 5)]);
    let theirs = keys(&[
        ("shared/keys/0000000001", 1),
        ("shared/keys/0000000002", 2),
        ("shared/kit/0000000001", 3),
        ("shared/kit/0000000002", 4),
    ]);
    let faults = [
        fault("shared/kit/0000000001", Severity::Damage, Flaw::Damaged),
        fault("shared/kit/0000000002", Severity::Note, Flaw::Missing),
        fault("shared/kit/0000000003", Severity::Warning, Flaw::Missing),
        fault("shared/keys/...", Severity::Damage, Flaw::Missing),
        fault("shared/keys/0000000001", Severity::Warning, Flaw::Risk),
    ];
    let RepairPlan { take, nobody, .. } = crate::repair::plan("there", &faults, &ours, &theirs);
    let take: Vec<_> = take.iter().map(|it| (&*it.object, it.bytes, it.replaces)).collect();
    assert_eq!(take, [("shared/keys/0000000002", 2, false), ("shared/kit/0000000001", 3, true)]);
    assert_eq!(nobody.iter().map(|it| &*it.object).collect::<Vec<_>>(), ["shared/kit/0000000003"]);
}
