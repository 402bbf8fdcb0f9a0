//! What can go wrong, by what has to be done about it.

use crate::{Held, Rcode};
use estate::Kind;
use jiff::Timestamp;
use std::net::SocketAddr;

/// Why a name server or a DNS service was not asked, or did not do what was asked.
///
/// Every message names the server or service, the name or the zone, and the reason. No part of a secret is in any of them.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server did not answer in time or the connection failed. Whether an update was carried out is unknown.
    #[error("name server {server} did not answer for {subject}: {reason}")]
    Unreachable {
        /// The server's address.
        server: SocketAddr,
        /// The name that was asked for, or the change that was asked for.
        subject: String,
        /// What happened instead.
        reason: String,
    },
    /// The server answers, but with a refusal or a failure of its own. An update was not carried out.
    #[error("name server {server} answers {rcode} for {subject}")]
    Refused {
        /// The server's address.
        server: SocketAddr,
        /// The name that was asked for, or the change that was asked for.
        subject: String,
        /// The code of its answer.
        rcode: Rcode,
    },
    /// The server does not accept the TSIG key: its name, algorithm or secret differ, or it may not change this zone.
    #[error("name server {server} does not accept the TSIG key {key}: {reason}")]
    Key {
        /// The server's address.
        server: SocketAddr,
        /// The key's name.
        key: String,
        /// What the server says about it.
        reason: String,
    },
    /// The server's clock and ours are too far apart for signatures.
    #[error(
        "name server {server} does not accept a signature made at {ours} by this host's clock: its own clock says {}",
        told(.theirs)
    )]
    Clock {
        /// The server's address.
        server: SocketAddr,
        /// The time of our signature, by our clock.
        ours: Timestamp,
        /// The server's time, where it told it.
        theirs: Option<Timestamp>,
    },
    /// The server is not one that answers for the zone, or not the one that takes its changes.
    #[error("name server {server} does not serve the zone {zone}: {reason}")]
    NotZone {
        /// The server's address.
        server: SocketAddr,
        /// The zone that was to be changed.
        zone: String,
        /// What shows it.
        reason: String,
    },
    /// The name does not end with the zone's.
    #[error("{name} is not in the zone {zone}")]
    Outside {
        /// The name that was to be moved.
        name: String,
        /// The zone that was to be changed.
        zone: String,
    },
    /// The name is an alias (CNAME), which can have no addresses of its own: move the target, or replace the alias by hand.
    #[error("{name} is an alias of {target} at name server {server}, and an alias can have no addresses")]
    Alias {
        /// The server's address.
        server: SocketAddr,
        /// The name that was to be moved.
        name: String,
        /// What it is an alias of.
        target: String,
    },
    /// The addresses that a name was to be moved to make no sense.
    #[error("{name} cannot be moved: {reason}")]
    Addresses {
        /// The name that was to be moved.
        name: String,
        /// What is wrong with them.
        reason: String,
    },
    /// A text is not a domain name.
    #[error("{name:?} is not a domain name: {reason}")]
    Name {
        /// The text.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A TSIG key's secret is not base64, or is empty.
    #[error("the secret of the TSIG key {key} cannot be used: {reason}")]
    Secret {
        /// The key's name.
        key: String,
        /// What is wrong with the secret.
        reason: &'static str,
    },
    /// The server sent something that is not an answer, or an answer to an update that nothing vouches for.
    #[error("the answer of name server {server} for {subject} cannot be used: {reason}")]
    Answer {
        /// The server's address.
        server: SocketAddr,
        /// The name that was asked for, or the change that was asked for.
        subject: String,
        /// Why it cannot be used.
        reason: String,
    },
    /// A DNS service was not reached, or did not answer a question. Nothing was changed.
    #[error("{service} did not answer for {subject}: {reason}")]
    Away {
        /// The service, and the zone or host in it.
        service: String,
        /// The name that was asked for, or the change that was asked for.
        subject: String,
        /// What happened instead.
        reason: String,
    },
    /// A DNS service says that it cannot now, or that it was asked too often. Nothing was changed.
    #[error("{service} has no time for {subject}: {reason}")]
    Busy {
        /// The service, and the zone or host in it.
        service: String,
        /// The name that was asked for, or the change that was asked for.
        subject: String,
        /// Its own words.
        reason: String,
    },
    /// A change was sent, and its answer never came: it may have been made. Repeating it settles that.
    #[error("whether {service} made {subject} is unknown: {reason}")]
    Lost {
        /// The service or server.
        service: String,
        /// The change that was asked for.
        subject: String,
        /// What happened instead of an answer.
        reason: String,
    },
    /// A DNS service does not accept the credential, or the credential may not do this.
    #[error("{service} does not accept the credential for {subject}: {reason}")]
    Denied {
        /// The service, and the zone or host in it.
        service: String,
        /// The name that was asked for, or the change that was asked for.
        subject: String,
        /// Its own words.
        reason: String,
    },
    /// The service's clock and ours are too far apart for its signatures or tokens.
    #[error(
        "{service} does not accept what was signed at {ours} by this host's clock: its own clock says {}",
        told(.theirs)
    )]
    Skewed {
        /// The service, and the zone or host in it.
        service: String,
        /// The time of our signature, by our clock.
        ours: Timestamp,
        /// The service's time, where it told it.
        theirs: Option<Timestamp>,
    },
    /// A DNS service answers with an error of its own. Nothing was changed.
    #[error("{service} refuses {subject}: {reason}")]
    Rejected {
        /// The service, and the zone or host in it.
        service: String,
        /// The name that was asked for, or the change that was asked for.
        subject: String,
        /// Its own words.
        reason: String,
    },
    /// A DNS service answers with something that is not of its documented form.
    #[error("the answer of {service} for {subject} cannot be used: {reason}")]
    Garbled {
        /// The service, and the zone or host in it.
        service: String,
        /// The name that was asked for, or the change that was asked for.
        subject: String,
        /// Why it cannot be used.
        reason: String,
    },
    /// A DNS service has no such zone, project or pool.
    #[error("{service} has nothing to look {subject} up in: {reason}")]
    NoZone {
        /// The service, and the zone or host in it.
        service: String,
        /// The name that was asked for, or the change that was asked for.
        subject: String,
        /// Its own words.
        reason: String,
    },
    /// What a service holds of the name is of a kind that is not changed here: an alias, a routing policy, a proxied record.
    #[error("{name} cannot be changed at {service}: {reason}")]
    NotPlain {
        /// The service, and the zone or host in it.
        service: String,
        /// The name that was to be changed.
        name: String,
        /// What it is instead of plain address records or pool members.
        reason: String,
    },
    /// Somebody else changed the name since it was read. Nothing was changed.
    #[error("{name} was changed by somebody else since it was read: {service} has {there} now")]
    Changed {
        /// The service or server.
        service: String,
        /// The name that was to be changed.
        name: String,
        /// What is there now.
        there: Box<Held>,
    },
    /// Something in the settings of a provider cannot be used. Nothing was sent.
    #[error("{service} cannot be used: {reason}")]
    Settings {
        /// The service, and the zone or host in it.
        service: String,
        /// What is wrong.
        reason: String,
    },
    /// A request could not be written. Nothing was sent.
    #[error("the request to name server {server} for {subject} cannot be written: {reason}")]
    Request {
        /// The server's address.
        server: SocketAddr,
        /// The name that was to be asked for, or the change.
        subject: String,
        /// What failed.
        reason: String,
    },
}

impl Error {
    /// What has to be done about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Unreachable { .. } | Self::Away { .. } | Self::Busy { .. } | Self::Lost { .. } => Kind::Unreachable,
            Self::Changed { .. } => Kind::Conflict,
            Self::Refused { rcode, .. } if rcode.is_failure() => Kind::Unreachable,
            Self::Refused { .. } | Self::Key { .. } | Self::Clock { .. } => Kind::Person,
            Self::Denied { .. } | Self::Skewed { .. } | Self::Rejected { .. } => Kind::Person,
            Self::NoZone { .. } | Self::NotPlain { .. } | Self::Settings { .. } => Kind::Invalid,
            Self::NotZone { .. }
            | Self::Outside { .. }
            | Self::Alias { .. }
            | Self::Addresses { .. }
            | Self::Name { .. }
            | Self::Secret { .. } => Kind::Invalid,
            Self::Answer { .. } | Self::Garbled { .. } => Kind::Damaged,
            Self::Request { .. } => Kind::Bug,
        }
    }
}

fn told(theirs: &Option<Timestamp>) -> String {
    theirs.map_or_else(|| "another time".to_owned(), |time| time.to_string())
}
