//! Journals on a bad network, and entries that are missing or wrong.

use super::odd::{Habit, Odd};
use super::*;
use crate::{AppendError, Error};
use estate::Kind;
use object_store::ObjectStoreExt;
use object_store::path::Path as Key;

#[tokio::test]
async fn an_append_whose_answer_was_lost_is_told_from_one_that_was_not_made() {
    let store = Odd::new();
    let repository = on(store.clone(), &key()).await;
    repository.id().await.unwrap();

    // Asked twice by the client: the second answer is "exists", and what exists is ours.
    store.becomes(Habit::AnswersTheSecond);
    repository.append(1, 0, b"zero").await.unwrap();

    store.becomes(Habit::LosesAnswers);
    let lost = repository.append(1, 1, b"one").await.unwrap_err();
    assert!(matches!(lost, AppendError::Unavailable { .. }), "{lost}");
    assert_eq!(lost.to_string(), "whether entry 1 of run 1 was written is not known");
    assert_eq!(lost.kind(), Kind::Unreachable);

    store.becomes(Habit::Down);
    let down = repository.append(1, 2, b"two").await.unwrap_err();
    assert!(matches!(down, AppendError::Unavailable { .. }), "{down}");

    store.becomes(Habit::SaysExists);
    let unsure = repository.append(1, 2, b"two").await.unwrap_err();
    assert!(matches!(unsure, AppendError::Unavailable { .. }), "{unsure}");

    store.becomes(Habit::Honest);
    let again = repository.append(1, 1, b"one").await.unwrap_err();
    assert!(
        matches!(&again, AppendError::Taken { object } if object == "shared/runs/0000000001/0000000001"),
        "{again}"
    );
    assert_eq!(again.kind(), Kind::Conflict);
    let entries = repository.entries(1).await.unwrap();
    assert_eq!(entries, [(0, b"zero".to_vec()), (1, b"one".to_vec())]);
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_can_be_repeated() {
    let store = Odd::new();
    let repository = on(store.clone(), &key()).await;
    let (mut new, part) = store_part(&repository, &id(1), b"x").await;
    let point = point(&id(1), vec![part]);
    store.becomes(Habit::LosesAnswers);
    let lost = new.commit(&point).await.unwrap_err();
    assert_eq!(lost.kind(), Kind::Unreachable);
    store.becomes(Habit::Honest);
    new.commit(&point).await.unwrap();
    assert_eq!(repository.point(&cluster(), &id(1)).await.unwrap(), point);
}

#[tokio::test]
async fn a_missing_entry_is_named() {
    let (repository, store) = in_memory().await;
    for number in 0..4 {
        repository.append(1, number, b"x").await.unwrap();
    }
    store.delete(&Key::from("shared/runs/0000000001/0000000002")).await.unwrap();
    let error = repository.entries(1).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "shared/runs/0000000001/0000000002 is damaged: entry 2 is missing, though later ones are there"
    );
    assert_eq!(repository.entries_from(1, 3).await.unwrap(), [(3, b"x".to_vec())]);
}

#[tokio::test]
async fn an_entry_in_anothers_place_is_named() {
    let (repository, store) = in_memory().await;
    for number in 0..3 {
        repository.append(1, number, b"x").await.unwrap();
    }
    // An older entry, replayed as the newest.
    store
        .copy(
            &Key::from("shared/runs/0000000001/0000000001"),
            &Key::from("shared/runs/0000000001/0000000002"),
        )
        .await
        .unwrap();
    let error = repository.entries(1).await.unwrap_err();
    let said =
        "shared/runs/0000000001/0000000002 is damaged: its bytes were changed, it is cut off, or it belongs elsewhere";
    assert_eq!(error.to_string(), said);
}

#[tokio::test]
async fn numbers_and_entries_have_an_end() {
    let (repository, _store) = in_memory().await;
    for (run, number) in [(10_000_000_000, 0), (0, 10_000_000_000)] {
        let error = repository.append(run, number, b"x").await.unwrap_err();
        assert!(
            matches!(&error, AppendError::Impossible { source: Error::Invalid { .. }, .. }),
            "{error:?}"
        );
        assert_eq!(error.kind(), Kind::Invalid);
    }
    repository.append(9_999_999_999, 9_999_999_999, b"x").await.unwrap();
    let long = repository.append(1, 0, &vec![0; 16 << 20]).await.unwrap_err();
    assert!(matches!(long, AppendError::Impossible { .. }), "{long}");
    assert_eq!(repository.runs().await.unwrap(), [9_999_999_999]);
}
