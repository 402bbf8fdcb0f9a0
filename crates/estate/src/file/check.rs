//! The rules between the values of an estate file: sites, repositories, the kit. Those of clusters are in `check/cluster.rs`.

mod cluster;

use super::error::nearest;
use super::place::Place;
use super::{Estate, Placed, Repository, Site};
use crate::{Name, Role};
use std::collections::BTreeMap;

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
        let mut managers = self
            .clusters
            .values()
            .filter(|cluster| *cluster.role == Role::Management)
            .skip(1);
        if let Some(second) = managers.next() {
            return wrong(
                second.role.place(),
                "there is one management cluster at most, and here are more".to_owned(),
            );
        }
        self.check_objectives(&self.objectives)?;
        self.clusters.values().try_for_each(|cluster| self.check_cluster(cluster))?;
        self.playbooks.values().try_for_each(|placed| {
            super::playbook::check(placed).map_err(|mut wrong| {
                if wrong.place == nowhere() {
                    wrong.place = placed.place();
                }
                wrong
            })
        })?;
        self.notify.values().try_for_each(super::notify::check)?;
        self.dns.iter().try_for_each(super::dns::check)?;
        self.check_kit()
    }

    fn check_sites(&self) -> Checked {
        for (name, site) in &self.sites {
            let Some(host) = &site.host else { continue };
            let at = refers(host, &self.hosts, "host")?;
            if *at.site != *name {
                return wrong(host.place(), format!("host {host} stands at site {}, not {name}", at.site));
            }
            let Some(serve) = &site.serve else { continue };
            let is_same = |at: &Site| at.serve.as_ref().is_some_and(|other| **other == **serve);
            if let Some((other, _)) = self.sites.iter().find(|(other, at)| *other < name && is_same(at)) {
                return wrong(serve.place(), format!("site {other} has the address {} too", **serve));
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
    of.endpoint.as_ref().map_or(Ok(()), check_url)
}

/// The URL of a store's server.
pub(super) fn check_url(endpoint: &Placed<String>) -> Checked {
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
pub(super) fn refers<'a, T>(name: &Placed<Name>, all: &'a BTreeMap<Name, T>, what: &str) -> Result<&'a T, Wrong> {
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

pub(super) fn nowhere() -> Place {
    Place::NOWHERE
}
