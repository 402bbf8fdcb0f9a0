use super::*;
use crate::{Content, read};
use serde_json::json;

fn object(value: Value) -> Object {
    match read(b"", value.to_string().as_bytes(), &Default::default()) {
        Content::Object(it) => it,
        Content::Opaque(it) => panic!("{it:?}"),
    }
}

fn of(api_version: &str, kind: &str, more: Value) -> Object {
    let mut it = json!({ "apiVersion": api_version, "kind": kind, "metadata": { "name": "a", "namespace": "shop" } });
    for (name, value) in more.as_object().expect("an object") {
        match (name.as_str(), it.get_mut(name)) {
            ("metadata", Some(Value::Object(fields))) => fields.extend(value.as_object().cloned().unwrap_or_default()),
            _ => it[name] = value.clone(),
        }
    }
    object(it)
}

fn owned(api_version: &str, kind: &str, owner: &str, controller: bool) -> Object {
    let reference = json!({ "apiVersion": "x/v1", "kind": owner, "name": "o", "uid": "old", "controller": controller });
    of(api_version, kind, json!({ "metadata": { "ownerReferences": [reference] } }))
}

#[test]
fn what_controllers_make_is_left_to_them() {
    let left = |object: &Object| matches!(judge(object, Around::default()), Verdict::Leave(_));
    assert!(left(&owned("v1", "Pod", "ReplicaSet", true)));
    assert!(left(&owned("apps/v1", "ReplicaSet", "Deployment", true)));
    assert!(left(&owned("discovery.k8s.io/v1", "EndpointSlice", "Service", true)));
    assert!(left(&of("coordination.k8s.io/v1", "Lease", json!({}))));
    assert!(left(&of("v1", "ConfigMap", json!({ "metadata": { "name": "kube-root-ca.crt" } }))));
    // Nobody makes these again.
    assert!(!left(&of("v1", "Pod", json!({}))));
    assert!(!left(&owned("v1", "Secret", "Certificate", true)));
    assert!(!left(&owned("longhorn.io/v1", "Replica", "Volume", true)));
    let endpoints = of("v1", "Endpoints", json!({}));
    assert!(!left(&endpoints));
    assert!(matches!(
        judge(&endpoints, Around { selected: true, ..Around::default() }),
        Verdict::Leave(_)
    ));
}

#[test]
fn what_would_do_harm_is_refused() {
    let refused = |object: &Object, around: Around<'_>| match judge(object, around) {
        Verdict::Refuse(why) => why,
        other => format!("{other:?}"),
    };
    let nothing = Around::default();
    let ended = json!({ "status": { "conditions": [{ "type": "Complete", "status": "True" }] } });
    assert_eq!(refused(&of("batch/v1", "Job", ended), nothing), "it has ended, and would run again");
    let going = of("v1", "Secret", json!({ "metadata": { "deletionTimestamp": "2026-01-01T00:00:00Z" } }));
    assert!(refused(&going, nothing).contains("being deleted"));
    let claim = of("v1", "PersistentVolumeClaim", json!({ "spec": { "volumeName": "pv-1" } }));
    assert!(refused(&claim, nothing).contains("--empty-volumes"));
    let taken = json!({ "spec": { "claimRef": { "namespace": "shop", "name": "other" } } });
    assert!(refused(&claim, Around { volume: Some(&taken), ..nothing }).contains("another claim"));
    let its = json!({ "spec": { "claimRef": { "namespace": "shop", "name": "a", "uid": "old" } } });
    assert!(matches!(judge(&claim, Around { volume: Some(&its), ..nothing }), Verdict::Bring { .. }));
    assert!(matches!(judge(&claim, Around { empty_volumes: true, ..nothing }), Verdict::Bring { .. }));
}

#[test]
fn identity_goes_and_owners_are_found_anew() {
    let mut it = owned("v1", "Secret", "Certificate", true);
    it.fields["metadata"]["uid"] = "u".into();
    it.fields["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z".into();
    it.fields["metadata"]["labels"] = json!({ "a": "b" });
    it.fields.insert("status".to_owned(), json!({ "x": 1 }));
    let with = cleaned(&it, true, |owner| (owner.name == "o").then(|| "new".to_owned()));
    assert_eq!(with["metadata"]["ownerReferences"][0]["uid"], "new");
    assert_eq!(with["metadata"]["labels"], json!({ "a": "b" }));
    assert!(with.get("status").is_none() && with["metadata"].get("uid").is_none());
    let without = cleaned(&it, true, |_| None);
    assert!(without["metadata"].get("ownerReferences").is_none());
}

#[test]
fn each_kind_loses_what_ties_it_to_what_is_gone() {
    let nobody = |_: &Owner| None;
    let claim = of(
        "v1",
        "PersistentVolumeClaim",
        json!({ "spec": { "volumeName": "pv-1" }, "metadata": { "annotations": { "pv.kubernetes.io/bind-completed": "yes" } } }),
    );
    assert_eq!(cleaned(&claim, true, nobody)["spec"]["volumeName"], "pv-1");
    assert_eq!(cleaned(&claim, false, nobody)["spec"], json!({}));
    assert_eq!(cleaned(&claim, true, nobody)["metadata"]["annotations"], json!({}));
    let job = of(
        "batch/v1",
        "Job",
        json!({ "spec": { "selector": {}, "template": { "metadata": { "labels": { "controller-uid": "u", "app": "x" } } } } }),
    );
    let job = cleaned(&job, true, nobody);
    assert_eq!(job["spec"], json!({ "template": { "metadata": { "labels": { "app": "x" } } } }));
    let token = of(
        "v1",
        "Secret",
        json!({ "type": "kubernetes.io/service-account-token", "data": { "token": "x" } }),
    );
    assert!(cleaned(&token, true, nobody).get("data").is_none());
    let web = of(
        "apps/v1",
        "Deployment",
        json!({ "spec": { "template": { "metadata": { "creationTimestamp": null } } } }),
    );
    assert_eq!(cleaned(&web, true, nobody)["spec"]["template"]["metadata"], json!({}));
}

#[test]
fn what_others_need_comes_first() {
    let order = [
        "Namespace",
        "CustomResourceDefinition",
        "Secret",
        "PersistentVolumeClaim",
        "Deployment",
        "Certificate",
        "ValidatingWebhookConfiguration",
    ];
    assert!(order.map(rank).is_sorted());
}
