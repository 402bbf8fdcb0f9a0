//! Recovery sets in memory: certificates, keys, encrypted values and tokens as real ones have them.

use super::super::*;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::pbkdf2;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use serde_json::{Value, json};

/// All parts of a set.
#[derive(Clone)]
pub(super) struct World {
    pub(super) distribution: Distribution,
    pub(super) files: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
    pub(super) records: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl World {
    pub(super) fn new(distribution: Distribution) -> Self {
        Self {
            distribution,
            files: BTreeMap::new(),
            records: BTreeMap::new(),
        }
    }

    pub(super) fn parts(&self) -> Parts<'_> {
        let now = "2026-12-01T00:00:00Z".parse().unwrap();
        Parts {
            distribution: self.distribution,
            files: &self.files,
            records: &self.records,
            now,
        }
    }

    pub(super) fn judge(&self) -> Complete {
        judge(&self.parts())
    }

    pub(super) fn file(&mut self, host: &str, path: &str, content: impl Into<Vec<u8>>) {
        let files = self.files.entry(host.to_owned()).or_default();
        files.insert(path.to_owned(), content.into());
    }

    /// The same file on all hosts that there are.
    pub(super) fn files(&mut self, path: &str, content: &str) {
        for files in self.files.values_mut() {
            files.insert(path.to_owned(), content.as_bytes().to_vec());
        }
    }

    /// Changes a text in a file of all hosts, where it has to be.
    pub(super) fn edit(&mut self, path: &str, from: &str, to: &str) {
        for file in self.files.values_mut().filter_map(|files| files.get_mut(path)) {
            let text = String::from_utf8(file.clone()).unwrap();
            assert!(text.contains(from), "{path}: {text}");
            *file = text.replace(from, to).into_bytes();
        }
    }

    pub(super) fn forget(&mut self, path: &str) {
        for files in self.files.values_mut() {
            files.remove(path);
        }
    }

    pub(super) fn object(&mut self, path: &str, object: &Value) {
        let key = format!("/registry/{path}").into_bytes();
        self.records.insert(key, object.to_string().into_bytes());
    }

    pub(super) fn config_map(&mut self, path: &str, data: &Value) {
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": data});
        self.object(&format!("configmaps/{path}"), &object);
    }

    /// A Secret, encrypted as the API server's provider `aesgcm` does it.
    pub(super) fn encrypted(&mut self, path: &str, of: &str, data: &Value, name: &str, key: [u8; 32]) {
        let path = format!("/registry/secrets/{path}");
        let plain = secret(&path, of, data).to_string();
        let sealed = seal(key, path.as_bytes(), plain.as_bytes());
        let value = [format!("k8s:enc:aesgcm:v1:{name}:").into_bytes(), sealed].concat();
        self.records.insert(path.into_bytes(), value);
    }

    /// The stored token of a service account.
    pub(super) fn token(&mut self, path: &str, signed_with: &Issued) {
        let token = signed_with.token();
        let path = format!("secrets/{path}");
        let data = json!({"token": BASE64_STANDARD.encode(token)});
        self.object(&path, &secret(&path, "kubernetes.io/service-account-token", &data));
    }

    /// k3s' bootstrap data, for a token's password, under the hash of a word.
    pub(super) fn bootstrap(&mut self, word: &str, password: &str, content: &BTreeMap<&str, String>) {
        let of = |it: &String| json!({"Timestamp": "2026-01-01T00:00:00Z", "Content": BASE64_STANDARD.encode(it)});
        let content: BTreeMap<_, _> = content.iter().map(|(name, it)| (*name, of(it))).collect();
        let plain = serde_json::to_vec(&content).unwrap();
        let mut key = [0; 32];
        let rounds = std::num::NonZeroU32::new(4096).unwrap();
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA1, rounds, b"0123456789abcdef", password.as_bytes(), &mut key);
        let value = format!("0123456789abcdef:{}", BASE64_STANDARD.encode(seal(key, b"", &plain)));
        let hash = pki::sha256(word.as_bytes());
        self.records
            .insert(format!("/bootstrap/{}", &hash[..12]).into_bytes(), value.into_bytes());
    }

    /// No finding may quote what only its owner should know.
    pub(super) fn keeps_its_secrets(&self, complete: &Complete) {
        let said = format!("{complete:?}");
        for word in ["hunter2", "BEGIN", "KEY-----", &BASE64_STANDARD.encode(KEY)] {
            assert!(!said.contains(word), "{word}: {said}");
        }
    }
}

pub(super) const KEY: [u8; 32] = *b"This is the key of the cluster.!";

/// An EncryptionConfiguration with one key.
pub(super) fn encryption(name: &str, key: [u8; 32]) -> String {
    let secret = BASE64_STANDARD.encode(key);
    format!(
        r#"{{"kind":"EncryptionConfiguration","apiVersion":"apiserver.config.k8s.io/v1","resources":[{{"resources":["secrets"],
"providers":[{{"aesgcm":{{"keys":[{{"name":"{name}","secret":"{secret}"}}]}}}},{{"identity":{{}}}}]}}]}}"#
    )
}

pub(super) fn secret(name: &str, of: &str, data: &Value) -> Value {
    let name = name.rsplit('/').next();
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "shop"}, "type": of, "data": data})
}

fn seal(key: [u8; 32], bound: &[u8], plain: &[u8]) -> Vec<u8> {
    let sealer = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).unwrap());
    let mut sealed = plain.to_vec();
    let nonce = Nonce::assume_unique_for_key([7; 12]);
    sealer.seal_in_place_append_tag(nonce, Aad::from(bound), &mut sealed).unwrap();
    [[7; 12].as_slice(), &sealed].concat()
}

/// A certificate and its key, PEM.
#[derive(Clone)]
pub(super) struct Issued {
    pub(super) certificate: String,
    pub(super) key: String,
}

/// A CA that is good until a year begins.
pub(super) fn authority(name: &str, year: i32) -> Issued {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.not_after = date_time_ymd(year, 1, 1);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    Issued { certificate, key: key.serialize_pem() }
}

impl Issued {
    /// A certificate of this CA's, good until the first day of a month.
    pub(super) fn issue(&self, name: &str, year: i32, month: u8) -> Self {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_after = date_time_ymd(year, month, 1);
        let issuer = Issuer::from_ca_cert_pem(&self.certificate, KeyPair::from_pem(&self.key).unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap().pem();
        Self { certificate, key: key.serialize_pem() }
    }

    /// A kubeconfig with it, for an API server with this CA.
    pub(super) fn kubeconfig(&self, ca: &Self) -> String {
        let encoded = |it: &str| BASE64_STANDARD.encode(it);
        format!(
            "apiVersion: v1\nkind: Config\nclusters:\n- name: a\n  cluster:\n    server: https://api:6443\n    \
             certificate-authority-data: {}\nusers:\n- name: a\n  user:\n    client-certificate-data: {}\n    client-key-data: {}\n",
            encoded(&ca.certificate),
            encoded(&self.certificate),
            encoded(&self.key)
        )
    }

    /// Its public key alone, PEM.
    pub(super) fn public(&self) -> String {
        KeyPair::from_pem(&self.key).unwrap().public_key_pem()
    }

    fn token(&self) -> String {
        let pair = KeyPair::from_pem(&self.key).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pair.serialize_der()).unwrap();
        let part = |it: &str| BASE64_URL_SAFE_NO_PAD.encode(it);
        let message = format!("{}.{}", part(r#"{"alg":"ES256"}"#), part(r#"{"iss":"kubernetes/serviceaccount"}"#));
        let signature = pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }
}
