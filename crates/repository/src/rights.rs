//! What the credentials may do with a store, one right after the other. Start at [`Repository::rights`].

use crate::{Error, Repository, layout};
use serde::Serialize;
use std::fmt;

/// The folder of what is created, and its name.
const OBJECT: &str = "rights";

/// What the credentials may do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rights {
    /// List what is there.
    pub list: Right,
    /// Read an object.
    pub read: Right,
    /// Create an object that is not there.
    pub create: Right,
    /// Delete an object.
    pub delete: Right,
}

/// Whether something is allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "is", content = "reason")]
pub enum Right {
    /// It was done.
    Allowed,
    /// The store refuses it, and says why.
    Refused(String),
    /// It could not be tried.
    #[default]
    Unknown,
}

impl Right {
    /// Whether it was done.
    pub fn is_allowed(&self) -> bool {
        *self == Self::Allowed
    }

    /// Whether the store refuses it.
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Refused(_))
    }
}

impl Rights {
    fn named(&self) -> [(&'static str, &Right); 4] {
        [
            ("list", &self.list),
            ("read", &self.read),
            ("create", &self.create),
            ("delete", &self.delete),
        ]
    }

    /// Those that are refused, each with the store's reason.
    pub fn refused(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.named().into_iter().filter_map(|(what, right)| match right {
            Right::Refused(reason) => Some((what, &**reason)),
            _ => None,
        })
    }

    /// Whether all of them were tried and allowed.
    pub fn are_all(&self) -> bool {
        self.named().iter().all(|(_, right)| right.is_allowed())
    }
}

/// `it may list, read and create, but not delete`.
impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |wanted: fn(&Right) -> bool| {
            let all = self.named().into_iter().filter(|(_, right)| wanted(right));
            joined(&all.map(|(what, _)| what).collect::<Vec<_>>())
        };
        let (allowed, refused) = (of(Right::is_allowed), of(Right::is_refused));
        match (&*allowed, &*refused) {
            ("", "") => f.write_str("it is not known what it may do"),
            (_, "") => write!(f, "it may {allowed}"),
            ("", _) => write!(f, "it may not {refused}"),
            _ => write!(f, "it may {allowed}, but not {refused}"),
        }
    }
}

fn joined(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [before @ .., last] => format!("{} and {last}", before.join(", ")),
    }
}

impl Repository {
    /// Tries what the credentials may do: lists, creates an object, reads it and deletes it, each whether or not the one before was
    /// allowed. Needs no repository in the store. Leaves nothing, unless what was created may not be deleted: that one small object is the
    /// same each time, and nothing that anybody counts.
    ///
    /// # Errors
    /// The store cannot be asked: as [`Repository::probe`], but [`Error::Refused`].
    pub async fn rights(&self) -> Result<Rights, Error> {
        let (store, key, marker) = (&self.shared.store, layout::probe(OBJECT, OBJECT), layout::marker());
        let list = right(store.list(&layout::probes(OBJECT)).await)?;
        let create = match store.create(&key, "what may be done".into()).await {
            // Left by one who may not delete, or just now by somebody else who tries the same.
            Err(Error::Taken { .. }) => Right::Allowed,
            other => right(other)?,
        };
        // A store that lists may say of what is not there that it is not; any other says that it may not be read.
        let there = create.is_allowed();
        let read = match store.get(if there { &key } else { &marker }).await {
            Err(Error::NotFound { .. }) => Right::Allowed,
            other => right(other)?,
        };
        let delete = match there {
            true => right(store.delete(&key).await)?,
            false => Right::Unknown,
        };
        Ok(Rights { list, read, create, delete })
    }
}

fn right<T>(outcome: Result<T, Error>) -> Result<Right, Error> {
    match outcome {
        Ok(_) => Ok(Right::Allowed),
        Err(Error::Refused { reason, .. }) => Ok(Right::Refused(reason)),
        Err(other) => Err(other),
    }
}
