//! What gRPC and TLS report, as an [`Error`].

use crate::Error;
use std::error::Error as StdError;
use tonic::Code;

/// Longer reasons are cut: whatever listens there may answer with a whole page.
const REASON_CHARS_MAX: usize = 500;

/// A call that did not end well: etcd's own answer, or what happened to the connection.
pub(crate) fn unanswered(endpoint: &str, status: &tonic::Status) -> Error {
    if let Some(cause) = status.source() {
        return unconnected(endpoint, cause);
    }
    let endpoint = endpoint.to_owned();
    let reason = cut(status.message());
    match status.code() {
        // A missing user is an invalid argument to etcd, and so is what a transaction must not hold.
        Code::Unauthenticated | Code::PermissionDenied | Code::InvalidArgument | Code::NotFound => {
            Error::Refused { endpoint, reason }
        }
        // How members of 3.5 to 3.7 refuse leases.
        Code::Unknown if reason.starts_with("auth: ") => Error::Refused { endpoint, reason },
        Code::OutOfRange if reason.contains("required revision has been compacted") => Error::Compacted { endpoint },
        Code::OutOfRange if reason.contains("required revision is a future revision") => Error::Future { endpoint },
        Code::Unimplemented => Error::Answer {
            endpoint,
            reason: format!("it does not serve this call of etcd's: {reason}"),
        },
        Code::Internal | Code::DataLoss | Code::OutOfRange => Error::Answer { endpoint, reason },
        _ => Error::Unreachable { endpoint, reason },
    }
}

/// What the server says no to, in its own words.
pub(crate) fn refused(endpoint: &str, reason: &str) -> Error {
    Error::Refused { endpoint: endpoint.to_owned(), reason: cut(reason) }
}

/// A connection that was not made, or did not last.
pub(crate) fn unconnected(endpoint: &str, cause: &(dyn StdError + 'static)) -> Error {
    let endpoint = endpoint.to_owned();
    let reason = chain(cause);
    if let Some((_, detail)) = reason.split_once("invalid peer certificate: ") {
        return Error::Untrusted { endpoint, reason: detail.to_owned() };
    }
    Error::Unreachable { endpoint, reason }
}

/// Everything that an error and its sources say, each once.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut reasons: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        let text = cause.to_string();
        // Many libraries repeat their source, and tonic's own words say nothing.
        if text != "transport error" && reasons.last().is_none_or(|last| !last.contains(&text)) {
            reasons.push(text);
        }
        next = cause.source();
    }
    cut(&reasons.join(": "))
}

/// Shortens what a server said to one line that can stand in an error.
pub(crate) fn cut(text: &str) -> String {
    text.trim()
        .chars()
        .take(REASON_CHARS_MAX)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests;
