//! `lifeboat etcd get`: an object as it was at any moment.

use super::damage::Damage;
use super::inside::{Looking, moment, wanted};
use crate::failure::Failure;
use crate::printer::{Printer, Report, shown};
use ::etcd::selection::Aside;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use estate::Kind;
use objects::key::Wanted;
use objects::{Content, Object, yaml};
use protect::resources::{Look, Stored};
use serde::Serialize;
use serde_json::{Map, Value, json};

#[derive(clap::Args)]
#[command(
    override_usage = "lifeboat etcd get [OPTIONS] HISTORY OBJECT...\n       lifeboat etcd get [OPTIONS] --cluster NAME OBJECT..."
)]
pub(crate) struct Args {
    /// A history, a snapshot or a database; then objects: deployments/shop/web, nodes/a, or keys that begin with /
    #[arg(value_name = "HISTORY OBJECT", required = true)]
    words: Vec<String>,
    #[command(flatten)]
    looking: Looking,
    /// Also show who manages which field
    #[arg(long)]
    show_managed_fields: bool,
}

/// One object, or a list of them.
#[derive(Serialize)]
#[serde(untagged)]
enum Shown {
    One(Map<String, Value>),
    Many(Vec<Map<String, Value>>),
}

impl Report for Shown {
    fn text(&self) -> String {
        let one = |fields: &Map<String, Value>| match yaml::written(fields) {
            Ok(text) => text.trim_end().to_owned(),
            Err(why) => format!("# it cannot be written: {why}"),
        };
        match self {
            Self::One(fields) => one(fields),
            Self::Many(all) => all.iter().map(one).collect::<Vec<_>>().join("\n---\n"),
        }
    }
}

pub(super) fn run(args: &Args, printer: &Printer) -> Result<(), Failure> {
    let (from, names) = args.looking.before.part(&args.words, ("an object", "get HISTORY OBJECT"))?;
    let look = args.looking.reading.look()?;
    let wanted = names.iter().map(|name| wanted(name)).collect::<Result<Vec<_>, _>>()?;
    let which = args.looking.before.at(from, args.looking.at);
    let aside = Aside::default();
    let found = which.look(false, &aside)?;
    found.note.iter().for_each(|note| printer.talk(note));
    let at = moment(&found);
    let mut shown = Vec::new();
    let all = look.find_all(&at, &wanted)?;
    for (found, name) in all.into_iter().zip(names) {
        // A key need not begin with a slash.
        let found = match found {
            None => look.find(&at, &Wanted::Key(name.clone()))?,
            found => found,
        };
        let Some(stored) = found else {
            // What is damaged may be it.
            let damage = Damage::of(&aside, &look);
            damage.tell(printer);
            damage.may_be(name)?;
            let message = format!("there is no {name} at revision {}", at.revision);
            let place = which.place()?.typed();
            return Err(Failure::new("LB0417", Kind::Invalid, message).hint(format!(
                "lifeboat etcd log {place} {name}: when it was there\nlifeboat etcd keys {place} --list: what is there"
            )));
        };
        shown.push(fields(args, &look, &stored, printer));
    }
    let only = shown.len() == 1;
    match shown.pop() {
        Some(one) if only => printer.show(&Shown::One(one))?,
        last => {
            shown.extend(last);
            printer.show(&Shown::Many(shown))?;
        }
    }
    let damage = Damage::of(&aside, &look);
    damage.tell(printer);
    damage.ended(&which.place()?.typed())
}

fn fields(args: &Args, look: &Look, stored: &Stored, printer: &Printer) -> Map<String, Value> {
    let key = stored.record.key.escape_ascii().to_string();
    match &stored.content {
        Content::Object(object) => {
            if !object.unknown.is_empty() {
                let unknown = shown(&object.unknown.join(", "));
                printer.talk(&format!("{key}: fields of a later Kubernetes are not shown: {unknown}"));
            }
            object_fields(args, look, object, stored.revision.main)
        }
        Content::Opaque(opaque) => {
            printer.talk(&format!("{key}: {}", shown(&opaque.why)));
            if let Some(hint) = args.looking.reading.hint(opaque) {
                printer.talk(&format!("hint: {hint}"));
            }
            let bytes = match look.shows_bytes(&stored.record.key) {
                true => BASE64_STANDARD.encode(&stored.record.value),
                false => format!("(masked, {} bytes; --reveal shows them)", stored.record.value.len()),
            };
            let kind = opaque.kind.as_ref().map(|(version, kind)| format!("{kind} of {version}"));
            let all = json!({
                "key": key, "revision": stored.revision.main, "unreadable": opaque.why, "kind": kind, "base64": bytes,
            });
            let mut all = all.as_object().cloned().unwrap_or_default();
            all.retain(|_, value| !value.is_null());
            all
        }
    }
}

/// As kubectl shows it: with the revision, and without who manages which field.
fn object_fields(args: &Args, look: &Look, object: &Object, revision: u64) -> Map<String, Value> {
    let mut fields = look.mask(&object.api_version, &object.kind).apply(object);
    if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("resourceVersion".to_owned(), revision.to_string().into());
        if !args.show_managed_fields {
            metadata.remove("managedFields");
        }
    }
    fields
}
