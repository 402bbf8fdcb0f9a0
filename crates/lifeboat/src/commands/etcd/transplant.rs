//! `lifeboat etcd transplant`: what would be otherwise in a cluster that moves to other hosts. Nothing is made.

use super::inside::moment;
use super::log::line;
use super::moving::Choice;
use super::opened::Which;
use crate::failure::Failure;
use crate::printer::{Printer, Report, shown, table};
use objects::changes::Change;
use objects::transplant::{Fate, Profile};
use protect::resources::transplant::preview;
use serde::Serialize;
use std::collections::BTreeMap;

/// How many of what stays are shown where not each object is.
const MOST: usize = 20;

/// What a move to other hosts needs besides.
const BEYOND: &str = "left as they are, since they are not in etcd or cannot be changed there:
certificates and their names, the address that kubelets and agents call,
the ranges of pods and Services, and what is in volumes";

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    which: Which,
    /// Where it goes: same-nodes, new-nodes, dr-site or clone
    #[arg(long, value_name = "PROFILE")]
    profile: Profile,
    #[command(flatten)]
    choice: Choice,
    /// Show each object, not only how many
    #[arg(long)]
    list: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    profile: String,
    revision: u64,
    objects: Vec<Row>,
    #[serde(skip)]
    list: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    item: String,
    what: &'static str,
    object: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<Change>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl Report for Shown {
    fn text(&self) -> String {
        let mut parts = vec![format!("{} at revision {}", self.profile, self.revision)];
        match (self.objects.is_empty(), self.list) {
            (true, _) => parts.push("nothing would be otherwise".to_owned()),
            (_, true) => parts.push(listed(&self.objects)),
            (_, false) => {
                parts.push(counted(&self.objects));
                parts.extend(stays(&self.objects));
                parts.push("--list shows each".to_owned());
            }
        }
        if self.profile != Profile::SameNodes.to_string() {
            parts.push(BEYOND.to_owned());
        }
        parts.join("\n\n")
    }
}

fn listed(objects: &[Row]) -> String {
    let rows = objects.iter().map(|row| {
        let lines = row.changes.iter().map(line).chain(row.note.as_deref().map(shown));
        [
            row.item.clone(),
            row.what.to_owned(),
            shown(&row.object),
            lines.collect::<Vec<_>>().join("\n"),
        ]
    });
    table(["ITEM", "WHAT", "OBJECT", "FIELDS, REASON"], rows)
}

fn counted(objects: &[Row]) -> String {
    let mut counted: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for row in objects {
        *counted.entry((&row.item, row.what)).or_default() += 1;
    }
    let rows = counted
        .into_iter()
        .map(|((item, what), count)| [item.to_owned(), what.to_owned(), count.to_string()]);
    table(["ITEM", "WHAT", "OBJECTS"], rows)
}

/// What stays as it is, and waits for a person.
fn stays(objects: &[Row]) -> Option<String> {
    let all: Vec<_> = objects
        .iter()
        .filter_map(|row| Some([shown(&row.object), shown(row.note.as_deref()?)]))
        .collect();
    let first = table(["STAYS", "REASON"], all.iter().take(MOST).cloned());
    match all.len() {
        0 => None,
        1..=MOST => Some(first),
        many => Some(format!("{first}\nand {} more", many - MOST)),
    }
}

pub(super) fn run(args: &Args, printer: &Printer) -> Result<(), Failure> {
    let (transplant, look) = args.choice.of(args.profile)?;
    let found = args.which.find(false)?;
    found.note.iter().for_each(|note| printer.talk(note));
    let at = moment(&found);
    let moved = preview(&look, &at, &transplant)?.into_iter().map(|it| {
        let object = look
            .place(&it.key)
            .map_or_else(|| it.key.escape_ascii().to_string(), |place| place.to_string());
        let (item, what, changes, note) = match it.fate {
            Fate::Drop(item) => (item.to_string(), "goes", vec![], None),
            Fate::Become { item, changes, .. } => (item.to_string(), "changes", changes, None),
            Fate::Tell(item, note) => (item.to_string(), "stays", vec![], Some(note)),
            Fate::Keep => (String::new(), "stays", vec![], None),
        };
        Row { item, what, object, changes, note }
    });
    let objects = moved.collect();
    printer.show(&Shown {
        profile: args.profile.to_string(),
        revision: at.revision,
        objects,
        list: args.list,
    })
}

#[cfg(test)]
mod tests;
