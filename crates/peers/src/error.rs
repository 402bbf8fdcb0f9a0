//! What can go wrong between peers, by what has to be done about it.

use estate::Kind;

/// Longer reasons are cut: anything may answer at an address, with a whole page.
const REASON_CHARS_MAX: usize = 500;

/// Why a question has no good answer. The key is never part of a message.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The peer did not answer in time, or answered that it cannot now. Whether the question was carried out is unknown.
    #[error("{peer} at {address} did not answer: {reason}")]
    Unreachable {
        /// The peer's name.
        peer: String,
        /// Where it should listen.
        address: String,
        /// What happened instead.
        reason: String,
    },
    /// The peer does not take our signature (it did nothing), or what answers there does not sign with our key (then it is
    /// unknown whether the question was carried out).
    #[error("{peer} and this site do not trust each other: {reason}")]
    Key {
        /// The peer's name.
        peer: String,
        /// Whose signature does not match.
        reason: String,
    },
    /// The peer understood the question, and refuses.
    #[error("{peer} refuses: {reason}")]
    Refused {
        /// The peer's name.
        peer: String,
        /// Why, in its handler's words.
        reason: String,
    },
    /// Another Lifeboat of the estate listens at the peer's address. It did nothing.
    #[error("{address} is the address of {found}, not of {peer}")]
    Stranger {
        /// The peer's name.
        peer: String,
        /// Where it should listen.
        address: String,
        /// Who listens there.
        found: String,
    },
    /// The answer is garbled, too large, or not one of a Lifeboat. Whether the question was carried out is unknown.
    #[error("the answer of {peer} cannot be understood: {reason}")]
    Answer {
        /// The peer's name.
        peer: String,
        /// Why it cannot be understood.
        reason: String,
    },
    /// A key, a name, an address or a question cannot be used. Nothing was sent.
    #[error("peers cannot be spoken with: {reason}")]
    Setup {
        /// What cannot be used, and why.
        reason: String,
    },
}

impl Error {
    /// What has to be done about it. A caller who knows what a refusal means knows better.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Unreachable { .. } => Kind::Unreachable,
            Self::Refused { .. } => Kind::Conflict,
            Self::Key { .. } => Kind::Person,
            Self::Stranger { .. } | Self::Setup { .. } => Kind::Invalid,
            Self::Answer { .. } => Kind::Damaged,
        }
    }

    pub(crate) fn setup(reason: impl Into<String>) -> Self {
        Self::Setup { reason: reason.into() }
    }
}

/// Shortens what somebody else said to one line that can stand in an error.
pub(crate) fn cut(text: &str) -> String {
    text.trim()
        .chars()
        .take(REASON_CHARS_MAX)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
