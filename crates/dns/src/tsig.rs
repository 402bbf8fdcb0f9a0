//! TSIG keys: how a server knows who asks for a change, and how we know that it was the server that answered.

use crate::{Error, name};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hickory_proto::ProtoError;
use hickory_proto::op::Message;
use hickory_proto::rr::rdata::tsig::{TsigAlgorithm, signed_bitmessage_to_buf};
use hickory_proto::rr::{Name, TSigner};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Seconds by which two clocks may differ: what RFC 8945 recommends.
const FUDGE: u16 = 300;

/// Tools differ in whether they print padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How a key signs. Written as in `hmac-sha256`. Older ones (MD5, SHA-1) are not supported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// `hmac-sha256`, which every server knows.
    #[default]
    #[serde(rename = "hmac-sha256")]
    HmacSha256,
    /// `hmac-sha384`.
    #[serde(rename = "hmac-sha384")]
    HmacSha384,
    /// `hmac-sha512`.
    #[serde(rename = "hmac-sha512")]
    HmacSha512,
}

/// A key that may change a zone. Its secret is in no `Debug`, error or log.
#[derive(Clone)]
pub struct Tsig {
    name: String,
    wire_name: Name,
    algorithm: Algorithm,
    secret: Vec<u8>,
}

/// A request as it is sent, and what its answer is checked against.
pub(crate) struct Signed {
    pub(crate) bytes: Vec<u8>,
    pub(crate) mac: Vec<u8>,
    /// Seconds since 1970, by our clock.
    pub(crate) time: u64,
}

impl Tsig {
    /// A key of this name, as the server knows it, with its secret in base64 as `keymgr` and `tsig-keygen` print it. White
    /// space around the secret is ignored, since it often comes from a file.
    ///
    /// # Errors
    /// [`Error::Name`], and [`Error::Secret`] when it is not base64 or is empty.
    pub fn new(name: &str, algorithm: Algorithm, base64: &str) -> Result<Self, Error> {
        let wire_name = name::parse(name)?;
        let refused = |reason| Error::Secret { key: name.to_owned(), reason };
        // The decoder's own error would show a character of the secret.
        let secret = BASE64
            .decode(base64.trim())
            .map_err(|_shows_a_character| refused("it is not base64"))?;
        if secret.is_empty() {
            return Err(refused("it is empty"));
        }
        Ok(Self { name: name.to_owned(), wire_name, algorithm, secret })
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key's algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Signs a request; `time` is in seconds since 1970.
    pub(crate) fn sign(&self, mut request: Message, time: u64) -> Result<Signed, ProtoError> {
        let (signature, _verifier) = self.signer()?.sign_message(&request, time)?;
        let mac = signature.data.mac.clone();
        request.set_signature(signature);
        Ok(Signed { bytes: request.to_vec()?, mac, time })
    }

    /// Whether an answer was signed with this key as the answer to that request.
    ///
    /// hickory's own verifier is not used: it overflows on a time near zero. The time is not looked at, since the signature
    /// covers the request's: no older answer can bear it. The answer must have been decoded before, because the function
    /// beneath counts records without a limit.
    pub(crate) fn vouches_for(&self, answer: &[u8], request: &Signed) -> bool {
        let Ok((signed, record)) = signed_bitmessage_to_buf(answer, Some(&request.mac), true) else {
            return false;
        };
        let same_key = record.name == self.wire_name && record.data.algorithm == self.algorithm.into();
        same_key
            && self
                .signer()
                .is_ok_and(|signer| signer.verify(&signed, &record.data.mac).is_ok())
    }

    pub(crate) fn signer(&self) -> Result<TSigner, ProtoError> {
        TSigner::new(self.secret.clone(), self.algorithm.into(), self.wire_name.clone(), FUDGE)
            .map_err(|error| ProtoError::from(error.to_string()))
    }
}

impl From<Algorithm> for TsigAlgorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::HmacSha256 => Self::HmacSha256,
            Algorithm::HmacSha384 => Self::HmacSha384,
            Algorithm::HmacSha512 => Self::HmacSha512,
        }
    }
}

impl fmt::Debug for Tsig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tsig")
            .field("name", &self.name)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}
