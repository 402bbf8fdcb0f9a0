//! What is signed, and how signatures and their circumstances stand in HTTP headers.

use crate::{Error, Key};
use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

pub(crate) const FROM: &str = "lifeboat-from";
pub(crate) const TO: &str = "lifeboat-to";
pub(crate) const NONCE: &str = "lifeboat-nonce";
pub(crate) const SIGNATURE: &str = "lifeboat-signature";

/// What stands before the path in the URL.
pub(crate) const ROOT: &str = "/v1/";

/// The first thing signed. It changes with anything below, so that versions never take each other's messages for their own.
const VERSION: &str = "lifeboat peers 1";

/// The random bytes that tie an answer to its question.
pub(crate) type Nonce = [u8; 16];

/// What kind of message it is. Signed, so that one cannot pass for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    Question,
    Answer,
    Refusal,
    /// The question was meant for somebody else.
    Stranger,
}

impl Sort {
    /// The HTTP status that an answer of this sort has.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Question | Self::Answer => StatusCode::OK,
            Self::Refusal => StatusCode::CONFLICT,
            Self::Stranger => StatusCode::MISDIRECTED_REQUEST,
        }
    }

    /// The sort of an answer that should be signed; `None` for those that are not.
    pub(crate) fn of(status: StatusCode) -> Option<Self> {
        [Self::Answer, Self::Refusal, Self::Stranger]
            .into_iter()
            .find(|s| s.status() == status)
    }

    fn word(self) -> &'static str {
        match self {
            Self::Question => "question",
            Self::Answer => "answer",
            Self::Refusal => "refusal",
            Self::Stranger => "stranger",
        }
    }
}

/// All that a signature covers.
pub(crate) struct Message<'a> {
    pub(crate) sort: Sort,
    pub(crate) from: &'a str,
    pub(crate) to: &'a str,
    pub(crate) path: &'a str,
    pub(crate) nonce: &'a Nonce,
    pub(crate) body: &'a [u8],
}

impl Message<'_> {
    /// The signature as it stands in a header.
    pub(crate) fn sign(&self, key: &Key) -> String {
        STANDARD.encode(self.mac(key).finalize().into_bytes())
    }

    /// Whether the signature is this message's, compared in constant time.
    pub(crate) fn is_signed(&self, key: &Key, signature: &str) -> bool {
        STANDARD
            .decode(signature)
            .is_ok_and(|bytes| self.mac(key).verify_slice(&bytes).is_ok())
    }

    fn mac(&self, key: &Key) -> Hmac<Sha256> {
        let words = [VERSION, self.sort.word(), self.from, self.to, self.path];
        let parts = words.map(str::as_bytes).into_iter().chain([self.nonce.as_slice(), self.body]);
        parts.fold(key.mac(), |mac, part| {
            // With its length before it, no part can lend bytes to its neighbour.
            mac.chain_update((part.len() as u64).to_be_bytes()).chain_update(part)
        })
    }
}

/// A header's text.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The nonce's header.
pub(crate) fn nonce_text(nonce: &Nonce) -> String {
    STANDARD.encode(nonce)
}

/// Reads [`nonce_text`].
pub(crate) fn nonce_from(text: &str) -> Option<Nonce> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

/// Takes a site's name if it can stand in a header.
pub(crate) fn checked_name(name: &str) -> Result<&str, Error> {
    if name.is_empty() || name.len() > 253 || !name.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Error::setup(format!(
            "{name:?} is not a name that peers can bear: 1 to 253 visible ASCII letters"
        )));
    }
    Ok(name)
}

/// Takes a path if it stands in a URL as it is.
pub(crate) fn checked_path(path: &str) -> Result<&str, Error> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if path.split('/').all(|part| !part.is_empty() && part.bytes().all(plain)) {
        return Ok(path);
    }
    Err(Error::setup(format!(
        "{path:?} is not a path of questions: lower-case words between single slashes"
    )))
}
