//! Finding what a plan is made from: who holds which epoch, which copy there is, what the standby looks like.
//!
//! Start at [`plan`]. Nothing here chooses more than the newest copy; the choosing is done by [`plan::make`].

use crate::{Trouble, World, runs, voters};
use cluster::Host;
use dns::{Held, Records, Wanted as WantedName};
use estate::{Epoch, Failover, Kind, Name, PointId, Report, Seen, Standing};
use futures::StreamExt;
use futures::future::join3;
use jiff::{SignedDuration, Timestamp};
use plan::{Book, Books, Chosen, Facts, Loss, Member, Plan, Target};
use protect::manifest::Flags;
use repository::Repository;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// How long a site may take to report.
const ANSWER: Duration = Duration::from_secs(3);

/// How many older copies are tried to offer one that opens.
const OFFERED: usize = 100;

/// What a site reported, or why it did not.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The site.
    pub site: Name,
    /// Its report.
    pub report: Result<Report, Trouble>,
    /// When the answer arrived, by this machine's clock.
    pub at: Timestamp,
}

/// Why there is to be a failover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Because {
    /// A verdict, with its reasons.
    Verdict(Vec<String>),
    /// A person asks for it.
    Person,
}

/// A copy that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// It.
    pub id: &'a PointId,
    /// Whether a person accepts it even if nobody who is trusted has signed it.
    pub accept_unsigned: bool,
    /// Whether nothing newer is wanted than what is in it.
    pub exactly: bool,
}

/// Asks every site for its report.
///
/// # Errors
/// The peers' key cannot be read.
pub async fn reports(world: &World, me: &str) -> Result<Vec<Heard>, Trouble> {
    let mut asked = voters::ask(world, me, world.estate.voters(), "report", &(), ANSWER)?;
    let mut heard = Vec::new();
    while let Some((site, report)) = asked.next().await {
        heard.push(Heard { site, report, at: ambient::now() });
    }
    heard.sort_by(|a, b| a.site.cmp(&b.site));
    Ok(heard)
}

/// A playbook that is asked for, and what it is given.
#[derive(Clone, Debug, Default)]
pub struct Playbook {
    /// Its name; without one, the one that is meant for the occasion.
    pub name: Option<Name>,
    /// Its parameters, as far as they are given.
    pub parameters: serde_json::Map<String, serde_json::Value>,
}

impl Playbook {
    /// Its name, or `usual`.
    pub fn named<'a>(&'a self, usual: &'a str) -> &'a str {
        self.name.as_ref().map_or(usual, Name::as_str)
    }

    /// Its book, or that of `usual`.
    pub(crate) fn book<'a>(&self, books: &'a Books, usual: &str) -> Result<&'a Book, Trouble> {
        let name = self.named(usual);
        let found = books.iter().find(|book| book.name.as_str() == name);
        found.ok_or_else(|| {
            let names: Vec<&str> = books.names().map(Name::as_str).collect();
            let near = estate::nearest(name, names.iter().copied()).map(|near| format!("; is it {near:?}?"));
            let message = format!("there is no playbook called {name:?}{}", near.unwrap_or_default());
            Trouble::new("LB0205", Kind::Invalid, message).hint(format!("one of: {}", names.join(", ")))
        })
    }
}

/// Makes the plan of a failover of `cluster`, from copy `wanted` or else from the newest, with what the sites reported.
///
/// # Errors
/// Nobody knows the epoch, there is no copy or it cannot be opened, the standby cannot be looked at, there is nothing to
/// fail over to.
pub async fn plan(
    world: &World,
    cluster: &Name,
    repository: &Repository,
    reports: &[Heard],
    wanted: Option<Wanted<'_>>,
    (because, playbook): (Because, &Playbook),
) -> Result<Plan, Trouble> {
    let of = world.failover(cluster)?;
    let books = world.books_for(playbook.named("management-failover"))?;
    let book = playbook.book(&books, "management-failover")?;
    let standing = standing(reports)?;
    let stand = match plan::needs(&books, book).moves {
        Some(plan::Toward::Primary) => of.primary,
        _ => of.standby,
    };
    let host = world.host(&stand.host)?;
    let automatic = matches!(because, Because::Verdict(_));
    let took = async {
        // When every second counts, nobody reads old journals.
        match automatic {
            true => BTreeMap::new(),
            false => runs::took(repository, cluster, book.name.as_str()).await,
        }
    };
    let (point, member, took_ms) = join3(point(repository, cluster, wanted), member(&host), took).await;
    let facts = Facts {
        loss: loss(reports, &standing, ambient::now()),
        started: started(repository, &standing).await?,
        standing: Some(standing),
        chosen: Some(point?),
        targets: vec![Target {
            host: (*stand.host).clone(),
            node: stand.host.to_string(),
            member: member?,
            kubeadm_config: stand.kubeadm_config.clone(),
            alone: false,
            prepare: None,
        }],
        follows: wanted.is_none_or(|wanted| !wanted.exactly) && world.estate.follows(cluster, &stand.host),
        automatic,
        because: match because {
            Because::Verdict(reasons) => reasons,
            Because::Person => vec!["a person asks for it".to_owned()],
        },
        names_by_hand: names_by_hand(world, of, stand.address),
        parameters: playbook.parameters.clone(),
        took_ms,
        ..Facts::default()
    };
    Ok(plan::make(&world.estate, &books, book, cluster, &facts, ambient::now())?)
}

/// How a person moves the manager's name, and back, as whoever moves names has it. Nothing is asked: the name is taken to lead where it
/// does on an ordinary day.
fn names_by_hand(world: &World, of: Failover<'_>, to: IpAddr) -> Option<(Vec<String>, Vec<String>)> {
    let names = world.names().ok()?;
    let name = of.manager.name.trim_end_matches('.');
    let leads = |address: IpAddr| {
        let records = Records { addresses: [address].into(), ttl: of.dns.ttl };
        let (a, aaaa) = match address {
            IpAddr::V4(_) => (Some(records), None),
            IpAddr::V6(_) => (None, Some(records)),
        };
        (Held::Records { a, aaaa }, WantedName::new([address], of.dns.ttl))
    };
    let from = [of.primary.address, of.standby.address].into_iter().find(|it| *it != to)?;
    let ((here, to_here), (there, to_there)) = (leads(from), leads(to));
    Some((names.by_hand(name, &here, &to_there), names.by_hand(name, &there, &to_here)))
}

/// Makes the plan of a playbook that restores nothing.
///
/// # Errors
/// There is no such playbook, or no plan of it.
pub async fn plan_of(
    world: &World,
    cluster: &Name,
    repository: Option<&Repository>,
    playbook: &Playbook,
) -> Result<Plan, Trouble> {
    let books = world.books_for(playbook.named(""))?;
    let book = playbook.book(&books, "")?;
    let took_ms = match repository {
        Some(repository) => runs::took(repository, cluster, book.name.as_str()).await,
        None => BTreeMap::new(),
    };
    let facts = Facts {
        because: vec!["a person asks for it".to_owned()],
        parameters: playbook.parameters.clone(),
        took_ms,
        ..Facts::default()
    };
    Ok(plan::make(&world.estate, &books, book, cluster, &facts, ambient::now())?)
}

/// etcd's member on a host, as its manifest there has it.
///
/// # Errors
/// There is no manifest, or it lacks one of the flags.
pub async fn member(host: &Host) -> Result<Member, Trouble> {
    member_of(&Flags::read(host, "etcd").await?, host.name())
}

/// The same, as the flags of etcd on `host` have it.
///
/// # Errors
/// One of them is not set.
pub(crate) fn member_of(flags: &Flags, host: &str) -> Result<Member, Trouble> {
    let flag = |name: &str| {
        flags.get(name).map(str::to_owned).ok_or_else(|| {
            let message = format!("etcd on {host} is started without --{name}");
            Trouble::new("LB0404", Kind::Invalid, message).hint("look at /etc/kubernetes/manifests/etcd.yaml there")
        })
    };
    Ok(Member {
        name: flag("name")?,
        peer_url: flag("initial-advertise-peer-urls")?,
        data_dir: flag("data-dir")?,
    })
}

/// The same of this machine.
///
/// # Errors
/// As [`member`].
pub async fn member_here() -> Result<Member, Trouble> {
    member(&Host::local("this machine")).await
}

/// The highest standing that anybody reports.
///
/// # Errors
/// Nobody answers, or nobody knows.
pub fn standing(reports: &[Heard]) -> Result<Standing, Trouble> {
    let known = reports.iter().filter_map(|heard| heard.report.as_ref().ok()?.standing.clone());
    known.max_by_key(|standing| standing.epoch).ok_or_else(|| {
        let mut trouble = Trouble::new("LB0601", Kind::Unreachable, "no site's Lifeboat says who serves");
        trouble.causes = reports
            .iter()
            .filter_map(|heard| Some(heard.report.as_ref().err()?.to_string()))
            .collect();
        trouble.hint("start lifeboat serve at the standby and at the witness")
    })
}

/// The copy to recover from: `wanted`, or the newest. Its manifest is opened; if it is none, the one before it is offered.
async fn point(repository: &Repository, cluster: &Name, wanted: Option<Wanted<'_>>) -> Result<Chosen, Trouble> {
    let id = match wanted {
        Some(Wanted { id, accept_unsigned: true, .. }) => {
            let (point, unsigned) = repository.point_unsigned(cluster, id).await?;
            return Ok(Chosen { point, unsigned });
        }
        Some(Wanted { id, .. }) => id.clone(),
        None => repository.points(cluster).await?.points.into_iter().next().ok_or_else(|| {
            let message = format!("there is no copy of {cluster}");
            Trouble::new("LB0309", Kind::Person, message).hint("lifeboat status")
        })?,
    };
    let trouble = match repository.point(cluster, &id).await.map_err(Trouble::from) {
        Ok(point) => return Ok(Chosen { point, unsigned: None }),
        Err(trouble) if trouble.is_of_the_copy() => trouble,
        Err(trouble) => return Err(trouble),
    };
    Err(match openable_before(repository, cluster, &id).await {
        Some(older) => trouble.hint(format!("lifeboat plan --copy {older}\nlifeboat failover --yes --copy {older}")),
        None => trouble.hint(NONE_BEFORE),
    })
}

/// The hint where no older copy can be offered.
pub(crate) const NONE_BEFORE: &str = "lifeboat points: none of the older ones opens";

/// The newest copy before `id` whose manifest opens. Not searched for ever: somebody may have planted any number.
pub(crate) async fn openable_before(repository: &Repository, cluster: &Name, id: &PointId) -> Option<PointId> {
    let points = repository.points(cluster).await.ok()?.points;
    for older in points.into_iter().filter(|older| older < id).take(OFFERED) {
        match repository.point(cluster, &older).await {
            Ok(_) => return Some(older),
            // A store that is silent for one is silent for a hundred, and each takes its time.
            Err(repository::Error::Unreachable { .. }) => return None,
            Err(_) => {}
        }
    }
    None
}

/// Whether the run that took this epoch came so far that the cluster was seen to work there. One that did not is made anew,
/// perhaps from another copy. An epoch that no run has taken is the primary's first.
async fn started(repository: &Repository, standing: &Standing) -> Result<bool, Trouble> {
    if standing.epoch == Epoch::FIRST {
        return Ok(true);
    }
    let took_it = |plan: &Plan| plan.epoch == Some(standing.epoch) && plan.to == standing.holder;
    let of_it = runs::newest(repository, &took_it).await?;
    Ok(of_it.is_none_or(|run| run.state.outcome("control-plane").is_some()))
}

/// What the observers know of the loss.
pub fn loss(reports: &[Heard], standing: &Standing, now: Timestamp) -> Loss {
    let outside = reports.iter().filter(|heard| heard.site != standing.holder);
    let outside: Vec<&Report> = outside.filter_map(|heard| heard.report.as_ref().ok()).collect();
    let dark = outside.iter().filter_map(|report| dark_for(&report.probes));
    let last_seen = dark.min().and_then(|dark| now.checked_sub(dark).ok());
    let renewed = outside.iter().filter_map(|report| report.renewed.as_ref());
    let last_revision = renewed
        .filter(|renewed| renewed.standing == *standing)
        .filter_map(|renewed| renewed.revision)
        .max();
    Loss { last_seen, last_revision }
}

/// For how long an observer has had no good answer to any probe; `None` while one is good.
fn dark_for(probes: &[Seen]) -> Option<SignedDuration> {
    if probes.is_empty() || probes.iter().any(|seen| seen.good) {
        return None;
    }
    let shortest = probes.iter().map(|seen| seen.for_ms).min()?;
    Some(SignedDuration::from_millis(i64::try_from(shortest).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests;
