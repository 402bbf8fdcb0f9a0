//! The lab's network: a namespace for each host, a router for each site, a core between the sites, one link to the machine.
//!
//! A host's `eth0` ends at its site's bridge; sites reach each other through the core; the machine itself has one link
//! and one route into it. Start at [`build`]. Faults of the network are in `fault::network`.

use crate::error::{Error, Result};
use crate::parts::addresses;
use crate::shell;
use crate::topology::{Host, Site, Subnet, Topology};
use estate::Name;
use std::fmt::Write as _;
use std::net::Ipv4Addr;

/// The namespace of the core.
pub(crate) fn core(lab: &Name) -> String {
    format!("lifeboat-{lab}-core")
}

/// The namespace of a site's router.
pub(crate) fn router(lab: &Name, site: &Name) -> String {
    format!("lifeboat-{lab}-site-{site}")
}

/// The namespace of a host.
pub(crate) fn namespace(lab: &Name, host: &Name) -> String {
    format!("lifeboat-{lab}-host-{host}")
}

/// The end of a host's link at its site's router.
pub(crate) fn port(host: &Host) -> String {
    format!("h{}", host.address.octets()[3])
}

/// The machine's own link into the lab.
pub(crate) fn machine_link(lab: &Name) -> String {
    format!("lb-{lab}")
}

/// Every namespace of the lab.
pub(crate) fn namespaces(lab: &Topology) -> Vec<String> {
    let name = lab.name();
    let mut all = vec![core(name)];
    all.extend(lab.sites.iter().map(|s| router(name, &s.name)));
    all.extend(lab.hosts.iter().map(|h| namespace(name, &h.name)));
    all
}

/// The range asked for, or the first candidate that neither the machine nor another lab uses.
pub(crate) async fn choose(asked: Option<Subnet>, others: &[Subnet]) -> Result<Subnet> {
    let routes = shell::run("looking at the machine's routes", &["ip", "-4", "route", "show", "table", "all"]).await?;
    let taken = |subnet: Subnet| {
        let route = routes
            .lines()
            .find(|line| !line.starts_with("default") && overlaps(line, subnet));
        let lab = others.contains(&subnet).then_some("another lab has it");
        route.or(lab).map(|why| why.trim().to_owned())
    };
    if let Some(subnet) = asked {
        return match taken(subnet) {
            Some(route) => Err(Error::AddressInUse { subnet: subnet.to_string(), route }),
            None => Ok(subnet),
        };
    }
    Subnet::candidates()
        .find(|s| taken(*s).is_none())
        .ok_or_else(|| Error::AddressInUse {
            subnet: "10.100.0.0/16 to 10.119.0.0/16".into(),
            route: "each of them is routed somewhere".into(),
        })
}

/// Whether a line of `ip route` takes addresses of `subnet`. A wider route (a VPN's 10.0.0.0/8) does not: the lab's own is
/// more specific, and goes with the lab.
fn overlaps(route: &str, subnet: Subnet) -> bool {
    route.split_whitespace().any(|word| {
        let (address, length) = word.split_once('/').unwrap_or((word, "32"));
        let (Ok(address), Ok(length)) = (address.parse::<Ipv4Addr>(), length.parse::<u32>()) else {
            return false;
        };
        length >= 16 && subnet.contains(address)
    })
}

/// Makes sure that nothing on the machine has a name that the lab will give.
pub(crate) async fn check_free(lab: &Topology) -> Result<()> {
    let purpose = "looking for names in use";
    let existing = shell::run(purpose, &["ip", "netns", "list"]).await?;
    let existing: Vec<&str> = existing.lines().filter_map(|l| l.split_whitespace().next()).collect();
    if let Some(object) = namespaces(lab).iter().find(|n| existing.contains(&n.as_str())) {
        return Err(Error::NameInUse { object: format!("network namespace {object}") });
    }
    let link = machine_link(lab.name());
    if shell::output(purpose, &["ip", "link", "show", "dev", &link], "").await?.success {
        return Err(Error::NameInUse { object: format!("network link {link}") });
    }
    Ok(())
}

/// Builds the whole network.
pub(crate) async fn build(lab: &Topology) -> Result<()> {
    let purpose = "building the network";
    let add: String = namespaces(lab).iter().map(|n| format!("netns add {n}\n")).collect();
    batch(None, &add).await?;
    batch(None, &links(lab)).await?;
    let name = lab.name();
    batch(Some(&core(name)), &core_setup(lab)).await?;
    for site in &lab.sites {
        batch(Some(&router(name, &site.name)), &router_setup(lab, site)).await?;
    }
    for host in &lab.hosts {
        batch(Some(&namespace(name, &host.name)), &host_setup(lab, host)).await?;
    }
    let routers = std::iter::once(core(name)).chain(lab.sites.iter().map(|s| router(name, &s.name)));
    for router in routers {
        let mut words = vec!["ip", "netns", "exec", &router, "sysctl", "-qw", "net.ipv4.ip_forward=1"];
        words.extend(["net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0"]);
        shell::run(purpose, &words).await?;
    }
    let base = lab.subnet.address(255, 0);
    let [a, b, c, _] = base.octets();
    let machine = machine_link(lab.name());
    let setup = format!(
        "addr add {a}.{b}.{c}.2/30 dev {machine}\nlink set {machine} up\nroute add {} via {a}.{b}.{c}.1\n",
        lab.subnet
    );
    batch(None, &setup).await
}

/// Builds what one more host needs.
pub(crate) async fn add(lab: &Topology, host: &Host) -> Result<()> {
    let own = namespace(lab.name(), &host.name);
    batch(None, &format!("netns add {own}\n{}", link(lab, host))).await?;
    let site = router(lab.name(), &host.site);
    batch(Some(&site), &format!("link set {} master lan up\n", port(host))).await?;
    batch(Some(&own), &host_setup(lab, host)).await
}

/// The name of a host's namespace, as [`names`] lists it.
pub(crate) fn name(lab: &Topology, host: &Host) -> String {
    format!("netns {}", namespace(lab.name(), &host.name))
}

/// What a lab puts into the machine's own name spaces, a line each: the list by which it is taken away.
pub(crate) fn names(lab: &Topology) -> Vec<String> {
    // The machine's end of a link goes with its peer, but not before the namespace is really gone; by name it goes at once.
    let mut names = vec![format!("link {}", machine_link(lab.name()))];
    names.extend(namespaces(lab).into_iter().map(|n| format!("netns {n}")));
    names
}

/// Takes away what is left of what [`names`] listed.
pub(crate) async fn remove(names: &[String]) -> Result<()> {
    let purpose = "removing the network";
    for name in names {
        let words: Vec<&str> = match name.split_once(' ') {
            Some(("link", link)) => vec!["ip", "link", "del", link],
            Some(("netns", namespace)) => vec!["ip", "netns", "del", namespace],
            _ => continue,
        };
        let outcome = shell::output(purpose, &words, "").await?;
        let absent = ["No such file", "Cannot find device"]
            .iter()
            .any(|said| outcome.stderr.contains(said));
        if !outcome.success && !absent {
            return Err(Error::Command {
                purpose: purpose.into(),
                command: words.join(" "),
                status: "an error".into(),
                output: outcome.stderr.trim().to_owned(),
            });
        }
    }
    Ok(())
}

/// Runs lines of `ip` in a namespace, or on the machine.
pub(crate) async fn batch(namespace: Option<&str>, lines: &str) -> Result<()> {
    let mut words = vec!["ip"];
    words.extend(namespace.iter().flat_map(|n| ["-n", n]));
    words.extend(["-batch", "-"]);
    shell::run_with("setting up the network", &words, lines).await?;
    Ok(())
}

fn links(lab: &Topology) -> String {
    let name = lab.name();
    let core = core(name);
    let mut lines = String::new();
    for site in &lab.sites {
        let _infallible = writeln!(
            lines,
            "link add name wan netns {} type veth peer name {} netns {core}",
            router(name, &site.name),
            site.name
        );
    }
    for host in &lab.hosts {
        lines += &link(lab, host);
    }
    let machine = machine_link(lab.name());
    let _infallible = writeln!(lines, "link add name {machine} type veth peer name machine netns {core}");
    lines
}

fn link(lab: &Topology, host: &Host) -> String {
    let name = lab.name();
    format!(
        "link add name eth0 netns {} type veth peer name {} netns {}\n",
        namespace(name, &host.name),
        port(host),
        router(name, &host.site)
    )
}

/// The two addresses of a site's uplink: the core's end, the site's end.
fn uplink(lab: &Topology, site: &Site) -> (Ipv4Addr, Ipv4Addr) {
    let first = 4 * site.index + 1;
    (lab.subnet.address(255, first), lab.subnet.address(255, first + 1))
}

fn core_setup(lab: &Topology) -> String {
    let mut lines = String::from("link set lo up\nlink set machine up\n");
    let _infallible = writeln!(lines, "addr add {}/30 dev machine", lab.subnet.address(255, 1));
    for site in &lab.sites {
        let (here, there) = uplink(lab, site);
        let name = &site.name;
        let _infallible = write!(
            lines,
            "addr add {here}/30 dev {name}\nlink set {name} up\nroute add {}/24 via {there}\n",
            lab.subnet.address(site.index, 0)
        );
    }
    lines
}

/// The router of a site. Its uplink is also set up again by this after the site had lost its power.
pub(crate) fn uplink_setup(lab: &Topology, site: &Site) -> String {
    let (core, _) = uplink(lab, site);
    format!("link set wan up\nroute replace default via {core}\n")
}

fn router_setup(lab: &Topology, site: &Site) -> String {
    let (_, here) = uplink(lab, site);
    let mut lines = format!(
        "link set lo up\nlink add name lan type bridge forward_delay 0\naddr add {}/24 dev lan\nlink set lan up\n\
         addr add {here}/30 dev wan\n{}",
        lab.subnet.address(site.index, 1),
        uplink_setup(lab, site)
    );
    for host in lab.hosts_of(&site.name) {
        let port = port(host);
        let _infallible = writeln!(lines, "link set {port} master lan up");
    }
    lines
}

fn host_setup(lab: &Topology, host: &Host) -> String {
    let mut lines = String::from("link set lo up\n");
    for address in addresses(lab, host) {
        let _infallible = writeln!(lines, "addr add {address}/24 dev eth0");
    }
    let [a, b, c, _] = host.address.octets();
    let _infallible = writeln!(lines, "link set eth0 up\nroute add default via {a}.{b}.{c}.1");
    lines
}

#[cfg(test)]
mod tests;
