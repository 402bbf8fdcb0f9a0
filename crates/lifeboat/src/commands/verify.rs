//! `lifeboat verify`: a point rebuilt and opened, in a directory of its own, and what that showed.

use crate::commands::span;
use crate::estate::Which;
use crate::failure::Failure;
use crate::printer::{Printer, Report, shown, table};
use estate::{Kind, Name, PointId};
use jiff::Timestamp;
use protect::verify::{Test, Verified};
use recovery::verified::{self, Which as Asked};
use serde::Serialize;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The cluster
    cluster: Name,
    #[command(flatten)]
    which: Which,
    /// The point, or the name of a snapshot that others made; without this the newest point
    #[arg(long, value_name = "POINT|SNAPSHOT")]
    point: Option<String>,
    /// The newest point, as without --point
    #[arg(long, conflicts_with = "point")]
    newest: bool,
    /// Keep what is made in this directory, which is empty or not there yet: a data directory of etcd, and the files. It holds keys
    #[arg(long, value_name = "DIRECTORY")]
    keep: Option<PathBuf>,
    /// The etcd that is started on a copy, or the directory that it is in; without this the one in the path, if there is one
    #[arg(long, value_name = "PROGRAM", env = "LIFEBOAT_ETCD", hide_env_values = true)]
    etcd: Option<PathBuf>,
    /// Start no etcd
    #[arg(long, conflicts_with = "etcd")]
    without_etcd: bool,
}

/// What was shown of a point.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    cluster: Name,
    /// The point, or the snapshot.
    point: String,
    /// When it was begun.
    at: Option<Timestamp>,
    revision: Option<i64>,
    /// Whether all that was tested is so.
    sound: bool,
    /// Whether nothing was left untested besides.
    whole: bool,
    #[serde(flatten)]
    verified: Verified,
    /// In the place of one that is damaged: the newest sound one.
    instead: Option<PointId>,
    /// Where what was made is kept.
    kept: Option<PathBuf>,
    took_s: f64,
}

impl Report for Shown {
    fn text(&self) -> String {
        let at = self.at.map_or_else(String::new, |at| format!(", begun at {at:.0}"));
        let rows = self.verified.tests.iter();
        let rows = rows.map(|it| [it.test.to_string(), it.outcome.to_string(), it.text.clone()]);
        let mut text = format!("{} of {}{at}\n\n", shown(&self.point), self.cluster);
        text += &table(["TEST", "RESULT", "WHAT WAS SEEN"], rows);
        if let Some(kept) = &self.kept {
            text += &format!("\nkept: {}", kept.display());
        }
        text += &match self.took_s {
            ..10.0 => format!("\ntook: {:.1} s\n", self.took_s),
            long => format!("\ntook: {}\n", span(long as i64)),
        };
        text
    }
}

pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let begun = ambient::monotonic();
    let world = args.which.open()?;
    let asked = match &args.point {
        None => Asked::Newest,
        Some(text) => text.parse().map_or_else(|_| Asked::Snapshot(text.clone()), Asked::Point),
    };
    let etcd = if args.without_etcd {
        None
    } else {
        at_hand(args.etcd.as_deref())
    };
    let found = verified::verify(&world, &args.cluster, &asked, (args.keep.as_deref(), etcd)).await?;
    let trouble = found.trouble(&args.cluster);
    let etcd_failed = args.etcd.as_ref().filter(|_| !found.verified.was_shown(Test::Etcd)).cloned();
    printer.show(&Shown {
        cluster: args.cluster,
        sound: trouble.is_none(),
        whole: found.is_whole(),
        point: found.id,
        at: found.at,
        revision: found.point.map(|point| point.revision),
        verified: found.verified,
        instead: found.instead,
        kept: args.keep,
        took_s: ambient::monotonic().saturating_duration_since(begun).as_secs_f64(),
    })?;
    match (trouble, etcd_failed) {
        (Some(trouble), _) => Err(trouble.into()),
        (None, None) => Ok(()),
        (None, Some(etcd)) => {
            let message = format!("the etcd that was asked for, {}, has shown nothing of this point", etcd.display());
            Err(Failure::new("LB0005", Kind::Person, message).hint("--etcd PROGRAM that runs here, or --without-etcd"))
        }
    }
}

/// The etcd that is named, itself or by its directory; without a name the first in the path.
fn at_hand(named: Option<&Path>) -> Option<PathBuf> {
    let in_folder = |folder: &Path| folder.join("etcd");
    match named {
        Some(named) if named.is_dir() => Some(in_folder(named)),
        Some(named) => Some(named.to_owned()),
        None => {
            let path = std::env::var_os("PATH")?;
            let mut programs = std::env::split_paths(&path).map(|folder| in_folder(&folder));
            programs.find(|program| is_program(program))
        }
    }
}

fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests;
