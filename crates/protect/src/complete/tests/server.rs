//! Sets of k3s and RKE2. Start at [`made`].

use super::super::*;
use super::world::{Issued, KEY, World, authority, encryption};
use super::{Case, all, book};
use serde_json::json;

const PASSWORD: &str = "hunter2hunter2";

/// The CAs of a cluster, and the key that signs tokens.
struct Authorities(Vec<(&'static str, &'static str, Issued)>);

impl Authorities {
    fn new() -> Self {
        let names = [
            ("ServerCA", "server-ca"),
            ("ClientCA", "client-ca"),
            ("RequestHeaderCA", "request-header-ca"),
            ("ETCDServerCA", "etcd/server-ca"),
            ("ETCDPeerCA", "etcd/peer-ca"),
        ];
        Self(names.map(|(name, file)| (name, file, authority(file, 2036))).to_vec())
    }

    fn get(&self, file: &str) -> &Issued {
        &self.0.iter().find(|(_, it, _)| *it == file).unwrap().2
    }

    fn render(&self, world: &mut World, tls: &str) {
        for (_, file, ca) in &self.0 {
            world.files(&format!("{tls}/{file}.crt"), &ca.certificate);
            world.files(&format!("{tls}/{file}.key"), &ca.key);
        }
    }

    fn inside(&self) -> BTreeMap<&'static str, String> {
        self.0.iter().map(|(name, _, ca)| (*name, ca.certificate.clone())).collect()
    }

    fn token(&self, password: &str) -> String {
        let hash = pki::sha256(self.get("server-ca").certificate.as_bytes());
        format!("K10{hash}::server:{password}\n")
    }
}

fn made(name: &str) -> (World, Authorities, String) {
    let distribution = if name == "k3s" {
        Distribution::K3s
    } else {
        Distribution::Rke2
    };
    let mut world = World::new(distribution);
    let base = format!("/var/lib/rancher/{name}/server");
    let tls = format!("{base}/tls");
    let ca = Authorities::new();
    for host in ["green-1", "green-2"] {
        for (file, by) in [
            ("serving-kube-apiserver", "server-ca"),
            ("client-admin", "client-ca"),
            ("client-auth-proxy", "request-header-ca"),
            ("etcd/client", "etcd/server-ca"),
            ("etcd/peer-server-client", "etcd/peer-ca"),
        ] {
            let issued = ca.get(by).issue(file, 2027, 6);
            // A server's files hold the CA as well.
            let chain = format!("{}{}", issued.certificate, ca.get(by).certificate);
            world.file(host, &format!("{tls}/{file}.crt"), chain);
        }
    }
    ca.render(&mut world, &tls);
    let signing = authority("service", 2036);
    world.files(&format!("{tls}/service.key"), &signing.key);
    world.files(&format!("{base}/token"), &ca.token(PASSWORD));
    world.files(&format!("{base}/cred/encryption-config.json"), &encryption("aescbckey", KEY));
    let config = "cluster-cidr: 10.42.0.0/16\nsecrets-encryption: true\ntls-san: [a, b]\n";
    world.files(&format!("/etc/rancher/{name}/config.yaml"), config);

    let mut inside = ca.inside();
    inside.insert("ServiceKey", signing.key.clone());
    inside.insert("EncryptionConfig", encryption("aescbckey", KEY));
    world.bootstrap(PASSWORD, PASSWORD, &inside);
    world.config_map("kube-system/kube-root-ca.crt", &json!({"ca.crt": ca.get("server-ca").certificate}));
    let known = json!({
        "client-ca-file": ca.get("client-ca").certificate,
        "requestheader-client-ca-file": ca.get("request-header-ca").certificate,
    });
    world.config_map("kube-system/extension-apiserver-authentication", &known);
    world.encrypted("shop/db", "Opaque", &json!({}), "aescbckey", KEY);
    world.token("shop/builder", &signing);
    (world, ca, base)
}

#[test]
fn a_good_set_says_what_was_tested() {
    for name in ["k3s", "rke2"] {
        let (world, ..) = made(name);
        assert!(world.judge().is_complete());
        insta::assert_snapshot!(format!("a_good_set_of_{name}"), all(&world));
    }
}

#[test]
fn each_mismatch_is_named() {
    let (good, ca, base) = made("rke2");
    let other = Authorities::new();
    let token = format!("{base}/token");
    let config = "/etc/rancher/rke2/config.yaml";
    let clear = |it: &mut World| it.records.retain(|key, _| !key.starts_with(b"/bootstrap"));
    let cases: &[Case<'_>] = &[
        ("as it should be", &|_| {}),
        ("a token without the CA's hash", &|it| it.files(&token, PASSWORD)),
        ("another token", &|it| it.files(&token, &ca.token("hunter22"))),
        ("a token with another CA's hash", &|it| it.files(&token, &other.token(PASSWORD))),
        ("another token in the configuration", &|it| {
            it.edit(config, "cluster-cidr", "token: hunter23\ncluster-cidr")
        }),
        ("another token in one of two configurations", &|it| {
            it.file("green-1", config, "token: hunter2hunter2");
            it.file("green-2", config, "token: hunter23");
        }),
        ("no token", &|it| it.forget(&token)),
        ("bootstrap data that is damaged", &|it| {
            for (key, value) in &mut it.records {
                if key.starts_with(b"/bootstrap") {
                    *value = b"salt:aGVsbG8gd29ybGQgaGVsbG8gd29ybGQ=".to_vec();
                }
            }
        }),
        ("bootstrap data that is locked", &|it| {
            for (key, value) in &mut it.records {
                if key.starts_with(b"/bootstrap") {
                    value.clear();
                }
            }
        }),
        ("no bootstrap data", &clear),
        ("bootstrap data of an older server, under the whole token", &|it| {
            clear(it);
            let whole = ca.token(PASSWORD);
            it.bootstrap(whole.trim(), whole.trim(), &ca.inside());
        }),
        ("bootstrap data of an older server, under nothing", &|it| {
            clear(it);
            it.bootstrap("", "", &ca.inside());
        }),
        ("bootstrap data of other CAs", &|it| {
            clear(it);
            it.bootstrap(PASSWORD, PASSWORD, &other.inside());
        }),
        ("CAs and keys of another cluster", &|it| other.render(it, &format!("{base}/tls"))),
        ("another encryption key", &|it| {
            it.files(&format!("{base}/cred/encryption-config.json"), &encryption("aescbckey", [9; 32]));
        }),
        ("no encryption key", &|it| it.forget(&format!("{base}/cred/encryption-config.json"))),
        ("another key of service accounts", &|it| {
            it.files(&format!("{base}/tls/service.key"), &authority("service", 2036).key);
        }),
        ("certificates that have expired", &|it| {
            let old = ca.get("client-ca").issue("admin", 2026, 11);
            it.file("green-1", &format!("{base}/tls/client-admin.crt"), old.certificate);
        }),
        ("servers that are told differently", &|it| {
            it.file(
                "green-2",
                &format!("{config}.d/50-net.yaml"),
                "cluster-cidr: 10.10.0.0/16\nflannel-backend: none\n",
            );
        }),
        ("a configuration that cannot be read", &|it| it.file("green-2", config, "a: [hunter2")),
    ];
    insta::assert_snapshot!(book(&good, cases));
}

#[test]
fn another_data_directory_is_followed() {
    let (mut world, ..) = made("k3s");
    for files in world.files.values_mut() {
        let moved = std::mem::take(files).into_iter();
        *files = moved
            .map(|(path, it)| (path.replace("/var/lib/rancher/k3s/", "/data/k3s/"), it))
            .collect();
    }
    world.edit("/etc/rancher/k3s/config.yaml", "cluster-cidr", "data-dir: /data/k3s/\ncluster-cidr");
    untroubled(&world);
    // Where a flag names it, nothing captured does.
    world.edit("/etc/rancher/k3s/config.yaml", "data-dir: /data/k3s/\n", "");
    untroubled(&world);
}

fn untroubled(world: &World) {
    let complete = world.judge();
    let complaints: Vec<_> = complete.findings.iter().filter(|it| it.outcome != Outcome::Matches).collect();
    assert!(complaints.is_empty(), "{complaints:?}");
}
