//! What can go wrong between Lifeboat and a manager, by what has to be done about it.

use crate::failure::{Failure, cut};
use estate::Kind;

/// Why a manager, or an API server that was probed, gave no good answer. Every message names the server, with its name and
/// address, and the reason; none holds a token.
#[derive(Debug, thiserror::Error)]
pub enum ManagerError {
    /// The name, the CA or the token cannot be used.
    #[error("{server} cannot be asked: {reason}")]
    Settings {
        /// The server's URL and address.
        server: String,
        /// Which of these, and what is wrong with it.
        reason: String,
    },
    /// The server did not answer in time, or answered that it cannot now.
    #[error("{server} did not answer for {path}: {reason}")]
    Unreachable {
        /// The server's URL and address.
        server: String,
        /// What was asked for.
        path: String,
        /// What happened instead.
        reason: String,
    },
    /// The server's certificate is not signed by the given CA, or is for another name.
    #[error("the certificate of {server} is not trusted: {reason}")]
    Untrusted {
        /// The server's URL and address.
        server: String,
        /// What is wrong with the certificate.
        reason: String,
    },
    /// The token is not accepted, or does not carry the needed right.
    #[error("{server} refuses {path}: {reason}")]
    Forbidden {
        /// The server's URL and address.
        server: String,
        /// What was asked for.
        path: String,
        /// The server's reason.
        reason: String,
    },
    /// The server answered something that is not what such a server answers, or that what was asked for does not exist.
    #[error("the answer of {server} for {path} is not the expected one: {reason}")]
    Answer {
        /// The server's URL and address.
        server: String,
        /// What was asked for.
        path: String,
        /// What it was.
        reason: String,
    },
}

impl ManagerError {
    /// What has to be done about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Settings { .. } => Kind::Invalid,
            Self::Unreachable { .. } => Kind::Unreachable,
            Self::Untrusted { .. } | Self::Forbidden { .. } => Kind::Person,
            Self::Answer { .. } => Kind::Damaged,
        }
    }
}

/// The error that `failure` is. `hide` takes what is secret out of the server's words.
pub(crate) fn about(server: &str, path: &str, failure: Failure, hide: impl Fn(&str) -> String) -> ManagerError {
    let (server, path) = (server.to_owned(), path.to_owned());
    match failure {
        Failure::Silent(reason) => ManagerError::Unreachable { server, path, reason },
        Failure::Untrusted(reason) => ManagerError::Untrusted { server, reason },
        Failure::Credentials(reason) => ManagerError::Forbidden { server, path, reason },
        Failure::Unreadable(reason) => ManagerError::Answer { server, path, reason },
        Failure::Refused { code, message, .. } => {
            // Hidden before it is cut: a part of a token would not be found.
            let reason = format!("HTTP {code}: {}", cut(&hide(&message)));
            match code {
                401 | 403 => ManagerError::Forbidden { server, path, reason },
                408 | 429 | 500.. => ManagerError::Unreachable { server, path, reason },
                _ => ManagerError::Answer { server, path, reason },
            }
        }
    }
}
