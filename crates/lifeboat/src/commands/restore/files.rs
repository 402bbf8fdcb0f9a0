//! `lifeboat restore files`: the files of a captured host go back, shown first.

use super::moment::Moment;
use super::place;
use crate::estate::Which;
use crate::failure::Failure;
use crate::printer::{Printer, Report, shown, table};
use ::estate::{Kind, Name, PointId};
use protect::files::{Difference, Pattern, Put};
use recovery::asked::{self, Copied};
use recovery::put_back::{PutBack, Wish};
use serde::Serialize;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    which: Which,
    /// The cluster whose hosts' files they are
    cluster: Name,
    /// The copy, or a time: the newest copy that is not younger; without this the newest
    #[arg(long, value_name = "COPY|TIME")]
    at: Option<Moment>,
    /// Accept this copy even if nobody who is trusted has signed it
    #[arg(long, requires = "at")]
    accept_unsigned: bool,
    /// The host that was copied; not needed where the copy has the files of one host
    #[arg(long, value_name = "HOST")]
    from: Option<String>,
    /// Another host of the estate, or a directory of this machine (./DIRECTORY); without this the host that they are of
    #[arg(long, value_name = "HOST|DIRECTORY")]
    to: Option<String>,
    /// Only this file, or all below this directory; as from a shell, with * and ? within a name; may be repeated
    #[arg(long, value_name = "PATH", value_parser = pattern)]
    only: Vec<Pattern>,
    /// Where what is replaced is kept on that host; without this below /var/lib/lifeboat/replaced
    #[arg(long, value_name = "DIRECTORY")]
    aside: Option<PathBuf>,
    /// Only show what differs
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Also replace what is there and differs; it is kept aside
    #[arg(long)]
    overwrite: bool,
    /// Really change the host; without this it is only shown
    #[arg(long)]
    yes: bool,
}

/// What differs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    copy: PointId,
    from: String,
    to: String,
    missing: usize,
    differ: usize,
    same: usize,
    files: Vec<Row>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    path: String,
    changes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

/// What was done.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    copy: PointId,
    from: String,
    to: String,
    made: Vec<String>,
    replaced: Vec<String>,
    same: usize,
    unlabelled: Vec<String>,
    /// Where what was replaced is kept; none when nothing was to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    aside: Option<String>,
    /// The commands that undo it, on that host.
    undo: Vec<String>,
}

impl Shown {
    fn new(copied: &Copied, back: &PutBack, found: &[Difference]) -> Self {
        let is_missing = |it: &&Difference| is_missing(it);
        let differing: Vec<&Difference> = found.iter().filter(|it| !it.changes.is_empty()).collect();
        let missing = differing.iter().copied().filter(is_missing).count();
        let row = |it: &&Difference| Row {
            path: it.path.clone(),
            changes: it.changes.iter().map(ToString::to_string).collect(),
            text: it.text.clone(),
        };
        Self {
            copy: copied.point.id.clone(),
            from: back.from.clone(),
            to: back.to.clone(),
            missing,
            differ: differing.len() - missing,
            same: found.len() - differing.len(),
            files: differing.iter().map(row).collect(),
        }
    }
}

fn is_missing(it: &Difference) -> bool {
    it.changes == [protect::files::Change::Missing]
}

impl Report for Shown {
    fn text(&self) -> String {
        let told = format!(
            "copy {} of host {} against {}: {} missing, {} differ, {} the same",
            self.copy, self.from, self.to, self.missing, self.differ, self.same
        );
        if self.files.is_empty() {
            return told;
        }
        let rows = self.files.iter().map(|row| [row.changes.join(", "), shown(&row.path)]);
        let mut text = format!("{}\n", table(["DIFFERS", "PATH"], rows));
        for row in &self.files {
            if let Some(diff) = &row.text {
                let lines = diff.lines().map(shown).collect::<Vec<_>>().join("\n");
                text += &format!("\n{}\n{lines}\n", shown(&row.path));
            }
        }
        format!("{text}\n{told}")
    }
}

impl Report for Done {
    fn text(&self) -> String {
        let mut text = format!(
            "copy {} of host {} is on {}: {} were missing and are there, {} were replaced, {} were the same",
            self.copy,
            self.from,
            self.to,
            self.made.len(),
            self.replaced.len(),
            self.same
        );
        if !self.unlabelled.is_empty() {
            let paths: Vec<String> = self.unlabelled.iter().map(|path| shown(path)).collect();
            text += &format!("\nthe policy there does not know the SELinux label of: {}", paths.join(", "));
        }
        if let Some(aside) = &self.aside {
            text += &format!("\nwhat was there is kept in {}", shown(aside));
        }
        for command in &self.undo {
            text += &format!("\nundo: {}", shown(command));
        }
        text
    }
}

pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let world = args.which.open()?;
    let cluster = &args.cluster;
    let repository = world.repository(&world.cluster(cluster)?.repository)?;
    let asked = Moment::asked(args.at.as_ref(), args.accept_unsigned)?;
    let again = again(&args);
    let copied = asked::files(&repository, cluster, &asked, &again).await;
    let copied = copied.map_err(|trouble| world.about_identity(cluster, trouble))?;
    if let Some(reason) = &copied.unsigned {
        printer.talk(&format!("copy {} is not to be trusted, and is accepted: {reason}", copied.point.id));
    }
    let aside = args.aside.as_ref().map(|path| path.to_string_lossy().into_owned());
    let wish = Wish {
        cluster,
        from: args.from.as_deref(),
        onto: args.to.as_deref().map(|to| place::of(&world, to)).transpose()?,
        only: &args.only,
        aside: aside.as_deref(),
    };
    let back = PutBack::new(&world, &copied, &wish, ambient::now())?;
    let found = back.compare().await?;
    let differences = Shown::new(&copied, &back, &found);
    let asks = back.changes_a_host() && !args.yes;
    if args.dry_run || (asks && !differences.files.is_empty()) {
        printer.show(&differences)?;
    } else if !differences.files.is_empty() {
        printer.styled(&differences.text());
    }
    if args.dry_run {
        return Ok(());
    }
    if differences.differ > 0 && !args.overwrite {
        let message = format!(
            "{} files on {} differ from the copy, and nothing was changed",
            differences.differ, back.to
        );
        let yes = if back.changes_a_host() { " --yes" } else { "" };
        return Err(Failure::new("LB0420", Kind::Person, message).hint(format!(
            "the same command with --overwrite{yes}: what is replaced is kept aside\n--only PATH: leaves the others as they are"
        )));
    }
    if asks && !differences.files.is_empty() {
        let message = format!(
            "this puts {} files onto {}, and replaces {} there",
            differences.missing + differences.differ,
            back.to,
            differences.differ
        );
        return Err(Failure::new("LB0006", Kind::Person, message).hint("the same command with --yes"));
    }
    let put = back.put(args.overwrite).await?;
    printer.show(&done(&copied, back, put))
}

fn done(copied: &Copied, back: PutBack, put: Put) -> Done {
    let undo = back.undo(&put);
    Done {
        copy: copied.point.id.clone(),
        aside: (!undo.is_empty()).then_some(back.aside),
        undo,
        from: back.from,
        to: back.to,
        made: put.made,
        replaced: put.replaced,
        same: put.same.len(),
        unlabelled: put.unlabelled,
    }
}

/// The command as it was typed, but for the copy.
fn again(args: &Args) -> String {
    let mut again = format!("lifeboat restore files {}", args.cluster);
    for (option, value) in [("from", &args.from), ("to", &args.to)] {
        if let Some(value) = value {
            again += &format!(" --{option} {value}");
        }
    }
    args.only
        .iter()
        .fold(again, |again, only| format!("{again} --only {}", only.as_str()))
}

fn pattern(text: &str) -> Result<Pattern, String> {
    Pattern::new(text).map_err(|bad| bad.to_string())
}
