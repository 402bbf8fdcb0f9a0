//! Making and opening a repository of files.

use super::super::odd::{Habit, Odd};
use super::*;
use crate::Error;
use estate::Kind;

#[tokio::test]
async fn it_is_made_once_and_opened_with_its_password_only() {
    let (files, store) = filed_in_memory().await;
    assert_eq!(files.key(), "clusters/management/files");
    let config = get(&store, "clusters/management/files/config").await;
    assert!(!files.init().await.unwrap());
    assert_eq!(get(&store, "clusters/management/files/config").await, config);
    assert_eq!(keys(&store, "").await.len(), 2);

    let other = opened_on(store.clone(), &key()).files_with(&cluster(), "another");
    for refused in [
        other.open().await,
        other.init().await.map(drop),
        other.list().await.map(drop),
    ] {
        let error = refused.unwrap_err();
        assert_eq!(error.to_string(), "clusters/management/files cannot be opened with this password");
        assert_eq!(error.kind(), Kind::Person);
    }
    assert!(!format!("{other:?}").contains("another"), "{other:?}");
    let again = opened_on(store, &key()).files_with(&cluster(), PASSWORD);
    again.open().await.unwrap();
}

#[tokio::test]
async fn where_there_is_none_that_is_said() {
    let files = opened_on(Arc::new(InMemory::new()), &key()).files_with(&cluster(), PASSWORD);
    let error = files.open().await.unwrap_err();
    assert_eq!(error.to_string(), "clusters/management/files/config is not in memory");
    let directory = tempfile::tempdir().unwrap();
    let nowhere = Repository::open(settings(&directory.path().join("absent"), &key())).unwrap();
    let error = nowhere.files_with(&cluster(), PASSWORD).open().await.unwrap_err();
    assert!(matches!(error, Error::NoBucket { .. }), "{error}");
    let odd = Odd::new();
    odd.becomes(Habit::Down);
    let error = opened_on(odd, &key())
        .files_with(&cluster(), PASSWORD)
        .open()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Unreachable);
}

#[tokio::test]
async fn of_two_who_make_it_at_once_one_does() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let one = || opened_on(store.clone(), &key()).files_with(&cluster(), PASSWORD);
    let (first, second) = (one(), one());
    let (a, b) = tokio::join!(first.init(), second.init());
    assert_ne!(a.unwrap(), b.unwrap());
    assert_eq!(keys(&store, "keys/").await.len(), 1);
    one().open().await.unwrap();
}
