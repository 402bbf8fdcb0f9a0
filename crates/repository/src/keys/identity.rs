//! What opens keyrings: the identities of a person or a host, and a passphrase.

use crate::Error;
use crate::failure::cut;
use age::armor::ArmoredReader;
use age::secrecy::{ExposeSecret as _, SecretString};
use age::{Callbacks, DecryptError, Decryptor, scrypt, ssh, x25519};
use std::io::Read;
use zeroize::Zeroizing;

/// How long a wrapped keyring may be, in bytes. `age` takes time by the square of its header, so a planted one must end soon.
const WRAPPED_LIMIT: usize = 256 << 10;

/// How much work a passphrase may cost, as a power of two: 2^22 is some seconds and 4 GiB of memory's worth of time.
const WORK_LIMIT: u8 = 22;

/// A passphrase. Never printed; its memory is cleared when it is dropped.
#[derive(Clone)]
pub(crate) struct Passphrase(Zeroizing<String>);

impl Passphrase {
    pub(crate) fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }

    pub(crate) fn secret(&self) -> SecretString {
        SecretString::from(self.0.as_str())
    }
}

/// What keyrings are opened with. Empty, it opens none.
#[derive(Clone, Default)]
pub(crate) struct Identities {
    x25519: Vec<x25519::Identity>,
    ssh: Vec<ssh::Identity>,
    pub(crate) passphrase: Option<Passphrase>,
    /// Where one was looked for that is not here.
    pub(crate) missing: Option<String>,
}

/// A new identity of `age`'s own kind: the text to be kept secret, and its recipient.
pub fn new_identity() -> (Zeroizing<String>, String) {
    let identity = x25519::Identity::generate();
    let recipient = identity.to_public().to_string();
    (Zeroizing::new(identity.to_string().expose_secret().to_owned()), recipient)
}

impl Identities {
    /// Reads the text of an `age` identity file, or of an OpenSSH private key.
    pub(crate) fn parse(text: Option<&str>, passphrase: Option<&str>) -> Result<Self, Error> {
        let passphrase = passphrase.map(Passphrase::new);
        let mut identities = Self { passphrase, ..Self::default() };
        let Some(text) = text else { return Ok(identities) };
        let wrong = |reason: String| Error::Settings { what: "identity", reason };
        if text.trim_start().starts_with("-----BEGIN") {
            let found = ssh::Identity::from_buffer(text.as_bytes(), None);
            let found = found.map_err(|_secret| wrong("it is not an ssh private key".to_owned()))?;
            if let ssh::Identity::Unsupported(_) = found {
                return Err(wrong(
                    "it is an ssh private key of a kind that cannot be used here: ed25519 and rsa can".to_owned(),
                ));
            }
            identities.ssh.push(found);
            return Ok(identities);
        }
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                // Never the line itself: it is a secret, if a misspelt one.
                let parsed = line
                    .parse()
                    .map_err(|_bad| wrong(format!("line {} is not an age identity", number + 1)));
                identities.x25519.push(parsed?);
            }
        }
        if identities.x25519.is_empty() {
            return Err(wrong("it holds none".to_owned()));
        }
        Ok(identities)
    }

    /// What there is to say of an `object` that nothing here could open.
    pub(crate) fn none_for(&self, object: &str) -> Error {
        let reason = match &self.missing {
            Some(place) => format!("{place} is not here"),
            None => "no age identity is configured".to_owned(),
        };
        Error::NoIdentity { object: object.to_owned(), reason }
    }

    pub(crate) fn is_ssh(&self) -> bool {
        !self.ssh.is_empty()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.x25519.is_empty() && self.ssh.is_empty() && self.passphrase.is_none()
    }

    /// Opens the first of the wrapped texts that one of the identities opens. `None`: they were wrapped for others.
    pub(crate) fn unwrap(&self, object: &str, wrapped: &[String]) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let mut damaged = None;
        for armored in wrapped {
            match self.unwrap_one(armored) {
                Ok(text) => return Ok(Some(text)),
                Err(DecryptError::NoMatchingKeys) => {}
                Err(error) => damaged = Some(error),
            }
        }
        match damaged {
            None => Ok(None),
            Some(error) => {
                let reason = format!("age does not open it: {}", cut(&error.to_string()));
                Err(Error::Damaged { object: object.to_owned(), reason })
            }
        }
    }

    fn unwrap_one(&self, armored: &str) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
        if armored.len() > WRAPPED_LIMIT {
            return Err(DecryptError::InvalidHeader);
        }
        let age = Decryptor::new_buffered(ArmoredReader::new(armored.as_bytes()))?;
        let mut text = Zeroizing::new(Vec::with_capacity(WRAPPED_LIMIT));
        let limit = WRAPPED_LIMIT as u64;
        if age.is_scrypt() {
            let passphrase = self.passphrase.as_ref().ok_or(DecryptError::NoMatchingKeys)?;
            let mut identity = scrypt::Identity::new(passphrase.secret());
            identity.set_max_work_factor(WORK_LIMIT);
            let reader = age.decrypt(std::iter::once(&identity as &dyn age::Identity));
            // A wrong passphrase opens nothing, as another's key does.
            let reader = reader.map_err(|error| match error {
                DecryptError::DecryptionFailed => DecryptError::NoMatchingKeys,
                other => other,
            })?;
            reader.take(limit).read_to_end(&mut text)?;
            return Ok(text);
        }
        let asked = Answers(self.passphrase.clone());
        let ssh: Vec<Box<dyn age::Identity>> = self
            .ssh
            .iter()
            .map(|it| Box::new(it.clone().with_callbacks(asked.clone())) as Box<dyn age::Identity>)
            .collect();
        let x25519 = self.x25519.iter().map(|it| it as &dyn age::Identity);
        let reader = age.decrypt(x25519.chain(ssh.iter().map(|it| &**it)))?;
        reader.take(limit).read_to_end(&mut text)?;
        Ok(text)
    }
}

/// What `age` asks for an ssh key that is itself encrypted.
#[derive(Clone)]
struct Answers(Option<Passphrase>);

impl Callbacks for Answers {
    fn display_message(&self, _message: &str) {}

    fn confirm(&self, _message: &str, _yes: &str, _no: Option<&str>) -> Option<bool> {
        None
    }

    fn request_public_string(&self, _description: &str) -> Option<String> {
        None
    }

    fn request_passphrase(&self, _description: &str) -> Option<SecretString> {
        self.0.as_ref().map(Passphrase::secret)
    }
}
