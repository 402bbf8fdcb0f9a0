//! Who can open what, and what is refused.

use super::*;
use crate::Error;
use estate::Kind;
use object_store::ObjectStoreExt;
use object_store::path::Path as Key;
use proptest::prelude::*;

fn sealer(recipients: &[&Pair], identity: Option<&Pair>) -> Sealer {
    let recipients = recipients.iter().map(|key| key.recipient.clone()).collect();
    let identity = identity.map(|key| key.identity.clone());
    let store = StoreSettings::Directory("/".into());
    Sealer::new(&Settings { store, recipients, identity, signer: None, root: None }).unwrap()
}

const ID: &str = "bcdfghjkmnpqrstv";

fn place() -> Key {
    Key::from("runs/000001/000002")
}

#[test]
fn as_many_recipients_as_may_be_can_open() {
    let keys: Vec<Pair> = (0..32).map(|_| key()).collect();
    let all: Vec<&Pair> = keys.iter().collect();
    let sealed = sealer(&all, None).seal(ID, &place(), b"content").unwrap();
    assert_eq!(sealer(&all, Some(&keys[31])).open(ID, &place(), &sealed).unwrap(), b"content");
}

#[test]
fn each_of_two_recipients_opens() {
    let (a, b, c) = (key(), key(), key());
    let sealed = sealer(&[&a, &b], None).seal(ID, &place(), b"content").unwrap();
    for holder in [&a, &b] {
        assert_eq!(sealer(&[&c], Some(holder)).open(ID, &place(), &sealed).unwrap(), b"content");
    }
    let error = sealer(&[&c], Some(&c)).open(ID, &place(), &sealed).unwrap_err();
    assert!(matches!(error, Error::WrongKey { .. }));
    assert_eq!(error.kind(), Kind::Person);
    assert!(
        error
            .to_string()
            .starts_with("runs/000001/000002 cannot be opened: the configured identity")
    );
}

#[tokio::test]
async fn without_an_identity_everything_can_be_stored_and_nothing_opened() {
    let store = Arc::new(InMemory::new());
    let key = key();
    let sealer = sealer(&[&key], None);
    let writer = Repository::on(Store::on(store.clone(), "memory"), sealer);
    writer.init().await.unwrap();
    let point = store_point(&writer, &id(1), b"x").await;
    writer.append(1, 0, b"x").await.unwrap();
    let files = Files::new();
    for refused in [
        writer.point(&cluster(), &id(1)).await.map(drop),
        writer.fetch(&cluster(), &point, "etcd", &files.at("into")).await,
        writer.entries(1).await.map(drop),
    ] {
        let error = refused.unwrap_err();
        assert!(matches!(error, Error::NoIdentity { .. }), "{error}");
        assert_eq!(error.kind(), Kind::Person);
    }
    assert_eq!(files.names(), [""; 0]);
    // The same store, with the key.
    assert_eq!(opened_on(store, &key).entries(1).await.unwrap(), [(0, b"x".to_vec())]);
}

#[test]
fn an_object_is_bound_to_its_name_and_its_repository() {
    let key = key();
    let sealer = sealer(&[&key], Some(&key));
    let sealed = sealer.seal(ID, &place(), b"content").unwrap();
    let elsewhere = Key::from("runs/000001/000003");
    let moved = sealer.open(ID, &elsewhere, &sealed).unwrap_err();
    assert_eq!(moved.to_string(), "runs/000001/000003 is misplaced: it is runs/000001/000002");
    let foreign = sealer.open("other", &place(), &sealed).unwrap_err();
    assert_eq!(
        foreign.to_string(),
        format!("runs/000001/000002 is misplaced: it is runs/000001/000002 of repository {ID}")
    );
    assert_eq!(foreign.kind(), Kind::Damaged);
}

/// Whoever knows a recipient can seal, with any program: such an object must be refused for what it does not say.
#[test]
fn what_lifeboat_did_not_seal_is_refused() {
    let key = key();
    let sealer = sealer(&[&key], Some(&key));
    let recipient: age::x25519::Recipient = key.recipient.parse().unwrap();
    let refused = |plain: &[u8]| {
        let sealed = age::encrypt(&recipient, plain).unwrap();
        sealer.open(ID, &place(), &sealed).unwrap_err()
    };
    let long = [b"x".repeat(4096), b"\n".to_vec()].concat();
    for plain in [
        b"".as_slice(),
        b"\n",
        b"content\n",
        b"lifeboat/0\n",
        b"lifeboat/0 a b c\n",
        b"\xff\xfe\n",
        &long,
    ] {
        let error = refused(plain);
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
    }
    let newer = refused(b"lifeboat/1 something else\n");
    assert!(matches!(&newer, Error::Format { found, .. } if found == "1"), "{newer}");
    let rude = refused(b"lifeboat/0 a \x1b[31m\n").to_string();
    assert!(!rude.contains('\x1b'), "{rude:?}");
}

#[test]
fn every_byte_counts() {
    let (key, other) = (key(), key());
    let sealer = sealer(&[&key, &other], Some(&key));
    let sealed = sealer.seal(ID, &place(), b"content").unwrap();
    for at in 0..sealed.len() {
        let mut changed = sealed.to_vec();
        changed[at] ^= 1;
        let error = sealer.open(ID, &place(), &changed).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. } | Error::WrongKey { .. }), "{at}: {error}");
        let cut = sealer.open(ID, &place(), &sealed[..at]).unwrap_err();
        assert!(matches!(cut, Error::Damaged { .. }), "{at}: {cut}");
    }
    let more = [&sealed[..], b"x"].concat();
    assert!(matches!(sealer.open(ID, &place(), &more), Err(Error::Damaged { .. })));
}

#[test]
fn a_header_without_end_is_not_read_to_its_end() {
    let key = key();
    let sealer = sealer(&[&key], Some(&key));
    for line in [&b"-> x "[..], b"-> x\n\n"] {
        let endless = [b"age-encryption.org/v1\n-> x ".to_vec(), line.repeat(100_000)].concat();
        let error = sealer.open(ID, &place(), &endless).unwrap_err();
        assert_eq!(error.to_string(), "runs/000001/000002 is damaged: its age header has no end");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), header in any::<bool>()) {
        let key = key();
        let begin: &[u8] = if header { b"age-encryption.org/v1\n-> X25519 " } else { b"" };
        let opened = sealer(&[&key], Some(&key)).open(ID, &place(), &[begin, &bytes].concat());
        prop_assert!(opened.is_err());
    }
}

#[tokio::test]
async fn a_marker_that_is_none_or_newer_is_refused() {
    for (marker, want) in [
        ("", "lifeboat.json is damaged: "),
        ("[]", "lifeboat.json is damaged: it names no format"),
        (r#"{"format": 0}"#, "lifeboat.json is damaged: missing field `repository`"),
        (
            r#"{"format": 0, "repository": "a b"}"#,
            "lifeboat.json is damaged: its repository id is not",
        ),
        (
            r#"{"format": 1, "all": "new"}"#,
            "lifeboat.json has format 1, and this Lifeboat knows formats up to 0",
        ),
    ] {
        let store = Arc::new(InMemory::new());
        store.put(&Key::from("lifeboat.json"), marker.into()).await.unwrap();
        let repository = opened_on(store, &key());
        for error in [repository.id().await.unwrap_err(), repository.init().await.unwrap_err()] {
            assert!(error.to_string().starts_with(want), "{error}");
        }
        assert!(repository.points(&cluster()).await.is_err());
        assert!(repository.append(1, 0, b"x").await.is_err());
    }
}
