//! What every shelf must do, on one in a repository; and that what is wrong with it is told apart.

use super::*;
use crate::etcd::failed::Failed;
use crate::etcd::repository_error;
use ::etcd::FileError;
use ::etcd::history::{Kept, Mark, Name as Object, Put, SegmentName};
use repository::Error;
use std::io::{self, Read};

fn name(link: u8) -> Object {
    Object::Segment(SegmentName {
        timeline: 1,
        after: 1,
        through: 2,
        prev: Mark([0; 8]),
        chain: Mark([link; 8]),
        link: Mark([link; 8]),
        kept: Kept::Captured,
    })
}

/// More than is read or handed on at once, and several chunks of a seal.
fn body(n: u8) -> Vec<u8> {
    (0..300_001_u32).map(|at| (at % 251) as u8 ^ n).collect()
}

fn content(shelf: &dyn Shelf, name: &Object) -> Vec<u8> {
    let object = shelf.open(name).unwrap();
    let mut bytes = vec![0; usize::try_from(object.len()).unwrap()];
    object.read_at(0, &mut bytes).unwrap();
    bytes
}

/// A new shelf, and what is done with it on a thread that may block.
async fn with(work: impl FnOnce(&dyn Shelf, &Path) + Send + 'static) {
    let directory = tempfile::tempdir().unwrap();
    let shelf = shelf_in(directory.path()).await;
    apart(move || work(&shelf, &directory.path().join("clusters/rancher/history"))).await;
}

#[tokio::test]
async fn what_is_stored_is_there_and_nothing_else() {
    with(|shelf, _| {
        assert_eq!(shelf.list().unwrap(), []);
        assert_eq!(shelf.create(&name(2), &mut &*body(2)).unwrap(), Put::Created);
        assert_eq!(shelf.create(&name(1), &mut &*body(1)).unwrap(), Put::Created);
        assert_eq!(shelf.list().unwrap(), [name(1), name(2)]);
        assert!(content(shelf, &name(2)) == body(2));
        shelf.remove(&name(1)).unwrap();
        shelf.remove(&name(1)).unwrap();
        assert_eq!(shelf.list().unwrap(), [name(2)]);
        let gone = shelf.open(&name(1)).err().unwrap();
        assert!(gone.is_gone(), "{gone}");
        assert!(gone.to_string().contains(&name(1).to_string()), "{gone}");
        assert!(gone.to_string().ends_with("do the same again"), "{gone}");
    })
    .await;
}

#[tokio::test]
async fn what_is_there_is_never_replaced() {
    with(|shelf, _| {
        shelf.create(&name(1), &mut &*body(1)).unwrap();
        assert_eq!(shelf.create(&name(1), &mut &*body(1)).unwrap(), Put::Existed);
        let refused = shelf.create(&name(1), &mut &*body(2)).unwrap_err();
        assert!(refused.to_string().contains("other content"), "{refused}");
        assert!(content(shelf, &name(1)) == body(1));
    })
    .await;
}

#[tokio::test]
async fn a_body_that_fails_leaves_nothing() {
    struct Broken(usize);
    impl Read for Broken {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(into.len()).ok_or(io::ErrorKind::ConnectionReset)?;
            into.fill(1);
            Ok(into.len())
        }
    }
    with(|shelf, _| {
        for length in [0, 1 << 20, 7 << 20] {
            let error = shelf.create(&name(1), &mut Broken(length)).unwrap_err();
            let FileError::Io { doing, source, .. } = &error else {
                panic!("{error}")
            };
            assert_eq!((*doing, source.kind()), ("read", io::ErrorKind::ConnectionReset), "{error}");
            assert_eq!(shelf.list().unwrap(), []);
        }
    })
    .await;
}

#[tokio::test]
async fn strange_names_are_passed_over() {
    with(|shelf, directory| {
        shelf.create(&name(1), &mut &*body(1)).unwrap();
        std::fs::write(directory.join("t0001-base-7"), "no name").unwrap();
        std::fs::write(directory.join("README.md"), "no key").unwrap();
        assert_eq!(shelf.list().unwrap(), [name(1)]);
    })
    .await;
}

#[tokio::test]
async fn any_part_can_be_read_and_nothing_beyond() {
    with(|shelf, _| {
        shelf.create(&name(1), &mut &*body(1)).unwrap();
        let object = shelf.open(&name(1)).unwrap();
        let all = body(1);
        for (from, length) in [(0, 8), (65_530, 20), (200_000, 100_001), (300_000, 1), (300_001, 0)] {
            let mut part = vec![0; length];
            object.read_at(from as u64, &mut part).unwrap();
            assert!(part == all[from..from + length], "{from}");
        }
        for from in [300_000, u64::MAX] {
            let beyond = object.read_at(from, &mut [0; 2]).unwrap_err();
            assert_eq!(beyond.kind(), io::ErrorKind::UnexpectedEof);
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_damaged_is_told_from_what_is_gone() {
    with(|shelf, directory| {
        make(shelf);
        let names = shelf.list().unwrap();
        let path = directory.join(names[3].to_string());
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[70] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let damaged = shelf.open(&names[3]).err().unwrap();
        assert!(damaged.is_damage() && !damaged.is_gone(), "{damaged}");
        assert!(damaged.to_string().contains(&names[3].to_string()), "{damaged}");

        // Where the beginning is sound, reading tells.
        shelf.create(&name(9), &mut &*body(9)).unwrap();
        let object = shelf.open(&name(9)).unwrap();
        let path = directory.join(name(9).to_string());
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[250_000] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let damaged = object.read_at(240_000, &mut [0; 20_000]).unwrap_err();
        assert_eq!(damaged.kind(), io::ErrorKind::InvalidData, "{damaged}");
        object.read_at(0, &mut [0; 100_000]).unwrap();
    })
    .await;
}

#[test]
fn each_error_has_its_place() {
    let failed = Failed { file: "x".to_owned(), doing: "read" };
    let object = || "clusters/rancher/history/x".to_owned();
    let store = || "s3://copies".to_owned();
    let away = failed.by(Error::Unreachable {
        store: store(),
        object: object(),
        reason: "timed out".to_owned(),
    });
    assert_eq!(away.to_string(), "x cannot be read: the store did not answer: timed out");
    assert!(!away.is_damage() && !away.is_gone());
    assert_eq!(away.kind(), estate::Kind::Unreachable);
    assert!(matches!(repository_error(away), Ok(Error::Unreachable { .. })));

    let refused = failed.by(Error::Refused {
        store: store(),
        object: object(),
        reason: "AccessDenied".to_owned(),
    });
    assert_eq!(refused.to_string(), "x cannot be read: the store refuses: AccessDenied");
    assert_eq!(refused.kind(), estate::Kind::Person);

    let gone = failed.by(Error::NotFound { store: store(), object: object() });
    assert!(gone.is_gone() && !gone.is_damage());

    let damaged = failed.by(Error::Damaged { object: object(), reason: "it is cut off".to_owned() });
    assert_eq!(damaged.to_string(), "x is damaged at its seal: it is cut off");
    assert!(damaged.is_damage());
    assert!(matches!(repository_error(damaged), Err(FileError::Damaged { .. })));

    let newer = failed.by(Error::Format { object: object(), found: "2".to_owned() });
    assert!(matches!(newer, FileError::Newer { .. }));

    let no_key = failed.by(Error::NoIdentity {
        object: object(),
        reason: "no age identity is configured".to_owned(),
    });
    assert!(no_key.to_string().contains("no age identity"), "{no_key}");
    assert!(matches!(repository_error(no_key), Ok(Error::NoIdentity { .. })));
}
