//! Sets of kubeadm. Start at [`good`].

use super::super::*;
use super::world::{Issued, KEY, World, authority, encryption};
use super::{Case, all, book};
use serde_json::json;

const PKI: &str = "/etc/kubernetes/pki";
const API: &str = "/etc/kubernetes/manifests/kube-apiserver.yaml";
const MANAGER: &str = "/etc/kubernetes/manifests/kube-controller-manager.yaml";
const CONFIG: &str = "/etc/kubernetes/kubeadm.yaml";

/// What the certificates of a kubeadm cluster are made of.
#[derive(Clone)]
struct Authorities {
    main: Issued,
    etcd: Issued,
    front: Issued,
}

impl Authorities {
    fn new() -> Self {
        let ca = |name| authority(name, 2036);
        Self {
            main: ca("kubernetes"),
            etcd: ca("etcd-ca"),
            front: ca("front-proxy-ca"),
        }
    }

    fn pairs(&self) -> [(&'static str, &Issued); 3] {
        [
            ("ca", &self.main),
            ("etcd/ca", &self.etcd),
            ("front-proxy-ca", &self.front),
        ]
    }

    fn render(&self, world: &mut World) {
        for (name, ca) in self.pairs() {
            world.files(&format!("{PKI}/{name}.crt"), &ca.certificate);
            world.files(&format!("{PKI}/{name}.key"), &ca.key);
        }
    }
}

fn manifest(program: &str, version: &str, flags: &str) -> String {
    let flags: Vec<String> = flags.split_whitespace().map(|flag| format!("    - --{flag}\n")).collect();
    format!(
        "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - command:\n    - {program}\n{}    image: registry.k8s.io/{program}:{version}\n    \
         volumeMounts:\n    - mountPath: /etc/enc\n      name: enc\n  volumes:\n  - hostPath:\n      path: /etc/kubernetes/enc\n    \
         name: enc\n",
        flags.concat()
    )
}

fn cluster(version: &str) -> String {
    format!(
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nclusterName: blue\ncontrolPlaneEndpoint: api.blue:6443\n\
         kubernetesVersion: {version}\nnetworking:\n  serviceSubnet: 10.96.0.0/12\n  podSubnet: 10.244.0.0/16\n"
    )
}

fn made() -> (World, Authorities) {
    let mut world = World::new(Distribution::Kubeadm);
    let ca = Authorities::new();
    for host in ["blue-1", "blue-2"] {
        for (name, by) in [
            ("apiserver", &ca.main),
            ("apiserver-kubelet-client", &ca.main),
            ("front-proxy-client", &ca.front),
            ("etcd/server", &ca.etcd),
            ("etcd/peer", &ca.etcd),
            ("apiserver-etcd-client", &ca.etcd),
        ] {
            let issued = by.issue(name, 2027, 6);
            world.file(host, &format!("{PKI}/{name}.crt"), issued.certificate);
            world.file(host, &format!("{PKI}/{name}.key"), issued.key);
        }
        let admin = ca.main.issue("kubernetes-admin", 2027, 6);
        world.file(host, "/etc/kubernetes/admin.conf", admin.kubeconfig(&ca.main));
    }
    ca.render(&mut world);
    let signing = authority("sa", 2036);
    world.files(&format!("{PKI}/sa.key"), &signing.key);
    world.files(&format!("{PKI}/sa.pub"), &signing.public());
    world.files("/etc/kubernetes/enc/enc.yaml", &encryption("one", KEY));
    let flags = "client-ca-file=/etc/kubernetes/pki/ca.crt service-cluster-ip-range=10.96.0.0/12 \
                 encryption-provider-config=/etc/enc/enc.yaml service-account-key-file=/etc/kubernetes/pki/sa.pub";
    world.files(API, &manifest("kube-apiserver", "v1.36.3", flags));
    let flags = "cluster-cidr=10.244.0.0/16 cluster-name=blue cluster-signing-key-file=/etc/kubernetes/pki/ca.key";
    world.files(MANAGER, &manifest("kube-controller-manager", "v1.36.3", flags));
    let init = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\n---\n";
    world.file("blue-1", CONFIG, format!("{init}{}", cluster("v1.36.3")));

    world.config_map("kube-system/kubeadm-config", &json!({"ClusterConfiguration": cluster("v1.36.3")}));
    world.config_map("kube-system/kube-root-ca.crt", &json!({"ca.crt": ca.main.certificate}));
    let info = ca.main.kubeconfig(&ca.main);
    world.config_map("kube-public/cluster-info", &json!({"kubeconfig": info}));
    let known = json!({"client-ca-file": ca.main.certificate, "requestheader-client-ca-file": ca.front.certificate});
    world.config_map("kube-system/extension-apiserver-authentication", &known);
    world.encrypted("shop/db", "Opaque", &json!({"password": "aHVudGVyMg=="}), "one", KEY);
    world.encrypted("shop/web", "Opaque", &json!({}), "one", KEY);
    world.token("shop/builder", &signing);
    (world, ca)
}

pub(super) fn good() -> World {
    made().0
}

#[test]
fn a_good_set_says_what_was_tested() {
    let world = good();
    assert!(world.judge().is_complete());
    assert_eq!(world.judge().unknown().count(), 0);
    insta::assert_snapshot!(all(&world));
}

/// A cluster whose CA of the front proxy is good until a year begins.
fn aged(world: &mut World, year: i32) {
    let old = authority("front-proxy-ca", year);
    let path = format!("{PKI}/front-proxy");
    world.files(&format!("{path}-ca.crt"), &old.certificate);
    world.files(&format!("{path}-ca.key"), &old.key);
    world.files(&format!("{path}-client.crt"), &old.issue("front-proxy-client", 2027, 6).certificate);
    let known = json!({"requestheader-client-ca-file": old.certificate, "client-ca-file": String::from_utf8_lossy(&world.files["blue-1"]["/etc/kubernetes/pki/ca.crt"])});
    world.config_map("kube-system/extension-apiserver-authentication", &known);
}

#[test]
fn each_mismatch_is_named() {
    let (good, ca) = made();
    let other = Authorities::new();
    let expired = |name: &str| ca.main.issue(name, 2026, 11);
    let signing = authority("sa", 2036);
    let cases: &[Case<'_>] = &[
        ("as it should be", &|_| {}),
        ("another encryption key of the same name", &|it| {
            it.files("/etc/kubernetes/enc/enc.yaml", &encryption("one", [9; 32]));
        }),
        ("an encryption key of another name", &|it| {
            it.files("/etc/kubernetes/enc/enc.yaml", &encryption("two", KEY))
        }),
        ("no EncryptionConfiguration", &|it| it.forget("/etc/kubernetes/enc/enc.yaml")),
        ("no EncryptionConfiguration, and none in the manifest", &|it| {
            it.forget("/etc/kubernetes/enc/enc.yaml");
            it.edit(API, "    - --encryption-provider-config=/etc/enc/enc.yaml\n", "");
        }),
        ("an EncryptionConfiguration that is damaged", &|it| {
            it.edit("/etc/kubernetes/enc/enc.yaml", "\"secret\":\"", "\"secret\":\"!");
        }),
        ("a KMS", &|it| {
            it.records
                .insert(b"/registry/secrets/shop/k".to_vec(), b"k8s:enc:kms:v2:vault:xyz".to_vec());
        }),
        ("CAs and keys of another cluster", &|it| other.render(it)),
        ("a CA of another cluster on one host", &|it| {
            it.file("blue-2", &format!("{PKI}/ca.crt"), other.main.certificate.clone());
            it.file("blue-2", &format!("{PKI}/ca.key"), other.main.key.clone());
        }),
        ("a CA's key of another CA", &|it| it.files(&format!("{PKI}/ca.key"), &ca.front.key)),
        ("a CA without its key", &|it| it.forget(&format!("{PKI}/ca.key"))),
        ("external CA mode", &|it| {
            it.forget(&format!("{PKI}/ca.key"));
            it.edit(MANAGER, "key-file=/etc/kubernetes/pki/ca.key", "key-file=");
        }),
        ("no CA of etcd", &|it| it.forget(&format!("{PKI}/etcd/ca.crt"))),
        ("an etcd of other hosts, with no CA here", &|it| {
            for name in ["ca.crt", "ca.key", "server.crt", "peer.crt"] {
                it.forget(&format!("{PKI}/etcd/{name}"));
            }
            it.edit(API, "    - --client-ca", "    - --etcd-servers=https://10.0.0.9:2379\n    - --client-ca");
        }),
        ("no CA at all", &|it| {
            it.forget(&format!("{PKI}/ca.crt"));
            it.forget(&format!("{PKI}/ca.key"));
        }),
        ("a CA that cannot be read", &|it| it.files(&format!("{PKI}/ca.crt"), "hunter2")),
        ("a CA that has expired", &|it| {
            aged(it, 2026);
        }),
        ("a CA that expires in a month", &|it| {
            aged(it, 2027);
        }),
        ("certificates that have expired", &|it| {
            it.file("blue-1", &format!("{PKI}/apiserver.crt"), expired("apiserver").certificate);
            it.file("blue-1", "/etc/kubernetes/admin.conf", expired("admin").kubeconfig(&ca.main));
        }),
        ("another key of service accounts", &|it| {
            it.files(&format!("{PKI}/sa.key"), &signing.key);
            it.files(&format!("{PKI}/sa.pub"), &signing.public());
        }),
        ("halves of two keys of service accounts", &|it| {
            it.files(&format!("{PKI}/sa.pub"), &signing.public())
        }),
        ("no key of service accounts", &|it| it.forget(&format!("{PKI}/sa.key"))),
        ("a token of an older key", &|it| it.token("shop/old", &signing)),
        ("a configuration file from before an upgrade", &|it| {
            it.file("blue-1", CONFIG, cluster("v1.35.0").replace("10.244.0.0", "10.10.0.0"));
        }),
        ("a host that was not upgraded", &|it| {
            it.file(
                "blue-2",
                API,
                manifest("kube-apiserver", "v1.35.9", "service-cluster-ip-range=10.96.0.0/12"),
            );
        }),
        ("records of an empty etcd", &|it| it.records.clear()),
        ("no files", &|it| it.files.clear()),
    ];
    insta::assert_snapshot!(book(&good, cases));
}

#[test]
fn a_cluster_without_stored_tokens_is_not_unknown_for_ever() {
    let mut world = good();
    world.records.remove(b"/registry/secrets/shop/builder".as_slice());
    let complete = world.judge();
    let of = |it: &&Finding| it.pair == Pair::ServiceAccountKey;
    let said: Vec<String> = complete.findings.iter().filter(of).map(ToString::to_string).collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn records_that_cannot_be_read_are_unknown() {
    struct Broken;
    impl Records for Broken {
        fn get(&self, _: &[u8]) -> Result<Option<Vec<u8>>, Unreadable> {
            Err(Unreadable("segment 7 is damaged".to_owned()))
        }

        fn each(&self, _: &[u8], _: &mut Each<'_>) -> Result<(), Unreadable> {
            Err(Unreadable("segment 7 is damaged".to_owned()))
        }
    }
    let world = good();
    let complete = judge(&Parts { records: &Broken, ..world.parts() });
    assert!(complete.is_complete());
    let said: Vec<String> = complete.unknown().map(ToString::to_string).collect();
    insta::assert_snapshot!(said.join("\n"));
}
