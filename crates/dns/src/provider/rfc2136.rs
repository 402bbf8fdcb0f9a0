//! A zone at any name server that takes RFC 2136 updates, signed with TSIG (RFC 8945). Start at [`Zone`].

use super::{Held, Provider, Records, Right, Wanted, judged, kind};
use crate::ask::{By, Found, collect, question};
use crate::verdict::Update;
use crate::wire::{self, Trouble, UPDATE};
use crate::{Error, Rcode, Tsig, name};
use async_trait::async_trait;
use hickory_proto::op::{Message, OpCode, Query};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// A zone, the server that takes its changes, and the key that may make them. Tested against Knot.
///
/// A and AAAA records are replaced in one atomic update, so that there is no moment without an answer. The update has the
/// addresses that were read as its prerequisites, so the server itself refuses it when somebody else was quicker; a prerequisite
/// says nothing of TTLs, so that another's change of the TTL alone, between our last look and the update, is overwritten. Other
/// records of the name stay. All goes over TCP. A change ends within 26 s, and one that succeeds was confirmed under the key's
/// signature.
///
/// What `check` proves: the server takes a signed update of this very name and type. What it cannot: that the server can write
/// its journal when something does change.
#[derive(Clone, Debug)]
pub struct Zone {
    /// The zone's primary server.
    pub server: SocketAddr,
    /// The zone's name.
    pub zone: String,
    /// The key that the server lets change it.
    pub key: Tsig,
}

#[async_trait]
impl Provider for Zone {
    fn place(&self) -> String {
        format!("name server {}", self.server)
    }

    fn zone(&self) -> &str {
        &self.zone
    }

    async fn read(&self, name: &str) -> Result<Held, Error> {
        let (zone, owner) = self.inside(name)?;
        self.served(&zone).await?;
        let a = self.records(name, &owner, RecordType::A).await?;
        let aaaa = self.records(name, &owner, RecordType::AAAA).await?;
        Ok(Held::Records { a, aaaa })
    }

    async fn replace(&self, name: &str, from: &Held, to: &Held) -> Result<(), Error> {
        let (zone, owner) = self.inside(name)?;
        match self.send(name, update(&zone, &owner, from, to)).await {
            // One of its prerequisites does not hold.
            Err(error @ Error::Refused { rcode: Rcode::YXRRSET | Rcode::NXRRSET, .. }) => {
                judged(self, name, from, to, error).await
            }
            other => other,
        }
    }

    async fn servers(&self) -> Result<BTreeSet<String>, Error> {
        let zone = name::parse(&self.zone)?;
        let answer = question(self.server, &self.zone, &zone, RecordType::NS, By::Tcp).await;
        let answer = answer.map_err(|error| self.not_zone(error))?;
        Ok(crate::delegation::named(&zone, &answer.answers))
    }

    async fn may_change(&self, name: &str, held: &Held) -> Result<Right, Error> {
        let (zone, owner) = self.inside(name)?;
        let mut message = update(&zone, &owner, held, held);
        // No zone has this address, so that deleting it changes nothing; but the server looks at the right to it first.
        let mut nothing = Record::from_rdata(owner, 0, RData::A(Ipv4Addr::UNSPECIFIED.into()));
        nothing.dns_class = DNSClass::NONE;
        message.add_authority(nothing);
        match self.send(name, message).await {
            // It looks at that before it looks at rights.
            Err(Error::Refused { rcode: Rcode::YXRRSET | Rcode::NXRRSET, .. }) => {
                return Ok(Right::Unproven("somebody else changed it meanwhile".to_owned()));
            }
            other => other?,
        }
        Ok(Right::Proven(format!(
            "the server took a signed update of it that changes nothing, made with the key {}",
            self.key.name()
        )))
    }

    fn by_hand(&self, name: &str, from: &Held, to: &Wanted) -> Vec<String> {
        let target = match self.target(name, from, to) {
            Ok(target) => target,
            Err(error) => return vec![error.to_string()],
        };
        let mut lines = format!("server {} {}\\nzone {}\\n", self.server.ip(), self.server.port(), self.zone);
        for ipv4 in [true, false] {
            let (before, wanted) = (from.records(ipv4), target.records(ipv4));
            if before == wanted {
                continue;
            }
            let kind = kind(ipv4);
            lines += &format!("update delete {name} {kind}\\n");
            if let Some(records) = wanted {
                for address in &records.addresses {
                    lines += &format!("update add {name} {} {kind} {address}\\n", records.ttl);
                }
            }
        }
        vec![format!("printf '{lines}send\\n' | nsupdate -k KEY")]
    }
}

impl Zone {
    /// The same as the other providers have it. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Name`].
    pub fn open(self) -> Result<Box<dyn Provider>, Error> {
        name::parse(&self.zone)?;
        Ok(Box::new(self))
    }

    /// The names of the zone and of what is in it.
    fn inside(&self, text: &str) -> Result<(Name, Name), Error> {
        let (zone, owner) = (name::parse(&self.zone)?, name::parse(text)?);
        match zone.zone_of(&owner) {
            true => Ok((zone, owner)),
            false => Err(Error::Outside { name: text.to_owned(), zone: self.zone.clone() }),
        }
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

    /// The records of one type, by the zone itself.
    async fn records(&self, text: &str, owner: &Name, kind: RecordType) -> Result<Option<Records>, Error> {
        let message = question(self.server, text, owner, kind, By::Tcp).await;
        let Found { answer, alias } = collect(owner, &message.map_err(|error| self.not_zone(error))?);
        if !answer.authoritative {
            let reason = format!("its answer for {text} is not authoritative");
            return Err(Error::NotZone { server: self.server, zone: self.zone.clone(), reason });
        }
        if let Some(target) = alias {
            let target = name::shown(&target);
            return Err(Error::Alias { server: self.server, name: text.to_owned(), target });
        }
        let of_kind = |address: &IpAddr| address.is_ipv4() == (kind == RecordType::A);
        let addresses: BTreeSet<IpAddr> = answer.addresses.into_iter().filter(of_kind).collect();
        Ok((!addresses.is_empty()).then_some(Records { addresses, ttl: answer.ttl }))
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

    async fn send(&self, name: &str, update: Message) -> Result<(), Error> {
        self.update(name, update, ambient::now().as_second()).await
    }

    /// Sends an update; `now` is the time of its signature, in seconds since 1970.
    pub(crate) async fn update(&self, name: &str, message: Message, now: i64) -> Result<(), Error> {
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
        let about = |trouble: Trouble| match trouble {
            Trouble::Cut(reason) => Error::Lost { service: self.place(), subject: update.subject(), reason },
            other => other.about(server, &update.subject()),
        };
        let reply = wire::tcp(server, &message, &request.bytes, UPDATE).await.map_err(about)?;
        update.verdict(&reply)
    }
}

/// The one message that replaces what differs, if the addresses are still those of `from`: per kind, delete the whole set, then
/// add the new records.
pub(crate) fn update(zone: &Name, owner: &Name, from: &Held, to: &Held) -> Message {
    let mut message = Message::query();
    message.metadata.op_code = OpCode::Update;
    message.add_query(Query::query(zone.clone(), RecordType::SOA));
    for (ipv4, kind) in [(true, RecordType::A), (false, RecordType::AAAA)] {
        let (before, wanted) = (from.records(ipv4), to.records(ipv4));
        // The prerequisites of RFC 2136, sections 2.4.2 and 2.4.3, which are written where a question has its answers.
        match before {
            Some(records) => message.add_answers(written(owner, records, 0)),
            None => message.add_answers([whole(owner, kind, DNSClass::NONE)]),
        };
        if before == wanted {
            continue;
        }
        message.add_authority(whole(owner, kind, DNSClass::ANY));
        if let Some(records) = wanted {
            message.add_authorities(written(owner, records, records.ttl));
        }
    }
    message
}

/// A record without data, that stands for the whole set.
fn whole(owner: &Name, kind: RecordType, class: DNSClass) -> Record {
    let mut record = Record::update0(owner.clone(), 0, kind).into_record_of_rdata();
    record.dns_class = class;
    record
}

fn written(owner: &Name, records: &Records, ttl: u32) -> Vec<Record> {
    let each = records.addresses.iter().map(|address| {
        let data = match *address {
            IpAddr::V4(address) => RData::A(address.into()),
            IpAddr::V6(address) => RData::AAAA(address.into()),
        };
        Record::from_rdata(owner.clone(), ttl, data)
    });
    each.collect()
}
