//! What can go wrong, by what has to be done about it.

use estate::Kind;
use std::path::PathBuf;

/// Why a repository did not do what was asked.
///
/// Messages name the store's URL without credentials, or the object's key. No key, identity or plain text is part of one.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The settings cannot be used.
    #[error("the repository's {what} cannot be used: {reason}")]
    Settings {
        /// Which of them.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// An argument is not one that the layout can hold.
    #[error("{object} cannot be stored: {reason}")]
    Invalid {
        /// What was to be stored.
        object: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The store did not answer in time, or answered that it cannot now. Whether a change was made is unknown.
    #[error("{store} did not answer for {object}: {reason}")]
    Unreachable {
        /// The store's URL.
        store: String,
        /// The key that was asked for.
        object: String,
        /// What happened instead.
        reason: String,
    },
    /// The credentials are not accepted, or do not carry the needed right.
    #[error("{store} refuses {object}: {reason}")]
    Refused {
        /// The store's URL.
        store: String,
        /// The key that was asked for.
        object: String,
        /// The store's reason.
        reason: String,
    },
    /// This machine's clock and the store's are so far apart that times mean nothing.
    #[error("the clocks of this machine and of {store} disagree: {reason}")]
    Clock {
        /// The store's URL.
        store: String,
        /// How far they are apart, or what the store says of it.
        reason: String,
    },
    /// The bucket or directory is not there.
    #[error("{store} does not exist")]
    NoBucket {
        /// The store's URL.
        store: String,
    },
    /// There is a store, but no repository has been made in it.
    #[error("{store} holds no repository: it has no {object}", object = crate::layout::MARKER)]
    Uninitialised {
        /// The store's URL.
        store: String,
        /// Whether its root is known from elsewhere: then there was a repository once, here or where this should have been.
        known: bool,
    },
    /// The store holds a repository's objects, and not the one that names it.
    #[error("{store} has lost its {marker}: it holds {object}, which only a repository has", marker = crate::layout::MARKER)]
    MarkerLost {
        /// The store's URL.
        store: String,
        /// A key that is there.
        object: String,
    },
    /// The repository, or an object in it, was written by a newer Lifeboat.
    #[error("{object} has format {found}, and this Lifeboat knows formats up to {known}", known = crate::layout::FORMAT)]
    Format {
        /// The object's key.
        object: String,
        /// Its format.
        found: String,
    },
    /// No such object.
    #[error("{object} is not in {store}")]
    NotFound {
        /// The store's URL.
        store: String,
        /// The object's key.
        object: String,
    },
    /// Nobody holds the point, so it cannot be released.
    #[error("point {point} of {cluster} is not held{since}")]
    NotHeld {
        /// Its cluster.
        cluster: String,
        /// It.
        point: String,
        /// Since when, to be read after the rest; empty when it never was.
        since: String,
    },
    /// An object of that name is there already, and it is not ours.
    #[error("{object} was written by somebody else")]
    Taken {
        /// The object's key.
        object: String,
    },
    /// Nothing can be opened, since no identity is configured.
    #[error("{object} cannot be opened: {reason}")]
    NoIdentity {
        /// The object's key.
        object: String,
        /// Where an identity was looked for, if anywhere.
        reason: String,
    },
    /// The object was sealed for others, or the very bytes that say for whom are damaged: the two cannot be told apart.
    #[error("{object} cannot be opened: the configured identity is none that it was sealed for")]
    WrongKey {
        /// The object's key.
        object: String,
    },
    /// Nothing can be signed, since no signing key is configured.
    #[error("{object} cannot be signed: no signing key is configured")]
    NoSigner {
        /// The object's key.
        object: String,
    },
    /// The object is sound, but nobody who is trusted has signed it.
    #[error("{object} is not to be trusted: {reason}")]
    Untrusted {
        /// The object's key.
        object: String,
        /// What is wrong with its signature.
        reason: String,
    },
    /// The repository is signed by another root than it should be: it is another one, or somebody wants it to be taken for it.
    #[error("{store} has the root {found}, and not {wanted}")]
    OtherRoot {
        /// The store's URL.
        store: String,
        /// The root of its marker.
        found: String,
        /// The root that is known from elsewhere.
        wanted: String,
    },
    /// The store carries copies, and no leases.
    #[error("{store} carries no leases: {reason}")]
    NoLeases {
        /// The store's URL.
        store: String,
        /// Why not.
        reason: String,
    },
    /// The password of a cluster's files is another one.
    #[error("{object} cannot be opened with this password")]
    WrongPassword {
        /// The repository of files.
        object: String,
    },
    /// The object is not what was stored: changed, cut off, or without a part.
    #[error("{object} is damaged: {reason}")]
    Damaged {
        /// The object's key.
        object: String,
        /// How that shows.
        reason: String,
    },
    /// The object is sound, but it is another one: it was moved here.
    #[error("{object} is misplaced: it is {found}")]
    Misplaced {
        /// The object's key.
        object: String,
        /// What it says that it is.
        found: String,
    },
    /// A local file cannot be read or written.
    #[error("{} cannot be read or written: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says, a full disk included.
        reason: String,
    },
    /// Lifeboat itself is wrong.
    #[error("work on {object} broke off: {reason}")]
    Bug {
        /// The object's key.
        object: String,
        /// What happened.
        reason: String,
    },
}

/// Why an entry was not appended to a journal.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Somebody else's entry has that number.
    #[error("{object} was written by somebody else")]
    Taken {
        /// The entry's key.
        object: String,
    },
    /// It is not known whether the entry was written. It may appear later, too.
    #[error("whether {object} was written is not known")]
    Unavailable {
        /// The entry's key.
        object: String,
        /// What happened.
        source: Error,
    },
    /// The entry was not written.
    #[error("{object} was not written")]
    Impossible {
        /// The entry's key.
        object: String,
        /// Why.
        source: Error,
    },
}

impl Error {
    /// Whether it says of the object itself that nobody should go by it, as what was planted, damaged or moved.
    pub(crate) fn is_unsound(&self) -> bool {
        matches!(
            self,
            Self::Damaged { .. } | Self::Misplaced { .. } | Self::Untrusted { .. } | Self::Format { .. }
        )
    }

    /// What has to be done about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Unreachable { .. } => Kind::Unreachable,
            Self::Taken { .. } => Kind::Conflict,
            Self::Refused { .. }
            | Self::Clock { .. }
            | Self::Uninitialised { .. }
            | Self::MarkerLost { .. }
            | Self::Format { .. }
            | Self::NoIdentity { .. }
            | Self::WrongKey { .. }
            | Self::NoSigner { .. }
            | Self::OtherRoot { .. }
            | Self::NoLeases { .. }
            | Self::WrongPassword { .. }
            | Self::File { .. } => Kind::Person,
            Self::Settings { .. }
            | Self::Invalid { .. }
            | Self::NoBucket { .. }
            | Self::NotFound { .. }
            | Self::NotHeld { .. } => Kind::Invalid,
            Self::Damaged { .. } | Self::Misplaced { .. } | Self::Untrusted { .. } => Kind::Damaged,
            Self::Bug { .. } => Kind::Bug,
        }
    }
}

impl AppendError {
    /// What has to be done about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Taken { .. } => Kind::Conflict,
            Self::Unavailable { source, .. } | Self::Impossible { source, .. } => source.kind(),
        }
    }

    pub(crate) fn of(object: String, error: Error) -> Self {
        match error {
            Error::Taken { object } => Self::Taken { object },
            Error::Unreachable { .. } | Error::File { .. } | Error::Bug { .. } => {
                Self::Unavailable { object, source: error }
            }
            source => Self::Impossible { object, source },
        }
    }
}

/// What was read; `None` for what is not there, and for what nobody should go by.
pub(crate) fn counting<T>(read: Result<T, Error>) -> Result<Option<T>, Error> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) if error.is_unsound() => Ok(None),
        Err(other) => Err(other),
    }
}
