use super::*;
use crate::{Content, read};
use proptest::prelude::*;
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
    let said = Mask::ByName { rancher: false }
        .scrub([&token.fields], "spec.token: Invalid value: \"hunter2\": it should match");
    assert_eq!(said, "spec.token: Invalid value: \"(masked)\": it should match");
    let secret =
        object(json!({ "apiVersion": "v1", "kind": "Secret", "metadata": {}, "data": { "a": "aHVudGVyMg==" } }));
    assert_eq!(Mask::Secret.scrub([&secret.fields], "aHVudGVyMg== and hunter2"), "(masked) and (masked)");
}

#[test]
fn variables_of_pods_are_hidden_by_their_names() {
    let pods = json!({
        "metadata": { "annotations": { "kubectl.kubernetes.io/last-applied-configuration": "PLANTED" } },
        "spec": { "containers": [{
            "name": "token",
            "image": "shown",
            "args": [
                "--password=PLANTED", "--level=shown", "--dsn postgres://user:PLANTED@host/db", "--db-password", "PLANTED", "--v", "shown",
                "sh -c 'run --token PLANTED --size shown && curl -H \"Authorization: Bearer PLANTED\" x?token=PLANTED&b=shown'",
                "--set=redis.password=PLANTED", "user:PLANTED@tcp(db:3306)/x", "{\"user\":\"shown\",\"password\":\"PLANTED\"}",
                "log:\n  level: shown\n  password: PLANTED\n", "repository/shown:1.2@sha256:0a",
            ],
            "env": [
                { "name": "DB_PASSWORD", "value": "PLANTED" },
                { "name": "API_TOKENS", "value": "PLANTED" },
                { "name": "JWT_SECRET", "value": "PLANTED" },
                { "name": "DB_PW", "value": "PLANTED" },
                { "name": "SECRET_KEY_BASE", "value": "PLANTED" },
                { "name": "GITHUB_PAT", "value": "PLANTED" },
                { "name": "URL", "value": "https://user:PLANTED@shown.example:8080/path?at=a@b" },
                { "name": "HEADER", "value": "Bearer PLANTED" },
                { "name": "LEVEL", "value": "shown-level" },
                { "name": "FROM", "valueFrom": { "secretKeyRef": { "name": "db", "key": "password" } } },
            ],
        }] },
    });
    for (version, kind) in [
        ("v1", "Pod"),
        ("apps/v1", "ControllerRevision"),
        ("example.com/v1", "Job"),
    ] {
        let mut object = pods.clone();
        object["apiVersion"] = version.into();
        object["kind"] = kind.into();
        let shown = masked(&object);
        assert!(!shown.contains("PLANTED"), "{shown}");
        for plain in [
            "--level=shown",
            "--size shown",
            "level: shown",
            "&b=shown",
            "repository/shown:1.2@sha256:0a",
        ] {
            assert!(shown.contains(plain), "{plain}: {shown}");
        }
        // Of a custom resource all variables are.
        let own = version != "example.com/v1";
        assert_eq!(shown.contains("shown-level"), own, "{shown}");
        assert_eq!(shown.contains("https://user:(masked)@shown.example:8080/path?at=a@b"), own, "{shown}");
    }
}

#[test]
fn custom_kinds_in_groups_of_kubernetes_are_custom() {
    for group in ["ext.k8s.io", "example.com"] {
        let shown = masked(&json!({
            "apiVersion": format!("{group}/v1"), "kind": "Creds",
            "metadata": { "annotations": { "tool/password": "PLANTED", "tool/owner": "shown" } },
            "spec": {
                "password": "PLANTED", "pass": "PLANTED", "adminPass": "PLANTED", "passwords": ["PLANTED"], "secret": "PLANTED",
                "secretRef": { "name": "shown" }, "encryptionKey": "PLANTED", "tls.key": "PLANTED", "psk": "PLANTED",
                "headers": [{ "name": "Authorization", "value": "PLANTED" }], "dsn": "PLANTED", "token": 987_654_321_012_u64,
                "authorization": { "mode": "shown" },
            },
        }));
        assert!(!shown.contains("PLANTED") && !shown.contains("987654321012"), "{shown}");
        assert_eq!(shown.matches("shown").count(), 3, "{shown}");
    }
}

#[test]
fn what_an_api_server_quotes_is_found_however_it_is_written() {
    let state = |password: &str, key: &str, token: u64| {
        let fields = json!({ "spec": { "password": password, "privateKey": key, "token": token, "size": "large" } });
        fields.as_object().cloned().unwrap()
    };
    let mask = Mask::of("example.com/v1", "Creds");
    let pem = "-----BEGIN KEY-----\nPLANTED-FIRST-LINE\nPLANTED-SECOND\n-----END KEY-----\n";
    let (old, live) = (state("quo\"PLANTED", pem, 987_654_321_012), state("PLANTED-live", "x", 1));
    let odd = state("odd\u{1}\u{b}\u{7f}\u{a0}\u{200b}\u{2028}PLANTED'é", "x", 1);
    for text in [
        r#"spec.password: Invalid value: "quo\"PLANTED": must match"#,
        r#"Invalid value: "-----BEGIN KEY-----\nPLANTED-FIRST-LINE\nPLANTED-SECOND\n-----END KEY-----\n": no"#,
        "Invalid value: -----BEGIN KEY----- PLANTED-FIRST-LINE PLANTED-SECOND -----END KEY----- : no",
        "it has a line PLANTED-SECOND in it",
        "it is PLANTED-live now",
        r#"cut off: "-----BEGIN KEY-----\nPLANTED-FI"#,
        "cut off: quo\"PLANT",
        "token: Invalid value: 987654321012: too large",
        r#"key: Invalid value: "x" is short"#,
        r#"odd: Invalid value: "odd\x01\v\x7f\u00a0\u200b\u2028PLANTED'é": no"#,
    ] {
        let said = mask.scrub([&old, &live, &odd], text);
        assert!(!said.contains("PLANT") && !said.contains("987654321012"), "{said}");
        assert!(said.contains("(masked)"), "{said}");
    }
    assert_eq!(
        mask.scrub([&old], "spec.size: \"large\" is too large"),
        "spec.size: \"large\" is too large"
    );
}

proptest! {
    #[test]
    fn any_text_is_searched_and_what_is_found_is_gone(text in "([a-z:=@/ \"',;&{}\n\\.é-]|password|token|://|Bearer |@tcp\\(){0,30}", other in any::<String>()) {
        for text in [text, other] {
            let value = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": { "args": [text] } });
            let fields = value.as_object().cloned().unwrap();
            let mut secrets = Vec::new();
            Mask::Pods.collect_fields(&fields, &mut Vec::new(), &mut secrets);
            let shown = Mask::Pods.value(&value["spec"]["args"][0], &mut vec!["spec", "args"]);
            prop_assert!(secrets.is_empty() == (shown == value["spec"]["args"][0]));
            // Whatever is scrubbed, nothing is left of a secret that is long enough to be one.
            let said = Mask::Pods.scrub([&fields], &text);
            for secret in secrets.iter().filter(|it| it.len() >= 4 && !"(masked)".contains(&***it)) {
                prop_assert!(!said.replace("(masked)", "\0").contains(&**secret), "{said:?} has {secret:?}");
            }
        }
    }
}
