//! Finding what the plan of a restore is made from: what the hosts are that a cluster is to be restored onto, and what a copied host has for
//! them. Start at [`plan`].

use crate::asked::Copied;
use crate::gather::Playbook;
use crate::{Trouble, World, gather, runs};
use cluster::Host;
use estate::{Cluster, Distribution, Kind, Name};
use jiff::Timestamp;
use plan::{Chosen, Facts, Loss, Member, Plan, Prepare, State, Target, Word};
use protect::files::{Tree, copied_flags, rancher_host};
use protect::manifest::Flags;
use repository::Repository;
use std::net::IpAddr;
use std::time::Duration;

/// What a person asks for.
#[derive(Debug)]
pub struct Wish<'a> {
    /// The cluster.
    pub cluster: &'a Name,
    /// The hosts that it is restored onto.
    pub onto: &'a [Name],
    /// Hosts of its control plane that are gone for good: nobody stops what runs there.
    pub without: &'a [Name],
    /// The copy whose files are put there.
    pub copied: Copied,
    /// The state of etcd, where it is another than the copy's own.
    pub etcd: Option<State>,
    /// Everything written before this, by the source's clock, is in it.
    pub begun: Timestamp,
    /// What is known of the loss.
    pub loss: Loss,
    /// The highest revision that is known of its history, of any timeline.
    pub highest: Option<u64>,
    /// How it is done.
    pub playbook: &'a Playbook,
}

/// Makes the plan of a restore. Changes nothing.
///
/// # Errors
/// A host cannot be entered, the copy has no files for it, or the cluster does not serve at its site.
pub async fn plan(world: &World, me: &str, repository: &Repository, wish: Wish<'_>) -> Result<Plan, Trouble> {
    let of = world.cluster(wish.cluster)?;
    let standing = match world.estate.failover().filter(|it| it.name == wish.cluster) {
        Some(_) => Some(gather::standing(&gather::reports(world, me).await?)?),
        None => None,
    };
    let distribution = match of.distribution() {
        Distribution::Other => wish.copied.point.distribution,
        said => said,
    };
    let books = world.books_for(wish.playbook.named("rebuild-cluster"))?;
    let book = wish.playbook.book(&books, "rebuild-cluster")?;
    let makes = plan::needs(&books, book).makes;
    let mut targets = Vec::new();
    for host in wish.onto {
        targets.push(target(world, of, (host, makes), distribution, &wish.copied).await?);
    }
    let rest = of.hosts.iter().map(|host| &**host);
    let stopped: Vec<Name> = rest
        .filter(|host| !wish.onto.contains(host) && !wish.without.contains(host))
        .cloned()
        .collect();
    for host in &stopped {
        reached(world, wish.cluster, host).await?;
    }
    let mut parameters = wish.playbook.parameters.clone();
    if book.playbook.parameters.contains_key("onto") {
        let onto: Vec<&str> = wish.onto.iter().map(Name::as_str).collect();
        parameters.insert("onto".to_owned(), serde_json::json!(onto));
    }
    let facts = Facts {
        distribution: Some(distribution),
        etcd: wish.etcd,
        begun: Some(wish.begun),
        chosen: Some(Chosen { point: wish.copied.point, unsigned: wish.copied.unsigned }),
        targets,
        stopped,
        standing,
        loss: wish.loss,
        highest: wish.highest,
        because: vec!["a person asks for it".to_owned()],
        parameters,
        took_ms: runs::took(repository, wish.cluster, book.name.as_str()).await,
        ..Facts::default()
    };
    let made = plan::make(&world.estate, &books, book, wish.cluster, &facts, ambient::now());
    made.map_err(|none| match &none {
        plan::NoPlan::ServesElsewhere { cluster, .. } => cannot(none.kind(), none.to_string()).hint(format!(
            "lifeboat status: who serves {cluster}\nlifeboat failover: brings it up at the other site"
        )),
        _ => Trouble::from(none),
    })
}

fn cannot(kind: Kind, message: String) -> Trouble {
    Trouble::new("LB0423", kind, message)
}

/// A member that was left out would go on serving the former state, and the restored API server might even ask it.
async fn reached(world: &World, cluster: &Name, host: &Name) -> Result<(), Trouble> {
    let entered = match world.host(host) {
        Ok(entered) => entered
            .run("looking at the host", "true", Duration::from_secs(20))
            .await
            .map_err(Trouble::from),
        Err(trouble) => Err(trouble),
    };
    entered.map(drop).map_err(|trouble| {
        let message = format!("{host} is of the control plane of {cluster} too, and what runs there cannot be stopped");
        let mut told = cannot(trouble.kind, message);
        told.causes = std::iter::once(trouble.message).chain(trouble.causes).collect();
        told.hint(format!("--without {host}, if it is gone for good or switched off\n--to {host} as well, if it is to be restored with the others"))
    })
}

/// A host that the cluster comes up on. One that cannot be entered where steps make it and wait for it is not there yet: it will have the
/// name that the estate has for it, and nothing else.
async fn target(
    world: &World,
    of: &Cluster,
    (name, is_made): (&Name, bool),
    distribution: Distribution,
    copied: &Copied,
) -> Result<Target, Trouble> {
    let host = world.host(name)?;
    let is_there = !is_made || is_there(&host).await?;
    let address = world.estate.hosts.get(name).map(|host| host.address);
    let (from, tree) = chosen(copied, name, distribution)?;
    let stands = [&of.primary, &of.standby]
        .into_iter()
        .flatten()
        .find(|stand| *stand.host == *name);
    let config = stands
        .map_or(&of.protect.files.kubeadm_config, |stand| &stand.kubeadm_config)
        .clone();
    if distribution != Distribution::Kubeadm {
        return rancher(is_there.then_some(&host), name, distribution, (from, tree), address).await;
    }
    // Only etcd's member is of the host; what it has of an API server decides what is put there.
    let serves = is_there && has(Flags::read(&host, "kube-apiserver").await)?.is_some();
    let own = match is_there {
        true => has(Flags::read(&host, "etcd").await)?,
        false => None,
    };
    if let Some(member) = own {
        let member = gather::member_of(&member, name.as_str())?;
        return Ok(Target {
            host: name.clone(),
            node: member.name.clone(),
            member,
            kubeadm_config: config,
            alone: !serves,
            prepare: None,
        });
    }
    let bad =
        |reason: String| cannot(Kind::Damaged, format!("the manifest of etcd in the files of host {from}: {reason}"));
    let flags = |program: &str, words: &[(&str, &str)]| copied_flags(tree, program, words).map_err(bad);
    let theirs = flags("etcd", &[])?.ok_or_else(|| bad("it is not there".to_owned()))?;
    let node = gather::member_of(&theirs, from)?.name;
    let advertised = flags("kube-apiserver", &[])?.and_then(|flags| flags.get("advertise-address").map(str::to_owned));
    let of_peer = || theirs.get("initial-advertise-peer-urls").and_then(host_of);
    let was = advertised.or_else(of_peer);
    let own = node_name(is_there.then_some(&host), name, from, &node).await?;
    let words = words((&node, &own), was.as_deref(), address);
    let pairs: Vec<(&str, &str)> = words.iter().map(|word| (&*word.from, &*word.to)).collect();
    let member = flags("etcd", &pairs)?.ok_or_else(|| bad("it is not there".to_owned()))?;
    Ok(Target {
        host: name.clone(),
        node: own,
        member: gather::member_of(&member, from)?,
        kubeadm_config: config,
        alone: flags("kube-apiserver", &[])?.is_none(),
        prepare: Some(Prepare { from: from.to_owned(), node, words }),
    })
}

/// Whether it can be entered. What refuses is there.
async fn is_there(host: &Host) -> Result<bool, Trouble> {
    match host.run("looking whether it is there", "true", Duration::from_secs(20)).await {
        Ok(_) => Ok(true),
        Err(cluster::HostError::Unreachable { .. }) => Ok(false),
        Err(other) => Err(other.into()),
    }
}

async fn rancher(
    host: Option<&Host>,
    name: &Name,
    distribution: Distribution,
    (from, tree): (&str, &Tree),
    address: Option<IpAddr>,
) -> Result<Target, Trouble> {
    let told = rancher_host(tree, distribution)
        .map_err(|(path, reason)| cannot(Kind::Damaged, format!("{path} of host {from} is none: {reason}")))?;
    let node = told.node.unwrap_or_else(|| from.to_owned());
    let own = node_name(host, name, from, &node).await?;
    let words = words((&node, &own), told.address.as_deref(), address);
    Ok(Target {
        host: name.clone(),
        // It names its member itself, at each reset anew.
        member: Member {
            name: own.clone(),
            peer_url: String::new(),
            data_dir: told.data_dir,
        },
        node: own,
        kubeadm_config: String::new(),
        alone: false,
        prepare: Some(Prepare { from: from.to_owned(), node, words }),
    })
}

/// The copied host whose files this one gets: itself, or else one with an API server, whose keys all of a cluster share.
fn chosen<'a>(copied: &'a Copied, name: &Name, distribution: Distribution) -> Result<(&'a str, &'a Tree), Trouble> {
    let files = &copied.files.0;
    let same = files.get_key_value(name.as_str());
    let serves = |tree: &Tree| {
        distribution != Distribution::Kubeadm || matches!(copied_flags(tree, "kube-apiserver", &[]), Ok(Some(_)))
    };
    let found = same.or_else(|| files.iter().find(|(_, tree)| serves(tree)));
    found.map(|(from, tree)| (from.as_str(), tree)).ok_or_else(|| {
        let message = format!("copy {} has no files of a host with an API server", copied.point.id);
        Trouble::new("LB0421", Kind::Invalid, message).hint("--at another copy: lifeboat points")
    })
}

/// A rebuilt host has the name of its node in the copy; another one its own, which is that in the estate where it is not there yet.
async fn node_name(host: Option<&Host>, name: &Name, from: &str, node: &str) -> Result<String, Trouble> {
    if name.as_str() == from {
        return Ok(node.to_owned());
    }
    let Some(host) = host else {
        return Ok(name.to_string());
    };
    let said = host.run("asking for its name", "uname -n", Duration::from_secs(20)).await?;
    Ok(said.trim().to_lowercase())
}

fn words((node, own): (&str, &str), was: Option<&str>, address: Option<IpAddr>) -> Vec<Word> {
    let address = address.map(|address| address.to_string());
    let addresses = was.zip(address.as_deref());
    let pairs = std::iter::once((node, own)).chain(addresses);
    pairs
        .filter(|(from, to)| from != to)
        .map(|(from, to)| Word { from: from.to_owned(), to: to.to_owned() })
        .collect()
}

/// The host in the first of some URLs.
fn host_of(urls: &str) -> Option<String> {
    let first = urls.split(',').next()?.split_once("://")?.1;
    let host = first.split('/').next()?.rsplit_once(':').map_or(first, |(host, _)| host);
    Some(host.trim_matches(['[', ']']).to_owned())
}

/// A program's flags, if it has a manifest there.
fn has(read: Result<Flags, protect::Error>) -> Result<Option<Flags>, Trouble> {
    match read {
        Ok(flags) => Ok(Some(flags)),
        Err(protect::Error::Missing { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests;
