//! `lifeboat etcd promote`: a data directory of what `follow` keeps ready.

use super::follow::{Far, seen, shelf};
use super::opened::Elsewhere;
use super::rebuild::{How, Made, member};
use crate::failure::Failure;
use crate::printer::{Printer, Report};
use ::etcd::follow::{FollowError, Follower, Promotion};
use ::etcd::rebuild::{Member, Members};
use estate::Kind;
use serde::Serialize;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The directory that a history was followed into
    directory: PathBuf,
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
    if !args.directory.is_dir() {
        let nothing = FollowError::Nothing {
            path: args.directory.display().to_string(),
            why: Some("it is not there".to_owned()),
        };
        return Err(nothing.into());
    }
    let mut follower = Follower::open(&args.directory).map_err(|error| {
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
    let (version, cluster_id) = follower.origin().map_or((String::new(), 0), |(it, id)| (it.to_owned(), id));
    let revision = follower.position().map_or(0, |it| it.revision);
    let timeline = follower.position().map(|it| it.timeline);
    let line = match (args.how.line, version.parse()) {
        (Some(line), _) | (None, Ok(line)) => line,
        // Where there is nothing, the promotion says so.
        (None, Err(_)) if revision == 0 => ::etcd::rebuild::Line::V3_6,
        (None, Err(_)) => {
            let why = format!("{} does not say which etcd it comes from", args.directory.display());
            return Err(
                Failure::new("LB0003", Kind::Invalid, why).hint("--line 3.5, 3.6 or 3.7: the etcd that will run it")
            );
        }
    };
    let name = match (&args.name, args.member.as_slice()) {
        (Some(name), _) => name.clone(),
        (None, [one]) => one.name.clone(),
        (None, _) => {
            let why = "there are several members, and --name does not say which this is";
            return Err(Failure::new("LB0003", Kind::Invalid, why).hint("--name NAME"));
        }
    };
    let token = args.token.unwrap_or_else(|| format!("lifeboat-{cluster_id:x}-{revision}"));
    let promotion = Promotion {
        members: Members { initial: args.member, token },
        name,
        into: args.into,
        line,
        bump: (!args.how.no_bump).then_some(args.how.bump),
    };
    let promoted = follower.promote(&promotion)?;
    let (bytes, seen) = (promoted.rebuilt.bytes, seen(&promoted.lag));
    let state = Far::of(&promoted.lag, bytes, None);
    let mut made = Made::of(promoted.rebuilt, vec![promotion.into], line, false, timeline);
    made.warnings.extend(warnings);
    printer.show(&Shown { made, state, moved: promoted.moved, seen })
}
