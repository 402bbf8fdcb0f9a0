//! Objects as text: YAML with sorted fields, as `kubectl get -o yaml` writes them. Start at [`written`].

use serde_json::{Map, Value};

/// An object as YAML. Fields are sorted by name.
///
/// # Errors
/// What the writer of YAML could not write.
pub fn written(fields: &Map<String, Value>) -> Result<String, String> {
    let sorted = sorted(&Value::Object(fields.clone()));
    serde_saphyr::to_string(&sorted).map_err(|why| why.to_string())
}

/// The same with the fields of all objects in it sorted by name.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut names: Vec<_> = fields.iter().collect();
            names.sort_by_key(|(name, _)| *name);
            Value::Object(names.into_iter().map(|(name, value)| (name.clone(), sorted(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests;
