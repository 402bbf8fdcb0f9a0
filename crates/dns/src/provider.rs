//! What every provider of names can do. Start at [`Provider`]: what an implementation owes comes first, then what users call.

mod azure;
mod bigip;
mod bigip_by_hand;
mod cloudflare;
mod google;
mod held;
mod manual;
mod rfc2136;
mod route53;
pub(crate) mod route53_xml;

pub use azure::Azure;
pub use bigip::BigIp;
pub use cloudflare::Cloudflare;
pub use google::Google;
pub use held::{Held, Member, Pool, Records, Wanted};
pub use manual::Manual;
pub use rfc2136::Zone;
pub use route53::Route53;

pub(crate) use held::{kind, target};
#[cfg(test)]
pub(crate) use rfc2136::update;

use crate::finding::{About, Finding};
use crate::http::{Http, Reply};
use crate::token::Given;
use crate::{Error, Secret, delegation, finding};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// Where a name is kept, and what may change it there.
///
/// Guarantees of [`change`](Self::change), [`lower_ttl`](Self::lower_ttl) and [`restore`](Self::restore), whatever the provider:
/// they read before they write; nothing is sent when what is wanted is there; what somebody else changed since the given state was
/// read is left as it is, with [`Error::Changed`]; they can be repeated, also after [`Error::Lost`] and after a change of which
/// only a part was made; every request has a limit in time (15 s over HTTP) and size.
///
/// Caveats: how narrow the gap between the last look and the change is differs, and each provider's documentation says so.
/// Secondaries and resolvers follow later: [`crate::verify`].
#[async_trait]
pub trait Provider: fmt::Debug + Send + Sync {
    /// The service and the zone in it, as errors name them.
    fn place(&self) -> String;

    /// The zone, as a domain name.
    fn zone(&self) -> &str;

    /// What the provider holds of a name now; a name that does not exist holds nothing.
    ///
    /// # Errors
    /// Any but [`Error::Lost`] and [`Error::Changed`]; [`Error::NotPlain`] or [`Error::Alias`] when it is of a kind that is not
    /// changed here.
    async fn read(&self, name: &str) -> Result<Held, Error>;

    /// Makes the provider hold `to` where it holds `from`, which was read just now. Users call [`change`](Self::change).
    ///
    /// # Errors
    /// [`Error::Changed`] when it holds something else: nothing was changed then. [`Error::Lost`] when it may have been made.
    async fn replace(&self, name: &str, from: &Held, to: &Held) -> Result<(), Error>;

    /// What is held once a name that holds `from` leads to `to`. Pure.
    ///
    /// # Errors
    /// [`Error::Addresses`] when that makes no sense, or cannot be had.
    fn target(&self, name: &str, from: &Held, to: &Wanted) -> Result<Held, Error> {
        target(name, from, to, |ttl| self.ttl(ttl))
    }

    /// The names of the servers that the provider says it serves the zone with.
    ///
    /// # Errors
    /// Any but [`Error::Lost`] and [`Error::Changed`].
    async fn servers(&self) -> Result<BTreeSet<String>, Error>;

    /// Tries, without changing anything, whether the credential may change the name, which holds `held`.
    ///
    /// # Errors
    /// Those of [`replace`](Self::replace).
    async fn may_change(&self, name: &str, held: &Held) -> Result<Right, Error>;

    /// The nearest TTL in seconds that the provider takes.
    fn ttl(&self, ttl: u32) -> u32 {
        ttl
    }

    /// For how many seconds resolvers keep an answer that is held with this TTL.
    fn kept_for(&self, ttl: u32) -> u32 {
        ttl
    }

    /// Whether every answer has all addresses, rather than some of them.
    fn answers_all(&self) -> bool {
        true
    }

    /// Whether changes are made here, rather than by a person.
    fn acts(&self) -> bool {
        true
    }

    /// What a person types or does so that `name`, which holds `from`, leads to `to`: a line each. Why not, where it cannot.
    fn by_hand(&self, name: &str, from: &Held, to: &Wanted) -> Vec<String>;

    /// What a person types to see that it does, once for each of `servers`.
    fn check_by_hand(&self, name: &str, servers: &[SocketAddr]) -> Vec<String> {
        let at = |server: &SocketAddr| match server.port() {
            53 => format!("@{}", server.ip()),
            port => format!("@{} -p {port}", server.ip()),
        };
        match servers.is_empty() {
            true => vec![format!("dig +short {name} A {name} AAAA")],
            false => servers
                .iter()
                .map(|it| format!("dig +short {} {name} A {name} AAAA", at(it)))
                .collect(),
        }
    }

    /// Lets a name lead to other addresses, if it still holds `from`, what [`read`](Self::read) said, or what an earlier try of
    /// the same change left of it. A name that leads there already is left as it is, also when its TTL is another.
    ///
    /// # Errors
    /// Any. After [`Error::Lost`], repeat it with the same arguments.
    async fn change(&self, name: &str, from: &Held, to: &Wanted) -> Result<Changed, Error> {
        let target = self.target(name, from, to)?;
        settle(self, name, from, &target, Held::leads_like).await
    }

    /// Lets resolvers keep the name's answers for `ttl` seconds, ahead of planned work, if it still holds `from`. What it leads to
    /// stays. `ttl` of what is there, if that is lower already.
    ///
    /// The former TTL comes back with [`restore`](Self::restore), or, with another address, with [`change`](Self::change). Wait as
    /// long as the former TTL before the planned work begins.
    ///
    /// # Errors
    /// As [`change`](Self::change).
    async fn lower_ttl(&self, name: &str, from: &Held, ttl: u32) -> Result<Changed, Error> {
        let target = from.with_ttl_at_most(self.ttl(ttl));
        settle(self, name, from, &target, Held::eq).await
    }

    /// Puts back what [`read`](Self::read) said before a change, its TTL included, if the name still holds what the change left.
    ///
    /// # Errors
    /// As [`change`](Self::change).
    async fn restore(&self, name: &str, before: &Held, left: &Held) -> Result<Changed, Error> {
        settle(self, name, left, before, Held::eq).await
    }

    /// Whether a change of the name would work and be quick enough: what is held, whether the credential may change it, whether the
    /// zone's parent leads to this provider, by the first of `resolvers` that answers, and whether the TTL fits `rto`.
    ///
    /// Changes nothing. What could not be proven is said, and is no success.
    async fn check(&self, name: &str, rto: Duration, resolvers: &[SocketAddr]) -> Vec<Finding> {
        let mut findings = Vec::new();
        match self.read(name).await {
            Ok(held) => {
                findings.push(finding::held(name, &self.place(), &held));
                findings.push(finding::right(name, &self.place(), self.may_change(name, &held).await));
                findings.extend(held.ttl().map(|ttl| finding::ttl(name, self.kept_for(ttl), rto)));
            }
            Err(error) => findings.push(Finding::failed(About::Name, &error)),
        }
        findings.push(match self.servers().await {
            Ok(ours) => finding::delegation(self.zone(), &ours, delegation::at_parent(resolvers, self.zone()).await),
            Err(error) => Finding::failed(About::Delegation, &error),
        });
        findings
    }
}

/// What a change came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Changed {
    /// Who did what.
    pub how: How,
    /// What the provider holds now: what [`Provider::restore`] compares with.
    pub left: Held,
}

/// Who did what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum How {
    /// Nobody had to do anything.
    Already,
    /// The change was made.
    Made,
    /// A person must do it: [`Provider::by_hand`]. Nothing was sent.
    ByHand,
}

/// What is known of a credential's right to change a name, after nothing was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Right {
    /// It may, as this shows.
    Proven(String),
    /// It is not known, for this reason.
    Unproven(String),
}

async fn settle<P: Provider + ?Sized>(
    provider: &P,
    name: &str,
    from: &Held,
    target: &Held,
    is_done: fn(&Held, &Held) -> bool,
) -> Result<Changed, Error> {
    let now = provider.read(name).await?;
    if is_done(&now, target) {
        return Ok(Changed { how: How::Already, left: now });
    }
    if !provider.acts() {
        return Ok(Changed { how: How::ByHand, left: now });
    }
    // What an earlier try left half done is neither.
    if !now.is_between(from, target) {
        return Err(changed(provider.place(), name, now));
    }
    provider.replace(name, &now, target).await?;
    Ok(Changed { how: How::Made, left: target.clone() })
}

/// What a refused change comes to, by what is there now: services say it in words for people, and a request that was carried out
/// twice on its way is refused the second time.
pub(crate) async fn judged<P: Provider + ?Sized>(
    provider: &P,
    name: &str,
    from: &Held,
    to: &Held,
    refusal: Error,
) -> Result<(), Error> {
    match provider.read(name).await? {
        now if now == *to => Ok(()),
        now if now == *from => Err(refusal),
        now => Err(changed(provider.place(), name, now)),
    }
}

pub(crate) fn changed(service: String, name: &str, there: Held) -> Error {
    Error::Changed { service, name: name.to_owned(), there: Box::new(there) }
}

/// How long an OAuth token lasts when the service does not say.
const LASTS_S: u64 = 300;

/// The answer to a request for an OAuth 2.0 token, as of RFC 6749, sections 5.1 and 5.2.
#[derive(Default, Deserialize)]
struct OAuth {
    access_token: Option<String>,
    expires_in: Option<u64>,
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
}

fn granted(http: &Http, reply: &Reply, subject: &str) -> Result<Given, Error> {
    let said: OAuth = serde_json::from_slice(&reply.body).unwrap_or_default();
    match (reply.status, said.access_token) {
        (200, Some(token)) if !token.is_empty() => {
            let lasts = Duration::from_secs(said.expires_in.unwrap_or(LASTS_S));
            Ok(Given { token: Secret::new(&token), lasts })
        }
        (200, _) => Err(http.garbled(subject, "there is no token in it")),
        // It answers so to every credential that it does not accept, also to one signed at another time.
        (400 | 401, _) => Err(http
            .skewed(reply)
            .unwrap_or_else(|| http.denied(subject, &format!("{}: {}", said.error, said.error_description)))),
        _ => Err(http.refusal(reply, subject, crate::http::Effect::Reads, &said.error_description)),
    }
}
