//! `lifeboat etcd restore-objects`: objects of any moment go back to a cluster, shown first.

use super::apart;
use super::damage::Damage;
use super::inside::{Looking, Only, moment, wanted};
use super::log::line;
use crate::failure::Failure;
use crate::printer::{Printer, Report, shown as tame, table};
use crate::progress::Progress;
use ::etcd::selection::Aside;
use estate::Kind;
use objects::changes::Change;
use protect::resources::bring::{self, Act, Done, Item, Options};
use recovery::Trouble;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(clap::Args)]
#[command(
    override_usage = "lifeboat etcd restore-objects [OPTIONS] --to KUBECONFIG HISTORY [OBJECT...]\n       lifeboat etcd restore-objects [OPTIONS] --to KUBECONFIG --cluster NAME [OBJECT...]"
)]
pub(crate) struct Args {
    /// A history, a snapshot or a database; then objects, if not --namespace or --resource says which: deployments/shop/web,
    /// nodes/a, or keys that begin with /
    #[arg(value_name = "HISTORY OBJECT")]
    words: Vec<String>,
    #[command(flatten)]
    looking: Looking,
    #[command(flatten)]
    only: Only,
    /// The cluster that they go back to
    #[arg(long, value_name = "KUBECONFIG")]
    to: PathBuf,
    /// All objects, where nothing else says which
    #[arg(long)]
    all: bool,
    /// Give claims whose volumes are gone new, empty ones
    #[arg(long)]
    empty_volumes: bool,
    /// Only show what would happen; ends as the real thing would where something cannot be brought back
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Do it; without this it is only shown
    #[arg(long)]
    yes: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    revision: u64,
    create: usize,
    change: usize,
    unchanged: usize,
    left: usize,
    refused: usize,
    objects: Vec<Row>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    what: &'static str,
    object: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<Change>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

impl Report for Shown {
    fn text(&self) -> String {
        let rows = self
            .objects
            .iter()
            .filter(|row| row.what != "unchanged" || !row.notes.is_empty())
            .map(|row| {
                let reasons = row.why.iter().chain(&row.notes).map(|it| tame(it));
                let lines = row.changes.iter().map(line).chain(reasons);
                [
                    row.what.to_owned(),
                    tame(&row.object),
                    lines.collect::<Vec<_>>().join("\n"),
                ]
            });
        let rows: Vec<_> = rows.collect();
        let told = format!(
            "{} to create, {} to change, {} unchanged, {} left to others, {} refused; as of revision {}",
            self.create, self.change, self.unchanged, self.left, self.refused, self.revision
        );
        if rows.is_empty() {
            told
        } else {
            format!("{}\n\n{told}", table(["WHAT", "OBJECT", "FIELDS, REASON"], rows))
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    brought: usize,
    failed: Vec<Row>,
    notes: Vec<Row>,
    /// What was refused from the start.
    refused: usize,
}

impl Report for Outcome {
    fn text(&self) -> String {
        let told = format!(
            "{} objects are back, {} failed, {} were refused",
            self.brought,
            self.failed.len(),
            self.refused
        );
        let rows: Vec<_> = self
            .failed
            .iter()
            .chain(&self.notes)
            .map(|row| {
                let lines = row.why.iter().chain(&row.notes).map(|it| tame(it)).collect::<Vec<_>>();
                [row.what.to_owned(), tame(&row.object), lines.join("\n")]
            })
            .collect();
        if rows.is_empty() {
            told
        } else {
            format!("{}\n\n{told}", table(["WHAT", "OBJECT", "REASON"], rows))
        }
    }
}

pub(super) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let (to, dry_run, yes) = (args.to.clone(), args.dry_run, args.yes);
    let look = args.looking.reading.look()?;
    let client = bring::connect(&to).await.map_err(Trouble::from)?;
    let own = *printer;
    let (read, look) = apart(move || Ok((read(&args, &look, &own)?, look))).await?;
    let Read { old, options, revision, damage } = read;
    let items = bring::look(&look, &client, old, &options).await.map_err(Trouble::from)?;
    let shown = shown(&items, revision);
    let (todo, refused) = (shown.create + shown.change, shown.refused);
    if dry_run || !yes || todo == 0 {
        printer.show(&shown)?;
        return match (dry_run, todo) {
            (true, _) | (false, 0) => ended(0, refused, &damage),
            (false, todo) => {
                let message = format!("{todo} objects would be written, and that needs --yes");
                Err(Failure::new("LB0006", Kind::Invalid, message).hint("the same command with --yes"))
            }
        };
    }
    if printer.output() == crate::printer::Output::Table {
        printer.show(&shown)?;
    }
    let progress = Progress::new(*printer);
    let (told, count) = (progress.clone(), AtomicUsize::new(0));
    let each = move |done: &Done| {
        let number = count.fetch_add(1, Ordering::Relaxed) + 1;
        told.hint(&format!("{number} of {todo}: {}", done.shown));
    };
    let begun = ambient::monotonic();
    let done = bring::act(&client, items, &each).await.map_err(Trouble::from)?;
    progress.clear();
    let row = |it: &Done| Row {
        what: if it.failed.is_some() { "failed" } else { "back" },
        object: it.shown.clone(),
        changes: Vec::new(),
        why: it.failed.clone(),
        notes: it.notes.clone(),
    };
    let (failed, brought): (Vec<&Done>, Vec<&Done>) = done.iter().partition(|it| it.failed.is_some());
    let notes = brought.iter().filter(|it| !it.notes.is_empty()).map(|it| row(it)).collect();
    let result = Outcome {
        brought: brought.len(),
        failed: failed.iter().map(|it| row(it)).collect(),
        notes,
        refused,
    };
    printer.show(&result)?;
    printer.talk(&format!("it took {:.1} s", begun.elapsed().as_secs_f64()));
    ended(failed.len(), refused, &damage)
}

/// What could not be brought back is told by the exit code as well; and that nobody knows all that there was.
fn ended(failed: usize, refused: usize, damage: &Damage) -> Result<(), Failure> {
    damage.may_hide()?;
    if failed + refused == 0 {
        return Ok(());
    }
    let message = format!("{} objects are not brought back", failed + refused);
    Err(Failure::new("LB0419", Kind::Person, message)
        .hint("mend the reasons above, then the same command again: it goes on with what is left"))
}

/// What is to go back.
struct Read {
    old: Vec<bring::Old>,
    options: Options,
    revision: u64,
    damage: Damage,
}

/// Reads what is to go back.
fn read(args: &Args, look: &protect::resources::Look, printer: &Printer) -> Result<Read, Failure> {
    let (from, names) = args.looking.before.part_of(&args.words)?;
    if names.is_empty() && args.only.is_open() && !args.all {
        return Err(Failure::new("LB0003", Kind::Invalid, "it is not said which objects go back")
            .hint("--namespace NAME, --resource NAME, or objects by name; --all for everything"));
    }
    let by_name = !names.is_empty();
    if by_name && !args.only.is_open() {
        let message = "objects are named, and --namespace, --resource or --prefix says which as well";
        return Err(Failure::new("LB0003", Kind::Invalid, message).hint("one of the two"));
    }
    let wanted = names.iter().map(|name| wanted(name)).collect::<Result<Vec<_>, _>>()?;
    let aside = Aside::default();
    let found = args.looking.before.at(from, args.looking.at).look(false, &aside)?;
    found.note.iter().for_each(|note| printer.talk(note));
    let at = moment(&found);
    if found.note.is_some() && args.yes {
        let message =
            format!("the time that was asked for is not in the history; revision {} is before it", at.revision);
        return Err(
            Failure::new("LB0407", Kind::Person, message).hint(format!("--at {}, if that will do", at.revision))
        );
    }
    let scope = args.only.scope(look, &[&at])?;
    let (old, missing) = bring::gather(look, &at, &scope, &wanted)?;
    let selecting_services = bring::selecting_services(look, &at)?;
    // Those that go back are refused; what is not known to be of any of them is told.
    let damage = Damage::of(&aside, look);
    damage.tell(printer);
    if let Some(missing) = missing.first() {
        damage.may_be(&missing.key(&look.registry))?;
        let message = format!("there is no {} at revision {}", missing.key(&look.registry), at.revision);
        return Err(
            Failure::new("LB0417", Kind::Invalid, message).hint("lifeboat etcd log HISTORY OBJECT: when it was there")
        );
    }
    if old.is_empty() && !args.all {
        damage.may_be("what was asked for")?;
        let message = format!("there is nothing of that at revision {}", at.revision);
        return Err(Failure::new("LB0417", Kind::Invalid, message)
            .hint("lifeboat etcd keys HISTORY --at ...: what is there; lifeboat etcd diff: when it went"));
    }
    let options = Options { empty_volumes: args.empty_volumes, selecting_services };
    Ok(Read { old, options, revision: at.revision, damage })
}

fn shown(items: &[Item], revision: u64) -> Shown {
    let mut shown = Shown {
        revision,
        create: 0,
        change: 0,
        unchanged: 0,
        left: 0,
        refused: 0,
        objects: Vec::new(),
    };
    for item in items {
        let (count, what, changes, why) = match &item.act {
            Act::Create => (&mut shown.create, "create", vec![], None),
            Act::Change(changes) => (&mut shown.change, "change", changes.clone(), None),
            Act::Nothing => (&mut shown.unchanged, "unchanged", vec![], None),
            Act::Leave(why) => (&mut shown.left, "left", vec![], Some(why.clone())),
            Act::Refuse(why) => (&mut shown.refused, "refused", vec![], Some(why.clone())),
        };
        *count += 1;
        shown.objects.push(Row {
            what,
            object: item.shown.clone(),
            changes,
            why,
            notes: item.notes.clone(),
        });
    }
    shown
}
