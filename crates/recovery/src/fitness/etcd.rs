//! The members of a cluster's etcd: whether they answer, what the client certificate may do, their versions, alarms and room. Start at
//! [`look`] and [`judge`].

use super::{Finding, State, bytes, within};
use crate::Trouble;
use estate::Name;
use etcd::{AlarmKind, Client, Connection, Status};
use futures::future::join_all;
use protect::etcd::Found;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// How long one member may take for all that is asked of it.
const LIMIT: Duration = Duration::from_secs(20);

/// Where etcd answers clients.
const PORT: u16 = 2379;

/// Minor versions of etcd 3 that Lifeboat is tested with.
const MINORS: std::ops::RangeInclusive<u32> = 5..=7;

/// Of its quota, etcd may use so many percent before somebody should look.
const FULL_PERCENT: u64 = 80;

/// The quota of an etcd that does not say it, unless it is started with another one (`DefaultQuotaBytes`, etcd `server/storage/quota.go`).
const QUOTA: u64 = 2 << 30;

/// What one member said.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its URL.
    pub endpoint: String,
    /// Its answers, or why there are none.
    pub said: Result<Said, Trouble>,
    /// Whether nobody names it as a member: it was asked since it is at a host of the control plane.
    pub is_unnamed: bool,
}

/// The answers of a member.
#[derive(Clone, Debug)]
pub struct Said {
    /// Its state.
    pub status: Status,
    /// Whether a key may be read.
    pub read: Result<(), Trouble>,
    /// Whether the whole database may be copied.
    pub copy: Result<(), Trouble>,
    /// The alarms that are raised, in words.
    pub alarms: Result<Vec<String>, Trouble>,
}

/// Asks all members that are given, those that they name, and whatever answers in an etcd's place on `hosts`: with the same keys, a
/// former etcd of the cluster may serve there that nobody has stopped.
pub async fn look(found: &Found, hosts: &[IpAddr]) -> Vec<Member> {
    let connections = match found.members() {
        Ok(mut members) => {
            let discovering = async {
                let (client, _) = members.connect().await?;
                Ok::<_, Trouble>(members.discover(&client).await?)
            };
            // Who they are is asked of them below, too.
            _ = within("etcd", LIMIT, discovering).await;
            members.connections().to_vec()
        }
        Err(_) => Vec::new(),
    };
    let at = |host: &IpAddr| match host {
        IpAddr::V4(host) => format!("https://{host}:{PORT}"),
        IpAddr::V6(host) => format!("https://[{host}]:{PORT}"),
    };
    let unnamed = connections.first().into_iter().flat_map(|one| {
        let elsewhere = hosts.iter().map(at);
        let elsewhere = elsewhere.filter(|endpoint| connections.iter().all(|it| it.endpoint != *endpoint));
        elsewhere.map(|endpoint| (Connection { endpoint, ..one.clone() }, true))
    });
    let all: Vec<(Connection, bool)> = connections.iter().map(|it| (it.clone(), false)).chain(unnamed).collect();
    join_all(all.iter().map(|(it, is_unnamed)| member(it, *is_unnamed))).await
}

/// Each member once, by whatever URL it answers, and those of another cluster. Where nobody is, nothing is amiss.
fn parted(members: &[Member]) -> (Vec<&Member>, Vec<(&Member, &Said)>) {
    let mut own: Vec<&Member> = Vec::new();
    for it in members.iter().filter(|it| !it.is_unnamed) {
        let id = |it: &Member| it.said.as_ref().map_or(0, |said| said.status.member_id);
        if id(it) == 0 || own.iter().all(|other| id(other) != id(it)) {
            own.push(it);
        }
    }
    let cluster = own.iter().find_map(|it| Some(it.said.as_ref().ok()?.status.cluster_id));
    let unnamed = members.iter().filter(|it| it.is_unnamed);
    let strangers = unnamed.filter_map(|it| Some((it, it.said.as_ref().ok()?)));
    let strangers = strangers.filter(|(_, said)| cluster.is_some_and(|id| id != said.status.cluster_id));
    (own, strangers.collect())
}

async fn member(connection: &Connection, is_unnamed: bool) -> Member {
    let asked = async {
        let client = Client::connect(connection).await?;
        let status = client.status().await?;
        let read = client.range(b"\0lifeboat", b"", 0, 1).await.map(drop).map_err(Trouble::from);
        let copy = client.try_snapshot().await.map_err(Trouble::from);
        let alarms = client.alarms().await.map_err(Trouble::from);
        let alarms = alarms.map(|all| all.into_iter().map(|alarm| named(alarm.kind)).collect());
        Ok(Said { status, read, copy, alarms })
    };
    let what = format!("etcd at {}", connection.endpoint);
    Member {
        endpoint: connection.endpoint.clone(),
        said: within(&what, LIMIT, asked).await,
        is_unnamed,
    }
}

fn named(kind: AlarmKind) -> String {
    match kind {
        AlarmKind::NoSpace => "NOSPACE".to_owned(),
        AlarmKind::Corrupt => "CORRUPT".to_owned(),
        AlarmKind::Other(number) => format!("number {number}"),
    }
}

/// What is said of the etcd of `cluster`. Purely.
#[must_use]
pub fn judge(cluster: &Name, members: &[Member]) -> Vec<Finding> {
    let (members, strangers) = parted(members);
    let said: Vec<(&str, &Said)> = members
        .iter()
        .filter_map(|it| Some((it.endpoint.as_str(), it.said.as_ref().ok()?)))
        .collect();
    let mut findings = vec![answers(cluster, &members, &said)];
    findings.extend(strangers.into_iter().map(|(it, said)| {
        let found = format!(
            "{} serves another etcd, with id {:x}, and has the same keys: a former one of this cluster that goes on, and that an API server may ask",
            it.endpoint, said.status.cluster_id
        );
        let next = "stop it there, as by mv /etc/kubernetes/manifests/etcd.yaml away, unless it is the one that counts";
        Finding::fail(format!("another etcd of {cluster}"), found, next)
    }));
    if !said.is_empty() {
        findings.extend([rights(cluster, &said), versions(cluster, &said), room(cluster, &said)]);
    }
    findings
}

fn answers(cluster: &Name, members: &[&Member], said: &[(&str, &Said)]) -> Finding {
    let what = format!("etcd of {cluster}");
    let silent: Vec<&Trouble> = members.iter().filter_map(|it| it.said.as_ref().err()).collect();
    let (all, some) = (members.len(), said.len());
    if some == 0 {
        let none = Trouble::new("LB0411", estate::Kind::Invalid, format!("no etcd of {cluster} is known"));
        return Finding::trouble(State::Fail, what, silent.first().copied().unwrap_or(&none));
    }
    if said.iter().all(|(_, it)| it.status.leader.is_none()) {
        let found = format!("{some} of {all} members answer, and none has a leader: nothing can be written");
        return Finding::fail(what, found, "start the other members of this etcd").coded("LB0401");
    }
    let alarms: Vec<&str> = said
        .iter()
        .filter_map(|(_, it)| it.alarms.as_ref().ok())
        .flatten()
        .map(String::as_str)
        .collect();
    if let Some(alarm) = alarms.first() {
        let next = match *alarm {
            "NOSPACE" => "make room by compaction and etcdctl defrag, then etcdctl alarm disarm",
            _ => "lifeboat etcd verify: which member differs; replace that one",
        };
        return Finding::fail(what, format!("alarm {alarm} is raised"), next);
    }
    match silent.first() {
        Some(trouble) => {
            let found = format!("{some} of {all} members answer: {trouble}");
            Finding::warn(what, found, "start that member, or remove it: another loss may stop etcd")
                .coded(&trouble.code)
        }
        None => Finding::ok(what, format!("{all} of {all} members answer, and have a leader")),
    }
}

fn rights(cluster: &Name, said: &[(&str, &Said)]) -> Finding {
    let what = format!("rights at etcd of {cluster}");
    let mut tried = said
        .iter()
        .flat_map(|(_, it)| [("be read", &it.read), ("be copied whole", &it.copy)]);
    match tried.find_map(|(done, outcome)| Some((done, outcome.as_ref().err()?))) {
        Some((done, trouble)) => {
            let next = "a client certificate of etcd's CA; where etcd has users, one whose name has the role root";
            Finding::fail(what, format!("it cannot {done}: {trouble}"), next).coded(&trouble.code)
        }
        None => match said.iter().find_map(|(_, it)| it.alarms.as_ref().err()) {
            Some(trouble) => {
                let found = format!("it may be read and copied whole, but its alarms cannot be listed: {trouble}");
                Finding::warn(what, found, "the role root, where etcd has users").coded(&trouble.code)
            }
            None => Finding::ok(what, "it may be read and copied whole, and its alarms listed"),
        },
    }
}

fn versions(cluster: &Name, said: &[(&str, &Said)]) -> Finding {
    let what = format!("versions of etcd of {cluster}");
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (endpoint, it) in said {
        versions.entry(&it.status.version).or_default().push(endpoint);
    }
    let each = versions.iter().map(|(version, at)| format!("{version} at {}", at.join(", ")));
    let each = each.collect::<Vec<_>>().join("; ");
    let is_known = |version: &&str| minor(version).is_some_and(|minor| MINORS.contains(&minor));
    if let Some(strange) = versions.keys().find(|version| !is_known(version)) {
        let found = format!(
            "{strange} is none that Lifeboat is tested with (3.{} to 3.{}): {each}",
            MINORS.start(),
            MINORS.end()
        );
        return Finding::warn(what, found, "lifeboat etcd verify, and a restore that is tried before it is needed");
    }
    match versions.len() {
        1 => Finding::ok(what, each),
        _ => Finding::warn(what, format!("they differ: {each}"), "end the upgrade: the same version on all members"),
    }
}

/// The minor version of etcd 3.
fn minor(version: &str) -> Option<u32> {
    version.strip_prefix("3.")?.split('.').next()?.parse().ok()
}

fn room(cluster: &Name, said: &[(&str, &Said)]) -> Finding {
    let what = format!("room in etcd of {cluster}");
    let share = |it: &Said| {
        let quota = it.status.quota.unwrap_or(QUOTA).max(1);
        (it.status.db_size.saturating_mul(100) / quota, quota)
    };
    let Some((endpoint, fullest)) = said.iter().max_by_key(|(_, it)| share(it).0) else {
        return Finding::unknown(what, "no member answers", "lifeboat check, where one does");
    };
    let (percent, quota) = share(fullest);
    let (size, used) = (fullest.status.db_size, fullest.status.db_size_in_use);
    let held = if fullest.status.quota.is_some() {
        "a quota of"
    } else {
        "a quota that it does not say, by default"
    };
    let found = format!("{} ({} in use) of {held} {} at {endpoint}", bytes(size), bytes(used), bytes(quota));
    match percent {
        ..FULL_PERCENT => Finding::ok(what, found),
        _ if fullest.status.quota.is_none() => {
            Finding::unknown(what, found, "compare it with --quota-backend-bytes of that member")
        }
        _ => Finding::warn(what, found, "etcdctl defrag, one member after the other; or raise --quota-backend-bytes"),
    }
}
