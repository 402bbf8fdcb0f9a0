//! Recovery kits: stored at a change, opened with one identity, damage passed over by the next one.

use super::*;
use crate::{Error, Hidden, Kit};
use object_store::ObjectStoreExt;
use object_store::path::Path as Key;
use std::collections::BTreeMap;

fn kit(secret: &str) -> Kit {
    let files = [("lifeboat.yaml", "name: demo"), ("tsig.key", secret)];
    let files = files.map(|(path, text)| (path.to_owned(), Hidden::from(text.to_owned())));
    let left_out = [("env:TOKEN".to_owned(), "it is not set".to_owned())];
    Kit::new(
        "2026-11-22T10:00:00Z".parse().unwrap(),
        "lifeboat.yaml".to_owned(),
        BTreeMap::from(files),
        BTreeMap::from(left_out),
    )
}

#[tokio::test]
async fn a_kit_is_stored_when_something_changed() {
    let (repository, store) = in_memory().await;
    assert!(matches!(repository.kit().await, Err(Error::NotFound { .. })));
    assert_eq!(repository.put_kit(&kit("one")).await.unwrap(), Some(1));
    assert_eq!(repository.put_kit(&kit("one")).await.unwrap(), None);
    assert_eq!(repository.put_kit(&kit("two")).await.unwrap(), Some(2));
    let (number, found, writer) = repository.kit().await.unwrap();
    assert_eq!((number, found, &*writer), (2, kit("two"), "main"));

    let newest = Key::from("shared/kit/0000000002");
    store.copy(&Key::from("shared/kit/0000000001"), &newest).await.unwrap();
    let error = repository.kit().await.unwrap_err();
    assert!(error.to_string().starts_with("shared/kit/0000000002 is damaged"), "{error}");
    assert_eq!(repository.put_kit(&kit("two")).await.unwrap(), Some(3));
    assert_eq!(repository.kit().await.unwrap().0, 3);
}

#[tokio::test]
async fn a_kit_shows_no_secret() {
    let shown = format!("{:?}", kit("hunter22"));
    assert!(shown.contains("tsig.key") && !shown.contains("hunter22"), "{shown}");
}

#[tokio::test]
async fn old_kits_go() {
    let (repository, _) = in_memory().await;
    for n in 1..=23 {
        repository.put_kit(&kit(&n.to_string())).await.unwrap();
    }
    let left = repository.shared.store.list(&Key::from("shared/kit")).await.unwrap();
    assert_eq!(left.len(), 21);
    assert_eq!(left[0], Key::from("shared/kit/0000000003"));
}

/// Whoever can write to the store plants something at the end of all numbers, or not quite there.
#[tokio::test]
async fn what_is_planted_at_a_high_number_stops_no_kit_and_pushes_none_out() {
    let (repository, store) = in_memory().await;
    let at = |number: u64| Key::from(format!("shared/kit/{number:010}"));
    for n in 1..=3 {
        repository.put_kit(&kit(&n.to_string())).await.unwrap();
    }
    for number in [4, 999, 9_999_999_999] {
        store.put(&at(number), "planted".into()).await.unwrap();
    }
    assert_eq!(repository.put_kit(&kit("3")).await.unwrap(), None);
    for n in 5..=24 {
        assert_eq!(repository.put_kit(&kit(&n.to_string())).await.unwrap(), Some(n));
    }
    let left = repository.shared.store.list(&Key::from("shared/kit")).await.unwrap();
    // The newest, and twenty that are sound before it.
    let wanted: Vec<Key> = (3..=24).chain([999, 9_999_999_999]).map(at).collect();
    assert_eq!(left, wanted);
}
