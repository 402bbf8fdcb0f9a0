//! CustomResourceDefinitions as they are today. Start at [`today`].
//!
//! API servers still store them as `apiextensions.k8s.io/v1beta1`, which none serves since Kubernetes 1.22. What all versions have
//! in common stood beside them there, and stands in each of them now. Source: `k8s.io/apiextensions-apiserver`
//! `pkg/apis/apiextensions/v1/conversion.go` and `v1beta1/conversion.go`.

use serde_json::{Map, Value, json};

/// The version that is stored, and the one that is served.
const STORED: &str = "apiextensions.k8s.io/v1beta1";
const SERVED: &str = "apiextensions.k8s.io/v1";

/// The same definition in the version that is served; other objects stay as they are.
pub(crate) fn today(mut fields: Map<String, Value>) -> Map<String, Value> {
    if fields.get("apiVersion").is_none_or(|it| it != STORED)
        || fields.get("kind").is_none_or(|it| it != "CustomResourceDefinition")
    {
        return fields;
    }
    fields.insert("apiVersion".to_owned(), SERVED.into());
    if let Some(spec) = fields.get_mut("spec").and_then(Value::as_object_mut) {
        versions(spec);
        conversion(spec);
        if spec.get("preserveUnknownFields") == Some(&Value::Bool(false)) {
            spec.remove("preserveUnknownFields");
        }
    }
    fields
}

/// What stood beside the versions goes into each that has nothing of its own.
fn versions(spec: &mut Map<String, Value>) {
    let only = spec.remove("version");
    let common = [
        ("schema", spec.remove("validation")),
        ("subresources", spec.remove("subresources")),
        ("additionalPrinterColumns", spec.remove("additionalPrinterColumns")),
        ("selectableFields", spec.remove("selectableFields")),
    ];
    let listed = spec.get("versions").and_then(Value::as_array).is_some_and(|it| !it.is_empty());
    if let (false, Some(name)) = (listed, only) {
        spec.insert("versions".to_owned(), json!([{ "name": name, "served": true, "storage": true }]));
    }
    let versions = spec.get_mut("versions").and_then(Value::as_array_mut);
    for version in versions.into_iter().flatten().filter_map(Value::as_object_mut) {
        for (name, value) in &common {
            if let (false, Some(value)) = (version.contains_key(*name), value) {
                version.insert((*name).to_owned(), value.clone());
            }
        }
        let columns = version.get_mut("additionalPrinterColumns").and_then(Value::as_array_mut);
        for column in columns.into_iter().flatten().filter_map(Value::as_object_mut) {
            if let Some(path) = column.remove("JSONPath") {
                column.insert("jsonPath".to_owned(), path);
            }
        }
    }
}

/// A webhook's client and the versions that it speaks stand together now.
fn conversion(spec: &mut Map<String, Value>) {
    let Some(conversion) = spec.get_mut("conversion").and_then(Value::as_object_mut) else {
        return;
    };
    let (client, versions) = (conversion.remove("webhookClientConfig"), conversion.remove("conversionReviewVersions"));
    if let Some(client) = client {
        let mut webhook = json!({ "clientConfig": client });
        webhook["conversionReviewVersions"] = versions.unwrap_or_default();
        conversion.insert("webhook".to_owned(), webhook);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(spec: Value) -> Value {
        let old = json!({ "apiVersion": STORED, "kind": "CustomResourceDefinition", "spec": spec });
        let new = today(old.as_object().cloned().unwrap_or_default());
        assert_eq!(new["apiVersion"], SERVED);
        new["spec"].clone()
    }

    #[test]
    fn what_all_versions_share_goes_into_each() {
        let old = json!({
            "version": "v1", "validation": { "openAPIV3Schema": {} }, "subresources": { "status": {} },
            "additionalPrinterColumns": [{ "name": "a", "type": "string", "JSONPath": ".a" }],
            "preserveUnknownFields": false,
            "versions": [{ "name": "v1", "served": true, "storage": true }, { "name": "v2", "schema": { "own": {} } }],
        });
        let columns = json!([{ "name": "a", "type": "string", "jsonPath": ".a" }]);
        let new = json!({ "versions": [
            { "name": "v1", "served": true, "storage": true, "schema": { "openAPIV3Schema": {} },
              "subresources": { "status": {} }, "additionalPrinterColumns": columns },
            { "name": "v2", "schema": { "own": {} }, "subresources": { "status": {} }, "additionalPrinterColumns": columns },
        ] });
        assert_eq!(spec(old), new);
        let one = spec(json!({ "version": "v1beta1" }));
        assert_eq!(one, json!({ "versions": [{ "name": "v1beta1", "served": true, "storage": true }] }));
    }

    #[test]
    fn a_webhook_has_its_versions_with_it() {
        let old = json!({ "conversion": {
            "strategy": "Webhook", "webhookClientConfig": { "url": "u" }, "conversionReviewVersions": ["v1"],
        } });
        let webhook = json!({ "clientConfig": { "url": "u" }, "conversionReviewVersions": ["v1"] });
        assert_eq!(spec(old), json!({ "conversion": { "strategy": "Webhook", "webhook": webhook } }));
        assert_eq!(
            spec(json!({ "conversion": { "strategy": "None" } })),
            json!({ "conversion": { "strategy": "None" } })
        );
    }
}
