//! Who serves a zone, by those who lead there. Start at [`authoritative`]; [`at_parent`] is half of a check.

use crate::ask::{By, question};
use crate::{Error, ask, name};
use hickory_proto::op::Message;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use std::collections::BTreeSet;
use std::net::SocketAddr;

/// Where name servers listen.
const PORT: u16 = 53;

/// How many servers of a zone are asked before it counts as unreachable.
const SERVERS_MAX: usize = 8;

/// The addresses of the servers of a zone, by its NS records and theirs, as a resolver finds them.
///
/// # Errors
/// As [`ask()`](crate::ask()) of the resolver. Servers whose addresses cannot be found are left out.
pub async fn authoritative(resolver: SocketAddr, zone: &str) -> Result<Vec<SocketAddr>, Error> {
    let parsed = name::parse(zone)?;
    let answer = question(resolver, zone, &parsed, RecordType::NS, By::Udp).await?;
    Ok(addresses(resolver, &named(&parsed, &answer.answers), PORT).await)
}

async fn addresses(resolver: SocketAddr, servers: &BTreeSet<String>, port: u16) -> Vec<SocketAddr> {
    let mut found = Vec::new();
    for server in servers.iter().take(SERVERS_MAX) {
        if let Ok(answer) = ask(resolver, server).await {
            found.extend(answer.addresses.into_iter().map(|address| SocketAddr::new(address, port)));
        }
    }
    found
}

/// The names of a zone's servers by its parent zone's servers, asked directly, which the first resolver that answers finds.
pub(crate) async fn at_parent(resolvers: &[SocketAddr], zone: &str) -> Result<BTreeSet<String>, String> {
    at_parent_by(resolvers, zone, PORT).await
}

pub(crate) async fn at_parent_by(resolvers: &[SocketAddr], zone: &str, port: u16) -> Result<BTreeSet<String>, String> {
    let parsed = name::parse(zone).map_err(|error| error.to_string())?;
    let mut last = "no resolver is given".to_owned();
    for resolver in resolvers {
        match by_one(*resolver, zone, &parsed, port).await {
            Ok(found) => return Ok(found),
            Err(reason) => last = reason,
        }
    }
    Err(last)
}

async fn by_one(resolver: SocketAddr, text: &str, zone: &Name, port: u16) -> Result<BTreeSet<String>, String> {
    let mut parent = zone.clone();
    let servers = loop {
        if parent.is_root() {
            return Err(format!("{resolver} knows no name servers of a zone above {text}"));
        }
        parent = parent.base_name();
        let shown = name::shown(&parent);
        let answer = question(resolver, &shown, &parent, RecordType::NS, By::Udp).await;
        let answer = answer.map_err(|error| error.to_string())?;
        let servers = named(&parent, &answer.answers);
        if !servers.is_empty() {
            break servers;
        }
    };
    let mut last = format!("the name servers of {} have no addresses", name::shown(&parent));
    for server in addresses(resolver, &servers, port).await {
        match question(server, text, zone, RecordType::NS, By::Tcp).await {
            Ok(answer) => return Ok(referred(zone, &answer)),
            Err(error) => last = error.to_string(),
        }
    }
    Err(last)
}

/// The servers that an answer names for a zone: its own, or those that it refers to.
fn referred(zone: &Name, answer: &Message) -> BTreeSet<String> {
    let mut all = named(zone, &answer.answers);
    all.extend(named(zone, &answer.authorities));
    all
}

/// The servers that records name for a zone, without final dots and in small letters.
pub(crate) fn named(zone: &Name, records: &[Record]) -> BTreeSet<String> {
    let of_zone = records.iter().filter(|record| record.name == *zone);
    let servers = of_zone.filter_map(|record| match &record.data {
        RData::NS(server) => Some(name::shown(&server.0).to_ascii_lowercase()),
        _ => None,
    });
    servers.collect()
}
