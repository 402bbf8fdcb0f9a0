//! One key in all the forms in which it is written.

use super::super::pki;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rcgen::{KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256};

/// Made with `openssl ecparam -name prime256v1 -genkey`, and `openssl ec -pubout`, for this test alone.
const SEC1: &str = "-----BEGIN EC PARAMETERS-----
BggqhkjOPQMBBw==
-----END EC PARAMETERS-----
-----BEGIN EC PRIVATE KEY-----
MHcCAQEEICc8aKH6/j3IBfhhWMOO15fKtmx8YfUbZMNVNcGHIBo0oAoGCCqGSM49
AwEHoUQDQgAEkGrm5MtcOgLcuz+vjLwmI5Y6/VZXaw0+ffdzpL1Gdupghpz0P206
PqJC1e0LJyBniDBw6xG95aSFDwNkmZ0bcw==
-----END EC PRIVATE KEY-----
";
const SEC1_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEkGrm5MtcOgLcuz+vjLwmI5Y6/VZX
aw0+ffdzpL1Gdupghpz0P206PqJC1e0LJyBniDBw6xG95aSFDwNkmZ0bcw==
-----END PUBLIC KEY-----
";

fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

#[test]
fn a_key_is_the_same_in_each_of_its_forms() {
    for algorithm in [&PKCS_RSA_SHA256, &PKCS_ECDSA_P384_SHA384, &PKCS_ED25519] {
        let pair = KeyPair::generate_for(algorithm).unwrap();
        let private = pki::private_keys(pair.serialize_pem().as_bytes());
        assert_eq!(private.len(), 1, "{algorithm:?}");
        assert!(private == pki::keys(pair.public_key_pem().as_bytes()), "{algorithm:?}");
        assert!(pki::private_keys(pair.public_key_pem().as_bytes()).is_empty());
    }
    // What is in PKCS 8 behind its header is PKCS 1, which is what kubeadm writes.
    let pair = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let older = pem("RSA PRIVATE KEY", &pair.serialize_der()[26..]);
    assert!(pki::private_keys(older.as_bytes()) == pki::private_keys(pair.serialize_pem().as_bytes()));
    assert_eq!(pki::private_keys(older.as_bytes()).len(), 1);
    // k3s and RKE2 write SEC 1.
    assert_eq!(pki::private_keys(SEC1.as_bytes()).len(), 1);
    assert!(pki::private_keys(SEC1.as_bytes()) == pki::keys(SEC1_PUBLIC.as_bytes()));
}
