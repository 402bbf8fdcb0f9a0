//! How Kubernetes wraps what it stores. Start at [`Envelope::of`]. Sources: `k8s.io/apimachinery`
//! `runtime/serializer/protobuf` (the magic and the message `Unknown`), `k8s.io/apiserver` `storage/value` (prefixes).

use crate::proto::{Scalar, Wire};

/// Before a message of protocol buffers.
const PROTOBUF: &[u8] = b"k8s\0";
/// Before everything that is encrypted at rest.
const ENCRYPTED: &[u8] = b"k8s:enc:";
/// Before CBOR that describes itself (RFC 8949, 3.4.6).
const CBOR: &[u8] = &[0xd9, 0xd9, 0xf7];

/// What a value is.
#[derive(Debug, PartialEq)]
pub enum Envelope<'a> {
    /// A message of protocol buffers.
    Protobuf {
        /// As in `apps/v1`.
        api_version: &'a str,
        /// As in `Deployment`.
        kind: &'a str,
        /// The message.
        message: &'a [u8],
    },
    /// JSON.
    Json(&'a [u8]),
    /// Encrypted at rest.
    Encrypted {
        /// As in the EncryptionConfiguration: `aescbc`, `aesgcm`, `secretbox`, `kms`.
        provider: &'a str,
        /// The form of what follows: `v1`, `v2`.
        version: &'a str,
        /// The key's name, or the KMS plugin's.
        key: &'a str,
        /// What only the key opens.
        sealed: &'a [u8],
    },
    /// Something else, and what it looks like.
    Other(&'static str),
}

impl<'a> Envelope<'a> {
    /// What `value` is.
    pub fn of(value: &'a [u8]) -> Self {
        if let Some(rest) = value.strip_prefix(PROTOBUF) {
            return unknown(rest).unwrap_or(Self::Other("its envelope of protocol buffers is damaged"));
        }
        if let Some(rest) = value.strip_prefix(ENCRYPTED) {
            return encrypted(rest).unwrap_or(Self::Other("its header of encryption is damaged"));
        }
        match value.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'{') => Self::Json(value),
            _ if value.starts_with(CBOR) => Self::Other("it is CBOR, which is not read yet"),
            _ if value.is_empty() => Self::Other("it is empty"),
            _ => Self::Other("it is no object of Kubernetes"),
        }
    }
}

/// The message `runtime.Unknown`.
fn unknown(bytes: &[u8]) -> Option<Envelope<'_>> {
    let (mut of, mut message) = ([].as_slice(), [].as_slice());
    for field in Wire::new(bytes) {
        match field.ok()? {
            (1, Scalar::Bytes(it)) => of = it,
            (2, Scalar::Bytes(it)) => message = it,
            (3, Scalar::Bytes(encoding)) if !encoding.is_empty() => {
                return Some(Envelope::Other("it is compressed in a way that is not known"));
            }
            _ => {}
        }
    }
    let (mut api_version, mut kind) = ("", "");
    for field in Wire::new(of) {
        match field.ok()? {
            (1, Scalar::Bytes(it)) => api_version = std::str::from_utf8(it).ok()?,
            (2, Scalar::Bytes(it)) => kind = std::str::from_utf8(it).ok()?,
            _ => {}
        }
    }
    Some(Envelope::Protobuf { api_version, kind, message })
}

fn encrypted(rest: &[u8]) -> Option<Envelope<'_>> {
    let mut parts = rest.splitn(4, |&byte| byte == b':');
    let mut word = || std::str::from_utf8(parts.next()?).ok();
    let (provider, version, key) = (word()?, word()?, word()?);
    Some(Envelope::Encrypted { provider, version, key, sealed: parts.next()? })
}

#[cfg(test)]
mod tests;
