//! `manifests.apply`: applies manifests on the server, takes away what an earlier version of them had, and waits until workloads are ready.

use super::{Carry, Context, done, until};
use crate::{Trouble, control_plane};
use async_trait::async_trait;
use cluster::{Client, KindRef};
use engine::Performed;
use estate::{Kind, Name};
use plan::ApplyManifests;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

const PAUSE: Duration = Duration::from_secs(1);

/// The label by which objects of a step are known again: which playbook, which step.
const LABEL: &str = "lifeboat/applied-by";

/// The most that all manifests of a step may be, in bytes.
const BYTES_MAX: u64 = 64 << 20;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    applied: usize,
    /// What was not there before.
    made: Vec<String>,
    pruned: Vec<String>,
}

#[async_trait]
impl Carry for ApplyManifests {
    async fn perform(&self, context: &Context<'_>) -> Result<Performed, Trouble> {
        let objects = objects(self, context)?;
        let client = control_plane::client(context.world, &self.host, self.distribution).await?;
        context.inside.point();
        let mut made = Vec::new();
        for object in &objects {
            let (kind, namespace, name) = named(object);
            // A kind that was just defined takes a moment.
            let limit = Duration::from_secs(30).min(context.limit / 4);
            until(limit, PAUSE, || async {
                let there = client.get(&kind, namespace, name).await.map_err(not_yet)?;
                client.apply(object).await.map_err(not_yet)?;
                Ok(there.is_none())
            })
            .await
            .map(|is_new| is_new.then(|| made.push(shown(object))))?;
        }
        context.inside.point();
        let pruned = match self.prune {
            true => pruned(&client, &objects, &label(context)).await?,
            false => Vec::new(),
        };
        if self.wait {
            context.inside.say("waits until all of it is ready");
            until(context.limit / 2, PAUSE, || async { ready(&client, &objects).await }).await?;
        }
        done(Done { applied: objects.len(), made, pruned })
    }

    async fn check(&self, context: &Context<'_>) -> Result<String, Trouble> {
        let objects = objects(self, context)?;
        let client = control_plane::client(context.world, &self.host, self.distribution).await?;
        ready(&client, &objects).await?;
        Ok(format!("{} objects are there, and ready", objects.len()))
    }

    async fn undo(&self, context: &Context<'_>, done: Option<&Value>) -> Result<Value, Trouble> {
        let client = control_plane::client(context.world, &self.host, self.distribution).await?;
        let made: BTreeSet<&str> = done
            .and_then(|done| done["made"].as_array())
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let mut deleted = Vec::new();
        for object in objects(self, context)?
            .iter()
            .rev()
            .filter(|object| made.contains(shown(object).as_str()))
        {
            let (kind, namespace, name) = named(object);
            client.delete(&kind, namespace, name).await?;
            deleted.push(shown(object));
        }
        Ok(json!({ "deleted": deleted }))
    }

    async fn dry(&self, context: &Context<'_>) -> Result<Vec<String>, Trouble> {
        let objects = objects(self, context)?;
        Ok(vec![format!("{} objects can be read from its files", objects.len())])
    }

    fn hosts(&self) -> Vec<&Name> {
        vec![&self.host]
    }
}

fn not_yet(error: cluster::Error) -> Trouble {
    Trouble { kind: Kind::Unreachable, ..Trouble::from(error) }
}

fn label(context: &Context<'_>) -> String {
    let text = format!("{}.{}", context.plan.playbook, context.step.id);
    // A label's value has 63 characters at most, and begins and ends with a letter or digit.
    text.chars().take(63).collect::<String>().trim_matches(['.', '-']).to_owned()
}

fn named(object: &Value) -> (KindRef, Option<&str>, &str) {
    let text = |value: &'_ Value| value.as_str().unwrap_or_default().to_owned();
    (
        KindRef::new(text(&object["apiVersion"]), text(&object["kind"])),
        object["metadata"]["namespace"].as_str(),
        object["metadata"]["name"].as_str().unwrap_or_default(),
    )
}

fn shown(object: &Value) -> String {
    let (_, namespace, name) = named(object);
    let kind = object["kind"].as_str().unwrap_or_default();
    format!("{kind} {}{name}", namespace.map(|space| format!("{space}/")).unwrap_or_default())
}

/// All objects of the files, those first that others need.
fn objects(it: &ApplyManifests, context: &Context<'_>) -> Result<Vec<Value>, Trouble> {
    let bad = |path: &Path, reason: String| {
        Trouble::new("LB0816", Kind::Invalid, format!("{} holds no manifests: {reason}", path.display()))
    };
    let mut files: Vec<PathBuf> = Vec::new();
    for path in &it.files {
        let path = context.world.path(path);
        match std::fs::read_dir(&path) {
            Ok(entries) => {
                let entries = entries.filter_map(Result::ok).map(|entry| entry.path());
                let is_manifest =
                    |path: &PathBuf| path.extension().is_some_and(|it| it == "yaml" || it == "yml" || it == "json");
                let mut inside: Vec<PathBuf> = entries.filter(is_manifest).collect();
                inside.sort();
                files.extend(inside);
            }
            Err(_) => files.push(path),
        }
    }
    let (mut objects, mut bytes) = (Vec::new(), 0);
    for path in &files {
        let text = std::fs::read_to_string(path).map_err(|reason| bad(path, reason.to_string()))?;
        bytes += text.len() as u64;
        if bytes > BYTES_MAX {
            return Err(bad(path, format!("they are more than {BYTES_MAX} bytes")));
        }
        let documents: Vec<Value> =
            serde_saphyr::from_multiple(&text).map_err(|error| bad(path, error.without_snippet().to_string()))?;
        for document in documents {
            let list = match document["kind"] == "List" {
                true => document["items"].as_array().cloned().unwrap_or_default(),
                false => vec![document],
            };
            objects.extend(list.into_iter().filter(|object| !object.is_null()));
        }
    }
    let label = label(context);
    for object in &mut objects {
        let is_whole =
            ["apiVersion", "kind"].iter().all(|key| object[*key].is_string()) && object["metadata"]["name"].is_string();
        if !is_whole {
            let message = "an object in the manifests has no apiVersion, kind or metadata.name";
            return Err(Trouble::new("LB0816", Kind::Invalid, message));
        }
        object["metadata"]["labels"][LABEL] = json!(label);
    }
    // Stable: what stands first in the files stays first.
    objects.sort_by_key(|object| match object["kind"].as_str() {
        Some("CustomResourceDefinition" | "Namespace") => 0,
        Some(
            "ServiceAccount" | "ClusterRole" | "ClusterRoleBinding" | "Role" | "RoleBinding" | "Secret" | "ConfigMap",
        ) => 1,
        _ => 2,
    });
    Ok(objects)
}

/// Deletes what carries the step's label, is of a kind that it has, and is no longer among its objects.
async fn pruned(client: &Client, objects: &[Value], label: &str) -> Result<Vec<String>, Trouble> {
    let kept: BTreeSet<String> = objects.iter().map(shown).collect();
    let mut kinds: Vec<(String, String)> = objects
        .iter()
        .filter_map(|object| Some((object["apiVersion"].as_str()?.to_owned(), object["kind"].as_str()?.to_owned())))
        .collect();
    kinds.sort();
    kinds.dedup();
    let mut gone = Vec::new();
    for (version, kind) in kinds {
        let of = KindRef::new(version, kind.clone());
        for object in client.list(&of, None).await?.items {
            let mut object = object;
            object["kind"] = json!(kind);
            let ours = object["metadata"]["labels"][LABEL] == label;
            if ours && !kept.contains(&shown(&object)) {
                let (_, namespace, name) = named(&object);
                client.delete(&of, namespace, name).await?;
                gone.push(shown(&object));
            }
        }
    }
    Ok(gone)
}

/// Whether all workloads among the objects have what they want.
async fn ready(client: &Client, objects: &[Value]) -> Result<(), Trouble> {
    for object in objects {
        let (kind, namespace, name) = named(object);
        let Some(live) = client.get(&kind, namespace, name).await? else {
            return Err(unready(object, "is not there"));
        };
        if let Some(why) = lacking(&live) {
            return Err(unready(object, &why));
        }
    }
    Ok(())
}

fn unready(object: &Value, why: &str) -> Trouble {
    Trouble::new("LB0816", Kind::Unreachable, format!("{} {why}", shown(object)))
        .hint("kubectl describe, kubectl get events, in its namespace")
}

/// What a workload lacks, if anything. Kinds that have no state of being ready lack nothing.
fn lacking(live: &Value) -> Option<String> {
    let number = |value: &Value| value.as_i64().unwrap_or(0);
    let (spec, status) = (&live["spec"], &live["status"]);
    let seen = number(&status["observedGeneration"]) >= number(&live["metadata"]["generation"]);
    let of = |wanted: i64, ready: i64| (ready < wanted || !seen).then(|| format!("has {ready} of {wanted} ready"));
    match live["kind"].as_str().unwrap_or_default() {
        "Deployment" | "StatefulSet" | "ReplicaSet" => {
            of(spec["replicas"].as_i64().unwrap_or(1), number(&status["readyReplicas"]))
        }
        "DaemonSet" => of(number(&status["desiredNumberScheduled"]), number(&status["numberReady"])),
        "Job" => {
            let wanted = spec["completions"].as_i64().unwrap_or(1);
            let done = number(&status["succeeded"]);
            (done < wanted).then(|| format!("has ended {done} of {wanted} times"))
        }
        "CustomResourceDefinition" => {
            let conditions = status["conditions"].as_array().into_iter().flatten();
            let is = |it: &Value| it["type"] == "Established" && it["status"] == "True";
            (!conditions.into_iter().any(is)).then(|| "is not established".to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_is_ready_when_it_has_what_it_wants() {
        let deployment = |generation: i64, ready: i64| {
            json!({ "kind": "Deployment", "metadata": { "generation": 2 }, "spec": { "replicas": 2 },
                "status": { "observedGeneration": generation, "readyReplicas": ready } })
        };
        assert_eq!(lacking(&deployment(2, 2)), None);
        assert_eq!(lacking(&deployment(2, 1)).unwrap(), "has 1 of 2 ready");
        assert!(lacking(&deployment(1, 2)).is_some(), "what is told is of the version before");
        assert!(lacking(&json!({ "kind": "Job", "spec": {}, "status": {} })).is_some());
        assert_eq!(lacking(&json!({ "kind": "ConfigMap" })), None);
    }
}
