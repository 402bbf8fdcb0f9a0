//! Looking: everything at once, each by itself and with a limit, so that what is dead hides nothing and holds up nobody. Start at
//! [`around`].

use crate::commands::known::{self, Account, From, Repositories};
use crate::estate::me;
use daemon::DIRECTORY;
use estate::{Cluster, Kind, Name, Stand, StoreUrl};
use etcd::Connection;
use jiff::Timestamp;
use protect::complete::{Complete, Dated};
use recovery::fitness::{self, Finding, api, certificates, etcd as members, host, set, store, within};
use recovery::gather::Heard;
use recovery::{Trouble, World, elsewhere, gather};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// How long opening and judging a newest point may take.
const SET: Duration = Duration::from_secs(90);
/// How long another host's Lifeboat may take to look at its repositories.
const THERE: Duration = Duration::from_secs(100);
/// How long the manager may take.
const ANSWER: Duration = Duration::from_secs(5);
/// How long a recovery may take where nobody has said it.
const RTO: Duration = Duration::from_mins(15);
/// Where kubeadm's etcd has its database, on a standby as well.
const DATABASE: &str = "/var/lib/etcd";

/// What was found, or why not.
pub(super) type Found<T> = Result<T, Trouble>;

/// All that was found.
#[derive(Default)]
pub(super) struct Looked {
    pub(super) now: Timestamp,
    /// The stores of the repositories.
    pub(super) stores: BTreeMap<Name, Found<store::Looked>>,
    /// The newest point of each cluster that can be opened here; as of when it was begun.
    pub(super) newest: BTreeMap<Name, Found<(String, Timestamp)>>,
    /// The recovery set of each cluster; none where nobody could judge it.
    pub(super) sets: BTreeMap<Name, Found<set::Set>>,
    /// The etcd of each cluster that is protected here.
    pub(super) etcds: BTreeMap<Name, Found<Vec<members::Member>>>,
    /// The API server of each cluster that has a kubeconfig here.
    pub(super) apis: BTreeMap<Name, Found<api::Said>>,
    /// Certificates in files: whose, the path, and what is there.
    pub(super) files: Vec<(String, String, Found<Vec<Dated>>)>,
    /// Those of this host's own control plane, by its cluster.
    pub(super) own: BTreeMap<Name, Found<Complete>>,
    /// The hosts, and between which times they answered.
    pub(super) hosts: BTreeMap<Name, Found<(host::Said, Timestamp, Timestamp)>>,
    /// What the standby's host lacks.
    pub(super) lacking: Option<(Name, Found<Vec<String>>)>,
    /// What another host says of the repositories, by host.
    pub(super) reading: BTreeMap<Name, Found<Vec<Finding>>>,
    /// Which host keeps the newest state of which cluster ready, and how many revisions it is behind: it reads the repository.
    pub(super) followers: Vec<(Name, Name, u64)>,
    /// What the sites say; nothing where no cluster has a standby.
    pub(super) sites: Option<Found<Vec<Heard>>>,
    /// What name servers and resolvers say of the manager's name.
    pub(super) names: Vec<(String, Found<String>)>,
    /// Whether this host can move it, as whoever moves names says.
    pub(super) control: Vec<dns::Finding>,
    /// The manager at each address: its role, and whether it serves.
    pub(super) managers: Vec<(String, Found<()>)>,
    /// Only what concerns this host itself was looked at.
    pub(super) only_here: bool,
}

/// Everything.
pub(super) async fn around(world: &World, control: &Path) -> Looked {
    let world = Arc::new(world.clone());
    let clusters: Vec<Name> = world.estate.clusters.keys().cloned().collect();
    let (stores, newest, etcds, apis, own, hosts) = (
        each(&world, world.estate.repositories.keys(), store),
        each(&world, openable(&world), newest),
        each(&world, captured(&world), etcd),
        each(&world, with_kubeconfig(&world), api_server),
        each(&world, with_files(&world), own_files),
        each(&world, world.estate.hosts.keys(), entered),
    );
    let known = async {
        let facts = known::gather(&world, &clusters, control, Repositories::WhereNobodySays).await;
        let account = |name: &Name| known::judged(&world.estate, name, &facts.heard, facts.stored.get(name), facts.now);
        let accounts: BTreeMap<Name, Account> = clusters.iter().map(|name| (name.clone(), account(name))).collect();
        let sets = sets(&world, &accounts).await;
        let followers = accounts.into_values().flat_map(|it| followers(&it)).collect::<Vec<_>>();
        (sets, followers)
    };
    let reading = each(&world, others(&world), reads);
    let (
        stores,
        newest,
        etcds,
        apis,
        own,
        hosts,
        (sets, followers),
        reading,
        (sites, lacking, names, managers, control),
    ) = tokio::join!(stores, newest, etcds, apis, own, hosts, known, reading, failover(&world));
    Looked {
        now: ambient::now(),
        files: files(&world),
        stores,
        newest,
        sets,
        etcds,
        apis,
        own,
        hosts,
        lacking,
        reading,
        followers,
        sites,
        names,
        control,
        managers,
        only_here: false,
    }
}

/// What this host itself may do with the repositories.
pub(super) async fn here(world: &World) -> Looked {
    let world = Arc::new(world.clone());
    let stores = each(&world, world.estate.repositories.keys(), store);
    let newest = each(&world, openable(&world), newest);
    let (stores, newest) = tokio::join!(stores, newest);
    Looked {
        now: ambient::now(),
        stores,
        newest,
        only_here: true,
        ..Looked::default()
    }
}

/// Does the same for each name, all at once. What panics is left out.
async fn each<'a, T, F>(
    world: &Arc<World>,
    names: impl IntoIterator<Item = &'a Name>,
    look: impl Fn(Arc<World>, Name) -> F,
) -> BTreeMap<Name, T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let mut looking = JoinSet::new();
    for name in names {
        let (work, name) = (look(Arc::clone(world), name.clone()), name.clone());
        looking.spawn(async move { (name, work.await) });
    }
    looking.join_all().await.into_iter().collect()
}

async fn store(world: Arc<World>, name: Name) -> Found<store::Looked> {
    store::look(&name, &world.repository(&name)?).await
}

/// The clusters whose copies can be opened here.
fn openable(world: &World) -> impl Iterator<Item = &Name> {
    let has = |of: &Cluster| {
        world
            .estate
            .repositories
            .get(&*of.repository)
            .is_some_and(|it| world.has(&it.identity))
    };
    world
        .estate
        .clusters
        .iter()
        .filter(move |(_, of)| has(of))
        .map(|(name, _)| name)
}

async fn newest(world: Arc<World>, cluster: Name) -> Found<(String, Timestamp)> {
    let opening = async {
        let repository = world.repository(&world.cluster(&cluster)?.repository)?;
        let points = repository.points(&cluster).await?.points;
        let none = || {
            Trouble::new("LB0309", Kind::Person, format!("there is no copy of {cluster}"))
                .hint("lifeboat serve, on a host that protects it")
        };
        let point = repository.point(&cluster, points.first().ok_or_else(none)?).await?;
        Ok((point.id.to_string(), point.begun))
    };
    within(&format!("newest point of {cluster}"), SET, opening).await
}

/// The clusters whose etcd is captured from here.
fn captured(world: &World) -> impl Iterator<Item = &Name> {
    world.estate.protected_on(world.here.as_ref()).map(|(name, _)| name)
}

async fn etcd(world: Arc<World>, cluster: Name) -> Found<Vec<members::Member>> {
    let found = protect::etcd::source(world.cluster(&cluster)?, &world.directory, Path::new("/"))?;
    let of = world.cluster(&cluster)?;
    let hosts = of.hosts.iter().filter_map(|host| world.estate.hosts.get(&**host));
    let hosts: Vec<_> = hosts.map(|host| host.address).collect();
    Ok(members::look(&found, &hosts).await)
}

/// The clusters whose kubeconfig is here.
fn with_kubeconfig(world: &World) -> impl Iterator<Item = &Name> {
    let here = |of: &Cluster| of.kubeconfig.as_ref().is_some_and(|path| world.path(path).exists());
    world
        .estate
        .clusters
        .iter()
        .filter(move |(_, of)| here(of))
        .map(|(name, _)| name)
}

async fn api_server(world: Arc<World>, cluster: Name) -> Found<api::Said> {
    match &world.cluster(&cluster)?.kubeconfig {
        Some(path) => api::look(&world.path(path)).await,
        None => Err(Trouble::new("LB0810", Kind::Invalid, format!("{cluster} has no kubeconfig"))),
    }
}

/// The clusters whose control plane is on this host.
fn with_files(world: &World) -> impl Iterator<Item = &Name> {
    let here = world.here.as_ref();
    let own = move |of: &Cluster| of.hosts.iter().any(|host| Some(&**host) == here);
    world
        .estate
        .clusters
        .iter()
        .filter(move |(_, of)| own(of))
        .map(|(name, _)| name)
}

async fn own_files(world: Arc<World>, cluster: Name) -> Found<Complete> {
    let of = world.cluster(&cluster)?;
    let found = etcd::hosts::found(Path::new("/")).ok().map(|found| found.distribution);
    let none = || Trouble::new("LB0202", Kind::Invalid, "the estate does not name this host");
    certificates::of_host(&world, world.here.as_ref().ok_or_else(none)?, of, found).await
}

/// Certificates of files that the estate names, and of the etcd that is found here.
fn files(world: &World) -> Vec<(String, String, Found<Vec<Dated>>)> {
    let mut paths: BTreeMap<PathBuf, String> = BTreeMap::new();
    for (name, of) in &world.estate.clusters {
        let found = protect::etcd::source(of, &world.directory, Path::new("/"));
        let is_ours = captured(world).any(|it| it == name);
        let first: Option<Connection> = found.ok().filter(|_| is_ours).and_then(|it| it.connections.into_iter().next());
        if let Some(Connection { ca_file, cert_file, .. }) = first {
            paths.extend(cert_file.map(|path| (path, format!("etcd's client, {name}"))));
            paths.extend(ca_file.map(|path| (path, format!("etcd's CA, {name}"))));
        }
        let kubeconfig = of.kubeconfig.as_ref().map(|path| world.path(path)).filter(|path| path.exists());
        paths.extend(kubeconfig.map(|path| (path, format!("kubeconfig of {name}"))));
        let authority = of
            .manager
            .as_ref()
            .map(|manager| world.path(&manager.ca))
            .filter(|path| path.exists());
        paths.extend(authority.map(|path| (path, format!("the manager's CA, {name}"))));
    }
    let look = |(path, what): (PathBuf, String)| (what, path.display().to_string(), certificates::look(&path));
    paths.into_iter().map(look).collect()
}

/// The directories on a host that matter.
pub(super) fn directories(world: &World, name: &Name) -> Vec<(String, String)> {
    let mut all = Vec::new();
    if serving(world).contains(name) {
        all.push((DIRECTORY.to_owned(), "what serve keeps".to_owned()));
    }
    if world.here.as_ref() == Some(name) {
        all.extend(
            world
                .estate
                .repositories
                .iter()
                .filter_map(|(repository, of)| match world.url(of) {
                    StoreUrl::Directory(path) => Some((path.display().to_string(), format!("repository {repository}"))),
                    _ => None,
                }),
        );
    }
    all
}

/// Where a recovery lays the database on a host.
pub(super) fn lays(world: &World, name: &Name) -> Option<String> {
    let standby = world.estate.failover().map(|of| &*of.standby.host);
    (standby == Some(name)).then(|| DATABASE.to_owned())
}

/// The hosts whose `lifeboat serve` has something to do.
pub(super) fn serving(world: &World) -> BTreeSet<Name> {
    let of = world.estate.clusters.values();
    let protecting = of.flat_map(|of| of.protectors().into_iter().chain(of.protect.follow.iter().map(|host| &**host)));
    let voting = world.estate.sites.values().filter_map(|site| site.host.as_deref());
    protecting.chain(voting).cloned().collect()
}

async fn entered(world: Arc<World>, name: Name) -> Found<(host::Said, Timestamp, Timestamp)> {
    let mut all: Vec<String> = directories(&world, &name).into_iter().map(|(directory, _)| directory).collect();
    all.extend(lays(&world, &name));
    let (said, asked) = host::look(&world, &name, &all).await?;
    Ok((said, asked, ambient::now()))
}

/// What is known of each recovery set: by whoever captures the cluster, else judged here, else as the newest point has it.
async fn sets(world: &Arc<World>, accounts: &BTreeMap<Name, Account>) -> BTreeMap<Name, Found<set::Set>> {
    let told = |it: &Account| it.by.is_some() && it.lacks.is_some();
    let silent: Vec<&Name> = openable(world)
        .filter(|name| accounts.get(*name).is_none_or(|it| !told(it)))
        .collect();
    let mut sets = each(world, silent, judged_here).await;
    for (name, it) in accounts {
        let by = match &it.by {
            Some(From::Here) => "as this host's Lifeboat says".to_owned(),
            Some(by) => format!("as {by} says"),
            None => "when the newest point was made".to_owned(),
        };
        if let (Some(lacks), false) = (&it.lacks, sets.get(name).is_some_and(Result::is_ok)) {
            let (untested, warnings) = (it.untested.clone(), it.warnings.clone());
            sets.insert(name.clone(), Ok(set::Set { by, lacks: lacks.clone(), untested, warnings }));
        }
    }
    sets
}

fn followers(it: &Account) -> Vec<(Name, Name, u64)> {
    let of = |(host, following): (&Name, &Option<estate::Following>)| {
        Some((it.cluster.clone(), host.clone(), following.as_ref()?.behind?))
    };
    it.followers.iter().filter_map(of).collect()
}

async fn judged_here(world: Arc<World>, cluster: Name) -> Found<set::Set> {
    let what = format!("the recovery set of {cluster}");
    let (id, complete) = within(&what, SET, set::judged(&world, &cluster)).await?;
    Ok(set::Set::of(format!("as {id} was judged here"), &complete))
}

/// The other hosts that have to read the repository in a recovery.
pub(super) fn others(world: &World) -> BTreeSet<&Name> {
    let mut hosts: BTreeSet<&Name> = BTreeSet::new();
    for of in world.estate.clusters.values() {
        hosts.extend(of.protect.follow.iter().map(|host| &**host));
        hosts.extend(of.standby.as_ref().map(|Stand { host, .. }| &**host));
    }
    hosts.retain(|host| world.here.as_ref() != Some(*host));
    hosts
}

/// What another host's Lifeboat says of the repositories.
async fn reads(world: Arc<World>, name: Name) -> Found<Vec<Finding>> {
    let asking = elsewhere::lifeboat(&world, &name, &["check", "--here", "--output", "json"], THERE);
    let said = within(&format!("the lifeboat on {name}"), THERE, asking).await?;
    serde_json::from_str(&said).map_err(|reason| {
        let message = format!("the lifeboat on {name} gave no answer that can be understood: {reason}");
        Trouble::new("LB0601", Kind::Invalid, message).hint(format!("lifeboat check, on {name} itself"))
    })
}

type OfFailover = (
    Option<Found<Vec<Heard>>>,
    Option<(Name, Found<Vec<String>>)>,
    Vec<(String, Found<String>)>,
    Vec<(String, Found<()>)>,
    Vec<dns::Finding>,
);

/// What only a cluster that has a standby needs.
async fn failover(world: &Arc<World>) -> OfFailover {
    let Some(of) = world.estate.failover() else {
        return OfFailover::default();
    };
    let (config, standby) = (&of.standby.kubeadm_config, &*of.standby.host);
    let lacking = async {
        let host = world.host(standby)?;
        let looking = async { Ok(fitness::missing(&host, &fitness::PROGRAMS, &[config]).await?) };
        within(&format!("host {standby}"), THERE, looking).await
    };
    let name = of.manager.name.trim_end_matches('.');
    let servers = of.dns.servers().chain(&of.dns.resolvers);
    let names = async {
        let mut all = Vec::new();
        for server in servers {
            let asking = async { Ok(dns::ask(*server, name).await?) };
            let answer = within(&format!("DNS at {server}"), ANSWER * 2, asking).await;
            all.push((server.to_string(), answer.and_then(|answer| leads(name, &answer))));
        }
        all
    };
    let managers = async {
        let mut all = Vec::new();
        for (role, stand) in [("primary", of.primary), ("standby", of.standby)] {
            let serves = async {
                let manager = world.manager(of.manager, stand.address, false)?;
                Ok(manager.ping(ANSWER).await?)
            };
            let what = format!("manager at {} ({role})", stand.address);
            let serves = within(&what, ANSWER * 2, serves).await;
            all.push((what, serves));
        }
        all
    };
    let asker = me(world);
    let sites = gather::reports(world, &asker);
    let control = async {
        let rto = world.estate.objectives_of(of.of).rto.map_or(RTO, |rto| *rto);
        match world.names() {
            // What cannot be opened here is said of its secrets.
            Err(_) => Vec::new(),
            Ok(provider) => {
                let checking = async { Ok(provider.check(name, rto, &of.dns.resolvers).await) };
                let checked = within("who moves names", THERE, checking).await;
                checked.unwrap_or_default()
            }
        }
    };
    let (sites, lacking, names, managers, control) = tokio::join!(sites, lacking, names, managers, control);
    (Some(sites), Some((standby.clone(), lacking)), names, managers, control)
}

fn leads(name: &str, answer: &dns::Answer) -> Found<String> {
    let addresses: Vec<String> = answer.addresses.iter().map(ToString::to_string).collect();
    match addresses.is_empty() {
        true => Err(Trouble::new("LB0504", Kind::Invalid, format!("it knows no address of {name}"))),
        false => Ok(format!("{name} leads to {} for {} s", addresses.join(", "), answer.ttl)),
    }
}
