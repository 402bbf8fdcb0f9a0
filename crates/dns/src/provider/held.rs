//! What a provider holds of a name, and what it is to hold. Pure; start at [`Held`].

use crate::Error;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

/// The most addresses that a name can be moved to: more are a mistake.
const MOST: usize = 64;

/// The TTL in seconds of a name that had none and for which none is asked.
const TTL: u32 = 60;

/// What a provider holds of a name: enough to put it back. It is kept in a run's journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Held {
    /// Address records. Without any, the name has no addresses, or does not exist.
    Records {
        /// IPv4.
        a: Option<Records>,
        /// IPv6.
        aaaa: Option<Records>,
    },
    /// The pools of a load balancer that answers for the name.
    Pools {
        /// Whether it answers at all.
        enabled: bool,
        /// By their full names, such as `/Common/rancher`, and types, such as `a`.
        pools: BTreeMap<String, Pool>,
    },
}

/// The records of one type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Records {
    /// Where they lead.
    pub addresses: BTreeSet<IpAddr>,
    /// Seconds for which resolvers may remember them.
    pub ttl: u32,
}

/// A pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pool {
    /// Whether it is answered from.
    pub enabled: bool,
    /// Seconds for which resolvers may remember answers from it.
    pub ttl: u32,
    /// By their full names, such as `/Common/berlin:/Common/rancher`.
    pub members: BTreeMap<String, Member>,
}

/// A pool's member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// Where it leads, by the settings; the load balancer keeps that elsewhere.
    pub address: Option<IpAddr>,
    /// Whether it may be an answer.
    pub enabled: bool,
}

/// Where a name is to lead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Wanted {
    /// IPv4 and IPv6. Addresses of a kind that is not among them are removed: a stale AAAA would still lead to the lost site.
    pub addresses: BTreeSet<IpAddr>,
    /// Seconds for which resolvers may remember it; without it, as before.
    pub ttl: Option<u32>,
}

impl Wanted {
    /// These addresses, with this TTL in seconds.
    pub fn new(addresses: impl IntoIterator<Item = IpAddr>, ttl: u32) -> Self {
        Self { addresses: addresses.into_iter().collect(), ttl: Some(ttl) }
    }

    /// Those of one kind, IPv4 or IPv6.
    pub(crate) fn of_kind(&self, ipv4: bool) -> BTreeSet<IpAddr> {
        of_kind(&self.addresses, ipv4)
    }
}

/// The type of records of IPv4 or IPv6 addresses.
pub(crate) fn kind(ipv4: bool) -> &'static str {
    if ipv4 { "A" } else { "AAAA" }
}

fn of_kind(all: &BTreeSet<IpAddr>, ipv4: bool) -> BTreeSet<IpAddr> {
    all.iter().copied().filter(|address| address.is_ipv4() == ipv4).collect()
}

impl Held {
    /// No records.
    pub const NOTHING: Self = Self::Records { a: None, aaaa: None };

    /// Where the name leads: all records, or the members that may be an answer.
    pub fn addresses(&self) -> BTreeSet<IpAddr> {
        match self {
            Self::Records { a, aaaa } => {
                let all = a.iter().chain(aaaa);
                all.flat_map(|records| records.addresses.iter().copied()).collect()
            }
            Self::Pools { enabled: false, .. } => BTreeSet::new(),
            Self::Pools { pools, .. } => {
                let members = pools
                    .values()
                    .filter(|pool| pool.enabled)
                    .flat_map(|pool| pool.members.values());
                members
                    .filter(|member| member.enabled)
                    .filter_map(|member| member.address)
                    .collect()
            }
        }
    }

    /// The longest time in seconds for which resolvers may remember anything of it.
    pub fn ttl(&self) -> Option<u32> {
        match self {
            Self::Records { a, aaaa } => a.iter().chain(aaaa).map(|records| records.ttl).max(),
            Self::Pools { pools, .. } => pools.values().map(|pool| pool.ttl).max(),
        }
    }

    /// The records of a kind.
    pub(crate) fn records(&self, ipv4: bool) -> Option<&Records> {
        match self {
            Self::Records { a, .. } if ipv4 => a.as_ref(),
            Self::Records { aaaa, .. } => aaaa.as_ref(),
            Self::Pools { .. } => None,
        }
    }

    /// The same with no TTL above this.
    pub(crate) fn with_ttl_at_most(&self, most: u32) -> Self {
        let mut lowered = self.clone();
        match &mut lowered {
            Self::Records { a, aaaa } => {
                a.iter_mut().chain(aaaa).for_each(|records| records.ttl = records.ttl.min(most))
            }
            Self::Pools { pools, .. } => pools.values_mut().for_each(|pool| pool.ttl = pool.ttl.min(most)),
        }
        lowered
    }

    /// Whether both lead to the same, whatever their TTLs.
    pub(crate) fn leads_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Records { a, aaaa }, Self::Records { a: other_a, aaaa: other_aaaa }) => {
                lead_alike(a.as_ref(), other_a.as_ref()) && lead_alike(aaaa.as_ref(), other_aaaa.as_ref())
            }
            (Self::Pools { enabled, pools }, Self::Pools { enabled: other_enabled, pools: others }) => {
                let members = |all: &BTreeMap<String, Pool>| -> Vec<_> {
                    let each = all
                        .iter()
                        .map(|(name, pool)| (name.clone(), pool.enabled, pool.members.clone()));
                    each.collect()
                };
                enabled == other_enabled && members(pools) == members(others)
            }
            _ => false,
        }
    }

    /// Whether each part of it is as one of the two says: a change from one to the other has begun, or has not.
    pub(crate) fn is_between(&self, from: &Self, to: &Self) -> bool {
        match (self, from, to) {
            (Self::Records { .. }, Self::Records { .. }, Self::Records { .. }) => {
                [true, false].into_iter().all(|ipv4| {
                    let (now, from, to) = (self.records(ipv4), from.records(ipv4), to.records(ipv4));
                    now == from || now == to
                })
            }
            (
                Self::Pools { enabled, pools },
                Self::Pools { enabled: from_enabled, pools: from },
                Self::Pools { enabled: to_enabled, pools: to },
            ) => {
                (enabled == from_enabled || enabled == to_enabled)
                    && pools.keys().eq(from.keys())
                    && pools.keys().eq(to.keys())
                    && pools.iter().all(|(name, pool)| pool.is_between(from.get(name), to.get(name)))
            }
            _ => false,
        }
    }
}

impl Pool {
    fn is_between(&self, from: Option<&Self>, to: Option<&Self>) -> bool {
        let (Some(from), Some(to)) = (from, to) else {
            return false;
        };
        (self.enabled == from.enabled || self.enabled == to.enabled)
            && (self.ttl == from.ttl || self.ttl == to.ttl)
            && self.members.keys().eq(from.members.keys())
            && self.members.keys().eq(to.members.keys())
            && self.members.iter().all(|(name, member)| {
                let as_in = |other: &Self| other.members.get(name).is_some_and(|other| other.enabled == member.enabled);
                as_in(from) || as_in(to)
            })
    }
}

fn lead_alike(one: Option<&Records>, other: Option<&Records>) -> bool {
    one.map(|records| &records.addresses) == other.map(|records| &records.addresses)
}

/// What makes no sense whatever is held.
pub(crate) fn refuse(name: &str, to: &Wanted) -> Result<(), Error> {
    let reason = match to.addresses.len() {
        0 => "no addresses are given",
        n if n > MOST => "more than 64 addresses are given",
        _ => return Ok(()),
    };
    Err(Error::Addresses { name: name.to_owned(), reason: reason.to_owned() })
}

/// The records of a name that leads to `to`. A kind that leads there already stays as it is, with its TTL.
pub(crate) fn target(name: &str, from: &Held, to: &Wanted, taken: impl Fn(u32) -> u32) -> Result<Held, Error> {
    refuse(name, to)?;
    let of_kind = |ipv4| {
        let (addresses, before) = (to.of_kind(ipv4), from.records(ipv4));
        if addresses.is_empty() {
            return None;
        }
        match before {
            Some(records) if records.addresses == addresses => Some(records.clone()),
            _ => {
                let ttl = to.ttl.or(before.map(|records| records.ttl)).or(from.ttl()).unwrap_or(TTL);
                Some(Records { addresses, ttl: taken(ttl) })
            }
        }
    };
    Ok(Held::Records { a: of_kind(true), aaaa: of_kind(false) })
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Pools { enabled: false, .. } = self {
            return f.write_str("a disabled wide IP");
        }
        let addresses: Vec<String> = self.addresses().iter().map(IpAddr::to_string).collect();
        match (addresses.is_empty(), self.ttl()) {
            (true, _) => f.write_str("no addresses"),
            (false, Some(ttl)) => write!(f, "{} with a TTL of {ttl} s", addresses.join(", ")),
            (false, None) => f.write_str(&addresses.join(", ")),
        }
    }
}
