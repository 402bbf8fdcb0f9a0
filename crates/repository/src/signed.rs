//! Signed text: who wrote an object, whether it is sealed besides or not. The form is in docs/repository-format.md.
//!
//! Start at [`Signer::sign`] and [`read`]. A signature is bound to the repository and the key name.

use crate::Error;
use crate::failure::cut;
use crate::seal::Place;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use zeroize::Zeroizing;

/// What a file with a signing key begins its line with.
const SECRET: &str = "LIFEBOAT-SIGNING-KEY-";

/// The first line of signed text.
const FIRST: &str = "lifeboat-signed/1";

/// The public half of a signing key: 32 bytes, 64 hexadecimal digits as text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey([u8; 32]);

/// Why a text is no public signing key.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no public signing key: that is 64 hexadecimal digits")]
pub struct InvalidPublicKey(String);

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicKey {
    type Err = InvalidPublicKey;

    fn from_str(text: &str) -> Result<Self, InvalidPublicKey> {
        let bytes = from_hex(text.trim()).ok_or_else(|| InvalidPublicKey(cut(text)))?;
        Ok(Self(*bytes))
    }
}

impl TryFrom<String> for PublicKey {
    type Error = InvalidPublicKey;

    /// In documents a key has one spelling only, so that a changed byte is a changed key; people may write capital letters.
    fn try_from(text: String) -> Result<Self, InvalidPublicKey> {
        let key: Self = text.parse()?;
        if key.to_string() == text {
            Ok(key)
        } else {
            Err(InvalidPublicKey(cut(&text)))
        }
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        key.to_string()
    }
}

/// A signing key: the root's, or a writer's. Never printed.
pub struct Signer {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("public", &self.public).finish_non_exhaustive()
    }
}

impl Signer {
    /// A new key: the text of its file, to be kept secret, and the key.
    ///
    /// # Errors
    /// [`Error::Bug`] only.
    pub fn generate() -> Result<(Zeroizing<String>, Self), Error> {
        let seed = Zeroizing::new(ambient::random_bytes::<32>());
        let mut text = Zeroizing::new(String::with_capacity(SECRET.len() + 64));
        text.push_str(SECRET);
        for byte in &*seed {
            text.push_str(&format!("{byte:02X}"));
        }
        let signer = Self::parse("a new key", &text)?;
        Ok((text, signer))
    }

    /// Reads the text of a signing key's file. `what` is what errors call it.
    ///
    /// # Errors
    /// [`Error::Settings`]: it is none. The text is never repeated.
    pub fn parse(what: &'static str, text: &str) -> Result<Self, Error> {
        let wrong = |reason: &str| Error::Settings { what, reason: reason.to_owned() };
        let lines = text.lines().map(str::trim);
        let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let line = lines.next().ok_or_else(|| wrong("it is empty"))?;
        if lines.next().is_some() {
            return Err(wrong("it holds more than one line"));
        }
        let digits = line.strip_prefix(SECRET);
        let seed = digits
            .and_then(from_hex)
            .ok_or_else(|| wrong("it is no signing key of Lifeboat's"))?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&*seed).map_err(|_bad| wrong("it is no Ed25519 key"))?;
        let public = pair.public_key().as_ref().try_into();
        let public = PublicKey(public.map_err(|_length| wrong("its public half is not 32 bytes"))?);
        Ok(Self { pair, public })
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// The signed text of `body` for the object at `place`.
    pub(crate) fn sign(&self, place: &Place, body: &[u8]) -> Vec<u8> {
        let signature = self.pair.sign(&bound(place, body));
        let signature = STANDARD.encode(signature.as_ref());
        let mut text = format!("{FIRST}\nsigner: {}\nsignature: {signature}\n\n", self.public).into_bytes();
        text.extend_from_slice(body);
        text
    }
}

/// The body of signed text, and whose signature it bears. Whether that one is trusted is the caller's question.
pub(crate) fn read<'a>(place: &Place, text: &'a [u8]) -> Result<(PublicKey, &'a [u8]), Error> {
    let untrusted = |reason: &str| Error::Untrusted { object: place.key.to_string(), reason: reason.to_owned() };
    let (signer, signature, body) = split(text).ok_or_else(|| untrusted("it is not signed"))?;
    let sound = UnparsedPublicKey::new(&ED25519, signer.0).verify(&bound(place, body), &signature);
    sound.map_err(|_bad| untrusted("its signature is not over what it says, here"))?;
    Ok((signer, body))
}

/// What stands in a text, whether it is signed or not: nobody vouches for it.
pub(crate) fn unread(text: &[u8]) -> &[u8] {
    if !text.starts_with(FIRST.as_bytes()) {
        return text;
    }
    let end = text.windows(2).position(|two| two == b"\n\n");
    end.and_then(|at| text.get(at + 2..)).unwrap_or_default()
}

fn split(text: &[u8]) -> Option<(PublicKey, Vec<u8>, &[u8])> {
    let text = text.strip_prefix(FIRST.as_bytes())?.strip_prefix(b"\nsigner: ")?;
    let (signer, text) = text.split_at_checked(64)?;
    let signer = str::from_utf8(signer).ok()?;
    // One spelling only: upper-case digits would be another text of the same signature.
    let signer: PublicKey = signer.parse().ok().filter(|key: &PublicKey| key.to_string() == signer)?;
    let text = text.strip_prefix(b"\nsignature: ")?;
    let (signature, text) = text.split_at_checked(88)?;
    let signature = STANDARD.decode(signature).ok()?;
    Some((signer, signature, text.strip_prefix(b"\n\n")?))
}

/// What is signed.
fn bound(place: &Place, body: &[u8]) -> Vec<u8> {
    let parts = [
        b"lifeboat/1 signed",
        place.repository.as_bytes(),
        place.key.as_ref().as_bytes(),
        body,
    ];
    parts.join(&0)
}

fn from_hex(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = Zeroizing::new([0; 32]);
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
    }
    Some(bytes)
}
