use super::*;
use crate::{Content, read};
use serde_json::json;

fn masked(object: &Value) -> String {
    match read(b"", object.to_string().as_bytes(), &Default::default()) {
        Content::Object(it) => Value::Object(Mask::of(&it.api_version, &it.kind).apply(&it)).to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn nothing_of_a_secret_is_left() {
    let shown = masked(&json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {
            "name": "db",
            "annotations": { "kubectl.kubernetes.io/last-applied-configuration": "{\"data\":{\"a\":\"PLANTED\"}}" },
        },
        "data": { "a": "PLANTED", "odd": { "deep": ["PLANTED"] }, "number": 4711 },
        "stringData": { "b": "PLANTED" },
    }));
    assert!(!shown.contains("PLANTED") && !shown.contains("4711"), "{shown}");
    assert!(shown.contains("(masked, 7 characters)") && shown.contains("Opaque"), "{shown}");
}

#[test]
fn what_rancher_keeps_in_custom_resources_is_hidden() {
    let token = masked(&json!({
        "apiVersion": "management.cattle.io/v3", "kind": "Token", "metadata": { "name": "token-abc" },
        "token": "PLANTED", "userId": "user-1", "enabled": true,
    }));
    assert!(
        !token.contains("PLANTED") && token.contains("token-abc") && token.contains("user-1"),
        "{token}"
    );
    let registration = masked(&json!({
        "apiVersion": "management.cattle.io/v3", "kind": "ClusterRegistrationToken", "metadata": { "name": "system" },
        "status": { "command": "curl PLANTED", "nodeCommand": "sh PLANTED", "manifestUrl": "PLANTED" },
    }));
    assert!(!registration.contains("PLANTED"), "{registration}");
    let bucket = masked(&json!({
        "apiVersion": "example.com/v1", "kind": "Bucket", "metadata": { "name": "b" },
        "spec": { "secretKey": "PLANTED", "credentials": { "user": "PLANTED" }, "region": "shown" },
    }));
    assert!(!bucket.contains("PLANTED") && bucket.contains("shown"), "{bucket}");
}

#[test]
fn built_in_kinds_refer_to_secrets_and_are_shown() {
    let pod = masked(&json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "a" },
        "spec": { "volumes": [{ "name": "t", "projected": { "sources": [{ "serviceAccountToken": { "path": "token" } }] } }] },
    }));
    assert!(!pod.contains("masked"), "{pod}");
}
