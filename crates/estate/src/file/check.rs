//! The rules between the values of an estate file.

use super::error::nearest;
use super::place::Place;
use super::{Cluster, Estate, Placed, Repository, Stand, notify};
use crate::{Distribution, Name, Role};
use std::collections::BTreeMap;
use std::time::Duration;

/// The voters that a majority is counted from.
const SITES: usize = 3;
/// A lease must outlive a few lost messages, and end while a person still waits.
const LEASE: (Duration, Duration) = (Duration::from_secs(4), Duration::from_secs(120));

/// A broken rule, and the value that breaks it.
pub(super) struct Wrong {
    pub(super) place: Place,
    pub(super) message: String,
    /// Whether the line may hold a secret, so that it must not be shown.
    pub(super) hide: bool,
}

pub(super) type Checked = Result<(), Wrong>;

impl Estate {
    /// The first broken rule, if any.
    pub(super) fn check(&self) -> Checked {
        for host in self.hosts.values() {
            refers(&host.site, &self.sites, "site")?;
        }
        self.check_sites()?;
        self.repositories
            .values()
            .try_for_each(|repository| self.check_repository(repository))?;
        let managers = self
            .clusters
            .values()
            .filter(|cluster| *cluster.role == Role::Management)
            .count();
        if managers != 1 {
            return wrong(nowhere(), format!("exactly one cluster has the role management, and here are {managers}"));
        }
        self.clusters.values().try_for_each(|cluster| self.check_cluster(cluster))?;
        self.check_monitor()?;
        self.notify.values().try_for_each(notify::check)?;
        self.check_kit()
    }

    fn check_sites(&self) -> Checked {
        if self.sites.len() != SITES {
            let message = format!(
                "an estate has {SITES} sites (primary, standby, witness), so that two can outvote one; here are {}",
                self.sites.len()
            );
            return wrong(nowhere(), message);
        }
        for (name, site) in &self.sites {
            let host = refers(&site.host, &self.hosts, "host")?;
            if *host.site != *name {
                return wrong(
                    site.host.place(),
                    format!("host {} stands at site {}, not {name}", site.host, host.site),
                );
            }
            let same = self.sites.iter().find(|(other, at)| *other < name && *at.serve == *site.serve);
            if let Some((other, _)) = same {
                return wrong(site.serve.place(), format!("site {other} has the address {} too", site.serve));
            }
        }
        Ok(())
    }

    fn check_repository(&self, repository: &Repository) -> Checked {
        refers(&repository.site, &self.sites, "site")?;
        check_keys_of_store(repository)?;
        check_endpoint(repository)?;
        let at = repository.site.place();
        if let Some(root) = repository.root.as_ref().filter(|root| !is_public_key(root)) {
            let message = "a root is 64 hexadecimal digits: the public key that lifeboat repository init prints";
            return hidden(root.place(), message);
        }
        if let Some(original) = &repository.copy_of {
            return self.check_copy(repository, original);
        }
        if repository.copy_every.place() != nowhere() {
            return wrong(repository.copy_every.place(), "copyEvery goes with copyOf".to_owned());
        }
        if !repository.recipients.iter().any(|it| it.clusters.is_none()) {
            return wrong(
                at,
                "without a recipient of everything nobody could open what the clusters share".to_owned(),
            );
        }
        for it in &repository.recipients {
            // Perhaps the identity was put where the recipient belongs.
            if !["age1", "ssh-ed25519 ", "ssh-rsa "]
                .iter()
                .any(|begin| it.key.starts_with(begin))
                && **it.key != *"passphrase"
            {
                let message = "a recipient begins with age1, ssh-ed25519 or ssh-rsa, or is the word passphrase";
                return hidden(it.key.place(), message);
            }
        }
        for it in &repository.writers {
            if !is_public_key(&it.key) {
                let message =
                    "a writer's key is 64 hexadecimal digits: the public key that lifeboat repository keys new prints";
                return hidden(it.key.place(), message);
            }
        }
        let named = repository.recipients.iter().chain(&repository.writers);
        let mut clusters = named.filter_map(|it| it.clusters.as_ref()).flatten();
        clusters.try_for_each(|name| refers(name, &self.clusters, "cluster").map(drop))
    }

    fn check_copy(&self, copy: &Repository, original: &Placed<Name>) -> Checked {
        let of = refers(original, &self.repositories, "repository")?;
        let place = original.place();
        if of.copy_of.is_some() {
            return wrong(place, format!("{original} is a copy itself: name what it is a copy of"));
        }
        if (&copy.url, &copy.endpoint) == (&of.url, &of.endpoint) {
            return wrong(place, format!("it has the url of {original}, and nothing is a copy of itself"));
        }
        let named = copy.recipients.iter().chain(&copy.writers).next();
        if let Some(holder) = named {
            let message = format!("a copy has the recipients and writers of {original}: leave them out here");
            return wrong(holder.key.place(), message);
        }
        match &copy.lock {
            Some(lock) => {
                let message = "a copy is not locked object by object: give its bucket a retention of its own";
                wrong(lock.place(), message.to_owned())
            }
            None => Ok(()),
        }
    }

    fn check_kit(&self) -> Checked {
        let places: Vec<String> = self.referred().into_iter().map(|it| it.place).collect();
        match self.kit.leave_out.iter().find(|it| !places.contains(&***it)) {
            None => Ok(()),
            Some(strange) => {
                let known = nearest(strange, places.iter().map(String::as_str));
                let hint = known.map(|it| format!("; did you mean {it}?")).unwrap_or_default();
                wrong(strange.place(), format!("the estate refers to nothing at {}{hint}", **strange))
            }
        }
    }

    fn check_cluster(&self, cluster: &Cluster) -> Checked {
        if *cluster.role != Role::Management {
            return wrong(cluster.role.place(), "only the management cluster can be protected so far".to_owned());
        }
        if *cluster.distribution != Distribution::Kubeadm {
            return wrong(cluster.distribution.place(), "only kubeadm clusters can be recovered so far".to_owned());
        }
        let repository = refers(&cluster.repository, &self.repositories, "repository")?;
        if let Some(original) = &repository.copy_of {
            let message = format!("{} is a copy of {original}, and copies are taken into that", cluster.repository);
            return wrong(cluster.repository.place(), message);
        }
        let primary = self.check_stand(&cluster.primary)?;
        let standby = self.check_stand(&cluster.standby)?;
        if primary == standby {
            let message = format!("primary and standby both stand at {primary}, and are lost together");
            return wrong(cluster.standby.host.place(), message);
        }
        if *repository.site == *primary {
            let message =
                format!("repository {} is lost together with {primary}, which it must outlive", cluster.repository);
            return wrong(cluster.repository.place(), message);
        }
        let (name, zone) = (cluster.manager.name.trim_end_matches('.'), self.dns.zone.trim_end_matches('.'));
        if name != zone && !name.ends_with(&format!(".{zone}")) {
            return wrong(cluster.manager.name.place(), format!("{name} is not in the zone {zone}"));
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
        if cluster.protect.keep.last < 2 {
            let message = "the last two copies at least must be kept: the newest may be damaged".to_owned();
            return wrong(cluster.protect.keep.place(), message);
        }
        Ok(())
    }

    fn check_stand(&self, stand: &Stand) -> Result<&Name, Wrong> {
        let host = refers(&stand.host, &self.hosts, "host")?;
        let site = &host.site;
        let serving = self.sites.get(&**site).map(|site| &*site.host);
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

/// Each kind of store has keys of its own.
fn check_keys_of_store(of: &Repository) -> Checked {
    let (place, scheme) = (of.url.place(), of.url.scheme());
    for (key, at, schemes) in [
        ("endpoint", of.endpoint.as_ref().map(Placed::place), &["s3", "gs", "az"][..]),
        ("region", of.region.as_ref().map(Placed::place), &["s3"]),
        ("lock", of.lock.as_ref().map(Placed::place), &["s3"]),
        ("accessKey", of.access_key.as_ref().map(Placed::place), &["s3"]),
        ("secretKey", of.secret_key.as_ref().map(Placed::place), &["s3"]),
        ("serviceAccount", of.service_account.as_ref().map(Placed::place), &["gs"]),
        ("account", of.account.as_ref().map(Placed::place), &["az"]),
        ("accountKey", of.account_key.as_ref().map(Placed::place), &["az"]),
    ] {
        if let Some(at) = at.filter(|_| !schemes.contains(&scheme)) {
            return wrong(at, format!("{key} goes with {}:, and the store's url is {scheme}:", schemes.join(":, ")));
        }
    }
    let unless = "give both, or neither for those of the environment or of the cloud";
    if of.access_key.is_some() != of.secret_key.is_some() {
        return wrong(place, format!("accessKey and secretKey go together: {unless}"));
    }
    if of.account_key.is_some() && of.account.is_none() {
        return wrong(place, "accountKey is a key of an account: give account, too".to_owned());
    }
    Ok(())
}

fn check_endpoint(of: &Repository) -> Checked {
    let Some(endpoint) = &of.endpoint else { return Ok(()) };
    let (message, hide) = if endpoint.contains(['@', '?', '#']) {
        ("an endpoint holds neither credentials nor a query", true)
    } else if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
        ("an endpoint begins with http:// or https://", false)
    } else {
        return Ok(());
    };
    Err(Wrong { place: endpoint.place(), message: message.to_owned(), hide })
}

fn is_public_key(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Of a value that may be a secret put in the wrong place.
pub(super) fn hidden(place: Place, message: &str) -> Checked {
    Err(Wrong { place, message: message.to_owned(), hide: true })
}

/// What a name refers to.
fn refers<'a, T>(name: &Placed<Name>, all: &'a BTreeMap<Name, T>, what: &str) -> Result<&'a T, Wrong> {
    all.get(&**name).ok_or_else(|| {
        let near = nearest(name.as_str(), all.keys().map(Name::as_str));
        let hint = near.map(|near| format!("; is it {near:?}?")).unwrap_or_default();
        Wrong {
            place: name.place(),
            message: format!("there is no {what} called {:?}{hint}", name.as_str()),
            hide: false,
        }
    })
}

pub(super) fn wrong(place: Place, message: String) -> Checked {
    Err(Wrong { place, message, hide: false })
}

fn nowhere() -> Place {
    Place { line: 0, column: 0 }
}
