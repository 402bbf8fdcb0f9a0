//! What can be wrong with an object, and how bad that is.

use crate::{Error, layout};
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// So many requests in a row may find no store; then the check gives up.
const PATIENCE: u32 = 5;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Nothing is lost, and something could be.
    Warning,
    /// Something that was stored cannot be had.
    Damage,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Flaw {
    /// It should be there, and is not.
    Missing,
    /// Its bytes are not those that were stored.
    Damaged,
    /// It is another object.
    Misplaced,
    /// Nobody who may has signed it.
    Untrusted,
    /// A newer Lifeboat wrote it.
    Newer,
    /// The store does not let it be read.
    Unread,
    /// The identity here does not open it.
    Closed,
    /// Somebody knows it, and it is not there: the newest was removed, or the store was set back.
    Behind,
    /// Its name means nothing.
    Strange,
    /// It is sound, and what it needs is not there.
    Incomplete,
    /// It counts for nothing any more, or not yet.
    Leftover,
    /// It is sound, and what depends on it hangs by a thread.
    Risk,
}

impl Flaw {
    /// Whether another repository's object of the same name would be better.
    pub fn can_be_mended(self) -> bool {
        match self {
            Self::Missing
            | Self::Damaged
            | Self::Misplaced
            | Self::Untrusted
            | Self::Newer
            | Self::Unread
            | Self::Behind => true,
            Self::Closed | Self::Strange | Self::Incomplete | Self::Leftover | Self::Risk => false,
        }
    }
}

/// Something that a check found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    /// The object's key.
    pub object: String,
    /// How bad it is.
    pub severity: Severity,
    /// What kind of thing it is.
    pub flaw: Flaw,
    /// In words for people, to be read after the key.
    pub reason: String,
}

/// All that was found: each thing once.
#[derive(Default)]
pub(crate) struct Faults {
    pub(crate) all: BTreeSet<Fault>,
    silences: u32,
}

impl Faults {
    pub(crate) fn add(&mut self, object: &str, severity: Severity, flaw: Flaw, reason: impl Into<String>) {
        let (object, reason) = (object.to_owned(), reason.into());
        self.all.insert(Fault { object, severity, flaw, reason });
    }

    /// The store has answered.
    pub(crate) fn heard(&mut self) {
        self.silences = 0;
    }

    /// An error met while `key` was looked at, as bad as that object is needed. Returned is what says nothing about it, or
    /// that the store no longer answers.
    pub(crate) fn error(&mut self, key: &Path, severity: Severity, error: Error) -> Result<(), Error> {
        if let Error::Unreachable { .. } = &error {
            self.silences += 1;
            if self.silences > PATIENCE {
                return Err(error);
            }
        } else {
            self.heard();
        }
        let fault = of_error(key, severity, error)?;
        self.all.insert(fault);
        Ok(())
    }

    pub(crate) fn marker(&mut self, error: Error) -> Result<(), Error> {
        self.error(&layout::marker(), Severity::Damage, error)
    }

    /// The keys of all objects that are not sound.
    pub(crate) fn objects(&self) -> BTreeSet<String> {
        let bad = self
            .all
            .iter()
            .filter(|fault| fault.flaw.can_be_mended() || fault.flaw == Flaw::Closed);
        bad.map(|fault| fault.object.clone()).collect()
    }
}

fn of_error(key: &Path, severity: Severity, error: Error) -> Result<Fault, Error> {
    let fault = |object, severity, flaw, reason| Ok(Fault { object, severity, flaw, reason });
    match error {
        Error::NotFound { object, .. } => fault(object, severity, Flaw::Missing, "it is not there".to_owned()),
        Error::Uninitialised { .. } => fault(
            key.to_string(),
            severity,
            Flaw::Missing,
            "it is not there, though other objects are".to_owned(),
        ),
        Error::Damaged { object, reason } => fault(object, severity, Flaw::Damaged, reason),
        Error::Misplaced { object, found } => fault(object, severity, Flaw::Misplaced, format!("it is {found}")),
        Error::Untrusted { object, reason } => fault(object, severity, Flaw::Untrusted, reason),
        Error::OtherRoot { found, wanted, .. } => {
            let reason = format!("it names the root {found}, and not {wanted}");
            fault(key.to_string(), severity, Flaw::Untrusted, reason)
        }
        Error::Format { object, found } => {
            fault(object, severity, Flaw::Newer, format!("it has format {found}, of a newer Lifeboat"))
        }
        Error::NoIdentity { object, reason } => {
            let reason = format!("it was not opened: {reason}");
            fault(object, Severity::Warning, Flaw::Closed, reason)
        }
        Error::WrongKey { object } => {
            let reason = "it was not opened: the identity here is none of its recipients".to_owned();
            fault(object, Severity::Warning, Flaw::Closed, reason)
        }
        Error::Unreachable { object, reason, .. } | Error::Refused { object, reason, .. } => {
            fault(object, severity, Flaw::Unread, format!("it cannot be read: {reason}"))
        }
        Error::File { reason, .. } => {
            fault(key.to_string(), severity, Flaw::Unread, format!("it cannot be read: {reason}"))
        }
        other => Err(other),
    }
}
