//! What can go wrong, by what has to be done about it.

use crate::KindRef;
use estate::Kind;

/// Why a request to a cluster did not do what was asked.
///
/// Every message names the API server's URL or the kubeconfig, the object, and the reason. Values of Secrets and credentials
/// are never part of one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A kubeconfig cannot be read or used.
    #[error("kubeconfig {place} cannot be used: {reason}")]
    Kubeconfig {
        /// Its path, or where its text came from.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The API server did not answer in time, or answered that it cannot now. Whether a change was made is unknown.
    #[error("{server} did not answer for {subject}: {reason}")]
    Unreachable {
        /// The API server's URL.
        server: String,
        /// The object or path that was asked for.
        subject: String,
        /// What happened instead.
        reason: String,
    },
    /// The API server answers, but says that it is not ready.
    #[error("{server} is not ready: {reason}")]
    NotReady {
        /// The API server's URL.
        server: String,
        /// The checks that fail, by its own report.
        reason: String,
    },
    /// The API server's certificate is not signed by the authority in the kubeconfig, or is for another name.
    #[error("the certificate of {server} is not trusted: {reason}")]
    Untrusted {
        /// The API server's URL.
        server: String,
        /// What is wrong with the certificate.
        reason: String,
    },
    /// The credentials are not accepted, or do not carry the needed right.
    #[error("{server} refuses {subject}: {reason}")]
    Forbidden {
        /// The API server's URL.
        server: String,
        /// The object that was asked for.
        subject: String,
        /// The missing right, by the API server's answer.
        reason: String,
    },
    /// The object, or the namespace that it should live in, is not there.
    #[error("{subject} is not found at {server}: {reason}")]
    NotFound {
        /// The API server's URL.
        server: String,
        /// The object that was asked for.
        subject: String,
        /// What is not there, by the API server's answer.
        reason: String,
    },
    /// An object of that name is there already.
    #[error("{subject} already exists at {server}")]
    AlreadyExists {
        /// The API server's URL.
        server: String,
        /// The object that was to be created.
        subject: String,
    },
    /// Somebody else changed the object meanwhile, or it is being deleted.
    #[error("{subject} at {server} was changed by somebody else: {reason}")]
    Conflict {
        /// The API server's URL.
        server: String,
        /// The object that was to be changed.
        subject: String,
        /// The conflict, by the API server's answer.
        reason: String,
    },
    /// The API server does not accept the object or the request.
    #[error("{server} does not accept {subject}: {reason}")]
    Invalid {
        /// The API server's URL.
        server: String,
        /// The object that was sent.
        subject: String,
        /// What is wrong with it, without values when it is a Secret.
        reason: String,
    },
    /// No such kind is served: its CustomResourceDefinition is missing, or the version is too old or too new.
    #[error("{server} does not serve {kind}")]
    UnknownKind {
        /// The API server's URL.
        server: String,
        /// The kind that was asked for.
        kind: KindRef,
    },
    /// An object or a reference is incomplete, so that no request can be made from it.
    #[error("{subject} cannot be addressed: {reason}")]
    Incomplete {
        /// The object as far as it can be named.
        subject: String,
        /// What is missing or malformed.
        reason: String,
    },
    /// The API server answered something that is not an answer.
    #[error("the answer of {server} for {subject} cannot be understood: {reason}")]
    Answer {
        /// The API server's URL.
        server: String,
        /// The object or path that was asked for.
        subject: String,
        /// Why it cannot be understood.
        reason: String,
    },
}

impl Error {
    /// What has to be done about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Unreachable { .. } | Self::NotReady { .. } => Kind::Unreachable,
            Self::AlreadyExists { .. } | Self::Conflict { .. } => Kind::Conflict,
            Self::Untrusted { .. } | Self::Forbidden { .. } => Kind::Person,
            Self::Kubeconfig { .. }
            | Self::NotFound { .. }
            | Self::Invalid { .. }
            | Self::UnknownKind { .. }
            | Self::Incomplete { .. } => Kind::Invalid,
            Self::Answer { .. } => Kind::Damaged,
        }
    }

    /// The same error about a better named subject.
    pub(crate) fn of(mut self, named: String) -> Self {
        match &mut self {
            Self::Unreachable { subject, .. }
            | Self::Forbidden { subject, .. }
            | Self::NotFound { subject, .. }
            | Self::AlreadyExists { subject, .. }
            | Self::Conflict { subject, .. }
            | Self::Invalid { subject, .. }
            | Self::Incomplete { subject, .. }
            | Self::Answer { subject, .. } => *subject = named,
            Self::Kubeconfig { .. } | Self::NotReady { .. } | Self::Untrusted { .. } | Self::UnknownKind { .. } => {}
        }
        self
    }
}
