//! What a sealed object is bound to, and what is refused.

use super::*;
use crate::Error;
use crate::keys::{Keys, Opened};
use crate::seal::{CHUNK, HEADER, Place, sealed_length};
use estate::Kind;
use object_store::ObjectStoreExt;
use object_store::path::Path as Key;
use proptest::prelude::*;
use std::io::Read;

fn keys() -> Keys {
    Keys::new(Opened::random()).unwrap()
}

fn place(key: &str) -> Place {
    Place {
        repository: "bcdfghjkmnpqrstv".to_owned(),
        key: Key::from(key),
    }
}

fn here() -> Place {
    place("shared/runs/0000000001/0000000002")
}

#[test]
fn an_object_opens_where_it_was_sealed_and_nowhere_else() {
    let keys = keys();
    let sealed = keys.seal(&here(), 7, b"content").unwrap();
    assert_eq!(keys.open(&here(), &sealed).unwrap(), (7, b"content".to_vec()));
    let elsewhere = place("shared/runs/0000000001/0000000003");
    let foreign = Place { repository: "other".to_owned(), ..here() };
    for wrong in [elsewhere, foreign] {
        let error = keys.open(&wrong, &sealed).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{} is damaged: its bytes were changed, it is cut off, or it belongs elsewhere", wrong.key)
        );
        assert_eq!(error.kind(), Kind::Damaged);
    }
}

#[test]
fn an_object_of_other_keys_is_named() {
    let sealed = keys().seal(&here(), 0, b"content").unwrap();
    let error = keys().open(&here(), &sealed).unwrap_err().to_string();
    assert!(
        error.contains("is damaged: it was sealed with key ") && error.ends_with("in no keyring here"),
        "{error}"
    );
}

#[test]
fn a_rotated_keyring_opens_what_the_old_key_sealed() {
    let opened = Opened::random();
    let old = Keys::new(opened.clone()).unwrap();
    let new = Keys::new(opened.rotated()).unwrap();
    let sealed = old.seal(&here(), 0, b"old").unwrap();
    assert_eq!(new.open(&here(), &sealed).unwrap().1, b"old");
    let sealed = new.seal(&here(), 0, b"new").unwrap();
    assert!(old.open(&here(), &sealed).is_err());
}

#[test]
fn lengths_are_as_the_format_says() {
    let keys = keys();
    for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 17] {
        let content = content(length);
        let sealed = keys.seal(&here(), 0, &content).unwrap();
        assert_eq!(sealed.len() as u64, sealed_length(length as u64), "{length}");
        assert!(keys.open(&here(), &sealed).unwrap().1 == content, "{length}");
        // The end of the content is the end of the object: neither less nor more is taken for it.
        for changed in [&sealed[..sealed.len() - 1], &[&sealed[..], b"x"].concat()] {
            assert!(keys.open(&here(), changed).is_err(), "{length}");
        }
    }
    // Cut off where a chunk ends: every chunk left is sound, and the last is not marked as such.
    let sealed = keys.seal(&here(), 0, &content(2 * CHUNK)).unwrap();
    assert!(keys.open(&here(), &sealed[..HEADER + CHUNK + 16]).is_err());
}

#[test]
fn what_lifeboat_did_not_seal_is_refused() {
    let keys = keys();
    for foreign in [&b"age-encryption.org/v1\n"[..], b"{}", b"lbpack\0\x01", &[0; 100]] {
        let error = keys.open(&here(), foreign).unwrap_err().to_string();
        assert!(error.ends_with("is damaged: it was not sealed by Lifeboat"), "{error}");
    }
    for short in [&b""[..], b"lbs", b"lbseal\0\x01 and no more"] {
        let error = keys.open(&here(), short).unwrap_err().to_string();
        assert!(error.ends_with("is damaged: it is cut off"), "{error}");
    }
    let mut newer = keys.seal(&here(), 0, b"content").unwrap().to_vec();
    newer[7] = 2;
    let error = keys.open(&here(), &newer).unwrap_err();
    assert!(matches!(&error, Error::Format { found, .. } if found == "2"), "{error}");
}

#[test]
fn every_byte_counts() {
    let keys = keys();
    let sealed = keys.seal(&here(), 3, b"content").unwrap();
    for at in 0..sealed.len() {
        let mut changed = sealed.to_vec();
        changed[at] ^= 1;
        let error = keys.open(&here(), &changed).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. } | Error::Format { .. }), "{at}: {error}");
        let cut = keys.open(&here(), &sealed[..at]).unwrap_err();
        assert!(matches!(cut, Error::Damaged { .. }), "{at}: {cut}");
    }
}

#[test]
fn chunks_in_another_order_are_refused() {
    let keys = keys();
    let sealed = keys.seal(&here(), 0, &content(3 * CHUNK)).unwrap();
    let (head, body) = sealed.split_at(HEADER);
    let chunks: Vec<&[u8]> = body.chunks(CHUNK + 16).collect();
    for order in [[1, 0, 2], [0, 0, 2], [0, 2, 2]] {
        let body: Vec<u8> = order.iter().flat_map(|at| chunks[*at]).copied().collect();
        assert!(keys.open(&here(), &[head, &body].concat()).is_err(), "{order:?}");
    }
    assert!(keys.open(&here(), &[head, chunks[0], chunks[2]].concat()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), header in any::<bool>()) {
        let begin: &[u8] = if header { b"lbseal\0\x01" } else { b"" };
        prop_assert!(keys().open(&here(), &[begin, &bytes].concat()).is_err());
    }

    #[test]
    fn a_stream_is_opened_however_it_is_read(length in 0_usize..200_000, step in 1_usize..90_000) {
        let (keys, content) = (keys(), content(length));
        let sealed = keys.seal(&here(), 0, &content).unwrap();
        let (_, mut reader) = keys.reader(&here(), &sealed[..]).unwrap();
        let (mut read, mut buffer) = (Vec::new(), vec![0; step]);
        loop {
            let n = reader.read(&mut buffer).unwrap();
            if n == 0 { break; }
            read.extend_from_slice(&buffer[..n]);
        }
        prop_assert!(read == content);
    }
}

#[tokio::test]
async fn a_marker_that_is_none_or_newer_is_refused() {
    let root = key().root().public();
    for (marker, want) in [
        (String::new(), "lifeboat.json is damaged: "),
        ("[]".to_owned(), "lifeboat.json is damaged: it names no format"),
        (r#"{"format": 1}"#.to_owned(), "lifeboat.json is damaged: missing field `repository`"),
        (
            format!(r#"{{"format": 1, "repository": "a b", "root": "{root}"}}"#),
            "lifeboat.json is damaged: its repository id is not",
        ),
        (
            r#"{"format": 2, "all": "new"}"#.to_owned(),
            "lifeboat.json has format 2, and this Lifeboat knows formats up to 1",
        ),
    ] {
        let (store, key) = (Arc::new(InMemory::new()), key());
        store.put(&Key::from("lifeboat.json"), marker.into()).await.unwrap();
        let repository = opened_on(store, &key);
        for error in [
            repository.id().await.unwrap_err(),
            found(&repository, &key).await.unwrap_err(),
        ] {
            assert!(error.to_string().starts_with(want), "{error}");
        }
        assert!(repository.points(&cluster()).await.is_err());
        assert!(repository.append(1, 0, b"x").await.is_err());
    }
}
