use super::*;
use crate::encryption::Decryption;
use crate::key::REGISTRY;
use crate::read;

fn transplant(profile: Profile) -> Transplant {
    Transplant {
        items: profile.items(),
        kept_nodes: BTreeSet::new(),
        registry: REGISTRY.to_owned(),
    }
}

fn fate_of(it: &Transplant, key: &str, object: &Value) -> Fate {
    it.fate(key.as_bytes(), || {
        read(key.as_bytes(), object.to_string().as_bytes(), &Decryption::default())
    })
}

fn fate(profile: Profile, key: &str, object: &Value) -> Fate {
    fate_of(&transplant(profile), key, object)
}

/// What goes without being read.
fn goes(profile: Profile, key: &str) -> bool {
    let it = transplant(profile).fate(key.as_bytes(), || panic!("{key} need not be read"));
    it != Fate::Keep
}

#[test]
fn what_is_of_hosts_that_are_gone_goes() {
    let of_servers = [
        "/registry/masterleases/10.0.0.1",
        "/registry/services/endpoints/default/kubernetes",
        "/registry/endpointslices/default/kubernetes",
        "/registry/leases/kube-system/apiserver-abc",
        "/registry/leases/kube-system/kube-scheduler",
    ];
    let of_nodes = [
        "/registry/minions/a",
        "/registry/csinodes/a",
        "/registry/leases/kube-node-lease/a",
        "/registry/secrets/kube-system/a.node-password.rke2",
        "k3s/apiaddresses",
        "/registry/crd.projectcalico.org/ipamblocks/10-0-0-0-24",
    ];
    for key in of_servers {
        assert!(goes(Profile::SameNodes, key) && goes(Profile::Clone, key), "{key}");
    }
    for key in of_nodes {
        assert!(
            !goes(Profile::SameNodes, key) && goes(Profile::NewNodes, key) && goes(Profile::DrSite, key),
            "{key}"
        );
    }
    for kept in [
        "/registry/secrets/kube-system/token",
        "/registry/configmaps/a/b",
        "/bootstrap/x",
        "compact_rev_key",
        "/registry/crd.projectcalico.org/ippools/default",
    ] {
        assert!(!goes(Profile::Clone, kept), "{kept}");
    }
    let mut kept = transplant(Profile::NewNodes);
    kept.kept_nodes.insert("a".to_owned());
    for key in &of_nodes[..4] {
        assert_eq!(kept.fate(key.as_bytes(), || panic!("it need not be read")), Fate::Keep, "{key}");
    }
}

#[test]
fn pods_go_with_their_nodes_unless_nobody_makes_them_again() {
    let pod = |node: Value, owners: Value| {
        json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "a", "namespace": "b", "ownerReferences": owners },
            "spec": { "nodeName": node }, "status": { "phase": "Running", "qosClass": "Burstable" },
        })
    };
    let key = "/registry/pods/b/a";
    let owned = json!([{ "kind": "ReplicaSet", "name": "r", "controller": true }]);
    assert_eq!(fate(Profile::NewNodes, key, &pod(json!("n"), owned.clone())), Fate::Drop(Item::Pods));
    assert_eq!(fate(Profile::NewNodes, key, &pod(Value::Null, owned.clone())), Fate::Keep);
    assert_eq!(fate(Profile::SameNodes, key, &pod(json!("n"), owned)), Fate::Keep);
    match fate(Profile::NewNodes, key, &pod(json!("n"), Value::Null)) {
        Fate::Become { item: Item::BarePods, fields, .. } => {
            assert_eq!(fields["status"], json!({ "phase": "Pending", "qosClass": "Burstable" }));
            assert!(fields["spec"].get("nodeName").is_none());
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_pod_that_has_ended_is_not_run_again() {
    for (phase, owners) in [
        ("Succeeded", json!([])),
        ("Failed", json!([])),
        ("Succeeded", json!([{ "kind": "Job", "name": "j", "controller": true }])),
    ] {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "a", "namespace": "b", "ownerReferences": owners },
            "spec": { "nodeName": "n" }, "status": { "phase": phase },
        });
        assert_eq!(fate(Profile::DrSite, "/registry/pods/b/a", &pod), Fate::Keep, "{pod}");
    }
}

#[test]
fn what_is_made_of_a_service_goes_and_what_a_person_made_stays() {
    let endpoints = |metadata: Value| json!({ "apiVersion": "v1", "kind": "Endpoints", "metadata": metadata });
    let key = "/registry/services/endpoints/default/kubernetes-mirror";
    let by_label = json!({ "labels": { "endpoints.kubernetes.io/managed-by": "endpoint-controller" } });
    let by_time =
        json!({ "annotations": { "endpoints.kubernetes.io/last-change-trigger-time": "2026-11-29T10:12:29Z" } });
    for made in [by_label, by_time] {
        assert_eq!(fate(Profile::NewNodes, key, &endpoints(made)), Fate::Drop(Item::Endpoints));
    }
    assert_eq!(fate(Profile::NewNodes, key, &endpoints(json!({}))), Fate::Keep);
}

#[test]
fn what_only_a_person_can_judge_is_told() {
    let note = |profile: Profile, key: &str, object: &Value| match fate(profile, key, object) {
        Fate::Tell(item, note) => Some((item, note)),
        Fate::Keep => None,
        other => panic!("{other:?}"),
    };
    let info = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "cluster-info", "namespace": "kube-public" },
        "data": { "kubeconfig": "clusters:\n- cluster:\n    server: https://old:6443\n  name: \"\"\n" },
    });
    let key = "/registry/configmaps/kube-public/cluster-info";
    let told = "it leads nodes that join to https://old:6443: if that name does not move along, \
                kubectl -n kube-public edit configmap cluster-info";
    assert_eq!(note(Profile::NewNodes, key, &info), Some((Item::Addresses, told.to_owned())));
    assert_eq!(note(Profile::SameNodes, key, &info), None);
    let alone = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "kubeadm-config", "namespace": "kube-system" },
        "data": { "ClusterConfiguration": "clusterName: a\ncontrolPlaneEndpoint: \"\"\n" },
    });
    assert_eq!(note(Profile::NewNodes, "/registry/configmaps/kube-system/kubeadm-config", &alone), None);

    let volume = |spec: Value| json!({ "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {}, "spec": spec });
    let key = "/registry/persistentvolumes/p";
    let csi = volume(json!({
        "csi": { "driver": "d", "volumeHandle": "h" },
        "nodeAffinity": { "required": { "nodeSelectorTerms": [{ "matchExpressions": [{ "key": "zone" }] }] } },
    }));
    let told = "its data is h of d: that has to be there, and nodes are bound to it by their label zone";
    assert_eq!(note(Profile::DrSite, key, &csi), Some((Item::Volumes, told.to_owned())));
    assert_eq!(note(Profile::NewNodes, key, &csi), None);
    let nfs = volume(json!({ "nfs": { "server": "s", "path": "/p" } }));
    let told = "its data is s:/p: that has to be there";
    assert_eq!(note(Profile::DrSite, key, &nfs), Some((Item::Volumes, told.to_owned())));

    let service = json!({ "name": "s", "namespace": "n" });
    let served = json!({
        "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {}, "spec": { "service": service },
    });
    let key = "/registry/apiregistration.k8s.io/apiservices/v1.x";
    assert!(note(Profile::DrSite, key, &served).is_some_and(|it| it.1.contains("Service n/s serves its kinds")));
    let local = json!({ "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {}, "spec": {} });
    assert_eq!(note(Profile::DrSite, key, &local), None);
    let converted = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {},
        "spec": { "conversion": { "webhook": { "clientConfig": { "service": service } } } },
    });
    let key = "/registry/apiextensions.k8s.io/customresourcedefinitions/x";
    assert!(note(Profile::DrSite, key, &converted).is_some_and(|it| it.1.contains("Service n/s converts its objects")));
}

#[test]
fn what_acts_upon_the_old_site_is_parked() {
    let webhook = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": { "name": "w" },
        "webhooks": [
            { "name": "in", "clientConfig": { "service": { "name": "s" } }, "failurePolicy": "Fail" },
            { "name": "out", "clientConfig": { "url": "u" }, "failurePolicy": "Fail" },
        ],
    });
    let paths = |fate: Fate| match fate {
        Fate::Become { changes, .. } => changes.into_iter().map(|it| it.path).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let key = "/registry/validatingwebhookconfigurations/w";
    assert_eq!(
        paths(fate(Profile::DrSite, key, &webhook)),
        ["webhooks[name=in].failurePolicy", "webhooks[name=in].timeoutSeconds"]
    );
    assert_eq!(fate(Profile::NewNodes, key, &webhook), Fate::Keep);
    let balanced = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "s" },
        "status": { "loadBalancer": { "ingress": [{ "ip": "192.0.2.1" }] } },
    });
    let key = "/registry/services/specs/a/s";
    assert_eq!(paths(fate(Profile::DrSite, key, &balanced)), ["status.loadBalancer.ingress"]);
    let agent = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {}, "spec": { "replicas": 2 } });
    let key = "/registry/deployments/cattle-system/cattle-cluster-agent";
    assert_eq!(paths(fate(Profile::Clone, key, &agent)), ["spec.replicas"]);
    assert_eq!(fate(Profile::DrSite, key, &agent), Fate::Keep);
}

#[test]
fn what_cannot_be_written_is_told_and_stays() {
    let sealed = transplant(Profile::DrSite).fate(b"/registry/pods/a/b", || {
        read(b"/registry/pods/a/b", b"k8s:enc:aescbc:v1:k:xyz", &Decryption::default())
    });
    assert!(matches!(sealed, Fate::Tell(Item::Pods, why) if why.contains("encrypted")));
    let local = json!({ "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {}, "spec": { "local": { "path": "/d" } } });
    assert!(matches!(
        fate(Profile::NewNodes, "/registry/persistentvolumes/p", &local),
        Fate::Tell(Item::Nodes, _)
    ));
}

#[test]
fn names_are_read_as_they_are_written() {
    for profile in [Profile::SameNodes, Profile::NewNodes, Profile::DrSite, Profile::Clone] {
        assert_eq!(profile.to_string().parse(), Ok(profile));
        for item in profile.items() {
            assert_eq!(item.to_string().parse(), Ok(item));
        }
    }
    assert!("everything".parse::<Item>().is_err() && "moon".parse::<Profile>().is_err());
}
