//! `lifeboat restore etcd`: the state of a cluster's etcd at any moment comes back at the site that it is from: as a data directory, or on
//! hosts, with all that a control plane needs (`host.rs`).

use super::moment::Moment;
use super::{host, place};
use crate::commands::etcd::{At, Elsewhere, Found, How, Made, Which, apart, directories, make_of, member};
use crate::commands::span;
use crate::estate as estate_file;
use crate::failure::Failure;
use crate::printer::{Printer, Report};
use ::estate::{Kind, Name};
use ::etcd::history::History;
use ::etcd::rebuild::{Member, Members, Target};
use ::etcd::selection::{Aside, Source as _};
use jiff::Timestamp;
use protect::etcd::RepositoryShelf;
use recovery::asked::{self, Asked};
use recovery::put_back::Onto;
use recovery::{Trouble, adopted, gather};
use repository::Repository;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a restore is from.
#[derive(Clone, Default, clap::Args)]
pub(crate) struct Source {
    /// The moment: a copy, a revision, a time with its zone, or a time ago (1h-ago); without this the newest
    #[arg(long, value_name = "COPY|REVISION|TIME")]
    pub(crate) at: Option<Moment>,
    /// Accept this copy even if nobody who is trusted has signed it
    #[arg(long, requires = "at")]
    pub(crate) accept_unsigned: bool,
    /// A snapshot that k3s, RKE2, RKE1 or etcdctl made, in a place that the estate names, instead of Lifeboat's own history; with
    /// hosts, --at COPY then says whose files they get
    #[arg(long, value_name = "NAME")]
    pub(crate) from_snapshot: Option<String>,
    /// A host of the control plane that is gone for good: nothing is stopped there
    #[arg(long, value_name = "HOST")]
    pub(crate) without: Vec<Name>,
    /// Where a snapshot is unpacked while it is read; without this the system's temporary directory
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) spool: Option<PathBuf>,
}

/// A restore that is asked for.
#[derive(Clone)]
pub(crate) struct Wanted<'a> {
    /// The estate.
    pub(crate) which: &'a estate_file::Which,
    /// The cluster.
    pub(crate) cluster: &'a Name,
    /// What it is from.
    pub(crate) from: &'a Source,
    /// The command as it was typed, but for the moment.
    pub(crate) again: String,
}

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(super) which: estate_file::Which,
    /// The cluster
    pub(super) cluster: Name,
    #[command(flatten)]
    pub(super) from: Source,
    /// The host that the cluster is restored onto, or several; or the data directory to make (./DIRECTORY), not there yet or empty
    #[arg(long, value_name = "HOST|DIRECTORY", required = true)]
    to: Vec<String>,
    /// A member of the restored cluster and its peer URLs, parted by commas; once for each member. Without this the one that this
    /// host's manifest of etcd names
    #[arg(long, value_name = "NAME=URLS", value_parser = member)]
    member: Vec<Member>,
    /// The member that the directory is for; not needed where there is one member
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Make a directory for each member, below --to, by its name
    #[arg(long, conflicts_with = "name")]
    every_member: bool,
    #[command(flatten)]
    how: How,
    /// Only say what would be done and lost
    #[arg(long, conflicts_with = "yes")]
    pub(super) dry_run: bool,
    /// Really change the hosts; without this it is only shown
    #[arg(long)]
    pub(super) yes: bool,
}

impl Args {
    /// An option that was given and goes with a directory alone.
    pub(super) fn for_directories(&self) -> Option<&'static str> {
        let given = [
            ("--member", !self.member.is_empty()),
            ("--name", self.name.is_some()),
            ("--every-member", self.every_member),
        ];
        given.iter().find(|(_, given)| *given).map(|(option, _)| *option)
    }

    pub(super) fn wanted(&self) -> Wanted<'_> {
        Wanted {
            which: &self.which,
            cluster: &self.cluster,
            from: &self.from,
            again: self.again(),
        }
    }

    /// The command as it was typed, but for the moment.
    pub(super) fn again(&self) -> String {
        let mut again = format!("lifeboat restore etcd {}", self.cluster);
        for (option, value) in self
            .to
            .iter()
            .map(|to| ("to", to.as_str()))
            .chain(self.from.without.iter().map(|it| ("without", it.as_str())))
        {
            again += &format!(" --{option} {value}");
        }
        if let Some(name) = &self.from.from_snapshot {
            again += &format!(" --from-snapshot {name}");
        }
        again
    }
}

/// What is restored, and what is not in it.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Lost {
    cluster: Name,
    /// What it is from: the history, or a snapshot.
    from: String,
    pub(super) revision: u64,
    /// The moment, as far as it is known.
    pub(super) at: Option<Timestamp>,
    /// The newest moment that is known.
    pub(super) newest: Option<Timestamp>,
    /// Seconds between the two.
    pub(super) seconds_lost: Option<i64>,
    /// Revisions between the two, where they are of one timeline.
    pub(super) revisions_lost: Option<u64>,
    /// The revision of the newest moment, of whichever timeline.
    pub(super) newest_revision: Option<u64>,
}

impl Report for Lost {
    fn text(&self) -> String {
        let at = self.at.map_or_else(String::new, |at| format!(", as it was at {at:.3}"));
        format!(
            "etcd of {} at revision {}{at}, from {}\n{}",
            self.cluster,
            self.revision,
            self.from,
            self.losing()
        )
    }
}

impl Lost {
    fn losing(&self) -> String {
        let revisions = self.revisions_lost.map(|number| format!(", {number} revisions"));
        match (self.seconds_lost, self.newest) {
            (Some(0), _) if self.revisions_lost == Some(0) => "lost: nothing that is known".to_owned(),
            (Some(seconds), Some(newest)) => {
                format!(
                    "lost: {}{}, until the newest that is known, of {newest:.3}",
                    span(seconds),
                    revisions.unwrap_or_default()
                )
            }
            _ => "lost: not known, since nothing newer is there to compare with".to_owned(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Restored {
    #[serde(flatten)]
    lost: Lost,
    made: Made,
    took_s: f64,
}

impl Report for Restored {
    fn text(&self) -> String {
        format!("{}\n{}\ntook: {:.1} s", self.made.text(), self.lost.losing(), self.took_s)
    }
}

/// Where the newest that is known of a cluster is.
#[derive(Clone, Copy)]
struct Newest {
    timeline: u32,
    revision: u64,
    ms: u64,
}

pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let begun = ambient::monotonic();
    let world = args.which.open()?;
    let cluster = args.cluster.clone();
    let repository = world.repository(&world.cluster(&cluster)?.repository)?;
    let places = args.to.iter().map(|to| place::of(&world, to)).collect::<Result<Vec<_>, _>>()?;
    let to = match &places[..] {
        [Onto::Directory(to)] => to.clone(),
        places => return host::run(&args, &world, &repository, places, printer).await,
    };
    if let (true, _) | (_, Some(_)) = (args.yes, args.from.without.first()) {
        let message = "--yes and --without go with a host, and --to names a directory";
        return Err(Failure::new("LB0003", Kind::Invalid, message).hint("--to HOST, or without them"));
    }
    if args.from.from_snapshot.is_some() && args.from.at.is_some() {
        let message = "a snapshot is one moment, and --at names another";
        return Err(Failure::new("LB0003", Kind::Invalid, message).hint("--from-snapshot, or --at"));
    }
    let members = match args.member.is_empty() {
        false => args.member.clone(),
        true => vec![here().await?],
    };
    let directories = directories(&members, args.name.as_deref(), args.every_member, &to)?;
    for (_, path) in &directories {
        vacant(path)?;
    }
    // The place that a snapshot was unpacked into goes with it.
    let (found, lost, _opened) = match &args.from.from_snapshot {
        Some(name) => {
            let spool = args.from.spool.clone().unwrap_or_else(std::env::temp_dir);
            let (_, opened) = adopted::opened(&world, &cluster, name, &spool).await?;
            let (found, lost) = of_snapshot(&opened, name, &cluster, &repository).await?;
            (found, lost, Some(opened))
        }
        None => {
            let (found, lost) = of_history(&args.wanted(), &repository).await?;
            (found, lost, None)
        }
    };
    if args.dry_run {
        return printer.show(&lost);
    }
    let names: Vec<String> = members
        .iter()
        .map(|it| format!("{}={}", it.name, it.peer_urls.join(",")))
        .collect();
    printer.talk(&format!("{}\nfor {}, into {}", lost.text(), names.join(" "), to.display()));
    if args.every_member {
        std::fs::create_dir_all(&to).map_err(|source| ::etcd::FileError::Io {
            file: to.display().to_string(),
            doing: "created",
            source,
        })?;
    }
    let target = Target::DataDirectories {
        members: Members { initial: members, token: String::new() },
        directories,
    };
    let again = args.again();
    let (how, typed, moment) = (args.how, format!("--cluster {cluster}"), (found.timeline, found.revision));
    let making = apart(move || make_of(&found, &*found.source, &typed, &how, false, target)).await;
    let made = match making {
        Err(failure) if failure.is_damage() && args.from.from_snapshot.is_none() => {
            return Err(offering(failure, &repository, &cluster, moment, &again).await);
        }
        made => made?,
    };
    let took_s = ambient::monotonic().saturating_duration_since(begun).as_secs_f64();
    printer.show(&Restored { lost, made, took_s })
}

/// The member of this host.
async fn here() -> Result<Member, Failure> {
    let found = gather::member_here().await.map_err(|trouble| {
        Failure::from(trouble)
            .hint("--member NAME=URLS, as in m1=https://10.0.0.21:2380, unless this is a host of kubeadm's")
    })?;
    Ok(Member {
        name: found.name,
        peer_urls: found.peer_url.split(',').map(str::to_owned).collect(),
    })
}

/// A directory that something is in is not made anew, and that is known before anything is read.
fn vacant(path: &Path) -> Result<(), Failure> {
    let is_taken = match std::fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => path.symlink_metadata().is_ok(),
    };
    match is_taken {
        true => Err(Trouble::occupied(path).into()),
        false => Ok(()),
    }
}

pub(super) async fn of_history(wanted: &Wanted<'_>, repository: &Repository) -> Result<(Found, Lost), Failure> {
    let cluster = wanted.cluster;
    let again = wanted.again.clone();
    let mut version = None;
    let (at, timeline, from) = match &wanted.from.at {
        None => (None, None, "its history".to_owned()),
        Some(Moment::At(at)) => (Some(*at), None, "its history".to_owned()),
        Some(Moment::Point(id)) => {
            let asked = Asked::Point { id: id.clone(), accept_unsigned: wanted.from.accept_unsigned };
            let (point, unsigned) = asked::point(repository, cluster, &asked, &again).await?;
            let revision = u64::try_from(point.revision).unwrap_or(0);
            version = Some(point.etcd_version);
            let doubt =
                unsigned.map_or_else(String::new, |reason| format!(", not to be trusted, and accepted: {reason}"));
            (Some(At::Revision(revision)), Some(point.timeline), format!("copy {id}{doubt}"))
        }
    };
    let which = Which::new(
        None,
        Elsewhere::of(cluster.clone(), wanted.which.clone()),
        at,
        timeline,
        wanted.from.spool.clone(),
    );
    let (own, cluster_of) = (cluster.clone(), cluster.clone());
    let finding = apart(move || {
        let mut found = which.find(false)?;
        found.version = found.version.or(version);
        let newest = found.history.as_deref().map(newest).transpose()?.flatten();
        let at_ms = match at {
            Some(At::Time(time)) => u64::try_from(time.as_millisecond()).ok(),
            _ => match (&found.history, found.timeline) {
                (Some(history), Some(timeline)) => history.seen_at(timeline, found.revision)?,
                _ => None,
            },
        };
        let lost = lost(own, from, (found.timeline, found.revision), at_ms, newest);
        Ok((found, lost))
    });
    match finding.await {
        Err(failure) if failure.is_damage() => {
            let moment = match at {
                Some(At::Revision(revision)) => (timeline, revision),
                _ => (None, u64::MAX),
            };
            Err(offering(failure, repository, &cluster_of, moment, &wanted.again).await)
        }
        found => found,
    }
}

pub(super) async fn of_snapshot(
    opened: &protect::snapshots::Opened,
    name: &str,
    cluster: &Name,
    repository: &Repository,
) -> Result<(Found, Lost), Failure> {
    let source = opened.source().map_err(Trouble::from)?;
    let revision = source.last_revision();
    let shelf = RepositoryShelf::new(repository, cluster);
    // Without a history there is nothing to compare with, and the snapshot counts all the same.
    let newest = apart(move || newest(&History::open(Arc::new(shelf))?)).await.ok().flatten();
    let at_ms = u64::try_from(opened.snapshot.at.as_millisecond()).ok();
    let lost = lost(cluster.clone(), format!("snapshot {name}"), (None, revision), at_ms, newest);
    let found = Found {
        source: Arc::new(source),
        revision,
        history: None,
        timeline: None,
        version: opened.verified.etcd.clone(),
        cluster_id: 0,
        note: None,
        aside: Aside::default(),
    };
    Ok((found, lost))
}

fn newest(history: &History) -> Result<Option<Newest>, Failure> {
    let tail = history.tail()?;
    Ok(tail.map(|tail| Newest {
        timeline: tail.timeline,
        revision: tail.through,
        ms: tail.seen_ms,
    }))
}

/// What is not in a moment, against the newest that is known. Purely.
fn lost(
    cluster: Name,
    from: String,
    (timeline, revision): (Option<u32>, u64),
    at_ms: Option<u64>,
    newest: Option<Newest>,
) -> Lost {
    let time = |ms: u64| i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let is_newest = newest.is_some_and(|it| Some(it.timeline) == timeline && it.revision == revision);
    let between = at_ms
        .zip(newest)
        .map(|(at, newest)| newest.ms.saturating_sub(at).div_ceil(1000));
    let same = newest.filter(|it| Some(it.timeline) == timeline);
    Lost {
        cluster,
        from,
        revision,
        at: at_ms.and_then(time),
        newest: newest.and_then(|it| time(it.ms)),
        // What nothing was written after is as new as the newest look at it.
        seconds_lost: if is_newest {
            Some(0)
        } else {
            between.and_then(|it| i64::try_from(it).ok())
        },
        revisions_lost: same.map(|it| it.revision.saturating_sub(revision)),
        newest_revision: newest.map(|it| it.revision),
    }
}

/// Names the newest copy that can be rebuilt instead.
pub(super) async fn offering(
    failure: Failure,
    repository: &Repository,
    cluster: &Name,
    (timeline, revision): (Option<u32>, u64),
    again: &str,
) -> Failure {
    let before = (timeline.unwrap_or(u32::MAX), revision);
    match asked::rebuildable_before(repository, cluster, before).await {
        Some(older) => failure.hint(format!("{again} --at {older}: the newest sound one before it")),
        None => failure.hint(format!("lifeboat etcd verify --cluster {cluster}: tells what is harmed")),
    }
}

#[cfg(test)]
mod tests;
