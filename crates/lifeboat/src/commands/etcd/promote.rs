//! `lifeboat etcd promote`: a data directory of what `follow` keeps ready, or this host's `lifeboat serve`.

mod followed;

pub(super) use followed::run as of_this_host;

use super::follow::{Far, seen, shelf};
use super::opened::Elsewhere;
use super::rebuild::{How, Made, member};
use crate::commands::points::asked;
use crate::failure::Failure;
use crate::printer::{Printer, Report};
use ::etcd::follow::{FollowError, Follower, Least, Promotion};
use ::etcd::rebuild::{Member, Members};
use daemon::CONTROL;
use estate::{Kind, Name};
use recovery::asked::Asked;
use serde::Serialize;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The directory that a history was followed into
    #[arg(required_unless_present = "followed", conflicts_with = "followed")]
    directory: Option<PathBuf>,
    /// What this host's lifeboat serve follows of this cluster, instead of a directory
    #[arg(long, value_name = "CLUSTER", conflicts_with_all = ["from", "cluster"])]
    pub(super) followed: Option<Name>,
    /// The data directory to make; it is not there yet, or empty
    #[arg(long, value_name = "DIRECTORY")]
    into: PathBuf,
    /// Take what is still missing from this history first, if it can be reached
    #[arg(long, value_name = "HISTORY", conflicts_with = "cluster")]
    from: Option<PathBuf>,
    #[command(flatten)]
    elsewhere: Elsewhere,
    /// A member of the new cluster and its peer URLs, parted by commas; once for each member
    #[arg(long, value_name = "NAME=URLS", value_parser = member, required = true)]
    member: Vec<Member>,
    /// The member that the directory is for; not needed where there is one member
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The token of the new cluster; without this one that says what it is made from, the same on every host
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    #[command(flatten)]
    how: How,
    /// Promote nothing that lacks this revision
    #[arg(long, value_name = "REVISION", requires = "timeline")]
    at_least: Option<u64>,
    /// The timeline of --at-least
    #[arg(long, value_name = "NUMBER", requires = "at_least")]
    timeline: Option<u32>,
    /// The id of the etcd that --at-least is of, as etcdctl prints it, in hexadecimal digits
    #[arg(long, value_name = "ID", value_parser = hexadecimal, requires = "at_least")]
    cluster_id: Option<u64>,
    /// Promote nothing that lacks what this copy in the estate's repository has
    #[arg(long, value_name = "POINT|newest", value_parser = asked, requires = "followed", conflicts_with = "at_least")]
    copy: Option<Asked>,
    /// Change nothing, and tell what would be promoted
    #[arg(long, requires = "followed")]
    dry_run: bool,
    /// Where this host's Lifeboat can be asked
    #[arg(long, value_name = "SOCKET", default_value = CONTROL, requires = "followed")]
    control: PathBuf,
}

impl Args {
    /// What has to be in it.
    fn least(&self) -> Option<Least> {
        let (timeline, revision) = self.timeline.zip(self.at_least)?;
        Some(Least { timeline, revision, cluster_id: self.cluster_id.unwrap_or(0) })
    }

    /// Which member it is for.
    fn name(&self) -> Result<String, Failure> {
        match (&self.name, self.member.as_slice()) {
            (Some(name), _) => Ok(name.clone()),
            (None, [one]) => Ok(one.name.clone()),
            (None, _) => {
                let why = "there are several members, and --name does not say which this is";
                Err(Failure::new("LB0003", Kind::Invalid, why).hint("--name NAME"))
            }
        }
    }
}

fn hexadecimal(text: &str) -> Result<u64, std::num::ParseIntError> {
    u64::from_str_radix(text, 16)
}

/// What was made, and of which state.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    #[serde(flatten)]
    made: Made,
    state: Far,
    /// Whether nothing is left to follow with.
    moved: bool,
    #[serde(skip)]
    seen: String,
}

impl Report for Shown {
    fn text(&self) -> String {
        let mut text = self.made.text();
        text += &format!("\nbehind: {}; seen last at {}", self.state.behind(), self.seen);
        if !self.moved {
            text += "\nit was copied: what was followed is still there";
        }
        text
    }
}

pub(crate) fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    // One of the two is there, and the other is not asked for here: clap sees to that.
    let directory = args.directory.clone().unwrap_or_default();
    if !directory.is_dir() {
        let nothing = FollowError::Nothing {
            path: directory.display().to_string(),
            why: Some("it is not there".to_owned()),
        };
        return Err(nothing.into());
    }
    let mut follower = Follower::open(&directory).map_err(|error| {
        let occupied = matches!(error, FollowError::Occupied { .. });
        let failure = Failure::from(error);
        if occupied {
            failure.hint("lifeboat etcd promote DIRECTORY: the one that lifeboat etcd follow keeps --into")
        } else {
            failure
        }
    })?;
    let mut warnings = Vec::new();
    if args.from.is_some() || args.elsewhere.is_named() {
        // What is here does as well: a history that is gone is the reason to be here.
        let place = args.elsewhere.or(args.from.as_deref());
        let looked = place
            .and_then(|place| shelf(&place))
            .and_then(|shelf| Ok(follower.advance(&shelf)?));
        if let Err(failure) = looked {
            warnings.push(format!("the history was not asked for what is missing: {}", failure.message()));
        }
    }
    let cluster_id = follower.origin().map_or(0, |(_, id)| id);
    let revision = follower.position().map_or(0, |it| it.revision);
    let timeline = follower.position().map(|it| it.timeline);
    let line = match args.how.line.or_else(|| follower.line()) {
        Some(line) => line,
        // Where there is nothing, the promotion says so.
        None if revision == 0 => ::etcd::rebuild::Line::V3_6,
        None => {
            let why = format!("{} does not say which etcd it comes from", directory.display());
            return Err(
                Failure::new("LB0003", Kind::Invalid, why).hint("--line 3.5, 3.6 or 3.7: the etcd that will run it")
            );
        }
    };
    let (name, least) = (args.name()?, args.least());
    let token = args.token.unwrap_or_else(|| format!("lifeboat-{cluster_id:x}-{revision}"));
    let promotion = Promotion {
        members: Members { initial: args.member, token },
        name,
        into: args.into,
        line,
        bump: (!args.how.no_bump).then_some(args.how.bump),
        least,
    };
    let promoted = follower.promote(&promotion)?;
    let (bytes, seen) = (promoted.rebuilt.bytes, seen(&promoted.lag));
    let state = Far::of(&promoted.lag, bytes, None);
    let mut made = Made::of(promoted.rebuilt, vec![promotion.into], line, false, timeline);
    made.warnings.extend(warnings);
    printer.show(&Shown { made, state, moved: promoted.moved, seen })
}
