//! Asking: this host's Lifeboat, the sites', those of other hosts by SSH, and at last the repository. Start at [`gather()`].

use super::{From, Heard, Newest, Proof, Silent, Stored};
use crate::estate::me;
use ::estate::{Duty, Kind, Name, Report, Told};
use daemon::{Answer, Question};
use etcd::history::History;
use jiff::Timestamp;
use protect::etcd::RepositoryShelf;
use recovery::gather::Heard as HeardSite;
use recovery::{Trouble, World, elsewhere};
use repository::Repository;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// How long this host's Lifeboat may take.
const HERE: Duration = Duration::from_secs(3);
/// How long another host may take, entering it included.
const THERE: Duration = Duration::from_secs(8);
/// How long a repository may take, for one cluster.
const STORE: Duration = Duration::from_secs(20);

/// All that was heard, and from whom nothing came.
pub(crate) struct Facts {
    pub(crate) heard: Vec<Heard>,
    pub(crate) silent: Vec<Silent>,
    /// What repositories say, of the clusters for which they were asked.
    pub(crate) stored: BTreeMap<Name, Stored>,
    /// What the sites said, where a cluster has a standby.
    pub(crate) sites: Vec<HeardSite>,
    /// As of when, by this machine's clock.
    pub(crate) now: Timestamp,
}

/// Of which clusters the repositories are asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repositories {
    /// Of all.
    Always,
    /// Of those of which no Lifeboat has told enough.
    WhereNobodySays,
}

/// Asks everybody who may know something of `clusters`.
pub(crate) async fn gather(world: &World, clusters: &[Name], control: &Path, repositories: Repositories) -> Facts {
    let mut facts = Facts {
        heard: Vec::new(),
        silent: Vec::new(),
        stored: BTreeMap::new(),
        sites: Vec::new(),
        now: ambient::now(),
    };
    let asker = me(world);
    let (own, sites) = tokio::join!(here(control), async {
        match world.estate.failover() {
            Some(_) => recovery::gather::reports(world, &asker).await,
            None => Ok(Vec::new()),
        }
    });
    facts.note(From::Here, world.here.clone(), own);
    match sites {
        Ok(sites) => facts.sites(world, sites),
        Err(trouble) => {
            let voters = world.estate.voters().cloned();
            facts
                .silent
                .extend(voters.map(|site| Silent { from: From::Site(site), why: told(&trouble) }));
        }
    }
    facts.hosts(world, clusters).await;
    facts.stored(world, clusters, repositories).await;
    facts.now = ambient::now();
    facts
}

/// What this host's Lifeboat says.
pub(crate) async fn here(control: &Path) -> Result<Answer, Trouble> {
    daemon::ask(control, &Question::Report, HERE).await
}

impl Facts {
    fn note(&mut self, from: From, host: Option<Name>, answer: Result<Answer, Trouble>) {
        match answer {
            Ok(Answer::Report { protections, copies, troubles, .. }) => {
                self.heard.push(Heard { from, host, protections, copies, troubles });
            }
            Ok(Answer::Refused { code, message, hint, .. }) => {
                self.silent.push(Silent { from, why: Told { code, text: message, next: hint } });
            }
            Ok(Answer::Point { .. } | Answer::Promoted(_)) => {}
            Err(trouble) => self.silent.push(Silent { from, why: told(&trouble) }),
        }
    }

    fn sites(&mut self, world: &World, sites: Vec<HeardSite>) {
        for site in &sites {
            let host = world.estate.sites.get(&site.site).and_then(|it| it.host.as_deref()).cloned();
            // This host has said it itself.
            if host.is_some() && self.heard.iter().any(|it| it.host == host) {
                continue;
            }
            let from = From::Site(site.site.clone());
            match &site.report {
                Ok(Report { protections, copies, troubles, .. }) => self.heard.push(Heard {
                    from,
                    host,
                    protections: protections.clone(),
                    copies: copies.clone(),
                    troubles: troubles.clone(),
                }),
                Err(trouble) => self.silent.push(Silent { from, why: told(trouble) }),
            }
        }
        self.sites = sites;
    }

    /// Enters the hosts that have something to do with `clusters` and were not asked yet: one that did not answer as a site is down, or
    /// cannot be reached.
    async fn hosts(&mut self, world: &World, clusters: &[Name]) {
        let mut hosts: BTreeSet<&Name> = BTreeSet::new();
        for of in clusters.iter().filter_map(|name| world.estate.clusters.get(name)) {
            let protectors = of.protectors();
            match protectors.is_empty() {
                true => hosts.extend(world.estate.hosts.keys()),
                false => hosts.extend(protectors),
            }
            hosts.extend(of.protect.follow.iter().map(|host| &**host));
        }
        let voter = |site: &Name| world.estate.sites.get(site).and_then(|it| it.host.as_deref());
        let asked = |host: &Name| {
            world.here.as_ref() == Some(host) || self.sites.iter().any(|it| voter(&it.site) == Some(host))
        };
        hosts.retain(|host| !asked(host));
        let mut asked = JoinSet::new();
        for host in hosts {
            let (world, host) = (world.clone(), host.clone());
            asked.spawn(async move { (there(&world, &host).await, host) });
        }
        while let Some(done) = asked.join_next().await {
            // One that panics has said nothing.
            let Ok((answer, host)) = done else { continue };
            self.note(From::Host(host.clone()), Some(host), answer);
        }
        self.heard.sort_by_key(|it| it.from.to_string());
        self.silent.sort_by_key(|it| it.from.to_string());
    }

    /// Asks the repositories.
    async fn stored(&mut self, world: &World, clusters: &[Name], repositories: Repositories) {
        let mut asked = JoinSet::new();
        let is_asked = |cluster: &&Name| repositories == Repositories::Always || !self.is_told(cluster);
        for cluster in clusters.iter().filter(is_asked) {
            let (world, cluster) = (world.clone(), cluster.clone());
            asked.spawn(async move { (of_store(&world, &cluster).await, cluster) });
        }
        while let Some(done) = asked.join_next().await {
            if let Ok((stored, cluster)) = done {
                self.stored.insert(cluster, stored);
            }
        }
    }

    /// Whether somebody captures it and has made a point of it.
    fn is_told(&self, cluster: &Name) -> bool {
        let mut all = self.heard.iter().flat_map(|it| &it.protections);
        all.any(|it| it.cluster == *cluster && it.duty == Duty::Captures && it.newest.is_some() && it.proof.is_some())
    }
}

async fn there(world: &World, host: &Name) -> Result<Answer, Trouble> {
    ask_there(world, host, &["status", "--here"], THERE).await
}

/// What the `lifeboat` on another host answers to a command that asks its own Lifeboat.
pub(crate) async fn ask_there(world: &World, host: &Name, words: &[&str], limit: Duration) -> Result<Answer, Trouble> {
    let words = [words, &["--output", "json"]].concat();
    let said = tokio::time::timeout(limit, elsewhere::lifeboat(world, host, &words, limit)).await;
    let said = said.map_err(|_late| {
        let message = format!("host {host} did not answer within {} s", limit.as_secs());
        Trouble::new("LB0801", Kind::Unreachable, message).hint("lifeboat check")
    })??;
    serde_json::from_str(&said).map_err(|reason| {
        let message = format!("the lifeboat on {host} gave an answer that cannot be understood: {reason}");
        Trouble::new("LB0601", Kind::Invalid, message).hint(format!("lifeboat version, here and on {host}"))
    })
}

async fn of_store(world: &World, cluster: &Name) -> Stored {
    let mut stored = Stored::default();
    let late = || {
        let message = format!("the repository of {cluster} did not answer within {} s", STORE.as_secs());
        Trouble::new("LB0301", Kind::Unreachable, message).hint("lifeboat check")
    };
    let read = match tokio::time::timeout(STORE, read(world, cluster, &mut stored)).await {
        Ok(read) => read,
        Err(_late) => Err(late()),
    };
    stored.trouble = read.err().as_ref().map(told);
    stored
}

async fn read(world: &World, cluster: &Name, into: &mut Stored) -> Result<(), Trouble> {
    let repository = world.repository(&world.cluster(cluster)?.repository)?;
    let newest = repository.points(cluster).await?.points.into_iter().next();
    if let Some(id) = newest {
        into.newest = id.at().map(|begun| Newest { id: id.clone(), begun, files: None });
        let point = repository.point(cluster, &id).await?;
        let files = Some(point.part("files").is_some());
        into.newest = Some(Newest { id, begun: point.begun, files });
        into.proof =
            point
                .proof
                .as_ref()
                .map(|it| Proof { member: it.member.clone(), at: it.at, revision: it.revision });
        (into.lacks, into.untested) = (point.lacks, point.untested);
    }
    into.seen = seen(&repository, cluster).await?;
    Ok(())
}

/// When the source was last seen, by what is stored of its history.
async fn seen(repository: &Repository, cluster: &Name) -> Result<Option<Timestamp>, Trouble> {
    let shelf = RepositoryShelf::new(repository, cluster);
    let tail = tokio::task::spawn_blocking(move || History::open(Arc::new(shelf))?.tail());
    let broke = |reason| Trouble::new("LB0099", Kind::Bug, format!("reading a history broke off: {reason}"));
    let tail = tail.await.map_err(broke)??;
    let seen = tail.and_then(|tail| i64::try_from(tail.seen_ms).ok());
    Ok(seen.and_then(|ms| Timestamp::from_millisecond(ms).ok()))
}

/// The object, its reasons and the next command.
pub(crate) fn told(trouble: &Trouble) -> Told {
    let causes: String = trouble.causes.iter().map(|cause| format!(": {cause}")).collect();
    Told {
        code: trouble.code.to_string(),
        text: format!("{}{causes}", trouble.message),
        next: trouble.hint.clone(),
    }
}
