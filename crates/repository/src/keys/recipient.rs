//! For whom a keyring is wrapped.

use super::identity::Passphrase;
use crate::Error;
use crate::failure::cut;
use age::armor::{ArmoredWriter, Format};
use age::{Encryptor, scrypt, ssh, x25519};
use estate::Name;
use serde::{Deserialize, Serialize};
use std::io::Write;

/// The word that stands for a passphrase in the place of a public key.
pub(crate) const PASSPHRASE: &str = "passphrase";

/// Somebody who can open a scope: a person's key in a safe, or a host's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Recipient {
    /// What people call it.
    pub name: Name,
    /// `age1...`, `ssh-ed25519 ...`, `ssh-rsa ...`, or `passphrase`.
    pub recipient: String,
}

enum Public {
    X25519(x25519::Recipient),
    Ssh(ssh::Recipient),
}

impl Recipient {
    /// Checks that this is a recipient.
    ///
    /// # Errors
    /// [`Error::Settings`] naming what it is not.
    pub fn check(&self) -> Result<(), Error> {
        if self.recipient == PASSPHRASE {
            return Ok(());
        }
        self.public().map(drop)
    }

    fn public(&self) -> Result<Public, Error> {
        let text = self.recipient.trim();
        let found = if text.starts_with("ssh-") {
            text.parse().map(Public::Ssh).ok()
        } else {
            text.parse().map(Public::X25519).ok()
        };
        found.ok_or_else(|| Error::Settings {
            what: "recipients",
            reason: format!("{}, {:?}, is no age or ssh public key", self.name, cut(text)),
        })
    }
}

/// Wraps `text` for all recipients: armoured age files, one for all public keys and one for the passphrase.
pub(crate) fn wrap(
    recipients: &[Recipient],
    passphrase: Option<&Passphrase>,
    text: &[u8],
) -> Result<Vec<String>, Error> {
    let publics = recipients.iter().filter(|it| it.recipient != PASSPHRASE);
    let publics = publics.map(Recipient::public).collect::<Result<Vec<_>, _>>()?;
    let mut wrapped = Vec::new();
    if !publics.is_empty() {
        let each = publics.iter().map(|public| match public {
            Public::X25519(key) => key as &dyn age::Recipient,
            Public::Ssh(key) => key as &dyn age::Recipient,
        });
        wrapped.push(armored(Encryptor::with_recipients(each), text)?);
    }
    if recipients.iter().any(|it| it.recipient == PASSPHRASE) {
        let passphrase = passphrase.ok_or_else(|| Error::Settings {
            what: "passphrase",
            reason: "it is a recipient, and it is not here: export LIFEBOAT_PASSPHRASE".to_owned(),
        })?;
        let recipient = scrypt::Recipient::new(passphrase.secret());
        let only = std::iter::once(&recipient as &dyn age::Recipient);
        wrapped.push(armored(Encryptor::with_recipients(only), text)?);
    }
    if wrapped.is_empty() {
        return Err(Error::Settings { what: "recipients", reason: "there is none".to_owned() });
    }
    Ok(wrapped)
}

fn armored(encryptor: Result<Encryptor, age::EncryptError>, text: &[u8]) -> Result<String, Error> {
    let sealed = || {
        let encryptor = encryptor.map_err(|error| std::io::Error::other(error.to_string()))?;
        let armor = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
        let mut writer = encryptor.wrap_output(armor)?;
        writer.write_all(text)?;
        writer.finish()?.finish()
    };
    let bug = |reason: String| Error::Bug { object: "a keyring".to_owned(), reason };
    let bytes = sealed().map_err(|error: std::io::Error| bug(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| bug(error.to_string()))
}
