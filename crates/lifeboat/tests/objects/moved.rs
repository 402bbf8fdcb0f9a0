//! A cluster's state is prepared for other hosts, and a real API server starts on it. Start at the test.

use crate::kinds::apply_all;
use crate::plane::Plane;
use crate::server::{Setup, free_ports, newest, peer_url};
use crate::shown::was_done;
use cluster::KindRef;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Kubernetes: cargo xtask test"]
async fn an_api_server_starts_on_what_was_prepared_for_other_hosts() {
    let plane = Plane::start().await;
    apply_all(&plane).await;
    let pod = |name: &str, owners: Value| {
        json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name, "namespace": "sample", "ownerReferences": owners },
            "spec": { "nodeName": "sample", "containers": [{ "name": "app", "image": "sample" }] },
        })
    };
    let owner =
        json!([{ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "sample", "uid": "u", "controller": true }]);
    for object in [
        pod("owned", owner),
        pod("bare", json!([])),
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": { "name": "strict" },
            "webhooks": [{
                "name": "strict.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Fail",
                "clientConfig": { "service": { "name": "sample", "namespace": "sample" } },
                "rules": [{ "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["podtemplates"] }],
            }],
        }),
    ] {
        plane.client.apply(&object).await.unwrap();
    }
    let service = KindRef::new("v1", "Service");
    let balanced = json!({ "status": { "loadBalancer": { "ingress": [{ "ip": "192.0.2.1" }] } } });
    plane
        .client
        .patch_status(&service, Some("sample"), "sample", &balanced)
        .await
        .unwrap();
    plane.captured();

    let with = "--encryption-config encryption.yaml";
    let shown = plane.json(&format!("etcd transplant history --profile dr-site --list {with}"));
    let (port, peer) = free_ports();
    let member = peer_url(peer);
    plane.must(&format!(
        "etcd rebuild history --into moved --member solo={member} --transplant dr-site {with}"
    ));
    let goes = |object: &str| {
        let mut rows = shown["objects"].as_array().unwrap().iter();
        rows.any(|row| row["object"] == object && row["what"] == "goes")
    };
    assert!(goes("nodes/sample") && goes("pods/sample/owned"), "{shown}");
    was_done(&shown, ("history", "moved/member/snap/db"), async |words| {
        plane.json(&format!("etcd {words}"))
    })
    .await;

    let data = plane.folder.path().join("moved");
    let etcd = Setup::new(&newest()).name("solo").data(&data).ports(port, peer).start().await;
    let moved = Plane::start_on(etcd).await;
    let get = async |version: &str, kind: &str, namespace: Option<&str>, name: &str| {
        moved.client.get(&KindRef::new(version, kind), namespace, name).await.unwrap()
    };
    assert_eq!(get("v1", "Node", None, "sample").await, None);
    assert_eq!(get("v1", "Pod", Some("sample"), "owned").await, None);
    assert_eq!(get("storage.k8s.io/v1", "VolumeAttachment", None, "sample").await, None);
    let bare = get("v1", "Pod", Some("sample"), "bare").await.unwrap();
    assert_eq!((&bare["spec"]["nodeName"], &bare["status"]["phase"]), (&Value::Null, &json!("Pending")));
    let now = get("v1", "Service", Some("sample"), "sample").await.unwrap();
    assert_eq!(now["status"]["loadBalancer"], json!({}));
    let secret = get("v1", "Secret", Some("sample"), "sample").await.unwrap();
    assert_eq!(secret["data"]["password"], "c2FtcGxl");

    // The webhook's backend is not there: parked, it stops nobody. Brought back as it was, it does.
    let policy = async || {
        let it = get("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", None, "strict")
            .await
            .unwrap();
        it["webhooks"][0]["failurePolicy"].as_str().unwrap().to_owned()
    };
    assert_eq!(policy().await, "Ignore");
    let template = |name: &str| {
        json!({
            "apiVersion": "v1", "kind": "PodTemplate", "metadata": { "name": name, "namespace": "sample" },
            "template": { "metadata": {}, "spec": { "containers": [{ "name": "app", "image": "sample" }] } },
        })
    };
    moved.client.apply(&template("after")).await.unwrap();
    let history = plane.folder.path().join("history");
    moved.must(&format!(
        "etcd restore-objects {} --resource validatingwebhookconfigurations --to admin.conf --yes",
        history.display()
    ));
    assert_eq!(policy().await, "Fail");
    moved
        .wait("the webhook to be in force", async |it| {
            it.client.try_apply(&template("stopped")).await.is_err()
        })
        .await;
}
