//! The key that all sites of an estate share.

use crate::Error;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fmt;

const KEY_BYTES_MIN: usize = 32;

/// The peers' key. `Debug` does not show it.
#[derive(Clone)]
pub struct Key(Hmac<Sha256>);

impl Key {
    /// Reads a key from base64 text, as `openssl rand -base64 32` prints it: white space and missing padding do not matter.
    ///
    /// # Errors
    /// [`Error::Setup`] when it is not base64, or has fewer than 32 bytes.
    pub fn from_base64(text: &str) -> Result<Self, Error> {
        let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
        // The decoder's own words quote a byte of the key.
        let bytes = GeneralPurpose::new(&STANDARD, lenient)
            .decode(digits)
            .map_err(|_| Error::setup("the peers' key is not base64 text"))?;
        if bytes.len() < KEY_BYTES_MIN {
            let length = bytes.len();
            return Err(Error::setup(format!(
                "the peers' key has {length} bytes, and needs at least {KEY_BYTES_MIN}"
            )));
        }
        let mac = Hmac::new_from_slice(&bytes).map_err(|_| Error::setup("the peers' key has a wrong length"))?;
        Ok(Self(mac))
    }

    /// The beginning of a signature.
    pub(crate) fn mac(&self) -> Hmac<Sha256> {
        self.0.clone()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(hidden)")
    }
}
