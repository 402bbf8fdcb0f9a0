//! The certificates in one file, and until when they are good: for who looks at a file that is no part of a set. Start at [`dates`].

use super::pki;
use jiff::Timestamp;

/// A certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dated {
    /// Whose it is: its subject, as RFC 4514 writes it.
    pub subject: String,
    /// The last moment at which it is good.
    pub until: Timestamp,
    /// Whether it may sign others.
    pub authority: bool,
}

impl Dated {
    /// How long before its end it has to be replaced, in days: a CA's successor has to be spread first.
    pub fn notice_days(&self) -> i64 {
        match self.authority {
            true => super::expiry::AUTHORITY_DAYS,
            false => super::expiry::LEAF_DAYS,
        }
    }
}

/// The certificates of a PEM file, or of a kubeconfig, whose CAs come first. Bytes that are neither have none.
#[must_use]
pub fn dates(file: &[u8]) -> Vec<Dated> {
    let pem = pki::certificates(file);
    let all = match pem.is_empty() {
        false => pem,
        true => pki::cluster_authorities(file)
            .into_iter()
            .chain(pki::client_certificates(file))
            .collect(),
    };
    all.iter().map(pki::Certificate::dated).collect()
}
