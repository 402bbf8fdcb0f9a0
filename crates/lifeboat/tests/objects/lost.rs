//! A namespace with hundreds of objects is deleted by mistake, found, and brought back: out of a history, and out of a snapshot as k3s
//! writes them. Start at the test. `LIFEBOAT_OBJECTS` says how many, which is 300 if it does not; `cargo xtask soak` takes 2,000.

use crate::plane::Plane;
use cluster::{Client, KindRef};
use futures::StreamExt;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::Stdio;

/// How many objects there are besides what every namespace gets.
fn number() -> usize {
    std::env::var("LIFEBOAT_OBJECTS").map_or(300, |it| it.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Kubernetes: cargo xtask test"]
async fn a_namespace_that_was_deleted_by_mistake_comes_back_as_it_was() {
    let plane = Plane::start().await;
    fill(&plane).await;
    let before = everything(&plane.client).await;
    assert!(before.len() >= number(), "{}", before.len());
    plane.captured();
    let shown = plane.json("etcd show history");
    let revision = shown["timelines"][0]["newest"].as_u64().unwrap();
    plane.must(&format!("etcd export history --at {revision} --into snapshot.db"));
    snapshot_of_k3s(&plane);

    lose(&plane).await;
    plane.captured();
    let differences = plane.json(&format!("etcd diff history {revision} -n shop"));
    assert!(
        differences["deleted"].as_u64().unwrap() >= before.len() as u64,
        "{}",
        differences["deleted"]
    );

    // Shown first, and nothing is written.
    let restore = format!(
        "etcd restore-objects history --at {revision} -n shop --to admin.conf --encryption-config encryption.yaml"
    );
    let plan = plane.json(&format!("{restore} --dry-run"));
    assert_eq!(plan["refused"], 0, "{}", refused(&plan));
    assert!(everything(&plane.client).await.is_empty());
    // Without a word that it is wanted, neither.
    assert_eq!(plane.lifeboat(&restore).status.code(), Some(2));
    assert!(everything(&plane.client).await.is_empty());

    // Killed in its midst, the same command goes on.
    let mut killed = plane
        .command(&format!("{restore} --yes"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    plane
        .wait("some objects", async |it| everything(&it.client).await.len() > number() / 8)
        .await;
    killed.kill().unwrap();
    killed.wait().unwrap();
    let there = everything(&plane.client).await.len();
    assert!(there < before.len(), "it was done before it could be killed");
    let begun = ambient::monotonic();
    let done = plane.json(&format!("{restore} --yes"));
    println!("after {there}, {} more in {:.1} s", done["brought"], begun.elapsed().as_secs_f64());
    same(&before, &everything(&plane.client).await);
    let again = plane.json(&format!("{restore} --dry-run"));
    assert_eq!((&again["create"], &again["change"]), (&json!(0), &json!(0)), "{again:?}");

    // Out of a snapshot, in one go.
    lose(&plane).await;
    let begun = ambient::monotonic();
    let done = plane.json(&format!(
        "etcd restore-objects {OF_K3S}.zip -n shop --to admin.conf --encryption-config encryption.yaml --yes"
    ));
    println!("{} objects out of a snapshot in {:.1} s", done["brought"], begun.elapsed().as_secs_f64());
    same(&before, &everything(&plane.client).await);
    one_that_was_changed(&plane).await;
    owners_of_other_kinds(&plane).await;
    what_the_api_server_quotes(&plane).await;
    what_is_being_deleted(&plane).await;
    an_address_that_is_taken(&plane).await;
    out_of_what_is_damaged(&plane);
    let mistyped = plane.lifeboat("etcd restore-objects snapshot.db -n shp --to admin.conf --yes");
    let said = String::from_utf8(mistyped.stderr).unwrap();
    assert!(mistyped.status.code() == Some(2) && said.contains("LB0417"), "{said}");
}

/// What is still there and waits for its end is not unchanged: it would be gone again.
async fn what_is_being_deleted(plane: &Plane) {
    let kind = KindRef::new("v1", "ConfigMap");
    let held = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "held", "namespace": "shop", "finalizers": ["example.com/held"] },
    });
    let held = plane.client.apply(&held).await.unwrap();
    // What it owns; with characters that a reader of YAML takes for ends of lines, or refuses.
    let odd = "a\u{7f}\u{85}b\u{2028}c\u{feff}";
    let child = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": { "odd": odd },
        "metadata": { "name": "child", "namespace": "shop", "ownerReferences": [
            { "apiVersion": "v1", "kind": "ConfigMap", "name": "held", "uid": held["metadata"]["uid"] },
        ] },
    });
    plane.client.apply(&child).await.unwrap();
    plane.must(&format!(
        "etcd capture --once --into ending --endpoints {}",
        plane.etcd.connection.endpoint
    ));
    plane.client.delete(&kind, Some("shop"), "held").await.unwrap();
    let restore = "etcd restore-objects ending cm/shop/held --to admin.conf --encryption-config encryption.yaml --yes";
    let refused = plane.lifeboat(restore);
    let said = String::from_utf8(refused.stdout).unwrap();
    assert_eq!(refused.status.code(), Some(3), "{said}");
    assert!(said.contains("it is being deleted, and waits for example.com/held"), "{said}");
    // Nor does it own anything any more: what came back with such an owner would go with it.
    plane.client.delete(&kind, Some("shop"), "child").await.unwrap();
    let said = plane
        .must("etcd restore-objects ending cm/shop/child --to admin.conf --encryption-config encryption.yaml --yes");
    assert!(said.contains("without its owner, which is not there: ConfigMap held"), "{said}");
    let back = plane.client.get(&kind, Some("shop"), "child").await.unwrap().unwrap();
    assert_eq!((&back["data"]["odd"], &back["metadata"]["ownerReferences"]), (&json!(odd), &Value::Null));
    let released = json!({ "metadata": { "finalizers": null } });
    plane.client.patch_merge(&kind, Some("shop"), "held", &released).await.unwrap();
    plane
        .wait("it to be gone", async |it| {
            it.client.get(&kind, Some("shop"), "held").await.unwrap().is_none()
        })
        .await;
    plane.must(restore);
    plane.client.patch_merge(&kind, Some("shop"), "held", &released).await.unwrap();

    // The same of a namespace, with all that is in it.
    let namespace = KindRef::new("v1", "Namespace");
    let finalizers = json!({ "metadata": { "finalizers": ["example.com/held"] } });
    plane.client.patch_merge(&namespace, None, "shop", &finalizers).await.unwrap();
    plane.client.delete(&namespace, None, "shop").await.unwrap();
    let refused = plane.lifeboat(
        "etcd restore-objects ending cm/shop/held ns/shop --to admin.conf --encryption-config encryption.yaml --dry-run",
    );
    let said = String::from_utf8(refused.stdout).unwrap();
    assert!(
        said.contains("its namespace shop is being deleted") && said.contains(" 2 refused"),
        "{said}"
    );
    plane.client.patch_merge(&namespace, None, "shop", &released).await.unwrap();
}

/// What can be read is brought back, and that there may be more is told by the exit code.
fn out_of_what_is_damaged(plane: &Plane) {
    let folder = plane.folder.path().join("ending");
    let mut files = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
    let base = files.find(|it| it.to_string_lossy().contains("-base-")).unwrap();
    let mut bytes = std::fs::read(&base).unwrap();
    // Within the first frame.
    bytes[3000] ^= 1;
    std::fs::write(&base, bytes).unwrap();
    let tried = plane.lifeboat(
        "etcd restore-objects ending -n default --to admin.conf --encryption-config encryption.yaml --dry-run",
    );
    let said = String::from_utf8(tried.stderr).unwrap();
    assert_eq!(tried.status.code(), Some(4), "{said}");
    assert!(said.contains("LB0405") && said.contains("is damaged at frame 0"), "{said}");
}

/// That a cluster's address is another's only shows when it is asked for in earnest.
async fn an_address_that_is_taken(plane: &Plane) {
    let service = |name: &str, address: Value| {
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": name, "namespace": "default" },
            "spec": { "clusterIP": address, "ports": [{ "port": 80 }] },
        })
    };
    let mut first = service("first", Value::Null);
    first["spec"].as_object_mut().unwrap().remove("clusterIP");
    let made = plane.client.apply(&first).await.unwrap();
    plane.must(&format!(
        "etcd capture --once --into taken --endpoints {}",
        plane.etcd.connection.endpoint
    ));
    let kind = KindRef::new("v1", "Service");
    plane.client.delete(&kind, Some("default"), "first").await.unwrap();
    let other = service("other", made["spec"]["clusterIP"].clone());
    plane
        .wait("the address to be free", async |it| it.client.apply(&other).await.is_ok())
        .await;
    let restore = "etcd restore-objects taken svc/default/first --to admin.conf --yes";
    let said = plane.must(restore);
    assert!(said.contains("it gets another one"), "{said}");
    let now = plane.client.get(&kind, Some("default"), "first").await.unwrap().unwrap();
    assert_ne!(now["spec"]["clusterIP"], made["spec"]["clusterIP"]);
}

/// What k3s and RKE2 call a snapshot that somebody asked for.
const OF_K3S: &str = "on-demand-node-1-1764410000";

/// A snapshot as k3s and RKE2 take it (`k3s etcd-snapshot save --etcd-snapshot-compress`; source: `k3s-io/k3s` `pkg/etcd/snapshot.go`): what
/// etcd streams, in a zip archive under the snapshot's name.
fn snapshot_of_k3s(plane: &Plane) {
    let folder = plane.folder.path();
    let saved = folder.join(OF_K3S);
    plane.etcd.etcdctl(&["snapshot", "save", saved.to_str().unwrap()]);
    let mut zip = zip::ZipWriter::new(std::fs::File::create(folder.join(format!("{OF_K3S}.zip"))).unwrap());
    let deflated = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    zip.start_file(OF_K3S, deflated).unwrap();
    std::io::copy(&mut std::fs::File::open(&saved).unwrap(), &mut zip).unwrap();
    zip.finish().unwrap();
    std::fs::remove_file(saved).unwrap();
}

/// An API server that refuses a value quotes it: what is secret is not passed on.
async fn what_the_api_server_quotes(plane: &Plane) {
    let token = json!({
        "apiVersion": "example.com/v1", "kind": "Plain", "metadata": { "name": "token", "namespace": "shop" },
        "spec": { "token": "PLANTED" },
    });
    plane.client.apply(&token).await.unwrap();
    plane.must(&format!(
        "etcd capture --once --into quoted --endpoints {}",
        plane.etcd.connection.endpoint
    ));
    plane
        .client
        .delete(&KindRef::new("example.com/v1", "Plain"), Some("shop"), "token")
        .await
        .unwrap();
    let mut strict = plain_definition();
    strict["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"] =
        json!({ "type": "object", "properties": { "token": { "type": "string", "pattern": "^[0-9]+$" } } });
    plane.client.apply(&strict).await.unwrap();
    let restore = "etcd restore-objects quoted plains.example.com/shop/token --to admin.conf --dry-run";
    plane
        .wait("the API server to be strict", async |it| {
            // What would be refused is told by the exit code of a trial as well.
            let tried = it.lifeboat(restore);
            let shown = String::from_utf8(tried.stdout).unwrap();
            assert_eq!(tried.status.success(), shown.contains(" 0 refused"), "{shown}");
            assert!(!shown.contains("PLANTED"), "{shown}");
            shown.contains("spec.token: Invalid value: \"(masked)\"")
        })
        .await;
}

/// Owners that are of none of the kinds that are brought back are asked for: one is there, one is not, and that is said first.
async fn owners_of_other_kinds(plane: &Plane) {
    let namespace = plane
        .client
        .get(&KindRef::new("v1", "Namespace"), None, "shop")
        .await
        .unwrap()
        .unwrap();
    let owner = |name: &str, uid: &Value| json!({ "apiVersion": "v1", "kind": "Namespace", "name": name, "uid": uid });
    let owned = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "two-owners", "namespace": "shop", "ownerReferences": [owner("shop", &namespace["metadata"]["uid"])] },
    });
    plane.client.apply(&owned).await.unwrap();
    let orphan = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "orphan", "namespace": "shop", "ownerReferences": [owner("absent", &json!("u"))] },
    });
    // The garbage collector may take it at once: it is brought back from the moment at which it was there.
    let orphan = plane.client.apply(&orphan).await.unwrap();
    let at = orphan["metadata"]["resourceVersion"].as_str().unwrap();
    plane.must(&format!(
        "etcd capture --once --into owned --endpoints {}",
        plane.etcd.connection.endpoint
    ));
    let kind = KindRef::new("v1", "ConfigMap");
    for name in ["two-owners", "orphan"] {
        plane.client.delete(&kind, Some("shop"), name).await.unwrap();
    }
    let restore = format!(
        "etcd restore-objects owned cm/shop/two-owners cm/shop/orphan --at {at} --to admin.conf --encryption-config encryption.yaml"
    );
    let shown = plane.must(&format!("{restore} --dry-run"));
    assert_eq!(shown.matches("without its owner").count(), 1, "{shown}");
    assert!(shown.contains("without its owner, which is not there: Namespace absent"), "{shown}");
    plane.must(&format!("{restore} --yes"));
    let back = async |name: &str| plane.client.get(&kind, Some("shop"), name).await.unwrap().unwrap();
    let kept = back("two-owners").await;
    assert_eq!(kept["metadata"]["ownerReferences"][0]["uid"], namespace["metadata"]["uid"]);
    assert!(back("orphan").await["metadata"].get("ownerReferences").is_none());
}

/// What was changed since is changed back, and what that means is shown without what is secret.
async fn one_that_was_changed(plane: &Plane) {
    let kind = KindRef::new("v1", "Secret");
    let changed = json!({ "stringData": { "password": "PLANTED" }, "metadata": { "labels": { "later": "yes" } } });
    plane
        .client
        .patch_merge(&kind, Some("shop"), "secret-1", &changed)
        .await
        .unwrap();
    let restore =
        "etcd restore-objects snapshot.db secret/shop/secret-1 --to admin.conf --encryption-config encryption.yaml";
    let shown = plane.must(&format!("{restore} --dry-run"));
    assert!(shown.contains("change  secrets/shop/secret-1  data.password"), "{shown}");
    assert!(!shown.contains("PLANTED") && !shown.contains("UExBTlRFRA"), "{shown}");
    // Nobody's fields but those that were there are taken back.
    assert!(shown.contains("keeps what came since: metadata.labels"), "{shown}");
    plane.must(&format!("{restore} --yes"));
    let now = plane.client.get(&kind, Some("shop"), "secret-1").await.unwrap().unwrap();
    assert_eq!(now["data"]["password"], "c2VjcmV0");
}

fn refused(plan: &Value) -> String {
    let all = plan["objects"].as_array().unwrap();
    all.iter()
        .filter(|it| it["what"] == "refused")
        .map(|it| format!("{}: {}\n", it["object"], it["why"]))
        .collect()
}

/// A shop: config, secrets, workloads, services, roles, custom resources with a status and owners.
async fn fill(plane: &Plane) {
    let client = &plane.client;
    let apply = async |object: Value| {
        plane
            .wait("it to be taken", async |it| match it.client.apply(&object).await {
                Ok(_) => true,
                Err(cluster::Error::UnknownKind { .. } | cluster::Error::NotFound { .. }) => false,
                Err(error) => panic!("{error}"),
            })
            .await;
    };
    apply(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "shop", "labels": { "team": "shop" } } })).await;
    let yaml = include_str!("kinds.yaml")
        .split("\n---\n")
        .find(|it| it.contains("kind: CustomResourceDefinition"));
    apply(serde_saphyr::from_str(yaml.unwrap()).unwrap()).await;
    apply(plain_definition()).await;
    // Its status is a field as any other, and its controller has written it.
    let mut plain = sample("plain");
    plain["kind"] = "Plain".into();
    plain["status"] = json!({ "phase": "Done" });
    apply(plain).await;
    apply(sample("parent")).await;
    let parent = client
        .get(&KindRef::new("example.com/v1", "Sample"), Some("shop"), "parent")
        .await
        .unwrap()
        .unwrap();
    let made = futures::stream::iter(0..number())
        .map(|number| {
            let object = one(number, parent["metadata"]["uid"].as_str().unwrap_or_default());
            async move { client.apply(&object).await.map(drop) }
        })
        .buffer_unordered(16)
        .collect::<Vec<_>>()
        .await;
    made.into_iter().for_each(Result::unwrap);
    let status = json!({ "status": { "phase": "Done", "token": "kept" } });
    client
        .patch_status(&KindRef::new("example.com/v1", "Sample"), Some("shop"), "sample-9", &status)
        .await
        .unwrap();
    plane
        .wait("what every namespace gets", async |it| {
            let account = it
                .client
                .get(&KindRef::new("v1", "ServiceAccount"), Some("shop"), "default")
                .await;
            let roots = it
                .client
                .get(&KindRef::new("v1", "ConfigMap"), Some("shop"), "kube-root-ca.crt")
                .await;
            account.is_ok_and(|it| it.is_some()) && roots.is_ok_and(|it| it.is_some())
        })
        .await;
}

/// A kind without a subresource for its status, and with a field that must have a form.
fn plain_definition() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": { "name": "plains.example.com" },
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": { "kind": "Plain", "plural": "plains", "singular": "plain" },
            "versions": [{ "name": "v1", "served": true, "storage": true, "schema": { "openAPIV3Schema": {
                "type": "object",
                "properties": {
                    "spec": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
                    "status": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
                },
            } } }],
        },
    })
}

fn sample(name: &str) -> Value {
    json!({
        "apiVersion": "example.com/v1", "kind": "Sample", "metadata": { "name": name, "namespace": "shop" },
        "spec": { "number": 1.5, "text": "yes" },
    })
}

fn one(number: usize, parent: &str) -> Value {
    let metadata = |name: &str| json!({ "name": format!("{name}-{number}"), "namespace": "shop", "labels": { "n": number.to_string() } });
    let template = json!({
        "metadata": { "labels": { "n": number.to_string() } },
        "spec": { "containers": [{ "name": "app", "image": "shop" }] },
    });
    match number % 10 {
        0..=3 => {
            json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata("config"), "data": { "a": "b\nc\n" } })
        }
        4 => json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata("web"),
            "spec": { "replicas": 2, "selector": { "matchLabels": { "n": number.to_string() } }, "template": template },
        }),
        5 => json!({
            "apiVersion": "v1", "kind": "Service", "metadata": metadata("web"),
            "spec": { "ports": [{ "port": 80 }], "selector": { "n": number.to_string() } },
        }),
        6 => json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata("role"),
            "rules": [{ "apiGroups": [""], "resources": ["pods"], "verbs": ["get"] }],
        }),
        // Owned by a custom resource, as operators do it.
        7 => {
            let mut object =
                json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata("owned"), "data": {} });
            object["metadata"]["ownerReferences"] = json!([{ "apiVersion": "example.com/v1", "kind": "Sample", "name": "parent", "uid": parent, "controller": true }]);
            object
        }
        8 => {
            let mut object = sample("sample");
            object["metadata"]["name"] = format!("sample-{}", number + 1).into();
            object
        }
        _ => json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": { "name": if number == 9 { "secret-1".to_owned() } else { format!("secret-{number}") }, "namespace": "shop" },
            "data": { "password": "c2VjcmV0" },
        }),
    }
}

/// Deletes the namespace, and waits until nothing of it is left.
async fn lose(plane: &Plane) {
    let namespace = KindRef::new("v1", "Namespace");
    plane.client.delete(&namespace, None, "shop").await.unwrap();
    plane
        .wait("the namespace to be gone", async |it| {
            it.client.get(&namespace, None, "shop").await.unwrap().is_none()
        })
        .await;
}

/// All objects of the namespace that are kept, without what makes each that one object.
async fn everything(client: &Client) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    let kinds = [
        ("v1", "ConfigMap"),
        ("v1", "Secret"),
        ("v1", "Service"),
        ("v1", "ServiceAccount"),
        ("apps/v1", "Deployment"),
        ("rbac.authorization.k8s.io/v1", "Role"),
        ("example.com/v1", "Sample"),
        ("example.com/v1", "Plain"),
    ];
    for (version, kind) in kinds {
        let list = client.list(&KindRef::new(version, kind), Some("shop")).await.unwrap();
        for mut object in list.items {
            let metadata = object["metadata"].as_object_mut().unwrap();
            for own in [
                "uid",
                "resourceVersion",
                "creationTimestamp",
                "managedFields",
                "generation",
            ] {
                metadata.remove(own);
            }
            // An owner is the same by its name.
            if let Some(owners) = metadata.get_mut("ownerReferences").and_then(Value::as_array_mut) {
                owners.iter_mut().for_each(|it| it["uid"] = Value::Null);
            }
            let name = format!("{kind}/{}", object["metadata"]["name"].as_str().unwrap());
            found.insert(name, object);
        }
    }
    found
}

fn same(before: &BTreeMap<String, Value>, after: &BTreeMap<String, Value>) {
    let differing: Vec<_> = before
        .iter()
        .filter(|(name, object)| after.get(*name) != Some(object))
        .map(|(name, object)| format!("{name}: {object} became {:?}", after.get(name)))
        .collect();
    assert!(differing.is_empty(), "{} differ, such as {}", differing.len(), differing[0]);
    assert_eq!(before.len(), after.len());
}
