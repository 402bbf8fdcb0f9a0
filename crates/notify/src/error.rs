//! Why a message did not leave.

use estate::{Kind, Name};

/// Why a channel cannot be used, or did not take a message. Each names the channel and the server, and none holds a secret: of a
/// URL only the host is shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The estate's settings, or the secrets that they name, cannot be used.
    #[error("channel {channel} cannot be used: {reason}")]
    Settings {
        /// The channel's name in the estate.
        channel: Name,
        /// What is wrong.
        reason: String,
    },
    /// The server did not answer in time, or answered that it cannot now.
    #[error("channel {channel}: {server} did not take a message: {reason}")]
    Unreachable {
        /// The channel's name in the estate.
        channel: Name,
        /// The server's host and port.
        server: String,
        /// What happened instead.
        reason: String,
    },
    /// The server does not take it, and will not without somebody's doing.
    #[error("channel {channel}: {server} refuses a message: {reason}")]
    Refused {
        /// The channel's name in the estate.
        channel: Name,
        /// The server's host and port.
        server: String,
        /// The server's reason.
        reason: String,
    },
}

impl Error {
    /// What has to be done about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Settings { .. } => Kind::Invalid,
            Self::Unreachable { .. } => Kind::Unreachable,
            Self::Refused { .. } => Kind::Person,
        }
    }
}

/// What a server said, on one line and not too long, without what is secret. Secrets go before it is cut: half of one would not
/// be found.
pub(crate) fn cut(text: &str, secrets: &[String]) -> String {
    const CHARS_MAX: usize = 300;
    let hidden = secrets
        .iter()
        .filter(|secret| !secret.is_empty())
        .fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "(secret)"));
    let line = hidden.trim().chars().take(CHARS_MAX);
    line.map(|c| if c.is_control() { ' ' } else { c }).collect()
}
