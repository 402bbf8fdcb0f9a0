//! What can go wrong on a host, by what has to be done about it.

use estate::Kind;
use std::time::Duration;

/// Why something was not done on a host. Every message names the host; what scripts write to their standard error is quoted, so
/// scripts must not write secrets there.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The host did not answer, or the connection was lost. What was begun may still be running there.
    #[error("{host} cannot be reached: {reason}")]
    Unreachable {
        /// The host's name.
        host: String,
        /// What happened instead, and what had been begun.
        reason: String,
    },
    /// SSH does not let us in: the key is not accepted, or the host's own key is unknown or has changed.
    #[error("{host} cannot be entered: {reason}")]
    Denied {
        /// The host's name.
        host: String,
        /// Which of these it is, and what to do.
        reason: String,
    },
    /// A script ended with an error.
    #[error("{what} failed on {host} with exit code {code}: {said}")]
    Failed {
        /// The host's name.
        host: String,
        /// What was being done.
        what: String,
        /// The exit code; 128 and the signal's number when it was killed.
        code: i32,
        /// The end of what it wrote to its standard error.
        said: String,
    },
    /// A script did not end in time, and was killed.
    #[error("{what} on {host} did not end within {limit:?}")]
    TimedOut {
        /// The host's name.
        host: String,
        /// What was being done.
        what: String,
        /// How long it was given.
        limit: Duration,
    },
    /// Another script has the host for itself, and did not end in time. Nothing was done.
    #[error("{what} was not begun: for {limit:?}, another Lifeboat has been at work on {host}")]
    Busy {
        /// The host's name.
        host: String,
        /// What was to be done.
        what: String,
        /// How long it was waited for.
        limit: Duration,
    },
    /// A file system, or a user's share of it, is full.
    #[error("no space is left on {host} for {path}")]
    DiskFull {
        /// The host's name.
        host: String,
        /// The file that did not fit, or what was being done when nothing says which file it was.
        path: String,
    },
    /// A program is not installed, or not where programs are looked for.
    #[error("{program} is not installed on {host}")]
    Missing {
        /// The host's name.
        host: String,
        /// The program.
        program: String,
    },
    /// A file is larger, or a script wrote more, than the caller takes.
    #[error("{what} on {host} is larger than {max} bytes")]
    TooLarge {
        /// The host's name.
        host: String,
        /// The file, or the script's output.
        what: String,
        /// The most that the caller takes, in bytes.
        max: usize,
    },
    /// The path of a file on a host does not begin at the root, so that it would depend on who asks.
    #[error("{path:?} is no file's path on {host}: it must begin with \"/\", and end with a name")]
    Path {
        /// The host's name.
        host: String,
        /// The path.
        path: String,
    },
    /// A file here, which was to be put onto a host, cannot be read.
    #[error("{path} cannot be read to put it onto {host}")]
    Source {
        /// The host's name.
        host: String,
        /// The file here.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

impl HostError {
    /// What has to be done about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } => Kind::Unreachable,
            Self::Busy { .. } => Kind::Conflict,
            Self::Denied { .. } | Self::Failed { .. } | Self::DiskFull { .. } | Self::Missing { .. } => Kind::Person,
            Self::TooLarge { .. } | Self::Path { .. } | Self::Source { .. } => Kind::Invalid,
        }
    }
}
