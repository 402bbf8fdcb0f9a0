//! Why there was no good answer, and which error that is.

use crate::Error;
use http::StatusCode;
use kube::client::AuthError;
use serde_json::Value;

/// Longer reasons are cut: a proxy may answer with a whole page.
const REASON_CHARS_MAX: usize = 500;

/// Why there is no good answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No answer at all.
    Silent(String),
    /// The certificate is not the expected one.
    Untrusted(String),
    /// No credentials could be had.
    Credentials(String),
    /// An answer that is not JSON.
    Unreadable(String),
    /// A refusal: HTTP status, Kubernetes' reason word, its message, and the fields that it complains about. `reason` is
    /// empty when the refusal did not come from Kubernetes itself.
    Refused { code: u16, reason: String, message: String, fields: Vec<String> },
}

impl Failure {
    /// The reason alone, for errors that name their subject otherwise.
    pub(crate) fn reason(self) -> String {
        match self {
            Self::Silent(reason) | Self::Untrusted(reason) | Self::Credentials(reason) | Self::Unreadable(reason) => {
                reason
            }
            Self::Refused { code, message, .. } => format!("HTTP {code}: {}", cut(&message)),
        }
    }

    /// Whether the path itself is not served, as opposed to an object that is not there.
    pub(crate) fn is_unserved(&self) -> bool {
        matches!(self, Self::Refused { code: 404, reason, .. } if reason.is_empty())
    }

    /// Becomes an error about `subject`. With `secret`, nothing that may quote a value is taken over.
    pub(crate) fn about(self, server: &str, subject: String, secret: bool) -> Error {
        let server = server.to_owned();
        let (code, reason, message, fields) = match self {
            Self::Silent(reason) => return Error::Unreachable { server, subject, reason },
            Self::Untrusted(reason) => return Error::Untrusted { server, reason },
            Self::Credentials(reason) => return Error::Forbidden { server, subject, reason },
            Self::Unreadable(reason) => return Error::Answer { server, subject, reason },
            Self::Refused { code, reason, message, fields } => (code, reason, message, fields),
        };
        let why = match (secret, safe(&message), fields.is_empty()) {
            (false, ..) => cut(&message),
            (true, Some(known), _) => format!("{known} (details withheld: it is a Secret)"),
            (true, None, true) => format!("HTTP {code} {reason} (details withheld: it is a Secret)"),
            (true, None, false) => format!("{reason} in {} (details withheld: it is a Secret)", fields.join(", ")),
        };
        match (code, reason.as_str()) {
            (409, "AlreadyExists") => Error::AlreadyExists { server, subject },
            (409 | 410 | 412, _) => Error::Conflict { server, subject, reason: why },
            (401 | 403, _) => Error::Forbidden { server, subject, reason: why },
            (404, _) => Error::NotFound { server, subject, reason: why },
            (408 | 429 | 500.., _) => Error::Unreachable { server, subject, reason: format!("HTTP {code}: {why}") },
            (400.., _) => Error::Invalid { server, subject, reason: why },
            // A redirect: something else than an API server is listening there.
            _ => Error::Answer { server, subject, reason: format!("HTTP {code}") },
        }
    }
}

/// What of a message quotes no value, of messages that are known: who refuses, or why. Source: `k8s.io/apiserver`
/// `pkg/admission/plugin/webhook/errors`, `.../plugin/policy/validating`, `.../plugin/namespace/lifecycle`, and
/// `k8s.io/kubernetes` `pkg/apis/core/validation`.
fn safe(message: &str) -> Option<String> {
    const WHOLE: [&str; 3] = [
        "because it is being terminated",
        "field is immutable when `immutable` is set",
        "exceeded quota",
    ];
    if let Some(known) = WHOLE.iter().find(|it| message.contains(*it)) {
        return Some((*known).to_owned());
    }
    // The name is quoted, and is the last thing that the API server itself says.
    [("admission webhook ", '"'), ("ValidatingAdmissionPolicy ", '\'')]
        .iter()
        .find_map(|(who, quote)| {
            let name = message.split_once(who)?.1.strip_prefix(*quote)?.split(*quote).next()?;
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
            (!name.is_empty() && name.chars().all(plain)).then(|| format!("{who}{name} denied it"))
        })
}

/// Reads a refusal: a Kubernetes `Status`, Rancher's error object, or any text.
pub(crate) fn refusal(status: StatusCode, body: &[u8]) -> Failure {
    let parsed: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |field: &str| parsed[field].as_str().map(str::to_owned);
    let causes = parsed["details"]["causes"].as_array();
    let fields = causes
        .into_iter()
        .flatten()
        .filter_map(|c| c["field"].as_str().map(str::to_owned))
        .collect();
    let message = text("message").unwrap_or_else(|| String::from_utf8_lossy(body).into_owned());
    Failure::Refused {
        code: status.as_u16(),
        reason: text("reason").filter(|_| parsed["kind"] == "Status").unwrap_or_default(),
        message,
        fields,
    }
}

/// Shortens what a server said to one line that can stand in an error.
pub(crate) fn cut(text: &str) -> String {
    text.trim()
        .chars()
        .take(REASON_CHARS_MAX)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// Tells why there was no answer. Errors of the credential plugins carry the plugins' output, so those are only named.
pub(crate) fn silence(error: &kube::Error) -> Failure {
    let mut reasons: Vec<String> = Vec::new();
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = next {
        if let Some(auth) = cause.downcast_ref::<AuthError>() {
            return Failure::Credentials(match auth {
                AuthError::AuthExecRun { cmd, out } => {
                    format!("the credential plugin {cmd:?} ended with {}", out.status)
                }
                AuthError::AuthExecStart(cause) => format!("the credential plugin cannot be started: {cause}"),
                AuthError::ReadTokenFile(cause, path) => {
                    format!("the token file {} cannot be read: {cause}", path.display())
                }
                _ => "the kubeconfig's credentials cannot be used".to_owned(),
            });
        }
        // kube's own words only repeat their source.
        if !cause.is::<kube::Error>() {
            let text = cause.to_string();
            if reasons.last().is_none_or(|last| !last.contains(&text)) {
                reasons.push(text);
            }
        }
        next = cause.source();
    }
    if reasons.is_empty() {
        reasons.push(error.to_string());
    }
    let reason = cut(&reasons.join(": "));
    match reason.split_once("invalid peer certificate: ") {
        Some((_, detail)) => Failure::Untrusted(detail.to_owned()),
        None => Failure::Silent(reason),
    }
}

#[cfg(test)]
mod tests;
