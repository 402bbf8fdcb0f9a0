//! What is said of all that was looked at, purely: line by line, so that what stands below often follows from what stands above. Start at
//! [`findings`].

use super::look::{Looked, directories, lays, others, serving};
use crate::commands::span;
use estate::{Cluster, Kind, Name, Repository, StoreUrl};
use recovery::fitness::{Finding, State, api, certificates, etcd, host, set, store};
use recovery::{Trouble, World};
use std::collections::BTreeMap;

/// Programs that come with the cluster.
const OF_CLUSTER: [&str; 5] = ["etcd", "kubelet", "kubeadm", "rke2", "k3s"];

/// Everything that is said.
pub(super) fn findings(world: &World, looked: &Looked) -> Vec<Finding> {
    let named: Vec<&str> = world.estate.clusters.keys().map(Name::as_str).collect();
    let found = format!("estate {}, clusters {}", world.estate.name, named.join(", "));
    let mut all = match looked.only_here {
        true => Vec::new(),
        false if named.is_empty() => {
            let found = format!("estate {} has no cluster: nothing is protected", world.estate.name);
            vec![Finding::warn(
                "estate file",
                found,
                "clusters: as lifeboat init writes it, and docs/estate.md tells",
            )]
        }
        false => vec![Finding::ok("estate file", found)],
    };
    sites(looked, &mut all);
    for (name, of) in &world.estate.repositories {
        if !looked.only_here {
            said_of_repository(name, of, &mut all);
            keys(name, of, world, &mut all);
        }
        if let Some(looked) = looked.stores.get(name) {
            let writes = world
                .estate
                .protected_on(world.here.as_ref())
                .any(|(_, of)| *of.repository == *name);
            let site = world.here.as_ref().and_then(|here| world.estate.site_of_host(here));
            let keeps = of.copy_of.is_some() && site == Some(&*of.site);
            let used = if writes || keeps {
                store::Use::Writes
            } else {
                store::Use::Reads
            };
            all.extend(store::judge(name, used, looked));
        }
        if !world.has(&of.identity) {
            let found = format!("{} is not here: this machine can list copies, but open none", of.identity);
            all.push(Finding::unknown(
                format!("identity of {name}"),
                found,
                "bring it, where people will recover from",
            ));
        }
    }
    for (name, of) in &world.estate.clusters {
        cluster(name, of, world, looked, &mut all);
    }
    for (what, path, found) in &looked.files {
        all.extend(certificates::judge(what, path, found, looked.now));
    }
    hosts(world, looked, &mut all);
    reading(world, looked, &mut all);
    names(world, looked, &mut all);
    time_line(world, looked, &mut all);
    all
}

/// When what happens after a loss, as the estate has it.
fn time_line(world: &World, looked: &Looked, all: &mut Vec<Finding>) {
    let Some(of) = world.estate.failover().filter(|_| !looked.only_here) else {
        return;
    };
    for it in failover::bounds(&world.estate.monitor, of.dns.ttl) {
        let (from, to) = (it.from.as_secs_f64(), it.to.as_secs_f64());
        all.push(Finding::ok(format!("{from:.0} to {to:.0} s after a loss"), it.what));
    }
}

fn of<T>(what: String, found: &Result<T, Trouble>, good: impl FnOnce(&T) -> String) -> Finding {
    match found {
        Ok(found) => Finding::ok(what, good(found)),
        Err(trouble) => Finding::trouble(State::Fail, what, trouble),
    }
}

fn sites(looked: &Looked, all: &mut Vec<Finding>) {
    let heard = match &looked.sites {
        None => return,
        Some(Err(trouble)) => return all.push(Finding::trouble(State::Fail, "sites", trouble)),
        Some(Ok(heard)) => heard,
    };
    for it in heard {
        all.push(of(format!("site {}", it.site), &it.report, |report| {
            let known = report
                .standing
                .as_ref()
                .map_or_else(|| "no epoch yet".to_owned(), ToString::to_string);
            let apart = report.now.duration_since(it.at).as_secs_f64();
            format!("answers, knows {known}; its clock is {apart:+.1} s from this machine's")
        }));
    }
}

fn said_of_repository(name: &Name, of: &Repository, all: &mut Vec<Finding>) {
    let what = format!("repository {name}");
    if matches!(&*of.url, StoreUrl::Directory(_)) {
        let found = format!(
            "a directory: unless it is mounted from {}, it is lost with the host that it is on, no other host can recover from it, and it carries no automatic failover",
            *of.site
        );
        all.push(Finding::warn(&what, found, "a bucket that all hosts reach, or a copy in one: copyOf"));
    }
    // A copy has those of its original.
    if of.copy_of.is_none() && of.recipients.iter().filter(|it| it.clusters.is_none()).count() < 2 {
        let found = "one recipient opens everything: if that key is lost, so are all copies";
        all.push(Finding::warn(
            &what,
            found,
            "add a second recipient, keep its key elsewhere, then lifeboat repository keys apply",
        ));
    }
    if of.root.is_none() {
        let found = "no root: whoever can write to the store could put another repository in its place";
        let next = "root: as lifeboat repository init says, and as it stands on the recovery sheet";
        all.push(Finding::warn(&what, found, next));
    }
}

/// Whether whoever makes or changes the repository can take the keys that the estate names.
fn keys(name: &Name, of: &Repository, world: &World, all: &mut Vec<Finding>) {
    if of.copy_of.is_some() {
        return;
    }
    if let Err(trouble) = world.writers(name) {
        all.push(Finding::trouble(State::Fail, format!("writers of {name}"), &trouble));
    }
    let granted = world.grants(name).into_iter().flatten();
    for error in granted.filter_map(|it| it.recipient.check().err()) {
        all.push(Finding::trouble(State::Fail, format!("recipients of {name}"), &error.into()));
    }
}

fn cluster(name: &Name, of_it: &Cluster, world: &World, looked: &Looked, all: &mut Vec<Finding>) {
    if let Some(newest) = looked.newest.get(name) {
        all.push(of(format!("newest point of {name}"), newest, |(id, begun)| {
            format!("{id} opens, and is {} old", span(looked.now.duration_since(*begun).as_secs()))
        }));
    }
    let what = format!("recovery set of {name}");
    match looked.sets.get(name) {
        Some(Ok(set)) => all.extend(set::findings(&what, set)),
        // Why there is no point stands in the line above.
        Some(Err(_)) if looked.newest.get(name).is_some_and(Result::is_err) => {}
        Some(Err(trouble)) => all.push(Finding::trouble(State::Unknown, what, trouble)),
        None if !looked.only_here => {
            let found = "nobody has judged yet whether its parts belong together";
            let next = "lifeboat serve judges it; or this command, where the repository's identity is";
            all.push(Finding::unknown(what, found, next));
        }
        None => {}
    }
    if looked.only_here {
        return;
    }
    source(name, of_it, looked, all);
    match (&of_it.kubeconfig, looked.apis.get(name)) {
        (Some(path), Some(said)) => all.extend(api::judge(name, &path.display().to_string(), said)),
        (Some(path), None) => {
            let found = format!("{} is not here, so its API server is not asked from here", path.display());
            all.push(Finding::unknown(format!("kubeconfig of {name}"), found, "lifeboat check, where it is"));
        }
        (None, _) => {}
    }
    if let (Some(own), Some(here)) = (looked.own.get(name), &world.here) {
        let what = format!("certificates on {here}");
        match own {
            Ok(complete) => all.extend(set::each(&what, complete)),
            // Where it does not serve, there is nothing to be read.
            Err(_) if of_it.standby.is_some() => {}
            Err(trouble) => all.push(Finding::trouble(State::Unknown, what, trouble)),
        }
    }
}

/// What a cluster is captured from, as far as this machine has to do with it.
fn source(name: &Name, of: &Cluster, looked: &Looked, all: &mut Vec<Finding>) {
    let what = format!("etcd of {name}");
    match looked.etcds.get(name) {
        // The host that does not serve a cluster which moves has no etcd.
        Some(Err(trouble)) if of.standby.is_some() && trouble.code == "LB0411" => {}
        Some(Ok(members)) => all.extend(etcd::judge(name, members)),
        Some(Err(trouble)) => all.push(Finding::trouble(State::Fail, what, trouble)),
        None => {
            let by: Vec<&str> = of.protectors().into_iter().map(Name::as_str).collect();
            let by = by.join(" or ");
            all.push(Finding::unknown(
                what,
                format!("{by} captures it, and tries it there"),
                format!("lifeboat check, on {by}"),
            ));
        }
    }
}

fn hosts(world: &World, looked: &Looked, all: &mut Vec<Finding>) {
    let (serving, failover) = (serving(world), world.estate.failover());
    let (standby, primary) = (failover.map(|of| &*of.standby.host), failover.map(|of| &*of.primary.host));
    for (name, said) in &looked.hosts {
        let role = if Some(name) == standby {
            " (standby)"
        } else if Some(name) == primary {
            " (primary)"
        } else {
            ""
        };
        let what = format!("host {name}{role}");
        let is_needed = Some(name) == standby;
        let (said, asked, heard) = match said {
            Ok((said, asked, heard)) => (said, *asked, *heard),
            // A recovery does without the others; and of what is captured there, its own Lifeboat copies the files.
            Err(trouble) => {
                let state = if is_needed { State::Fail } else { State::Unknown };
                all.push(Finding::trouble(state, what, trouble));
                continue;
            }
        };
        match looked.lacking.as_ref().filter(|(standby, _)| standby == name) {
            Some((_, Ok(missing))) if missing.is_empty() => {
                all.push(Finding::ok(what, "can be entered, and has what a recovery runs"));
            }
            Some((_, Ok(missing))) => {
                let trouble = Trouble::new("LB0806", Kind::Person, missing.join(", "));
                all.push(Finding::trouble(State::Fail, what, &trouble.hint("lifeboat explain LB0806")));
            }
            Some((_, Err(trouble))) => all.push(Finding::trouble(State::Fail, what, trouble)),
            None => all.push(Finding::ok(what, "can be entered")),
        }
        let role = host::Role {
            // That of this host is the one that asks.
            serves: serving.contains(name) && world.here.as_ref() != Some(name),
            lays: lays(world, name).map(|directory| (directory, size(world, looked))),
            writes: directories(world, name),
            at_least: primary
                .filter(|_| is_needed)
                .map(|primary| of_cluster(looked, primary))
                .unwrap_or_default(),
        };
        all.extend(host::judge(name, &role, said, asked, heard, env!("CARGO_PKG_VERSION")));
    }
}

/// The largest database of the cluster that moves, as its members say.
fn size(world: &World, looked: &Looked) -> Option<u64> {
    let members = looked.etcds.get(world.estate.failover()?.name)?.as_ref().ok()?;
    members
        .iter()
        .filter_map(|it| Some(it.said.as_ref().ok()?.status.db_size))
        .max()
}

/// The versions of the cluster's programs on a host.
fn of_cluster(looked: &Looked, name: &Name) -> BTreeMap<String, String> {
    let Some(Ok((said, ..))) = looked.hosts.get(name) else {
        return BTreeMap::new();
    };
    let all = said
        .versions
        .iter()
        .filter(|(program, it)| OF_CLUSTER.contains(&&***program) && !it.is_empty());
    all.map(|(program, it)| (program.clone(), it.clone())).collect()
}

/// Whether those who would recover can read the repository: by what they have read already, or as they say themselves.
fn reading(world: &World, looked: &Looked, all: &mut Vec<Finding>) {
    if looked.only_here {
        return;
    }
    for name in others(world) {
        let what = format!("repository, from {name}");
        let said = looked.reading.get(name);
        let follows = looked.followers.iter().find(|(_, host, _)| host == name);
        let site = world.estate.site_of_host(name);
        let heard = looked.sites.iter().flatten().flatten();
        let proven = heard
            .filter(|it| Some(&it.site) == site)
            .find_map(|it| it.report.as_ref().ok()?.proven.clone());
        match (proven, follows, said) {
            (Some(proven), ..) => {
                let ago = span(i64::try_from(proven.ago_ms / 1000).unwrap_or(i64::MAX));
                all.push(Finding::ok(what, format!("its Lifeboat has opened {} {ago} ago", proven.id)));
            }
            (_, Some((cluster, _, behind)), _) => {
                all.push(Finding::ok(
                    what,
                    format!("its Lifeboat follows {cluster} from it, {behind} revisions behind"),
                ));
            }
            (_, _, Some(Ok(rows))) => all.extend(
                rows.iter()
                    .map(|it| Finding { what: format!("{}, from {name}", it.what), ..it.clone() }),
            ),
            (_, _, Some(Err(trouble))) => {
                let next = format!("lifeboat check, on {name} itself");
                let finding = Finding::trouble(State::Unknown, what, trouble);
                all.push(Finding { next: Some(next), ..finding });
            }
            (None, None, None) => {
                all.push(Finding::unknown(what, "it was not asked", format!("lifeboat check, on {name}")))
            }
        }
    }
}

fn names(world: &World, looked: &Looked, all: &mut Vec<Finding>) {
    let Some(it) = world.estate.failover().filter(|_| !looked.only_here) else {
        return;
    };
    for (server, found) in &looked.names {
        all.push(of(format!("DNS at {server}"), found, Clone::clone));
    }
    for (key, secret) in it.dns.secrets() {
        let what = format!("dns.{key}");
        all.push(match world.has(secret) {
            true => of(what, &world.names().map(|names| names.place()), |place| {
                format!("can be read, for {place}")
            }),
            false => {
                let found = format!("{secret} is not here: this machine cannot move the name");
                Finding::unknown(what, found, "bring it, where people will recover from")
            }
        });
    }
    for it in &looked.control {
        let what = match it.about {
            dns::About::Name => "the manager's name",
            dns::About::Right => "the right to move it",
            dns::About::Ttl => "its TTL",
            dns::About::Delegation => "its delegation",
        };
        all.push(match it.verdict {
            dns::Verdict::Proven => Finding::ok(what, it.says.clone()),
            dns::Verdict::Unproven => Finding::unknown(what, it.says.clone(), "lifeboat explain LB0504"),
            dns::Verdict::Broken => Finding::fail(what, it.says.clone(), "lifeboat explain LB0504"),
        });
    }
    for (what, serves) in &looked.managers {
        all.push(match serves {
            Ok(()) => Finding::ok(what, "serves, with the certificate that agents pin"),
            // One of the two serves, and that it is not the other is as it should be.
            Err(trouble) if trouble.kind == Kind::Unreachable => {
                Finding::unknown(what, format!("does not serve: {trouble}"), "nothing, where the other one serves")
            }
            Err(trouble) => Finding::trouble(State::Fail, what, trouble),
        });
    }
    if !world.has(&it.manager.token) {
        let found = format!("{} is not here: this machine cannot ask whether clusters are connected", it.manager.token);
        all.push(Finding::unknown("API token", found, "bring it, where people will recover from"));
    }
}
