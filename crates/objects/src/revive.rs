//! What of an object goes back to an API server, which objects do not, and in which order. Start at [`judge`].
//!
//! What identifies one object among others of its name goes (`uid`, `resourceVersion`, ...), since the new one is another object.
//! What controllers make by themselves is left to them. What would do harm is refused, with the reason.

mod clean;
mod order;

pub use clean::cleaned;
pub use order::{Owner, owners, rank};

use crate::Object;
use serde_json::Value;

/// What becomes of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes back.
    Bring {
        /// What a person should know of it.
        notes: Vec<String>,
    },
    /// Others make it again, or it means nothing any more.
    Leave(String),
    /// It could be brought back, but with harm.
    Refuse(String),
}

/// What is known besides the object.
#[derive(Clone, Copy, Debug, Default)]
pub struct Around<'a> {
    /// Of Endpoints: whether the Service of the same name chose its pods by a selector.
    pub selected: bool,
    /// Of a PersistentVolumeClaim: whether the volume that it was bound to is there.
    pub volume: Option<&'a Value>,
    /// Whether claims whose volumes are gone may get new, empty ones.
    pub empty_volumes: bool,
}

/// Judges an object that is to be brought back.
pub fn judge(object: &Object, around: Around<'_>) -> Verdict {
    let leave = |why: &str| Verdict::Leave(why.to_owned());
    let field = |path: &str| object.at(path);
    if field("/metadata/deletionTimestamp").is_some() {
        return Verdict::Refuse("it was being deleted at that moment: choose an earlier one".to_owned());
    }
    let controller = owners(object).into_iter().find(|it| it.controller);
    let owned_by = |kind: &str| controller.as_ref().is_some_and(|it| it.kind == kind);
    match (object.group(), &*object.kind) {
        ("" | "events.k8s.io", "Event") => return leave("events tell of the past"),
        ("coordination.k8s.io", "Lease") => return leave("whoever holds a lease takes a new one"),
        ("", "Node") | ("storage.k8s.io", "CSINode") => return leave("a node registers itself"),
        ("", "Pod") if controller.is_some() => return leave("its owner makes it again"),
        ("apps", "ReplicaSet") if owned_by("Deployment") => return leave("its Deployment makes it again"),
        ("apps", "ControllerRevision") if controller.is_some() => return leave("its owner makes it again"),
        ("batch", "Job") if owned_by("CronJob") => return leave("its CronJob makes the next one"),
        ("discovery.k8s.io", "EndpointSlice") if controller.is_some() => return leave("it is made of its Service"),
        ("", "Endpoints") if around.selected => return leave("it is made of its Service"),
        ("", "ConfigMap") if object.metadata("name") == Some("kube-root-ca.crt") => {
            return leave("the controller manager makes it in every namespace");
        }
        ("", "ConfigMap") if object.metadata("name") == Some("extension-apiserver-authentication") => {
            return leave("the API server makes it");
        }
        ("", "Service" | "Endpoints") | ("discovery.k8s.io", "EndpointSlice") if is_of_api_servers(object) => {
            return leave("it is the API servers' own");
        }
        ("storage.k8s.io", "VolumeAttachment" | "CSIStorageCapacity") => {
            return leave("storage controllers make it again");
        }
        ("networking.k8s.io", "IPAddress") => return leave("it is made with its Service"),
        ("resource.k8s.io", "ResourceSlice") => return leave("the driver on its node makes it"),
        ("certificates.k8s.io", "CertificateSigningRequest") => return leave("who asked asks again"),
        ("", "Pod") if matches!(field("/status/phase").and_then(Value::as_str), Some("Succeeded" | "Failed")) => {
            return Verdict::Refuse("it has ended, and would run again".to_owned());
        }
        ("batch", "Job") if ended(object) => {
            return Verdict::Refuse("it has ended, and would run again".to_owned());
        }
        _ => {}
    }
    let mut notes = Vec::new();
    match &*object.kind {
        "PersistentVolumeClaim" if object.group().is_empty() => match claim(object, around) {
            Ok(note) => notes.extend(note),
            Err(refused) => return refused,
        },
        "Secret" if is_token(object) => notes.push("its token becomes a new one".to_owned()),
        _ => {}
    }
    if !object.unknown.is_empty() {
        notes.push(format!("without {}, of a later Kubernetes", object.unknown.join(", ")));
    }
    Verdict::Bring { notes }
}

/// Whether it is how pods find the API servers.
fn is_of_api_servers(object: &Object) -> bool {
    object.metadata("namespace") == Some("default") && object.metadata("name") == Some("kubernetes")
}

/// Whether a Job has nothing more to do.
fn ended(object: &Object) -> bool {
    let conditions = object.at("/status/conditions").and_then(Value::as_array);
    let over = |it: &Value| {
        matches!(it["type"].as_str(), Some("Complete" | "Failed" | "SuccessCriteriaMet")) && it["status"] == "True"
    };
    conditions.is_some_and(|all| all.iter().any(over))
}

/// Whether a Secret holds the token of a ServiceAccount, which is bound to the uid of that.
fn is_token(object: &Object) -> bool {
    object.at("/type").and_then(Value::as_str) == Some("kubernetes.io/service-account-token")
}

/// What becomes of a claim: it is bound to its volume again, or gets an empty one only if that is wanted.
fn claim(object: &Object, around: Around<'_>) -> Result<Option<String>, Verdict> {
    let Some(name) = object
        .at("/spec/volumeName")
        .and_then(Value::as_str)
        .filter(|it| !it.is_empty())
    else {
        return Ok(None);
    };
    // One that is being deleted will be gone as well.
    match around.volume.filter(|it| it["metadata"]["deletionTimestamp"].is_null()) {
        Some(volume) => {
            let of = &volume["spec"]["claimRef"];
            let its = of["namespace"].as_str() == object.metadata("namespace")
                && of["name"].as_str() == object.metadata("name");
            match of.is_null() || its {
                true => Ok(Some(format!("it is bound to its volume {name} again"))),
                false => Err(Verdict::Refuse(format!("its volume {name} belongs to another claim now"))),
            }
        }
        None if around.empty_volumes => Ok(Some(format!("its volume {name} is gone, and it gets a new, empty one"))),
        None => Err(Verdict::Refuse(format!(
            "its volume {name} is gone: --empty-volumes gives it a new, empty one"
        ))),
    }
}

impl Object {
    /// What is at a place, by a JSON pointer; nothing also where it is null.
    pub(crate) fn at(&self, pointer: &str) -> Option<&Value> {
        let mut steps = pointer.trim_start_matches('/').split('/');
        let first = self.fields.get(steps.next()?)?;
        let found = steps.try_fold(first, |value, step| value.get(step))?;
        (!found.is_null()).then_some(found)
    }
}

#[cfg(test)]
mod tests;
