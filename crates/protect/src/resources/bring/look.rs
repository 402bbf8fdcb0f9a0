//! What would happen, by the API server's own dry run. Start at [`look`].

use super::live::{Live, key};
use super::{Old, address, compare, parted};
use crate::resources::Look;
use cluster::{Client, Error, KindRef};
use futures::StreamExt;
use objects::changes::Change;
use objects::mask::Mask;
use objects::revive::{Around, Owner, Verdict, cleaned, judge, owners, rank};
use objects::{Content, Object};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// So many requests are on the way at once.
pub(super) const AT_ONCE: usize = 8;

/// What a person wants besides.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Claims whose volumes are gone get new, empty ones.
    pub empty_volumes: bool,
    /// Services of the moment that choose their pods by themselves, by namespace and name.
    pub selecting_services: Vec<(String, String)>,
}

/// An object, and what becomes of it.
#[derive(Debug)]
pub struct Item {
    /// Its name as it is shown: its resource, namespace and name.
    pub shown: String,
    /// What is to be done.
    pub act: Act,
    /// What a person should know.
    pub notes: Vec<String>,
    /// The object as it goes back, with owners as they were.
    pub(super) object: Option<Object>,
    /// How late it goes back.
    pub(super) level: usize,
    /// Of a claim: whether it is bound to the volume again that it had.
    pub(super) keeps_volume: bool,
    /// Of a Service: whether somebody else has its address, and it gets another one.
    pub(super) new_address: bool,
    /// What of the object is not shown.
    pub(super) mask: Mask,
}

/// What is to be done with an object.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// It is not there, and is made.
    Create,
    /// It is there, and these fields become what they were.
    Change(Vec<Change>),
    /// It is there as it was.
    Nothing,
    /// Others make it again.
    Leave(String),
    /// It cannot be brought back.
    Refuse(String),
}

/// Says what would become of each object. Changes nothing.
///
/// # Errors
/// The cluster does not answer, or refuses to be asked.
pub async fn look(how: &Look, client: &Client, mut old: Vec<Old>, options: &Options) -> Result<Vec<Item>, Error> {
    let objects: Vec<&Object> = old.iter().filter_map(|it| parted(it).ok()).collect();
    let mut live = Live::of(client, &objects).await?;
    for it in &mut old {
        if let Content::Object(object) = &it.content {
            it.content = Content::Object(live.served(object.clone()));
        }
    }
    let old = old;
    let objects: Vec<&Object> = old.iter().filter_map(|it| parted(it).ok()).collect();
    let levels = levels(&objects);
    let named: HashSet<_> = objects.iter().filter_map(|it| key(it)).collect();
    live.ask_for_owners(client, &objects, |key| named.contains(key)).await?;
    let live = live;
    let made_kinds: HashSet<KindRef> = objects.iter().flat_map(|it| kinds_of(it)).collect();
    let mut items = Vec::new();
    for it in &old {
        let shown = how
            .place(&it.key)
            .map_or_else(|| it.key.escape_ascii().to_string(), |place| place.to_string());
        let item = match parted(it) {
            Err(opaque) => Item {
                shown,
                act: Act::Refuse(opaque.why.clone()),
                notes: vec![],
                object: None,
                level: 0,
                keeps_volume: false,
                new_address: false,
                mask: Mask::Nothing,
            },
            Ok(object) => {
                let level = key(object).and_then(|key| levels.get(&key).copied()).unwrap_or_default();
                let asked = Asked { how, client, live: &live, coming: &objects, options };
                judged(&asked, object, shown, level).await?
            }
        };
        items.push(item);
    }
    let namespaces: HashSet<String> = items.iter().filter_map(Item::namespace).collect();
    let comes = |it: &&Item| matches!(it.act, Act::Create);
    let coming: HashSet<_> = items.iter().filter(comes).filter_map(|it| key(it.object.as_ref()?)).collect();
    let tried = futures::stream::iter(items)
        .map(|item| {
            let (live, named, coming, made_kinds, namespaces) = (&live, &named, &coming, &made_kinds, &namespaces);
            async move {
                let mut item = item;
                let Some(object) = item.object.as_ref().filter(|_| item.act == Act::Create) else {
                    return Ok(item);
                };
                let kind = KindRef::new(&*object.api_version, &*object.kind);
                let waits = live.unserved.contains(&kind) && made_kinds.contains(&kind);
                let homeless = object.metadata("namespace").is_some_and(|it| namespaces.contains(it));
                let owner = |owner: &Owner| owner_uid(live, object, owner, |key| coming.contains(key));
                let whole = Value::Object(cleaned(object, item.keeps_volume, owner));
                let gone = owners(object).into_iter().filter(|it| owner(it).is_none());
                let (refused, gone): (Vec<_>, Vec<_>) =
                    gone.partition(|it| is_any(object, it, |key| named.contains(key)));
                for (why, owners) in [("is not there", gone), ("does not come", refused)] {
                    let owners: Vec<String> = owners.iter().map(|it| format!("{} {}", it.kind, it.name)).collect();
                    if !owners.is_empty() {
                        item.notes
                            .push(format!("without its owner, which {why}: {}", owners.join(", ")));
                    }
                }
                tried(client, live, item, whole, waits, homeless).await
            }
        })
        .buffered(AT_ONCE)
        .collect::<Vec<Result<Item, Error>>>()
        .await;
    let mut items = tried.into_iter().collect::<Result<Vec<_>, _>>()?;
    let refused = |it: &&Item| matches!(it.act, Act::Refuse(_));
    let refused: HashSet<_> = items.iter().filter(refused).filter_map(|it| key(it.object.as_ref()?)).collect();
    items.iter_mut().for_each(|it| orphaned(it, &live, &refused));
    items.sort_by(|a, b| (a.level, &a.shown).cmp(&(b.level, &b.shown)));
    Ok(items)
}

/// What an object is judged by.
struct Asked<'a> {
    how: &'a Look,
    client: &'a Client,
    live: &'a Live,
    coming: &'a [&'a Object],
    options: &'a Options,
}

/// What an object is by itself, before the API server is asked.
async fn judged(asked: &Asked<'_>, object: &Object, shown: String, level: usize) -> Result<Item, Error> {
    let Asked { how, client, live, coming, options } = asked;
    let name = |field: &str| object.metadata(field).unwrap_or_default().to_owned();
    let volume = match object.fields.get("spec").and_then(|spec| spec["volumeName"].as_str()) {
        Some(volume) if object.kind == "PersistentVolumeClaim" => {
            let there = client.get(&KindRef::new("v1", "PersistentVolume"), None, volume).await?;
            let its = |it: &&&Object| it.kind == "PersistentVolume" && it.metadata("name") == Some(volume);
            there.or_else(|| coming.iter().find(its).map(|it| Value::Object(it.fields.clone())))
        }
        _ => None,
    };
    let around = Around {
        selected: options.selecting_services.contains(&(name("namespace"), name("name"))),
        volume: volume.as_ref(),
        empty_volumes: options.empty_volumes,
    };
    // What is there is bound to a volume already; what is gone is judged.
    let there = live.get(object).is_some();
    let (act, notes) = match judge(object, around) {
        Verdict::Bring { notes } => (Act::Create, notes),
        Verdict::Leave(why) => (Act::Leave(why), vec![]),
        Verdict::Refuse(_) if there && object.kind == "Job" => (Act::Leave("it is there".to_owned()), vec![]),
        Verdict::Refuse(why) => (Act::Refuse(why), vec![]),
    };
    let mut notes = notes;
    if let Some(stored) = live.stored_as(object) {
        notes.push(format!("it was stored as {stored}, and goes back as {}", object.api_version));
    }
    Ok(Item {
        shown,
        act,
        notes,
        object: Some(object.clone()),
        level,
        keeps_volume: volume.is_some_and(|it| it["metadata"]["deletionTimestamp"].is_null()),
        new_address: false,
        mask: how.mask(&object.api_version, &object.kind),
    })
}

/// Asks the API server what it would make of an object.
async fn tried(
    client: &Client,
    live: &Live,
    mut item: Item,
    mut whole: Value,
    waits_for_kind: bool,
    in_new_namespace: bool,
) -> Result<Item, Error> {
    let Some(object) = &item.object else { return Ok(item) };
    let before = live.get(object);
    let mask = item.mask;
    if let Some(why) = live.ends(object) {
        return Ok(Item { act: Act::Refuse(why), ..item });
    }
    if let Some(before) = before {
        address::keep(&mut whole, before);
    }
    let mut answer = match before.filter(|before| compare::changes(before, &whole, mask).is_empty()) {
        // Nothing to ask.
        Some(same) => Ok(same.clone()),
        None => client.try_apply(&whole).await,
    };
    if before.is_none() && answer.as_ref().err().is_some_and(|error| address::is_taken(&whole, error)) {
        address::leave_out(&mut whole);
        item.new_address = true;
        item.notes.push(address::OTHER.to_owned());
        answer = client.try_apply(&whole).await;
    }
    item.act = match answer {
        Ok(after) => match before {
            None => Act::Create,
            Some(before) => {
                let changes = compare::changes(before, &after, mask);
                let stays = compare::changes(&whole, &after, mask);
                let (came, stays): (Vec<_>, Vec<_>) = stays.iter().partition(|it| it.before.is_none());
                for (what, changes) in [("keeps what came since", came), ("stays otherwise than it was", stays)] {
                    let paths: Vec<&str> = changes.iter().map(|it| it.path.as_str()).take(3).collect();
                    let more = if changes.len() > paths.len() { ", ..." } else { "" };
                    if !paths.is_empty() {
                        item.notes.push(format!("{what}: {}{more}", paths.join(", ")));
                    }
                }
                if changes.is_empty() {
                    Act::Nothing
                } else {
                    Act::Change(changes)
                }
            }
        },
        Err(Error::UnknownKind { .. }) if waits_for_kind => {
            item.notes.push("its definition goes first, and then it is tried".to_owned());
            Act::Create
        }
        Err(Error::NotFound { .. }) if in_new_namespace => Act::Create,
        Err(error @ (Error::Unreachable { .. } | Error::NotReady { .. } | Error::Untrusted { .. })) => {
            return match client.ready().await {
                // A webhook whose backend is gone is the API server's answer for this object alone.
                Ok(()) => {
                    let why = scrubbed(mask, object, live, &reason(&error));
                    let act = Act::Refuse(format!("the API server could not decide: {why}"));
                    Ok(Item { act, ..item })
                }
                Err(down) => Err(down),
            };
        }
        Err(Error::UnknownKind { kind, .. }) => {
            Act::Refuse(format!("{kind} is not served: bring its definition back first"))
        }
        Err(error) => {
            let came = before.map(|before| compare::changes(&whole, before, mask)).unwrap_or_default();
            let came: Vec<String> = came
                .into_iter()
                .filter(|it| it.before.is_none())
                .map(|it| it.path)
                .take(3)
                .collect();
            if !came.is_empty() {
                item.notes
                    .push(format!("what came since may be in the way: {}", came.join(", ")));
            }
            Act::Refuse(scrubbed(mask, object, live, &reason(&error)))
        }
    };
    if item.act == Act::Create && loses_its_disk(object) {
        item.notes.push(
            "its reclaim policy is Delete: if it was deleted, so was what it names outside the cluster".to_owned(),
        );
    }
    Ok(item)
}

/// What others say of an object, without what is secret in it as it was and as it is.
pub(super) fn scrubbed(mask: Mask, object: &Object, live: &Live, text: &str) -> String {
    let now = live.get(object).and_then(Value::as_object);
    mask.scrub(std::iter::once(&object.fields).chain(now), text)
}

/// Whether it is a volume that is deleted with its object.
fn loses_its_disk(object: &Object) -> bool {
    let spec = object.fields.get("spec");
    object.kind == "PersistentVolume" && spec.is_some_and(|it| it["persistentVolumeReclaimPolicy"] == "Delete")
}

/// Why the API server does not take an object, without repeating which one.
pub(super) fn reason(error: &Error) -> String {
    match error {
        Error::Invalid { reason, .. }
        | Error::Forbidden { reason, .. }
        | Error::NotFound { reason, .. }
        | Error::Conflict { reason, .. }
        | Error::Unreachable { reason, .. }
        | Error::Incomplete { reason, .. } => reason.clone(),
        other => other.to_string(),
    }
}

/// The uid that an owner has now. One that only comes has none yet: for a trial any will do.
fn owner_uid(live: &Live, object: &Object, owner: &Owner, comes: impl Fn(&super::live::Key) -> bool) -> Option<String> {
    if let Some(found) = live.owner(object, owner) {
        return found["metadata"]["uid"].as_str().map(str::to_owned);
    }
    is_any(object, owner, comes).then(|| ANY_UID.to_owned())
}

/// Whether an owner of an object, in its namespace or in none, is one of some.
fn is_any(object: &Object, owner: &Owner, some: impl Fn(&super::live::Key) -> bool) -> bool {
    let kind = KindRef::new(&*owner.api_version, &*owner.kind);
    let near = object.metadata("namespace").map(str::to_owned);
    [near, None].into_iter().any(|it| some(&(kind.clone(), it, owner.name.clone())))
}

/// A uid that nobody has.
const ANY_UID: &str = "00000000-0000-0000-0000-000000000000";

/// An object whose owner was to come with it, and turned out to be refused, comes without. The uid that an owner will get is not shown.
fn orphaned(item: &mut Item, live: &Live, refused: &HashSet<super::live::Key>) {
    let Some(object) = &item.object else { return };
    if let Act::Change(changes) = &mut item.act {
        let fields = changes.iter_mut().filter(|it| it.path.starts_with("metadata.ownerReferences"));
        fields.filter_map(|it| it.after.as_mut()).for_each(without_any_uid);
    } else if item.act != Act::Create {
        return;
    }
    let gone = owners(object)
        .into_iter()
        .filter(|owner| live.owner(object, owner).is_none() && is_any(object, owner, |key| refused.contains(key)));
    let gone: Vec<String> = gone.map(|it| format!("{} {}", it.kind, it.name)).collect();
    let told = |it: &String| it.starts_with("without its owner, which does not come");
    if !gone.is_empty() && !item.notes.iter().any(told) {
        item.notes
            .push(format!("without its owner, which does not come: {}", gone.join(", ")));
    }
}

fn without_any_uid(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.retain(|_, it| it != ANY_UID),
        Value::Array(items) => items.iter_mut().for_each(without_any_uid),
        _ => {}
    }
}

impl Item {
    /// The namespace that it is, if it comes.
    fn namespace(&self) -> Option<String> {
        let object = self
            .object
            .as_ref()
            .filter(|it| it.kind == "Namespace" && it.api_version == "v1")?;
        object.metadata("name").filter(|_| self.act == Act::Create).map(str::to_owned)
    }
}

/// The kinds that a definition makes.
fn kinds_of(object: &Object) -> Vec<KindRef> {
    if object.kind != "CustomResourceDefinition" {
        return Vec::new();
    }
    let spec = object.fields.get("spec").cloned().unwrap_or_default();
    let (group, kind) = (
        spec["group"].as_str().unwrap_or_default(),
        spec["names"]["kind"].as_str().unwrap_or_default(),
    );
    let versions = spec["versions"].as_array().into_iter().flatten();
    let named = versions.filter_map(|it| it["name"].as_str());
    named.map(|version| KindRef::new(format!("{group}/{version}"), kind)).collect()
}

/// How late each object goes back: after its kind's turn has come, and after its owners.
fn levels(objects: &[&Object]) -> HashMap<super::live::Key, usize> {
    let mut levels: HashMap<_, _> = objects
        .iter()
        .filter_map(|it| Some((key(it)?, rank(&it.kind) * LEVELS)))
        .collect();
    // Owners of owners; nobody's chain is as long.
    for _ in 0..LEVELS {
        let mut changed = false;
        for object in objects {
            let Some(own) = key(object) else { continue };
            for owner in owners(object) {
                let kind = KindRef::new(owner.api_version, owner.kind);
                let above = [own.1.clone(), None]
                    .into_iter()
                    .find_map(|namespace| levels.get(&(kind.clone(), namespace, owner.name.clone())).copied());
                let level = levels.get(&own).copied().unwrap_or_default();
                if above.is_some_and(|above| above >= level) {
                    levels.insert(own.clone(), above.unwrap_or_default() + 1);
                    changed = true;
                }
            }
        }
        if !changed {
            break;
        }
    }
    levels
}

/// Levels between two kinds' turns.
const LEVELS: usize = 16;
