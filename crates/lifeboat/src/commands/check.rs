//! `lifeboat check`: tries everything that can be tried without changing anything that serves.

use crate::commands::span;
use crate::estate::{Which, me};
use crate::failure::Failure;
use crate::printer::{Printer, Report, table};
use estate::{Cluster, Kind, Name, StoreUrl};
use recovery::{Trouble, World, fitness, gather};
use serde::Serialize;
use std::path::Path;
use std::time::Duration;

const ANSWER: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    which: Which,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding {
    /// `good`, `note` or `bad`.
    state: &'static str,
    what: String,
    /// What was found, and what to do about it.
    found: String,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Findings(Vec<Finding>);

impl Report for Findings {
    fn text(&self) -> String {
        let rows = self.0.iter().map(|it| [it.state.to_owned(), it.what.clone(), it.found.clone()]);
        table(["STATE", "WHAT", "FOUND"], rows)
    }
}

impl Findings {
    fn add(&mut self, what: impl Into<String>, found: Result<String, Trouble>) {
        let (state, found) = match found {
            Ok(found) => ("good", found),
            Err(trouble) => ("bad", told(&trouble)),
        };
        self.0.push(Finding { state, what: what.into(), found });
    }

    fn note(&mut self, what: impl Into<String>, found: impl Into<String>) {
        self.0.push(Finding { state: "note", what: what.into(), found: found.into() });
    }
}

fn told(trouble: &Trouble) -> String {
    let causes: String = trouble.causes.iter().map(|cause| format!(": {cause}")).collect();
    // The next command is hardly the one that found it.
    let hint = trouble.hint.as_ref().filter(|hint| *hint != "lifeboat check");
    let hint = hint.map(|hint| format!("; next: {hint}")).unwrap_or_default();
    format!("{}{causes} ({}){hint}", trouble.message, trouble.code)
}

pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let world = args.which.open()?;
    let mut findings = Findings(Vec::new());
    let named: Vec<&str> = world.estate.clusters.keys().map(Name::as_str).collect();
    findings.add("estate file", Ok(format!("estate {}, clusters {}", world.estate.name, named.join(", "))));
    let failover = world.estate.failover().map(|of| of.name.clone());
    if failover.is_some() {
        sites(&world, &mut findings).await;
    }
    for name in world.estate.repositories.keys() {
        repository(&world, name, &mut findings).await;
    }
    for (cluster, of) in &world.estate.clusters {
        newest(&world, cluster, of, &mut findings).await;
        if of.standby.is_none() {
            source(&world, cluster, of, &mut findings).await;
        }
    }
    if let Some(cluster) = failover {
        hosts(&world, &cluster, &mut findings).await?;
        names(&world, &cluster, &mut findings).await?;
        manager(&world, &cluster, &mut findings).await?;
    }
    let bad = findings.0.iter().filter(|it| it.state == "bad").count();
    printer.show(&findings)?;
    match bad {
        0 => Ok(()),
        bad => {
            Err(
                Failure::new("LB0005", Kind::Person, format!("{bad} of {} findings need a person", findings.0.len()))
                    .hint("lifeboat explain CODE, for the code in a finding"),
            )
        }
    }
}

async fn sites(world: &World, findings: &mut Findings) {
    let reports = match gather::reports(world, &me(world)).await {
        Ok(reports) => reports,
        Err(trouble) => return findings.add("sites", Err(trouble)),
    };
    for heard in reports {
        let found = heard.report.map(|report| {
            let known = report
                .standing
                .map_or_else(|| "no epoch yet".to_owned(), |standing| standing.to_string());
            let apart = report.now.duration_since(heard.at).as_secs_f64();
            format!("answers, knows {known}; its clock is {apart:+.1} s from this machine's")
        });
        findings.add(format!("site {}", heard.site), found);
    }
}

async fn repository(world: &World, name: &Name, findings: &mut Findings) {
    let Some(of) = world.estate.repositories.get(name) else {
        return;
    };
    let what = format!("repository {name}");
    if matches!(&*of.url, StoreUrl::Directory(_)) {
        let found =
            "a directory serves one host only: no other host can recover from it, and it carries no automatic failover";
        findings.note(&what, found);
    }
    // A copy has those of its original.
    if of.copy_of.is_none() && of.recipients.iter().filter(|it| it.clusters.is_none()).count() < 2 {
        findings.note(
            &what,
            "one recipient opens everything: if that key is lost, so are all copies. Add a second one and keep it elsewhere",
        );
    }
    if of.root.is_none() {
        findings.note(
            &what,
            "no root: whoever can write to the store could put another repository in its place. Its root stands on the sheet",
        );
    }
    let repository = match world.repository(name) {
        Ok(repository) => repository,
        Err(trouble) => {
            findings.add(&what, Err(trouble));
            return;
        }
    };
    let probed = repository.probe().await.map_err(Trouble::from).and_then(|probed| {
        let found = format!("{}: {probed}", repository.store());
        match probed.sound() {
            true => Ok(found),
            false => Err(Trouble::new("LB0310", Kind::Person, found)),
        }
    });
    findings.add(&what, probed);
    match repository.compare_clocks().await {
        Ok(()) => findings.add(format!("clock of {name}"), Ok("agrees with this machine's".to_owned())),
        Err(error @ repository::Error::Clock { .. }) => findings.add(format!("clock of {name}"), Err(error.into())),
        // That it cannot be asked stands in the line above, and in the one below what else is wrong with it.
        Err(_) => {}
    }
    if !world.has(&of.identity) {
        findings.note(
            format!("identity of {name}"),
            format!("{} is not here: this machine can list copies, but open none", of.identity),
        );
    }
}

/// Whether the newest point of a cluster opens here.
async fn newest(world: &World, cluster: &Name, of: &Cluster, findings: &mut Findings) {
    let known = world.estate.repositories.get(&*of.repository);
    if !known.is_some_and(|of| world.has(&of.identity)) {
        return;
    }
    let newest = async {
        let repository = world.repository(&of.repository)?;
        let points = repository.points(cluster).await?.points;
        let id = points
            .first()
            .ok_or_else(|| Trouble::new("LB0309", Kind::Person, format!("there is no copy of {cluster}")))?;
        let point = repository.point(cluster, id).await?;
        let age = ambient::now().duration_since(point.begun).as_secs();
        Ok::<_, Trouble>(format!("{id} opens, and is {} old", span(age)))
    };
    findings.add(format!("newest point of {cluster}"), newest.await);
}

/// What a cluster without a standby is captured from, as far as this machine has to do with it.
async fn source(world: &World, cluster: &Name, of: &Cluster, findings: &mut Findings) {
    let here = world.here.as_ref();
    let is_ours = world.estate.protected_on(here).any(|(name, _)| name == cluster);
    if is_ours {
        let asked = async {
            let found = protect::etcd::source(of, &world.directory, Path::new("/"))?;
            let connection = found.connections.into_iter().next();
            let none = || Trouble::new("LB0411", Kind::Invalid, format!("no etcd of {cluster} is known"));
            let client = etcd::Client::connect(&connection.ok_or_else(none)?).await?;
            let status = client.status().await?;
            Ok::<_, Trouble>(format!("{} answers, version {}", client.endpoint(), status.version))
        };
        findings.add(format!("etcd of {cluster}"), asked.await);
    } else {
        let by: Vec<&str> = of.protectors().into_iter().map(Name::as_str).collect();
        findings.note(
            format!("etcd of {cluster}"),
            format!("{} protects it, and tries it there", by.join(" or ")),
        );
    }
    for host in of.hosts.iter().filter(|host| here != Some(&**host)) {
        match look_at(world, host, "true").await {
            Ok(_) => findings.add(format!("host {host}"), Ok("can be entered".to_owned())),
            // Its files are then copied by its own Lifeboat alone.
            Err(trouble) => findings.note(format!("host {host}"), format!("cannot be entered from here: {trouble}")),
        }
    }
}

async fn hosts(world: &World, cluster: &Name, findings: &mut Findings) -> Result<(), Failure> {
    let of = world.failover(cluster)?;
    let host = &of.standby.host;
    let found = match world.host(host) {
        Ok(entered) => fitness::missing(&entered, &fitness::PROGRAMS, &[&of.standby.kubeadm_config])
            .await
            .map_err(Trouble::from),
        Err(trouble) => Err(trouble),
    };
    let found = found.and_then(|missing| match missing.is_empty() {
        true => Ok("can be entered, and has what a recovery runs".to_owned()),
        false => Err(Trouble::new("LB0806", Kind::Person, missing.join(", "))),
    });
    findings.add(format!("host {host} (standby)"), found);
    // A recovery does without the primary's host, and the standby may have no way onto it.
    let host = &of.primary.host;
    match look_at(world, host, "true").await {
        Ok(_) => findings.add(format!("host {host} (primary)"), Ok("can be entered".to_owned())),
        Err(trouble) => {
            findings.note(format!("host {host} (primary)"), format!("cannot be entered from here: {trouble}"))
        }
    }
    Ok(())
}

async fn look_at(world: &World, host: &Name, script: &str) -> Result<String, Trouble> {
    let host = world.host(host)?;
    Ok(host.run("looking at the host", script, Duration::from_secs(20)).await?)
}

async fn names(world: &World, cluster: &Name, findings: &mut Findings) -> Result<(), Failure> {
    let of = world.failover(cluster)?;
    let name = of.manager.name.trim_end_matches('.').to_owned();
    let server = of.dns.server;
    for asked in std::iter::once(&server).chain(&of.dns.secondaries).chain(&of.dns.resolvers) {
        let found = dns::ask(*asked, &name).await.map_err(Trouble::from).and_then(|answer| {
            let addresses: Vec<String> = answer.addresses.iter().map(ToString::to_string).collect();
            if addresses.is_empty() {
                return Err(Trouble::new("LB0504", Kind::Invalid, format!("it knows no address of {name}")));
            }
            Ok(format!("{name} leads to {} for {} s", addresses.join(", "), answer.ttl))
        });
        findings.add(format!("DNS at {asked}"), found);
    }
    let key = &of.dns.key;
    if world.has(&key.secret) {
        findings.add(
            format!("TSIG key {}", key.name),
            world
                .zone()
                .map(|_| "can be read; only a switch shows whether the server takes it".to_owned()),
        );
    } else {
        findings.note(
            format!("TSIG key {}", key.name),
            format!("{} is not here: this machine cannot move the name", key.secret),
        );
    }
    Ok(())
}

async fn manager(world: &World, cluster: &Name, findings: &mut Findings) -> Result<(), Failure> {
    let of = world.failover(cluster)?;
    for (role, stand) in [("primary", of.primary), ("standby", of.standby)] {
        let found = match world.manager(of.manager, stand.address, false) {
            Ok(manager) => manager.ping(ANSWER).await.map_err(Trouble::from),
            Err(trouble) => Err(trouble),
        };
        let what = format!("manager at {} ({role})", stand.address);
        match (role, found) {
            // One of the two serves, and that it is not the other is as it should be.
            (_, Ok(())) => findings.add(what, Ok("serves, with the certificate that agents pin".to_owned())),
            (_, Err(trouble)) if trouble.kind == Kind::Unreachable => {
                findings.note(what, format!("does not serve: {trouble}"))
            }
            (_, Err(trouble)) => findings.add(what, Err(trouble)),
        }
    }
    if !world.has(&of.manager.token) {
        findings.note(
            "API token",
            format!("{} is not here: this machine cannot ask whether clusters are connected", of.manager.token),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests;
