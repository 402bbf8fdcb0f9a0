//! `lifeboat etcd log`: the life of an object, as far as it is known.

use super::damage::{self, Damage};
use super::inside::{Looking, Times, column, kind, moment, short, wanted};
use crate::failure::Failure;
use crate::printer::{Printer, Report, shown, table};
use ::etcd::selection::Aside;
use estate::Kind;
use jiff::Timestamp;
use objects::changes::Change;
use protect::resources::{Event, What};
use serde::Serialize;

#[derive(clap::Args)]
#[command(
    override_usage = "lifeboat etcd log [OPTIONS] HISTORY OBJECT\n       lifeboat etcd log [OPTIONS] --cluster NAME OBJECT"
)]
pub(crate) struct Args {
    /// A history, a snapshot or a database; then an object: deployments/shop/web, nodes/a, or a key that begins with /
    #[arg(value_name = "HISTORY OBJECT", required = true, num_args = 1..=2)]
    words: Vec<String>,
    #[command(flatten)]
    looking: Looking,
    /// Show every change of a field, not only the first few
    #[arg(long)]
    fields: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    key: String,
    events: Vec<Row>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    damaged: Vec<damage::Row>,
    #[serde(skip)]
    all_fields: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    revision: u64,
    /// When the revision was seen first.
    #[serde(skip_serializing_if = "Option::is_none")]
    seen: Option<Timestamp>,
    what: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<Change>,
    /// Why something cannot be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<String>,
}

/// So many changes of fields are shown of an event, unless all are asked for.
const FEW: usize = 4;

impl Report for Shown {
    fn text(&self) -> String {
        let rows = self.events.iter().map(|row| {
            let most = if self.all_fields { usize::MAX } else { FEW };
            let mut lines: Vec<String> = row.changes.iter().take(most).map(line).collect();
            if row.changes.len() > lines.len() {
                lines.push(format!("and {} more (--fields)", row.changes.len() - lines.len()));
            }
            lines.extend(row.unreadable.as_deref().map(shown));
            [
                row.revision.to_string(),
                column(row.seen),
                row.what.to_owned(),
                lines.join("\n"),
            ]
        });
        format!("{}\n\n{}", shown(&self.key), table(["REVISION", "SEEN", "WHAT", "FIELDS"], rows))
    }
}

/// A change of a field on one line.
pub(super) fn line(change: &Change) -> String {
    let text = match (&change.before, &change.after) {
        (Some(before), Some(after)) => format!("{}: {} -> {}", change.path, short(before), short(after)),
        (None, Some(after)) => format!("{}: came: {}", change.path, short(after)),
        (Some(before), None) => format!("{}: went: {}", change.path, short(before)),
        (None, None) => change.path.clone(),
    };
    shown(&text)
}

pub(super) fn run(args: &Args, printer: &Printer) -> Result<(), Failure> {
    let (from, names) = args.looking.before.part(&args.words, ("an object", "log HISTORY OBJECT"))?;
    let look = args.looking.reading.look()?;
    let name = names.first().map(String::as_str).unwrap_or_default();
    let wanted = wanted(name)?;
    let which = args.looking.before.at(from, args.looking.at);
    let aside = Aside::default();
    let found = which.look(true, &aside)?;
    let at = moment(&found);
    let (key, events) = look.life(&at, &wanted)?;
    let damage = Damage::of(&aside, &look);
    if events.is_empty() {
        // What is damaged may be of it.
        damage.tell(printer);
        let since = at.source.compaction().max(1);
        let message = format!("nothing is known of {name} from revision {since} to {}", at.revision);
        let place = which.place()?.typed();
        return Err(Failure::new("LB0417", Kind::Invalid, message).hint(format!(
            "lifeboat etcd keys {place} --list: what is there\nlifeboat etcd show {place}: which timelines there are"
        )));
    }
    let mut times = Times::of(&found);
    let mut rows = Vec::new();
    for event in events {
        rows.push(row(event, &mut times)?);
    }
    printer.show(&Shown {
        key,
        events: rows,
        damaged: damage.rows(),
        all_fields: args.fields,
    })?;
    damage.tell(printer);
    damage.ended(&which.place()?.typed())
}

fn row(event: Event, times: &mut Times) -> Result<Row, Failure> {
    let mut row = Row {
        revision: event.revision,
        seen: times.seen(event.revision)?,
        what: "",
        changes: Vec::new(),
        unreadable: None,
    };
    let why = |content: &objects::Content| match content {
        objects::Content::Opaque(it) => Some(it.why.clone()),
        objects::Content::Object(_) => kind(content).is_none().then(String::new),
    };
    match event.what {
        What::WasThere(content) => (row.what, row.unreadable) = ("was there", why(&content)),
        What::Created(content) => (row.what, row.unreadable) = ("created", why(&content)),
        What::Changed(changes) if changes.is_empty() => row.what = "written, nothing changed",
        What::Changed(changes) => (row.what, row.changes) = ("changed", changes),
        What::Written(opaque) => (row.what, row.unreadable) = ("written", Some(opaque.why)),
        What::Deleted => row.what = "deleted",
    }
    Ok(row)
}
