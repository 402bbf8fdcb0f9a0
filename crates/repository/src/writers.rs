//! Who may write what is signed: a list that the root signs.

use crate::{Error, PublicKey, Scope};
use estate::Name;
use serde::{Deserialize, Serialize};

/// Somebody whose signature counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Writer {
    /// What people call it; the name of its evidence, too.
    pub name: Name,
    /// The public half of its signing key.
    pub key: PublicKey,
    /// In which scopes its signature counts.
    pub scopes: Vec<Scope>,
}

/// The body of a list's object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Writers {
    format: u64,
    pub(crate) number: u64,
    pub(crate) writers: Vec<Writer>,
}

impl Writers {
    pub(crate) fn new(number: u64, writers: Vec<Writer>) -> Self {
        Self { format: 1, number, writers }
    }

    /// Reads a body that the root has signed, for the list of this number.
    pub(crate) fn parse(object: &str, body: &[u8], number: u64) -> Result<Self, Error> {
        let list: Self = crate::failure::json(object, body)?;
        if list.number != number {
            let found = format!("list {} of writers", list.number);
            return Err(Error::Misplaced { object: object.to_owned(), found });
        }
        Ok(list)
    }

    /// The writer with this key, if its signature counts in `scope`.
    pub(crate) fn trusted(&self, key: &PublicKey, scope: &Scope) -> Option<&Writer> {
        let mut found = self.writers.iter().filter(|writer| writer.key == *key);
        found.find(|writer| writer.scopes.contains(scope))
    }
}

impl TryFrom<String> for Scope {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("{:?} is no scope", crate::failure::cut(&text)))
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.to_string()
    }
}
