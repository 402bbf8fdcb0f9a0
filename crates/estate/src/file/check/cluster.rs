//! The rules of clusters: where they stand and where their copies go, what can be asked of their protection, and what a failover needs.

use super::{Checked, Wrong, nowhere, refers, wrong};
use crate::file::{Cluster, Estate, Failover, Objectives, Placed, Stand};
use crate::{Distribution, Name, Role};
use std::time::Duration;

/// The voters that a majority is counted from.
const SITES: usize = 3;
/// A lease must outlive a few lost messages, and end while a person still waits.
const LEASE: (Duration, Duration) = (Duration::from_secs(4), Duration::from_secs(120));
/// A history's segments are cut every half second, stored and read back: nothing shorter can be promised.
const SHORTEST_RPO: Duration = Duration::from_secs(2);
/// A point costs a few requests, and a proof of it at another site as well.
const SHORTEST_EVERY: Duration = Duration::from_secs(5);

impl Estate {
    pub(super) fn check_objectives(&self, objectives: &Objectives) -> Checked {
        match &objectives.rpo {
            Some(rpo) if **rpo < SHORTEST_RPO => {
                let message = format!(
                    "an RPO below {SHORTEST_RPO:?} cannot be kept: changes of etcd are stored every half second"
                );
                wrong(rpo.place(), message)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn check_cluster(&self, cluster: &Cluster) -> Checked {
        for host in cluster.hosts.iter().chain(&cluster.protect.by).chain(&cluster.protect.follow) {
            refers(host, &self.hosts, "host")?;
        }
        if let Some(site) = &cluster.site {
            refers(site, &self.sites, "site")?;
        }
        if let Some(etcd) = &cluster.etcd {
            check_etcd(&etcd.endpoints, cluster)?;
        }
        self.check_home(cluster)?;
        self.check_objectives(&cluster.objectives)?;
        check_protect(cluster)?;
        self.check_snapshots(cluster)?;
        match (&cluster.primary, &cluster.standby) {
            (Some(_), Some(_)) => self.check_failover(cluster),
            (None, None) => match &cluster.manager {
                Some(manager) => {
                    let message = "manager goes with primary and standby: it is what comes back there";
                    wrong(manager.name.place(), message.to_owned())
                }
                None => Ok(()),
            },
            (Some(alone), None) | (None, Some(alone)) => {
                wrong(alone.host.place(), "primary and standby go together".to_owned())
            }
        }
    }

    /// Where it stands, and that its repository outlives that.
    fn check_home(&self, cluster: &Cluster) -> Checked {
        if cluster.repository.is_unset() {
            let message = "there are several repositories: say with repository where its copies go";
            return wrong(cluster.role.place(), message.to_owned());
        }
        let repository = refers(&cluster.repository, &self.repositories, "repository")?;
        let at = if cluster.repository.place() == nowhere() {
            cluster.role.place()
        } else {
            cluster.repository.place()
        };
        if let Some(original) = &repository.copy_of {
            let message = format!("{} is a copy of {original}, and copies are taken into that", cluster.repository);
            return wrong(at, message);
        }
        let mut sites = cluster.hosts.iter().filter_map(|host| Some((host, self.site_of_host(host)?)));
        let first = sites.next();
        if let (None, Some((_, first))) = (&cluster.site, first)
            && let Some((other, site)) = sites.find(|(_, site)| *site != first)
        {
            let message = format!(
                "{other} stands at {site}, and other hosts of the cluster at {first}: say with site where it stands"
            );
            return wrong(other.place(), message);
        }
        let Some(home) = self.home_of(cluster) else {
            let message = "nothing says where it stands: give hosts, or site";
            return wrong(cluster.role.place(), message.to_owned());
        };
        // A copy elsewhere outlives it, if the repository itself does not.
        let copies = self
            .repositories
            .values()
            .filter(|of| of.copy_of.as_deref() == Some(&*cluster.repository));
        let survives = std::iter::once(repository).chain(copies).any(|of| *of.site != *home);
        if !survives || (cluster.standby.is_some() && *repository.site == *home) {
            let message =
                format!("repository {} is lost together with {home}, which it must outlive", cluster.repository);
            return wrong(at, message);
        }
        match cluster.protect.follow.iter().find(|host| self.site_of_host(host) == Some(home)) {
            Some(host) => wrong(
                host.place(),
                format!("{host} stands at {home}, too, and is lost together with what it follows"),
            ),
            None => Ok(()),
        }
    }

    fn check_failover(&self, cluster: &Cluster) -> Checked {
        let of = self.whole(cluster)?;
        if self.clusters.values().filter(|it| it.standby.is_some()).count() > 1 {
            return wrong(of.standby.host.place(), "one cluster can have a standby so far".to_owned());
        }
        if *cluster.role != Role::Management {
            return wrong(cluster.role.place(), "only the management cluster can have a standby so far".to_owned());
        }
        match &cluster.distribution {
            Some(distribution) if **distribution == Distribution::Kubeadm => {}
            Some(other) => return wrong(other.place(), "only kubeadm clusters can have a standby so far".to_owned()),
            None => return wrong(cluster.role.place(), "a cluster with a standby needs its distribution".to_owned()),
        }
        let (primary, standby) = (self.check_stand(of.primary)?, self.check_stand(of.standby)?);
        if primary == standby {
            let message = format!("primary and standby both stand at {primary}, and are lost together");
            return wrong(of.standby.host.place(), message);
        }
        let (name, zone) = (of.manager.name.trim_end_matches('.'), of.dns.zone.trim_end_matches('.'));
        if name != zone && !name.ends_with(&format!(".{zone}")) {
            return wrong(of.manager.name.place(), format!("{name} is not in the zone {zone}"));
        }
        let (every, loss) = (&cluster.protect.every, &self.monitor.maximum_loss);
        // A copy is as old as the interval just before the next one is there, and taking and proving take their time.
        if **loss < **every * 2 {
            let message = format!(
                "a copy every {every:?} cannot keep a maximum loss of {:?}: it must be twice as long or more",
                **loss
            );
            let place = if loss.place() == nowhere() {
                every.place()
            } else {
                loss.place()
            };
            return wrong(place, message);
        }
        self.check_monitor()
    }

    /// All that a failover needs, and the sites that decide it.
    fn whole<'a>(&'a self, cluster: &'a Cluster) -> Result<Failover<'a>, Wrong> {
        let lacking = |message: String| Wrong { place: cluster.role.place(), message, hide: false };
        let needs = |what: &str| lacking(format!("a cluster with a standby needs {what}"));
        for (name, site) in &self.sites {
            let half = match (&site.host, &site.serve) {
                (Some(_), None) => "serve",
                (None, Some(_)) => "host",
                _ => continue,
            };
            return Err(lacking(format!(
                "with a standby a site votes that has host and serve: {name} needs {half} as well"
            )));
        }
        let voters: Vec<&str> = self.voters().map(Name::as_str).collect();
        if voters.len() != SITES {
            let message = format!(
                "an estate with a standby has {SITES} sites that vote, with host and serve (primary, standby, witness), so that two can outvote one; here are {}",
                match voters[..] {
                    [] => "none".to_owned(),
                    _ => voters.join(", "),
                }
            );
            return Err(lacking(message));
        }
        if cluster.manager.is_none() {
            return Err(needs("its manager"));
        }
        if self.dns.is_none() || self.peers.is_none() {
            return Err(needs("dns and peers"));
        }
        self.failover().ok_or_else(|| needs("primary and standby"))
    }

    fn check_stand(&self, stand: &Stand) -> Result<&Name, Wrong> {
        let host = refers(&stand.host, &self.hosts, "host")?;
        let site = &host.site;
        let serving = self.sites.get(&**site).and_then(|site| site.host.as_deref());
        if serving != Some(&*stand.host) {
            let message = format!("lifeboat serve of {site} must run on {}, which it starts and stops", stand.host);
            return Err(Wrong { place: stand.host.place(), message, hide: false });
        }
        Ok(site)
    }

    fn check_monitor(&self) -> Checked {
        let monitor = &self.monitor;
        if monitor.probes.is_empty() {
            return wrong(nowhere(), "monitor.probes is empty: a site that nobody asks is never lost".to_owned());
        }
        let (least, most) = LEASE;
        if *monitor.lease < least || *monitor.lease > most {
            return wrong(monitor.lease.place(), format!("a lease lasts between {least:?} and {most:?}"));
        }
        if *monitor.declare_after < *monitor.every * 3 {
            let message = format!("that is less than three rounds of probes, which come every {:?}", *monitor.every);
            return wrong(monitor.declare_after.place(), message);
        }
        Ok(())
    }
}

fn check_protect(cluster: &Cluster) -> Checked {
    let protect = &cluster.protect;
    if *protect.every < SHORTEST_EVERY {
        return wrong(
            protect.every.place(),
            format!("points cannot be made more often than every {SHORTEST_EVERY:?}"),
        );
    }
    if protect.keep.last < 2 {
        let message = "the last two copies at least must be kept: the newest may be damaged".to_owned();
        return wrong(protect.keep.place(), message);
    }
    match protect.files.paths.iter().find(|path| !path.starts_with('/')) {
        Some(path) => wrong(path.place(), "a path on a host begins with /".to_owned()),
        None => Ok(()),
    }
}

fn check_etcd(endpoints: &[Placed<String>], cluster: &Cluster) -> Checked {
    if endpoints.is_empty() {
        return wrong(
            cluster.role.place(),
            "etcd.endpoints is empty: leave etcd out, and it is found on its hosts".to_owned(),
        );
    }
    let strange = |it: &&Placed<String>| !it.starts_with("https://") && !it.starts_with("http://");
    match endpoints.iter().find(strange) {
        Some(strange) => wrong(strange.place(), "an endpoint begins with https:// or http://".to_owned()),
        None => Ok(()),
    }
}
