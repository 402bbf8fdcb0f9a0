//! `lifeboat etcd diff`: what changed between two moments, object by object.

use super::damage::{self, Damage};
use super::inside::{Before, Only, Reading, Times, column, moment};
use super::log::line;
use super::moment::At;
use crate::failure::Failure;
use crate::printer::{Printer, Report, shown, table};
use ::etcd::selection::Aside;
use estate::Kind;
use jiff::Timestamp;
use objects::changes::Change;
use protect::resources::{Became, Difference};
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(clap::Args)]
#[command(
    override_usage = "lifeboat etcd diff [OPTIONS] HISTORY FROM [TO]\n       lifeboat etcd diff [OPTIONS] --cluster NAME FROM [TO]"
)]
pub(crate) struct Args {
    /// A history, a snapshot or a database; then two moments, each a revision, a time with its zone, or a time ago. Without the second one,
    /// the newest
    #[arg(value_name = "HISTORY FROM TO", required = true, num_args = 1..=3)]
    words: Vec<String>,
    #[command(flatten)]
    before: Before,
    #[command(flatten)]
    only: Only,
    #[command(flatten)]
    reading: Reading,
    /// Also show which fields changed
    #[arg(long)]
    fields: bool,
    /// Also show leases and events, which change all the time
    #[arg(long)]
    all: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    from: u64,
    to: u64,
    created: usize,
    changed: usize,
    deleted: usize,
    objects: Vec<Row>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    damaged: Vec<damage::Row>,
    #[serde(skip)]
    with_fields: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    what: &'static str,
    object: String,
    /// The revision that did it last, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u64>,
    /// When that was seen first.
    #[serde(skip_serializing_if = "Option::is_none")]
    seen: Option<Timestamp>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<Change>,
    /// Why something cannot be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<String>,
}

impl Report for Shown {
    fn text(&self) -> String {
        let told = format!(
            "{} created, {} changed, {} deleted, from revision {} to {}",
            self.created, self.changed, self.deleted, self.from, self.to
        );
        if self.objects.is_empty() {
            return told;
        }
        let rows = self.objects.iter().map(|row| {
            let revision = row.revision.map_or_else(String::new, |it| it.to_string());
            [row.what.to_owned(), shown(&row.object), revision, column(row.seen)]
        });
        if !self.with_fields {
            return format!("{}\n\n{told}", table(["WHAT", "OBJECT", "REVISION", "SEEN"], rows));
        }
        let rows = rows.zip(&self.objects).map(|([what, object, revision, seen], row)| {
            let lines: Vec<String> = row
                .changes
                .iter()
                .map(line)
                .chain(row.unreadable.as_deref().map(shown))
                .collect();
            [what, object, revision, seen, lines.join("\n")]
        });
        format!("{}\n\n{told}", table(["WHAT", "OBJECT", "REVISION", "SEEN", "FIELDS"], rows))
    }
}

/// Resources that change all the time, and that nobody misses.
const RESTLESS: [&str; 3] = ["leases", "events", "masterleases"];

pub(super) fn run(args: &Args, printer: &Printer) -> Result<(), Failure> {
    let (from, moments) = args.before.part(&args.words, ("a moment", "diff HISTORY FROM TO"))?;
    let look = args.reading.look()?;
    let parsed = |text: &String| {
        text.parse::<At>()
            .map_err(|why| Failure::new("LB0003", Kind::Invalid, format!("{text}: {why}")))
    };
    let moments = moments.iter().map(parsed).collect::<Result<Vec<_>, _>>()?;
    if moments.len() > 2 {
        let hint = "lifeboat etcd diff --cluster NAME FROM TO";
        return Err(Failure::new("LB0003", Kind::Invalid, "more than two moments are given").hint(hint));
    }
    let aside = Aside::default();
    let mut found = args.before.at(from.clone(), moments.first().copied()).look(true, &aside)?;
    let which = args.before.at(from, moments.get(1).copied());
    let mut second = which.look(true, &aside)?;
    if found.timeline == second.timeline {
        // One and the same, so that what lies between them is known.
        second.source = std::sync::Arc::clone(&found.source);
    }
    for note in [found.note.take(), second.note.take()].iter().flatten() {
        printer.talk(note);
    }
    let (from, to) = (moment(&found), moment(&second));
    let scope = args.only.scope(&look, &[&from, &to])?;
    let differences = look.differences(&from, &to, &scope, args.fields)?;
    let mut restless = BTreeMap::new();
    let (mut times, mut rows) = (Times::of(&second), Vec::new());
    for difference in differences {
        let place = look.place(&difference.key);
        let resource = place.as_ref().map_or("", |it| it.resource.as_str());
        if !args.all && RESTLESS.contains(&resource) && !args.only.names(resource) {
            *restless.entry(resource.to_owned()).or_insert(0) += 1;
            continue;
        }
        let object = place.map_or_else(|| difference.key.escape_ascii().to_string(), |it| it.to_string());
        rows.push(row(object, difference, &mut times)?);
    }
    let count = |what: &str| rows.iter().filter(|row| row.what == what).count();
    let (created, changed, deleted) = (count("created"), count("changed"), count("deleted"));
    let left_out: Vec<String> = restless.iter().map(|(resource, count)| format!("{count} {resource}")).collect();
    if !left_out.is_empty() {
        printer.talk(&format!("left out: {} (--all shows them)", shown(&left_out.join(", "))));
    }
    let damage = Damage::of(&aside, &look);
    printer.show(&Shown {
        from: found.revision,
        to: second.revision,
        created,
        changed,
        deleted,
        objects: rows,
        damaged: damage.rows(),
        with_fields: args.fields,
    })?;
    damage.tell(printer);
    damage.ended(&which.place()?.typed())
}

fn row(object: String, it: Difference, times: &mut Times) -> Result<Row, Failure> {
    let what = match it.what {
        Became::Created => "created",
        Became::Changed => "changed",
        Became::Deleted => "deleted",
    };
    let seen = it.revision.map(|revision| times.seen(revision)).transpose()?.flatten();
    Ok(Row {
        what,
        object,
        revision: it.revision,
        seen,
        changes: it.changes,
        unreadable: it.unreadable,
    })
}
