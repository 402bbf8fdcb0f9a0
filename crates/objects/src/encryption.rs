//! Opening what Kubernetes encrypted at rest, with a given EncryptionConfiguration. Start at [`Decryption::parse`].
//!
//! Source: `k8s.io/apiserver` `apis/apiserver/v1` (the file) and `storage/value/encrypt` (`aes`, `secretbox`). `aescbc` is
//! AES-CBC with the vector in front and the padding of PKCS 7; `aesgcm` has its nonce of 12 bytes in front, and authenticates the
//! key of etcd; `secretbox` is that of NaCl with its nonce of 24 bytes in front. What a KMS sealed, only the KMS opens.

use crate::envelope::Envelope;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockDecryptMut, KeyIvInit};
use aes_gcm::aead::consts::U12;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{AesGcm, Nonce};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use crypto_secretbox::XSalsa20Poly1305;
use serde::Deserialize;
use std::fmt;
use zeroize::Zeroizing;

/// The keys of an EncryptionConfiguration; none by default.
#[derive(Default)]
pub struct Decryption {
    keys: Vec<Key>,
}

struct Key {
    provider: Provider,
    name: String,
    secret: Zeroizing<Vec<u8>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Provider {
    AesCbc,
    AesGcm,
    Secretbox,
}

/// Why an EncryptionConfiguration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// It cannot be read as one.
    #[error("it is no EncryptionConfiguration: {0}")]
    Form(String),
    /// A key is no key.
    #[error("key {name} of {provider}: {why}")]
    Key {
        /// The provider.
        provider: &'static str,
        /// The key's name.
        name: String,
        /// What is wrong with it.
        why: String,
    },
}

/// Why a value was not decrypted.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Sealed {
    /// Its key is not at hand.
    #[error("it is encrypted with {provider}, key {key}, which is not given")]
    NoKey {
        /// The provider.
        provider: String,
        /// The key's name.
        key: String,
    },
    /// Only a KMS opens it.
    #[error("it is encrypted by the KMS {plugin}, and only that opens it")]
    Kms {
        /// The name of the KMS plugin.
        plugin: String,
    },
    /// Its key does not open it.
    #[error(
        "key {key} of {provider} does not open it: it is damaged, stands under another name, or the key is another one"
    )]
    Refused {
        /// The provider.
        provider: String,
        /// The key's name.
        key: String,
    },
}

#[derive(Deserialize)]
struct Configuration {
    kind: String,
    #[serde(default)]
    resources: Vec<Resources>,
}

#[derive(Deserialize)]
struct Resources {
    #[serde(default)]
    providers: Vec<Providers>,
}

#[derive(Deserialize)]
struct Providers {
    aescbc: Option<Keys>,
    aesgcm: Option<Keys>,
    secretbox: Option<Keys>,
}

#[derive(Deserialize)]
struct Keys {
    #[serde(default)]
    keys: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    secret: String,
}

impl Decryption {
    /// Reads an EncryptionConfiguration, YAML or JSON.
    ///
    /// # Errors
    /// It is none, or a key has no length that its provider takes. The text itself is never part of an error.
    pub fn parse(text: &str) -> Result<Self, ConfigurationError> {
        // The parser's own words would quote the line that it stumbled over, and that may be a key.
        let read: Result<Configuration, _> = serde_saphyr::from_str(text);
        let it = read.map_err(|_| ConfigurationError::Form("it is not of that form".to_owned()))?;
        if it.kind != "EncryptionConfiguration" {
            return Err(ConfigurationError::Form(format!("its kind is {}", it.kind)));
        }
        let mut keys = Vec::new();
        for providers in it.resources.into_iter().flat_map(|it| it.providers) {
            let given = [
                (Provider::AesCbc, providers.aescbc),
                (Provider::AesGcm, providers.aesgcm),
                (Provider::Secretbox, providers.secretbox),
            ];
            for (provider, given) in given {
                for named in given.into_iter().flat_map(|it| it.keys) {
                    keys.push(Key::of(provider, named)?);
                }
            }
        }
        Ok(Self { keys })
    }

    /// Whether these keys open a value that stands under `etcd_key`; `None` if it is not encrypted at all.
    pub fn opens(&self, etcd_key: &[u8], value: &[u8]) -> Option<Result<(), Sealed>> {
        let Envelope::Encrypted { provider, version, key, sealed } = Envelope::of(value) else {
            return None;
        };
        if version != "v1" && provider != "kms" {
            let provider = format!("{provider} {version}");
            return Some(Err(Sealed::NoKey { provider, key: key.to_owned() }));
        }
        Some(self.open(etcd_key, provider, key, sealed).map(drop))
    }

    /// Opens a value that stands under `etcd_key`.
    ///
    /// # Errors
    /// [`Sealed`].
    pub(crate) fn open(
        &self,
        etcd_key: &[u8],
        provider: &str,
        name: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Sealed> {
        if provider == "kms" {
            return Err(Sealed::Kms { plugin: name.to_owned() });
        }
        // A key's name may have colons in it, so only those that are given tell where it ends.
        let whole = [name.as_bytes(), b":", sealed].concat();
        let of = |it: &Key| whole.strip_prefix(it.name.as_bytes())?.strip_prefix(b":").map(<[u8]>::to_vec);
        let given = self.keys.iter().filter(|it| it.provider.name() == provider);
        let fitting: Vec<_> = given.filter_map(|key| Some((key, of(key)?))).collect();
        if fitting.is_empty() {
            return Err(Sealed::NoKey { provider: provider.to_owned(), key: name.to_owned() });
        }
        // Several groups of resources may have keys of one name.
        // Padding alone fits by chance once in 256 times.
        let opened = fitting
            .iter()
            .find_map(|(key, sealed)| key.open(etcd_key, sealed).filter(|it| looks_opened(it)));
        opened.ok_or_else(|| Sealed::Refused { provider: provider.to_owned(), key: name.to_owned() })
    }
}

/// Whether it is what Kubernetes encrypts.
fn looks_opened(plain: &[u8]) -> bool {
    plain.starts_with(b"k8s\0") || plain.first() == Some(&b'{')
}

/// How many keys; none of them.
impl fmt::Debug for Decryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} keys", self.keys.len())
    }
}

impl Provider {
    fn name(self) -> &'static str {
        match self {
            Self::AesCbc => "aescbc",
            Self::AesGcm => "aesgcm",
            Self::Secretbox => "secretbox",
        }
    }
}

impl Key {
    fn of(provider: Provider, named: Named) -> Result<Self, ConfigurationError> {
        let Named { name, secret } = named;
        let wrong = |why: &str| ConfigurationError::Key {
            provider: provider.name(),
            name: name.clone(),
            why: why.to_owned(),
        };
        let written = Zeroizing::new(secret);
        let secret = BASE64_STANDARD.decode(written.trim()).map_err(|_| wrong("it is not base64"))?;
        let secret = Zeroizing::new(secret);
        match (provider, secret.len()) {
            (Provider::Secretbox, 32) | (Provider::AesCbc | Provider::AesGcm, 16 | 24 | 32) => {}
            (Provider::Secretbox, _) => return Err(wrong("it does not have 32 bytes")),
            _ => return Err(wrong("it has neither 16, 24 nor 32 bytes")),
        }
        Ok(Self { provider, name, secret })
    }

    fn open(&self, etcd_key: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let opened = match (self.provider, self.secret.len()) {
            (Provider::AesCbc, 16) => cbc::<aes::Aes128>(&self.secret, sealed),
            (Provider::AesCbc, 24) => cbc::<aes::Aes192>(&self.secret, sealed),
            (Provider::AesCbc, _) => cbc::<aes::Aes256>(&self.secret, sealed),
            (Provider::AesGcm, 16) => gcm::<AesGcm<aes::Aes128, U12>>(&self.secret, etcd_key, sealed),
            (Provider::AesGcm, 24) => gcm::<AesGcm<aes::Aes192, U12>>(&self.secret, etcd_key, sealed),
            (Provider::AesGcm, _) => gcm::<AesGcm<aes::Aes256, U12>>(&self.secret, etcd_key, sealed),
            (Provider::Secretbox, _) => {
                let (nonce, sealed) = sealed.split_at_checked(24)?;
                let cipher = XSalsa20Poly1305::new_from_slice(&self.secret).ok()?;
                cipher.decrypt(crypto_secretbox::Nonce::from_slice(nonce), sealed).ok()
            }
        };
        opened.map(Zeroizing::new)
    }
}

fn cbc<C>(key: &[u8], sealed: &[u8]) -> Option<Vec<u8>>
where
    C: aes::cipher::BlockCipher + BlockDecryptMut + KeyInit,
{
    let (vector, sealed) = sealed.split_at_checked(16)?;
    let opener = cbc::Decryptor::<C>::new_from_slices(key, vector).ok()?;
    opener.decrypt_padded_vec_mut::<Pkcs7>(sealed).ok()
}

fn gcm<C: Aead<NonceSize = U12> + KeyInit>(key: &[u8], etcd_key: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_at_checked(12)?;
    let opener = C::new_from_slice(key).ok()?;
    opener
        .decrypt(Nonce::from_slice(nonce), Payload { msg: sealed, aad: etcd_key })
        .ok()
}

#[cfg(test)]
mod tests;
