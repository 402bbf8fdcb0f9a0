//! An object without what makes it that one object. Start at [`cleaned`].

use crate::Object;
use serde_json::{Map, Value};

/// Fields of its metadata that the API server gives an object.
const IDENTITY: [&str; 8] = [
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "generation",
    "selfLink",
    "managedFields",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
];

/// Labels that a Job gives its pods, with its uid in them.
const OF_JOBS: [&str; 4] = [
    "controller-uid",
    "batch.kubernetes.io/controller-uid",
    "job-name",
    "batch.kubernetes.io/job-name",
];

/// The object as it goes back. `owner` tells the uid that an owner has now; owners that are not there are left out.
/// `keeps_volume` is whether the volume of a claim is still there.
pub fn cleaned(
    object: &Object,
    keeps_volume: bool,
    owner: impl Fn(&super::Owner) -> Option<String>,
) -> Map<String, Value> {
    let mut fields = object.fields.clone();
    fields.remove("status");
    let owners = owners(object, owner);
    if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
        IDENTITY.iter().for_each(|name| drop(metadata.remove(*name)));
        match owners.is_empty() {
            true => drop(metadata.remove("ownerReferences")),
            false => drop(metadata.insert("ownerReferences".to_owned(), Value::Array(owners))),
        }
        metadata.retain(|_, value| !value.is_null());
    }
    match (object.group(), &*object.kind) {
        ("", "Namespace") => drop(fields.remove("spec")),
        ("", "Pod") => {
            remove(&mut fields, &["spec"], &["nodeName"]);
        }
        // Its controller counts by itself, and would set it again and again.
        ("apps", "Deployment") => {
            remove(&mut fields, &["metadata", "annotations"], &["deployment.kubernetes.io/revision"]);
        }
        ("", "Secret") if super::is_token(object) => {
            fields.remove("data");
            remove(&mut fields, &["metadata", "annotations"], &["kubernetes.io/service-account.uid"]);
        }
        ("", "PersistentVolume") => {
            remove(&mut fields, &["spec", "claimRef"], &["uid", "resourceVersion"]);
        }
        ("", "PersistentVolumeClaim") => {
            let bound = [
                "pv.kubernetes.io/bind-completed",
                "pv.kubernetes.io/bound-by-controller",
            ];
            remove(&mut fields, &["metadata", "annotations"], &bound);
            if !keeps_volume {
                remove(&mut fields, &["spec"], &["volumeName"]);
                let chosen = ["volume.kubernetes.io/selected-node"];
                remove(&mut fields, &["metadata", "annotations"], &chosen);
            }
        }
        ("batch", "Job") if fields.get("spec").is_none_or(|spec| spec["manualSelector"] != true) => {
            remove(&mut fields, &["spec"], &["selector"]);
            remove(&mut fields, &["metadata", "labels"], &OF_JOBS);
            remove(&mut fields, &["spec", "template", "metadata", "labels"], &OF_JOBS);
        }
        _ => {}
    }
    // What is null in a template was never set.
    fields.values_mut().for_each(without_empty_times);
    fields
}

/// Server-side apply takes null for a wish; `creationTimestamp: null` of a template is none.
fn without_empty_times(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, value| name != "creationTimestamp" || !value.is_null());
            fields.values_mut().for_each(without_empty_times);
        }
        Value::Array(items) => items.iter_mut().for_each(without_empty_times),
        _ => {}
    }
}

fn remove(fields: &mut Map<String, Value>, path: &[&str], names: &[&str]) {
    let mut at = Some(fields);
    for step in path {
        at = at.and_then(|fields| fields.get_mut(*step)).and_then(Value::as_object_mut);
    }
    if let Some(fields) = at {
        names.iter().for_each(|name| drop(fields.remove(*name)));
    }
}

fn owners(object: &Object, owner: impl Fn(&super::Owner) -> Option<String>) -> Vec<Value> {
    let listed = object.at("/metadata/ownerReferences").and_then(Value::as_array);
    let owners = super::owners(object);
    let with_uid = |(reference, of): (&Value, &super::Owner)| {
        let mut reference = reference.as_object()?.clone();
        reference.insert("uid".to_owned(), owner(of)?.into());
        Some(Value::Object(reference))
    };
    listed.into_iter().flatten().zip(&owners).filter_map(with_uid).collect()
}
