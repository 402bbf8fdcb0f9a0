//! Moving a name to other addresses. Start at [`Zone::switch`].

use crate::ask::{By, Found, find, question};
use crate::verdict::Update;
use crate::wire::{self, Trouble, UPDATE};
use crate::{Error, Tsig, name};
use hickory_proto::op::{Message, OpCode, Query};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use serde::Serialize;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

/// The most addresses that a name can be moved to: more are a mistake.
const MOST: usize = 64;

/// A zone, the server that takes its changes, and the key that may make them.
#[derive(Clone, Debug)]
pub struct Zone {
    /// The zone's primary server.
    pub server: SocketAddr,
    /// The zone's name.
    pub zone: String,
    /// The key that the server lets change it.
    pub key: Tsig,
}

/// What [`Zone::switch`] found and did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Switched {
    /// Where the name led before, by the server itself: IPv4 and IPv6, sorted.
    pub before: Vec<IpAddr>,
    /// Whether an update was made; `false` when the name led there already.
    pub changed: bool,
}

impl Zone {
    /// Lets `name` lead to exactly the addresses `to`, for which resolvers may remember them `ttl` seconds.
    ///
    /// A and AAAA records are replaced in one atomic update, so that there is no moment without an answer: those of the kinds
    /// in `to`, and those of the other kind are deleted if there are any, since a stale AAAA would still lead to the dead
    /// site. Other records of the name stay. All over TCP.
    ///
    /// Guarantees: can be repeated; when the server's addresses are `to` already, nothing is sent (also when their TTL is
    /// another, or the key would be refused). Ends within 24 s. When it succeeds with `changed`, the server has confirmed the
    /// change under the key's signature.
    ///
    /// Caveats: the server's secondaries and resolvers follow later: [`crate::ask()`] them. After [`Error::Unreachable`] and
    /// [`Error::Answer`], the change may have been made: repeat it. Of two callers at once, the later wins.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::Alias`] when the name is a CNAME, on which servers would ignore addresses silently.
    pub async fn switch(&self, name: &str, to: &[IpAddr], ttl: u32) -> Result<Switched, Error> {
        self.switch_at(name, to, ttl, ambient::now().as_second()).await
    }

    /// [`Zone::switch`] with the time of the signature, in seconds since 1970.
    pub(crate) async fn switch_at(&self, name: &str, to: &[IpAddr], ttl: u32, now: i64) -> Result<Switched, Error> {
        let zone = name::parse(&self.zone)?;
        let owner = name::parse(name)?;
        if !zone.zone_of(&owner) {
            return Err(Error::Outside { name: name.to_owned(), zone: self.zone.clone() });
        }
        let to: BTreeSet<IpAddr> = to.iter().copied().collect();
        let refused = |reason| Err(Error::Addresses { name: name.to_owned(), reason });
        if to.is_empty() {
            return refused("no addresses are given");
        }
        if to.len() > MOST {
            return refused("more than 64 addresses are given");
        }
        self.served(&zone).await?;
        let before = self.before(name).await?;
        let changed = before != to;
        if changed {
            self.update(name, update(&zone, &owner, &before, &to, ttl), now).await?;
        }
        Ok(Switched { before: before.into_iter().collect(), changed })
    }

    /// Sees that the server answers for the zone itself. A refused update would not tell: some servers answer to a change of
    /// another's zone as they do to an unknown key.
    async fn served(&self, zone: &Name) -> Result<(), Error> {
        let answer = question(self.server, &self.zone, zone, RecordType::SOA, By::Tcp).await;
        let answer = answer.map_err(|error| self.not_zone(error))?;
        let is_its_own = |record: &Record| record.record_type() == RecordType::SOA && record.name == *zone;
        if answer.authoritative && answer.answers.iter().any(is_its_own) {
            return Ok(());
        }
        let reason = "its answer for the zone's SOA is not one of its own".to_owned();
        Err(Error::NotZone { server: self.server, zone: self.zone.clone(), reason })
    }

    /// Where the name leads by the zone itself.
    async fn before(&self, name: &str) -> Result<BTreeSet<IpAddr>, Error> {
        let found = find(self.server, name, By::Tcp).await;
        let Found { answer, alias } = found.map_err(|error| self.not_zone(error))?;
        if !answer.authoritative {
            let reason = format!("its answer for {name} is not authoritative");
            return Err(Error::NotZone { server: self.server, zone: self.zone.clone(), reason });
        }
        match alias {
            Some(target) => {
                let target = name::shown(&target);
                Err(Error::Alias { server: self.server, name: name.to_owned(), target })
            }
            None => Ok(answer.addresses.into_iter().collect()),
        }
    }

    /// A server that will not answer a question of the zone does not serve it; one that cannot now (`SERVFAIL`) may.
    fn not_zone(&self, error: Error) -> Error {
        match error {
            Error::Refused { subject, rcode, .. } if !rcode.is_failure() => Error::NotZone {
                server: self.server,
                zone: self.zone.clone(),
                reason: format!("it answers {rcode} for {subject}"),
            },
            other => other,
        }
    }

    async fn update(&self, name: &str, message: Message, now: i64) -> Result<(), Error> {
        let server = self.server;
        let time = u64::try_from(now).unwrap_or_default();
        let request = self.key.sign(message.clone(), time).map_err(|error| Error::Request {
            server,
            subject: name.to_owned(),
            reason: error.to_string(),
        })?;
        let update = Update {
            server,
            zone: &self.zone,
            name,
            key: &self.key,
            request: &request,
        };
        let about = |trouble: Trouble| trouble.about(server, &update.subject());
        let reply = wire::tcp(server, &message, &request.bytes, UPDATE).await.map_err(about)?;
        update.verdict(&reply)
    }
}

/// The one message that replaces what differs: per kind, delete the whole set, then add the new records.
pub(crate) fn update(zone: &Name, owner: &Name, before: &BTreeSet<IpAddr>, to: &BTreeSet<IpAddr>, ttl: u32) -> Message {
    let mut message = Message::query();
    message.metadata.op_code = OpCode::Update;
    message.add_query(Query::query(zone.clone(), RecordType::SOA));
    for kind in [RecordType::A, RecordType::AAAA] {
        let of_kind = |all: &BTreeSet<IpAddr>| -> BTreeSet<IpAddr> {
            all.iter()
                .copied()
                .filter(|address| address.is_ipv4() == (kind == RecordType::A))
                .collect()
        };
        let wanted = of_kind(to);
        if of_kind(before) == wanted {
            continue;
        }
        let mut delete = Record::update0(owner.clone(), 0, kind).into_record_of_rdata();
        delete.dns_class = DNSClass::ANY;
        message.add_authority(delete);
        message.add_authorities(wanted.into_iter().map(|address| {
            let data = match address {
                IpAddr::V4(address) => RData::A(address.into()),
                IpAddr::V6(address) => RData::AAAA(address.into()),
            };
            Record::from_rdata(owner.clone(), ttl, data)
        }));
    }
    message
}
