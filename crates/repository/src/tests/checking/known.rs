//! A store that was set back: sound, only old. Whoever knows more names what.

use super::*;

/// Everything as it was, put back.
async fn set_back(full: &Full, to: &[(Key, Vec<u8>)]) {
    for key in full.keys().await {
        full.store.delete(&key).await.unwrap();
    }
    for (key, bytes) in to {
        full.put(key, bytes).await;
    }
}

async fn everything(full: &Full) -> Vec<(Key, Vec<u8>)> {
    let mut all = Vec::new();
    for key in full.keys().await {
        all.push((key.clone(), full.bytes(&key).await));
    }
    all
}

#[tokio::test]
async fn a_store_that_was_set_back_is_named_by_memory_evidence_and_a_second_repository() {
    let full = Full::new().await;
    let yesterday = everything(&full).await;
    store_two_parts(&full.repository, &id(3), [b"three", b"more"]).await;
    full.repository.append(2, 1, b"entry 1").await.unwrap();
    full.repository.put_kit(&kit("kit 3")).await.unwrap();
    let recipients = vec![full.key.recipient("safe"), key().recipient("cellar")];
    full.repository
        .rewrap(&full.key.root(), &management(), recipients, true)
        .await
        .unwrap();
    full.repository
        .set_writers(&full.key.root(), vec![full.key.writer(&scopes())])
        .await
        .unwrap();
    let head = full.repository.head(&management()).await.unwrap();
    full.repository.tell(&management(), &head).await.unwrap();
    let today = everything(&full).await;
    let memory = full.check(None, None).await.memory.unwrap();
    let copy = opened_on(Arc::new(InMemory::new()), &full.key);
    crate::copy(&full.repository, &copy, &crate::CopyOptions::default(), &|_| {})
        .await
        .unwrap();

    set_back(&full, &yesterday).await;
    // Seen from inside, yesterday was a sound day.
    assert!(full.check(None, None).await.sound());
    let behind = |report: &CheckReport| -> BTreeSet<String> {
        let faults = report.faults.iter().filter(|it| it.flaw == Flaw::Behind);
        faults.map(|it| it.object.clone()).collect()
    };
    let lost: BTreeSet<String> = [
        "clusters/management/evidence/main/0000000003".to_owned(),
        "clusters/management/keys/0000000002".to_owned(),
        format!("clusters/management/points/{}", id(3)),
        "shared/kit/0000000003".to_owned(),
        "shared/runs/0000000002/0000000001".to_owned(),
        "shared/writers/0000000002".to_owned(),
    ]
    .into();
    let report = full.check(Some(&memory), None).await;
    assert_eq!(behind(&report), lost);
    let point = report.faults.iter().find(|it| it.object.contains("points/")).unwrap();
    assert_eq!(
        point.reason,
        format!("the memory of {} knows point {}, which is not here", memory.at, id(3))
    );
    // What was known is not forgotten over it.
    assert_eq!(report.memory.unwrap().scopes, memory.scopes);
    assert_eq!(behind(&full.check(None, Some(&copy)).await), lost);

    // Only the newest point taken away, the statement of it left.
    set_back(&full, &today).await;
    full.repository.forget_trust().await;
    full.repository.remove(&cluster(), &id(3)).await.unwrap();
    let report = full.check(None, None).await;
    assert_eq!(behind(&report), [format!("clusters/management/points/{}", id(3))].into());
    let fault = report.faults.iter().find(|it| it.flaw == Flaw::Behind).unwrap();
    assert_eq!(
        fault.reason,
        format!("evidence of main from {} knows point {}, which is not here", head.at, id(3))
    );
    // A point that is older than the newest may have been removed by who may: that is no news to anybody but a second repository.
    set_back(&full, &today).await;
    full.repository.remove(&cluster(), &id(1)).await.unwrap();
    let report = full.check(Some(&memory), None).await;
    assert!(report.sound(), "{:#?}", report.faults);
    let report = full.check(Some(&memory), Some(&copy)).await;
    assert!(report.sound(), "{:#?}", report.faults);
    let fault = report.faults.iter().find(|it| it.object.contains("points/")).unwrap();
    assert_eq!(fault.reason, "memory has it: it was removed here, or taken away");
}

#[tokio::test]
async fn the_memory_or_the_copy_of_another_repository_is_told_apart() {
    let (full, other) = (Full::new().await, Full::new().await);
    let memory = other.check(None, None).await.memory.unwrap();
    let report = full.check(Some(&memory), Some(&other.repository)).await;
    let named: Vec<_> = report
        .faults
        .iter()
        .filter(|it| it.flaw == Flaw::Behind)
        .map(|it| &*it.object)
        .collect();
    assert_eq!(named, ["lifeboat.json", "lifeboat.json"]);
    assert!(report.memory.is_none());
}

#[tokio::test]
async fn a_copy_that_carries_leases_and_a_marker_with_more_in_it_are_named() {
    let full = Full::new().await;
    let copy = opened_on(Arc::new(InMemory::new()), &full.key);
    crate::copy(&full.repository, &copy, &crate::CopyOptions::default(), &|_| {})
        .await
        .unwrap();
    let key = Key::from("clusters/management/leases/owner/0000000001");
    copy.shared.store.put(&key, full.bytes(&key).await.into()).await.unwrap();
    let report = copy.check(&CheckOptions::default(), &|_| {}).await.unwrap();
    assert!(
        report.faults.iter().any(|it| it.object == "clusters/management/leases/owner"),
        "{:#?}",
        report.faults
    );
    let marker = Key::from("lifeboat.json");
    let text = copy.shared.store.get(&marker).await.unwrap();
    // One byte changed makes an original of a copy: its name for that is one that nobody knows.
    let text = String::from_utf8(text.to_vec()).unwrap().replace("\"copy\"", "\"copx\"");
    copy.shared.store.put(&marker, text.into()).await.unwrap();
    let report = copy.check(&CheckOptions::default(), &|_| {}).await.unwrap();
    let fault = report.faults.iter().find(|it| it.object == "lifeboat.json").unwrap();
    assert_eq!(fault.reason, "it has a member \"copx\", which this Lifeboat does not know");
}
