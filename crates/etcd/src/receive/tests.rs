use super::*;
use crate::snapshot::tests::sound;
use futures::stream;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

const LONG: Duration = Duration::from_secs(3600);

fn message(blob: &[u8], remaining_bytes: u64) -> Result<SnapshotResponse, Status> {
    Ok(SnapshotResponse {
        blob: blob.to_vec().into(),
        remaining_bytes,
        ..SnapshotResponse::default()
    })
}

/// What etcd sends for a snapshot: the database in pieces, then its hash.
fn messages(snapshot: &[u8]) -> Vec<Result<SnapshotResponse, Status>> {
    let (database, hash) = snapshot.split_at(snapshot.len() - 32);
    let mut left = database.len();
    let mut all: Vec<_> = database
        .chunks(8192)
        .map(|piece| {
            left -= piece.len();
            message(piece, left as u64)
        })
        .collect();
    all.push(message(hash, 0));
    all
}

async fn received(messages: Vec<Result<SnapshotResponse, Status>>) -> Result<(SnapshotInfo, Vec<u8>), Error> {
    let mut into = Vec::new();
    let info = receive("http://e:2379", stream::iter(messages), &mut into, LONG).await?;
    Ok((info, into))
}

#[tokio::test]
async fn the_file_is_the_database_and_its_hash() {
    let snapshot = sound();
    let (info, written) = received(messages(&snapshot)).await.unwrap();
    assert_eq!(written, snapshot);
    assert_eq!(info, crate::verify_snapshot(snapshot.as_slice()).await.unwrap());
}

#[tokio::test]
async fn a_stream_that_ends_early_is_truncated() {
    let all = messages(&sound());
    for (count, wanted) in [(0, (16416, 0)), (1, (20512, 8192)), (3, (20512, 20480))] {
        let some = all.iter().take(count).cloned().collect();
        match received(some).await {
            Err(Error::Truncated { expected, got, .. }) => assert_eq!((expected, got), wanted),
            other => panic!("{count}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_says_where() {
    let mut some = messages(&sound());
    some[2] = Err(Status::unavailable("shutting down"));
    let error = received(some).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "etcd at http://e:2379 did not answer: the snapshot broke off after 16384 of 20512 bytes: shutting down"
    );
}

#[tokio::test]
async fn a_stream_that_stands_still_is_given_up() {
    let head = messages(&sound()).into_iter().take(1);
    let halted = stream::iter(head).chain(stream::pending());
    let mut into = Vec::new();
    let error = receive("http://e:2379", halted, &mut into, Duration::from_millis(1))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("broke off after 8192 of 20512 bytes: silent"), "{error}");
}

#[tokio::test]
async fn messages_that_do_not_follow_each_other_are_refused() {
    let all = messages(&sound());
    let without = |index: usize| {
        let mut some = all.clone();
        drop(some.remove(index));
        some
    };
    let with = |index: usize, extra| {
        let mut some = all.clone();
        some.insert(index, extra);
        some
    };
    let cases = [
        ("a piece is missing", without(1)),
        ("a piece comes twice", with(1, all[0].clone())),
        ("an empty piece, as when etcd cannot read on", with(1, message(&[], 12288))),
        ("more after the hash", with(4, message(&[1], 0))),
        ("an empty end", with(4, message(&[], 0))),
        ("an impossible size", vec![message(&[1], u64::MAX)]),
    ];
    for (what, messages) in cases {
        let outcome = received(messages).await;
        assert!(matches!(outcome, Err(Error::Answer { .. })), "{what}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_complete_stream_is_still_checked() {
    let mut snapshot = sound();
    snapshot[9000] ^= 1;
    let outcome = received(messages(&snapshot)).await;
    assert!(matches!(outcome, Err(Error::HashMismatch { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_full_disk_is_told_with_its_reason() {
    struct Full;
    impl AsyncWrite for Full {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Err(io::ErrorKind::StorageFull.into()))
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }
    let messages = stream::iter(messages(&sound()));
    match receive("http://e:2379", messages, &mut Full, LONG).await {
        Err(Error::Spool { source, .. }) => assert_eq!(source.kind(), io::ErrorKind::StorageFull),
        other => panic!("{other:?}"),
    }
}
