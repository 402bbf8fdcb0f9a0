use super::*;
use crate::{Content, read};
use aes::cipher::BlockEncryptMut;

const KEY: &[u8] = b"/registry/secrets/shop/db";
const OBJECT: &[u8] = br#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"db"}}"#;
const FILE: &str = "
apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
  - resources: [secrets]
    providers:
      - aesgcm: { keys: [{ name: gcm, secret: AAECAwQFBgcICQoLDA0ODxAREhMUFRYX }] }
      - aescbc: { keys: [{ name: cbc, secret: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= }] }
      - secretbox: { keys: [{ name: box, secret: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= }] }
      - kms: { apiVersion: v2, name: plugin, endpoint: 'unix:///x' }
      - identity: {}
";

fn secret(bytes: u8) -> Vec<u8> {
    (0..bytes).collect()
}

fn sealed_by(provider: &str) -> Vec<u8> {
    match provider {
        "aescbc" => {
            let sealer = cbc::Encryptor::<aes::Aes256>::new_from_slices(&secret(32), &[7; 16]).expect("its size");
            let sealed = sealer.encrypt_padded_vec_mut::<Pkcs7>(OBJECT);
            [b"k8s:enc:aescbc:v1:cbc:".as_slice(), &[7; 16], &sealed].concat()
        }
        "aesgcm" => {
            let sealer = AesGcm::<aes::Aes192, U12>::new_from_slice(&secret(24)).expect("its size");
            let sealed = sealer.encrypt(Nonce::from_slice(&[7; 12]), Payload { msg: OBJECT, aad: KEY });
            [
                b"k8s:enc:aesgcm:v1:gcm:".as_slice(),
                &[7; 12],
                &sealed.expect("it seals"),
            ]
            .concat()
        }
        _ => {
            let sealer = XSalsa20Poly1305::new_from_slice(&secret(32)).expect("its size");
            let sealed = sealer.encrypt(crypto_secretbox::Nonce::from_slice(&[7; 24]), OBJECT);
            [
                b"k8s:enc:secretbox:v1:box:".as_slice(),
                &[7; 24],
                &sealed.expect("it seals"),
            ]
            .concat()
        }
    }
}

fn why(content: Content) -> String {
    match content {
        Content::Opaque(it) => it.why,
        Content::Object(it) => format!("{it:?}"),
    }
}

#[test]
fn each_provider_is_opened() {
    let keys = Decryption::parse(FILE).expect("it is one");
    for (provider, name) in [("aescbc", "cbc"), ("aesgcm", "gcm"), ("secretbox", "box")] {
        match read(KEY, &sealed_by(provider), &keys) {
            Content::Object(it) => assert_eq!(it.encrypted, Some((provider.to_owned(), name.to_owned()))),
            other => panic!("{other:?}"),
        }
        let other = read(KEY, &sealed_by(provider), &Decryption::default());
        assert_eq!(why(other), format!("it is encrypted with {provider}, key {name}, which is not given"));
    }
}

#[test]
fn a_value_is_tried_without_being_read() {
    let keys = Decryption::parse(FILE).expect("it is one");
    let mut damaged = sealed_by("aesgcm");
    *damaged.last_mut().expect("it has bytes") ^= 1;
    assert_eq!(keys.opens(KEY, &sealed_by("aesgcm")), Some(Ok(())));
    assert!(matches!(keys.opens(KEY, &damaged), Some(Err(Sealed::Refused { .. }))));
    let none = Decryption::default();
    assert!(matches!(none.opens(KEY, &sealed_by("aescbc")), Some(Err(Sealed::NoKey { .. }))));
    assert!(matches!(keys.opens(KEY, b"k8s:enc:aescbc:v9:cbc:x"), Some(Err(Sealed::NoKey { .. }))));
    assert!(matches!(keys.opens(KEY, b"k8s:enc:kms:v2:plugin:xyz"), Some(Err(Sealed::Kms { .. }))));
    assert_eq!(keys.opens(KEY, OBJECT), None);
}

#[test]
fn what_was_moved_or_harmed_is_refused() {
    let keys = Decryption::parse(FILE).expect("it is one");
    // The key of etcd is part of what aesgcm authenticates.
    let moved = read(b"/registry/secrets/shop/other", &sealed_by("aesgcm"), &keys);
    assert!(why(moved).contains("does not open it"));
    for provider in ["aesgcm", "secretbox"] {
        let mut value = sealed_by(provider);
        *value.last_mut().expect("it has bytes") ^= 1;
        assert!(why(read(KEY, &value, &keys)).contains("does not open it"));
    }
    for length in 0..sealed_by("aescbc").len() {
        drop(read(KEY, &sealed_by("aescbc")[..length], &keys));
    }
}

#[test]
fn a_name_of_a_key_may_have_colons() {
    let keys = Decryption::parse(&FILE.replace("name: cbc", "name: '2024:cbc'")).expect("it is one");
    let sealed = sealed_by("aescbc");
    let value = [
        b"k8s:enc:aescbc:v1:2024:cbc:".as_slice(),
        &sealed[b"k8s:enc:aescbc:v1:cbc:".len()..],
    ]
    .concat();
    assert!(matches!(read(KEY, &value, &keys), Content::Object(_)));
}

#[test]
fn a_kms_is_named() {
    let keys = Decryption::parse(FILE).expect("it is one");
    let said = why(read(KEY, b"k8s:enc:kms:v2:plugin:xyz", &keys));
    assert_eq!(said, "it is encrypted by the KMS plugin, and only that opens it");
}

#[test]
fn a_wrong_file_is_refused_without_its_secrets() {
    let refused = |text: &str| Decryption::parse(text).expect_err("it is wrong").to_string();
    assert_eq!(refused("kind: Secret"), "it is no EncryptionConfiguration: its kind is Secret");
    let short = FILE.replace("AAECAwQFBgcICQoLDA0ODxAREhMUFRYX }", "aHVudGVyMg== }");
    assert_eq!(refused(&short), "key gcm of aesgcm: it has neither 16, 24 nor 32 bytes");
    assert!(!refused(&FILE.replace("secret: AAEC", "secret: '!!")).contains("AwQF"));
    assert_eq!(format!("{:?}", Decryption::parse(FILE).expect("it is one")), "3 keys");
}
