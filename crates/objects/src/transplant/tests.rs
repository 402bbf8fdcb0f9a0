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
            "spec": { "nodeName": node }, "status": { "phase": "Running" },
        })
    };
    let key = "/registry/pods/b/a";
    let owned = json!([{ "kind": "ReplicaSet", "name": "r", "controller": true }]);
    assert_eq!(fate(Profile::NewNodes, key, &pod(json!("n"), owned.clone())), Fate::Drop(Item::Pods));
    assert_eq!(fate(Profile::NewNodes, key, &pod(Value::Null, owned.clone())), Fate::Keep);
    assert_eq!(fate(Profile::SameNodes, key, &pod(json!("n"), owned)), Fate::Keep);
    match fate(Profile::NewNodes, key, &pod(json!("n"), Value::Null)) {
        Fate::Become { item: Item::BarePods, fields, .. } => {
            assert_eq!(fields["status"], json!({ "phase": "Pending" }));
            assert!(fields["spec"].get("nodeName").is_none());
        }
        other => panic!("{other:?}"),
    }
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
    assert_eq!(paths(fate(Profile::DrSite, key, &webhook)), ["webhooks[name=in].failurePolicy"]);
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
