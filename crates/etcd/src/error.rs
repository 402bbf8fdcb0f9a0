//! What can go wrong, by what has to be done about it.

use estate::Kind;
use std::io;
use std::path::PathBuf;

/// Why etcd could not be asked, or why a snapshot cannot be used.
///
/// Every message names the endpoint, the file or the snapshot, and the reason. Keys are never part of one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The endpoint's URL cannot be used, or does not fit the files given with it.
    #[error("the etcd endpoint {endpoint} cannot be used: {reason}")]
    Endpoint {
        /// The URL, without a user's name and password.
        endpoint: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file with certificates or a key cannot be read or used.
    #[error("{} cannot be used to connect to etcd: {reason}", file.display())]
    Certificate {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// etcd did not answer in time, stopped answering, or answered that it cannot now.
    #[error("etcd at {endpoint} did not answer: {reason}")]
    Unreachable {
        /// The URL.
        endpoint: String,
        /// What happened instead.
        reason: String,
    },
    /// etcd's certificate is not signed by the given authority, or is for another name, or has expired.
    #[error("the certificate of etcd at {endpoint} is not trusted: {reason}")]
    Untrusted {
        /// The URL.
        endpoint: String,
        /// What is wrong with the certificate.
        reason: String,
    },
    /// etcd does not accept the client certificate, or the user and password, or the user may not do this.
    #[error("etcd at {endpoint} refuses: {reason}")]
    Refused {
        /// The URL.
        endpoint: String,
        /// What is missing, by etcd's answer.
        reason: String,
    },
    /// The revision that was asked for is compacted: the member no longer has it.
    #[error("etcd at {endpoint} has compacted the revision that is asked for")]
    Compacted {
        /// The URL.
        endpoint: String,
    },
    /// The revision that was asked for is newer than any that the member knows.
    #[error("etcd at {endpoint} has not reached the revision that is asked for")]
    Future {
        /// The URL.
        endpoint: String,
    },
    /// The answer makes no sense: there is something else than etcd, or etcd itself is damaged.
    #[error("the answer of etcd at {endpoint} cannot be used: {reason}")]
    Answer {
        /// The URL.
        endpoint: String,
        /// Why it cannot be used.
        reason: String,
    },
    /// A snapshot ends too early.
    #[error("{snapshot} is truncated: it has {got} of {expected} bytes")]
    Truncated {
        /// Which snapshot.
        snapshot: String,
        /// The bytes that it must have, or the fewest that any snapshot has when it does not come to saying so.
        expected: u64,
        /// The bytes that it has.
        got: u64,
    },
    /// A snapshot's content is not what etcd hashed.
    #[error("{snapshot} is damaged: its content does not match the SHA-256 at its end")]
    HashMismatch {
        /// Which snapshot.
        snapshot: String,
    },
    /// It is no snapshot: it does not begin as etcd's database does, or goes on after its end.
    #[error("{snapshot} is no snapshot of etcd: {reason}")]
    NotSnapshot {
        /// What should have been one.
        snapshot: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What was received cannot be written: the disk is full, for example.
    #[error("{snapshot} cannot be written")]
    Spool {
        /// Which snapshot.
        snapshot: String,
        /// Why not.
        source: io::Error,
    },
    /// A snapshot cannot be read.
    #[error("{snapshot} cannot be read")]
    Read {
        /// Which snapshot.
        snapshot: String,
        /// Why not.
        source: io::Error,
    },
}

impl Error {
    /// What has to be done about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Unreachable { .. } => Kind::Unreachable,
            Self::Endpoint { .. } | Self::Certificate { .. } | Self::Compacted { .. } | Self::Future { .. } => {
                Kind::Invalid
            }
            Self::Untrusted { .. } | Self::Refused { .. } | Self::Spool { .. } | Self::Read { .. } => Kind::Person,
            Self::Answer { .. } | Self::Truncated { .. } | Self::HashMismatch { .. } | Self::NotSnapshot { .. } => {
                Kind::Damaged
            }
        }
    }
}
