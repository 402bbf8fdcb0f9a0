//! The lab as an estate that Lifeboat protects: `lifeboat.yaml` with its secrets, the service that serves it on the host of
//! each site, and the gate before what a fenced site must not start.
//!
//! Start at [`yaml`], and at [`render`] for what each host gets.

use super::{dns, manager, services};
use crate::error::{Error, Result};
use crate::record::Record;
use crate::secrets::{EstateKeys, Secrets};
use crate::topology::{Host, MANAGER_NAME, Topology, ZONE};
use crate::tree::Tree;
use ::estate::Distribution;
use std::fmt::Write as _;
use std::path::Path;

/// The estate file's name.
pub(crate) const FILE: &str = "lifeboat.yaml";
/// The service that runs `lifeboat serve`.
pub(crate) const SERVICE: &str = "lifeboat";
/// Where it listens to the other sites.
pub(crate) const PORT: u16 = 7445;

/// The estate file, with `@NAME@` where the lab's own values go.
const TEMPLATE: &str = include_str!("estate/lifeboat.yaml");
/// Where a host has the estate.
const DIRECTORY: &str = "/etc/lifeboat";
/// The hosts of the primary and the standby.
const PRIMARY: &str = "main-1";
const STANDBY: &str = "standby-1";
const WITNESS: &str = "witness";

/// What the operator has: everything, and beside it in the lab's directory the SSH key.
pub(crate) const OPERATOR: &[&str] = &[
    FILE,
    "peers.key",
    "s3.access",
    "s3.secret",
    "identity.txt",
    "identity-spare.txt",
    "signer.key",
    "lifeboat-root.key",
    "rancher-ca.pem",
    "api-token",
    "tsig.key",
    "known_hosts",
];
/// What the primary has: enough to take copies of its own cluster, not enough to recover or to move the name.
const OF_PRIMARY: &[&str] = &[
    FILE,
    "peers.key",
    "s3.access",
    "s3.secret",
    "identity.txt",
    "signer.key",
    "rancher-ca.pem",
];
/// What the standby has: enough to recover with nobody's help.
const OF_STANDBY: &[&str] = &[
    FILE,
    "peers.key",
    "s3.access",
    "s3.secret",
    "identity.txt",
    "signer.key",
    "rancher-ca.pem",
    "api-token",
    "tsig.key",
    "known_hosts",
    "id_ed25519",
];
/// What the witness has: enough to look and to vote.
const OF_WITNESS: &[&str] = &[FILE, "peers.key", "rancher-ca.pem"];

/// Whether Lifeboat can protect such a lab.
pub(crate) fn protectable(lab: &Topology) -> bool {
    lab.options.layout == Distribution::Kubeadm && !lab.options.pods
}

/// The hosts on which Lifeboat serves, one of each site that decides.
pub(crate) fn stands(lab: &Topology) -> Result<impl Iterator<Item = &Host>> {
    let found: Result<Vec<&Host>> = [PRIMARY, STANDBY, WITNESS].map(|name| lab.host(name)).into_iter().collect();
    Ok(found?.into_iter())
}

/// The estate's files on `host` and its service there; nothing on most hosts.
pub(super) fn render(tree: &mut Tree, lab: &Topology, secrets: &Secrets, host: &Host) -> Result<()> {
    let (Some(keys), Some(wanted)) = (&secrets.estate, wanted(host)) else {
        return Ok(());
    };
    for (name, content) in files(lab, secrets, keys, host.name.as_str() == PRIMARY)? {
        if wanted.contains(&name) {
            tree.secret(&format!("{DIRECTORY}/{name}"), content);
        }
    }
    tree.service(SERVICE, &format!("exec lifeboat serve --estate {DIRECTORY}/{FILE}"));
    tree.down(SERVICE);
    Ok(())
}

/// Writes what the operator has into the lab's directory.
pub(crate) fn write(record: &Record, directory: &Path) -> Result<()> {
    let Some(keys) = &record.secrets.estate else {
        return Ok(());
    };
    let mut tree = Tree::default();
    for (name, content) in files(&record.topology, &record.secrets, keys, false)? {
        if OPERATOR.contains(&name) {
            tree.secret(name, content);
        }
    }
    tree.write(directory)
}

/// Writes anew by which keys the operator knows the lab's hosts.
pub(crate) fn write_known_hosts(record: &Record, directory: &Path) -> Result<()> {
    let mut tree = Tree::default();
    tree.secret("known_hosts", known_hosts(&record.topology, &record.secrets));
    tree.write(directory)
}

/// What the script of a service that a fenced site must not start begins with: it goes on once the site may. Nothing where
/// Lifeboat does not serve, nor on hosts that it does not fence.
pub(super) fn gate(secrets: &Secrets, host: &Host) -> String {
    if secrets.estate.is_none() || ![PRIMARY, STANDBY].contains(&host.name.as_str()) {
        return String::new();
    }
    // A gate that fails is no open gate: runit tries again. And it ends with this script, when that is stopped meanwhile.
    format!(
        "[ -e /etc/service/{SERVICE}/down ] || setpriv --pdeathsig KILL -- lifeboat gate --estate {DIRECTORY}/{FILE} || exit 1\n"
    )
}

fn wanted(host: &Host) -> Option<&'static [&'static str]> {
    match host.name.as_str() {
        PRIMARY => Some(OF_PRIMARY),
        STANDBY => Some(OF_STANDBY),
        WITNESS => Some(OF_WITNESS),
        _ => None,
    }
}

/// Every file of the estate, by its name: as the primary has it, or as the standby and the operator do.
fn files(
    lab: &Topology,
    secrets: &Secrets,
    keys: &EstateKeys,
    at_primary: bool,
) -> Result<Vec<(&'static str, String)>> {
    let line = |text: &str| format!("{text}\n");
    let (identity, signer) = match at_primary {
        true => (&keys.main, &keys.main_signer),
        false => (&keys.standby, &keys.standby_signer),
    };
    Ok(vec![
        (FILE, yaml(lab, keys)?),
        ("peers.key", line(&keys.peers)),
        ("s3.access", line(&secrets.s3_access)),
        ("s3.secret", line(&secrets.s3_secret)),
        ("identity.txt", line(&identity.identity)),
        ("signer.key", line(&signer.secret)),
        ("lifeboat-root.key", line(&keys.root.secret)),
        ("identity-spare.txt", line(&keys.spare.identity)),
        ("rancher-ca.pem", secrets.manager_ca.clone()),
        ("api-token", line(&secrets.api_token)),
        ("tsig.key", line(&secrets.tsig)),
        ("known_hosts", known_hosts(lab, secrets)),
        ("id_ed25519", keys.ssh.clone()),
    ])
}

/// The hosts' SSH keys, by address and by name.
fn known_hosts(lab: &Topology, secrets: &Secrets) -> String {
    let mut text = String::new();
    for host in &lab.hosts {
        if let Some(key) = secrets.host_keys.get(host.name.as_str()) {
            let name = &host.name;
            let _infallible = writeln!(text, "{},{name}.{ZONE},{name} {}", host.address, key.public.trim());
        }
    }
    text
}

/// The estate file, written for whoever sees one for the first time.
fn yaml(lab: &Topology, keys: &EstateKeys) -> Result<String> {
    let missing = |what: &str| Error::Topology { object: what.to_owned(), reason: "the lab has none".into() };
    let nameserver = lab.primary_nameserver().ok_or_else(|| missing("a primary name server"))?;
    // The witness asks the edges' resolver: the one that agents use.
    let resolver = lab
        .resolver_for(lab.host(WITNESS)?)
        .ok_or_else(|| missing("a resolver of the edges"))?;
    let secondaries: Vec<String> = dns::secondaries(lab)
        .iter()
        .map(|at| format!("\"{at}:{}\"", dns::PORT))
        .collect();
    let filled = [
        ("NAME", lab.name().to_string()),
        ("MAIN", lab.host(PRIMARY)?.address.to_string()),
        ("STANDBY", lab.host(STANDBY)?.address.to_string()),
        ("WITNESS", lab.host(WITNESS)?.address.to_string()),
        ("SERVE_PORT", PORT.to_string()),
        ("STORE", lab.host("standby-svc")?.address.to_string()),
        ("S3_PORT", services::S3_PORT.to_string()),
        ("BUCKET", services::BUCKET.to_owned()),
        ("MAIN_RECIPIENT", keys.main.recipient.clone()),
        ("STANDBY_RECIPIENT", keys.standby.recipient.clone()),
        ("SPARE_RECIPIENT", keys.spare.recipient.clone()),
        ("MAIN_WRITER", keys.main_signer.public.clone()),
        ("STANDBY_WRITER", keys.standby_signer.public.clone()),
        ("ROOT", keys.root.public.clone()),
        ("MAIN_BALANCER", lab.load_balancer("main")?.to_string()),
        ("STANDBY_BALANCER", lab.load_balancer("standby")?.to_string()),
        ("MANAGER_NAME", MANAGER_NAME.to_owned()),
        ("MANAGER_PORT", manager::PORT.to_string()),
        ("MANAGER", manager::SERVICE.to_owned()),
        ("ZONE", ZONE.to_owned()),
        ("NAMESERVER", nameserver.to_string()),
        ("RESOLVER", resolver.to_string()),
        ("SECONDARIES", secondaries.join(", ")),
        ("DNS_PORT", dns::PORT.to_string()),
        ("TSIG_NAME", dns::TSIG_NAME.to_owned()),
        ("TTL", dns::TTL.to_string()),
    ];
    let fill = |text: String, (name, value): &(&str, String)| text.replace(&format!("@{name}@"), value);
    Ok(filled.iter().fold(TEMPLATE.to_owned(), fill))
}

#[cfg(test)]
mod tests;
