//! Every object removed in turn. What cannot be seen from inside is told by whoever knows more.

use super::*;

fn objects(report: &CheckReport, before: &BTreeSet<String>) -> BTreeSet<String> {
    let new = report.faults.iter().filter(|it| !before.contains(&it.object));
    new.map(|it| it.object.clone()).collect()
}

#[tokio::test]
async fn every_object_that_is_missing_is_named_or_was_not_needed() {
    let full = Full::new().await;
    let (before, read) = (full.sound().await, full.read(&full.anew()).await);
    let memory = full.check(None, None).await.memory.unwrap();
    let copy = opened_on(Arc::new(InMemory::new()), &full.key);
    crate::copy(&full.repository, &copy, &crate::CopyOptions::default(), &|_| {})
        .await
        .unwrap();
    let (mut from_inside, mut remembered, mut compared) = (Vec::new(), Vec::new(), Vec::new());
    for key in full.keys().await {
        let whole = full.bytes(&key).await;
        full.store.delete(&key).await.unwrap();
        let mut silent = BTreeSet::new();
        for (memory, second, list) in [
            (None, None, &mut from_inside),
            (Some(&memory), None, &mut remembered),
            (Some(&memory), Some(&copy), &mut compared),
        ] {
            let report = full.check(memory, second).await;
            // A keyring that has gone takes its own warnings with it.
            let named = !objects(&report, &before).is_empty() || !report.sound();
            if !named {
                list.push(key.to_string());
            }
            silent = silently(&read, &full.read(&full.anew()).await);
        }
        // What is read without an error and is not what it was: lists are shorter, the newest before it is the newest. It is
        // never passed over by a check that remembers.
        if !silent.is_empty() {
            assert!(!remembered.contains(&key.to_string()), "{key}: {silent:?}");
        }
        full.put(&key, &whole).await;
    }
    // The newest statement of evidence itself is missed by nobody but who remembers it.
    let evidence = |scope: &str, number: u64| format!("{scope}/evidence/main/{number:010}");
    let mut unneeded: Vec<String> = vec![
        evidence("clusters/management", 1),
        "clusters/management/leases/owner/0000000001".to_owned(),
        evidence("shared", 1),
        "shared/kit/0000000001".to_owned(),
    ];
    unneeded.sort();
    assert_eq!(compared, unneeded);
    // The middle of a history: its own names tell (see history-format.md), and so does a second repository.
    let mut alone = unneeded.clone();
    alone.push(format!("clusters/management/history/{BASE}"));
    // The newest record of a hold.
    alone.extend([(1, 2), (2, 1)].map(|(point, last)| format!("clusters/management/holds/{}/{last:010}", id(point))));
    alone.sort();
    assert_eq!(remembered, alone);
    let mut inside = alone.clone();
    inside.extend([evidence("clusters/management", 2), evidence("shared", 2)]);
    inside.sort();
    assert_eq!(from_inside, inside);
}

#[tokio::test]
async fn what_is_not_needed_any_more_reads_the_same_without_it() {
    let full = Full::new().await;
    let read = full.read(&full.anew()).await;
    for key in [
        "clusters/management/evidence/main/0000000001",
        "shared/evidence/main/0000000001",
        "shared/kit/0000000001",
    ] {
        full.store.delete(&Key::from(key)).await.unwrap();
    }
    let now = full.read(&full.anew()).await;
    assert_eq!(now, read);
}

#[tokio::test]
async fn a_gap_is_named_entry_by_entry_and_an_endless_one_is_not_counted_through() {
    let full = Full::new().await;
    full.repository.append(1, 9_999_999_999, b"planted").await.unwrap();
    full.store
        .delete(&Key::from("shared/runs/0000000001/0000000001"))
        .await
        .unwrap();
    let report = full.check(None, None).await;
    let missing: Vec<_> = report.faults.iter().filter(|it| it.flaw == Flaw::Missing).collect();
    assert_eq!(missing.len(), 101);
    assert_eq!(missing[0].object, "shared/runs/0000000001/0000000001");
    assert_eq!(missing[0].reason, "it is missing, though later ones are there");
    assert_eq!(
        missing[1].reason,
        "it is missing, and so are all up to 9999999998, though later ones are there"
    );
}
