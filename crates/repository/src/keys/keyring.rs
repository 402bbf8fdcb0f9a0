//! A keyring: a scope's keys, wrapped for its recipients. What is signed is outside, what is secret inside `age`.

use super::{Identities, Recipient, ScopeKey, wrap};
use crate::failure::cut;
use crate::{Error, Hidden, Scope};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Characters of the password of a restic repository: some 190 bits of chance.
const PASSWORD: usize = 40;

/// The body of a keyring's object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Keyring {
    format: u64,
    pub(crate) number: u64,
    pub(crate) scope: String,
    pub(crate) keys: Vec<String>,
    pub(crate) recipients: Vec<Recipient>,
    sealed: Vec<String>,
}

/// What is wrapped.
#[derive(Serialize, Deserialize)]
struct Wrapped {
    format: u64,
    repository: String,
    scope: String,
    files: Hidden,
    keys: Vec<WrappedKey>,
}

#[derive(Serialize, Deserialize)]
struct WrappedKey {
    id: String,
    key: Hidden,
}

/// What a keyring holds, opened.
#[derive(Clone)]
pub(crate) struct Opened {
    /// Oldest first; one at least.
    pub(crate) keys: Vec<ScopeKey>,
    /// The password of the scope's restic repository.
    pub(crate) files: Hidden,
}

impl Opened {
    /// The keys of a new scope.
    pub(crate) fn random() -> Self {
        Self {
            keys: vec![ScopeKey::random()],
            files: Hidden::from(ambient::random_id(PASSWORD)),
        }
    }

    /// The same with one more key, which seals from now on.
    pub(crate) fn rotated(mut self) -> Self {
        self.keys.push(ScopeKey::random());
        self
    }

    fn ids(&self) -> Vec<String> {
        self.keys.iter().map(|key| key.id.to_string()).collect()
    }
}

impl Keyring {
    /// Wraps `opened` for `recipients`.
    pub(crate) fn make(
        repository: &str,
        scope: &Scope,
        number: u64,
        opened: &Opened,
        recipients: Vec<Recipient>,
        identities: &Identities,
    ) -> Result<Self, Error> {
        let object = || format!("the keyring of {scope}");
        let text = Wrapped {
            format: 1,
            repository: repository.to_owned(),
            scope: scope.to_string(),
            files: opened.files.clone(),
            keys: opened
                .keys
                .iter()
                .map(|key| WrappedKey {
                    id: key.id.to_string(),
                    key: Hidden::from(STANDARD.encode(key.bytes())),
                })
                .collect(),
        };
        let text = serde_json::to_vec(&text).map(Zeroizing::new);
        let text = text.map_err(|error| Error::Bug { object: object(), reason: error.to_string() })?;
        let sealed = wrap(&recipients, identities.passphrase.as_ref(), &text)?;
        Ok(Self {
            format: 1,
            number,
            scope: scope.to_string(),
            keys: opened.ids(),
            recipients,
            sealed,
        })
    }

    /// Reads a body that the root has signed, for a keyring of this scope and number.
    pub(crate) fn parse(object: &str, body: &[u8], scope: &Scope, number: u64) -> Result<Self, Error> {
        let keyring: Self = crate::failure::json(object, body)?;
        if (&*keyring.scope, keyring.number) != (&*scope.to_string(), number) {
            let found = format!("keyring {} of {}", keyring.number, cut(&keyring.scope));
            return Err(Error::Misplaced { object: object.to_owned(), found });
        }
        Ok(keyring)
    }

    /// Opens it with one of `identities`.
    pub(crate) fn open(&self, object: &str, repository: &str, identities: &Identities) -> Result<Opened, Error> {
        if identities.is_empty() {
            return Err(identities.none_for(object));
        }
        let text = identities.unwrap(object, &self.sealed)?;
        let text = text.ok_or_else(|| Error::WrongKey { object: object.to_owned() })?;
        let damaged = |reason: &str| Error::Damaged { object: object.to_owned(), reason: reason.to_owned() };
        // What the parser says may quote what it read.
        let wrapped: Wrapped =
            serde_json::from_slice(&text).map_err(|_secret| damaged("what it wraps is no keyring"))?;
        if (&*wrapped.repository, &wrapped.scope) != (repository, &self.scope) || wrapped.format != self.format {
            return Err(damaged("what it wraps is another keyring"));
        }
        let keys = wrapped.keys.iter().map(WrappedKey::open).collect::<Option<Vec<_>>>();
        let keys = keys.ok_or_else(|| damaged("a key that it wraps is none"))?;
        let opened = Opened { keys, files: wrapped.files };
        if opened.ids() != self.keys || opened.keys.is_empty() {
            return Err(damaged("it wraps other keys than it names"));
        }
        Ok(opened)
    }
}

impl WrappedKey {
    fn open(&self) -> Option<ScopeKey> {
        let bytes = Zeroizing::new(STANDARD.decode(&*self.key).ok()?);
        let key = ScopeKey::of(Zeroizing::new(bytes.as_slice().try_into().ok()?));
        (key.id.to_string() == self.id).then_some(key)
    }
}
