//! Asking a server what a name leads to. Start at [`ask()`].

use crate::wire::{self, TRY, Trouble};
use crate::{Error, Rcode, name};
use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RData, RecordType};
use serde::Serialize;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

/// Aliases that are followed within one answer.
const ALIASES: usize = 16;

/// What a server says about a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Where the name leads, IPv4 and IPv6, sorted; empty when it does not exist or has no addresses.
    pub addresses: Vec<IpAddr>,
    /// Seconds for which this may be remembered: the smallest of all records. 0 when there are no addresses.
    pub ttl: u32,
    /// Whether the server answers for the zone itself, rather than from a cache.
    pub authoritative: bool,
    /// `NOERROR` or `NXDOMAIN`.
    pub rcode: Rcode,
}

impl Answer {
    /// Whether the name leads to these addresses and no others, in any order.
    pub fn is_exactly(&self, addresses: &[IpAddr]) -> bool {
        self.addresses.iter().collect::<BTreeSet<_>>() == addresses.iter().collect()
    }
}

/// How a question is put.
#[derive(Clone, Copy)]
pub(crate) enum By {
    /// As hosts do: UDP first, and a resolver may ask on.
    Udp,
    /// Over TCP, of what the server itself holds: nobody between can forge the answer blindly, and no cache is asked.
    Tcp,
}

/// An answer, and whether it came through an alias.
pub(crate) struct Found {
    pub(crate) answer: Answer,
    pub(crate) alias: Option<Name>,
}

/// Asks one server for the addresses of a name (first A, then AAAA), following aliases within its answer.
///
/// Each question goes over UDP, at most twice, waiting 2 s each time, and over TCP when the answer is too long. The answer is
/// not authenticated: who controls the network between can forge it.
///
/// # Errors
/// [`Error::Name`], [`Error::Unreachable`], [`Error::Answer`], and [`Error::Refused`] for any code other than `NOERROR` and
/// `NXDOMAIN`: a resolver's `SERVFAIL` means that it could not find out, not that there is nothing.
pub async fn ask(server: SocketAddr, name: &str) -> Result<Answer, Error> {
    Ok(find(server, name, By::Udp).await?.answer)
}

pub(crate) async fn find(server: SocketAddr, text: &str, by: By) -> Result<Found, Error> {
    let name = name::parse(text)?;
    let mut found = collect(&name, &question(server, text, &name, RecordType::A, by).await?);
    if found.answer.rcode == Rcode::NXDOMAIN {
        return Ok(found);
    }
    // Some load balancers say NXDOMAIN of a name that has A records when asked for AAAA (RFC 4074): that adds nothing.
    let second = collect(&name, &question(server, text, &name, RecordType::AAAA, by).await?);
    if !second.answer.addresses.is_empty() {
        let ttl = match found.answer.addresses.is_empty() {
            true => second.answer.ttl,
            false => second.answer.ttl.min(found.answer.ttl),
        };
        found.answer.ttl = ttl;
        found.answer.addresses.extend(second.answer.addresses);
    }
    found.answer.authoritative &= second.answer.authoritative;
    found.alias = found.alias.or(second.alias);
    Ok(found)
}

/// Puts one question; `text` is the name as errors show it.
pub(crate) async fn question(
    server: SocketAddr,
    text: &str,
    name: &Name,
    kind: RecordType,
    by: By,
) -> Result<Message, Error> {
    let mut request = Message::query();
    request.add_query(Query::query(name.clone(), kind));
    let outcome = match by {
        By::Udp => {
            request.metadata.recursion_desired = true;
            wire::udp(server, &request, TRY).await
        }
        By::Tcp => match wire::written(&request) {
            Ok(bytes) => wire::tcp(server, &request, &bytes, TRY).await,
            Err(trouble) => Err(trouble),
        },
    };
    let answer = outcome.map_err(|trouble| trouble.about(server, text))?.message;
    match answer.response_code {
        ResponseCode::NoError | ResponseCode::NXDomain => Ok(answer),
        code => Err(Error::Refused { server, subject: text.to_owned(), rcode: code.into() }),
    }
}

/// What an answer says of a name: the records at the end of its chain of aliases.
pub(crate) fn collect(name: &Name, message: &Message) -> Found {
    let records = || message.answers.iter().filter(|record| record.dns_class == DNSClass::IN);
    let alias_of = |owner: &Name| {
        records().find_map(|record| match &record.data {
            RData::CNAME(target) if record.name == *owner => Some((target.0.clone(), record.ttl)),
            _ => None,
        })
    };
    let mut end = name.clone();
    let mut ttl = u32::MAX;
    // The limit ends circles.
    for _ in 0..ALIASES {
        let Some((target, alias_ttl)) = alias_of(&end) else {
            break;
        };
        end = target;
        ttl = ttl.min(alias_ttl);
    }
    let mut addresses = BTreeSet::new();
    for record in records().filter(|record| record.name == end) {
        addresses.insert(match record.data {
            RData::A(address) => IpAddr::V4(address.0),
            RData::AAAA(address) => IpAddr::V6(address.0),
            _ => continue,
        });
        ttl = ttl.min(record.ttl);
    }
    let answer = Answer {
        ttl: if addresses.is_empty() { 0 } else { ttl },
        addresses: addresses.into_iter().collect(),
        authoritative: message.authoritative,
        rcode: message.response_code.into(),
    };
    Found { answer, alias: alias_of(name).map(|(target, _ttl)| target) }
}

impl Trouble {
    /// The same, with the server and what it was asked for.
    pub(crate) fn about(self, server: SocketAddr, subject: &str) -> Error {
        let subject = subject.to_owned();
        match self {
            Self::Silence(reason) | Self::Cut(reason) => Error::Unreachable { server, subject, reason },
            Self::Nonsense(reason) => Error::Answer { server, subject, reason },
        }
    }
}
