//! What name servers and resolvers answer for the manager's name.

use super::NameStatus;
use crate::error::Result;
use crate::parts::dns;
use crate::shell;
use crate::topology::{Host, MANAGER_NAME, Part, Topology};
use futures::future::try_join_all;
use std::net::Ipv4Addr;

pub(super) async fn take(lab: &Topology) -> Result<Vec<NameStatus>> {
    let mut servers: Vec<(&Host, Ipv4Addr)> = Vec::new();
    for host in &lab.hosts {
        for part in &host.parts {
            match part {
                Part::PrimaryNameserver | Part::Resolver => servers.push((host, host.address)),
                Part::SecondaryNameserver => servers.push((host, dns::secondary_address(lab, host))),
                _ => {}
            }
        }
    }
    try_join_all(servers.into_iter().map(|(host, address)| ask(host, address))).await
}

async fn ask(host: &Host, address: Ipv4Addr) -> Result<NameStatus> {
    let server = format!("@{address}");
    let words = ["dig", "+short", "+time=1", "+tries=1", &server, MANAGER_NAME, "A"];
    let said = shell::output("asking for a name", &words, "").await?.stdout;
    // Without an answer dig explains itself in lines that begin with ';'.
    let answer: Vec<&str> = said.lines().filter(|line| !line.starts_with(';')).collect();
    Ok(NameStatus {
        name: MANAGER_NAME.into(),
        server: host.name.clone(),
        address,
        answer: answer.join(", "),
    })
}
