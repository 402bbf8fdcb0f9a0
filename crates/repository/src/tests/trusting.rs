//! Who can open what, whose word counts, and how that changes.

use super::*;
use crate::{Error, keys::Identities};
use estate::Kind;
use object_store::ObjectStoreExt;
use object_store::path::Path as Key;

/// A repository and its key, on a store that tests can reach into.
async fn made() -> (Repository, Arc<InMemory>, Pair) {
    let (store, key) = (Arc::new(InMemory::new()), key());
    (on(store.clone(), &key).await, store, key)
}

fn management() -> Scope {
    Scope::Cluster(cluster())
}

/// Another who opens the same store: with other secrets, and the root of `of`.
fn as_another(store: &Arc<InMemory>, another: &Pair, of: &Pair) -> Repository {
    let settings = Settings {
        root: Some(of.root().public().to_string()),
        ..settings(Path::new("/"), another)
    };
    Repository::on(Store::on(store.clone(), "memory"), &settings).unwrap()
}

#[tokio::test]
async fn each_recipient_opens_and_nobody_else() {
    let (repository, store, key) = made().await;
    let (spare, stranger) = (crate::tests::key(), crate::tests::key());
    let recipients = vec![key.recipient("safe"), spare.recipient("cellar")];
    for scope in scopes() {
        assert_eq!(repository.rewrap(&key.root(), &scope, recipients.clone(), false).await.unwrap(), 2);
    }
    repository.append(1, 0, b"x").await.unwrap();
    assert_eq!(as_another(&store, &spare, &key).entries(1).await.unwrap(), [(0, b"x".to_vec())]);
    let error = as_another(&store, &stranger, &key).entries(1).await.unwrap_err();
    assert!(matches!(error, Error::WrongKey { .. }), "{error}");
    assert_eq!(error.kind(), Kind::Person);
    let nobody = Settings { identity: None, ..settings(Path::new("/"), &key) };
    let nobody = Repository::on(Store::on(store.clone(), "memory"), &nobody).unwrap();
    let error = nobody.entries(1).await.unwrap_err();
    assert!(matches!(error, Error::NoIdentity { .. }), "{error}");
}

#[tokio::test]
async fn recipients_come_and_go_without_writing_data_anew() {
    let (repository, store, key) = made().await;
    let spare = crate::tests::key();
    repository.append(1, 0, b"before").await.unwrap();
    let entry = Key::from("shared/runs/0000000001/0000000000");
    let before = store.get(&entry).await.unwrap().bytes().await.unwrap();
    let both = vec![key.recipient("safe"), spare.recipient("cellar")];
    repository.rewrap(&key.root(), &Scope::Shared, both, false).await.unwrap();
    assert_eq!(store.get(&entry).await.unwrap().bytes().await.unwrap(), before);
    let second = as_another(&store, &spare, &key);
    assert_eq!(second.entries(1).await.unwrap().len(), 1);

    // Rotated and without the spare: it opens what it knew the key of, and nothing newer.
    let info = repository.keyring_info(&Scope::Shared).await.unwrap();
    let only = vec![key.recipient("safe")];
    assert_eq!(repository.rewrap(&key.root(), &Scope::Shared, only, true).await.unwrap(), 3);
    let rotated = repository.keyring_info(&Scope::Shared).await.unwrap();
    assert_eq!((rotated.number, rotated.keys.len()), (3, 2));
    assert_eq!(rotated.keys[0], info.keys[0]);
    repository.append(1, 1, b"after").await.unwrap();
    assert_eq!(second.opened(&entry).await.unwrap().1, b"before");
    let error = second.entries(1).await.unwrap_err();
    assert!(matches!(error, Error::WrongKey { .. }), "{error}");
    assert_eq!(repository.entries(1).await.unwrap().len(), 2);
    // Earlier keyrings are gone.
    let left = repository.shared.store.list(&Key::from("shared/keys")).await.unwrap();
    assert_eq!(left, [Key::from("shared/keys/0000000003")]);
}

#[tokio::test]
async fn a_writer_that_runs_on_learns_of_a_rotation_from_what_others_seal() {
    let (repository, store, key) = made().await;
    let other = as_another(&store, &key, &key);
    assert_eq!(other.entries(1).await.unwrap(), []);
    other.append(1, 0, b"old key").await.unwrap();
    let only = vec![key.recipient("safe")];
    repository.rewrap(&key.root(), &Scope::Shared, only, true).await.unwrap();
    repository.append(1, 1, b"new key").await.unwrap();
    assert_eq!(other.entries(1).await.unwrap()[1], (1, b"new key".to_vec()));
}

#[tokio::test]
async fn a_writer_that_looks_learns_of_a_rotation_at_once() {
    let (repository, store, key) = made().await;
    let (other, scope) = (as_another(&store, &key, &key), management());
    let store_one = async |name: &'static str| {
        let bytes = std::io::Cursor::new(b"bytes");
        other.put_history(&cluster(), name, 0, bytes).await.unwrap();
        let sealed = store.get(&crate::layout::history_object(&cluster(), name)).await.unwrap();
        crate::seal::Header::parse(&sealed.bytes().await.unwrap())
            .unwrap()
            .key
            .to_string()
    };
    let before = store_one("t1-base-1").await;
    assert_eq!(other.keyring_after(&scope, 1).await.unwrap(), None);
    repository
        .rewrap(&key.root(), &scope, vec![key.recipient("safe")], true)
        .await
        .unwrap();
    assert_eq!(store_one("t1-base-2").await, before);
    assert_eq!(other.keyring_after(&scope, 1).await.unwrap(), Some(2));
    assert_ne!(store_one("t1-base-3").await, before);
    // What is planted above changes nothing.
    store
        .put(&Key::from("clusters/management/keys/0000000009"), "x".into())
        .await
        .unwrap();
    assert_eq!(other.keyring_after(&scope, 2).await.unwrap(), None);
}

#[tokio::test]
async fn a_capturing_host_opens_its_own_cluster_and_nothing_shared() {
    let (key, host, store) = (key(), key(), Arc::new(InMemory::new()));
    let repository = opened_on(store.clone(), &key);
    let founding = Founding {
        root: &key.root(),
        scopes: vec![management(), Scope::Cluster("other".parse().unwrap())],
        recipients: vec![
            Grant { recipient: key.recipient("safe"), scopes: None },
            Grant {
                recipient: host.recipient("main-1"),
                scopes: Some(vec![management()]),
            },
        ],
        writers: vec![Writer { scopes: vec![management()], ..host.writer(&[]) }],
    };
    repository.found(&founding).await.unwrap();
    let at_host = as_another(&store, &host, &key);
    store_point(&at_host, &id(1), b"x").await;
    assert_eq!(repository.point(&cluster(), &id(1)).await.unwrap().id, id(1));
    for refused in [
        at_host.append(1, 0, b"x").await.unwrap_err().to_string(),
        at_host.entries(1).await.map(|_| "none").unwrap_or_default().to_owned(),
    ] {
        assert_ne!(refused, "");
    }
    assert!(matches!(at_host.keys(&Scope::Shared).await, Err(Error::WrongKey { .. })));
    let other = Scope::Cluster("other".parse().unwrap());
    assert!(matches!(at_host.keys(&other).await, Err(Error::WrongKey { .. })));
}

#[tokio::test]
async fn a_point_that_no_trusted_writer_signed_is_refused_and_named() {
    let (repository, store, key) = made().await;
    store_point(&repository, &id(1), b"x").await;
    // Somebody who has the cluster's keys, and is no writer.
    let rogue = crate::tests::key();
    let recipients = vec![key.recipient("safe"), rogue.recipient("rogue")];
    repository.rewrap(&key.root(), &management(), recipients, false).await.unwrap();
    store_point(&as_another(&store, &rogue, &key), &id(2), b"planted").await;
    let manifest = format!("clusters/management/points/{}", id(2));
    let error = repository.point(&cluster(), &id(2)).await.unwrap_err();
    let signer = rogue.signer().public();
    assert_eq!(
        error.to_string(),
        format!("{manifest} is not to be trusted: {signer} signed it, who is no trusted writer of it")
    );
    assert_eq!(error.kind(), Kind::Damaged);

    // Sealed, and not signed at all.
    let unsigned = serde_json::to_vec(&point(&id(3), vec![])).unwrap();
    let there = Key::from(format!("clusters/management/points/{}", id(3)));
    let sealed = repository.sealed(&there, 1, &unsigned).await.unwrap();
    store.put(&there, sealed.into()).await.unwrap();
    let error = repository.point(&cluster(), &id(3)).await.unwrap_err();
    assert_eq!(error.to_string(), format!("{there} is not to be trusted: it is not signed"));

    // A writer of another scope.
    let elsewhere = vec![key.writer(&[Scope::Shared])];
    repository.set_writers(&key.root(), elsewhere).await.unwrap();
    let error = repository.point(&cluster(), &id(1)).await.unwrap_err();
    assert!(matches!(error, Error::Untrusted { .. }), "{error}");
    // Trusted again, it counts again.
    repository.set_writers(&key.root(), vec![key.writer(&scopes())]).await.unwrap();
    assert_eq!(repository.point(&cluster(), &id(1)).await.unwrap().id, id(1));
}

#[tokio::test]
async fn without_a_signing_key_no_point_is_written() {
    let (repository, store, key) = made().await;
    drop(repository);
    let unsigning = Settings { signer: None, ..settings(Path::new("/"), &key) };
    let unsigning = Repository::on(Store::on(store, "memory"), &unsigning).unwrap();
    let (mut new, part) = store_part(&unsigning, &id(1), b"x").await;
    let error = new.commit(&point(&id(1), vec![part])).await.unwrap_err();
    assert!(matches!(error, Error::NoSigner { .. }), "{error}");
    assert_eq!(error.kind(), Kind::Person);
}

/// Recipients are public: a store could plant a keyring of its own keys, wrapped for all of them.
#[tokio::test]
async fn a_keyring_that_the_root_did_not_sign_is_passed_over_and_named() {
    let (repository, store, key) = made().await;
    repository.append(1, 0, b"x").await.unwrap();
    let rogue = crate::tests::key();
    let (_, keyring) = repository.keyring(&Scope::Shared).await.unwrap();
    let body = serde_json::to_vec(&keyring).unwrap();
    let planted = |number: u64| Key::from(format!("shared/keys/{number:010}"));
    for number in [2, 9_999_999_999] {
        let place = repository.place(&planted(number)).await.unwrap();
        let text = rogue.root().sign(&place, &body);
        store.put(&planted(number), text.into()).await.unwrap();
    }
    // The root's own, moved to another number, or from another scope.
    for (from, to) in [
        ("shared/keys/0000000001", 3),
        ("clusters/management/keys/0000000001", 4),
    ] {
        store.copy(&Key::from(from), &planted(to)).await.unwrap();
    }
    store.put(&Key::from("shared/writers/9999999999"), "x".into()).await.unwrap();
    let again = opened_on(store.clone(), &key);
    assert_eq!(again.keyring_info(&Scope::Shared).await.unwrap().number, 1);
    assert_eq!(again.entries(1).await.unwrap(), [(0, b"x".to_vec())]);
    again.append(1, 1, b"y").await.unwrap();
    assert_eq!(again.writers().await.unwrap().len(), 1);

    let report = again.check(&crate::CheckOptions::default(), &|_| {}).await.unwrap();
    let named: Vec<_> = report.faults.iter().filter(|it| it.flaw == crate::Flaw::Untrusted).collect();
    let objects: Vec<_> = named.iter().map(|it| &*it.object).collect();
    let wanted = [2, 3, 4, 9_999_999_999].map(|number| planted(number).to_string());
    assert_eq!(objects[..4], wanted);
    assert_eq!(objects[4..], ["shared/writers/9999999999"]);
    assert!(named[3].reason.ends_with("did; number 1 counts in its place"), "{}", named[3].reason);
    let memory = report.memory.unwrap();
    assert_eq!((memory.writers, memory.scopes[&Scope::Shared].keyring), (1, 1));

    // It may be a later one that was harmed: only a person knows.
    let error = again
        .rewrap(&key.root(), &Scope::Shared, vec![key.recipient("safe")], false)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Untrusted { object, .. } if object.starts_with("shared/keys/")),
        "{error}"
    );
    let error = again.set_writers(&key.root(), vec![key.writer(&scopes())]).await.unwrap_err();
    assert!(matches!(&error, Error::Untrusted { .. } | Error::Damaged { .. }), "{error}");
    assert!(again.remove_unsigned(&rogue.root()).await.is_err());
    assert_eq!(again.remove_unsigned(&key.root()).await.unwrap().len(), 5);
    let number = again
        .rewrap(&key.root(), &Scope::Shared, vec![key.recipient("safe")], false)
        .await;
    assert_eq!(number.unwrap(), 2);
    assert_eq!(again.set_writers(&key.root(), vec![key.writer(&scopes())]).await.unwrap(), 2);
}

#[tokio::test]
async fn where_no_keyring_is_signed_the_newest_is_named() {
    let (_, store, key) = made().await;
    let at = Key::from("shared/keys/0000000001");
    store
        .copy(&Key::from("clusters/management/keys/0000000001"), &at)
        .await
        .unwrap();
    let again = opened_on(store, &key);
    let error = again.append(1, 0, b"x").await.unwrap_err();
    assert!(error.to_string().contains("was not written"), "{error}");
    let error = again.keyring_info(&Scope::Shared).await.unwrap_err();
    assert!(matches!(&error, Error::Untrusted { object, .. } if object == at.as_ref()), "{error}");
    assert_eq!(again.remove_unsigned(&key.root()).await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn another_root_than_the_one_that_is_known_is_refused() {
    let (_, store, key) = made().await;
    let other = crate::tests::key();
    let error = opened_on(store.clone(), &other).id().await.unwrap_err();
    let (is, wanted) = (key.root().public(), other.root().public());
    assert_eq!(error.to_string(), format!("memory has the root {is}, and not {wanted}"));
    assert_eq!(error.kind(), Kind::Person);
    let error = found(&opened_on(store, &other), &other).await.unwrap_err();
    assert!(matches!(error, Error::OtherRoot { .. }), "{error}");
}

#[tokio::test]
async fn a_founding_that_was_broken_off_is_completed() {
    let (repository, store, key) = made().await;
    repository.append(1, 0, b"x").await.unwrap();
    store.delete(&Key::from("shared/writers/0000000001")).await.unwrap();
    store.delete(&Key::from("clusters/management/keys/0000000001")).await.unwrap();
    let again = opened_on(store, &key);
    let made = found(&again, &key).await.unwrap();
    assert_eq!(made, ["clusters/management/keys/0000000001", "shared/writers/0000000001"]);
    assert_eq!(again.entries(1).await.unwrap().len(), 1);
}

/// Everything is bound to the id in the marker: under a new one, nothing would open any more.
#[tokio::test]
async fn a_repository_that_has_lost_its_marker_gets_no_new_id() {
    let (repository, store, key) = made().await;
    repository.append(1, 0, b"x").await.unwrap();
    let id = repository.id().await.unwrap().to_owned();
    let marker = Key::from("lifeboat.json");
    store.delete(&marker).await.unwrap();
    let lost = |error: Error| {
        assert!(matches!(error, Error::MarkerLost { .. }), "{error}");
        assert_eq!(error.kind(), Kind::Person);
    };
    let again = opened_on(store.clone(), &key);
    lost(again.id().await.unwrap_err());
    lost(found(&again, &key).await.unwrap_err());
    assert!(store.head(&marker).await.is_err());

    let error = again.mark_anew(&key.root(), "another").await.unwrap_err();
    assert!(error.to_string().contains("no keyring in memory was signed under it"), "{error}");
    assert!(again.mark_anew(&crate::tests::key().root(), &id).await.is_err());
    assert!(again.mark_anew(&key.root(), "../x").await.is_err());
    assert!(store.head(&marker).await.is_err());
    assert!(again.mark_anew(&key.root(), &id).await.unwrap());
    assert!(!again.mark_anew(&key.root(), &id).await.unwrap());
    let again = opened_on(store.clone(), &key);
    assert_eq!(again.entries(1).await.unwrap(), [(0, b"x".to_vec())]);
    assert_eq!(found(&again, &key).await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn whatever_is_left_tells_a_repository_from_an_empty_store_and_only_founding_marks_one() {
    let key = key();
    for left in [
        "shared/writers/0000000003",
        "clusters/a/keys/0000000001",
        "clusters/a/points/000001-20261122T100000.000Z-abcd",
    ] {
        let store = Arc::new(InMemory::new());
        store.put(&Key::from(left), "x".into()).await.unwrap();
        let error = found(&opened_on(store, &key), &key).await.unwrap_err();
        assert!(
            error
                .to_string()
                .contains(&format!("it holds {left}, which only a repository has")),
            "{error}"
        );
    }
    let store = Arc::new(InMemory::new());
    store.put(&Key::from("notes.txt"), "x".into()).await.unwrap();
    let empty = opened_on(store, &key);
    let founding = Founding {
        root: &key.root(),
        scopes: scopes(),
        recipients: vec![],
        writers: vec![],
    };
    let error = empty.complete(&founding).await.unwrap_err();
    assert!(matches!(error, Error::Uninitialised { .. }), "{error}");
    found(&empty, &key).await.unwrap();
}

/// Keys of ssh and passphrases wrap as age's own do.
#[test]
fn every_kind_of_recipient_unwraps() {
    let (ssh, public) = ssh_key("");
    let (locked, locked_public) = ssh_key("hunter22");
    let age = key();
    let recipient = |text: &str| Recipient { name: "x".parse().unwrap(), recipient: text.to_owned() };
    let all = [
        recipient(&age.recipient),
        recipient(&public),
        recipient(&locked_public),
        recipient("passphrase"),
    ];
    let passphrase = Identities::parse(None, Some("hunter22")).unwrap();
    let wrapped = crate::keys::wrap(&all, passphrase.passphrase.as_ref(), b"text").unwrap();
    assert_eq!(wrapped.len(), 2);
    for (identity, passphrase) in [
        (Some(age.identity.as_str()), None),
        (Some(ssh.as_str()), None),
        (Some(locked.as_str()), Some("hunter22")),
        (None, Some("hunter22")),
    ] {
        let identities = Identities::parse(identity, passphrase).unwrap();
        let text = identities.unwrap("x", &wrapped).unwrap().unwrap();
        assert_eq!(&**text, b"text");
    }
    for (identity, passphrase) in [
        (Some(key().identity), None),
        (Some(ssh_key("").0), None),
        (None, Some("wrong")),
    ] {
        let identities = Identities::parse(identity.as_deref(), passphrase).unwrap();
        assert!(identities.unwrap("x", &wrapped).unwrap().is_none());
    }
    let error = crate::keys::wrap(&all, None, b"text").unwrap_err().to_string();
    assert!(error.contains("LIFEBOAT_PASSPHRASE"), "{error}");
    let error = recipient("age1nonsense").check().unwrap_err().to_string();
    assert!(error.ends_with("x, \"age1nonsense\", is no age or ssh public key"), "{error}");
}

fn ssh_key(passphrase: &str) -> (String, String) {
    let files = Files::new();
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", passphrase, "-C", "", "-f"])
        .arg(files.at("id"))
        .status()
        .unwrap();
    assert!(made.success());
    let read = |name: &str| std::fs::read_to_string(files.at(name)).unwrap();
    (read("id"), read("id.pub"))
}

#[test]
fn what_is_armoured_and_no_age_file_is_damaged_not_foreign() {
    let identities = Identities::parse(Some(&key().identity), None).unwrap();
    let long = format!("-----BEGIN AGE ENCRYPTED FILE-----\n{}", "A".repeat(300 << 10));
    for bad in [
        "",
        "nonsense",
        "-----BEGIN AGE ENCRYPTED FILE-----\nAAAA\n-----END AGE ENCRYPTED FILE-----\n",
        &long,
    ] {
        let error = identities.unwrap("keys/1", &[bad.to_owned()]).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
    }
}

#[test]
fn signing_keys_are_read_and_never_shown() {
    let (text, signer) = Signer::generate().unwrap();
    let commented = format!("# main-1\n\n{}\n", *text);
    assert_eq!(Signer::parse("signer", &commented).unwrap().public(), signer.public());
    assert!(!format!("{signer:?}").contains(&text[21..]));
    for bad in [
        "",
        "# only\n",
        "LIFEBOAT-SIGNING-KEY-12",
        &text[1..],
        &format!("{}\n{}", *text, *text),
    ] {
        let error = Signer::parse("signer", bad).unwrap_err().to_string();
        assert!(error.starts_with("the repository's signer cannot be used: "), "{error}");
        assert!(!error.contains(&text[30..]), "{error}");
    }
    let public = signer.public().to_string();
    assert_eq!(public.parse::<crate::PublicKey>().unwrap(), signer.public());
    for bad in [
        "",
        "12",
        &public[1..],
        &public.replace(|c: char| c.is_ascii_digit(), "g"),
    ] {
        assert!(bad.parse::<crate::PublicKey>().is_err());
    }
}

#[test]
fn signed_text_is_bound_to_its_name_and_its_repository() {
    let signer = key().signer();
    let place =
        |repository: &str, key: &str| crate::seal::Place { repository: repository.to_owned(), key: Key::from(key) };
    let text = signer.sign(&place("r", "a/b"), b"body\n\nand more");
    let (by, body) = crate::signed::read(&place("r", "a/b"), &text).unwrap();
    assert_eq!((by, body), (signer.public(), &b"body\n\nand more"[..]));
    for elsewhere in [place("r", "a/c"), place("s", "a/b")] {
        assert!(crate::signed::read(&elsewhere, &text).is_err());
    }
    for at in 0..text.len() {
        let mut changed = text.clone();
        changed[at] ^= 1;
        assert!(crate::signed::read(&place("r", "a/b"), &changed).is_err(), "{at}");
        assert!(crate::signed::read(&place("r", "a/b"), &text[..at]).is_err(), "{at}");
    }
}

#[tokio::test]
async fn a_person_may_accept_a_point_that_nobody_trusted_has_signed() {
    let (repository, store, key) = made().await;
    let stranger = crate::tests::key();
    let settings = Settings {
        signer: Some(stranger.signer.clone()),
        ..settings(Path::new("/"), &key)
    };
    let as_stranger = Repository::on(Store::on(store.clone(), "memory"), &settings).unwrap();
    let planted = store_point(&as_stranger, &id(1), b"x").await;
    let (found, why) = repository.point_unsigned(&cluster(), &id(1)).await.unwrap();
    assert_eq!((found, why.is_some_and(|why| why.contains("no trusted writer"))), (planted.clone(), true));
    // Not signed at all, and signed for another name.
    let signed = Key::from(format!("clusters/management/points/{}", id(1)));
    let (_, text) = repository.opened(&signed).await.unwrap();
    let at = Key::from(format!("clusters/management/points/{}", id(2)));
    let mut body = serde_json::to_value(&planted).unwrap();
    body["id"] = id(2).to_string().into();
    let body = serde_json::to_vec(&body).unwrap();
    let header = &text[..text.windows(2).position(|two| two == b"\n\n").unwrap() + 2];
    for text in [body.clone(), [header, &body[..]].concat()] {
        let sealed = repository.sealed(&at, 1, &text).await.unwrap();
        store.put(&at, sealed.into()).await.unwrap();
        let error = repository.point(&cluster(), &id(2)).await.unwrap_err();
        assert!(matches!(error, Error::Untrusted { .. }), "{error}");
        let (found, why) = repository.point_unsigned(&cluster(), &id(2)).await.unwrap();
        assert!(found.id == id(2) && why.is_some(), "{found:?}");
    }
    // What is signed is accepted without a word; what is elsewhere, or of another repository, is not accepted.
    store_point(&repository, &id(3), b"x").await;
    assert_eq!(repository.point_unsigned(&cluster(), &id(3)).await.unwrap().1, None);
    let moved = Key::from(format!("clusters/management/points/{}", id(4)));
    store.copy(&signed, &moved).await.unwrap();
    let error = repository.point_unsigned(&cluster(), &id(4)).await.unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
}
