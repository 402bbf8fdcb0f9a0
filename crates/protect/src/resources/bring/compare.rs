//! What an object was and what it is now, without what an API server adds. Start at [`changes`].

use objects::changes::{Change, between};
use objects::mask::Mask;
use serde_json::{Map, Value};

/// Fields of the metadata that tell nothing of what an object says.
const OWN: [&str; 8] = [
    "managedFields",
    "resourceVersion",
    "uid",
    "creationTimestamp",
    "generation",
    "selfLink",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
];

/// The differences between two states of an object, but for what identifies it and for its status.
pub(super) fn changes(before: &Value, after: &Value, mask: Mask) -> Vec<Change> {
    between(&plain(before), &plain(after), Some(mask))
}

fn plain(object: &Value) -> Map<String, Value> {
    let mut fields = object.as_object().cloned().unwrap_or_default();
    fields.remove("status");
    if fields.get("kind").is_some_and(|it| it == "Namespace") {
        // Nothing but what waits when it is deleted, which is never given.
        fields.remove("spec");
    }
    if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|name, _| !OWN.contains(&name.as_str()));
    }
    fields.values_mut().for_each(without_nothing);
    fields
}

/// Nothing and an empty thing are the same to Kubernetes.
fn without_nothing(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(without_nothing);
            fields.retain(|_, value| !value.is_null());
        }
        Value::Array(items) => items.iter_mut().for_each(without_nothing),
        _ => {}
    }
}
