//! `lifeboat etcd keys`: what is in an etcd, counted by resource and namespace, or key by key.

use super::damage::{self, Damage};
use super::inside::{Only, Reading, moment};
use super::moment::size;
use super::opened::Which;
use crate::failure::Failure;
use crate::printer::{Printer, Report, shown, table};
use ::etcd::selection::Aside;
use protect::resources::{Count, Counted};
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    only: Only,
    #[command(flatten)]
    reading: Reading,
    /// What is counted together
    #[arg(long, value_enum, default_value_t = By::Resource)]
    by: By,
    /// List the keys instead of counting them
    #[arg(long, conflicts_with = "by")]
    list: bool,
}

/// What is counted together.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum By {
    Resource,
    Namespace,
    Both,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Counts {
    revision: u64,
    objects: u64,
    bytes: u64,
    rows: Vec<Row>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    damaged: Vec<damage::Row>,
    #[serde(skip)]
    by: By,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    objects: u64,
    /// Of keys and values.
    bytes: u64,
    /// How many are encrypted at rest, by provider and key.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    encrypted: Vec<Encrypted>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Encrypted {
    provider: String,
    key: String,
    objects: u64,
}

impl Report for Counts {
    fn text(&self) -> String {
        let rows = self.rows.iter().map(|row| {
            let encrypted = row
                .encrypted
                .iter()
                .map(|it| shown(&format!("{} by {} {}", it.objects, it.provider, it.key)));
            [
                row.resource.as_deref().map_or_else(|| "(other keys)".to_owned(), shown),
                row.namespace.as_deref().map_or_else(String::new, shown),
                row.objects.to_string(),
                size(row.bytes),
                encrypted.collect::<Vec<_>>().join(", "),
            ]
        });
        let counted = match self.by {
            By::Both => table(["RESOURCE", "NAMESPACE", "OBJECTS", "BYTES", "ENCRYPTED"], rows),
            By::Resource => {
                let rows = rows.map(|[resource, _, objects, bytes, encrypted]| [resource, objects, bytes, encrypted]);
                table(["RESOURCE", "OBJECTS", "BYTES", "ENCRYPTED"], rows)
            }
            By::Namespace => {
                let rows = rows.map(|[_, namespace, objects, bytes, encrypted]| {
                    [
                        if namespace.is_empty() {
                            "(none)".to_owned()
                        } else {
                            namespace
                        },
                        objects,
                        bytes,
                        encrypted,
                    ]
                });
                table(["NAMESPACE", "OBJECTS", "BYTES", "ENCRYPTED"], rows)
            }
        };
        format!(
            "{counted}\n\n{} objects, {}, at revision {}",
            self.objects,
            size(self.bytes),
            self.revision
        )
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    revision: u64,
    keys: Vec<Key>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    damaged: Vec<damage::Row>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Key {
    key: String,
    /// The revision that wrote it.
    revision: u64,
    /// Of its value.
    bytes: u64,
    /// What is wrong with its record.
    #[serde(skip_serializing_if = "Option::is_none")]
    damage: Option<String>,
}

impl Report for Listed {
    fn text(&self) -> String {
        let columns = |it: &Key| [it.key.clone(), it.revision.to_string(), size(it.bytes)];
        if self.keys.iter().all(|it| it.damage.is_none()) {
            return table(["KEY", "REVISION", "BYTES"], self.keys.iter().map(columns));
        }
        let rows = self.keys.iter().map(|it| {
            let [key, revision, bytes] = columns(it);
            [
                key,
                revision,
                bytes,
                it.damage.as_deref().map_or_else(String::new, shown),
            ]
        });
        table(["KEY", "REVISION", "BYTES", "DAMAGE"], rows)
    }
}

pub(super) fn run(args: &Args, printer: &Printer) -> Result<(), Failure> {
    let look = args.reading.look()?;
    let aside = Aside::default();
    let found = args.which.look(false, &aside)?;
    let place = args.which.place()?.typed();
    found.note.iter().for_each(|note| printer.talk(note));
    let at = moment(&found);
    let scope = args.only.scope(&look, &[&at])?;
    if args.list {
        let keys = look.keys(&at, &scope)?.into_iter().map(|(key, it)| Key {
            key: key.escape_ascii().to_string(),
            revision: it.revision,
            bytes: it.bytes,
            damage: it.damage,
        });
        let (keys, damage) = (keys.collect(), Damage::of(&aside, &look));
        printer.show(&Listed { revision: at.revision, keys, damaged: damage.rows() })?;
        damage.tell(printer);
        return damage.ended(&place);
    }
    let counted = look.counts(&at, &scope)?;
    let damage = Damage::of(&aside, &look);
    let counts = Counts {
        damaged: damage.rows(),
        ..counts(counted, at.revision, args.by)
    };
    printer.show(&counts)?;
    damage.tell(printer);
    damage.ended(&place)
}

fn counts(counted: Counted, revision: u64, by: By) -> Counts {
    let (mut objects, mut bytes) = (0, 0);
    let mut together: BTreeMap<(Option<String>, Option<String>), Count> = BTreeMap::new();
    for ((resource, namespace), count) in counted {
        objects += count.objects;
        bytes += count.bytes;
        let of = match by {
            By::Resource => (resource, None),
            By::Namespace => (None, namespace),
            By::Both => (resource, namespace),
        };
        let sum = together.entry(of).or_default();
        sum.objects += count.objects;
        sum.bytes += count.bytes;
        for (key, objects) in count.encrypted {
            *sum.encrypted.entry(key).or_default() += objects;
        }
    }
    let encrypted = |count: Count| {
        let of = |((provider, key), objects)| Encrypted { provider, key, objects };
        count.encrypted.into_iter().map(of).collect()
    };
    let mut rows: Vec<Row> = together
        .into_iter()
        .map(|((resource, namespace), count)| Row {
            resource,
            namespace,
            objects: count.objects,
            bytes: count.bytes,
            encrypted: encrypted(count),
        })
        .collect();
    // What takes the most comes first: that is what one looks for.
    rows.sort_by_key(|row| std::cmp::Reverse(row.bytes));
    let damaged = Vec::new();
    Counts { revision, objects, bytes, rows, damaged, by }
}
