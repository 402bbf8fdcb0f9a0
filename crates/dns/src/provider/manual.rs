//! A name that a person moves, wherever it is kept. Start at [`Manual`].

use super::{Held, Provider, Records, Right, Wanted};
use crate::ask::{By, question};
use crate::delegation::named;
use crate::{Error, ask, name};
use async_trait::async_trait;
use hickory_proto::rr::RecordType;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

/// A name that only a person can move: it is said exactly what to change, in the estate's own words, and [`crate::verify`] and
/// [`crate::seen()`] watch until it is.
///
/// What is there now is what the given servers answer, so that a cache among them may say what was. What `check` proves: that the
/// name leads somewhere, and that its TTL fits. What it cannot: that somebody with the right to change it can be found at night.
#[derive(Clone, Debug)]
pub struct Manual {
    /// The zone's domain name.
    pub zone: String,
    /// Who answers for the zone: the first that answers is believed.
    pub servers: Vec<SocketAddr>,
    /// What a person does, a line each. `{name}`, `{addresses}`, `{ttl}` and `{before}` stand for what is to be typed or clicked.
    pub words: Vec<String>,
}

impl Manual {
    /// Makes it ready. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Settings`] and [`Error::Name`].
    pub fn open(self) -> Result<Box<dyn Provider>, Error> {
        name::parse(&self.zone)?;
        match self.servers.is_empty() {
            true => Err(Error::Settings {
                service: self.place(),
                reason: "no name servers are given".to_owned(),
            }),
            false => Ok(Box::new(self)),
        }
    }
}

#[async_trait]
impl Provider for Manual {
    fn place(&self) -> String {
        format!("the zone {}, kept by people", self.zone)
    }

    fn zone(&self) -> &str {
        &self.zone
    }

    async fn read(&self, text: &str) -> Result<Held, Error> {
        name::within(&self.zone, text)?;
        let mut last = None;
        for server in &self.servers {
            match ask(*server, text).await {
                Ok(answer) => {
                    let of_kind = |ipv4| {
                        let of_kind = answer.addresses.iter().filter(|address| address.is_ipv4() == ipv4);
                        let addresses: BTreeSet<IpAddr> = of_kind.copied().collect();
                        (!addresses.is_empty()).then_some(Records { addresses, ttl: answer.ttl })
                    };
                    return Ok(Held::Records { a: of_kind(true), aaaa: of_kind(false) });
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| Error::Settings {
            service: self.place(),
            reason: "no name servers are given".to_owned(),
        }))
    }

    /// Never called: nothing is changed here.
    async fn replace(&self, _name: &str, _from: &Held, _to: &Held) -> Result<(), Error> {
        Err(Error::Settings {
            service: self.place(),
            reason: "a person changes it".to_owned(),
        })
    }

    async fn servers(&self) -> Result<BTreeSet<String>, Error> {
        let zone = name::parse(&self.zone)?;
        let mut last = None;
        for server in &self.servers {
            match question(*server, &self.zone, &zone, RecordType::NS, By::Udp).await {
                Ok(answer) => return Ok(named(&zone, &answer.answers)),
                Err(error) => last = Some(error),
            }
        }
        last.map_or_else(|| Ok(BTreeSet::new()), Err)
    }

    async fn may_change(&self, _name: &str, _held: &Held) -> Result<Right, Error> {
        Ok(Right::Unproven("a person changes it".to_owned()))
    }

    fn acts(&self) -> bool {
        false
    }

    fn by_hand(&self, name: &str, from: &Held, to: &Wanted) -> Vec<String> {
        let listed = |all: &BTreeSet<IpAddr>| all.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", ");
        let ttl = to.ttl.or(from.ttl()).map(|ttl| ttl.to_string()).unwrap_or_default();
        let said = |line: &str| {
            line.replace("{name}", name)
                .replace("{addresses}", &listed(&to.addresses))
                .replace("{ttl}", &ttl)
                .replace("{before}", &listed(&from.addresses()))
        };
        match self.words.is_empty() {
            true => vec![said(
                "where {name} is kept, put {addresses} in the place of {before}, with a TTL of {ttl} s",
            )],
            false => self.words.iter().map(|line| said(line)).collect(),
        }
    }
}
