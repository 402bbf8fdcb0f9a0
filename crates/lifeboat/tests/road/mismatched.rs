//! Each pair of a recovery set is broken on a living host, and put back: `status` and `check` name what does not match, and nothing once it
//! is well again. Start at [`each`].
//!
//! The etcd of kubeadm's cluster is protected a second time, as one that RKE1 installed: by files in RKE1's places that belong to it. No RKE1
//! and no RKE2 is in it, so what they themselves would write into etcd is written by this test.

use crate::world::{World, block_on, fresh_with, say};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::pbkdf2;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rcgen::{CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use serde_json::{Value, json};
use std::fmt::Write as _;

const HOST: &str = "main-1";
const PKI: &str = "/etc/kubernetes/pki";
const SERVER: &str = "/var/lib/rancher/rke2/server";
/// Files with `cluster.rkestate` and `cluster.yml` of who ran `rke`.
const RKE: &str = "/srv/rke";

/// Something that is done to a host, and what is to be said of it.
struct Case<'a> {
    what: &'a str,
    script: String,
    /// The words of each finding that there has to be.
    findings: &'a [&'a [&'a str]],
}

#[test]
#[ignore = "builds a lab: cargo xtask soak"]
fn each_mismatch_of_a_living_host_is_named() {
    block_on(async {
        let world = fresh_with(&["--edges", "1"]);
        ran_by_rke(&world).await;
        let etcd = format!(
            "etcd: {{endpoints: ['https://127.0.0.1:2379'], ca: {PKI}/etcd/ca.crt, cert: {PKI}/etcd/server.crt, key: {PKI}/etcd/server.key}}"
        );
        let clusters = format!(
            "rancher: {{role: downstream, distribution: kubeadm, hosts: [{HOST}]}}\n  \
             red: {{role: downstream, distribution: rke1, {etcd}, hosts: [{HOST}], protect: {{files: {{paths: [{RKE}]}}}}}}"
        );
        let config = "--config /etc/kubernetes/kubeadm.yaml --kubeconfig /etc/kubernetes/super-admin.conf";
        world
            .run(HOST, &format!("kubeadm init phase upload-config kubeadm {config}"))
            .await;
        world.protects_alone(&clusters).await;
        let token = "apiVersion: v1\nkind: Secret\ntype: kubernetes.io/service-account-token\nmetadata:\n  name: builder\n  \
                     namespace: default\n  annotations: {kubernetes.io/service-account.name: default}\n";
        world.kubectl(HOST, &format!("apply -f - <<'END'\n{token}\nEND")).await;

        let ca = Authority::read(&world, &format!("{PKI}/ca")).await;
        let (other, signing, admin) =
            (Authority::new("kubernetes"), Authority::new("sa"), ca.expired("kube-apiserver"));
        let encryption = "/etc/kubernetes/encryption.yaml";
        let version = r#"s/(kubernetesVersion"?: *"?)v[0-9.]+/\1v1.20.0/"#;
        each(
            &world,
            "rancher",
            "/etc/kubernetes",
            &[
                Case {
                    what: "another encryption key of the same name",
                    script: another_encryption_key(encryption, "key1"),
                    findings: &[&[
                        "encryption at rest: mismatch",
                        "encryption.yaml of main-1 does not open",
                    ]],
                },
                Case {
                    what: "another encryption key of another name",
                    script: another_encryption_key(encryption, "key2"),
                    findings: &[&[
                        "encryption at rest: missing",
                        "encryption.yaml of main-1 has no such key",
                    ]],
                },
                Case {
                    what: "another CA, with its key",
                    script: other.put(&format!("{PKI}/ca")),
                    findings: &[
                        &[
                            "CA and certificates: mismatch",
                            "pki/ca.crt",
                            "pki/apiserver.crt of main-1",
                        ],
                        &["CA and objects: mismatch", "pki/ca.crt of main-1", "kube-root-ca.crt"],
                    ],
                },
                Case {
                    what: "another key of the CA alone",
                    script: put(&format!("{PKI}/ca.key"), &other.key.serialize_pem()),
                    findings: &[&[
                        "CA and key: mismatch",
                        "pki/ca.key of main-1 does not belong to",
                        "pki/ca.crt",
                    ]],
                },
                Case {
                    what: "another key of service accounts, without its public half",
                    script: put(&format!("{PKI}/sa.key"), &signing.key.serialize_pem()),
                    findings: &[&[
                        "service account key: mismatch",
                        "do not belong to",
                        "pki/sa.pub of main-1",
                    ]],
                },
                Case {
                    what: "another key of service accounts, with its public half",
                    script: put(&format!("{PKI}/sa.key"), &signing.key.serialize_pem())
                        + &put(&format!("{PKI}/sa.pub"), &signing.key.public_key_pem()),
                    findings: &[&[
                        "service account key: mismatch",
                        "pki/sa.key verifies none of the tokens",
                    ]],
                },
                Case {
                    what: "an expired certificate, which a recovery issues anew",
                    script: admin.put(&format!("{PKI}/apiserver")),
                    findings: &[&[
                        "expiry: expired",
                        "apiserver.crt of main-1 expired at 2020",
                        "a recovery issues it anew",
                    ]],
                },
                Case {
                    what: "an expired CA",
                    script: ca.over().put(&format!("{PKI}/ca")),
                    findings: &[&["expiry: expired", "pki/ca.crt of main-1 expired at 2020"]],
                },
                Case {
                    what: "kubeadm's configuration of another generation",
                    script: format!("sed -i -E '{version}' /etc/kubernetes/kubeadm.yaml; grep -q v1.20.0 /etc/kubernetes/kubeadm.yaml"),
                    findings: &[&[
                        "generation: mismatch",
                        "kubeadm.yaml of main-1",
                        "kubernetesVersion is v1.20.0 in the file",
                    ]],
                },
            ],
        )
        .await;
        let stale = format!("sed -i 's/v1.30.4/v1.28.1/g' {RKE}/cluster.rkestate");
        each(
            &world,
            "red",
            &format!("/etc/kubernetes/ssl {RKE}"),
            &[
                Case {
                    what: "RKE1's state file from before an upgrade",
                    script: stale,
                    findings: &[
                        &[
                            "generation: mismatch",
                            "cluster.rkestate of main-1 is of another generation than",
                            "full-cluster-state",
                        ],
                        &[
                            "generation: mismatch",
                            "cluster.yml of main-1",
                            "are of different generations",
                        ],
                    ],
                },
                Case {
                    what: "RKE1's CA of another cluster",
                    script: put("/etc/kubernetes/ssl/kube-ca.pem", &other.certificate)
                        + &put("/etc/kubernetes/ssl/kube-ca-key.pem", &other.key.serialize_pem()),
                    findings: &[
                        &[
                            "generation: mismatch",
                            "are not what",
                            "cluster.rkestate of main-1 says",
                            "kube-ca.pem of main-1",
                        ],
                        &["CA and objects: mismatch", "kube-ca.pem of main-1"],
                    ],
                },
            ],
        )
        .await;
    });
}

#[test]
#[ignore = "builds a lab: cargo xtask soak"]
fn each_mismatch_of_a_living_server_is_named() {
    block_on(async {
        let world = fresh_with(&["--layout", "rke2", "--edges", "1"]);
        world
            .protects_alone(&format!("shop: {{role: downstream, distribution: rke2, hosts: [{HOST}]}}"))
            .await;
        bootstrapped(&world).await;
        let (other, tls) = (Authority::new("rke2-server-ca"), format!("{SERVER}/tls"));
        each(
            &world,
            "shop",
            &format!("/etc/rancher {SERVER}/token {SERVER}/cred {SERVER}/tls"),
            &[
                Case {
                    what: "another token, of the same CA",
                    script: format!("sed -i 's/::server:.*/::server:0123456789abcdef/' {SERVER}/token"),
                    findings: &[&[
                        "join token: mismatch",
                        "token of main-1",
                        "under the hash of another token",
                    ]],
                },
                Case {
                    what: "another encryption key",
                    script: another_encryption_key(&format!("{SERVER}/cred/encryption-config.json"), "key1"),
                    findings: &[
                        &[
                            "encryption at rest: mismatch",
                            "encryption-config.json of main-1 does not open",
                        ],
                        &[
                            "join token: mismatch",
                            "not what is in it",
                            "encryption-config.json of main-1",
                        ],
                    ],
                },
                Case {
                    what: "another server CA",
                    script: other.put(&format!("{tls}/server-ca")),
                    findings: &[
                        &[
                            "join token: mismatch",
                            "the CA that it names by its hash is not",
                            "server-ca.crt of main-1",
                        ],
                        &["join token: mismatch", "not what is in it", "server-ca.crt of main-1"],
                        &[
                            "CA and objects: mismatch",
                            "server-ca.crt of main-1",
                            "kube-root-ca.crt",
                        ],
                    ],
                },
                Case {
                    what: "another key of service accounts",
                    script: put(&format!("{tls}/service.key"), &other.key.serialize_pem()),
                    findings: &[&["join token: mismatch", "not what is in it", "service.key of main-1"]],
                },
                Case {
                    what: "another token in the configuration of another generation",
                    script: "sed -i 's/^token: .*/token: 0123456789abcdef/' /etc/rancher/rke2/config.yaml".to_owned(),
                    findings: &[&[
                        "join token: mismatch",
                        "the token in config.yaml of main-1",
                        "under the hash of another token",
                    ]],
                },
            ],
        )
        .await;
    });
}

/// Does each to the host, waits until it is named, puts back `paths` of the host, and waits until all is well.
async fn each(world: &World, cluster: &str, paths: &str, cases: &[Case<'_>]) {
    let (mut last, begun) = (Vec::new(), ambient::monotonic());
    let well = world.until("the recovery set is complete", async || {
        let set = told(world, cluster).await?;
        if set != last {
            say(&format!("{cluster}: {set:#?}"));
            last.clone_from(&set);
        }
        set.is_empty().then_some(())
    });
    well.await;
    say(&format!("{cluster} is complete after {:.1} s", begun.elapsed().as_secs_f64()));
    world
        .run(HOST, &format!("rm -rf /opt/kept; mkdir -p /opt/kept; cp -a --parents {paths} /opt/kept"))
        .await;
    for Case { what, script, findings } in cases {
        let begun = ambient::monotonic();
        world.run(HOST, script).await;
        let named = world.until(what, async || {
            let set = told(world, cluster).await?;
            let has = |words: &&[&str]| set.iter().any(|it| words.iter().all(|word| it.contains(word)));
            findings.iter().all(has).then_some(set)
        });
        let set = named.await;
        say(&format!("{what}: named after {:.1} s", begun.elapsed().as_secs_f64()));
        let (status, check) = (said(world, "status").await, said(world, "check").await);
        for it in &set {
            say(&format!("- {it}"));
            let (found, next) = it.split_once("; next: ").unwrap();
            assert!(status.contains(&flat(found)) && status.contains(&flat(next)), "{it}\nis not in\n{status}");
            assert!(check.contains(&flat(found)) && check.contains(&flat(next)), "{it}\nis not in\n{check}");
        }
        if *what == cases[0].what {
            say(&world.run(HOST, "lifeboat status; lifeboat check || true").await);
        }
        check_fails_or_warns(world, cluster, &set).await;
        world.run(HOST, "cp -a /opt/kept/. /").await;
        world
            .until("all is well again", async || told(world, cluster).await?.is_empty().then_some(()))
            .await;
    }
}

/// What `status` says of a cluster's set that is not as it should be, in its form for programs; nothing where nobody has judged it.
async fn told(world: &World, cluster: &str) -> Option<Vec<String>> {
    let said = world.lab.run(HOST, "lifeboat status --output json").await.ok()?;
    let status: Value = serde_json::from_str(&said).ok()?;
    let account = status["clusters"].as_array()?.iter().find(|it| it["cluster"] == cluster)?;
    account["lacks"].as_array()?;
    let all = ["lacks", "untested", "warnings"]
        .into_iter()
        .flat_map(|name| account[name].as_array().into_iter().flatten());
    Some(all.filter_map(Value::as_str).map(str::to_owned).collect())
}

/// What a command says to people, on one line, however it is laid out: a table's columns are told from its lines.
async fn said(world: &World, command: &str) -> String {
    let text = world.run(HOST, &format!("COLUMNS=1000 lifeboat {command} 2>&1 || true")).await;
    flat(&text)
}

fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `check`, for programs, says the same of that cluster, and fails for all but warnings.
async fn check_fails_or_warns(world: &World, cluster: &str, set: &[String]) {
    let text = world
        .run(HOST, "code=0; lifeboat check --output json 2>/dev/null || code=$?; echo $code")
        .await;
    let (json, code) = text.trim_end().rsplit_once('\n').unwrap();
    let findings: Value = serde_json::from_str(json).unwrap();
    let what = format!("recovery set of {cluster}");
    let of_set: Vec<&Value> = findings
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["what"] == what.as_str())
        .collect();
    for it in set {
        let (found, next) = it.split_once("; next: ").unwrap();
        let same = of_set.iter().find(|it| it["found"] == found && it["next"] == next);
        let state = same.unwrap_or_else(|| panic!("{it}\nis not in\n{findings:#}"))["state"]
            .as_str()
            .unwrap();
        if state == "fail" {
            assert_ne!(code, "0", "{it}");
        }
    }
}

/// The host has what `rke up` leaves: its files in RKE1's places, and the state in the cluster and beside the cluster file.
async fn ran_by_rke(world: &World) {
    let ssl = "/etc/kubernetes/ssl";
    let mut script =
        format!("umask 077; mkdir -p {ssl} {RKE}\ncp /etc/kubernetes/encryption.yaml {ssl}/encryption.yaml\n");
    for (from, to) in [
        ("ca", "kube-ca"),
        ("front-proxy-ca", "kube-apiserver-requestheader-ca"),
        ("apiserver", "kube-apiserver"),
        ("apiserver-kubelet-client", "kube-node"),
        ("front-proxy-client", "kube-apiserver-proxy-client"),
    ] {
        _ = writeln!(script, "cp {PKI}/{from}.crt {ssl}/{to}.pem; cp {PKI}/{from}.key {ssl}/{to}-key.pem");
    }
    let account = format!("{ssl}/kube-service-account-token");
    _ = writeln!(script, "cp {PKI}/sa.key {account}-key.pem; cp {PKI}/sa.pub {account}.pem");
    world.run(HOST, &script).await;
    let read = async |path: String| world.run(HOST, &format!("cat {path}")).await;
    let pair = async |name: &str| {
        let (certificate, key) = (read(format!("{ssl}/{name}.pem")).await, read(format!("{ssl}/{name}-key.pem")).await);
        json!({"certificatePEM": certificate, "keyPEM": key})
    };
    let state = json!({
        "rkeConfig": {
            "nodes": [{"address": "10.0.0.1", "role": ["controlplane", "etcd"]}],
            "kubernetesVersion": "v1.30.4-rancher1-1",
        },
        "certificatesBundle": {
            "kube-ca": pair("kube-ca").await,
            "kube-apiserver-requestheader-ca": pair("kube-apiserver-requestheader-ca").await,
            "kube-service-account-token": pair("kube-service-account-token").await,
        },
        "encryptionConfig": read(format!("{ssl}/encryption.yaml")).await,
    });
    let state = json!({"desiredState": state, "currentState": state});
    let cluster = "nodes:\n- address: 10.0.0.1\n  role: [etcd, controlplane]\nkubernetes_version: v1.30.4-rancher1-1\n";
    let files =
        put(&format!("{RKE}/cluster.rkestate"), &state.to_string()) + &put(&format!("{RKE}/cluster.yml"), cluster);
    world.run(HOST, &files).await;
    let create = format!(
        "create secret generic full-cluster-state -n kube-system --from-file=full-cluster-state={RKE}/cluster.rkestate"
    );
    world.kubectl(HOST, &create).await;
}

/// Writes into etcd what a server of RKE2 keeps there of its CAs and keys: under the hash of its token, sealed with it. The format is told in
/// `protect::complete::bootstrap`.
async fn bootstrapped(world: &World) {
    let read = async |path: String| world.run(HOST, &format!("base64 -w0 {path}")).await;
    let mut content = serde_json::Map::new();
    for (name, path) in [
        ("ServerCA", "tls/server-ca.crt"),
        ("ServerCAKey", "tls/server-ca.key"),
        ("ClientCA", "tls/client-ca.crt"),
        ("ClientCAKey", "tls/client-ca.key"),
        ("RequestHeaderCA", "tls/request-header-ca.crt"),
        ("RequestHeaderCAKey", "tls/request-header-ca.key"),
        ("ETCDServerCA", "tls/etcd/server-ca.crt"),
        ("ETCDServerCAKey", "tls/etcd/server-ca.key"),
        ("ETCDPeerCA", "tls/etcd/peer-ca.crt"),
        ("ETCDPeerCAKey", "tls/etcd/peer-ca.key"),
        ("ServiceKey", "tls/service.key"),
        ("EncryptionConfig", "cred/encryption-config.json"),
    ] {
        let file = read(format!("{SERVER}/{path}")).await;
        content.insert(name.to_owned(), json!({"Timestamp": "2026-01-01T00:00:00Z", "Content": file.trim()}));
    }
    let token = world.run(HOST, &format!("cat {SERVER}/token")).await;
    let password = token.trim().rsplit(':').next().unwrap();
    let (mut key, salt, nonce) = ([0; 32], "0123456789abcdef", [7; 12]);
    let rounds = std::num::NonZeroU32::new(4096).unwrap();
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA1, rounds, salt.as_bytes(), password.as_bytes(), &mut key);
    let sealer = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).unwrap());
    let mut sealed = serde_json::to_vec(&content).unwrap();
    sealer
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed)
        .unwrap();
    let value = format!("{salt}:{}", BASE64_STANDARD.encode([nonce.as_slice(), &sealed].concat()));
    let hash = digest(&SHA256, password.as_bytes());
    let hash: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let tls = format!("{SERVER}/tls/etcd");
    let script = format!(
        "etcdctl --endpoints https://127.0.0.1:2379 --cacert {tls}/server-ca.crt --cert {tls}/client.crt --key {tls}/client.key \\
           put /bootstrap/{} <<'END'\n{value}\nEND",
        &hash[..12]
    );
    world.run(HOST, &script).await;
}

/// A script that writes a file, over what is there, with its mode.
fn put(path: &str, text: &str) -> String {
    format!("cat >{path} <<'END'\n{}\nEND\n", text.trim_end())
}

/// A script that puts another key into an EncryptionConfiguration, and leaves the rest as it is.
fn another_encryption_key(path: &str, name: &str) -> String {
    let key = BASE64_STANDARD.encode(b"This is the key of nobody at all");
    format!(
        r#"sed -i -E 's|"name":"[^"]*","secret":"[^"]*"|"name":"{name}","secret":"{key}"|' {path}; grep -q '{key}' {path}"#
    )
}

/// A certificate, its key, and what can be done with them.
struct Authority {
    certificate: String,
    key: KeyPair,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self { certificate: params.self_signed(&key).unwrap().pem(), key }
    }

    /// That of the host.
    async fn read(world: &World, path: &str) -> Self {
        let certificate = world.run(HOST, &format!("cat {path}.crt")).await;
        let key = KeyPair::from_pem(&world.run(HOST, &format!("cat {path}.key")).await).unwrap();
        Self { certificate, key }
    }

    /// A certificate of this CA that has expired.
    fn expired(&self, name: &str) -> Self {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_after = date_time_ymd(2020, 1, 1);
        let issuer = Issuer::from_ca_cert_pem(&self.certificate, &self.key).unwrap();
        let key = KeyPair::generate().unwrap();
        Self {
            certificate: params.signed_by(&key, &issuer).unwrap().pem(),
            key,
        }
    }

    /// The same CA, with the same key, when its time is over.
    fn over(&self) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "kubernetes");
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.not_after = date_time_ymd(2020, 1, 1);
        let key = KeyPair::from_pem(&self.key.serialize_pem()).unwrap();
        Self { certificate: params.self_signed(&key).unwrap().pem(), key }
    }

    /// A script that lays both on the host, as `PATH.crt` and `PATH.key`.
    fn put(&self, path: &str) -> String {
        put(&format!("{path}.crt"), &self.certificate) + &put(&format!("{path}.key"), &self.key.serialize_pem())
    }
}
