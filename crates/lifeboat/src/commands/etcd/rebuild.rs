//! `lifeboat etcd rebuild`: a data directory, or a seed, of any moment.

use super::moment::size;
use super::moving::Moving;
use super::opened::{Found, Which};
use crate::failure::Failure;
use crate::printer::{Printer, Report, card};
use ::etcd::FileError;
use ::etcd::database::Others;
use ::etcd::rebuild::{DEFAULT_BUMP, Line, Marks, Member, Members, Rebuilt, Request, Target, Warning, rebuild};
use ::etcd::selection::Source;
use ::etcd::wal::cluster_id;
use estate::Kind;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("target").required(true).args(["into", "seed"]))]
pub(crate) struct Args {
    #[command(flatten)]
    which: Which,
    /// The data directory to make; it is not there yet, or empty
    #[arg(long, value_name = "DIRECTORY", requires = "member")]
    into: Option<PathBuf>,
    /// Make one database file without membership instead, for member/snap/db of any new member
    #[arg(long, value_name = "FILE", conflicts_with_all = ["member", "name", "every_member"])]
    seed: Option<PathBuf>,
    /// A member of the new cluster and its peer URLs, parted by commas; once for each member
    #[arg(long, value_name = "NAME=URLS", value_parser = member)]
    member: Vec<Member>,
    /// The member that the directory is for; not needed where there is one member
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Make a directory for each member, below --into, by its name
    #[arg(long, conflicts_with = "name")]
    every_member: bool,
    /// The token of the new cluster; without this one that says what it is made from, the same on every host
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    moving: Moving,
}

/// How revisions go on, and who will run it.
#[derive(clap::Args)]
pub(crate) struct How {
    /// The etcd that will run it: 3.5, 3.6 or 3.7; without this the line that it comes from
    #[arg(long, value_name = "LINE")]
    pub(super) line: Option<Line>,
    /// How far revisions jump, so that nobody who watched before waits for ever
    #[arg(long, value_name = "NUMBER", default_value_t = DEFAULT_BUMP)]
    pub(super) bump: u64,
    /// Let revisions go on where they were; not for Kubernetes
    #[arg(long, conflicts_with = "bump")]
    pub(super) no_bump: bool,
}

/// What was made, as it is shown.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Made {
    made: Vec<PathBuf>,
    line: String,
    timeline: Option<u32>,
    revision: u64,
    current_revision: u64,
    compacted_revision: u64,
    /// With `every_version`: how many records.
    keys: u64,
    every_version: bool,
    bytes: u64,
    leases: u64,
    leases_missing: Vec<String>,
    members: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster_id: Option<String>,
    pub(super) warnings: Vec<String>,
}

impl Report for Made {
    fn text(&self) -> String {
        let mut text = card([
            (
                "made",
                self.made
                    .iter()
                    .map(|path| path.display().to_string())
                    .collect::<Vec<_>>()
                    .join(", "),
            ),
            ("for etcd", self.line.clone()),
            ("content of revision", self.revision.to_string()),
            ("begins at revision", self.current_revision.to_string()),
            (if self.every_version { "records" } else { "keys" }, self.keys.to_string()),
            ("leases", self.leases.to_string()),
            ("database", size(self.bytes)),
        ]);
        for warning in &self.warnings {
            text += &format!("\nwarning: {warning}");
        }
        text
    }
}

impl How {
    fn marks(&self) -> Marks {
        if self.no_bump {
            Marks::Current
        } else {
            Marks::Bump(self.bump)
        }
    }

    fn line(&self, found: &Found) -> Result<Line, Failure> {
        let known = || found.version.as_deref()?.parse().ok();
        self.line.or_else(known).ok_or_else(|| {
            let why = match &found.version {
                Some(version) => format!("{} comes from etcd {version}", found.source.name()),
                None => format!("{} does not say which etcd it comes from", found.source.name()),
            };
            Failure::new("LB0003", Kind::Invalid, why).hint("--line 3.5, 3.6 or 3.7: the etcd that will run it")
        })
    }
}

/// Makes `target` of the moment.
pub(crate) fn make(
    which: &Which,
    (how, moving): (&How, &Moving),
    as_is: bool,
    target: Target,
) -> Result<Made, Failure> {
    let found = which.find(false)?;
    let from = which.place()?.typed();
    let source = moving.over(&found.source, as_is)?;
    make_of(&found, &*source, &from, how, as_is, target)
}

/// Makes `target` of a moment that was found, of which `source` is all or what is otherwise in it. `from` is how it is typed.
pub(crate) fn make_of(
    found: &Found,
    source: &dyn Source,
    from: &str,
    how: &How,
    as_is: bool,
    target: Target,
) -> Result<Made, Failure> {
    let mut request = Request {
        revision: found.revision,
        line: how.line(found)?,
        marks: if as_is { Marks::AsIs } else { how.marks() },
        target,
    };
    if let Target::DataDirectories { members, .. } = &mut request.target
        && members.token.is_empty()
    {
        members.token = token(found)?;
    }
    let rebuilt = rebuild(source, &request).map_err(|e| Failure::from(e).fill("HISTORY", from))?;
    let mut made = made(rebuilt, &request, found.timeline);
    made.warnings.extend(found.note.clone());
    Ok(made)
}

/// The token of a cluster for which none is given: the same on every host that rebuilds the same moment, and not the lost
/// cluster's, whose members would take the new ones for their own if the ids were the same.
fn token(found: &Found) -> Result<String, Failure> {
    let id = match found.cluster_id {
        // A file does not say it; its members are as good.
        0 => {
            let members = Others { buckets: found.source.others()? }.members().unwrap_or_default();
            let ids: Vec<_> = members.keys().filter_map(|id| u64::from_str_radix(id, 16).ok()).collect();
            cluster_id(&ids)
        }
        id => id,
    };
    Ok(format!("lifeboat-{id:x}-{}", found.revision))
}

fn made(it: Rebuilt, request: &Request, timeline: Option<u32>) -> Made {
    let made = match &request.target {
        Target::DataDirectories { directories, .. } => directories.iter().map(|(_, path)| path.clone()).collect(),
        Target::Seed { path } | Target::Snapshot { path } => vec![path.clone()],
    };
    Made::of(it, made, request.line, request.marks == Marks::AsIs, timeline)
}

impl Made {
    pub(super) fn of(it: Rebuilt, made: Vec<PathBuf>, line: Line, every_version: bool, timeline: Option<u32>) -> Self {
        let missing = (!it.leases_missing.is_empty()).then(|| {
            format!(
                "of {} leases nobody knows how long they were granted for; they run for an hour",
                it.leases_missing.len()
            )
        });
        Self {
            made,
            line: line.to_string(),
            timeline,
            revision: it.revision,
            current_revision: it.current_revision,
            compacted_revision: it.compacted_revision,
            keys: it.keys,
            every_version,
            bytes: it.bytes,
            leases: it.leases,
            leases_missing: it.leases_missing.iter().map(|id| format!("{id:x}")).collect(),
            members: it.members.into_iter().map(|(name, id)| (name, format!("{id:x}"))).collect(),
            cluster_id: (it.cluster_id != 0).then(|| format!("{:x}", it.cluster_id)),
            warnings: it.warnings.iter().map(warning).chain(missing).collect(),
        }
    }
}

fn warning(warning: &Warning) -> String {
    match warning {
        Warning::NewerStorage { version, line } => {
            format!("it comes from etcd {version}: what only that one knows, etcd {line} loses or misreads")
        }
        Warning::BucketLeftOut { name, entries } => format!("bucket {name} with {entries} entries was left out"),
        Warning::BucketUnknown { name, entries } => {
            format!("bucket {name} with {entries} entries was taken over as it is; no known etcd has it")
        }
    }
}

pub(crate) fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let target = match (args.seed, args.into) {
        (Some(path), _) => Target::Seed { path },
        (None, into) => {
            let into = into.unwrap_or_default();
            let directories = directories(&args.member, args.name.as_deref(), args.every_member, &into)?;
            if args.every_member {
                std::fs::create_dir_all(&into).map_err(|source| FileError::Io {
                    file: into.display().to_string(),
                    doing: "created",
                    source,
                })?;
            }
            Target::DataDirectories {
                // Without one it is made of what is found.
                members: Members { initial: args.member, token: args.token.unwrap_or_default() },
                directories,
            }
        }
    };
    printer.show(&make(&args.which, (&args.how, &args.moving), false, target)?)
}

/// For which members, and where.
pub(crate) fn directories(
    members: &[Member],
    name: Option<&str>,
    every: bool,
    into: &Path,
) -> Result<Vec<(String, PathBuf)>, Failure> {
    if every {
        return Ok(members
            .iter()
            .map(|member| (member.name.clone(), into.join(&member.name)))
            .collect());
    }
    let name = match (name, members) {
        (Some(name), _) => name,
        (None, [one]) => &one.name,
        (None, _) => {
            return Err(Failure::new(
                "LB0003",
                Kind::Invalid,
                "there are several members, and --name does not say which this is",
            )
            .hint("--name NAME, or --every-member"));
        }
    };
    Ok(vec![(name.to_owned(), into.to_owned())])
}

pub(crate) fn member(text: &str) -> Result<Member, String> {
    let wrong = || "it is not NAME=URLS, as in m1=https://10.0.0.21:2380".to_owned();
    let (name, urls) = text.split_once('=').ok_or_else(wrong)?;
    if name.is_empty() || urls.is_empty() {
        return Err(wrong());
    }
    Ok(Member {
        name: name.to_owned(),
        peer_urls: urls.split(',').map(str::to_owned).collect(),
    })
}

#[cfg(test)]
mod tests;
