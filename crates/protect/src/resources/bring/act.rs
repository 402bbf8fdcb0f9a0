//! Objects go back, in their order. Start at [`act`].

use super::live::Live;
use super::look::{AT_ONCE, reason, scrubbed};
use super::{Act, Item, address};
use cluster::{Client, Error, KindRef};
use futures::StreamExt;
use objects::Object;
use objects::revive::{Owner, cleaned};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;

/// How long a kind may take to be served after its definition was made.
const SERVED_WITHIN: Duration = Duration::from_secs(30);
/// How often that is asked.
const ASK_EVERY: Duration = Duration::from_millis(250);

/// What became of an object.
#[derive(Debug)]
pub struct Done {
    /// Its name as it is shown.
    pub shown: String,
    /// What could not be done, and why.
    pub failed: Option<String>,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// Brings back what [`super::look`] says, those that need nothing first. `each` hears of every one. What fails is told, and does
/// not stop the others; whoever calls again goes on with what is left.
///
/// # Errors
/// The cluster does not answer any more.
pub async fn act(client: &Client, items: Vec<Item>, each: &(dyn Fn(&Done) + Sync)) -> Result<Vec<Done>, Error> {
    let todo: Vec<Item> = items
        .into_iter()
        .filter(|it| matches!(it.act, Act::Create | Act::Change(_)))
        .collect();
    let objects: Vec<&Object> = todo.iter().filter_map(|it| it.object.as_ref()).collect();
    // For the uids of owners that are there, or come with the others.
    let mut live = Live::of(client, &objects).await?;
    let mut done = Vec::new();
    let mut rest = todo.as_slice();
    while let Some(level) = rest.first().map(|it| it.level) {
        let (now, later) = rest.split_at(rest.iter().take_while(|it| it.level == level).count());
        rest = later;
        let made = futures::stream::iter(now)
            .map(|item| one(client, &live, item))
            .buffered(AT_ONCE)
            .collect::<Vec<_>>()
            .await;
        for it in made {
            let (it, object) = it?;
            if let Some(object) = object
                && let Some(kind) = KindRef::of(&object)
            {
                live.note(&kind, object);
            }
            each(&it);
            done.push(it);
        }
    }
    Ok(done)
}

async fn one(client: &Client, live: &Live, item: &Item) -> Result<(Done, Option<Value>), Error> {
    let mut done = Done { shown: item.shown.clone(), failed: None, notes: Vec::new() };
    let Some(object) = &item.object else {
        return Ok((done, None));
    };
    if let Some(why) = live.ends(object) {
        return Ok((Done { failed: Some(why), ..done }, None));
    }
    let mut owner_there = HashMap::new();
    for owner in objects::revive::owners(object) {
        if let Some(uid) = owner_now(client, live, object, &owner).await? {
            owner_there.insert((owner.kind, owner.name), uid);
        }
    }
    let owner = |owner: &Owner| owner_there.get(&(owner.kind.clone(), owner.name.clone())).cloned();
    let mut whole = Value::Object(cleaned(object, item.keeps_volume, owner));
    if item.new_address {
        address::leave_out(&mut whole);
    } else if let Some(now) = live.get(object) {
        address::keep(&mut whole, now);
    }
    if object.kind == "PersistentVolumeClaim" && item.keeps_volume {
        release(client, object).await?;
    }
    let mut answer = applied(client, &whole).await;
    // An address that is taken is not found out by a trial.
    if live.get(object).is_none() && answer.as_ref().err().is_some_and(|error| address::is_taken(&whole, error)) {
        address::leave_out(&mut whole);
        done.notes.push(address::OTHER.to_owned());
        answer = applied(client, &whole).await;
    }
    match answer {
        Ok(made) => {
            // What lives has a status of its own by now.
            if item.act == Act::Create
                && let Some(note) = status(client, object, &made).await
            {
                done.notes.push(scrubbed(item.mask, object, live, &note));
            }
            Ok((done, Some(made)))
        }
        Err(down @ (Error::Untrusted { .. } | Error::NotReady { .. })) => Err(down),
        Err(error @ Error::Unreachable { .. }) => match client.ready().await {
            Ok(()) => Ok((
                Done {
                    failed: Some(scrubbed(item.mask, object, live, &reason(&error))),
                    ..done
                },
                None,
            )),
            Err(down) => Err(down),
        },
        Err(error) => Ok((
            Done {
                failed: Some(scrubbed(item.mask, object, live, &reason(&error))),
                ..done
            },
            None,
        )),
    }
}

/// Applies an object; one whose kind has just been defined waits until it is served.
async fn applied(client: &Client, whole: &Value) -> Result<Value, Error> {
    let begun = ambient::monotonic();
    loop {
        match client.apply(whole).await {
            Err(Error::UnknownKind { .. }) if begun.elapsed() < SERVED_WITHIN => {
                ambient::sleep(ASK_EVERY).await;
            }
            other => return other,
        }
    }
}

/// The uid that an owner has now.
async fn owner_now(client: &Client, live: &Live, object: &Object, owner: &Owner) -> Result<Option<String>, Error> {
    let stays = |it: &Value| !it["metadata"]["deletionTimestamp"].is_string();
    let uid = |it: &Value| it["metadata"]["uid"].as_str().filter(|_| stays(it)).map(str::to_owned);
    if let Some(found) = live.owner(object, owner) {
        return Ok(uid(found));
    }
    let kind = KindRef::new(&*owner.api_version, &*owner.kind);
    match client.get(&kind, object.metadata("namespace"), &owner.name).await {
        Ok(found) => Ok(found.as_ref().and_then(uid)),
        Err(Error::UnknownKind { .. } | Error::Incomplete { .. }) => Ok(None),
        Err(other) => Err(other),
    }
}

/// A volume that was kept still names the claim that is gone by its uid: it forgets that, and waits for the new one.
async fn release(client: &Client, claim: &Object) -> Result<(), Error> {
    let Some(volume) = claim.fields.get("spec").and_then(|spec| spec["volumeName"].as_str()) else {
        return Ok(());
    };
    let kind = KindRef::new("v1", "PersistentVolume");
    let Some(found) = client.get(&kind, None, volume).await? else {
        return Ok(());
    };
    let bound = found["spec"]["claimRef"]["uid"].is_string() && found["status"]["phase"] == "Released";
    if bound {
        let version = &found["metadata"]["resourceVersion"];
        let patch = json!({
            "metadata": { "resourceVersion": version },
            "spec": { "claimRef": { "uid": null, "resourceVersion": null } },
        });
        client.patch_merge(&kind, None, volume, &patch).await?;
    }
    Ok(())
}

/// What custom resources say of themselves goes back as well: their controllers keep in it what they have done. Built-in
/// controllers find that out anew. What could not be done is told.
async fn status(client: &Client, object: &Object, made: &Value) -> Option<String> {
    let custom = object.group().contains('.') && !object.group().ends_with(".k8s.io");
    let status = object
        .fields
        .get("status")
        .filter(|it| custom && it.is_object() && made["status"] != **it)?;
    let kind = KindRef::new(&*object.api_version, &*object.kind);
    let (name, namespace) = (object.metadata("name")?, object.metadata("namespace"));
    let patch = json!({ "status": status });
    let put = match client.patch_status(&kind, namespace, name, &patch).await {
        // Without such a subresource it is a field as any other.
        Err(Error::NotFound { .. }) => client.patch_merge(&kind, namespace, name, &patch).await,
        other => other,
    };
    put.err()
        .map(|error| format!("its status could not be brought back: {}", reason(&error)))
}
