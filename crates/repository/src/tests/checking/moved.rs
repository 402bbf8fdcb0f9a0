//! Every object swapped with every other, and replaced by what once stood in its place or before it.

use super::*;
use crate::layout::{Known, known};

fn judges(key: &Key) -> bool {
    matches!(known(key), Some(Known::Marker | Known::Keyring(..) | Known::Writers(_)))
}

#[tokio::test]
async fn every_swap_is_named_and_never_read() {
    let full = Full::new().await;
    let keys = full.keys().await;
    let read = full.read(&full.anew()).await;
    for (number, a) in keys.iter().enumerate() {
        for b in &keys[number + 1..] {
            let (in_a, in_b) = (full.bytes(a).await, full.bytes(b).await);
            full.put(a, &in_b).await;
            full.put(b, &in_a).await;
            if judges(a) || judges(b) {
                let report = full.check(None, None).await;
                let mut damage = report.faults.iter().filter(|it| it.severity == Severity::Damage);
                let named = damage.any(|it| it.object == a.as_ref() || it.object == b.as_ref());
                assert!(named, "{a} and {b}: {:#?}", report.faults);
                let silent = silently(&read, &full.read(&full.anew()).await);
                assert_eq!(silent, BTreeSet::new(), "{a} and {b}");
            } else {
                for key in [a, b] {
                    let faults = full.repository.check_only(&around(&full, key).await).await.unwrap();
                    let named = faults
                        .iter()
                        .any(|it| it.object == key.as_ref() && it.severity > Severity::Note);
                    assert!(named, "{key}, swapped: {faults:#?}");
                }
            }
            full.put(a, &in_a).await;
            full.put(b, &in_b).await;
        }
    }
    let silent = silently(&read, &full.read(&full.anew()).await);
    assert_eq!(silent, BTreeSet::new());
}

/// The numbers before: a keyring, a list, a kit, evidence, entries, each in the place of the next one.
#[tokio::test]
async fn an_older_number_in_the_place_of_a_newer_one_is_named() {
    let full = Full::new().await;
    let old: Vec<(Key, Vec<u8>)> = futures::future::join_all(full.keys().await.into_iter().map(async |key| {
        let bytes = full.bytes(&key).await;
        (key, bytes)
    }))
    .await;
    let recipients = vec![full.key.recipient("safe"), key().recipient("cellar")];
    for scope in scopes() {
        full.repository
            .rewrap(&full.key.root(), &scope, recipients.clone(), true)
            .await
            .unwrap();
    }
    full.repository
        .set_writers(&full.key.root(), vec![full.key.writer(&scopes())])
        .await
        .unwrap();
    let read = full.read(&full.anew()).await;
    full.sound().await;
    let older = |key: &Key| {
        let number = key.filename()?.parse::<u64>().ok()?.checked_sub(1)?;
        let folder = key.to_string();
        let before = format!("{}{number:010}", &folder[..folder.len() - 10]);
        old.iter().find(|(key, _)| key.as_ref() == before).map(|(_, bytes)| bytes)
    };
    let mut tried = 0;
    for key in full.keys().await {
        let Some(bytes) = older(&key) else { continue };
        let whole = full.bytes(&key).await;
        full.put(&key, bytes).await;
        let report = full.check(None, None).await;
        assert!(
            report
                .faults
                .iter()
                .any(|it| it.object == key.as_ref() && it.severity == Severity::Damage),
            "{key}"
        );
        assert_eq!(silently(&read, &full.read(&full.anew()).await), BTreeSet::new(), "{key}");
        full.put(&key, &whole).await;
        tried += 1;
    }
    assert_eq!(tried, 2 + 1 + 1 + 1 + 1 + 2 + 2);
}

/// What stood under the very same name once: sealed for it, signed, and no longer what it should be.
#[tokio::test]
async fn an_older_object_of_the_same_name_is_named() {
    let mut full = Full::new().await;
    let part = Key::from(format!("clusters/management/parts/{}/etcd", id(2)));
    let manifest = Key::from(format!("clusters/management/points/{}", id(2)));
    let (old_part, old_manifest) = (full.bytes(&part).await, full.bytes(&manifest).await);
    full.repository.remove(&cluster(), &id(2)).await.unwrap();
    full.points[1] = store_two_parts(&full.repository, &id(2), [b"new", b""]).await;
    let head = full.repository.head(&management()).await.unwrap();
    full.repository.tell(&management(), &head).await.unwrap();
    full.sound().await;

    let new_part = full.bytes(&part).await;
    full.put(&part, &old_part).await;
    let report = full.check(None, None).await;
    let harm = report.points[1].parts[0].harm.as_deref().unwrap();
    assert_eq!(harm, format!("{part} is damaged: its hash is not that of its manifest"));
    assert!(report.points[0].unharmed());
    let (files, point) = (Files::new(), &full.points[1]);
    full.repository
        .fetch(&cluster(), point, "etcd", &files.at("x"))
        .await
        .unwrap_err();

    full.put(&part, &new_part).await;
    full.put(&manifest, &old_manifest).await;
    let report = full.check(None, None).await;
    let fault = report.faults.iter().find(|it| it.object == manifest.as_ref()).unwrap();
    assert_eq!((fault.severity, fault.flaw), (Severity::Damage, Flaw::Behind));
    assert!(fault.reason.contains("knows another manifest of point"), "{fault:?}");
    assert!(!report.points[1].unharmed());
    // Manifest and parts: sound in themselves, and contradicted.
    full.put(&part, &old_part).await;
    let report = full.check(None, None).await;
    assert!(
        report
            .faults
            .iter()
            .any(|it| it.object == manifest.as_ref() && it.flaw == Flaw::Behind)
    );
}
