mod fake;

use super::*;
use estate::Kind;
use fake::{Answer, Seen, client, discovery, server, status};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A small cluster that answers everything but discovery with `answer`.
fn cluster(answer: impl Fn(&Seen) -> Answer) -> impl Fn(&Seen) -> Answer {
    move |seen| discovery(seen).unwrap_or_else(|| answer(seen))
}

fn config_map() -> KindRef {
    KindRef::new("v1", "ConfigMap")
}

fn object(kind: &str, name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": kind, "metadata": { "name": name, "namespace": "shop" } })
}

#[tokio::test]
async fn apply_is_a_forced_server_side_apply_at_the_path_from_discovery() {
    let (client, seen) = server(cluster(|seen| (200, seen.body.clone()))).await;
    let deployment =
        json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web", "namespace": "shop" } });
    assert_eq!(client.apply(&deployment).await.unwrap(), deployment);
    client.apply(&deployment).await.unwrap();
    let seen = seen.lock().unwrap();
    let lines: Vec<&str> = seen.iter().map(|s| s.line.as_str()).collect();
    let patch = "PATCH /apis/apps/v1/namespaces/shop/deployments/web?fieldManager=lifeboat&force=true";
    assert_eq!(lines, ["GET /apis/apps/v1", patch, patch], "discovery is asked once");
    assert!(seen[1].head.contains("content-type: application/apply-patch+yaml"));
    assert!(seen[1].head.contains("authorization: bearer hunter2"));
}

#[tokio::test]
async fn a_kind_that_appears_later_is_found_by_asking_again() {
    let asked = AtomicUsize::new(0);
    let (client, _) = server(move |seen| match seen.line.as_str() {
        "GET /apis/fleet.lab.test/v1" if asked.fetch_add(1, Ordering::Relaxed) == 0 => {
            (404, json!("404 page not found"))
        }
        "GET /apis/fleet.lab.test/v1" => (
            200,
            json!({ "resources": [{ "name": "boats", "kind": "Boat", "namespaced": false, "verbs": ["create"] }] }),
        ),
        _ => (201, seen.body.clone()),
    })
    .await;
    let boat = json!({ "apiVersion": "fleet.lab.test/v1", "kind": "Boat", "metadata": { "name": "one" } });
    let error = client.create(&boat).await.unwrap_err();
    assert!(matches!(error, Error::UnknownKind { .. }), "{error}");
    assert_eq!(error.kind(), Kind::Invalid);
    assert_eq!(client.create(&boat).await.unwrap(), boat);
}

#[tokio::test]
async fn refusals_become_errors_that_say_what_to_do() {
    let cases = [
        (
            status(409, "AlreadyExists", "x"),
            Kind::Conflict,
            "ConfigMap shop/a already exists at http",
        ),
        (
            status(409, "Conflict", "the object has been modified"),
            Kind::Conflict,
            "was changed by somebody else",
        ),
        (status(403, "Forbidden", "no right"), Kind::Person, "refuses ConfigMap"),
        (status(401, "Unauthorized", "Unauthorized"), Kind::Person, "Unauthorized"),
        (
            status(404, "NotFound", "namespaces \"shop\" not found"),
            Kind::Invalid,
            "namespaces \"shop\" not found",
        ),
        (
            status(422, "Invalid", "data: too big"),
            Kind::Invalid,
            "does not accept ConfigMap shop/a: data: too big",
        ),
        (
            status(500, "InternalError", "etcdserver: leader changed"),
            Kind::Unreachable,
            "leader changed",
        ),
        (
            (503, json!({ "type": "error", "message": "ClusterUnavailable" })),
            Kind::Unreachable,
            "ClusterUnavailable",
        ),
        ((302, json!("moved")), Kind::Damaged, "cannot be understood"),
        ((200, json!("<html>")), Kind::Damaged, "cannot be understood"),
    ];
    for (answer, kind, text) in cases {
        let shown = format!("{answer:?}");
        let (client, _) = server(cluster(move |_| answer.clone())).await;
        let error = client.create(&object("ConfigMap", "a")).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{shown} -> {error}");
        assert!(error.to_string().contains(text), "{shown} -> {error}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_secret_is_told_without_its_values() {
    let mut refused = status(422, "Invalid", "Secret \"a\" is invalid: data[key]: Invalid value: \"hunter2\"");
    refused.1["details"] = json!({ "causes": [{ "field": "data[key]", "message": "Invalid value: \"hunter2\"" }] });
    let (client, _) = server(cluster(move |_| refused.clone())).await;
    let error = client.apply(&object("Secret", "a")).await.unwrap_err();
    assert!(error.to_string().contains("data[key]"), "{error}");
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
}

#[tokio::test]
async fn absent_objects_are_none_and_deleting_them_is_no_error() {
    let (client, _) = server(cluster(|_| status(404, "NotFound", "not found"))).await;
    assert_eq!(client.get(&config_map(), Some("shop"), "a").await.unwrap(), None);
    assert!(!client.delete(&config_map(), Some("shop"), "a").await.unwrap());
    let error = client
        .patch_merge(&config_map(), Some("shop"), "a", &json!({}))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
}

#[tokio::test]
async fn lists_are_read_page_by_page_and_begun_again_when_the_snapshot_has_expired() {
    let expired = AtomicUsize::new(0);
    let (client, seen) = server(cluster(move |seen| match seen.line.as_str() {
        "GET /api/v1/configmaps?limit=500" => {
            (200, json!({ "metadata": { "resourceVersion": "7", "continue": "a+b=" }, "items": [{ "metadata": { "name": "a" } }] }))
        }
        "GET /api/v1/configmaps?limit=500&continue=a%2Bb%3D" if expired.fetch_add(1, Ordering::Relaxed) == 0 => {
            status(410, "Expired", "too old")
        }
        "GET /api/v1/configmaps?limit=500&continue=a%2Bb%3D" => {
            (200, json!({ "metadata": { "resourceVersion": "7" }, "items": [{ "metadata": { "name": "b" } }] }))
        }
        other => panic!("{other}"),
    }))
    .await;
    let list = client.list(&config_map(), None).await.unwrap();
    assert_eq!(list.resource_version, "7");
    let named = |name: &str| json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name } });
    assert_eq!(list.items, [named("a"), named("b")]);
    assert_eq!(seen.lock().unwrap().len(), 5, "discovery, and two pages twice");
}

#[tokio::test]
async fn kinds_come_once_in_the_preferred_version_and_silent_groups_are_told() {
    let (client, _) = server(cluster(|_| (404, json!("")))).await;
    let kinds = client.kinds().await.unwrap();
    let names: Vec<String> = kinds.served.iter().map(|s| s.kind.to_string()).collect();
    assert_eq!(names, ["v1 ConfigMap", "v1 Secret", "v1 Namespace", "apps/v1 Deployment"]);
    assert_eq!(kinds.unavailable, ["metrics.k8s.io/v1beta1"]);
}

#[tokio::test]
async fn an_overloaded_server_is_asked_again() {
    let asked = AtomicUsize::new(0);
    let (client, _) = server(cluster(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
        0 | 1 => status(429, "TooManyRequests", "later"),
        _ => (200, json!({ "metadata": {} })),
    }))
    .await;
    assert!(client.get(&config_map(), Some("shop"), "a").await.unwrap().is_some());
}

#[tokio::test]
async fn readiness_names_the_failing_checks() {
    let (fine, _) = server(|_| (200, json!("ok"))).await;
    fine.ready().await.unwrap();
    let (starting, _) =
        server(|_| (500, json!("[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed"))).await;
    let error = starting.ready().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unreachable);
    assert!(error.to_string().ends_with("is not ready: failing checks: etcd"), "{error}");
}

#[tokio::test]
async fn nobody_there_is_unreachable_with_the_reason() {
    let error = client("http://127.0.0.1:1").await.version().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unreachable);
    assert!(error.to_string().contains("http://127.0.0.1:1 did not answer for /version"), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn objects_that_cannot_be_addressed_are_refused_before_any_request() {
    let (client, seen) = server(cluster(|_| panic!("asked"))).await;
    let homeless = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a" } });
    for object in [
        json!({ "metadata": { "name": "a" } }),
        homeless.clone(),
        object("ConfigMap", "../../x"),
        object("Secret", ".."),
    ] {
        let error = client.apply(&object).await.unwrap_err();
        assert!(matches!(error, Error::Incomplete { .. }), "{error}");
    }
    assert!(matches!(client.create(&homeless).await, Err(Error::Incomplete { .. })));
    assert!(seen.lock().unwrap().iter().all(|s| s.line == "GET /api/v1"));
}

#[tokio::test]
async fn a_broken_kubeconfig_is_refused_without_showing_it() {
    let text = "apiVersion: v1\nkind: Config\nusers: {token: hunter2\n";
    let error = Client::from_kubeconfig_text(text).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    let error = Client::from_kubeconfig(std::path::Path::new("/nowhere/admin.conf"))
        .await
        .unwrap_err();
    assert!(
        error.to_string().starts_with("kubeconfig /nowhere/admin.conf cannot be used: "),
        "{error}"
    );
}

#[tokio::test]
async fn a_url_is_shown_without_its_password() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let text = fake::kubeconfig("https://me:hunter2@rancher.test/k8s/clusters/c-1/");
    let client = Client::from_kubeconfig_text(&text).await.unwrap();
    assert_eq!(client.server(), "https://rancher.test/k8s/clusters/c-1");
    assert!(!format!("{client:?}").contains("hunter2"));
}

#[tokio::test]
async fn errors_of_a_creation_name_the_object() {
    let (client, _) = server(cluster(|_| status(503, "ServiceUnavailable", "etcdserver: no leader"))).await;
    let error = client.create(&object("Secret", "a")).await.unwrap_err();
    assert!(error.to_string().contains("did not answer for Secret shop/a: HTTP 503"), "{error}");
}

#[tokio::test]
async fn the_server_says_what_the_credentials_may_do() {
    let answer = |seen: &Seen| {
        let all = seen.body["spec"]["resourceAttributes"] == json!({ "verb": "list", "group": "*", "resource": "*" });
        (201, json!({ "status": { "allowed": all } }))
    };
    let (client, seen) = server(answer).await;
    assert!(client.may("list", "*", "*").await.unwrap());
    assert!(!client.may("get", "", "secrets").await.unwrap());
    let line = "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    assert!(seen.lock().unwrap().iter().all(|seen| seen.line == line));
    for (answer, kind) in [
        (status(401, "Unauthorized", "Unauthorized"), Kind::Person),
        ((201, json!({ "status": {} })), Kind::Damaged),
        ((201, json!({ "status": { "allowed": "yes" } })), Kind::Damaged),
    ] {
        let (client, _) = server(move |_| answer.clone()).await;
        assert_eq!(client.may("list", "*", "*").await.unwrap_err().kind(), kind);
    }
}
