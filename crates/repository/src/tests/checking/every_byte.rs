//! Every byte of every object changed in turn, and every length that an object can be cut off at.

use super::*;
use crate::layout::{Known, known};

/// Reads what of the crate's interface gives an object's content, with keys that are known already.
async fn read_one(full: &Full, key: &Key) -> Result<String, Error> {
    let repository = &full.repository;
    let show = |found: Result<String, Error>| found;
    match known(key).unwrap() {
        Known::Manifest(cluster, id) => repository.point(&cluster, &id).await.map(|it| format!("{it:?}")),
        Known::Part(cluster, id, name) => {
            let (files, point) = (Files::new(), full.points.iter().find(|it| it.id == id).unwrap());
            let done = repository.fetch(&cluster, point, name.as_str(), &files.at("x")).await;
            show(done.map(|()| format!("{:?}", std::fs::read(files.at("x")).unwrap())))
        }
        Known::Entry { run, entry } => repository.entries_from(run, entry).await.map(|it| format!("{:?}", it[0])),
        Known::Kit(_) => {
            let sealed = repository.shared.store.get(key).await?;
            repository
                .kit_in(key, &sealed)
                .await
                .map(|(kit, _)| kit.files["lifeboat.yaml"].to_string())
        }
        Known::Evidence(_, name, _) => {
            let sealed = repository.shared.store.get(key).await?;
            repository.head_in(key, &name, &sealed).await.map(|it| format!("{it:?}"))
        }
        Known::Hold(_, id, _) => {
            let sealed = repository.shared.store.get(key).await?;
            repository.hold_in(key, &id, &sealed).await.map(|it| format!("{it:?}"))
        }
        Known::Keyring(scope, _) => {
            repository.forget_trust().await;
            repository.keyring_info(&scope).await.map(|it| format!("{it:?}"))
        }
        Known::Writers(_) => {
            repository.forget_trust().await;
            repository.writers().await.map(|it| format!("{it:?}"))
        }
        Known::Marker => full.anew().id().await.map(str::to_owned),
        _ => repository.opened(key).await.map(|it| format!("{it:?}")),
    }
}

/// Whether a check of this object, as it is now, names it.
async fn named(full: &Full, key: &Key, inventory: &mut Inventory) -> bool {
    match known(key).unwrap() {
        // What a check judges these with, before anything else.
        Known::Keyring(scope, _) => {
            full.repository.forget_trust().await;
            full.repository.keyring(&scope).await.is_err()
        }
        Known::Writers(_) => {
            full.repository.forget_trust().await;
            full.repository.trusted().await.is_err()
        }
        Known::Marker => {
            let report = full.check(None, None).await;
            !report.sound()
        }
        _ => {
            let faults = full.repository.check_only(inventory).await.unwrap();
            faults
                .iter()
                .any(|it| it.object == key.as_ref() && it.severity > Severity::Note)
        }
    }
}

#[tokio::test]
async fn every_changed_byte_is_named_and_never_read() {
    let full = Full::new().await;
    let mut bytes_in_all = 0;
    for key in full.keys().await {
        let (whole, mut inventory) = (full.bytes(&key).await, around(&full, &key).await);
        let original = read_one(&full, &key).await.unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            // Every bit has its turn; that which makes a capital of a letter, in what people can read, above all.
            changed[at] ^= if changed[at].is_ascii_lowercase() && at % 2 == 0 {
                0x20
            } else {
                1 << (at % 8)
            };
            full.put(&key, &changed).await;
            bytes_in_all += 1;
            assert!(named(&full, &key, &mut inventory).await, "{key}: byte {at} of {}", whole.len());
            match read_one(&full, &key).await {
                Err(_) => {}
                // The marker is not signed: under another id nothing opens.
                Ok(id) if known(&key) == Some(Known::Marker) && id != original => {
                    let read = full.read(&full.anew()).await;
                    let open: Vec<_> = read.iter().filter(|(_, it)| it.is_some()).map(|(name, _)| &**name).collect();
                    assert_eq!(open, ["copy", "id", "points", "runs", "scopes"], "byte {at}");
                }
                Ok(read) => panic!("{key}: byte {at} was changed, and {read} was read"),
            }
        }
        full.put(&key, &whole).await;
        full.repository.forget_trust().await;
    }
    assert!(bytes_in_all > 5_000, "{bytes_in_all}");
    full.sound().await;
}

/// The same through the front doors, at one place of each object.
#[tokio::test]
async fn a_whole_check_names_what_was_changed_and_whole_readings_differ_in_nothing() {
    let full = Full::new().await;
    let (before, read) = (full.sound().await, full.read(&full.anew()).await);
    for (number, key) in full.keys().await.into_iter().enumerate() {
        let whole = full.bytes(&key).await;
        let mut changed = whole.clone();
        changed[number * 7 % whole.len()] ^= 1;
        full.put(&key, &changed).await;
        let report = full.check(None, None).await;
        let new: Vec<_> = report.faults.iter().filter(|it| !before.contains(&it.object)).collect();
        let named = report
            .faults
            .iter()
            .any(|it| it.object == key.as_ref() && it.severity == Severity::Damage);
        assert!(named || key.as_ref() == "lifeboat.json" && !report.sound(), "{key}: {new:#?}");
        let harmed: Vec<_> = report.points.iter().filter(|it| !it.unharmed()).map(|it| &it.id).collect();
        let wanted = full
            .points
            .iter()
            .map(|it| &it.id)
            .filter(|id| key.as_ref().contains(id.as_str()) && !key.as_ref().contains("/holds/"));
        let all = key.as_ref().contains("management/keys") || key.as_ref().contains("writers");
        if key.as_ref() != "lifeboat.json" {
            assert!(all && harmed.len() == 2 || harmed == wanted.collect::<Vec<_>>(), "{key}: {harmed:?}");
        }
        let now = full.read(&full.anew()).await;
        let silent = silently(&read, &now);
        assert!(silent.is_empty() || silent == ["id".to_owned()].into(), "{key}: {silent:?}");
        full.put(&key, &whole).await;
    }
}

#[tokio::test]
async fn every_object_that_is_cut_off_or_too_long_is_named_and_never_read() {
    let full = Full::new().await;
    for key in full.keys().await {
        let (whole, length) = (full.bytes(&key).await, full.bytes(&key).await.len());
        let lengths = [
            0,
            1,
            7,
            8,
            9,
            63,
            64,
            65,
            79,
            80,
            81,
            length / 2,
            length - 17,
            length - 16,
            length - 1,
            length + 1,
        ];
        for cut in lengths.into_iter().filter(|cut| *cut != length && *cut < length + 2) {
            let mut changed = whole.clone();
            changed.resize(cut, b'x');
            full.put(&key, &changed).await;
            let mut inventory = around(&full, &key).await;
            assert!(named(&full, &key, &mut inventory).await, "{key}: {cut} of {length}");
            assert!(read_one(&full, &key).await.is_err(), "{key}: {cut} of {length}");
        }
        full.put(&key, &whole).await;
        full.repository.forget_trust().await;
    }
}

/// An object of several chunks, and one that goes through a thread.
#[tokio::test]
async fn large_objects_are_read_to_their_last_byte() {
    for length in [140_000, (1 << 20) + 70_000] {
        let (store, key) = (Arc::new(InMemory::new()), key());
        let repository = on(store.clone(), &key).await;
        let point = store_point(&repository, &id(1), &content(length)).await;
        let part = Key::from(format!("clusters/management/parts/{}/etcd", id(1)));
        let whole = store.get(&part).await.unwrap().bytes().await.unwrap().to_vec();
        let full = Full { repository, store, key, points: vec![point] };
        assert!(full.check(None, None).await.sound());
        let chunk = 65_536 + 16;
        let borders = [64, 64 + chunk, 64 + 2 * chunk, whole.len()];
        for at in borders.iter().flat_map(|at| [at - 17, at - 16, at - 1]).chain([64, 64 + chunk]) {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            full.put(&part, &changed).await;
            let report = full.check(None, None).await;
            assert!(!report.points[0].unharmed(), "{at}");
            // Structure alone is no proof of content, and says so.
            if at >= 64 {
                let structure = full.anew().check(&CheckOptions::default(), &|_| {}).await.unwrap();
                assert!(structure.sound() && !structure.points[0].proven(), "{at}");
            }
            full.put(&part, &whole[..at]).await;
            let structure = full.anew().check(&CheckOptions::default(), &|_| {}).await.unwrap();
            assert!(!structure.points[0].unharmed(), "{at}");
        }
    }
}
