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

#[test]
fn what_is_secret_by_where_it_stands_is_hidden() {
    let shown = masked(&json!({
        "apiVersion": "work.open-cluster-management.io/v1", "kind": "ManifestWork",
        "metadata": { "name": "w", "annotations": { "objectset.rio.cattle.io/applied": "PLANTED", "note": "shown" } },
        "spec": {
            "workload": [{ "kind": "Secret", "data": { "x": "PLANTED" }, "stringData": { "y": "PLANTED" } }],
            "aescbc": { "keys": [{ "name": "one", "secret": "PLANTED" }] },
            "agentEnvVars": [{ "name": "PW", "value": "PLANTED" }],
            "kubeconfigContent": "PLANTED", "sshKeyPath": "PLANTED", "rootPass": "PLANTED", "valuesContent": "PLANTED",
            "plain": "shown",
        },
    }));
    assert!(!shown.contains("PLANTED") && shown.matches("shown").count() == 2, "{shown}");
    let secret = masked(&json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": { "name": "s", "annotations": { "kapp.k14s.io/original": "PLANTED", "cert-manager.io/issuer-name": "shown" } },
    }));
    assert!(!secret.contains("PLANTED") && secret.contains("shown"), "{secret}");
}

#[test]
fn what_others_say_of_an_object_quotes_nothing_of_it() {
    let object = |it: Value| match read(b"", it.to_string().as_bytes(), &Default::default()) {
        Content::Object(it) => it,
        other => panic!("{other:?}"),
    };
    let token = object(json!({ "apiVersion": "a.b/v1", "kind": "T", "metadata": {}, "spec": { "token": "hunter2" } }));
    let said = Mask::ByName { rancher: false }.scrub(&token, "spec.token: Invalid value: \"hunter2\": it should match");
    assert_eq!(said, "spec.token: Invalid value: \"(masked)\": it should match");
    let secret =
        object(json!({ "apiVersion": "v1", "kind": "Secret", "metadata": {}, "data": { "a": "aHVudGVyMg==" } }));
    assert_eq!(Mask::Secret.scrub(&secret, "aHVudGVyMg== and hunter2"), "(masked) and (masked)");
}
