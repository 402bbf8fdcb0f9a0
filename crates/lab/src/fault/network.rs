//! Cuts, loss and bandwidth, rendered as a whole for all faults in force; and links that go down with the power.
//!
//! Rules stand at the routers, never on hosts: a host cannot see them, and its sends do not fail with "not permitted".

use super::{Break, Fault, Target, Way};
use crate::error::Result;
use crate::network::{batch, core, namespace, port, router, uplink_setup};
use crate::record::Record;
use crate::shell;
use crate::topology::{Host, Site, Topology};
use estate::Name;
use std::fmt::Write as _;

/// Sets rules and shapers for exactly the faults of `record`.
pub(super) async fn render(record: &Record) -> Result<()> {
    let lab = &record.topology;
    let core = core(lab.name());
    nft(&core, &core_rules(lab, &record.faults)).await?;
    for site in &lab.sites {
        nft(&router(lab.name(), &site.name), &router_rules(lab, site, &record.faults)).await?;
    }
    shape(lab, &record.faults).await
}

async fn nft(namespace: &str, rules: &str) -> Result<()> {
    let words = ["ip", "netns", "exec", namespace, "nft", "-f", "-"];
    shell::run_with("setting packet rules", &words, rules).await?;
    Ok(())
}

/// Between sites. A dead site's router says nothing: without the output chain the core would answer for it.
///
/// By address and not by link: packets with a latency take a detour through the relay's.
fn core_rules(lab: &Topology, faults: &[Fault]) -> String {
    let range = |name: &Name| {
        lab.site(name.as_str())
            .map(|s| format!("{}/24", lab.subnet.address(s.index, 0)))
    };
    let mut forward = String::new();
    for fault in faults {
        let Break::Cut { target: Target::Site(site), from: Some(other), way } = &fault.what else {
            continue;
        };
        let (Ok(site), Ok(other)) = (range(site), range(other)) else {
            continue;
        };
        if matches!(way, Way::Both | Way::Out) {
            let _infallible = writeln!(forward, "  ip saddr {site} ip daddr {other} drop");
        }
        if matches!(way, Way::Both | Way::In) {
            let _infallible = writeln!(forward, "  ip saddr {other} ip daddr {site} drop");
        }
    }
    format!(
        "{}{}",
        SILENCE,
        table("inet", "forward", "type filter hook forward priority 0; policy accept;", &forward)
    )
}

const SILENCE: &str = "add table inet silence
delete table inet silence
table inet silence {
 chain output {
  type filter hook output priority 0; policy accept;
  icmp type destination-unreachable drop
 }
}
";

fn table(family: &str, name: &str, hook: &str, rules: &str) -> String {
    format!(
        "add table {family} {name}\ndelete table {family} {name}\n\
         table {family} {name} {{\n chain {name} {{\n  {hook}\n{rules} }}\n}}\n"
    )
}

/// At a site's router: everything that passes its uplink (a fault of the site) or a host's port (a fault of the host).
fn router_rules(lab: &Topology, site: &Site, faults: &[Fault]) -> String {
    let mut devices = vec![("wan".to_owned(), Target::Site(site.name.clone()), true)];
    devices.extend(lab.hosts_of(&site.name).map(|h| (port(h), Target::Host(h.name.clone()), false)));
    let mut text = SILENCE.to_owned();
    for (device, target, uplink) in devices {
        let mut to_target = String::new();
        let mut from_target = String::new();
        for fault in faults {
            match &fault.what {
                Break::Cut { target: t, from: None, way } if *t == target => {
                    if matches!(way, Way::Both | Way::In) {
                        to_target.push_str("  drop\n");
                    }
                    if matches!(way, Way::Both | Way::Out) {
                        from_target.push_str("  drop\n");
                    }
                }
                Break::Loss { target: t, percent } if *t == target => {
                    // In thousandths of a percent, so that small losses can be asked for.
                    let share = (percent * 1000.0).round();
                    let rule = format!("  numgen random mod 100000 < {share} drop\n");
                    to_target.push_str(&rule);
                    from_target.push_str(&rule);
                }
                _ => {}
            }
        }
        // Seen from the router, traffic to the site comes in at the uplink, traffic to a host goes out at its port.
        let (ingress, egress) = if uplink {
            (to_target, from_target)
        } else {
            (from_target, to_target)
        };
        for (direction, rules) in [("ingress", ingress), ("egress", egress)] {
            let hook = format!("type filter hook {direction} device \"{device}\" priority 0; policy accept;");
            let name = format!("{direction}_{device}");
            if rules.is_empty() {
                let _infallible = writeln!(text, "add table netdev {name}\ndelete table netdev {name}");
            } else {
                text.push_str(&table("netdev", &name, &hook, &rules));
            }
        }
    }
    text
}

/// Token buckets at both ends of a link: each end shapes what it sends.
async fn shape(lab: &Topology, faults: &[Fault]) -> Result<()> {
    let name = lab.name();
    let mut ends: Vec<(String, String, Target)> = Vec::new();
    for site in &lab.sites {
        ends.push((router(name, &site.name), "wan".into(), Target::Site(site.name.clone())));
        ends.push((core(name), site.name.to_string(), Target::Site(site.name.clone())));
    }
    for host in &lab.hosts {
        ends.push((router(name, &host.site), port(host), Target::Host(host.name.clone())));
        ends.push((namespace(name, &host.name), "eth0".into(), Target::Host(host.name.clone())));
    }
    for (namespace, device, target) in ends {
        let limit = faults.iter().rev().find_map(|f| match &f.what {
            Break::Bandwidth { target: t, kbit } if *t == target => Some(*kbit),
            _ => None,
        });
        let Some(kbit) = limit else {
            if limits(&namespace, &device).await? {
                let words = ["tc", "-n", &namespace, "qdisc", "del", "dev", &device, "root"];
                shell::run("lifting a limit on bandwidth", &words).await?;
            }
            continue;
        };
        let rate = format!("{kbit}kbit");
        let words = [
            "tc", "-n", &namespace, "qdisc", "replace", "dev", &device, "root", "tbf", "rate", &rate,
        ];
        let words = [&words[..], &["burst", "16k", "latency", "200ms"]].concat();
        shell::run("limiting bandwidth", &words).await?;
    }
    Ok(())
}

async fn limits(namespace: &str, device: &str) -> Result<bool> {
    let words = ["tc", "-n", namespace, "qdisc", "show", "dev", device];
    Ok(shell::run("looking for a limit on bandwidth", &words).await?.contains("tbf"))
}

/// Sets the links of `target`'s site and hosts to what the faults of `record` leave of them: down where there is no power.
pub(super) async fn render_links(record: &Record, target: &Target) -> Result<()> {
    let lab = &record.topology;
    let hosts = target.hosts(lab)?;
    let Some(first) = hosts.first() else { return Ok(()) };
    let site = lab.site(first.site.as_str())?;
    batch(Some(&router(lab.name(), &site.name)), &link_states(record, site)).await?;
    // Routes over a link go when it goes down; these are no errors where they are there.
    if !powerless(record, &Target::Site(site.name.clone())) {
        let there = lab.subnet.address(255, 4 * site.index + 2);
        let route = format!("route replace {}/24 via {there}\n", lab.subnet.address(site.index, 0));
        batch(Some(&core(lab.name())), &route).await?;
    }
    for host in hosts.into_iter().filter(|h| !without_power(record, h)) {
        let [a, b, c, _] = host.address.octets();
        let route = format!("route replace default via {a}.{b}.{c}.1\n");
        batch(Some(&namespace(lab.name(), &host.name)), &route).await?;
    }
    Ok(())
}

/// The lines of `ip` at a site's router.
fn link_states(record: &Record, site: &Site) -> String {
    let lab = &record.topology;
    let mut lines = String::new();
    for host in lab.hosts_of(&site.name) {
        let state = if without_power(record, host) { "down" } else { "up" };
        let _infallible = writeln!(lines, "link set {} {state}", port(host));
    }
    if powerless(record, &Target::Site(site.name.clone())) {
        lines.push_str("link set wan down\n");
    } else {
        lines.push_str(&uplink_setup(lab, site));
    }
    lines
}

fn without_power(record: &Record, host: &Host) -> bool {
    powerless(record, &Target::Host(host.name.clone())) || powerless(record, &Target::Site(host.site.clone()))
}

fn powerless(record: &Record, target: &Target) -> bool {
    record
        .faults
        .iter()
        .any(|f| matches!(&f.what, Break::Power { target: t } if t == target))
}

#[cfg(test)]
mod tests;
