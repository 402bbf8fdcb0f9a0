//! Objects go back, in their order. Start at [`act`].

use super::live::Live;
use super::look::{AT_ONCE, keeps_volume, reason};
use super::{Act, Item};
use cluster::{Client, Error, KindRef};
use futures::StreamExt;
use objects::Object;
use objects::revive::{Owner, cleaned};
use serde_json::{Value, json};
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
    let mut gone = Vec::new();
    let mut owner_there = std::collections::HashMap::new();
    for owner in objects::revive::owners(object) {
        match owner_now(client, live, object, &owner).await? {
            Some(uid) => drop(owner_there.insert((owner.kind, owner.name), uid)),
            None => gone.push(format!("{} {}", owner.kind, owner.name)),
        }
    }
    if !gone.is_empty() {
        done.notes
            .push(format!("without its owner, which is not there: {}", gone.join(", ")));
    }
    let owner = |owner: &Owner| owner_there.get(&(owner.kind.clone(), owner.name.clone())).cloned();
    let whole = Value::Object(cleaned(object, keeps_volume(&item.notes), owner));
    if object.kind == "PersistentVolumeClaim" && keeps_volume(&item.notes) {
        release(client, object).await?;
    }
    match applied(client, &whole).await {
        Ok(made) => {
            if let Some(note) = status(client, object, &made).await {
                done.notes.push(note);
            }
            Ok((done, Some(made)))
        }
        Err(down @ (Error::Untrusted { .. } | Error::NotReady { .. })) => Err(down),
        Err(error @ Error::Unreachable { .. }) => match client.ready().await {
            Ok(()) => Ok((Done { failed: Some(reason(&error)), ..done }, None)),
            Err(down) => Err(down),
        },
        Err(error) => Ok((Done { failed: Some(reason(&error)), ..done }, None)),
    }
}

/// Applies an object; one whose kind has just been defined waits until it is served, and a Service whose address somebody else has
/// gets another one.
async fn applied(client: &Client, whole: &Value) -> Result<Value, Error> {
    let begun = ambient::monotonic();
    loop {
        match client.apply(whole).await {
            Err(Error::UnknownKind { .. }) if begun.elapsed() < SERVED_WITHIN => {
                ambient::sleep(ASK_EVERY).await;
            }
            Err(Error::Invalid { reason, .. })
                if whole["kind"] == "Service" && reason.contains("already allocated") =>
            {
                let mut free = whole.clone();
                if let Some(spec) = free["spec"].as_object_mut() {
                    ["clusterIP", "clusterIPs", "healthCheckNodePort"]
                        .iter()
                        .for_each(|it| drop(spec.remove(*it)));
                }
                let ports = free["spec"]["ports"].as_array_mut().into_iter().flatten();
                ports
                    .filter_map(Value::as_object_mut)
                    .for_each(|port| drop(port.remove("nodePort")));
                return client.apply(&free).await;
            }
            other => return other,
        }
    }
}

/// The uid that an owner has now.
async fn owner_now(client: &Client, live: &Live, object: &Object, owner: &Owner) -> Result<Option<String>, Error> {
    let uid = |it: &Value| it["metadata"]["uid"].as_str().map(str::to_owned);
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
    let name = object.metadata("name")?;
    match client
        .patch_status(&kind, object.metadata("namespace"), name, &json!({ "status": status }))
        .await
    {
        // Without such a subresource, it went back with the object, or means nothing.
        Ok(_) | Err(Error::NotFound { .. }) => None,
        Err(error) => Some(format!("its status could not be brought back: {}", reason(&error))),
    }
}
