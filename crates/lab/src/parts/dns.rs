//! Names: knot serves the zone (a primary on the backbone, a secondary at each site), unbound caches for the hosts.

use crate::secrets::Secrets;
use crate::topology::{Host, MANAGER_NAME, Part, Topology, ZONE};
use crate::tree::Tree;
use std::fmt::Write as _;
use std::net::Ipv4Addr;

/// The port of name servers and resolvers.
pub(crate) const PORT: u16 = 53;
/// The name of the TSIG key that may update the zone.
pub(crate) const TSIG_NAME: &str = "lifeboat";
/// Seconds for which resolvers keep an answer: what GTMs give by default.
pub(crate) const TTL: u32 = 30;

/// The address of a site's secondary name server, which shares its host with the resolver.
pub(crate) fn secondary_address(lab: &Topology, host: &Host) -> Ipv4Addr {
    let [_, _, site, _] = host.address.octets();
    lab.subnet.address(site, 53)
}

pub(super) fn primary(tree: &mut Tree, lab: &Topology, secrets: &Secrets, host: &Host) {
    let secondaries: Vec<Ipv4Addr> = secondaries(lab);
    let mut remotes = String::new();
    let mut ids = Vec::new();
    for (number, address) in secondaries.iter().enumerate() {
        let id = format!("secondary{number}");
        let _infallible = writeln!(remotes, "  - id: {id}\n    address: {address}@53\n    key: {TSIG_NAME}");
        ids.push(id);
    }
    let config = format!(
        "{}
key:
  - id: {TSIG_NAME}
    algorithm: hmac-sha256
    secret: {}
remote:
{remotes}
acl:
  - id: update
    key: {TSIG_NAME}
    action: [update, transfer]
zone:
  - domain: {ZONE}
    file: {ZONE}.zone
    notify: [{}]
    acl: update
    zonefile-sync: 0
    zonefile-load: difference-no-serial
    journal-content: all
",
        server(host.address),
        secrets.tsig,
        ids.join(", "),
    );
    tree.secret("/etc/knot/knot.conf", config);
    tree.file(&format!("/var/lib/knot/{ZONE}.zone"), zone(lab));
    tree.service("knot", KNOT);
}

pub(super) fn secondary(tree: &mut Tree, lab: &Topology, secrets: &Secrets, host: &Host) {
    let primary = lab.primary_nameserver().unwrap_or(Ipv4Addr::UNSPECIFIED);
    let config = format!(
        "{}
key:
  - id: {TSIG_NAME}
    algorithm: hmac-sha256
    secret: {}
remote:
  - id: primary
    address: {primary}@53
    key: {TSIG_NAME}
acl:
  - id: notify
    key: {TSIG_NAME}
    action: notify
zone:
  - domain: {ZONE}
    master: primary
    acl: notify
    refresh-max-interval: 5
",
        server(secondary_address(lab, host)),
        secrets.tsig,
    );
    tree.secret("/etc/knot/knot.conf", config);
    tree.directory("/var/lib/knot");
    tree.service("knot", KNOT);
}

pub(super) fn resolver(tree: &mut Tree, lab: &Topology, host: &Host) {
    // The site's own secondary, then the others: names resolve as long as one of them answers.
    let mut servers = secondaries(lab);
    servers.sort_by_key(|address| address.octets()[2] != host.address.octets()[2]);
    servers.extend(lab.primary_nameserver());
    let stubs: String = servers.iter().map(|s| format!("  stub-addr: {s}\n")).collect();
    let config = format!(
        "server:
  interface: {}
  interface: 127.0.0.1
  access-control: 10.0.0.0/8 allow
  access-control: 127.0.0.0/8 allow
  do-daemonize: no
  do-ip6: no
  username: \"\"
  chroot: \"\"
  pidfile: \"\"
  use-syslog: no
  logfile: \"\"
  module-config: \"iterator\"
  num-threads: 1
  cache-max-negative-ttl: 5
  infra-host-ttl: 60
  # RFC 6761 makes resolvers answer for test. themselves; here it is a real zone.
  local-zone: \"test.\" nodefault
remote-control:
  control-enable: yes
  control-interface: /run/unbound.ctl
stub-zone:
  name: \"{ZONE}\"
{stubs}",
        host.address
    );
    tree.file("/etc/unbound/unbound.conf", config);
    tree.service("unbound", "exec /usr/sbin/unbound -d -p -c /etc/unbound/unbound.conf");
}

const KNOT: &str = "mkdir -p /run/knot /var/lib/knot\nexec /usr/sbin/knotd -c /etc/knot/knot.conf";

fn server(address: Ipv4Addr) -> String {
    format!(
        "server:
  rundir: /run/knot
  listen: [ {address}@53 ]
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: /var/lib/knot
  journal-db-max-size: 32M
  timer-db-max-size: 16M
log:
  - target: stderr
    any: info
template:
  - id: default
    storage: /var/lib/knot"
    )
}

pub(super) fn secondaries(lab: &Topology) -> Vec<Ipv4Addr> {
    lab.hosts_with(|p| *p == Part::SecondaryNameserver)
        .map(|h| secondary_address(lab, h))
        .collect()
}

/// The zone as it is at first: every host, and the manager's name at the main site's load balancer.
pub(crate) fn zone(lab: &Topology) -> String {
    let mut zone = format!("$ORIGIN {ZONE}.\n$TTL {TTL}\n@ SOA ns.{ZONE}. hostmaster.{ZONE}. 1 5 2 3600 5\n");
    let mut record = |name: &str, kind: &str, value: &str| {
        let _infallible = writeln!(zone, "{name} {kind} {value}");
    };
    record("@", "NS", "ns");
    if let Some(primary) = lab.primary_nameserver() {
        record("ns", "A", &primary.to_string());
    }
    for host in &lab.hosts {
        record(host.name.as_str(), "A", &host.address.to_string());
        for part in &host.parts {
            let site = &host.site;
            let own = host.address.to_string();
            match part {
                Part::SecondaryNameserver => {
                    record("@", "NS", &format!("ns-{site}"));
                    record(&format!("ns-{site}"), "A", &secondary_address(lab, host).to_string());
                }
                Part::ObjectStore => record(&format!("s3-{site}"), "A", &own),
                Part::Registry => record(&format!("registry-{site}"), "A", &own),
                Part::LoadBalancer => {
                    record(&format!("rancher-{site}"), "A", &own);
                    if site.as_str() == "main" {
                        record(MANAGER_NAME.trim_end_matches(&format!(".{ZONE}")), "A", &own);
                    }
                }
                _ => {}
            }
        }
    }
    zone
}
