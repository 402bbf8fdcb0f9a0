//! Whether a switch is seen: at the servers of the zone first, then at resolvers. Start at [`verify`].

use crate::{Answer, Error, ask};
use futures::future::join_all;
use serde::Serialize;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Between two questions to one server.
const PAUSE: Duration = Duration::from_millis(500);

/// How long a resolver that keeps the old answer for its time is waited for beyond that.
const GRACE: Duration = Duration::from_secs(15);

/// How long servers of the zone have to give the new answer.
const AT_SERVERS: Duration = Duration::from_secs(10);

/// The answer that is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The name.
    pub name: String,
    /// Where it is to lead.
    pub to: BTreeSet<IpAddr>,
    /// Whether an answer must have all of them, [`crate::Provider::answers_all`]; a load balancer may give one at a time.
    pub all: bool,
}

/// Whom to ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Askable {
    /// The zone's servers: given, or found with [`crate::authoritative`].
    pub servers: Vec<SocketAddr>,
    /// Resolvers that people and hosts use.
    pub resolvers: Vec<SocketAddr>,
}

/// Who gives the new answer, and who does not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// Those that do.
    pub by: Vec<SocketAddr>,
    /// Those that do not.
    pub not_by: Vec<NotSeen>,
}

/// One that does not give the new answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotSeen {
    /// Which.
    pub server: SocketAddr,
    /// What it says instead, or why it says nothing, as a sentence.
    pub says: String,
    /// Whether it gave another answer, rather than none.
    pub answers: bool,
}

/// Where a switch is seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    /// Of the zone's servers.
    pub servers: Seen,
    /// Of the resolvers.
    pub resolvers: Seen,
}

/// Waits until the servers of the zone give the new answer, for 10 s at most, and then until the resolvers do, for 15 s more than
/// `ttl_s`, the TTL that the former answer had.
///
/// The servers come first, because a resolver that asks one of them too early keeps the old answer for its whole time. Servers
/// and resolvers that do not answer at all are not waited for on such a day: they are named.
pub async fn verify(expected: &Expected, at: &Askable, ttl_s: u32) -> Verified {
    let servers = seen(expected, &at.servers, AT_SERVERS).await;
    let limit = Duration::from_secs(u64::from(ttl_s)) + GRACE;
    let resolvers = seen(expected, &at.resolvers, limit).await;
    Verified { servers, resolvers }
}

/// Asks each of `servers` until it gives the new answer, for `limit` at most. One that gives no answer at all is asked twice.
pub async fn seen(expected: &Expected, servers: &[SocketAddr], limit: Duration) -> Seen {
    seen_with(expected, servers, limit, PAUSE).await
}

pub(crate) async fn seen_with(expected: &Expected, servers: &[SocketAddr], limit: Duration, pause: Duration) -> Seen {
    let each = servers.iter().map(|server| one(expected, *server, limit, pause));
    let mut seen = Seen::default();
    for (server, outcome) in servers.iter().zip(join_all(each).await) {
        match outcome {
            Ok(()) => seen.by.push(*server),
            Err(not) => seen.not_by.push(not),
        }
    }
    seen
}

async fn one(expected: &Expected, server: SocketAddr, limit: Duration, pause: Duration) -> Result<(), NotSeen> {
    let deadline = ambient::monotonic() + limit;
    let mut silent = 0;
    loop {
        let not = match ask(server, &expected.name).await {
            Ok(answer) if expected.is_met_by(&answer) => return Ok(()),
            Ok(answer) => NotSeen {
                server,
                says: other(server, &expected.name, &answer),
                answers: true,
            },
            Err(error) => {
                silent += usize::from(matches!(error, Error::Unreachable { .. }));
                NotSeen { server, says: error.to_string(), answers: false }
            }
        };
        if silent > 1 || ambient::monotonic() + pause > deadline {
            return Err(not);
        }
        ambient::sleep(pause).await;
    }
}

/// What it says instead.
fn other(server: SocketAddr, name: &str, answer: &Answer) -> String {
    let found: Vec<String> = answer.addresses.iter().map(IpAddr::to_string).collect();
    let found = match found.is_empty() {
        true => answer.rcode.to_string(),
        false => found.join(", "),
    };
    format!("{server} says that {name} leads to {found}")
}

impl Expected {
    /// Whether this is the new answer.
    pub fn is_met_by(&self, answer: &Answer) -> bool {
        let given: BTreeSet<IpAddr> = answer.addresses.iter().copied().collect();
        match self.all {
            true => given == self.to,
            false => !given.is_empty() && given.is_subset(&self.to),
        }
    }
}
